#include "discovery/lookup_reply.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>

#include "peerzone/dns/message.hpp"

namespace peerzone::discovery {
namespace {

constexpr std::size_t kLinksMax = 16;
constexpr std::size_t kSrvFixedSize = 6;

LookupReply failed(std::string why) {
    LookupReply reply;
    reply.why = std::move(why);
    return reply;
}

// RFC 2181 8: a TTL with the highest bit set is zero.
std::uint32_t sane_ttl(std::uint32_t ttl) {
    return ttl > 0x7fffffffu ? 0 : ttl;
}

// All answers of class IN, in their order. Nothing when they cannot be read.
std::optional<std::vector<dns::Record>> answers_of(Bytes message) {
    dns::Reader reader(message);
    dns::Header header;
    if (!reader.read_header(header)) return std::nullopt;
    for (unsigned i = 0; i < header.counts[0]; ++i) {
        dns::Name name;
        std::uint16_t type = 0;
        std::uint16_t klass = 0;
        if (!reader.read_question(name, type, klass)) return std::nullopt;
    }
    std::vector<dns::Record> answers;
    bool stray_opt = false;  // as in ReplyIndex::read_section
    for (unsigned i = 0; i < header.counts[1];) {
        if (stray_opt && reader.at_end()) break;
        dns::Record record;
        if (!reader.read_record(record)) return std::nullopt;
        if (record.type == dns::type::opt && !stray_opt) {
            stray_opt = true;
            continue;
        }
        if (record.klass == dns::klass::in) answers.push_back(record);
        ++i;
    }
    return answers;
}

bool read_target(Bytes message, std::size_t at, std::size_t end, dns::Name& target) {
    dns::Reader reader(message, at);
    return reader.read_name(target) && reader.offset() == end;
}

// Where the aliases lead from `name`, and the shortest TTL on the way.
bool follow_aliases(Bytes message, const std::vector<dns::Record>& answers, dns::Name& name,
                    std::uint32_t& ttl, std::size_t& links) {
    for (links = 0; links < kLinksMax; ++links) {
        const auto alias =
            std::find_if(answers.begin(), answers.end(), [&](const dns::Record& record) {
                return record.type == dns::type::cname && record.owner == name;
            });
        if (alias == answers.end()) return true;
        ttl = std::min(ttl, sane_ttl(alias->ttl));
        if (!read_target(message, alias->rdata_offset, alias->rdata_offset + alias->rdata_size,
                         name))
            return false;
    }
    return false;
}

bool take_address(Bytes data, LookupType type, std::vector<IpAddress>& out) {
    if (data.size() != (type == LookupType::a ? 4u : 16u)) return false;
    if (type == LookupType::a) {
        out.push_back(IpAddress::v4(load_u32(data.data())));
        return true;
    }
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), data.data(), bytes.size());
    out.push_back(IpAddress::v6(bytes));
    return true;
}

bool take_srv(Bytes message, const dns::Record& record, std::vector<SrvTarget>& out) {
    dns::Name host;
    const std::size_t end = record.rdata_offset + record.rdata_size;
    if (record.rdata_size <= kSrvFixedSize ||
        !read_target(message, record.rdata_offset + kSrvFixedSize, end, host))
        return false;
    const std::uint8_t* fixed = message.data() + record.rdata_offset;
    const std::uint16_t port = load_u16(fixed + 4);
    // RFC 2782: a target of "." means that the service is decidedly not there.
    if (!host.is_root() && port != 0)
        out.push_back({load_u16(fixed), port, host.folded().to_text()});
    return true;
}

template <class T>
void sort_each_once(std::vector<T>& values) {
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
}

}  // namespace

LookupReply read_lookup_reply(Bytes message, const std::string& name, LookupType type) {
    const auto asked = dns::Name::from_text(name);
    const auto answers = answers_of(message);
    if (!asked || !answers) return failed("the reply made no sense");
    dns::Name owner = *asked;
    std::uint32_t ttl = 0x7fffffffu;
    std::size_t links = 0;
    if (!follow_aliases(message, *answers, owner, ttl, links))
        return failed("its aliases lead nowhere");
    LookupReply reply;
    bool any = false;
    for (const dns::Record& record : *answers) {
        if (record.type != static_cast<std::uint16_t>(type) || !(record.owner == owner)) continue;
        const bool good =
            type == LookupType::srv
                ? take_srv(message, record, reply.targets)
                : take_address(message.subspan(record.rdata_offset, record.rdata_size), type,
                               reply.addresses);
        if (!good) return failed("the reply made no sense");
        ttl = std::min(ttl, sane_ttl(record.ttl));
        any = true;
    }
    sort_each_once(reply.addresses);
    sort_each_once(reply.targets);
    const bool found = !reply.addresses.empty() || !reply.targets.empty();
    reply.kind = found ? LookupReply::Kind::found : LookupReply::Kind::empty;
    if (found)
        reply.ttl = Seconds(ttl);
    else if (any)
        reply.why = "the service is not there (target \".\")";
    else
        reply.why = links == 0 ? "none" : "an alias of " + owner.to_text() + ", which has none";
    return reply;
}

}  // namespace peerzone::discovery
