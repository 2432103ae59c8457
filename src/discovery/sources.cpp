#include "peerzone/discovery/sources.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "peerzone/dns/name.hpp"

namespace peerzone::discovery {
namespace {

using discovery::LookupType;

constexpr std::size_t kTargetsMax = 64;  // of one SRV name

std::string folded(const std::string& name) {
    std::string text = name;
    std::transform(text.begin(), text.end(), text.begin(), [](char c) {
        return static_cast<char>(dns::kFold[static_cast<unsigned char>(c)]);
    });
    return text;
}

// Whether a server can be asked there. "0.0.0.0" is what filters answer, and would be ourselves; a
// link-local address is worth nothing without its interface.
bool is_usable(const IpAddress& ip) {
    if (ip.is_unspecified()) return false;
    if (ip.is_v4()) return ip.v4_value() >> 28 < 0xe && ip.v4_value() >> 24 != 0;
    const auto& bytes = ip.bytes();
    return bytes[0] != 0xff && !(bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80);
}

std::vector<discovery::SrvTarget> targets_of(const NameAnswer* answer) {
    if (answer == nullptr) return {};
    auto targets = answer->targets;  // sorted: the lowest priorities first
    targets.resize(std::min(targets.size(), kTargetsMax));
    return targets;
}

// One family has no records any more, and the other one, seen since, has.
bool is_given_up(const NameAnswer& family, const NameAnswer& other) {
    return family.empty_since && !family.addresses.empty() && other.good_at && !other.empty_since &&
           *other.good_at >= *family.empty_since;
}

std::string errors_text(const std::string& a, const std::string& aaaa) {
    if (a == aaaa) return "A and AAAA: " + a;
    if (a.empty() || aaaa.empty()) return a.empty() ? "AAAA: " + aaaa : "A: " + a;
    return "A: " + a + ", AAAA: " + aaaa;
}

void keep_later(std::optional<Time>& at, const std::optional<Time>& other) {
    if (other && (!at || *at < *other)) at = other;
}

}  // namespace

void Sources::want(const std::vector<upstream::EndpointSpec>& specs, Time now) {
    std::set<std::string> wanted;
    files_.clear();
    for (const upstream::EndpointSpec& spec : specs) {
        if (spec.address) continue;
        const std::string text = upstream::source_text(spec);
        wanted.insert(text);
        items_.try_emplace(text).first->second.spec = spec;
        table_.try_emplace(text);
        if (!spec.resolv_conf.empty()) files_.insert(spec.resolv_conf);
    }
    std::erase_if(items_, [&](const auto& item) { return !wanted.contains(item.first); });
    std::erase_if(table_, [&](const auto& source) { return !wanted.contains(source.first); });
    schedule_.want(questions(), now);
    schedule_.retry_failed(now);
    for (auto& [text, item] : items_)  // names that another item has had already
        if (table_.at(text).addresses.empty() && item.spec.resolv_conf.empty())
            settle(text, item, find(item.spec), now);
}

void Sources::add_questions(const upstream::EndpointSpec& spec, std::set<NameQuestion>& all) const {
    const auto add_host = [&](const std::string& host) {
        all.insert({host, LookupType::a});
        all.insert({host, LookupType::aaaa});
    };
    if (!spec.host.empty()) add_host(folded(spec.host));
    if (spec.srv.empty()) return;
    const NameQuestion srv{folded(spec.srv), LookupType::srv};
    for (const auto& target : targets_of(schedule_.find(srv))) add_host(target.host);
    all.insert(srv);
}

std::set<NameQuestion> Sources::questions() const {
    std::set<NameQuestion> all;
    for (const auto& [text, item] : items_) add_questions(item.spec, all);
    return all;
}

void Sources::recheck(const std::string& source, Time now) {
    const auto item = items_.find(source);
    if (item == items_.end()) return;
    std::set<NameQuestion> its;
    add_questions(item->second.spec, its);
    for (const NameQuestion& question : its) schedule_.recheck(question, now);
}

bool Sources::uses(const upstream::EndpointSpec& spec, const NameQuestion& question) const {
    if (!spec.host.empty())
        return question.type != LookupType::srv && folded(spec.host) == question.name;
    if (spec.srv.empty()) return false;
    const NameQuestion srv{folded(spec.srv), LookupType::srv};
    if (question == srv) return true;
    const auto targets = targets_of(schedule_.find(srv));
    return question.type != LookupType::srv &&
           std::any_of(targets.begin(), targets.end(),
                       [&](const auto& target) { return target.host == question.name; });
}

bool Sources::done(const NameQuestion& question, const discovery::LookupReply& reply, Time now,
                   std::uint32_t random) {
    schedule_.done(question, reply, now, random);
    if (question.type == LookupType::srv) {
        schedule_.want(questions(), now);
    } else {
        give_up_family(question.name);
    }
    bool changed = false;
    for (auto& [text, item] : items_) {
        if (!uses(item.spec, question)) continue;
        changed |= settle(text, item, find(item.spec), now);
        discovery::Source& source = table_.at(text);
        ++source.tries;
        if (!source.error.empty()) ++source.failures;
    }
    return changed;
}

void Sources::give_up_family(const std::string& host) {
    const NameQuestion a{host, LookupType::a};
    const NameQuestion aaaa{host, LookupType::aaaa};
    const NameAnswer* four = schedule_.find(a);
    const NameAnswer* six = schedule_.find(aaaa);
    if (four == nullptr || six == nullptr) return;
    if (is_given_up(*four, *six)) schedule_.forget(a);
    if (is_given_up(*six, *four)) schedule_.forget(aaaa);
}

bool Sources::file_read(const std::string& path, const Result<std::vector<SocketAddress>>& servers,
                        Time now) {
    bool changed = false;
    for (auto& [text, item] : items_) {
        if (item.spec.resolv_conf != path) continue;
        Found found;
        if (servers) {
            found.addresses = *servers;
            found.good_at = now;
        } else {
            found.error = servers.error().message;
        }
        changed |= settle(text, item, std::move(found), now);
        discovery::Source& source = table_.at(text);
        ++source.tries;
        if (!source.error.empty()) ++source.failures;
    }
    return changed;
}

Sources::Found Sources::find(const upstream::EndpointSpec& spec) const {
    bool tried = false;
    return spec.srv.empty() ? find_host(folded(spec.host), spec.port, tried) : find_srv(spec.srv);
}

Sources::Found Sources::find_host(const std::string& host, std::uint16_t port, bool& tried) const {
    static const NameAnswer kUnknown;
    Found found;
    std::string errors[2];
    bool unusable = false;
    bool fault = false;
    tried = true;
    for (const LookupType type : {LookupType::a, LookupType::aaaa}) {
        const NameAnswer* known = schedule_.find({host, type});
        const NameAnswer& family = known != nullptr ? *known : kUnknown;
        for (const IpAddress& ip : family.addresses) {
            if (is_usable(ip))
                found.addresses.push_back({ip, port, 0});
            else
                unusable = true;
        }
        if (!family.addresses.empty()) keep_later(found.good_at, family.good_at);
        // One family is enough; a fault of the other is one when it had records.
        fault |= !family.error.empty() && !family.addresses.empty();
        errors[type == LookupType::a ? 0 : 1] = family.error;
        tried &= family.tried;
    }
    std::sort(found.addresses.begin(), found.addresses.end());
    if (unusable && found.addresses.empty()) {
        found.error = host + ": no address that can be asked";
    } else if (fault || (tried && found.addresses.empty())) {
        found.error = host + ": " + errors_text(errors[0], errors[1]);
    }
    return found;
}

Sources::Found Sources::find_srv(const std::string& name) const {
    Found found;
    const NameAnswer* srv = schedule_.find({folded(name), LookupType::srv});
    if (srv == nullptr) return found;
    const auto targets = targets_of(srv);
    bool all_tried = true;
    for (std::size_t i = 0; i < targets.size(); ++i) {
        bool tried = false;
        const Found host = find_host(targets[i].host, targets[i].port, tried);
        found.addresses.insert(found.addresses.end(), host.addresses.begin(), host.addresses.end());
        keep_later(found.good_at, host.good_at);
        if (found.error.empty()) found.error = host.error;
        all_tried &= tried;
        const bool last = i + 1 == targets.size() || targets[i + 1].priority != targets[i].priority;
        if (last && (!found.addresses.empty() || !all_tried)) break;
    }
    std::sort(found.addresses.begin(), found.addresses.end());
    const auto twice = std::unique(found.addresses.begin(), found.addresses.end());
    found.addresses.erase(twice, found.addresses.end());
    if (found.good_at) found.good_at = std::min(*found.good_at, *srv->good_at);
    if (!srv->error.empty()) found.error = folded(name) + ": SRV: " + srv->error;
    return found;
}

bool Sources::settle(const std::string& text, Item& item, Found found, Time now) {
    discovery::Source& source = table_.at(text);
    source.error = std::move(found.error);
    if (found.good_at) source.good_at = found.good_at;
    const bool any = !found.addresses.empty();
    const bool changed = take_over(text, item, std::move(found.addresses));
    if (!source.error.empty()) {
        complain(text, item, now);
    } else if (any && std::exchange(item.complained, false)) {
        events_.push_back({.kind = SourceEvent::Kind::recovered, .source = text});
    }
    return changed;
}

bool Sources::take_over(const std::string& text, Item& item, std::vector<SocketAddress> addresses) {
    if (addresses.empty()) return false;
    if (addresses.size() > discovery::kSourceAddressesMax) {
        if (!std::exchange(item.told_cut, true))
            events_.push_back({.kind = SourceEvent::Kind::cut,
                               .source = text,
                               .why = std::to_string(addresses.size())});
        addresses.resize(discovery::kSourceAddressesMax);
    }
    std::vector<SocketAddress>& known = table_.at(text).addresses;
    if (known == addresses) return false;
    SourceEvent event{.kind = SourceEvent::Kind::changed, .source = text};
    const auto missing_in = [](const std::vector<SocketAddress>& from,
                               const std::vector<SocketAddress>& in) {
        std::vector<SocketAddress> missing;
        std::copy_if(from.begin(), from.end(), std::back_inserter(missing), [&](const auto& one) {
            return std::find(in.begin(), in.end(), one) == in.end();
        });
        return missing;
    };
    event.added = missing_in(addresses, known);
    event.removed = missing_in(known, addresses);
    events_.push_back(std::move(event));
    known = std::move(addresses);
    return true;
}

void Sources::complain(const std::string& text, Item& item, Time now) {
    std::uint64_t suppressed = 0;
    if (!item.complaints.allow(now, suppressed)) return;
    item.complained = true;
    const discovery::Source& source = table_.at(text);
    events_.push_back({.kind = SourceEvent::Kind::failing,
                       .source = text,
                       .why = source.error,
                       .kept = source.addresses.size(),
                       .good_at = source.good_at});
}

std::vector<SourceEvent> Sources::take_events() {
    return std::exchange(events_, {});
}

}  // namespace peerzone::discovery
