// Words that stand for numbers in a record's data (RFC 4034 A.1, 4398 2.1, 7218 2, 1035 3.4.2, and
// the registries at IANA).
#pragma once

#include <cstdint>

namespace peerzone::dns {

struct Mnemonic {
    const char* word;
    std::uint16_t value;
};
inline constexpr Mnemonic kAlgorithms[] = {{"RSAMD5", 1},
                                           {"DH", 2},
                                           {"DSA", 3},
                                           {"RSASHA1", 5},
                                           {"DSA-NSEC3-SHA1", 6},
                                           {"NSEC3DSA", 6},
                                           {"RSASHA1-NSEC3-SHA1", 7},
                                           {"NSEC3RSASHA1", 7},
                                           {"RSASHA256", 8},
                                           {"RSASHA512", 10},
                                           {"ECC-GOST", 12},
                                           {"ECCGOST", 12},
                                           {"ECDSAP256SHA256", 13},
                                           {"ECDSAP384SHA384", 14},
                                           {"ED25519", 15},
                                           {"ED448", 16},
                                           {"INDIRECT", 252},
                                           {"PRIVATEDNS", 253},
                                           {"PRIVATEOID", 254}};
inline constexpr Mnemonic kCertificates[] = {
    {"PKIX", 1}, {"SPKI", 2},   {"PGP", 3},     {"IPKIX", 4}, {"ISPKI", 5},
    {"IPGP", 6}, {"ACPKIX", 7}, {"IACPKIX", 8}, {"URI", 253}, {"OID", 254}};
inline constexpr Mnemonic kUsages[] = {
    {"PKIX-TA", 0}, {"PKIX-EE", 1}, {"DANE-TA", 2}, {"DANE-EE", 3}, {"PrivCert", 255}};
inline constexpr Mnemonic kSelectors[] = {{"Cert", 0}, {"SPKI", 1}, {"PrivSel", 255}};
inline constexpr Mnemonic kMatchings[] = {
    {"Full", 0}, {"SHA2-256", 1}, {"SHA2-512", 2}, {"PrivMatch", 255}};
// Of WKS: the system's table of services is not asked, a zone is the same on every host.
inline constexpr Mnemonic kServices[] = {{"ftp", 21},  {"ssh", 22},  {"telnet", 23},
                                         {"smtp", 25}, {"time", 37}, {"domain", 53},
                                         {"http", 80}, {"pop3", 110}};

}  // namespace peerzone::dns
