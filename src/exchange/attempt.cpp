#include "peerzone/exchange/attempt.hpp"

#include <algorithm>

namespace peerzone::exchange {

void AttemptList::add(Attempt& attempt) noexcept {
    attempt.leave_list();
    attempt.list_ = this;
    attempt.next_ = first_;
    attempt.link_ = &first_;
    if (first_ != nullptr) first_->link_ = &attempt.next_;
    first_ = &attempt;
    ++count_;
    if (total_ != nullptr) ++*total_;
}

Attempt* AttemptList::find(std::uint16_t id) const noexcept {
    for (Attempt* attempt = first_; attempt != nullptr; attempt = attempt->next_)
        if (attempt->id == id) return attempt;
    return nullptr;
}

void Attempt::set_name(Bytes name, Random* mix) noexcept {
    constexpr int kDrawsMax = 16;
    name_size_ = static_cast<std::uint8_t>(std::min(name.size(), name_.size()));
    std::copy_n(name.begin(), name_size_, name_.begin());
    mixed_ = mix != nullptr;
    // Some draws look as if a person had written the name; a loop is told by what does not.
    for (int draw = 0; mixed_ && draw < kDrawsMax; ++draw) {
        mix_case(*mix);
        if (dns::has_mixed_case(this->name())) break;
    }
}

void Attempt::mix_case(Random& random) noexcept {
    std::uint32_t bits = 0;
    unsigned have = 0;
    for (std::size_t i = 0; i < name_size_; ++i) {
        if (!dns::is_letter(name_[i])) continue;
        if (have == 0) {
            bits = random.u32();
            have = 32;
        }
        name_[i] = static_cast<std::uint8_t>(name_[i] ^ (bits & 1) << 5);
        bits >>= 1;
        --have;
    }
}

std::size_t Attempt::write(MutableBytes out) const noexcept {
    dns::UpstreamQuestion question;
    question.name = name();
    question.type = type;
    question.dnssec_ok = dnssec_ok;
    question.checking_disabled = checking_disabled;
    question.recursion_desired = true;
    question.hops = hops;
    question.node = node;
    return dns::write_question(out, id, question, edns);
}

void Attempt::begin(Time now) noexcept {
    leave();
    outcome = Outcome::waiting;
    reply = {};
    why.reset();
    began_at = now;
    sent_at = now;
    ended_at = now;
    expires_at = now + timeout;
    resend_at = Time::max();
    flows_lost = 0;
    on_used_stream = false;
    moves = 0;
}

void Attempt::take_place_of(Attempt& other) noexcept {
    begin(other.began_at);
    sent_at = other.sent_at;
    to = other.to;
    tls = other.tls;
    type = other.type;
    dnssec_ok = other.dnssec_ok;
    checking_disabled = other.checking_disabled;
    edns = other.edns;
    hops = other.hops;
    node = other.node;
    timeout = other.timeout;
    server = other.server;
    waker = other.waker;
    flows_max = other.flows_max;
    is_persistent = other.is_persistent;
    flows_lost = other.flows_lost;
    ending = other.ending;
    mixed_ = other.mixed_;
    name_size_ = other.name_size_;
    std::copy_n(other.name_.begin(), name_size_, name_.begin());
    id = other.id;
    on_used_stream = other.on_used_stream;
    moves = other.moves;
    expires_at = other.expires_at;
    place = other.place;
    exchange = other.exchange;
    resend_at = other.resend_at;
    AttemptList* const list = other.list_;
    other.leave();
    if (list != nullptr) list->add(*this);
}

void Attempt::leave() noexcept {
    cancel();
    leave_list();
}

void Attempt::leave_list() noexcept {
    if (list_ == nullptr) return;
    *link_ = next_;
    if (next_ != nullptr) next_->link_ = link_;
    --list_->count_;
    if (list_->total_ != nullptr) --*list_->total_;
    list_ = nullptr;
    next_ = nullptr;
    link_ = nullptr;
}

void Attempt::finish(Outcome how, Time now) {
    leave();
    outcome = how;
    ended_at = now;
    if (const auto waiter = std::exchange(waiter_, {})) waiter.resume();
}

void Attempt::expired(TimerNode& node) {
    auto& attempt = static_cast<Attempt&>(node);
    const Time late = attempt.late_at();
    if (attempt.resend_at <= std::min(late, attempt.expires_at)) {
        attempt.resend_at = Time::max();
        attempt.exchange->on_resend(attempt);
    } else if (late <= attempt.expires_at) {
        std::exchange(attempt.on_late, nullptr)(attempt);
    } else {
        attempt.exchange->on_timeout(attempt);
    }
}

}  // namespace peerzone::exchange
