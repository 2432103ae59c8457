#include "probe/claims.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "peerzone/base/text.hpp"
#include "peerzone/dns/types.hpp"

namespace peerzone::probe {
namespace {

using exchange::Entry;
using exchange::ReplyIndex;
using upstream::Expectation;

constexpr std::size_t kShownMax = 64;  // octets of a text
constexpr std::size_t kRecordsShownMax = 3;

IpAddress address_of(Bytes rdata) noexcept {
    if (rdata.size() == 4) return IpAddress::v4(load_u32(rdata.data()));
    std::array<std::uint8_t, 16> octets{};
    std::memcpy(octets.data(), rdata.data(), std::min(rdata.size(), octets.size()));
    return IpAddress::v6(octets);
}

/// The strings of a TXT record are one text: where they are cut has no meaning (RFC 7208 3.3).
std::string text_of(Bytes rdata) {
    std::string text;
    while (!rdata.empty()) {
        const std::size_t size = std::min<std::size_t>(rdata[0], rdata.size() - 1);
        text.append(reinterpret_cast<const char*>(rdata.data()) + 1, size);
        rdata = rdata.subspan(size + 1);
    }
    return text;
}

bool is_expected(const Expectation& expectation, const ReplyIndex& index, const Entry& entry) {
    if (const auto* prefix = std::get_if<IpPrefix>(&expectation.answer))
        return prefix->contains(address_of(index.rdata(entry)));
    if (const auto* target = std::get_if<dns::Name>(&expectation.answer))
        return index.target(entry) == *target;
    return text_of(index.rdata(entry)) == std::get<std::string>(expectation.answer);
}

std::string shown(const Expectation& expectation, const ReplyIndex& index, const Entry& entry) {
    if (std::holds_alternative<IpPrefix>(expectation.answer))
        return address_of(index.rdata(entry)).to_text();
    if (std::holds_alternative<dns::Name>(expectation.answer))
        return index.target(entry).to_text() + ".";
    const std::string text = printable(text_of(index.rdata(entry)));
    const std::string_view cut = cut_utf8(text, kShownMax);
    return "txt:" + std::string(cut) + (cut.size() < text.size() ? "…" : "");
}

/// Every record must be as expected: one of several addresses is not enough.
Claim judge_data(const Expectation& expectation, const exchange::CheckedReply& checked,
                 const ReplyIndex& index) {
    Claim claim;
    std::size_t count = 0;
    const std::uint64_t hash = exchange::owner_hash(checked.target);
    for (const Entry& entry : index.answers()) {
        if (entry.type != expectation.type() || !index.owned_by(entry, checked.target, hash))
            continue;
        if (!is_expected(expectation, index, entry)) claim.said = Said::wrong;
        if (++count <= kRecordsShownMax)
            claim.answer += (count > 1 ? ", " : "") + shown(expectation, index, entry);
    }
    if (count > kRecordsShownMax)
        claim.answer += " and " + std::to_string(count - kRecordsShownMax) + " more";
    // A CNAME that a DNAME implies, and that is not there itself, says nothing.
    if (count != 0 && claim.said == Said::nothing) claim = {Said::right, {}};
    return claim;
}

}  // namespace

Claim judge_claim(const Expectation& expectation, const exchange::CheckedReply& checked,
                  const ReplyIndex& index) {
    switch (checked.kind) {
        case exchange::ReplyKind::data: return judge_data(expectation, checked, index);
        case exchange::ReplyKind::nxdomain:
            if (checked.has_soa) return {Said::wrong, "NXDOMAIN"};
            break;
        case exchange::ReplyKind::nodata:
            if (checked.has_soa) return {Said::wrong, "no " + dns::type_text(expectation.type())};
            break;
        case exchange::ReplyKind::truncated:
        case exchange::ReplyKind::no_edns:
        case exchange::ReplyKind::failure:
        case exchange::ReplyKind::lame:
        case exchange::ReplyKind::invalid: break;
    }
    return {};
}

void Claims::begin(std::size_t count) {
    names_.assign(count, {});
    ++round_;
    due_ = kLongAgo;
}

bool Claims::is_due(Time now, bool is_suspect) const noexcept {
    if (names_.empty()) return false;
    return is_suspect || now >= due_ || state() != upstream::Identity::right;
}

bool Claims::start(std::size_t i) noexcept {
    return !std::exchange(names_[i].is_on_way, true);
}

void Claims::end(std::size_t i, Said said, std::string why) noexcept {
    Name& name = names_[i];
    name.is_on_way = false;
    name.was_asked = true;
    if (said == Said::nothing) return;
    name.said = said;
    name.why = std::move(why);
}

std::string Claims::why_wrong() const {
    const auto wrong = std::ranges::find(names_, Said::wrong, &Name::said);
    return wrong == names_.end() ? "" : wrong->why;
}

upstream::Identity Claims::state() const noexcept {
    const auto all = [&](const auto& is_so) { return std::ranges::all_of(names_, is_so); };
    if (names_.empty()) return upstream::Identity::unasked;
    if (!all([](const Name& name) { return name.said != Said::wrong; }))
        return upstream::Identity::wrong;
    if (!all([](const Name& name) { return name.was_asked; })) return upstream::Identity::awaited;
    const bool right = all([](const Name& name) { return name.said == Said::right; });
    return right ? upstream::Identity::right : upstream::Identity::unproven;
}

}  // namespace peerzone::probe
