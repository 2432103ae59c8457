// What admin HTTP says to which request, without sockets.
#include "admin/admin_routes.hpp"

#include <gmock/gmock.h>

#include "support/admin_host.hpp"

namespace peerzone::admin {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct AdminRoutes : ::testing::Test {
    peerzone::testing::FakeAdminHost host;

    AdminAnswer ask(AdminRequest request) {
        AdminAnswer answer;
        answer.status = 0;
        answer_admin(host, request, [&](AdminAnswer made) { answer = std::move(made); });
        return answer;
    }
    AdminAnswer get(std::string_view target, std::string_view accept = {}) {
        return ask({.method = "GET", .target = target, .accept = accept, .from_loopback = true});
    }
    AdminAnswer post(std::string_view target) {
        return ask({.method = "POST", .target = target, .from_loopback = true});
    }
};

TEST_F(AdminRoutes, HealthAndReadiness) {
    EXPECT_EQ(get("/healthz").status, 200u);
    EXPECT_EQ(get("/readyz").status, 200u);
    EXPECT_EQ(get("/readyz").body, "ready\n");
    host.is_ready = false;
    EXPECT_EQ(get("/healthz").status, 200u);
    EXPECT_EQ(get("/readyz").status, 503u);
    EXPECT_EQ(get("/readyz").body, "not ready: draining\n");
}

TEST_F(AdminRoutes, StatusInThreeForms) {
    EXPECT_EQ(get("/status").content_type, "application/json");
    EXPECT_EQ(get("/").content_type, "text/plain; charset=utf-8");
    EXPECT_EQ(get("/", "text/html,*/*;q=0.8").content_type, "text/html; charset=utf-8");
    EXPECT_THAT(get("/metrics").body, HasSubstr("peerzone_build_info"));
    EXPECT_EQ(get("/metrics?x=1").status, 200u);
    EXPECT_THAT(host.told, IsEmpty());
}

TEST_F(AdminRoutes, Commands) {
    EXPECT_EQ(post("/flush?name=DB.westus.Example").body,
              "flushed 3 entries of name 'DB.westus.Example'\n");
    host.dropped = 1;
    EXPECT_EQ(post("/flush?zone=westus.example.").body,
              "flushed 1 entry of zone 'westus.example.'\n");
    EXPECT_EQ(post("/flush?peer=westus").status, 200u);
    EXPECT_EQ(post("/flush?zone=.").status, 200u);
    EXPECT_THAT(post("/hold?peer=westus").body, HasSubstr("westus is held"));
    EXPECT_THAT(post("/hold?peer=westus").body, HasSubstr("westus was held already"));
    EXPECT_THAT(post("/release?peer=westus").body, HasSubstr("westus is released"));
    EXPECT_THAT(post("/release?peer=westus").body, HasSubstr("westus was not held"));
    EXPECT_THAT(host.told, ElementsAre("flush name db.westus.example", "flush zone westus.example",
                                       "flush peer westus", "flush zone .", "hold westus",
                                       "hold westus", "release westus", "release westus"));
}

TEST_F(AdminRoutes, AFlushAnswersWhenItIsDone) {
    host.later = true;
    EXPECT_EQ(post("/flush?name=a.test").status, 0u);
    AdminAnswer answer;
    answer_admin(host, {.method = "POST", .target = "/flush?name=a.test", .from_loopback = true},
                 [&](AdminAnswer made) { answer = std::move(made); });
    host.pending(12);
    EXPECT_EQ(answer.body, "flushed 12 entries of name 'a.test'\n");
}

TEST_F(AdminRoutes, WrongMethodsAre405AndSayWhichIsRight) {
    for (const std::string_view path : {"/", "/status", "/metrics", "/healthz", "/readyz"}) {
        EXPECT_EQ(post(path).status, 405u) << path;
        EXPECT_EQ(post(path).allow, "GET, HEAD");
    }
    for (const std::string_view path : {"/flush?name=a.test", "/hold?peer=westus", "/release"}) {
        EXPECT_EQ(get(path).status, 405u) << path;
        EXPECT_EQ(get(path).allow, "POST");
    }
    EXPECT_THAT(host.told, IsEmpty());
}

TEST_F(AdminRoutes, UnknownPathsAndPeersAre404AndSayWhatThereIs) {
    EXPECT_EQ(get("/metric").status, 404u);
    EXPECT_THAT(get("/x").body, HasSubstr("/metrics"));
    EXPECT_EQ(post("/explode").status, 404u);
    for (const std::string_view target :
         {"/hold?peer=eastus", "/release?peer=eastus", "/flush?peer=eastus"}) {
        EXPECT_EQ(post(target).status, 404u);
        EXPECT_EQ(post(target).body, "there is no peer 'eastus'; known are westus, local, .\n");
    }
    host.names.clear();
    EXPECT_EQ(post("/hold?peer=a%0a%1b%5b31mb").body,
              "there is no peer 'a??[31mb'; none is configured\n");
    EXPECT_THAT(host.told, IsEmpty());
}

TEST_F(AdminRoutes, WrongParametersAre400) {
    for (const std::string_view target :
         {"/flush", "/flush?", "/flush?name", "/flush?name=", "/flush?name=a.test&zone=b.test",
          "/flush?names=a.test", "/flush?name=a..test", "/hold", "/hold?name=westus",
          "/hold?peer=westus&peer=westus", "*", "http://127.0.0.1/status", "flush?name=a.test",
          "/flush?name=%zz", ""}) {
        EXPECT_EQ(post(target).status, 400u) << target;
        EXPECT_THAT(post(target).body, ::testing::Not(IsEmpty()));
    }
    EXPECT_EQ(post("/flush").body, "missing parameter: name or zone or peer\n");
    EXPECT_THAT(host.told, IsEmpty());
}

TEST_F(AdminRoutes, CommandsAreTakenFromThisHostAndNotFromWebPages) {
    AdminRequest request{.method = "POST", .target = "/hold?peer=westus"};
    EXPECT_EQ(ask(request).status, 403u);
    request.from_loopback = true;
    request.has_origin = true;
    EXPECT_EQ(ask(request).status, 403u);
    request.has_origin = false;
    for (const std::string_view rebound :
         {"evil.test", "evil.test:9153", "localhost.evil.test:9153", "127.0.0.1.evil.test",
          "::1:x"}) {
        request.host = rebound;
        EXPECT_EQ(ask(request).status, 403u) << rebound;
    }
    EXPECT_THAT(host.told, IsEmpty());
    for (const std::string_view ours : {"127.0.0.1", "127.0.0.1:9153", "[::1]:9153", "localhost",
                                        "localhost:9153", "10.1.2.3:80"}) {
        request.host = ours;
        EXPECT_EQ(ask(request).status, 200u) << ours;
    }
    EXPECT_EQ(ask({.method = "GET", .target = "/status", .host = "evil.test"}).status, 200u);
}

}  // namespace
}  // namespace peerzone::admin
