#include "peerzone/dns/types.hpp"

#include <utility>

namespace peerzone::dns {

std::string type_text(std::uint16_t type) {
    static constexpr std::pair<std::uint16_t, const char*> kNames[] = {
        {type::a, "A"},         {type::ns, "NS"},       {type::cname, "CNAME"},
        {type::soa, "SOA"},     {type::ptr, "PTR"},     {type::mx, "MX"},
        {type::txt, "TXT"},     {type::aaaa, "AAAA"},   {type::srv, "SRV"},
        {35, "NAPTR"},          {type::dname, "DNAME"}, {type::ds, "DS"},
        {type::rrsig, "RRSIG"}, {type::nsec, "NSEC"},   {48, "DNSKEY"},
        {type::svcb, "SVCB"},   {type::https, "HTTPS"}, {type::ixfr, "IXFR"},
        {type::axfr, "AXFR"},   {type::any, "ANY"},     {257, "CAA"}};
    for (const auto& [number, name] : kNames)
        if (number == type) return name;
    return "TYPE" + std::to_string(type);
}

std::string rcode_text(Rcode rcode) {
    switch (rcode) {
        case Rcode::noerror: return "NOERROR";
        case Rcode::formerr: return "FORMERR";
        case Rcode::servfail: return "SERVFAIL";
        case Rcode::nxdomain: return "NXDOMAIN";
        case Rcode::notimp: return "NOTIMP";
        case Rcode::refused: return "REFUSED";
        case Rcode::yxdomain: return "YXDOMAIN";
        case Rcode::badvers: return "BADVERS";
    }
    return "RCODE" + std::to_string(static_cast<unsigned>(rcode));
}

}  // namespace peerzone::dns
