// Names and data under another suffix: tables of what each side knows, then random names.
#include "peerzone/dns/renaming.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

#include "peerzone/dns/record.hpp"
#include "support/dns_wire.hpp"

namespace peerzone::dns {
namespace {

using testing::exact;
using testing::name;
using testing::Octets;
using testing::Wire;

std::string text(const std::optional<Name>& renamed) {
    return renamed ? renamed->to_text() : "too long";
}

struct Case {
    const char* here;
    const char* there;
    const char* client;  ///< as our clients know a name
    const char* owner;   ///< as the owner knows it
};

// Both ways, each of them.
const Case kCases[] = {
    {"westus.internal", "cluster.local", "db.svc.westus.internal", "db.svc.cluster.local"},
    {"westus.internal", "cluster.local", "westus.internal", "cluster.local"},
    {"WestUS.Internal", "cluster.local", "DB.svc.WestUS.Internal", "DB.svc.cluster.local"},
    {"westus.internal", "cluster.local", "*.svc.westus.internal", "*.svc.cluster.local"},
    {"westus.internal", "cluster.local", "_grpc._tcp.db.westus.internal",
     "_grpc._tcp.db.cluster.local"},
    {"westus.internal", "cluster.local", "a\\.b.westus.internal", "a\\.b.cluster.local"},
    {"westus.internal", "cluster.local", "www.example.com", "www.example.com"},
    {"westus.internal", "cluster.local", "xwestus.internal", "xwestus.internal"},
    {"westus.internal", "cluster.local", "internal", "internal"},
    {"westus.internal", "cluster.local", ".", "."},
    // A label that ends like the suffix, and one that holds its octets.
    {"internal", "cluster.local", "x\\008internal.test", "x\\008internal.test"},
    // One below the other: the swap is done once.
    {"westus.cluster.local", "cluster.local", "db.westus.cluster.local", "db.cluster.local"},
    {"westus.cluster.local", "cluster.local", "a.westus.westus.cluster.local",
     "a.westus.cluster.local"},
    {"internal", "k8s.internal", "db.internal", "db.k8s.internal"},
    {"internal", "k8s.internal", "db.k8s.internal", "db.k8s.k8s.internal"},
    // The root on one side.
    {".", "k8s.west.example", "db.svc", "db.svc.k8s.west.example"},
    {".", "k8s.west.example", ".", "k8s.west.example"},
    {"west.example", ".", "db.svc.west.example", "db.svc"},
    {"west.example", ".", "west.example", "."},
};

TEST(Renaming, NamesAreSwappedBothWays) {
    for (const Case& c : kCases) {
        const Renaming renaming(name(c.here), name(c.there));
        EXPECT_FALSE(renaming.is_identity());
        EXPECT_EQ(text(renaming.to_owner(name(c.client))), c.owner) << c.client;
        EXPECT_EQ(text(renaming.to_client(name(c.owner))), c.client) << c.owner;
    }
}

TEST(Renaming, SuffixesCompareWithoutCaseAndKeptLabelsKeepTheirs) {
    const Renaming renaming(name("westus.internal"), name("Cluster.Local"));
    EXPECT_EQ(text(renaming.to_owner(name("DB.Svc.WESTUS.internal"))), "DB.Svc.Cluster.Local");
    EXPECT_EQ(text(renaming.to_client(name("DB.Svc.cLUSTER.local"))), "DB.Svc.westus.internal");
}

TEST(Renaming, WithoutTwoSuffixesNothingChanges) {
    const Renaming same[] = {Renaming(), Renaming(name("cluster.local"), name("Cluster.Local"))};
    for (const Renaming& renaming : same) {
        EXPECT_TRUE(renaming.is_identity());
        for (const char* each : {".", "cluster.local", "DB.cluster.LOCAL", "example.com"}) {
            EXPECT_EQ(text(renaming.to_owner(name(each))), each);
            EXPECT_EQ(text(renaming.to_client(name(each))), each);
        }
    }
    Octets out(16);
    const Octets broken = {5, 'a'};
    const RenamedRdata copied = same[0].rdata_to_client(type::cname, broken, out);
    EXPECT_EQ(copied.error, RenameError::none) << "there is nothing to look for";
    EXPECT_EQ(exact(Bytes(out).first(copied.size)), broken);
}

TEST(Renaming, NamesBelowAnExceptionAreTheSameOnBothSides) {
    const Renaming renaming(name("westus.internal"), name("cluster.local"),
                            {name("westus.svc.cluster.local"), name("Public.westus.internal")});
    for (const char* each : {"westus.svc.cluster.local", "DB.WestUS.svc.cluster.local"})
        EXPECT_EQ(text(renaming.to_client(name(each))), each);
    for (const char* each : {"public.westus.internal", "www.public.westus.internal"})
        EXPECT_EQ(text(renaming.to_owner(name(each))), each);
    EXPECT_EQ(text(renaming.to_client(name("db.svc.cluster.local"))), "db.svc.westus.internal");
    EXPECT_EQ(text(renaming.to_client(name("xwestus.svc.cluster.local"))),
              "xwestus.svc.westus.internal");
    EXPECT_EQ(text(renaming.to_owner(name("db.westus.internal"))), "db.cluster.local");
}

// A name of `size` octets whose last labels are `suffix`.
Name long_name(std::size_t size, const Name& suffix) {
    Name result = suffix;
    const Octets octets(kLabelMax, 'x');
    for (std::size_t left = size - suffix.size(); left > 0;) {
        std::size_t label = std::min<std::size_t>(left, kLabelMax + 1);
        if (left - label == 1) --label;  // a label has two octets at least
        result = result.child(Bytes(octets).first(label - 1)).value();
        left -= label;
    }
    EXPECT_EQ(result.size(), size);
    return result;
}

TEST(Renaming, ANameMayFillAllOctetsAndNotOneMore) {
    const Name shorter = name("w.test");
    const Name longer = name("cluster.west.test");
    const std::size_t growth = longer.size() - shorter.size();
    const Renaming grows_there(shorter, longer);
    const Renaming grows_here(longer, shorter);
    const Name fits = long_name(kNameMax - growth, shorter);
    const Name does_not = long_name(kNameMax - growth + 1, shorter);
    ASSERT_TRUE(grows_there.to_owner(fits));
    EXPECT_EQ(grows_there.to_owner(fits)->size(), kNameMax);
    EXPECT_FALSE(grows_there.to_owner(does_not));
    ASSERT_TRUE(grows_here.to_client(fits));
    EXPECT_EQ(grows_here.to_client(fits)->size(), kNameMax);
    EXPECT_FALSE(grows_here.to_client(does_not));
    const Name foreign = long_name(kNameMax, name("other.test"));
    EXPECT_TRUE(grows_there.to_owner(foreign));
}

Octets rename(const Renaming& renaming, std::uint16_t type, const Octets& rdata, bool to_client,
              RenameError expected = RenameError::none, std::size_t room = kRdataMax) {
    Octets out(room, 0xee);
    const Octets in = exact(rdata);
    const RenamedRdata renamed = to_client ? renaming.rdata_to_client(type, in, out)
                                           : renaming.rdata_to_owner(type, in, out);
    EXPECT_EQ(renamed.error, expected) << "type " << type;
    if (renamed.error != RenameError::none) {
        EXPECT_EQ(renamed.size, 0u);
    }
    out.resize(renamed.size);
    return out;
}

struct Data {
    std::uint16_t type;
    Octets before;
    unsigned names;
    Octets after;
};

// Every type that has names in its data (RFC 1035, 1183, 1706, 2163, 2230, 2782, 3403, 6672, 9460).
std::vector<Data> all_data() {
    const Octets numbers = {0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5};
    // Of the order, the preference, and three character-strings, one of which looks like a name.
    const Octets naptr = {0, 1, 0, 2, 1, 's', 4, 1, 'a', 1, 'b', 0};
    // alpn=h2, and an unknown key whose value is as long as a name would be.
    const Octets parameters = {0, 1, 0, 3, 2, 'h', '2', 2, 0, 0, 2, 1, 0};
    return {{type::cname, {}, 1, {}},
            {type::dname, {}, 1, {}},
            {type::ns, {}, 1, {}},
            {type::ptr, {}, 1, {}},
            {3, {}, 1, {}},
            {4, {}, 1, {}},
            {7, {}, 1, {}},
            {8, {}, 1, {}},
            {9, {}, 1, {}},
            {type::soa, {}, 2, numbers},
            {14, {}, 2, {}},
            {type::mx, {0, 10}, 1, {}},
            {17, {}, 2, {}},
            {18, {0, 1}, 1, {}},
            {21, {0, 1}, 1, {}},
            {26, {0, 1}, 2, {}},
            {type::srv, {0, 1, 0, 2, 0x1f, 0x90}, 1, {}},
            {35, naptr, 1, {}},
            {36, {0, 1}, 1, {}},
            {type::svcb, {0, 1}, 1, {}},
            {type::svcb, {0, 1}, 1, parameters},
            {type::https, {0, 0}, 1, {}},
            {type::https, {0, 1}, 1, parameters}};
}

Octets write(const Data& data, const char* first, const char* second) {
    Wire wire;
    wire.raw(data.before);
    for (unsigned i = 0; i < data.names; ++i) wire.name(i == 0 ? first : second);
    return wire.raw(data.after).octets();
}

TEST(RenamingRdata, EveryNameOfEveryTypeIsSwappedBothWays) {
    const Renaming renaming(name("westus.internal"), name("cluster.local"),
                            {name("westus.svc.cluster.local")});
    for (const Data& data : all_data()) {
        const Octets client = write(data, "Db.westus.internal", "a.b.westus.internal");
        const Octets owner = write(data, "Db.cluster.local", "a.b.cluster.local");
        EXPECT_EQ(rename(renaming, data.type, client, false), owner) << data.type;
        EXPECT_EQ(rename(renaming, data.type, owner, true), client) << data.type;
        const Octets mixed = write(data, "www.example.com", "a.westus.internal");
        EXPECT_EQ(rename(renaming, data.type, mixed, true), mixed) << data.type;
        const Octets excepted =
            write(data, "x.westus.svc.cluster.local", "y.westus.svc.cluster.local");
        EXPECT_EQ(rename(renaming, data.type, excepted, true), excepted) << data.type;
    }
}

TEST(RenamingRdata, TypesWithoutNamesAreCopied) {
    const Renaming renaming(name("westus.internal"), name("cluster.local"));
    const Octets looks_like_a_name = Wire().name("db.cluster.local").octets();
    for (const std::uint16_t type : {type::txt, type::ds, std::uint16_t{1000}})
        EXPECT_EQ(rename(renaming, type, looks_like_a_name, true), looks_like_a_name);
    EXPECT_EQ(rename(renaming, type::a, {10, 0, 0, 1}, true), (Octets{10, 0, 0, 1}));
    EXPECT_EQ(rename(renaming, type::txt, {}, true), Octets{});
    const Octets largest(65535, 1);
    EXPECT_EQ(rename(renaming, type::txt, largest, true), largest);
}

TEST(RenamingRdata, TheRootThatStandsForNoNameStays) {
    for (const Renaming& renaming :
         {Renaming(name("west.example"), name(".")), Renaming(name("."), name("west.example"))}) {
        for (const Data& data : all_data()) {
            const bool is_null = data.type == type::mx || data.type == type::srv ||
                                 data.type == 35 || data.type == type::svcb ||
                                 data.type == type::https;
            const Octets root = write(data, ".", ".");
            const bool to_client = renaming.there().is_root();
            const Octets swapped = write(data, "west.example", "west.example");
            EXPECT_EQ(rename(renaming, data.type, root, to_client), is_null ? root : swapped)
                << data.type;
        }
    }
}

TEST(RenamingRdata, DataThatIsCutOrTooLongForItsTypeIsMalformed) {
    const Renaming renaming(name("westus.internal"), name("cluster.local"));
    for (const Data& data : all_data()) {
        const Octets whole = write(data, "db.cluster.local", "a.cluster.local");
        const bool is_open = data.type == type::svcb || data.type == type::https;
        const std::size_t least = is_open ? whole.size() - data.after.size() : whole.size();
        for (std::size_t size = 0; size < least; ++size)
            rename(renaming, data.type, exact(Bytes(whole).first(size)), true,
                   RenameError::malformed);
        Octets more = whole;
        more.push_back(0);
        if (!is_open) rename(renaming, data.type, more, true, RenameError::malformed);
    }
    rename(renaming, type::cname, {0xc0, 12}, true, RenameError::malformed);
    rename(renaming, type::cname, Octets(300, 1), true, RenameError::malformed);
    Octets overlong;  // 128 labels of one octet: 257 with the root
    for (int i = 0; i < 128; ++i) overlong.insert(overlong.end(), {1, 'a'});
    overlong.push_back(0);
    rename(renaming, type::cname, overlong, true, RenameError::malformed);
}

TEST(RenamingRdata, WhatDoesNotFitIsAnError) {
    const Name shorter = name("w.test");
    const Name longer = name("cluster.west.test");
    const Renaming renaming(longer, shorter);
    const std::size_t growth = longer.size() - shorter.size();
    const Name fits = long_name(kNameMax - growth, shorter);
    const Name does_not = long_name(kNameMax - growth + 1, shorter);
    EXPECT_EQ(rename(renaming, type::cname, exact(fits.wire()), true).size(), kNameMax);
    rename(renaming, type::cname, exact(does_not.wire()), true, RenameError::too_long);

    // HTTPS with parameters: the whole of the data may be 65,535 octets.
    const Name target = name("db.w.test");
    for (const std::size_t excess : {0u, 1u}) {
        Octets rdata = Wire().u16(1).raw(target.wire()).octets();
        rdata.resize(65535 - growth + excess, 7);
        rename(renaming, type::https, rdata, true,
               excess == 0 ? RenameError::none : RenameError::too_long);
    }
    const Octets srv = Wire().raw({0, 1, 0, 2, 0, 3}).raw(target.wire()).octets();
    const std::size_t size = srv.size() + growth;
    EXPECT_EQ(rename(renaming, type::srv, srv, true, RenameError::none, size).size(), size);
    for (std::size_t room = 0; room < size; ++room)
        rename(renaming, type::srv, srv, true, RenameError::too_long, room);
}

// Labels of few letters, so that names fall below suffixes and suffixes below each other by chance.
struct RandomNames {
    std::mt19937 random{20260101};

