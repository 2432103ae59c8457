#include "zone/draft.hpp"

namespace peerzone::zone {

Builder::Builder(dns::Name origin) : draft_(std::make_unique<Draft>(origin)) {}
Builder::Builder(Builder&&) noexcept = default;
Builder& Builder::operator=(Builder&&) noexcept = default;
Builder::~Builder() = default;

Result<void> Builder::add(const dns::ResourceRecord& record, std::size_t line) {
    return draft_->add(record, line);
}

std::vector<Problem> Builder::problems() const {
    return draft_->problems();
}

Result<Zone> Builder::build() && {
    const std::vector<Problem> problems = draft_->problems();
    if (!problems.empty()) return fail(problems.front().message);
    if (const Result<void> supplied = draft_->supply_apex(); !supplied) return supplied.error();
    return Zone(pack(*draft_));
}

}  // namespace peerzone::zone
