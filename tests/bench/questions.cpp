#include "questions.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>

namespace peerzone::bench {
namespace {

// The search list of a pod in namespace `default` whose node adds a domain of its own.
constexpr std::array kSearchList = {".default.svc.cluster.local", ".svc.cluster.local",
                                    ".cluster.local", ".corp.example"};
constexpr char kHexDigits[] = "0123456789abcdef";
constexpr unsigned kSizes = 16;
constexpr unsigned kNewInRow = 9;  // runner.py counts on it

Question make_question(const std::string& name, std::uint16_t type, bool edns) {
    Question question;
    question.octets.fill(0);
    std::uint8_t* octets = question.octets.data();
    octets[2] = 1;  // RD
    octets[5] = 1;  // QDCOUNT
    std::size_t at = kHeader;
    for (std::size_t start = 0; start < name.size();) {
        const std::size_t end = std::min(name.find('.', start), name.size());
        octets[at++] = static_cast<std::uint8_t>(end - start);
        std::memcpy(octets + at, name.data() + start, end - start);
        at += end - start;
        start = end + 1;
    }
    ++at;  // the root
    question.name_size = static_cast<std::uint8_t>(at - kHeader);
    write16(octets + at, type);
    write16(octets + at + 2, 1);
    at += 4;
    if (edns) {
        octets[11] = 1;
        write16(octets + at + 1, kTypeOpt);
        write16(octets + at + 3, 1232);
        at += 11;
    }
    question.size = static_cast<std::uint8_t>(at);
    question.expected = synthetic_answer({octets + kHeader, question.name_size}, type);
    return question;
}

std::string numbered(const char* pattern, unsigned number) {
    char text[128];
    std::snprintf(text, sizeof text, pattern, number);
    return text;
}

// 131,072 draws: long enough that the order does not repeat within a batch or a cache line's life.
// A fixed seed: every server gets the same.
std::vector<std::uint32_t> zipf_order(std::size_t names) {
    std::vector<double> sums(names);
    double sum = 0;
    for (std::size_t i = 0; i < names; ++i) sums[i] = sum += 1.0 / static_cast<double>(i + 1);
    std::mt19937 random(1);
    std::uniform_real_distribution<double> draw(0, sum);
    std::vector<std::uint32_t> order(1u << 17);
    for (auto& index : order) {
        const auto rank = std::lower_bound(sums.begin(), sums.end(), draw(random)) - sums.begin();
        index = static_cast<std::uint32_t>(
            std::min<std::ptrdiff_t>(rank, static_cast<std::ptrdiff_t>(names) - 1));
    }
    return order;
}

}  // namespace

std::optional<Questions> Questions::make(std::string_view set, const QuestionOptions& options) {
    Questions made;
    const auto add = [&](const std::string& name, std::uint16_t type) {
        made.questions_.push_back(make_question(name, type, options.edns));
    };
    const unsigned sizes = set == "miss_sizes" ? kSizes : 1;
    for (unsigned i = 0; i < sizes; ++i)  // names of one size after the other: 5 is prime to 16
        made.new_.push_back(make_question(
            "n00000000" + std::string(i * 5 % sizes, 'x') + ".pods.westus.svc.cluster.local",
            kTypeA, options.edns));
    made.number_ = options.first;
    if (set == "hit" || set == "zipf" || set == "flood") {
        const unsigned count = set == "hit" ? 1000 : 10000;
        for (unsigned i = 0; i < count; ++i)
            add(numbered("pod-%05u.cockroachdb.westus.svc.cluster.local", i), kTypeA);
        if (set != "hit" && !options.in_order) made.order_ = zipf_order(count);
        if (set == "flood") made.new_in_row_ = kNewInRow;
    } else if (set == "miss" || set == "miss_sizes") {
        return made;
    } else if (set == "search_list") {
        for (unsigned i = 0; i < 200; ++i) {
            const std::string name = numbered("pod-%05u.cockroachdb.westus.svc.cluster.local", i);
            for (const char* suffix : kSearchList) add(name + suffix, kTypeA);
            add(name, kTypeA);
        }
    } else if (set == "srv") {
        for (unsigned i = 0; i < 200; ++i)
            add(numbered("_sql._tcp.db%05u.westus.svc.cluster.local", i), kTypeSrv);
    } else if (set == "big") {
        for (unsigned i = 0; i < 20; ++i)
            add(numbered("big.set%05u.westus.svc.cluster.local", i), kTypeA);
    } else {
        return std::nullopt;
    }
    return made;
}

const Question& Questions::next_new() noexcept {
    Question& made = new_[number_ % new_.size()];
    std::uint32_t rest = number_++;
    for (std::size_t digit = 8; digit > 0; --digit, rest >>= 4)
        made.octets[kHeader + 1 + digit] = static_cast<std::uint8_t>(kHexDigits[rest & 15]);
    return made;
}

const Question& Questions::next() noexcept {
    if (questions_.empty()) return next_new();
    if (new_left_ != 0) {
        --new_left_;
        return next_new();
    }
    new_left_ = new_in_row_;
    const std::size_t index = order_.empty() ? at_ : order_[at_];
    if (++at_ == (order_.empty() ? questions_.size() : order_.size())) at_ = 0;
    return questions_[index];
}

}  // namespace peerzone::bench
