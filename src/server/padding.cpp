#include "server/padding.hpp"

#include <algorithm>

#include "peerzone/dns/message.hpp"
#include "peerzone/dns/types.hpp"

namespace peerzone::server {
namespace {

constexpr std::size_t kOptionHead = 4;

// The record that ends the message, if all of it can be read.
bool find_last(Bytes message, dns::Record& last) noexcept {
    dns::Reader reader(message);
    dns::Header header;
    if (!reader.read_header(header) || header.counts[0] > 1) return false;
    dns::Name name;
    std::uint16_t type = 0;
    std::uint16_t klass = 0;
    if (header.counts[0] == 1 && !reader.read_question(name, type, klass)) return false;
    const unsigned records = header.counts[1] + header.counts[2] + header.counts[3];
    for (unsigned i = 0; i < records; ++i)
        if (!reader.read_record(last)) return false;
    return header.counts[3] > 0 && reader.at_end();
}

}  // namespace

std::size_t pad_reply(MutableBytes message, std::size_t size) noexcept {
    dns::Record opt;
    if (!find_last(message.first(size), opt) || opt.type != dns::type::opt) return size;
    const std::size_t least = size + kOptionHead;
    const std::size_t padded = (least + kPaddingBlock - 1) / kPaddingBlock * kPaddingBlock;
    if (padded > message.size()) return size;
    std::uint8_t* option = &message[size];
    store_u16(&message[opt.rdata_offset - 2], opt.rdata_size + (padded - size));
    store_u16(option, dns::option::padding);
    store_u16(option + 2, padded - least);
    std::fill(option + kOptionHead, &message[0] + padded, std::uint8_t{0});
    return padded;
}

}  // namespace peerzone::server
