// What a client would be told of a name now: found by a dry run of the steps that answer it
// (Resolver::Impl, Run::dry), so that an explanation cannot disagree with the answer. Changes
// nothing. On the worker's thread; allocates.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "peerzone/resolver/resolver.hpp"

namespace peerzone::resolver {

/// A client's question as far as it bears on what it is told.
struct Asker {
    IpAddress client;       ///< whose view it is
    std::string forwarder;  ///< that has named it by Client Subnet; empty: it asks itself
    view::ListenerId listener = 0;
    bool recursion_desired = true;
    bool dnssec_ok = false;
    bool checking_disabled = false;
};

struct Outlook {
    /// What `view`, `route` and the upstreams are of.
    std::shared_ptr<const Snapshot> snapshot;
    const view::View* view = nullptr;    ///< null: none has the client
    const view::Route* route = nullptr;  ///< null: the name has no owner in that view
    /// Each alias and where it leads, as far as that is known without asking.
    std::vector<std::pair<dns::Name, dns::Name>> aliases;

    // A reply is made at once: `asks` is null.
    dns::Rcode rcode = dns::Rcode::noerror;
    Source source = Source::none;
    const upstream::Upstream* upstream = nullptr;  ///< whose answer it is
    std::size_t answers = 0;                       ///< records of the answer section
    std::optional<std::uint32_t> ttl;              ///< the least of theirs
    bool has_soa = false;                          ///< in the authority section, as denials have it
    bool is_referral = false;                      ///< NS in the authority section, and no answer
    std::optional<std::uint16_t> error_code;       ///< of the extended error
    std::string error_text;

    // Or an upstream must be asked first.
    const upstream::Upstream* asks = nullptr;
    dns::Name asked_name;         ///< as that one knows it
    bool joins = false;           ///< the same question is on its way already
    bool has_last_known = false;  ///< an answer past its TTL is told where the upstream is slow
};

/// In the view of `snapshot` that has the client.
Outlook look_ahead(Resolver::Impl& worker, std::shared_ptr<const Snapshot> snapshot,
                   const Asker& asker, const dns::Name& name, std::uint16_t type, Time now);

/// The same snapshot, but every client sees it as those of this view do.
std::shared_ptr<const Snapshot> seen_from(const Snapshot& snapshot, view::ViewId view);

}  // namespace peerzone::resolver
