// Questions that go round in a circle (src/README.md, "Loops"): the edge that would close it is
// not asked, and everything else goes on. No state of its own; on the worker's thread.
#pragma once

#include <memory>
#include <string>

#include "peerzone/resolver/resolver.hpp"
#include "peerzone/upstream/sent_names.hpp"
#include "resolver/in_flight.hpp"
#include "resolver/reply_writer.hpp"

namespace peerzone::resolver {

/// How a circle is known: the hop mark or the letter case is our own; it has come over too many
/// servers; the server that we are asking asks us the same.
enum class Loop : std::uint8_t { none, own_question, hops, same_question };

Loop loop_of(const Request& request, const upstream::Upstream& upstream,
             const std::shared_ptr<const Snapshot>& snapshot, const InFlightTable& table,
             const upstream::SentNames& sent, Time now) noexcept;

/// What the cluster's own DNS does not have itself and hands back is no failure: there is no such
/// name. So it goes with every miss of a search list where CoreDNS falls through to us.
bool is_handed_back(Loop loop, const Request& request, const upstream::Upstream& upstream) noexcept;

/// "loop via peer=eastus: our own question came back from 10.1.0.2"
std::string describe_loop(Loop loop, const Request& request, const upstream::Upstream& upstream);

/// NXDOMAIN with a SOA, so that what asked us takes it for proven (RFC 2308 2.1), and for no longer
/// than what the cluster's own DNS says itself: the name may exist in a moment. The body stands in
/// `scratch`, behind the question.
Answer deny_handed_back(const Request& request, const upstream::Upstream& upstream,
                        Seconds negative_max, MutableBytes scratch);

}  // namespace peerzone::resolver
