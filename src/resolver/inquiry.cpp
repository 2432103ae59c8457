#include "resolver/inquiry.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "peerzone/base/text.hpp"
#include "peerzone/dns/record.hpp"

namespace peerzone::resolver {
namespace {

using Of = Inquiry::Of;

constexpr std::string_view kExplain("\10_explain", 9);
constexpr std::string_view kView("\5_view", 6);
constexpr std::string_view kSuffix("\10_explain\10peerzone\10internal", 27);  // and the root
constexpr std::size_t kSuffixLabels = 3;

std::string_view text_of(Bytes octets) noexcept {
    return {reinterpret_cast<const char*>(octets.data()), octets.size()};
}

// A name's labels, each behind its length.
class Labels {
public:
    explicit Labels(Bytes name) noexcept : name_(name) {
        for (std::size_t at = 0; name[at] != 0; at += name[at] + 1u)
            starts_[count_++] = static_cast<std::uint8_t>(at);
    }
    std::size_t count() const noexcept { return count_; }
    std::string_view at(std::size_t i) const noexcept {
        return text_of(name_.subspan(starts_[i], name_[starts_[i]] + std::size_t{1}));
    }
    /// Begins with '_', as those of prefixes do.
    bool is_marked(std::size_t i) const noexcept { return at(i)[1] == '_'; }
    dns::Name from(std::size_t i) const noexcept {
        return i == count_ ? dns::Name() : dns::Name::from_checked(name_.subspan(starts_[i]));
    }
    dns::Name between(std::size_t first, std::size_t end) const noexcept {
        std::array<std::uint8_t, dns::kNameMax> wire;
        const std::size_t start = first == count_ ? 0 : starts_[first];
        const std::size_t size = first >= end ? 0 : starts_[end] - start;
        std::copy_n(name_.begin() + static_cast<std::ptrdiff_t>(start), size, wire.begin());
        wire[size] = 0;
        return dns::Name::from_checked(Bytes(wire).first(size + 1));
    }

private:
    Bytes name_;
    std::array<std::uint8_t, dns::kLabelsMax> starts_;
    std::size_t count_ = 0;
};

// Where a prefix that begins at `i` ends: behind a marked label, and behind `_view` the labels of
// the view's name, which may hold dots. The same place: there is none.
std::size_t end_of_prefix(const Labels& labels, std::size_t i) noexcept {
    if (i == labels.count() || !labels.is_marked(i) || labels.at(i) == kExplain) return i;
    std::size_t end = i + 1;
    if (labels.at(i) != kView) return end;
    while (end < labels.count() && !labels.is_marked(end)) ++end;
    return end;
}

// The place of `_explain` behind prefixes only; else count().
std::size_t find_explain(const Labels& labels) noexcept {
    std::size_t at = 0;
    while (at < labels.count() && labels.at(at) != kExplain) {
        const std::size_t end = end_of_prefix(labels, at);
        if (end == at) return labels.count();
        at = end;
    }
    return at;
}

bool has_suffix(Bytes name) noexcept {
    if (!text_of(name.first(name.size() - 1)).ends_with(kSuffix)) return false;
    const Labels labels(name);  // those octets may be part of a label
    return labels.count() > kSuffixLabels && labels.at(labels.count() - kSuffixLabels) == kExplain;
}

std::string label_text(std::string_view label) {
    return printable(label.substr(1));
}

void complain(Inquiry& inquiry, const std::string& what, const std::string& hint) {
    inquiry.wrong.push_back({"error", what});
    inquiry.wrong.push_back({"hint", hint});
}

std::optional<std::uint16_t> type_of(std::string_view label) {
    const auto type = dns::parse_type(label.substr(2));
    return type ? std::optional(*type) : std::nullopt;
}

// Takes the prefix [first, end).
void take_prefix(const Labels& labels, std::size_t first, std::size_t end, Inquiry& inquiry) {
    if (labels.at(first) == kView) {
        std::string view;
        for (std::size_t i = first + 1; i < end; ++i)
            view += (view.empty() ? "" : ".") + label_text(labels.at(i));
        if (view.empty()) {
            complain(inquiry, "_view needs a name behind it", "_view.office._explain.NAME");
        } else if (!inquiry.view.empty()) {
            complain(inquiry, "two views: " + inquiry.view + " and " + view, "name one of them");
        }
        inquiry.view = view;
        return;
    }
    const auto type = type_of(labels.at(first));
    if (!type) {
        complain(inquiry, "'" + label_text(labels.at(first)) + "' is no prefix",
                 "_TYPE, such as _aaaa, or _view.VIEW, in front of _explain");
    } else if (inquiry.type) {
        complain(inquiry,
                 "two types: " + dns::type_text(*inquiry.type) + " and " + dns::type_text(*type),
                 "name one of them");
    }
    inquiry.type = type;
}

void take_prefixes(const Labels& labels, std::size_t first, std::size_t end, Inquiry& inquiry) {
    for (std::size_t next = first; first < end && inquiry.wrong.empty(); first = next) {
        next = std::min(end_of_prefix(labels, first), end);
        take_prefix(labels, first, next, inquiry);
    }
}

// Where the prefixes begin that stand between the name and the suffix at `end`.
std::size_t first_prefix_before(const Labels& labels, std::size_t end) {
    std::size_t first = end;
    for (;;) {
        if (first > 0 && labels.is_marked(first - 1) && labels.at(first - 1) != kView) {
            --first;
            continue;
        }
        std::size_t view = first;
        while (view > 0 && labels.at(view - 1) != kView && !labels.is_marked(view - 1)) --view;
        if (view == 0 || labels.at(view - 1) != kView) return first;
        first = view - 1;
    }
}

// NAME.[PREFIX….]_explain.peerzone.internal; prefixes in front of NAME are taken as well.
void read_suffix_form(const Labels& labels, Inquiry& inquiry) {
    const std::size_t explain = labels.count() - kSuffixLabels;
    const std::size_t behind = first_prefix_before(labels, explain);
    take_prefixes(labels, behind, explain, inquiry);
    std::size_t first = 0;
    while (first < behind && labels.is_marked(first) &&
           (labels.at(first) == kView || type_of(labels.at(first)))) {
        const std::size_t end = std::min(labels.at(first) == kView ? first + 2 : first + 1, behind);
        if (inquiry.wrong.empty()) take_prefix(labels, first, end, inquiry);
        first = end;
    }
    inquiry.name = labels.between(first, behind);
}

void read_explained_name(Bytes name, Inquiry& inquiry) {
    const Labels labels(name);
    const std::size_t explain = find_explain(labels);
    if (explain < labels.count()) {
        take_prefixes(labels, 0, explain, inquiry);
        inquiry.name = labels.from(explain + 1);
    } else {
        read_suffix_form(labels, inquiry);
    }
    if (inquiry.wrong.empty() && is_explain_name(inquiry.name.wire()))
        complain(inquiry, "an explanation has none of its own: " + inquiry.name.to_text(),
                 "_explain stands once, in front of the name");
}

struct Special {
    std::string_view name;
    Of of;
};
constexpr Special kSpecial[] = {{"peers.peerzone", Of::peers}, {"config.peerzone", Of::config},
                                {"version.bind", Of::version}, {"version.server", Of::version},
                                {"hostname.bind", Of::host},   {"id.server", Of::id}};

}  // namespace

bool is_explain_name(Bytes name) noexcept {
    if (has_suffix(name)) return true;
    if (name.size() < 2 || name[1] != '_') return false;
    const Labels labels(name);
    return find_explain(labels) < labels.count();
}

Inquiry read_inquiry(Bytes name, bool is_chaos) {
    Inquiry inquiry;
    if (is_explain_name(name)) {
        read_explained_name(name, inquiry);
        return inquiry;
    }
    inquiry.name = dns::Name::from_checked(name);
    if (!is_chaos) return inquiry;
    const std::string text = inquiry.name.to_text();
    for (const Special& special : kSpecial)
        if (text == special.name) inquiry.of = special.of;
    if (inquiry.of == Of::name && text.ends_with(".peerzone"))
        complain(inquiry, "there is no " + text,
                 "peers.peerzone, config.peerzone, version.bind, hostname.bind, id.server, or any "
                 "name that is to be explained");
    return inquiry;
}

std::uint16_t usual_type(const dns::Name& name) noexcept {
    const std::string_view text = name.view();
    constexpr std::string_view kV4("\7in-addr\4arpa\0", 14);
    constexpr std::string_view kV6("\3ip6\4arpa\0", 10);
    if (text.ends_with(kV4) || text.ends_with(kV6)) return dns::type::ptr;
    return text.size() > 2 && text[1] == '_' ? dns::type::srv : dns::type::a;
}

}  // namespace peerzone::resolver
