// What follows from the items of all `endpoints` lists and of `bootstrap`: which names are asked
// (discovery/name_schedule.hpp), which files are read, and the last good set of each. A state
// machine without sockets or clocks; control thread.
//
// A host has the addresses of its A and AAAA records. An SRV name has those of its targets of the
// lowest priority, each with the port of its record; targets of a higher number are only used while
// none of a lower one has an address. Weights are not looked at: which endpoint is asked is decided
// by what endpoints are like.
//
// No answer empties a set. One family's records are given up when it answers that it has none and
// the other family has been seen to have some since.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "peerzone/base/log.hpp"
#include "peerzone/discovery/name_schedule.hpp"
#include "peerzone/discovery/source.hpp"
#include "peerzone/upstream/upstream.hpp"

namespace peerzone::discovery {

/// Something for the log.
struct SourceEvent {
    enum class Kind : std::uint8_t { changed, failing, recovered, cut };
    Kind kind = Kind::changed;
    std::string source = {};
    std::vector<SocketAddress> added = {}, removed = {};  ///< changed
    std::string why = {};                                 ///< failing; cut: how many were found
    std::size_t kept = 0;                                 ///< failing: addresses that stay in use
    std::optional<Time> good_at = {};  ///< failing: when they were confirmed last
};

class Sources {
public:
    /// All items that count from now on. The sets of those that stay are kept.
    void want(const std::vector<upstream::EndpointSpec>& specs, Time now);
    /// Names that failed are asked again at once.
    void retry_failed(Time now) { schedule_.retry_failed(now); }
    /// None of its addresses replies: perhaps it has others by now.
    void recheck(const std::string& source, Time now);

    std::optional<NameSchedule::Due> take(Time now) { return schedule_.take(now); }
    Time next() const { return schedule_.next(); }
    /// True when a set changed.
    bool done(const NameQuestion& question, const discovery::LookupReply& reply, Time now,
              std::uint32_t random);

    /// resolv.conf files to look at.
    const std::set<std::string>& files() const { return files_; }
    /// A file was read. True when its set changed.
    bool file_read(const std::string& path, const Result<std::vector<SocketAddress>>& servers,
                   Time now);

    const discovery::SourceTable& table() const { return table_; }
    std::vector<SourceEvent> take_events();

private:
    struct Item {
        upstream::EndpointSpec spec;
        log::LogLimit complaints;
        bool complained = false;
        bool told_cut = false;
    };
    /// What a source comes to by all that is known now.
    struct Found {
        std::vector<SocketAddress> addresses;  // empty: nothing that could replace the last set
        std::optional<Time> good_at;
        std::string error;
    };

    void add_questions(const upstream::EndpointSpec& spec, std::set<NameQuestion>& all) const;
    std::set<NameQuestion> questions() const;
    bool uses(const upstream::EndpointSpec& spec, const NameQuestion& question) const;
    Found find(const upstream::EndpointSpec& spec) const;
    Found find_host(const std::string& host, std::uint16_t port, bool& tried) const;
    Found find_srv(const std::string& name) const;
    void give_up_family(const std::string& host);
    bool settle(const std::string& text, Item& item, Found found, Time now);
    bool take_over(const std::string& text, Item& item, std::vector<SocketAddress> addresses);
    void complain(const std::string& text, Item& item, Time now);

    std::map<std::string, Item> items_;  // the keys of table_
    discovery::SourceTable table_;
    std::set<std::string> files_;
    NameSchedule schedule_;
    std::vector<SourceEvent> events_;
};

}  // namespace peerzone::discovery
