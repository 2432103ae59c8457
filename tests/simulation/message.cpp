#include "simulation/message.hpp"

namespace peerzone::simulation {
namespace {

std::uint8_t folded(std::uint8_t octet) {
    return octet >= 'A' && octet <= 'Z' ? static_cast<std::uint8_t>(octet + 32) : octet;
}

/// Walks over a message; `ok` is false from the first octet on that is wrong.
struct Walk {
    Bytes message;
    std::size_t at = 0;
    bool ok = true;

    bool has(std::size_t size) {
        ok = ok && at + size <= message.size();
        return ok;
    }
    unsigned u16() {
        if (!has(2)) return 0;
        at += 2;
        return load_u16(&message[at - 2]);
    }
    std::uint32_t u32() {
        const std::uint32_t high = u16();
        return high << 16 | u16();
    }
    std::string name() {
        std::string text;
        std::size_t here = at;
        bool jumped = false;
        for (unsigned steps = 0; steps < 300; ++steps) {
            if (here >= message.size()) break;
            const unsigned size = message[here];
            if (size >= 0xc0) {
                if (here + 1 >= message.size()) break;
                if (!jumped) at = here + 2;
                jumped = true;
                here = (size & 63) << 8 | message[here + 1];
                continue;
            }
            if (size == 0) {
                if (!jumped) at = here + 1;
                return text;
            }
            if (here + 1 + size > message.size()) break;
            if (!text.empty()) text += '.';
            for (unsigned i = 1; i <= size; ++i)
                text += static_cast<char>(folded(message[here + i]));
            here += size + 1;
        }
        ok = false;
        return text;
    }
};

void read_options(Bytes data, ReadMessage& read) {
    Walk options{data};
    while (options.ok && options.at < data.size()) {
        const unsigned code = options.u16();
        const unsigned size = options.u16();
        if (!options.has(size)) return;
        if (code == 15 && size >= 2) {
            read.error_code = load_u16(&data[options.at]);
            const Bytes text = data.subspan(options.at + 2, size - 2);
            read.error_text.assign(text.begin(), text.end());
        }
        options.at += size;
    }
}

}  // namespace

Octets wire_of(std::string_view name) {
    Octets wire;
    while (!name.empty() && name != ".") {
        const std::size_t dot = name.find('.');
        const std::string_view label = name.substr(0, dot);
        wire.push_back(static_cast<std::uint8_t>(label.size()));
        wire.insert(wire.end(), label.begin(), label.end());
        name = dot == std::string_view::npos ? std::string_view{} : name.substr(dot + 1);
    }
    wire.push_back(0);
    return wire;
}

std::string text_of(Bytes name) {
    return Walk{name}.name();
}

std::optional<ReadMessage> read_message(Bytes message) {
    ReadMessage read;
    Walk walk{message};
    read.id = walk.u16();
    read.flags = walk.u16();
    read.rcode = read.flags & 15;
    unsigned counts[4];
    for (unsigned& count : counts) count = walk.u16();
    if (counts[0] > 1) return std::nullopt;
    if (counts[0] == 1) {
        const std::size_t begin = walk.at;
        walk.name();
        walk.u32();
        if (!walk.ok) return std::nullopt;
        read.question.assign(message.begin() + static_cast<std::ptrdiff_t>(begin),
                             message.begin() + static_cast<std::ptrdiff_t>(walk.at));
    }
    for (unsigned section = 1; section <= 3; ++section) {
        for (unsigned i = 0; i < counts[section] && walk.ok; ++i) {
            ReadRecord record;
            record.section = section;
            record.owner = walk.name();
            record.type = walk.u16();
            walk.u16();
            record.ttl = walk.u32();
            const unsigned size = walk.u16();
            if (!walk.has(size)) return std::nullopt;
            const Bytes data = message.subspan(walk.at, size);
            record.data.assign(data.begin(), data.end());
            if (record.type == rr::cname || record.type == rr::dname) {
                Walk target{message, walk.at};
                record.target = target.name();
                if (!target.ok) return std::nullopt;
            }
            walk.at += size;
            if (record.type == rr::opt) {
                read.has_opt = true;
                read.rcode |= record.ttl >> 24 << 4;
                read_options(record.data, read);
            } else {
                read.records.push_back(std::move(record));
            }
        }
    }
    if (!walk.ok || walk.at != message.size()) return std::nullopt;
    return read;
}

MessageWriter::MessageWriter(unsigned id, unsigned flags) {
    octets_.reserve(512);
    u16(id);
    u16(flags);
    octets_.resize(12);
}

void MessageWriter::question(Bytes name, unsigned type) {
    octets_.insert(octets_.end(), name.begin(), name.end());
    u16(type);
    u16(1);
    count(0);
}

void MessageWriter::record(unsigned section, Bytes owner, unsigned type, std::uint32_t ttl,
                           Bytes data) {
    octets_.insert(octets_.end(), owner.begin(), owner.end());
    u16(type);
    u16(1);
    u32(ttl);
    u16(static_cast<unsigned>(data.size()));
    octets_.insert(octets_.end(), data.begin(), data.end());
    count(section);
}

void MessageWriter::opt(unsigned size, bool dnssec_ok) {
    octets_.push_back(0);
    u16(rr::opt);
    u16(size);
    u32(dnssec_ok ? 0x8000 : 0);
    u16(0);
    count(3);
}

void MessageWriter::u16(unsigned value) {
    octets_.push_back(static_cast<std::uint8_t>(value >> 8));
    octets_.push_back(static_cast<std::uint8_t>(value));
}

void MessageWriter::u32(std::uint32_t value) {
    u16(value >> 16);
    u16(value & 0xffff);
}

void MessageWriter::count(std::size_t section) {
    ++octets_[5 + 2 * section];
}

}  // namespace peerzone::simulation
