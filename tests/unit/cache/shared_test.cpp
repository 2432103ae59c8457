// The cache between threads, and what a hit costs the heap.
#include <atomic>
#include <cstdlib>
#include <new>
#include <thread>

#include "cache_support.hpp"

namespace {
std::atomic<std::uint64_t> g_allocations{0};
}

// Counted for the whole test program; the array forms come here too.
void* operator new(std::size_t size) {
    g_allocations.fetch_add(1, std::memory_order_relaxed);
    if (void* block = std::malloc(size == 0 ? 1 : size)) return block;
    throw std::bad_alloc();
}
void operator delete(void* block) noexcept {
    std::free(block);
}
void operator delete(void* block, std::size_t) noexcept {
    std::free(block);
}

namespace peerzone::cache::testing {
namespace {

struct SharedTest : Fixture {};

TEST_F(SharedTest, FindingAllocatesNothing) {
    std::vector<Question> questions;
    for (std::uint64_t i = 0; i < 100; ++i) questions.emplace_back(i);
    for (std::size_t i = 0; i < 50; ++i) cache.store(questions[i].key(), PlainA().value(60s), now);
    const std::uint64_t before = g_allocations.load();
    const std::size_t heap_before = heap_in_use();
    std::size_t hits = 0;
    for (int round = 0; round < 100; ++round)
        for (const Question& question : questions) hits += find(question.key());
    const std::size_t heap_after = heap_in_use();
    EXPECT_EQ(g_allocations.load(), before);
    EXPECT_EQ(heap_after, heap_before);
    EXPECT_EQ(hits, 5000u);
    const std::vector<int> one_more(1);
    EXPECT_GT(g_allocations.load(), before) << "the counter counts";
}

TEST_F(SharedTest, ManyThreadsSeeOnlyWholeAnswersUnderTheirOwnKeys) {
    constexpr std::size_t kSize = 1u << 20;
    constexpr int kThreads = 4;
    constexpr std::uint64_t kSteps = 20'000;
    Cache shared({.size_bytes = kSize});
    std::atomic<std::uint64_t> wrong{0}, hits{0}, most{0};
    const auto work = [&](std::uint64_t seed) {
        std::vector<std::uint8_t> buffer(600);
        Hit found{};
        std::uint64_t random = seed;
        for (std::uint64_t step = 0; step < kSteps; ++step) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            // Half of the questions are for a few names, so that threads meet.
            const std::uint64_t number = (random >> 40) % (random >> 63 ? 50 : 20'000);
            const Question question(number);
            const Time time = kStart + Millis(step);
            const auto address = static_cast<std::uint32_t>(number);
            switch (random >> 33 & 15) {
                case 0: shared.erase(question.key()); break;
                case 1:
                    shared.store_failure(question.key(), "down", dns::Rcode::servfail, 1, time);
                    break;
                case 2: shared.forget_failure(question.key()); break;
                case 3: most = std::max<std::uint64_t>(most, shared.stats().bytes); break;
                case 4:
                case 5:
                    shared.store(question.key(), PlainA(9, address).value(Millis(random >> 52)),
                                 time);
                    break;
                default:
                    if (shared.find(question.key(), time, buffer, found)) {
                        ++hits;
                        wrong += found.info.size != 16 || load_u32(buffer.data() + 12) != address ||
                                 load_u32(buffer.data() + 6) > 9;
                    } else {
                        shared.store(question.key(), PlainA(9, address).value(5s), time);
                    }
            }
        }
    };
    std::vector<std::thread> threads;
    threads.reserve(kThreads);
    for (int i = 0; i < kThreads; ++i) threads.emplace_back(work, 77 + i);
    for (int i = 0; i < 40; ++i) {
        shared.configure({.size_bytes = kSize - (i % 4) * (kSize / 8)});
        if (i % 10 == 9) shared.clear();
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong.load(), 0u);
    EXPECT_GT(hits.load(), kSteps / 10);
    EXPECT_LE(most.load(), kSize);
    EXPECT_GT(shared.stats().entries, 0u);
}

}  // namespace
}  // namespace peerzone::cache::testing
