// A fingerprint is a text that equal things have and others do not: of a scope the thing itself in
// a canonical form, of a route table, which may have 65,536 routes, a name-based UUID over that
// form (RFC 4122 4.3: SHA-1, of which 122 bits are left).
#include "app/scope_table.hpp"

#include <algorithm>
#include <boost/uuid/name_generator_sha1.hpp>
#include <cassert>
#include <limits>
#include <utility>
#include <vector>

namespace peerzone::app {
namespace {

constexpr char kScope = 's';
constexpr char kChainScope = 'c';

// Wire names end themselves, so one may follow another.
void append(std::string& text, const dns::Name& name) {
    text.append(name.folded().view());
}

void append(std::string& text, std::uint32_t number) {
    for (unsigned shift = 0; shift < 32; shift += 8)
        text.push_back(static_cast<char>(number >> shift & 0xff));
}

}  // namespace

std::uint32_t ScopeTable::scope_of(std::string_view label, const dns::Renaming& renaming) {
    std::string text(1, kScope);
    if (!renaming.is_identity()) {
        append(text, renaming.here());
        append(text, renaming.there());
        std::vector<std::string> exceptions;
        for (const dns::Name& exception : renaming.exceptions())
            exceptions.emplace_back(exception.folded().view());
        std::ranges::sort(exceptions);
        const auto repeated = std::ranges::unique(exceptions);
        exceptions.erase(repeated.begin(), repeated.end());
        append(text, static_cast<std::uint32_t>(exceptions.size()));
        for (const std::string& exception : exceptions) text.append(exception);
    }
    return intern(text.append(1, kScope).append(label));
}

std::uint32_t ScopeTable::chain_scope_of(const view::RouteTable& routes) {
    std::vector<std::string> lines;
    for (const view::Route& route : routes.routes()) {
        std::string& line = lines.emplace_back();
        append(line, route.suffix);
        line.push_back(route.kind == view::Route::Kind::upstream ? 'u' : 'z');
        line.push_back(route.built_in ? 'b' : 'c');
        append(line, route.scope);
    }
    std::ranges::sort(lines);
    std::string text;
    for (const std::string& line : lines) text.append(line);
    const boost::uuids::name_generator_sha1 hash(boost::uuids::ns::oid());
    const boost::uuids::uuid digest = hash(text.data(), text.size());
    return intern(std::string(1, kChainScope).append(digest.begin(), digest.end()));
}

std::uint32_t ScopeTable::intern(std::string fingerprint) {
    Interned& found = scopes_[std::move(fingerprint)];
    if (found.scope == 0) {
        // A reload a second with a thousand new scopes each would take 49 days.
        assert(last_scope_ != std::numeric_limits<std::uint32_t>::max());
        found.scope = ++last_scope_;
    }
    found.last_build = build_;
    return found.scope;
}

void ScopeTable::end_build() {
    const std::uint64_t build = build_++;
    if (scopes_.size() <= remembered_max_) return;
    std::vector<std::uint64_t> unused;
    for (const auto& [fingerprint, interned] : scopes_)
        if (interned.last_build != build) unused.push_back(interned.last_build);
    const std::size_t excess = std::min(scopes_.size() - remembered_max_, unused.size());
    if (excess == 0) return;
    // Those of one build go together.
    const auto last = unused.begin() + static_cast<std::ptrdiff_t>(excess - 1);
    std::ranges::nth_element(unused, last);
    std::erase_if(scopes_, [&](const auto& item) { return item.second.last_build <= *last; });
}

}  // namespace peerzone::app
