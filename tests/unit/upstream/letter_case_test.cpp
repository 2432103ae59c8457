// Servers that change or compare letter case, and those that do not.
#include "peerzone/upstream/letter_case.hpp"

#include <gtest/gtest.h>

#include "peerzone/upstream/case_doubt.hpp"

namespace peerzone::upstream {
namespace {

using std::chrono::minutes;
constexpr Time kNow{Seconds(9000)};

exchange::CheckedReply reply(exchange::ReplyKind kind, dns::Rcode rcode = dns::Rcode::noerror,
                             unsigned links = 0) {
    exchange::CheckedReply checked;
    checked.kind = kind;
    checked.rcode = rcode;
    checked.links = links;
    return checked;
}
const exchange::CheckedReply kData = reply(exchange::ReplyKind::data);
const exchange::CheckedReply kEmpty = reply(exchange::ReplyKind::nodata);
const exchange::CheckedReply kNoName = reply(exchange::ReplyKind::nxdomain, dns::Rcode::nxdomain);
const exchange::CheckedReply kServfail = reply(exchange::ReplyKind::failure, dns::Rcode::servfail);
const exchange::CheckedReply kRefused = reply(exchange::ReplyKind::failure, dns::Rcode::refused);

TEST(LetterCaseTest, UntilMixedCaseWasTakenEachDenialIsDoubted) {
    LetterCase letters;
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(letters.claim_doubt(kNow));
    letters.note_taken();
    EXPECT_TRUE(letters.claim_doubt(kNow));
    EXPECT_FALSE(letters.claim_doubt(kNow)) << "then one each second";
    EXPECT_FALSE(letters.claim_doubt(kNow + Millis(999)));
    EXPECT_TRUE(letters.claim_doubt(kNow + Seconds(1)));
}

TEST(LetterCaseTest, ThreeNamesFoundInPlainCaseOnlySwitchItOffForAnHour) {
    LetterCase letters;
    EXPECT_FALSE(letters.note_compared(kNow));
    EXPECT_FALSE(letters.note_compared(kNow));
    EXPECT_TRUE(letters.may_mix(kNow));
    EXPECT_TRUE(letters.note_compared(kNow));
    EXPECT_FALSE(letters.may_mix(kNow + minutes(59)));
    EXPECT_TRUE(letters.may_mix(kNow + minutes(60)));
}

TEST(LetterCaseTest, AfterThatHourItIsLearnedAnew) {
    LetterCase letters;
    letters.note_taken();
    for (int i = 0; i < 3; ++i) letters.note_compared(kNow);
    const Time later = kNow + minutes(60);
    EXPECT_FALSE(letters.is_taken());
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(letters.claim_doubt(later));
    EXPECT_FALSE(letters.note_compared(later));
    EXPECT_TRUE(letters.may_mix(later)) << "it takes three again";
}

TEST(LetterCaseTest, AServerThatWasReplacedByOneThatComparesIsFound) {
    LetterCase letters;
    letters.note_taken();
    ASSERT_TRUE(letters.claim_doubt(kNow));
    letters.note_compared(kNow);
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(letters.claim_doubt(kNow)) << "now each one is";
    letters.note_compared(kNow);
    EXPECT_TRUE(letters.note_compared(kNow));
}

TEST(LetterCaseTest, NamesThatCameIntoBeingInBetweenAreNoProof) {
    LetterCase letters;
    letters.note_taken();
    for (int i = 0; i < 20; ++i)
        EXPECT_FALSE(letters.note_compared(kNow + i * minutes(1))) << "far from each other";
    EXPECT_FALSE(letters.was_compared(kNow + minutes(30)));
}

TEST(LetterCaseTest, ChangedCaseIsCountedApart) {
    LetterCase letters;
    EXPECT_FALSE(letters.note_changed(kNow));
    EXPECT_FALSE(letters.note_compared(kNow));
    EXPECT_FALSE(letters.note_changed(kNow));
    EXPECT_FALSE(letters.note_compared(kNow));
    EXPECT_TRUE(letters.note_changed(kNow));
}

TEST(CaseDoubtTest, WhateverIsNoDataMayBeForTheCase) {
    EXPECT_EQ(doubt_of(kData), CaseDoubt::none);
    EXPECT_EQ(doubt_of(kEmpty), CaseDoubt::empty);
    EXPECT_EQ(doubt_of(kNoName), CaseDoubt::denied);
    EXPECT_EQ(doubt_of(kServfail), CaseDoubt::failed);
    EXPECT_EQ(doubt_of(kRefused), CaseDoubt::refused);
    EXPECT_EQ(doubt_of(reply(exchange::ReplyKind::no_edns, dns::Rcode::formerr)),
              CaseDoubt::refused);
    EXPECT_EQ(doubt_of(reply(exchange::ReplyKind::truncated)), CaseDoubt::none);
    EXPECT_EQ(doubt_of(reply(exchange::ReplyKind::invalid)), CaseDoubt::none);
    EXPECT_EQ(doubt_of(reply(exchange::ReplyKind::nxdomain, dns::Rcode::nxdomain, 1)),
              CaseDoubt::none)
        << "the alias was found";
}

TEST(CaseDoubtTest, ItWasTheCaseWhenPlainCaseGetsMore) {
    EXPECT_TRUE(confirms(CaseDoubt::empty, kData));
    EXPECT_FALSE(confirms(CaseDoubt::empty, kNoName));
    EXPECT_TRUE(confirms(CaseDoubt::denied, kData));
    EXPECT_TRUE(confirms(CaseDoubt::denied, kEmpty)) << "the name exists";
    EXPECT_FALSE(confirms(CaseDoubt::denied, kNoName));
    EXPECT_TRUE(confirms(CaseDoubt::refused, kNoName));
    EXPECT_FALSE(confirms(CaseDoubt::refused, kRefused));
    EXPECT_FALSE(confirms(CaseDoubt::refused, kServfail));
    EXPECT_FALSE(confirms(CaseDoubt::none, kData));
}

TEST(CaseDoubtTest, AServfailThatPassesIsNotForTheCase) {
    LetterCase letters;
    letters.note_taken();
    for (int i = 0; i < 10; ++i) EXPECT_FALSE(learn_case(letters, CaseDoubt::failed, kData, kNow));
    EXPECT_FALSE(letters.was_compared(kNow));
    letters.forget_taken();
    learn_case(letters, CaseDoubt::failed, kData, kNow);
    learn_case(letters, CaseDoubt::failed, kData, kNow);
    EXPECT_TRUE(learn_case(letters, CaseDoubt::failed, kData, kNow));
}

}  // namespace
}  // namespace peerzone::upstream
