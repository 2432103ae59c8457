// A Client and fake servers in one event loop.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "peerzone/upstream/client.hpp"
#include "support/upstream_fake_server.hpp"
#include "support/upstream_letter_case.hpp"

namespace peerzone::upstream {

using metrics::Count;
using test::answering;
using test::FakeServer;
using test::Octets;
using test::Received;
using test::silent;
using Reaction = FakeServer::Reaction;

/// One question and how it ended.
struct Answer {
    Asked asked;
    Octets message;
    bool done = false;
    Duration took{};
};

inline Detached run_question(Client& client, const Upstream& upstream, Question question,
                             Answer& out) {
    const Time start = Clock::now();
    Task<Asked> asking = client.ask(upstream, question, start);
    out.asked = co_await asking;
    out.message.assign(out.asked.message.begin(), out.asked.message.end());
    out.asked.message = {};
    out.took = Clock::now() - start;
    out.done = true;
}

struct ClientTest : testing::Test {
    boost::asio::io_context io;
    Cork cork;
    metrics::Counters counters;
    Upstream upstream;
    EndpointSet set;  // of the upstream, put onto its board with each question
    ClientOptions options;
    std::vector<std::unique_ptr<FakeServer>> servers;
    std::unique_ptr<Client> client_;

    ClientTest() {
        upstream.label = "peer=westus";
        upstream.options.deadline = Millis(1800);
    }

    Client& client() {
        if (client_ == nullptr) client_ = std::make_unique<Client>(io, cork, counters, options);
        return *client_;
    }
    FakeServer& serve(FakeServer::Handler handler, FakeServer::Tcp tcp = FakeServer::Tcp::refuse) {
        servers.push_back(std::make_unique<FakeServer>(io, std::move(handler), tcp));
        set.endpoints.push_back(std::make_shared<Endpoint>(servers.back()->address()));
        return *servers.back();
    }
    Endpoint& endpoint(std::size_t i = 0) { return *set.endpoints[i]; }
    std::string place(std::size_t i = 0) { return endpoint(i).address().to_text(); }

    static Question question(const std::string& name = "db.westus.example",
                             std::uint16_t type = 1) {
        Question q;
        q.name = dns::Name::from_text(name).value();
        q.type = type;
        return q;
    }
    void publish() {
        if (set != *upstream.set()) upstream.board->publish(set);
    }
    void start(Answer& answer, const Question& q) {
        publish();
        run_question(client(), upstream, q, answer);
    }
    bool run_until(const std::function<bool()>& done, Duration limit = Seconds(20)) {
        const Time end = Clock::now() + limit;
        while (!done() && Clock::now() < end) io.run_one_for(Millis(50));
        return done();
    }
    Answer ask(const Question& q = question()) {
        Answer answer;
        start(answer, q);
        EXPECT_TRUE(run_until([&] { return answer.done; }));
        return answer;
    }
    std::uint64_t count(Count what) const { return counters.value(what); }
    std::string failure(const Answer& answer) const {
        return std::to_string(answer.asked.error_code) + " " + answer.asked.error_text;
    }
};

}  // namespace peerzone::upstream
