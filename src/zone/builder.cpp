#include "zone/draft.hpp"

namespace peerzone::zone {

Builder::Builder(dns::Name origin) : draft_(std::make_unique<Draft>(origin)) {}
Builder::Builder(Builder&&) noexcept = default;
Builder& Builder::operator=(Builder&&) noexcept = default;
Builder::~Builder() = default;

Result<void> Builder::add(const dns::ResourceRecord& record, std::size_t line) {
    return draft_->add(record, line);
}

std::vector<Problem> Builder::warnings() const {
    return draft_->warnings();
}

Result<Zone> Builder::build() && {
    if (const Result<void> supplied = draft_->supply_apex(); !supplied) return supplied.error();
    return Zone(pack(*draft_));
}

}  // namespace peerzone::zone
