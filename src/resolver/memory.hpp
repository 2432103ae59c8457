// What one worker remembers of what upstreams said: every key that is made for the cache, and the
// rules of what is fresh, past its TTL but of use, an alias to another owner, or a failure, and of
// what may be kept (src/README.md, "Key and flags" and "Refresh"; RFC 2308, 8767, 9520). On the
// worker's thread; what it finds it copies behind the name in the caller's message. Looking neither
// allocates nor throws.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "peerzone/cache/cache.hpp"
#include "peerzone/dns/answer.hpp"
#include "peerzone/dns/query.hpp"
#include "peerzone/resolver/resolver.hpp"
#include "peerzone/resolver/snapshot.hpp"
#include "resolver/decide.hpp"

namespace peerzone::resolver {

/// What is looked up: a name that an upstream owns, in a view, for a question with these flags.
/// `name` is folded wire form; it and the snapshot must outlive the subject.
struct Subject {
    const Snapshot* snapshot = nullptr;
    const view::View* view = nullptr;
    const view::Route* route = nullptr;
    Bytes name;
    std::uint64_t name_hash = 0;
    std::uint16_t type = 0;
    bool dnssec_ok = false;
    bool checking_disabled = false;

    const upstream::Upstream& owner() const noexcept { return upstream_of(*snapshot, *route); }
};

/// The question itself.
Subject subject_of(const Snapshot& snapshot, const Request& request) noexcept;
/// A name that its aliases led to, and its route in the same view.
Subject subject_of(const Snapshot& snapshot, const Request& request, const dns::Name& name,
                   const view::Route& route) noexcept;

/// Where the body stands in a message with this question.
inline std::size_t body_offset(Bytes name) noexcept {
    return dns::kHeaderSize + name.size() + 4;
}

class Memory {
public:
    /// Whether what is found counts as used, so that it stays and is refreshed.
    enum class Looks : std::uint8_t { count, leave_no_trace };

    explicit Memory(cache::Cache& cache, Looks looks = Looks::count);

    /// Whose words an entry has: those of the name's owner alone, which serve every view with such
    /// a route (view::Route::scope); or put together over several owners, which serve views with
    /// equal routes (View::chain_scope).
    enum class Words : std::uint8_t { of_owner, assembled };

    // Looking. `message` is a whole message's room; the body comes to body_offset().
    /// What the owner said, within its TTL, and without an alias to a name that has another owner
    /// in this view; else hit.expired and hit.other_kinds_possible tell what may be there.
    bool find_fresh(const Subject& subject, cache::Kind kind, Time now, MutableBytes message,
                    cache::Hit& hit) noexcept;
    /// What was put together, while the aliases that it begins with are still what the owner says.
    bool find_assembled(const Subject& subject, Time now, MutableBytes message,
                        cache::Hit& hit) noexcept;
    /// A failure that is to be told again, and does not come from before the upstream changed.
    bool find_failure(const Subject& subject, Time now, MutableBytes message,
                      cache::Hit& hit) noexcept;
    /// Aliases that lead to a name of another owner or end without data, within their TTL.
    bool find_chain(const Subject& subject, Time now, MutableBytes message,
                    cache::Hit& hit) noexcept;
    /// Past its TTL, too, and while the owner is away under other flags as well: an answer of the
    /// type, else an NXDOMAIN.
    bool find_last_known(const Subject& subject, Time now, MutableBytes message,
                         cache::Hit& hit) noexcept;
    bool find_last_known_chain(const Subject& subject, Time now, MutableBytes message,
                               cache::Hit& hit) noexcept;
    /// Whether an answer of the type is kept at all. Changes nothing.
    bool has_answer(const Subject& subject, Time now) const noexcept;
    /// What is kept under one key, for people. Changes nothing.
    std::optional<cache::Kept> examine(const Subject& subject, cache::Kind kind, Words words,
                                       Time now) const noexcept;

    /// True for one caller of all workers: ask again before the answer expires.
    bool claim_refresh(const Subject& subject, cache::Kind kind, Words words, Time now) noexcept;

    // Keeping.
    /// How long answers of any upstream are kept at most.
    Seconds positive_max() const noexcept { return cache_.max_ttl(); }
    /// The same of denials of this upstream, as a rule.
    Seconds negative_cap(const upstream::Upstream& upstream) const noexcept;
    /// How long a denial is kept at most; longer for "no such type" of a name that is in use, so
    /// that a pod's AAAA is not asked for each second.
    Seconds negative_max(const Subject& subject, const exchange::CheckedReply& checked,
                         Time now) const noexcept;
    /// Aliases to a name of another owner in this view; or, when `is_open`, to one of which their
    /// owner knows nothing, so that the routes of every view lead on.
    void keep_chain(const Subject& subject, const cache::Value& chain, bool is_open, Time now);
    /// The end of a chain that is the upstream's own. `may_have_chain`: the name may have been an
    /// alias before.
    void keep_end(const Subject& subject, const exchange::CheckedReply& checked,
                  const cache::Value& end, bool may_have_chain, Time now);
    /// What was put together over several owners, under the first name.
    void keep_assembled(const Subject& subject, const cache::Value& whole, Time now);
    void keep_failure(const Subject& subject, std::string_view text, std::uint16_t source,
                      Time now);

private:
    bool look(const cache::Key& key, Time now, MutableBytes body, cache::Hit& hit) noexcept;
    bool has_same_aliases(const Subject& subject, Time now) noexcept;
    bool find_known(cache::Kind kind, unsigned other_flags, const Subject& subject, Time now,
                    MutableBytes message, cache::Hit& hit) noexcept;
    void drop_proofs(const Subject& subject, MutableBytes message, cache::Hit& hit) noexcept;
    cache::Held other_types(const Subject& subject, std::span<const std::uint16_t> types,
                            Time now) const noexcept;

    cache::Cache& cache_;
    const Looks looks_;
    // Room for more messages: a body with signatures before they are left out, or a chain.
    using Room = std::array<std::uint8_t, dns::kMessageMax>;
    std::unique_ptr<Room> room_ = std::make_unique<Room>();
    std::unique_ptr<Room> other_room_ = std::make_unique<Room>();
};

}  // namespace peerzone::resolver
