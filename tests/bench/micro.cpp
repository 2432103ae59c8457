// The steps of a hit, each alone: what the large benchmark cannot tell apart.
//
//   bench_micro [--benchmark_filter=…]
#include <benchmark/benchmark.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>

#include "peerzone/cache/cache.hpp"
#include "peerzone/dns/answer.hpp"
#include "peerzone/dns/query.hpp"
#include "peerzone/resolver/resolver.hpp"
#include "peerzone/view/view.hpp"
#include "peerzone/zone/zone.hpp"

namespace peerzone {
namespace {

constexpr std::size_t kNames = 10000;

std::string text_of(std::size_t number) {
    return "pod-" + std::to_string(10000 + number) + ".cockroachdb.westus.svc.cluster.local";
}

dns::Name name_of(std::size_t number) {
    return dns::Name::from_text(text_of(number)).value();
}

std::vector<std::uint8_t> question_of(std::size_t number) {
    std::array<std::uint8_t, 512> out;
    const dns::Name name = name_of(number);
    const std::size_t size = dns::write_question(out, 7, {.name = name.wire(), .type = 1}, true);
    return {out.begin(), out.begin() + static_cast<std::ptrdiff_t>(size)};
}

dns::Query query_of(std::size_t number) {
    dns::Query query;
    dns::parse_query(question_of(number), query);
    return query;
}

// As many queries as names, in an order that no prefetcher guesses.
const std::vector<dns::Query>& queries() {
    static const std::vector<dns::Query> all = [] {
        std::vector<dns::Query> made;
        for (std::size_t i = 0; i < kNames; ++i) made.push_back(query_of(i * 7919 % kNames));
        return made;
    }();
    return all;
}

void parse_query(benchmark::State& state) {
    const auto question = question_of(1);
    dns::Query query;
    for (auto _ : state) benchmark::DoNotOptimize(dns::parse_query(question, query));
}
BENCHMARK(parse_query);

void hash_of_key(benchmark::State& state) {
    const dns::Query query = query_of(1);
    for (auto _ : state) benchmark::DoNotOptimize(dns::hash_folded(query.name()));
}
BENCHMARK(hash_of_key);

void find_route(benchmark::State& state) {
    view::RouteTable routes;
    for (const char* suffix :
         {"cluster.local", "westus.svc.cluster.local", "westus2.svc.cluster.local",
          "centralus.svc.cluster.local", "northeurope.svc.cluster.local",
          "uksouth.svc.cluster.local", "corp.example", "10.in-addr.arpa"})
        routes.add({.suffix = dns::Name::from_text(suffix).value()});
    std::size_t i = 0;
    for (auto _ : state) benchmark::DoNotOptimize(routes.find(queries()[++i % kNames].name()));
}
BENCHMARK(find_route);

// Pods and offices of 4,000 prefixes, nested two deep, in an order that no prefetcher guesses.
void find_view(benchmark::State& state) {
    view::ClientTable clients;
    std::vector<IpAddress> asking;
    for (std::uint32_t i = 0; i < 2000; ++i) {
        const std::uint32_t network = 0x0a000000 + (i * 7919 % 2000) * 4096;
        const auto view = static_cast<view::ViewId>(i);
        clients.add({IpAddress::v4(network), 96 + 20}, view);
        clients.add({IpAddress::v4(network + 0x300), 96 + 24}, view);
        asking.push_back(IpAddress::v4(network + (i % 2 == 0 ? 0x301 : 0x101)));
    }
    std::size_t i = 0;
    for (auto _ : state) benchmark::DoNotOptimize(clients.find(asking[++i % asking.size()]));
}
BENCHMARK(find_view);

cache::Key key_of(const dns::Query& query) {
    return {query.name(), query.name_hash, query.type, 0, false, false, cache::Kind::answer};
}

void fill(cache::Cache& cache, Time now) {
    std::array<std::uint8_t, 1232> message;
    for (const dns::Query& query : queries()) {
        dns::BodyWriter writer(message, message.size(), query.asked_name());
        constexpr std::array<std::uint8_t, 4> kAddress = {10, 1, 2, 3};
        writer.add(dns::Section::answer, query.asked_name(), 1, 3600, kAddress);
        cache.store(key_of(query),
                    {.body = writer.body(),
                     .info = writer.info(),
                     .rcode = dns::Rcode::noerror,
                     .lifetime = Seconds(3600)},
                    now);
    }
}

void find_in_cache(benchmark::State& state) {
    cache::Cache cache({});
    const Time now = Clock::now();
    fill(cache, now);
    std::array<std::uint8_t, 1232> out;
    std::size_t i = 0, found = 0;
    for (auto _ : state) {
        cache::Hit hit;
        found += cache.find(key_of(queries()[++i % kNames]), now + Seconds(5), out, hit);
    }
    if (found != i) state.SkipWithError("not everything was found");
}
BENCHMARK(find_in_cache);

std::shared_ptr<upstream::Upstream> add_peer(resolver::Snapshot& snapshot,
                                             const std::string& zone) {
    auto peer = std::make_shared<upstream::Upstream>();
    peer->options.zones = {dns::Name::from_text(zone).value()};
    snapshot.upstreams.push_back(peer);
    return peer;
}

view::Route route_to(const std::string& suffix, std::size_t upstream) {
    return {.suffix = dns::Name::from_text(suffix).value(),
            .kind = view::Route::Kind::upstream,
            .built_in = false,
            .index = static_cast<std::uint16_t>(upstream)};
}

// One view and one peer.
std::shared_ptr<resolver::Snapshot> small_snapshot() {
    auto snapshot = std::make_shared<resolver::Snapshot>();
    add_peer(*snapshot, "westus.svc.cluster.local");
    snapshot->clients.add(IpPrefix::parse("10.1.0.0/16").value(), 0);
    view::View view;
    view.name = "pods";
    view.recursion_available = true;
    view.chain_scope = 1'000'000;
    view.routes.add(route_to("westus.svc.cluster.local", 0));
    snapshot->views.push_back(std::move(view));
    return snapshot;
}

// 8 views, 20 peers with an alias each, 4,000 prefixes of clients.
std::shared_ptr<resolver::Snapshot> horizon_snapshot() {
    constexpr std::size_t kViews = 8;
    constexpr std::size_t kPeers = 20;
    constexpr unsigned kPrefixes = 4000;
    auto snapshot = small_snapshot();
    for (std::size_t i = 1; i < kPeers; ++i)
        add_peer(*snapshot, "region" + std::to_string(i) + ".svc.cluster.local");
    const dns::Name there = dns::Name::from_text("cluster.local").value();
    for (std::size_t i = 0; i < kPeers; ++i) {
        const std::string region = i == 0 ? "westus" : "region" + std::to_string(i);
        if (i != 0) snapshot->views[0].routes.add(route_to(region + ".svc.cluster.local", i));
        view::Route alias = route_to(region + ".internal", i);
        alias.scope = static_cast<std::uint32_t>(i + 1);
        alias.renaming = std::make_shared<const dns::Renaming>(alias.suffix, there);
        snapshot->views[0].routes.add(alias);
    }
    snapshot->views.resize(kViews, snapshot->views[0]);
    for (unsigned i = 0; i < kPrefixes; ++i)
        snapshot->clients.add(IpPrefix::parse("172." + std::to_string(16 + i / 256) + "." +
                                              std::to_string(i % 256) + ".0/24")
                                  .value(),
                              static_cast<view::ViewId>(i % kViews));
    return snapshot;
}

// All of it but the sockets: view, route, cache and reply, 5 s after the names were learned.
void answer_hits(benchmark::State& state, std::shared_ptr<const resolver::Snapshot> snapshot) {
    boost::asio::io_context io{1};
    metrics::Counters counters;
    cache::Cache cache({});
    Cork cork;
    upstream::Client client(io, cork, counters, {});
    resolver::Resolver resolver(cache, client, counters);
    resolver.publish(std::move(snapshot));
    const Time now = Clock::now();
    fill(cache, now);
    std::vector<std::vector<std::uint8_t>> questions;
    for (std::size_t i = 0; i < kNames; ++i) questions.push_back(question_of(i * 7919 % kNames));
    resolver::Request request;
    request.client = IpAddress::parse("10.1.0.9").value();
    std::array<std::uint8_t, 1232> out;
    std::size_t i = 0;
    std::size_t size = 0;
    for (auto _ : state)
        if (resolver.answer_now(questions[++i % kNames], now + Seconds(5), request, out, size) !=
            resolver::Disposition::replied)
            state.SkipWithError("not a hit");
}
void answer_hit(benchmark::State& state) {
    answer_hits(state, small_snapshot());
}
BENCHMARK(answer_hit);
void answer_hit_of_horizon(benchmark::State& state) {
    answer_hits(state, horizon_snapshot());
}
BENCHMARK(answer_hit_of_horizon);

// What workers cost each other: the names are the same, so they share every shard and entry.
void find_in_shared_cache(benchmark::State& state) {
    static cache::Cache cache({});
    const Time now = Clock::now();
    if (state.thread_index() == 0) fill(cache, now);
    std::array<std::uint8_t, 1232> out;
    std::size_t i = static_cast<std::size_t>(state.thread_index()) * kNames / 2;
    for (auto _ : state) {
        cache::Hit hit;
        benchmark::DoNotOptimize(
            cache.find(key_of(queries()[++i % kNames]), now + Seconds(5), out, hit));
    }
}
BENCHMARK(find_in_shared_cache)->Threads(1)->Threads(2);

void finish_reply(benchmark::State& state) {
    const dns::Query query = query_of(1);
    std::array<std::uint8_t, 1232> message;
    dns::BodyWriter writer(message, message.size(), query.asked_name());
    constexpr std::array<std::uint8_t, 4> kAddress = {10, 1, 2, 3};
    writer.add(dns::Section::answer, query.asked_name(), 1, 3600, kAddress);
    for (auto _ : state)
        benchmark::DoNotOptimize(
            dns::finish_reply(message, query, writer.info(), {}, dns::size_limit(query, true)));
}
BENCHMARK(finish_reply);

void look_up_in_zone(benchmark::State& state) {
    zone::Options options;
    options.origin = dns::Name::from_text("westus.svc.cluster.local").value();
    for (std::size_t i = 0; i < kNames; ++i)
        options.records.push_back(text_of(i) + ". 300 IN A 10.0.0.1");
    const auto loaded = zone::load(options);
    if (!loaded.zone) return state.SkipWithError("the zone does not load");
    std::array<std::uint8_t, 1232> message;
    std::vector<dns::Name> names;
    for (std::size_t i = 0; i < kNames; ++i) names.push_back(name_of(i * 7919 % kNames));
    std::size_t i = 0;
    for (auto _ : state) {
        const dns::Name& name = names[++i % kNames];
        dns::BodyWriter writer(message, message.size(), name.wire());
        benchmark::DoNotOptimize(loaded.zone->lookup(name, 1, 0, writer).outcome);
    }
}
BENCHMARK(look_up_in_zone);

}  // namespace
}  // namespace peerzone

BENCHMARK_MAIN();
