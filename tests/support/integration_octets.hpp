// Replies of a hostile or broken endpoint, octet by octet: with the ID and the question that came,
// so that only what a test spoils is wrong.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "support/integration_peer.hpp"
#include "support/upstream_message.hpp"

namespace peerzone::itest {

using test::MessageBuilder;
using test::Received;
using Reaction = test::FakeServer::Reaction;

/// Header and question of a reply, QR, RD and RA set; records go behind it.
inline MessageBuilder reply_to(const Received& q, unsigned rcode = 0, unsigned flags = 0) {
    const test::Octets question(q.message.begin() + 12,
                                q.message.begin() + static_cast<long>(q.question_end()));
    MessageBuilder reply(q.id(), 0x8180u | rcode | flags);
    reply.raw(question).count(0);
    return reply;
}
inline std::string asked_text(const Received& q) {
    return dns::Name::from_wire(q.name()).value().folded().to_text();
}
inline unsigned asked_type(const Received& q) {
    return load_u16(&q.message[q.question_end() - 4]);
}
/// One A record at the name that was asked for.
inline MessageBuilder with_address(const Received& q, std::string_view address,
                                   std::uint32_t ttl = 60) {
    return reply_to(q).record(1, {0xc0, 12}, 1, 1, ttl, test::address(std::string(address)));
}
inline Reaction say(const MessageBuilder& message) {
    return {.messages = {message.octets()}};
}
inline Reaction say(const test::Octets& message) {
    return {.messages = {message}};
}

}  // namespace peerzone::itest
