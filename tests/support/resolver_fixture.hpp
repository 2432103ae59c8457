// A Resolver with a real cache and zones, but no upstream to ask: what it says at once, at a time
// that the test chooses.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "peerzone/resolver/resolver.hpp"
#include "peerzone/zone/zone.hpp"
#include "support/integration_client.hpp"

namespace peerzone::resolver::test {

using itest::Asking;
using itest::Octets;
using itest::Reply;
using peerzone::testing::name;
namespace type = dns::type;

/// A sink that remembers what was delivered.
struct Delivered final : ReplySink {
    void deliver(const ReplyTo& to, Bytes reply) noexcept override {
        sessions.push_back(to.session);
        replies.push_back(itest::read_reply(Octets(reply.begin(), reply.end())));
    }
    std::vector<std::uint64_t> sessions;
    std::vector<Reply> replies;
};

struct Setup {
    boost::asio::io_context io{1};
    metrics::Counters counters;
    cache::Cache cache;
    Cork cork;
    const upstream::ClientOptions client_options;
    upstream::Client client{io, cork, counters, client_options};
    Resolver resolver{cache, client, counters};
    std::shared_ptr<Snapshot> snapshot = std::make_shared<Snapshot>();
    Time now = Clock::now();
    Request request;
    Disposition outcome = Disposition::dropped;
    std::string client_ip = "10.1.0.9";
    bool udp = true;

    static constexpr std::uint32_t kChainScope = 1'000'000;  // of the first view

    explicit Setup(const cache::Options& options = {}) : cache(options) {
        snapshot->views.push_back({.name = "pods",
                                   .routes = {},
                                   .recursion_available = false,
                                   .chain_scope = kChainScope});
        snapshot->clients.add(IpPrefix::parse("10.1.0.0/16").value(), 0);
    }

    void add_zone(const std::string& origin, const std::vector<std::string>& records,
                  std::size_t view = 0) {
        zone::LoadResult loaded =
            zone::load({.origin = name(origin), .records = records, .file = {}});
        for (const auto& problem : loaded.problems) ADD_FAILURE() << problem.message;
        const auto index = static_cast<std::uint16_t>(snapshot->zones.size());
        snapshot->zones.push_back(std::move(loaded.zone));
        snapshot->views[view].routes.add({.suffix = name(origin),
                                          .kind = view::Route::Kind::zone,
                                          .built_in = false,
                                          .index = index});
    }
    /// An upstream without endpoints: it fails at once.
    void add_upstream(const std::string& suffix, const std::string& label,
                      upstream::Kind kind = upstream::Kind::peer) {
        auto made = std::make_shared<upstream::Upstream>();
        made->id = static_cast<std::uint16_t>(snapshot->upstreams.size());
        made->label = label;
        made->options.kind = kind;
        made->options.zones = {name(suffix)};
        const auto index = made->id;
        snapshot->upstreams.push_back(std::move(made));
        for (view::View& view : snapshot->views) {
            view.recursion_available = true;
            view.routes.add({.suffix = name(suffix),
                             .kind = view::Route::Kind::upstream,
                             .built_in = false,
                             .index = index});
        }
    }
    void publish() { resolver.publish(snapshot); }

    Reply ask(const Octets& message) {
        request.client = IpAddress::parse(client_ip).value();
        request.udp = udp;
        Octets out(udp ? dns::kUdpEdnsMax : dns::kMessageMax);
        std::size_t size = 0;
        outcome = resolver.answer_now(message, now, request, out, size);
        if (outcome != Disposition::replied) return {};
        out.resize(size);
        return itest::read_reply(out);
    }
    Reply ask(const std::string& qname, unsigned qtype, const Asking& how = {}) {
        return ask(itest::question(qname, qtype, how));
    }
    /// Hands the last request to admit; what comes within the call.
    Reply ask_later() {
        Delivered sink;
        resolver.admit(request, {.sink = &sink, .session = 1, .client = {}, .local = {}}, now);
        return sink.replies.empty() ? Reply{} : sink.replies.front();
    }

    struct Known {
        cache::Kind kind = cache::Kind::answer;
        std::uint32_t scope = 0;
        bool dnssec_ok = false;
        bool checking_disabled = false;
        dns::Rcode rcode = dns::Rcode::noerror;
        bool authentic_data = false;
        Duration lifetime = Seconds(60);
    };
    /// Puts addresses (or with kind nxdomain nothing) under a name's key into the cache.
    void know(const std::string& qname, std::uint16_t qtype,
              const std::vector<std::string>& addresses, const Known& how) {
        const dns::Name n = name(qname).folded();
        Octets message(dns::kMessageMax);
        dns::BodyWriter writer(message, message.size(), n.wire());
        for (const std::string& text : addresses) {
            std::array<std::uint8_t, 4> rdata{};
            store_u32(rdata.data(), IpAddress::parse(text).value().v4_value());
            writer.add(dns::Section::answer, n.wire(), type::a, 60, rdata);
        }
        cache.store(key(n, qtype, how),
                    {.body = writer.body(),
                     .info = writer.info(),
                     .rcode = how.rcode,
                     .authentic_data = how.authentic_data,
                     .source = 0,
                     .lifetime = how.lifetime},
                    now);
    }
    void know(const std::string& qname, std::uint16_t qtype,
              const std::vector<std::string>& addresses) {
        know(qname, qtype, addresses, Known());
    }
    void know_failure(const std::string& qname, std::uint16_t qtype, const std::string& text) {
        const dns::Name n = name(qname).folded();
        cache.store_failure(key(n, qtype, {.kind = cache::Kind::failure}), text,
                            dns::Rcode::servfail, 0, now);
    }
    static cache::Key key(const dns::Name& n, std::uint16_t qtype, const Known& how) {
        return {.name = n.wire(),
                .name_hash = dns::hash_folded(n.wire()),
                .type = how.kind == cache::Kind::nxdomain ? std::uint16_t{0} : qtype,
                .scope = how.scope,
                .dnssec_ok = how.dnssec_ok,
                .checking_disabled = how.checking_disabled,
                .kind = how.kind};
    }
};

}  // namespace peerzone::resolver::test
