// What upstreams' servers say. Each record carries a number that the ledger knows: who said it, of
// which name, when and with which TTL. Addresses and texts hold it in their data, aliases as the
// label "s<number>" in front of their target, a SOA as its serial.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "peerzone/base/clock.hpp"
#include "simulation/dice.hpp"
#include "simulation/message.hpp"
#include "simulation/tally.hpp"

namespace peerzone::simulation {

struct Told {
    unsigned upstream = 0;
    std::string owner;
    unsigned type = 0;
    std::uint32_t ttl = 0;  ///< what of it counts
    bool dnssec_ok = false;
    bool checking_disabled = false;
    bool authentic = false;
    bool is_spoiled = false;  ///< nothing of its message may be used, or not this record
    std::optional<Time> at;   ///< when the program got it
};

class Ledger {
public:
    std::uint32_t tell(Told told) {
        entries_.push_back(std::move(told));
        return static_cast<std::uint32_t>(entries_.size());  // from 1
    }
    Told* find(std::uint32_t number) {
        return number == 0 || number > entries_.size() ? nullptr : &entries_[number - 1];
    }

private:
    std::vector<Told> entries_;
};

/// A question as a server sees it.
struct Question {
    unsigned upstream = 0;
    unsigned endpoint = 0;
    unsigned id = 0;
    Octets name;       ///< with its letter case
    std::string text;  ///< folded
    unsigned type = 0;
    bool edns = false;
    bool dnssec_ok = false;
    bool checking_disabled = false;
    bool is_datagram = false;
};

struct Message {
    Octets octets;
    std::vector<std::uint32_t> numbers;  ///< of its records
};

class Servers {
public:
    Servers(std::uint64_t seed, Dice& dice, Ledger& ledger, Tally& tally)
        : seed_(seed), dice_(dice), ledger_(ledger), tally_(tally) {}

    /// `fault`: one of those that are in what is said.
    Message reply(const Question& question, std::optional<Fault> fault);
    /// From now on the names of that upstream are other ones.
    void change_data(unsigned upstream) { ++epochs_[upstream]; }

private:
    struct Draft;
    void describe(Draft& draft);
    bool add_link(Draft& draft, const std::string& base, std::uint64_t hash);
    void add_alias(Draft& draft, const std::string& target);
    void add_dname(Draft& draft, std::size_t at, std::uint64_t hash);
    void add_data(Draft& draft, std::uint64_t hash);
    void add_denial(Draft& draft, bool of_name);
    void add_soa(Draft& draft, const std::string& owner, bool is_spoiled);
    void fail(Draft& draft, Fault fault);
    void damage(Draft& draft, Fault fault);
    std::uint32_t tell(Draft& draft, const std::string& owner, unsigned type, std::uint32_t ttl);
    std::uint32_t some_ttl();
    unsigned flags_of(unsigned upstream);

    std::uint64_t seed_;
    Dice& dice_;
    Ledger& ledger_;
    Tally& tally_;
    std::array<unsigned, 8> epochs_{};
};

/// The number that a record carries; nothing: none.
std::optional<std::uint32_t> number_of(const ReadRecord& record);

}  // namespace peerzone::simulation
