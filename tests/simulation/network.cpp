#include "simulation/network.hpp"

#include "peerzone/exchange/reply_check.hpp"
#include "simulation/snapshots.hpp"

namespace peerzone::simulation {

using exchange::Attempt;
using exchange::Outcome;

void ScriptedTransport::start(Attempt& attempt, Time now) {
    attempt.begin(now);
    attempt.outcome = submit(attempt, now);
}

Outcome ScriptedTransport::submit(Attempt& attempt, Time now) {
    if (is_down_) return Outcome::shut_down;
    attempt.id = ++network_.last_id_;
    const Outcome outcome = network_.carry(*this, attempt, is_datagram_, now);
    if (outcome != Outcome::waiting) return outcome;
    sent_.add(attempt);
    attempt.place = &place_;
    attempt.exchange = this;
    attempt.sent_at = now;
    network_.timers.add(attempt, now, attempt.wakes_at());
    return Outcome::waiting;
}

bool ScriptedTransport::note_late(const Attempt&) noexcept {
    if (is_datagram_ || !network_.dice_.chance(5)) return false;
    network_.tally_.add(Fault::queued);
    return true;
}

void ScriptedTransport::shut_down() {
    is_down_ = true;
    for (exchange::AttemptList* list : {&sent_, &between_})
        while (Attempt* attempt = list->first()) attempt->finish(Outcome::shut_down, Clock::now());
}

void ScriptedTransport::on_timeout(Attempt& attempt) {
    const Outcome how = attempt.place != nullptr ? Outcome::timeout : attempt.ending;
    attempt.finish(how, Clock::now());
}

void ScriptedTransport::on_resend(Attempt& attempt) {
    const Time now = Clock::now();
    const Outcome outcome = attempt.is_persistent ? submit(attempt, now) : attempt.ending;
    if (outcome != Outcome::waiting) attempt.finish(outcome, now);
}

// As UdpExchange::on_datagram.
bool ScriptedTransport::deliver(const Message& message, unsigned meant_for) {
    const Time now = Clock::now();
    const bool has_id = message.octets.size() >= 2;
    Attempt* attempt = has_id ? sent_.find(load_u16(message.octets.data())) : nullptr;
    exchange::Match match = exchange::Match::other;
    if (attempt != nullptr)
        match = exchange::match_reply(message.octets, attempt->id, attempt->name(), attempt->type);
    if (match == exchange::Match::other) {
        const Attempt* asked =
            attempt != nullptr ? attempt : sent_.find(static_cast<std::uint16_t>(meant_for));
        if (asked != nullptr && asked->server != nullptr) asked->server->note_mismatch();
        return false;
    }
    const bool same = match == exchange::Match::same || !attempt->case_is_mixed();
    for (const std::uint32_t number : message.numbers) network_.ledger_.find(number)->at = now;
    attempt->reply = message.octets;
    attempt->finish(same ? Outcome::reply : Outcome::case_differs, now);
    return true;
}

// As UdpExchange::lose_flow; a question on a stream just ends.
void ScriptedTransport::lose(unsigned id, Outcome how) {
    Attempt* attempt = sent_.find(static_cast<std::uint16_t>(id));
    if (attempt == nullptr) return;
    const Time now = Clock::now();
    attempt->leave();
    attempt->ending = how;
    attempt->place = nullptr;
    if (is_datagram_ && how == Outcome::refused && attempt->server != nullptr &&
        attempt->server->note_refused_port(now) && attempt->waker != nullptr)
        attempt->waker->wake();
    if (!is_datagram_ || !ask_again(*attempt, now)) attempt->finish(attempt->ending, now);
}

// As UdpExchange::ask_again.
bool ScriptedTransport::ask_again(Attempt& attempt, Time now) {
    if (attempt.expires_at <= now) return false;
    const bool is_hopeless = attempt.server != nullptr && attempt.server->is_suspect();
    attempt.flows_lost = is_hopeless ? attempt.flows_max
                                     : static_cast<std::uint8_t>(std::min<unsigned>(
                                           attempt.flows_lost + 1u, attempt.flows_max));
    if (!attempt.is_refused()) {
        const Outcome outcome = submit(attempt, now);
        if (outcome != Outcome::waiting) attempt.ending = outcome;
        return outcome == Outcome::waiting;
    }
    if (!attempt.is_persistent) return false;
    between_.add(attempt);
    attempt.late_after = Duration::zero();
    attempt.resend_at = now + Millis(50);
    network_.timers.add(attempt, now, attempt.wakes_at());
    return true;
}

Duration Network::delay_of(Mode mode) {
    if (mode == Mode::slow) {
        tally_.add(Fault::delayed);
        return dice_.between(Millis(150), Millis(2600));
    }
    return dice_.between(Micros(200), Millis(30));
}

Outcome Network::carry(ScriptedTransport& by, const Attempt& attempt, bool is_datagram, Time now) {
    Question question;
    question.upstream = upstream_at(attempt.to);
    question.endpoint = endpoint_at(attempt.to);
    question.id = attempt.id;
    question.name.assign(attempt.name().begin(), attempt.name().end());
    question.text = text_of(attempt.name());
    question.type = attempt.type;
    question.edns = attempt.edns;
    question.dnssec_ok = attempt.dnssec_ok;
    question.checking_disabled = attempt.checking_disabled;
    question.is_datagram = is_datagram;
    ++tally_.questions;
    trace_(now, [&] {
        return "question " + std::to_string(question.id) + " to " + label_of(question.upstream) +
               "#" + std::to_string(question.endpoint) + " " + question.text + " " +
               std::to_string(question.type) + (is_datagram ? " udp" : " tcp");
    });
    const Mode mode = modes_[question.upstream][question.endpoint];
    const Time soon = now + delay_of(mode);
    std::optional<Fault> said;
    if (mode == Mode::silent) {
        tally_.add(Fault::lost);
        return Outcome::waiting;
    }
    if (mode == Mode::refusing) {
        lose_later(by, question.id, Outcome::refused, Fault::refused, soon);
        return Outcome::waiting;
    }
    if (mode == Mode::failing) said = dice_.chance(50) ? Fault::servfail : Fault::rcode_refused;
    if (mode == Mode::lame) said = dice_.chance(50) ? Fault::foreign_soa : Fault::referral;
    if (dice_.per_mille(faults_)) return carry_badly(by, question, said, now, soon);
    answer(by, question, said, soon);
    return Outcome::waiting;
}

// One fault of its own.
Outcome Network::carry_badly(ScriptedTransport& by, const Question& question,
                             std::optional<Fault> said, Time now, Time soon) {
    constexpr Fault kSaid[] = {Fault::garbage,    Fault::cut_short,      Fault::truncated,
                               Fault::wrong_id,   Fault::wrong_question, Fault::case_changed,
                               Fault::servfail,   Fault::rcode_refused,  Fault::formerr,
                               Fault::notimp,     Fault::foreign_soa,    Fault::referral,
                               Fault::without_soa};
    constexpr std::pair<Outcome, Fault> kLost[] = {{Outcome::refused, Fault::refused},
                                                   {Outcome::unreachable, Fault::unreachable},
                                                   {Outcome::closed, Fault::closed},
                                                   {Outcome::dropped, Fault::dropped}};
    const auto later = [&](Fault fault, Millis least, Millis most) {
        tally_.add(fault);
        answer(by, question, said, now + dice_.between(least, most));
    };
    switch (dice_.below(10)) {
        case 0: tally_.add(Fault::lost); break;
        case 1: tally_.add(Fault::busy); return Outcome::busy;
        case 2: later(Fault::late, Millis(200), Millis(1700)); break;
        case 3: later(Fault::too_late, Millis(1700), Millis(6000)); break;
        case 4:
            answer(by, question, said, soon);
            later(Fault::doubled, Millis(0), Millis(300));
            break;
        case 5:
        case 6: {
            // Only streams are closed.
            const auto [how, fault] = kLost[dice_.below(question.is_datagram ? 2 : 4)];
            lose_later(by, question.id, how, fault, soon);
            break;
        }
        default: answer(by, question, dice_.pick(kSaid), soon);
    }
    return Outcome::waiting;
}

void Network::answer(ScriptedTransport& by, const Question& question, std::optional<Fault> fault,
                     Time at) {
    auto message = std::make_shared<const Message>(servers_.reply(question, fault));
    events_.at(at, [this, &by, message, fault, id = question.id] {
        trace_(Clock::now(), [&] {
            return "reply to " + std::to_string(id) + ", " +
                   std::to_string(message->octets.size()) + " octets" +
                   (fault ? ", " + std::string(kFaultNames[static_cast<std::size_t>(*fault)])
                          : std::string());
        });
        by.deliver(*message, id);
    });
}

void Network::lose_later(ScriptedTransport& by, unsigned id, Outcome how, Fault fault, Time at) {
    tally_.add(fault);
    events_.at(at, [this, &by, id, how, fault] {
        trace_(Clock::now(), [&] {
            return "question " + std::to_string(id) + ": " +
                   std::string(kFaultNames[static_cast<std::size_t>(fault)]);
        });
        by.lose(id, how);
    });
}

}  // namespace peerzone::simulation