    unsigned below(unsigned bound) { return static_cast<unsigned>(random() % bound); }
    std::uint8_t octet() { return static_cast<std::uint8_t>("aAbB*_\0"[below(7)]); }
    Name under(Name suffix, unsigned labels_max) {
        for (unsigned i = below(labels_max + 1); i > 0; --i) {
            const std::uint8_t label[] = {octet(), octet()};
            const auto longer = suffix.child(Bytes(label).first(1 + below(2)));
            if (longer) suffix = *longer;
        }
        return suffix;
    }
};

TEST(Renaming, RandomNamesComeBackAsTheyWere) {
    RandomNames names;
    for (int round = 0; round < 20000; ++round) {
        const Name here = names.under(Name(), 3);
        // A third of the pairs lie below each other.
        const Name there = names.under(names.below(3) == 0 ? here : Name(), 3);
        const Renaming renaming =
            names.below(2) == 0 ? Renaming(here, there) : Renaming(there, here);
        const Name client = names.under(renaming.here(), 5);
        const std::optional<Name> owner = renaming.to_owner(client);
        ASSERT_TRUE(owner);
        ASSERT_TRUE(owner->is_under(renaming.there()));
        const std::optional<Name> back = renaming.to_client(*owner);
        ASSERT_TRUE(back);
        ASSERT_EQ(exact(back->wire()), exact(client.wire()))
            << here.to_text() << " <-> " << there.to_text();

        const Octets rdata = exact(client.wire());
        ASSERT_EQ(rename(renaming, type::cname, rdata, false), exact(owner->wire()));
        ASSERT_EQ(rename(renaming, type::cname, exact(owner->wire()), true), rdata);

        const Name any = names.under(Name(), 5);
        if (!any.is_under(renaming.here())) {
            ASSERT_EQ(exact(renaming.to_owner(any)->wire()), exact(any.wire()));
        }
        if (!any.is_under(renaming.there())) {
            ASSERT_EQ(exact(renaming.to_client(any)->wire()), exact(any.wire()));
        }
    }
}

// Whatever stands in the data: an error, or sound data that is within its bounds.
TEST(RenamingRdata, RandomDataIsRefusedOrStaysSound) {
    RandomNames names;
    const Renaming renaming(name("a"), name("b.a"));
    const std::vector<Data> types = all_data();
    for (int round = 0; round < 20000; ++round) {
        const std::uint16_t type = types[names.below(static_cast<unsigned>(types.size()))].type;
        Octets rdata(names.below(40));
        for (std::uint8_t& octet : rdata)
            octet = static_cast<std::uint8_t>("\0\0\1\1\2a"[names.below(6)]);
        Octets out(kRdataMax);
        const RenamedRdata renamed = renaming.rdata_to_client(type, exact(rdata), out);
        ASSERT_NE(renamed.error, RenameError::too_long);
        if (type == type::svcb || type == type::https) continue;
        ASSERT_EQ(renamed.error == RenameError::none, is_sound_rdata(type, rdata));
        if (renamed.error == RenameError::none) {
            ASSERT_TRUE(is_sound_rdata(type, Bytes(out).first(renamed.size)));
        }
    }
}

}  // namespace
}  // namespace peerzone::dns
