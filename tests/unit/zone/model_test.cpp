// Random small zones, every name over a small alphabet asked, each outcome compared with RFC
// 1034 4.3.2 and RFC 4592 written the slow way over a set of names.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "zone_support.hpp"

namespace peerzone::zone::test {
namespace {

constexpr const char* kLabels[] = {"a", "b", "*", "c"};

// Label sequences from the top down: {"b", "a"} is a.b below the origin.
using Labels = std::vector<std::string>;

std::string relative(const Labels& labels) {
    std::string text;
    for (auto label = labels.rbegin(); label != labels.rend(); ++label)
        text += (text.empty() ? "" : ".") + *label;
    return text;
}

struct Model {
    std::map<Labels, std::string> types;  // "A", "TXT" or "NS" of each owner
    std::set<Labels> existing{{}};        // with empty non-terminals

    Outcome ask(const Labels& name) const {
        for (std::size_t depth = 1; depth <= name.size(); ++depth) {
            const auto found =
                types.find(Labels(name.begin(), name.begin() + static_cast<std::ptrdiff_t>(depth)));
            if (found != types.end() && found->second == "NS") return Outcome::delegation;
        }
        Labels at = name;
        if (!existing.contains(name)) {
            while (!existing.contains(at)) at.pop_back();
            at.push_back("*");
            if (!existing.contains(at)) return Outcome::nxdomain;
        }
        const auto found = types.find(at);
        return found != types.end() && found->second == "A" ? Outcome::answered : Outcome::nodata;
    }
};

// Nothing but addresses may lie below a cut, and no cut at a wildcard: the builder says so, and the
// model leaves it out.
Model random_model(std::mt19937& random, Builder& builder) {
    Model model;
    for (int i = 0; i < 6; ++i) {
        Labels labels;
        for (auto depth = 1 + random() % 3; depth != 0; --depth)
            labels.emplace_back(kLabels[random() % 3]);
        const char* types[] = {"A", "TXT", "NS"};
        const std::string type = types[random() % (labels.back() == "*" ? 2 : 3)];
        bool clashes = model.types.contains(labels);
        for (const auto& [other, other_type] : model.types) {
            const bool below = std::equal(
                other.begin(),
                other.begin() + static_cast<std::ptrdiff_t>(std::min(other.size(), labels.size())),
                labels.begin());
            clashes |= below && (type == "NS" || other_type == "NS");
        }
        if (clashes) continue;
        model.types[labels] = type;
        for (std::size_t depth = 1; depth <= labels.size(); ++depth)
            model.existing.emplace(labels.begin(),
                                   labels.begin() + static_cast<std::ptrdiff_t>(depth));
        const std::string data = type == "A"     ? " A 10.0.0.1"
                                 : type == "TXT" ? " TXT x"
                                                 : " NS ns.example.com.";
        EXPECT_TRUE(builder.add(dns::parse_record(relative(labels) + data, name("z"), 5).value())
                        .has_value());
    }
    return model;
}

TEST(Model, EveryNameEndsAsTheStandardSays) {
    std::mt19937 random(20240101);
    std::map<Outcome, int> seen;
    for (int round = 0; round < 200; ++round) {
        Builder builder(name("z"));
        const Model model = random_model(random, builder);
        const Zone zone = std::move(std::move(builder).build().value());
        std::vector<std::uint8_t> message(512);
        for (unsigned code = 0; code < 4 + 16 + 64; ++code) {
            const unsigned depth = code < 4 ? 1 : code < 20 ? 2 : 3;
            unsigned rest = code - (depth == 1 ? 0 : depth == 2 ? 4 : 20);
            Labels labels;
            for (unsigned i = 0; i < depth; ++i, rest /= 4) labels.emplace_back(kLabels[rest % 4]);
            const dns::Name qname = name(relative(labels) + ".z");
            dns::BodyWriter writer(message, 512, qname.wire());
            const Outcome outcome = zone.lookup(qname, dns::type::a, 0, writer).outcome;
            ASSERT_EQ(outcome, model.ask(labels)) << qname.to_text() << " in round " << round;
            ++seen[outcome];
        }
    }
    EXPECT_EQ(seen.size(), 4u);
}

}  // namespace
}  // namespace peerzone::zone::test
