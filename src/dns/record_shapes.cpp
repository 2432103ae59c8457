// The fields of each type's data, and the check of data by them.
#include <algorithm>

#include "dns/record_data.hpp"
#include "peerzone/dns/types.hpp"

namespace peerzone::dns {
namespace {

using enum Field;

struct Entry {
    std::uint16_t type;
    Shape shape;
};

// In the order of the types.
constexpr Entry kShapes[] = {
    {1, {ipv4}},                                                                     // A
    {2, {name}},                                                                     // NS
    {3, {name}},                                                                     // MD
    {4, {name}},                                                                     // MF
    {5, {name}},                                                                     // CNAME
    {6, {name, name, number32, period, period, period, period}},                     // SOA
    {7, {name}},                                                                     // MB
    {8, {name}},                                                                     // MG
    {9, {name}},                                                                     // MR
    {11, {ipv4, wks}},                                                               // WKS
    {12, {name}},                                                                    // PTR
    {13, {string, string}},                                                          // HINFO
    {14, {name, name}},                                                              // MINFO
    {15, {number16, name}},                                                          // MX
    {16, {strings}},                                                                 // TXT
    {17, {name, name}},                                                              // RP
    {18, {number16, name}},                                                          // AFSDB
    {19, {digits}},                                                                  // X25
    {20, {string, optional_string}},                                                 // ISDN
    {21, {number16, name}},                                                          // RT
    {22, {nsap}},                                                                    // NSAP
    {23, {name}},                                                                    // NSAP-PTR
    {24, {type, algorithm, number8, number32, time, time, number16, name, base64}},  // SIG
    {25, {number16, number8, algorithm, base64}},                                    // KEY
    {26, {number16, name, name}},                                                    // PX
    {27, {string, string, string}},                                                  // GPOS
    {28, {ipv6}},                                                                    // AAAA
    {29, {loc}},                                                                     // LOC
    {31, {hex}},                                                                     // EID
    {32, {hex}},                                                                     // NIMLOC
    {33, {number16, number16, number16, name}},                                      // SRV
    {35, {number16, number16, string, string, string, name}},                        // NAPTR
    {36, {number16, name}},                                                          // KX
    {37, {certificate, number16, algorithm, base64}},                                // CERT
    {39, {name}},                                                                    // DNAME
    {42, {apl}},                                                                     // APL
    {43, {number16, algorithm, number8, hex}},                                       // DS
    {44, {number8, number8, hex}},                                                   // SSHFP
    {45, {number8, ipseckey}},                                                       // IPSECKEY
    {46, {type, algorithm, number8, number32, time, time, number16, name, base64}},  // RRSIG
    {47, {name, bitmap}},                                                            // NSEC
    {48, {number16, number8, algorithm, base64}},                                    // DNSKEY
    {49, {base64}},                                                                  // DHCID
    {50, {number8, number8, number16, salt, hash, bitmap}},                          // NSEC3
    {51, {number8, number8, number16, salt}},                                        // NSEC3PARAM
    {52, {usage, selector, matching, hex}},                                          // TLSA
    {53, {usage, selector, matching, hex}},                                          // SMIMEA
    {55, {hip}},                                                                     // HIP
    {58, {name, name}},                                                              // TALINK
    {59, {number16, algorithm, number8, hex}},                                       // CDS
    {60, {number16, number8, algorithm, base64}},                                    // CDNSKEY
    {61, {base64}},                                                                  // OPENPGPKEY
    {62, {number32, number16, bitmap}},                                              // CSYNC
    {63, {number32, number8, number8, hex}},                                         // ZONEMD
    {64, {number16, name, svcb}},                                                    // SVCB
    {65, {number16, name, svcb}},                                                    // HTTPS
    {99, {strings}},                                                                 // SPF
    {104, {number16, locator}},                                                      // NID
    {105, {number16, ipv4}},                                                         // L32
    {106, {number16, locator}},                                                      // L64
    {107, {number16, name}},                                                         // LP
    {108, {eui48}},                                                                  // EUI48
    {109, {eui64}},                                                                  // EUI64
    {256, {number16, number16, text}},                                               // URI
    {257, {number8, tag, text}},                                                     // CAA
};

// Takes fields off the front of data; size 0 is what the data cannot give.
class Walk {
public:
    explicit Walk(Bytes rdata) noexcept : rest_(rdata) {}

    Bytes rest() const noexcept { return rest_; }

    bool take(std::size_t size) noexcept {
        if (size > rest_.size()) return false;
        rest_ = rest_.subspan(size);
        return true;
    }
    // A length octet and as much, at least `least`.
    bool take_counted(std::size_t least) noexcept {
        return !rest_.empty() && rest_[0] >= least && take(rest_[0] + 1u);
    }
    bool take_name() noexcept {
        std::size_t at = 0;
        while (at < rest_.size() && rest_[at] != 0) {
            if (rest_[at] > kLabelMax) return false;
            at += rest_[at] + 1u;
        }
        return at < kNameMax && take(at + 1);
    }
    bool take_all(std::size_t least) noexcept {
        return rest_.size() >= least && take(rest_.size());
    }

