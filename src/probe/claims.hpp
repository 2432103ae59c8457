// What an endpoint says to the names that are expected of its peer (upstream/expectation.hpp), and
// what follows of whose it is. Pure.
#pragma once

#include <string>
#include <vector>

#include "peerzone/base/clock.hpp"
#include "peerzone/exchange/reply_check.hpp"
#include "peerzone/exchange/reply_index.hpp"
#include "peerzone/upstream/endpoint_identity.hpp"
#include "peerzone/upstream/expectation.hpp"

namespace peerzone::probe {

enum class Said : std::uint8_t {
    nothing,  ///< silence, a failure, a denial that proves nothing: it may be any cluster's
    right,
    wrong  ///< another answer, or a denial with the SOA of the zone
};

struct Claim {
    Said said = Said::nothing;
    std::string answer;  ///< of a wrong one: "eastus.", "NXDOMAIN", "no CNAME"
};
/// `index` is that of `checked`, a reply to the expectation's question whose message is still
/// there.
Claim judge_claim(const upstream::Expectation& expectation, const exchange::CheckedReply& checked,
                  const exchange::ReplyIndex& index);

/// What one endpoint has said last to each of them.
class Claims {
public:
    /// One that has shown that it is right is asked again with the first probe after so long: with
    /// each second one while all is well.
    static constexpr Duration kInterval = Seconds(8);

    /// So many names are expected from now on; nothing is known of the answers.
    void begin(std::size_t count);
    /// Which begin() it was: what was asked before another one is of no use.
    unsigned round() const noexcept { return round_; }

    /// Whether it is time to ask. Where it is not known to be right, or was silent and may come
    /// back as another one, with each probe.
    bool is_due(Time now, bool is_suspect) const noexcept;
    void put_off(Time until) noexcept { due_ = until; }
    /// One question for a name at a time: false while there is one on its way.
    bool start(std::size_t i) noexcept;
    /// Its time as an attempt is over; what comes later counts all the same.
    void note_late(std::size_t i) noexcept { names_[i].was_asked = true; }
    /// `why`: the words for a wrong one.
    void end(std::size_t i, Said said, std::string why = {}) noexcept;

    /// Wrong with the first wrong answer, right with the last right one. What says nothing changes
    /// nothing.
    upstream::Identity state() const noexcept;
    /// Of the first one that is wrong.
    std::string why_wrong() const;

private:
    struct Name {
        Said said = Said::nothing;
        std::string why;
        bool is_on_way = false;
        bool was_asked = false;
    };
    std::vector<Name> names_;
    unsigned round_ = 0;
    Time due_ = kLongAgo;
};

}  // namespace peerzone::probe
