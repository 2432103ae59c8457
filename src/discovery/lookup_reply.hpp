// What a reply says about the name that was asked for: its records at the end of the alias chain.
#pragma once

#include <string>

#include "peerzone/base/bytes.hpp"
#include "peerzone/discovery/lookup.hpp"

namespace peerzone::discovery {

/// `message`: NOERROR, and its question has been checked already. Records of other names, types and
/// classes are passed over; a message that cannot be walked to the end of its answers is a failure.
LookupReply read_lookup_reply(Bytes message, const std::string& name, LookupType type);

}  // namespace peerzone::discovery
