// What there is to say of a name, a client's view and the upstreams behind it: looks that change
// nothing. On the worker's thread, or that of whoever owns the Resolver; allocates.
#pragma once

#include "resolver/explain.hpp"
#include "resolver/outlook.hpp"

namespace peerzone::resolver {

/// `name` is folded. `view_why`: for a view that is not the client's own, why it is shown.
ExplainFacts facts_of(Resolver::Impl& worker, const Outlook& outlook, const Asker& asker,
                      const dns::Name& name, std::uint16_t type, const std::string& view_why,
                      Time now);

UpstreamFacts facts_of(const upstream::Upstream& upstream, Time now);

}  // namespace peerzone::resolver