    bool take_strings() noexcept {
        if (rest_.empty()) return false;
        while (!rest_.empty())
            if (!take_counted(0)) return false;
        return true;
    }
    // RFC 8659 4.1: letters and digits.
    bool take_tag() noexcept {
        const Bytes all = rest_;
        if (!take_counted(1)) return false;
        return std::ranges::all_of(all.subspan(1, all[0]), [](std::uint8_t c) {
            return (c >= '0' && c <= '9') || (kFold[c] >= 'a' && kFold[c] <= 'z');
        });
    }
    // RFC 4034 4.1.2: windows in ascending order, each of 1 to 32 octets.
    bool take_bitmap() noexcept {
        for (int last = -1; !rest_.empty();) {
            if (rest_.size() < 2 || rest_[0] <= last || rest_[1] == 0 || rest_[1] > 32)
                return false;
            last = rest_[0];
            if (!take(2u + rest_[1])) return false;
        }
        return true;
    }
    // RFC 3123 4: family, prefix, length with the negation bit, address without trailing zeros.
    bool take_apl() noexcept {
        while (!rest_.empty()) {
            if (rest_.size() < 4) return false;
            const std::size_t size = rest_[3] & 0x7f;
            const unsigned family = load_u16(&rest_[0]);
            const unsigned bits = family == 1 ? 32 : family == 2 ? 128 : 255;
            if (rest_[2] > bits || size * 8 > bits || !take(4 + size)) return false;
        }
        return true;
    }
    // RFC 1876 2: version 0, digits below ten, places on the globe.
    bool take_location() noexcept {
        if (rest_.size() != 16 || rest_[0] != 0) return false;
        for (std::size_t i = 1; i < 4; ++i)
            if ((rest_[i] >> 4) > 9 || (rest_[i] & 15) > 9) return false;
        const auto degrees = [&](std::size_t at, std::uint32_t most) {
            const std::int64_t value = std::int64_t{load_u32(&rest_[at])} - (std::int64_t{1} << 31);
            return value >= -std::int64_t{most} * 3'600'000 &&
                   value <= std::int64_t{most} * 3'600'000;
        };
        return degrees(4, 90) && degrees(8, 180) && take(16);
    }
    // RFC 4025 2.1: gateway type, algorithm, gateway, key.
    bool take_ipseckey() noexcept {
        if (rest_.size() < 2) return false;
        const std::uint8_t gateway = rest_[0];
        take(2);
        return (gateway == 0 || (gateway == 1 && take(4)) || (gateway == 2 && take(16)) ||
                (gateway == 3 && take_name())) &&
               take_all(0);
    }
    // RFC 8005 5: lengths of tag and key, algorithm, tag, key, names.
    bool take_hip() noexcept {
        if (rest_.size() < 4) return false;
        const std::size_t size = rest_[0] + std::size_t{load_u16(&rest_[2])};
        if (rest_[0] == 0 || !take(4 + size)) return false;
        while (!rest_.empty())
            if (!take_name()) return false;
        return true;
    }

    bool take_field(Field field) noexcept;

private:
    Bytes rest_;
};

bool Walk::take_field(Field field) noexcept {
    switch (field) {
        case none: return rest_.empty();
        case number8:
        case algorithm:
        case usage:
        case selector:
        case matching: return take(1);
        case number16:
        case type:
        case certificate: return take(2);
        case number32:
        case period:
        case time:
        case ipv4: return take(4);
        case ipv6: return take(16);
        case locator:
        case eui64: return take(8);
        case eui48: return take(6);
        case name: return take_name();
        case string: return take_counted(0);
        case optional_string: return rest_.empty() || take_counted(0);
        case digits: return take_counted(1);
        case tag: return take_tag();
        case salt: return take_counted(0);
        case hash: return take_counted(1);
        case nsap:
        case hex:
        case base64: return take_all(1);
        case text:
        case svcb: return take_all(0);  // SvcParams are judged by check_svc_params
        case bitmap: return take_bitmap();
        case strings: return take_strings();
        case apl: return take_apl();
        case loc: return take_location();
        case ipseckey: return take_ipseckey();
        case hip: return take_hip();
        case wks: return !rest_.empty() && take_all(1);
    }
    return false;
}

// A digest has the size of its type, as far as that is known here: BIND takes a whole message with
// another for malformed.
Result<void> check_digest(std::uint8_t digest_type, Bytes digest,
                          std::span<const std::size_t> sizes) {
    if (digest_type >= sizes.size() || sizes[digest_type] == 0) return {};
    if (digest.size() == sizes[digest_type]) return {};
    return fail("the digest has " + std::to_string(digest.size()) + " octets, one of type " +
                std::to_string(digest_type) + " has " + std::to_string(sizes[digest_type]));
}

Result<void> check_digest(std::uint16_t type, Bytes rdata) {
    constexpr std::size_t kDsSizes[] = {0, 20, 32, 32, 48};  // SHA-1, SHA-256, GOST, SHA-384
    constexpr std::size_t kZonemdSizes[] = {0, 48, 64};      // SHA-384, SHA-512
    constexpr std::uint16_t kCds = 59, kZonemd = 63;
    if (type == type::ds || type == kCds) return check_digest(rdata[3], rdata.subspan(4), kDsSizes);
    if (type == kZonemd) return check_digest(rdata[5], rdata.subspan(6), kZonemdSizes);
    return {};
}

}  // namespace

const Shape* shape_of(std::uint16_t type) noexcept {
    const auto* found = std::ranges::lower_bound(kShapes, type, {}, &Entry::type);
    return found != std::end(kShapes) && found->type == type ? &found->shape : nullptr;
}

Result<void> check_rdata(std::uint16_t type, Bytes rdata) {
    const Shape* shape = shape_of(type);
    if (shape == nullptr) return {};
    Walk walk(rdata);
    for (const Field field : *shape) {
        if (field == svcb)
            if (const Result<void> sound = check_svc_params(walk.rest()); !sound) return sound;
        if (!walk.take_field(field)) return fail("this is not the data of type " + type_text(type));
        if (field == none) break;
    }
    if (!walk.rest().empty()) return fail("this is not the data of type " + type_text(type));
    return check_digest(type, rdata);
}

}  // namespace peerzone::dns
