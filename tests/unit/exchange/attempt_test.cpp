#include "peerzone/exchange/attempt.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/upstream_message.hpp"

namespace peerzone::exchange {
namespace {

TEST(AttemptName, IsMixedSoThatALoopIsTold) {
    Random random;
    const dns::Name name = dns::Name::from_text("db-0.west.svc").value();
    Attempt attempt;
    for (int i = 0; i < 100'000; ++i) {
        attempt.set_name(name.wire(), &random);
        ASSERT_TRUE(dns::equal_folded(attempt.name(), name.wire()));
        ASSERT_TRUE(dns::has_mixed_case(attempt.name()));
    }
    EXPECT_TRUE(attempt.case_is_mixed());
    attempt.set_name(name.wire(), nullptr);
    EXPECT_TRUE(std::ranges::equal(attempt.name(), name.wire()));
    EXPECT_FALSE(attempt.case_is_mixed());
}

TEST(AttemptName, WithoutNeighbouringLettersIsSentAllTheSame) {
    Random random;
    const dns::Name name = dns::Name::from_text("4.3.2.a").value();
    Attempt attempt;
    bool upper = false;
    bool lower = false;
    for (int i = 0; i < 1000; ++i) {
        attempt.set_name(name.wire(), &random);
        (std::ranges::equal(attempt.name(), name.wire()) ? lower : upper) = true;
    }
    EXPECT_TRUE(upper && lower);
}

}  // namespace
}  // namespace peerzone::exchange
