#include "resolver/denial_text.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "peerzone/base/nearest.hpp"
#include "peerzone/dns/name.hpp"

namespace peerzone::resolver {
namespace {

std::string_view text_of(Bytes label) noexcept {
    return {reinterpret_cast<const char*>(label.data()), label.size()};
}

Bytes first_label(Bytes name) noexcept {
    return name.subspan(1, name[0]);
}

Bytes parent_of(Bytes name) noexcept {
    return name.subspan(name[0] + std::size_t{1});
}

/// A name, or its first labels, as text. What is no printable ASCII is '?': dig shows the name
/// itself.
EdeText& add_name(EdeText& text, Bytes name) noexcept {
    if (name[0] == 0) return text.add(".");
    for (Bytes rest = name; !rest.empty() && rest[0] != 0; rest = parent_of(rest)) {
        if (rest.data() != name.data()) text.add(".");
        for (const std::uint8_t octet : first_label(rest)) {
            const char letter = octet > ' ' && octet < 0x7f ? static_cast<char>(octet) : '?';
            text.add({&letter, 1});
        }
    }
    return text;
}

// The suffix that differs from a suffix of `name` in one label, by the least; null: none is near.
const dns::Name* find_near(const view::View& view, Bytes name) noexcept {
    const dns::Name* found = nullptr;
    for (Bytes tail = name; tail[0] != 0 && found == nullptr; tail = parent_of(tail)) {
        // The labels that stand where this one does, with the same ones behind it.
        std::array<std::string_view, view::View::kSuffixesMax> labels;
        std::array<const dns::Name*, view::View::kSuffixesMax> suffixes;
        std::size_t count = 0;
        for (const dns::Name& suffix : view.suffixes) {
            const Bytes wire = suffix.wire();
            if (!std::ranges::equal(parent_of(wire), parent_of(tail))) continue;
            suffixes[count] = &suffix;
            labels[count++] = text_of(first_label(wire));
        }
        const std::string_view near =
            nearest(text_of(first_label(tail)), std::span(labels).first(count));
        for (std::size_t i = 0; i < count && !near.empty(); ++i)
            if (labels[i].data() == near.data()) found = suffixes[i];
    }
    return found;
}

// A suffix that stands inside of the name, with more labels behind it: a resolver has put an entry
// of its search list behind a whole name. Gives what was added; empty: nothing was.
Bytes find_search_entry(const view::View& view, const dns::Name* special, Bytes name) noexcept {
    if (name[0] == 0) return {};
    for (Bytes tail = parent_of(name); tail[0] != 0; tail = parent_of(tail)) {
        const Bytes head = name.first(name.size() - tail.size());
        const auto ends_with = [&](const dns::Name& suffix) {
            const Bytes labels = suffix.wire().first(suffix.size() - 1);
            return suffix.label_count() > 1 && labels.size() <= head.size() &&
                   std::ranges::equal(head.last(labels.size()), labels);
        };
        if (std::ranges::any_of(view.suffixes, ends_with) ||
            (special != nullptr && ends_with(*special)))
            return tail;
    }
    return {};
}

// `what` of a name, and what its writer most likely meant; or that a search list has made it.
std::string_view describe(EdeText& text, std::string_view what, const view::View& view,
                          const dns::Name* special, Bytes name) noexcept {
    text.begin();
    if (const Bytes added = find_search_entry(view, special, name); !added.empty()) {
        const Bytes asked = name.first(name.size() - added.size());
        add_name(add_name(text.add("a search list has added "), added).add(" to "), asked);
        return text.text();
    }
    add_name(text.add(what), name);
    if (const dns::Name* near = find_near(view, name))
        add_name(text.add("; did you mean "), near->wire()).add("?");
    return text.text();
}

}  // namespace

std::string_view describe_special(EdeText& text, const view::View& view, const view::Route& special,
                                  Bytes name) noexcept {
    text.begin();
    const Bytes origin = special.suffix.wire();
    const std::string_view top = text_of(first_label(origin));
    static constexpr std::string_view kArpa("\4arpa\0", 6);
    const bool is_reverse =
        origin.size() > kArpa.size() && std::ranges::equal(origin.last(kArpa.size()), kArpa);
    if (is_reverse)
        return add_name(
                   text.add("private addresses that no cluster has (pods, services, reverse): "),
                   origin)
            .text();
    if (special.suffix.label_count() == 1 && top != "local")
        return add_name(text, origin)
            .add(" is a special-use name, never forwarded (RFC 6761)")
            .text();
    const bool is_local = special.suffix.label_count() == 1;
    return describe(text,
                    is_local ? ".local is never forwarded (RFC 6762), and no peer or zone has "
                             : "no peer or zone has ",
                    view, &special.suffix, name);
}

std::string_view describe_zone_absent(EdeText& text, const upstream::Upstream& upstream,
                                      const upstream::EndpointSet& endpoints) noexcept {
    if (upstream.options.zones.empty()) return {};
    const bool absent = std::ranges::any_of(endpoints.endpoints, [](const auto& endpoint) {
        return endpoint->probe_result() == upstream::ProbeResult::zone_absent;
    });
    if (!absent) return {};
    return add_name(text.begin().add(upstream.label).add(" does not have the zone "),
                    upstream.options.zones.front().wire())
        .text();
}

std::string_view describe_unrouted(EdeText& text, const view::View& view, Bytes name) noexcept {
    return describe(text, "no zone, peer or forward for ", view, nullptr, name);
}

}  // namespace peerzone::resolver
