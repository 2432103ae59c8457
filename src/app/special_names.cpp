#include "app/special_names.hpp"

#include <algorithm>
#include <string>

#include "peerzone/dns/record.hpp"

namespace peerzone::app {
namespace {

std::shared_ptr<const zone::Zone> make(const std::string& origin,
                                       const std::vector<std::string>& records = {}) {
    zone::Options options{
        .origin = dns::Name::from_text(origin).value(), .records = records, .file = {}};
    zone::LoadResult loaded = zone::load(options);
    return std::shared_ptr<const zone::Zone>(std::move(loaded.zone));
}

// RFC 6303 4.2–4.6 and RFC 7793 (100.64.0.0/10), beside RFC 1918.
constexpr const char* kReversePrefixes[] = {
    "0.0.0.0/8",    "10.0.0.0/8",     "100.64.0.0/10",   "169.254.0.0/16", "172.16.0.0/12",
    "192.0.2.0/24", "192.168.0.0/16", "198.51.100.0/24", "203.0.113.0/24", "255.255.255.255/32",
    "::/128",       "fc00::/7",       "fe80::/10",       "2001:db8::/32"};

// All but the cluster's own.
std::vector<std::shared_ptr<const zone::Zone>> make_fixed() {
    std::vector<std::shared_ptr<const zone::Zone>> zones;
    zones.push_back(
        make("localhost", {"@ A 127.0.0.1", "@ AAAA ::1", "* A 127.0.0.1", "* AAAA ::1"}));
    zones.push_back(make("127.in-addr.arpa", {"1.0.0 PTR localhost."}));
    zones.push_back(make(dns::reverse_zones(IpPrefix::parse("::1").value()).front().to_text(),
                         {"@ PTR localhost."}));
    for (const char* name : {"invalid", "onion", "alt", "local"}) zones.push_back(make(name));
    for (const char* prefix : kReversePrefixes)
        for (const dns::Name& name : dns::reverse_zones(IpPrefix::parse(prefix).value()))
            zones.push_back(make(name.to_text()));
    return zones;
}

}  // namespace

const std::vector<std::shared_ptr<const zone::Zone>>& SpecialZones::with(
    const dns::Name& cluster_zone) {
    if (!zones_.empty()) {
        if (std::ranges::equal(zones_.back()->origin().wire(), cluster_zone.wire())) return zones_;
        zones_.pop_back();
    } else {
        zones_ = make_fixed();
    }
    zones_.push_back(make(cluster_zone.to_text()));
    return zones_;
}

}  // namespace peerzone::app
