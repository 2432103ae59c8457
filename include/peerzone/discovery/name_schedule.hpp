// When which name is asked again, and what is known of it. A state machine without sockets or
// clocks; control thread.
//
// An answer is asked again when its TTL is over, 1 s at least and 1 h at most, and up to 250 ms
// later, so that instances that were told the same do not ask in the same moment. After an empty or
// failed answer the wait is 1 s and doubles up to 30 s, a quarter more or less; what was known
// stays.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "peerzone/base/clock.hpp"
#include "peerzone/discovery/lookup.hpp"

namespace peerzone::discovery {

struct NameQuestion {
    std::string name;  ///< in lower case
    discovery::LookupType type = discovery::LookupType::a;
    friend auto operator<=>(const NameQuestion&, const NameQuestion&) = default;
};

/// What is known about one question.
struct NameAnswer {
    std::vector<IpAddress> addresses;           ///< of the last answer that had some
    std::vector<discovery::SrvTarget> targets;  ///< the same for SRV
    std::optional<Time> good_at;                ///< when that answer came
    std::optional<Time> empty_since;            ///< since then answers have been empty
    std::string error;                          ///< of the last try; empty when it had records
    bool tried = false;
};

class NameSchedule {
public:
    static constexpr std::size_t kUnderWayMax = 64;
    static constexpr Duration kTtlMin = Seconds(1);
    static constexpr Duration kTtlMax = std::chrono::hours(1);
    static constexpr Duration kJitterMax = Millis(250);
    static constexpr Duration kBackOffMin = Seconds(1);
    static constexpr Duration kBackOffMax = Seconds(30);
    static constexpr Duration kDoubtInterval = Seconds(5);

    struct Due {
        NameQuestion question;
        std::size_t failures = 0;  ///< in a row: each time another server is asked first
    };

    /// The questions to follow from now on; new ones are due at once. Of the others all is
    /// forgotten.
    void want(const std::set<NameQuestion>& questions, Time now);
    /// Those that failed last are due at once: there is news about the servers to ask.
    void retry_failed(Time now);
    /// There is doubt about what is known: it is due at once, unless it was asked within
    /// kDoubtInterval.
    void recheck(const NameQuestion& question, Time now);

    /// A question that is due, which is under way from now on. Nothing while kUnderWayMax are.
    std::optional<Due> take(Time now);
    /// When take() may give something; Time::max() when only done() or want() can change that.
    Time next() const;
    /// What came of a question that was taken: exactly once for each. `random` is uniform over its
    /// range.
    void done(const NameQuestion& question, const discovery::LookupReply& reply, Time now,
              std::uint32_t random);

    /// Its last records are not to be kept any longer.
    void forget(const NameQuestion& question);

    /// Nothing for a question that is not followed.
    const NameAnswer* find(const NameQuestion& question) const;

private:
    struct Entry {
        NameAnswer answer;
        std::size_t failures = 0;
        Time due{};
        Time asked = kLongAgo;  // when the last reply came
        bool under_way = false;
    };

    void set_due(const NameQuestion& question, Entry& entry, Time at);

    std::map<NameQuestion, Entry> entries_;
    std::set<std::pair<Time, NameQuestion>> due_;  // of all that are not under way
    std::size_t under_way_ = 0;                    // with those that are not wanted any more
};

}  // namespace peerzone::discovery
