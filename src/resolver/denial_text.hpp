// Why a name is denied or refused that has no owner here: texts for people (RFC 8914), who most
// often have mistyped it, or see a name that their search list has put together. Pure; any thread;
// nothing allocates. What an owner denies with proof needs no such text.
#pragma once

#include <string_view>

#include "peerzone/upstream/upstream.hpp"
#include "peerzone/view/view.hpp"
#include "resolver/ede_text.hpp"

namespace peerzone::resolver {

/// Of a name that a built-in zone denies: a special-use name (RFC 6761, 6762, 6303), or one of the
/// cluster's zone that no peer has. `special` is its route. `name` is folded wire form.
std::string_view describe_special(EdeText& text, const view::View& view, const view::Route& special,
                                  Bytes name) noexcept;

/// Of a name that an upstream denies although its probes have shown that it does not have the zone:
/// the whole namespace is not there, or the zone is not spelled so. Empty: nothing of that kind.
std::string_view describe_zone_absent(EdeText& text, const upstream::Upstream& upstream,
                                      const upstream::EndpointSet& endpoints) noexcept;

/// Of a name without any route in the view.
std::string_view describe_unrouted(EdeText& text, const view::View& view, Bytes name) noexcept;

}  // namespace peerzone::resolver
