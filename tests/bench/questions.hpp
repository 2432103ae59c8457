// The questions of a workload, in the order in which they are asked.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "synthetic_answers.hpp"

namespace peerzone::bench {

struct Question {
    std::array<std::uint8_t, 190> octets;  ///< ID 0
    std::uint8_t size = 0;
    std::uint8_t name_size = 0;
    SyntheticAnswer expected = SyntheticAnswer::address;
};

struct QuestionOptions {
    bool edns = false;      ///< OPT with 1232 octets and no options
    bool in_order = false;  ///< each of the set's questions once, then again: warms a cache
    std::uint32_t first =
        0;  ///< where the numbers of new names start: each round takes names of its own
};

class Questions {
public:
    /// Sets: hit (1,000 names), zipf (10,000 names, popularity 1/rank), miss (each question a new
    /// name), search_list (200 names, each asked as ndots:5 does: four that do not exist, then the
    /// name), srv, big (60 addresses), flood (zipf, but behind each of its questions come nine new
    /// names). Nothing: no such set.
    static std::optional<Questions> make(std::string_view set, const QuestionOptions& options);

    /// The next one; valid until the next call.
    const Question& next() noexcept;

    /// How many different questions there are, new names aside; 0: there are only new names.
    std::size_t size() const noexcept { return questions_.size(); }

private:
    const Question& next_new() noexcept;

    std::vector<Question> questions_;
    std::vector<std::uint32_t> order_;  // indexes into questions_; empty: one after the other
    std::size_t at_ = 0;
    std::vector<Question> new_;  // taken in turn; the eight digits of the first label count up
    std::uint32_t number_ = 0;
    unsigned new_in_row_ = 0;  // how many new names stand behind each of questions_
    unsigned new_left_ = 0;
};

}  // namespace peerzone::bench
