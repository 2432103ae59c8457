// How many questions with one name and type may be on their way to one endpoint over UDP, those of
// all workers together and whatever their flags: each of them is one more that a forged reply may
// happen to match (RFC 5452 5, the "birthday attack"). A table of counters of fixed size, by a hash
// that cannot be chosen from outside; names that share a counter are limited together, which costs
// the later one a stream. Any thread; relaxed atomics, no lock.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "peerzone/base/bytes.hpp"

namespace peerzone::upstream {

class DatagramLimit {
public:
    static constexpr unsigned kMax = 3;  ///< two bits hold it
    static constexpr std::size_t kCounters = 16384;

    /// A question on its way; counted while it lives. Must not outlive its DatagramLimit. Used on
    /// one thread.
    class Permit {
    public:
        Permit() noexcept = default;
        Permit(Permit&& other) noexcept
            : word_(std::exchange(other.word_, nullptr)), one_(other.one_) {}
        Permit& operator=(Permit&& other) noexcept {
            std::swap(word_, other.word_);
            std::swap(one_, other.one_);
            other.release();
            return *this;
        }
        ~Permit() { release(); }
        explicit operator bool() const noexcept { return word_ != nullptr; }
        void release() noexcept {
            if (auto* word = std::exchange(word_, nullptr))
                word->fetch_sub(one_, std::memory_order_relaxed);
        }

    private:
        friend class DatagramLimit;
        Permit(std::atomic<std::uint64_t>& word, std::uint64_t one) noexcept
            : word_(&word), one_(one) {}

        std::atomic<std::uint64_t>* word_ = nullptr;
        std::uint64_t one_ = 0;  // what the counter's unit is in its word
    };

    /// `name`: folded, in wire form.
    static std::uint64_t key_of(Bytes name, std::uint16_t type) noexcept;
    /// Without one when kMax are held already.
    Permit claim(std::uint64_t key) noexcept;
    /// Permits that are held; a look at the whole table.
    std::size_t held() const noexcept;

private:
    static constexpr unsigned kBits = 2;
    static constexpr std::size_t kPerWord = 64 / kBits;

    std::array<std::atomic<std::uint64_t>, kCounters / kPerWord> words_{};
};

}  // namespace peerzone::upstream
