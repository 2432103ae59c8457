// Every loop is bounded by the records of the message or by kLinksMax.
#include "exchange/reply_chain.hpp"

#include <algorithm>
#include <span>

namespace peerzone::exchange {
namespace {

using dns::Name;

bool is_meta(std::uint16_t type) noexcept {
    return type == 0 || type == dns::type::opt || (type >= 128 && type <= dns::type::any);
}

const Entry* find(const ReplyIndex& index, const Name& owner, std::uint64_t hash,
                  std::uint16_t type) noexcept {
    for (const Entry& entry : index.answers())
        if (is_wanted(entry, type) && index.owned_by(entry, owner, hash)) return &entry;
    return nullptr;
}

// The DNAME that redirects `name`: of a proper ancestor, and of the topmost one, since a DNAME
// hides everything below it.
const Entry* find_dname(const ReplyIndex& index, const Name& name) noexcept {
    const Entry* found = nullptr;
    std::size_t found_size = name.size();
    for (const Entry& entry : index.answers()) {
        if (entry.type != dns::type::dname) continue;
        const Name owner = index.load(entry).owner;
        if (owner.size() >= found_size || !name.is_under(owner)) continue;
        found = &entry;
        found_size = owner.size();
    }
    return found;
}

enum class Step : std::uint8_t { link, none, bad };

Step next_link(const ReplyIndex& index, const Name& name, std::uint64_t hash, Link& link) noexcept {
    link.cname = find(index, name, hash, dns::type::cname);
    link.dname = find_dname(index, name);
    if (link.dname == nullptr) {
        if (link.cname == nullptr) return Step::none;
        link.target = index.target(*link.cname);
        return Step::link;
    }
    const auto made = name.with_suffix(index.load(*link.dname).owner, index.target(*link.dname));
    if (!made) return Step::bad;  // too long: the server should have said YXDOMAIN (RFC 6672 2.2)
    link.target = *made;
    return link.cname != nullptr && index.target(*link.cname) != *made ? Step::bad : Step::link;
}

bool has_passed(const Chain& chain, const Name& question, const Name& name) noexcept {
    const auto links = std::span(chain.links).first(chain.count);
    return name == question || std::any_of(links.begin(), links.end(),
                                           [&](const Link& link) { return link.target == name; });
}

}  // namespace

bool is_wanted(const Entry& entry, std::uint16_t type) noexcept {
    return type == dns::type::any ? !is_meta(entry.type) : entry.type == type;
}

Chain follow(const ReplyIndex& index, const Name& question, std::uint16_t type,
             const OtherOwners* others) noexcept {
    Chain chain;
    chain.target = question;
    chain.alias_is_data = type == dns::type::cname;
    for (;;) {
        chain.target_hash = owner_hash(chain.target);
        if (chain.count != 0 && others != nullptr && others->own(chain.target)) {
            chain.end = End::elsewhere;
            return chain;
        }
        if (!chain.alias_is_data && find(index, chain.target, chain.target_hash, type) != nullptr) {
            chain.end = End::data;
            return chain;
        }
        Link link;
        const Step step = next_link(index, chain.target, chain.target_hash, link);
        if (step == Step::none) return chain;
        const bool comes_back =
            !chain.alias_is_data && step == Step::link && has_passed(chain, question, link.target);
        if (step == Step::bad || comes_back || chain.count == kLinksMax) {
            chain.end = step == Step::bad ? End::invalid : comes_back ? End::loop : End::too_long;
            return chain;
        }
        chain.links[chain.count++] = link;
        if (chain.alias_is_data) {
            chain.end = End::data;
            return chain;
        }
        chain.target = link.target;
    }
}

}  // namespace peerzone::exchange
