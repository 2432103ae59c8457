// The path of a hit allocates nothing.
#include <gtest/gtest.h>

#include <array>

#include "peerzone/dns/renaming.hpp"
#include "support/count_allocations.hpp"
#include "support/dns_reply.hpp"

namespace peerzone::dns {
namespace {

using testing::name;
using testing::Octets;
using testing::question;
using testing::Wire;

TEST(Allocations, AreCounted) {
    const std::size_t before = allocations;
    const auto block = std::make_unique<std::array<int, 4>>();
    EXPECT_EQ((*block)[0], 0);
    EXPECT_EQ(allocations - before, 1u);
}

TEST(Allocations, NoneFromQuestionToReply) {
    const Octets asked = question("WwW.WestUS.svc.cluster.local", type::a, 1)
                             .opt(1232, 0, Octets{0, 10, 0, 2, 1, 2})
                             .octets();
    const Name owner = name("www.westus.svc.cluster.local");
    const Name target = name("db.westus.svc.cluster.local");
    const Octets source = Wire()
                              .header(1, 0x8000, 0)
                              .name("ns.a")
                              .name("b.a")
                              .record(type::mx, 1, Octets{0, 1, 0xc0, 12})
                              .octets();
    const ExtendedError error{.code = ede::stale, .text = "peer=westus down"};
    std::array<std::uint8_t, kUdpEdnsMax> message;
    std::size_t size = 0;

    const std::size_t before = allocations;
    for (std::uint32_t round = 0; round < 100; ++round) {
        Query query;
        if (parse_query(asked, query) != Verdict::ok) break;
        const Query waiter(query);
        BodyWriter writer(message, body_limit(query, true), query.name());
        writer.add(Section::answer, owner.wire(), type::cname, 5, target.wire());
        for (unsigned i = 0; i < 100; ++i) {
            const std::array<std::uint8_t, 4> address = {10, 0, 0, static_cast<std::uint8_t>(i)};
            if (!writer.add(Section::answer, target.wire(), type::a, 5, address)) break;
        }
        rotate_addresses(message, kHeaderSize + query.question_size(), writer.info(), round);
        size = finish_reply(message, waiter, writer.info(), {.error = &error},
                            size_limit(query, true));

        writer.reset();
        Reader reader(source, kHeaderSize + 6);
        Record record;
        if (!reader.read_record(record)) break;
        writer.add_from(source, record, Section::answer, 1);
        std::array<std::uint8_t, 290> upstream;
        write_question(upstream, 1, {.name = query.name(), .type = query.type}, true);
        (void)target.with_suffix(owner.parent(), owner);
        (void)owner.is_under(target);
    }
    const std::size_t during = allocations - before;

    EXPECT_EQ(during, 0u);
    EXPECT_GT(size, kUdpEdnsMax - 40) << "the reply was a full one";
}

TEST(Allocations, NoneForWhatIsRefused) {
    const Octets bad[] = {question("a", type::tsig, 1).opt(1232, 0).octets(),
                          question("a", type::a, 1).opt(1232, 1u << 16).octets(),
                          question("a", type::a).u8(0).octets(),
                          Wire().header(1, 0x2800, 0).octets()};
    std::array<std::uint8_t, 512> message;
    std::size_t answered = 0;
    const std::size_t before = allocations;
    for (const Octets& octets : bad) {
        Query query;
        if (parse_query(octets, query) == Verdict::ok) continue;
        answered += write_empty_reply(message, query, {.rcode = Rcode::formerr}, 512) != 0 ? 1 : 0;
    }
    const std::size_t during = allocations - before;
    EXPECT_EQ(during, 0u);
    EXPECT_EQ(answered, 4u);
}

TEST(Allocations, NoneToRenameNamesAndData) {
    const Renaming renaming(name("westus.internal"), name("cluster.local"),
                            {name("westus.svc.cluster.local")});
    const Name owner = name("db.svc.cluster.local");
    const Octets rdata = Wire().raw({0, 1, 0, 2, 0, 3}).raw(owner.wire()).octets();
    Octets out(kRdataMax);
    const std::size_t before = allocations;
    bool ok = renaming.to_client(owner).has_value() && renaming.to_owner(owner).has_value();
    ok = ok && renaming.rdata_to_client(type::srv, rdata, out).error == RenameError::none;
    EXPECT_EQ(allocations, before);
    EXPECT_TRUE(ok);
}

}  // namespace
}  // namespace peerzone::dns
