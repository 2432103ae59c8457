#include "peerzone/upstream/passed_error.hpp"

#include <gtest/gtest.h>

namespace peerzone::upstream {
namespace {

TEST(PassError, PutsAStrangersTextBehindWhereItCameFrom) {
    EXPECT_EQ(pass_error("peer=westus 10.2.0.10:53 SERVFAIL", "zone expired"),
              "peer=westus 10.2.0.10:53 SERVFAIL: zone expired");
    EXPECT_EQ(pass_error("peer=westus 10.2.0.10:53 SERVFAIL", ""),
              "peer=westus 10.2.0.10:53 SERVFAIL");
}

// "retry in": a failure that a server on the way remembers.
TEST(PassError, LeavesTheCauseInFrontHoweverFarItCame) {
    for (const std::string cause :
         {"loop via peer=north: our own question came back from 10.2.0.10",
          "peer=north 10.3.0.10:53 SERVFAIL: zone expired", "local does not have this name",
          "retry in 3s: peer=north 10.3.0.10:53 REFUSED", "forward=. no endpoint answered"}) {
        const std::string once = pass_error("peer=westus 10.2.0.10:53 SERVFAIL", cause);
        const std::string twice = pass_error("peer=eastus 10.1.0.10:53 SERVFAIL", once);
        EXPECT_EQ(twice, cause +
                             "; peer=westus 10.2.0.10:53 SERVFAIL; peer=eastus 10.1.0.10:53 "
                             "SERVFAIL");
    }
}

}  // namespace
}  // namespace peerzone::upstream
