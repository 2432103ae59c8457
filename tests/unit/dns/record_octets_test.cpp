// Data given as octets (RFC 3597) must be data of its type: what no client could read is refused.
#include <gmock/gmock.h>

#include <string>
#include <string_view>
#include <vector>

#include "peerzone/dns/record.hpp"

namespace peerzone::dns {
namespace {

std::string told(const std::string& type, const std::string& hex) {
    const std::string size = std::to_string(hex.size() / 2);
    const auto record =
        parse_record("t " + type + " \\# " + size + " " + hex, Name::from_text("ex").value(), 1);
    return record ? "taken" : record.error().message;
}

void expect_taken(const std::string& type, const std::vector<std::string>& octets) {
    for (const std::string& hex : octets) EXPECT_EQ(told(type, hex), "taken") << type << ' ' << hex;
}
void expect_refused(const std::string& type, const std::vector<std::string>& octets) {
    for (const std::string& hex : octets)
        EXPECT_THAT(told(type, hex), ::testing::HasSubstr("this is not the data of type"))
            << type << ' ' << hex;
}
std::string times(std::size_t n, std::string_view what) {
    std::string all;
    while (n-- > 0) all += what;
    return all;
}

TEST(RecordOctets, FieldsOfOneSize) {
    expect_taken("A", {"0a000001"});
    expect_refused("A", {"", "0a0000", "0a00000101"});
    expect_taken("AAAA", {times(16, "00")});
    expect_refused("AAAA", {times(15, "00"), times(17, "00")});
    expect_taken("EUI48", {"000102030405"});
    expect_refused("EUI48", {"0001020304"});
    expect_taken("SRV", {"00010002003500"});
    expect_refused("SRV", {"000100020035", "0001000200350000"});
}

TEST(RecordOctets, NamesAndStrings) {
    const std::string label = "3f" + times(63, "61");
    expect_taken("NS",
                 {"00", "016100", label + "00", times(3, label) + "3d" + times(61, "61") + "00"});
    expect_refused("NS", {"", "0161", "40" + times(64, "61") + "00", "c00c",
                          times(3, label) + "3e" + times(62, "61") + "00"});
    expect_taken("TXT", {"00", "0161", "016100"});
    expect_refused("TXT", {"", "0261", "01610261"});
    expect_taken("X25", {"0131"});
    expect_refused("X25", {"00"});
    expect_taken("ISDN", {"0131", "01310132"});
    expect_refused("ISDN", {"0131013201"});
    expect_taken("CAA", {"0001610000", "00026a39", "00015a", "000130"});
    expect_refused("CAA", {"00", "0000", "00012d", "00013a", "00022d61", "000260"});
}

TEST(RecordOctets, BitmapsOfTypes) {
    expect_taken("NSEC", {"00",
                          "00"
                          "000140",
                          "00"
                          "000140"
                          "010140",
                          "00"
                          "0020" +
                              times(32, "01")});
    expect_refused("NSEC", {"00"
                            "00",
                            "00"
                            "0000",
                            "00"
                            "0021" +
                                times(33, "01"),
                            "00"
                            "000240",
                            "00"
                            "000140"
                            "000140",
                            "00"
                            "010140"
                            "000140"});
}

TEST(RecordOctets, ListsOfPrefixes) {
    expect_taken("APL", {"",
                         "0001"
                         "20"
                         "04"
                         "0a000001",
                         "0001"
                         "08"
                         "81"
                         "0a",
                         "0002"
                         "80"
                         "10" +
                             times(16, "01"),
                         "0001"
                         "00"
                         "00"
                         "0001"
                         "00"
                         "00"});
    expect_refused("APL", {"000120",
                           "0001"
                           "21"
                           "00",
                           "0001"
                           "20"
                           "05"
                           "0a00000101",
                           "0002"
                           "81"
                           "00",
                           "0001"
                           "08"
                           "02"
                           "0a"});
}

TEST(RecordOctets, Locations) {
    const std::string sizes =
        "00"
        "121613";
    expect_taken("LOC", {sizes + "80000000"
                                 "80000000"
                                 "00989680",
                         sizes + "934fd900"
                                 "a69fb200"
                                 "00000000",  // 90 and 180 degrees
                         sizes + "6cb02700"
                                 "59604e00"
                                 "ffffffff"});  // and as many the other way
    expect_refused("LOC", {sizes + "80000000"
                                   "80000000"
                                   "009896",
                           "01"
                           "121613"
                           "80000000"
                           "80000000"
                           "00989680",
                           "00"
                           "a21613"
                           "80000000"
                           "80000000"
                           "00989680",
                           "00"
                           "12161a"
                           "80000000"
                           "80000000"
                           "00989680",
                           sizes + "934fd901"
                                   "80000000"
                                   "00989680",
                           sizes + "6cb026ff"
                                   "80000000"
                                   "00989680",
                           sizes + "80000000"
                                   "a69fb201"
                                   "00989680",
                           sizes + "80000000"
                                   "59604dff"
                                   "00989680",
                           sizes + "80000000"
                                   "80000000"
                                   "0098968000"});
}

TEST(RecordOctets, Gateways) {
    expect_taken("IPSECKEY", {"0a0002",
                              "0a0102"
                              "0a000001"
                              "aa",
                              "0a0202" + times(16, "01") + "aa",
                              "0a0302"
                              "016100"
                              "aa"});
    expect_refused("IPSECKEY", {"0a00",
                                "0a0102"
                                "0a0000",
                                "0a0202" + times(15, "01"),
                                "0a0302"
                                "0161",
                                "0a0402"});
    expect_taken("HIP", {"01020001"
                         "aa"
                         "bb",
                         "01020001"
                         "aa"
                         "bb"
                         "016100"
                         "00"});
    expect_refused("HIP", {"010200",
                           "00020001"
                           "bb",
                           "01020001"
                           "aa",
                           "01020001"
                           "aa"
                           "bb"
                           "0161"});
    expect_taken("WKS", {"0a000001"
                         "06"});
    expect_refused("WKS", {"0a000001", "0a0000"});
}

std::vector<unsigned> octets_of(const std::string& text) {
    const auto record = parse_record(text, Name::from_text("ex").value(), 1);
    if (!record) return {};
    return {record->rdata.begin(), record->rdata.end()};
}

TEST(RecordOctets, OfHashesBitmapsAndTimes) {
    using ::testing::ElementsAre;
    EXPECT_THAT(octets_of("t NSEC3 1 0 1 - 0a0A0a0a"),
                ElementsAre(1, 0, 0, 1, 0, 5, 0x02, 0x80, 0xa0, 0x28, 0x0a));
    EXPECT_THAT(octets_of("t NSEC3 1 0 1 - vvvVvvv0 A MX"),
                ElementsAre(1, 0, 0, 1, 0, 5, 0xff, 0xff, 0xff, 0xff, 0xe0, 0, 2, 0x40, 1));
    EXPECT_THAT(octets_of("t NSEC . A TYPE769"), ElementsAre(0, 0, 1, 0x40, 3, 1, 0x40));
    const auto signature = octets_of("t RRSIG A 8 2 300 20240229000000 20240101000000 1 . AAAA");
    ASSERT_EQ(signature.size(), 22u);
    EXPECT_THAT(std::vector(signature.begin() + 8, signature.begin() + 16),
                ElementsAre(0x65, 0xdf, 0xc9, 0x00, 0x65, 0x92, 0x00, 0x80));
    EXPECT_THAT(octets_of("t RRSIG A 8 2 300 2024022900000x 20240101000000 1 . AAAA"),
                ::testing::IsEmpty());
}

TEST(RecordOctets, ADigestHasTheSizeOfItsType) {
    expect_taken("DS", {"00010801" + times(20, "aa"), "00010802" + times(32, "aa"),
                        "00010804" + times(48, "aa"),
                        "00010805"
                        "aa",
                        "00010800"
                        "aa"});
    expect_refused("DS", {"00010801"});
    for (const std::string type : {"DS", "CDS"})
        EXPECT_THAT(told(type, "00010804" + times(32, "aa")),
                    ::testing::EndsWith("the digest has 32 octets, one of type 4 has 48"));
    expect_taken("ZONEMD", {"00000001"
                            "0101" +
                                times(48, "aa"),
                            "00000001"
                            "0102" +
                                times(64, "aa"),
                            "00000001"
                            "0103"
                            "aa"});
    EXPECT_THAT(told("ZONEMD",
                     "00000001"
                     "0102" +
                         times(48, "aa")),
                ::testing::EndsWith("the digest has 48 octets, one of type 2 has 64"));
}

}  // namespace
}  // namespace peerzone::dns
