// When files that changed are still enough to be read. `cp` empties a file before it fills it, and
// an editor takes the old one away before the new one is there: what is read in between may be a
// configuration, but not one that anybody wrote. A state machine without files or clocks.
#pragma once

#include "app/file_stamps.hpp"
#include "peerzone/base/clock.hpp"

namespace peerzone::app {

class Debounce {
public:
    /// Unchanged for this long: read them.
    static constexpr Duration kQuiet = Millis(300);
    /// The same where one is missing or empty, which is seldom meant.
    static constexpr Duration kQuietIncomplete = Seconds(1);
    /// Files that never rest are read this long after the first change all the same.
    static constexpr Duration kPatience = Seconds(10);

    /// The files were read, and looked like this before.
    void done(FileStamps read) {
        done_ = std::move(read);
        seen_ = done_;
    }
    /// True when the files are to be read, which are seen like this now. Says so again and again
    /// until done().
    bool look(const FileStamps& now_seen, bool incomplete, Time now) {
        if (now_seen == done_) {
            seen_ = done_;
            return false;
        }
        if (seen_ == done_) first_ = now;
        if (now_seen != seen_) {
            seen_ = now_seen;
            last_ = now;
        }
        return now - last_ >= (incomplete ? kQuietIncomplete : kQuiet) || now - first_ >= kPatience;
    }
    /// A change was seen that was not read yet: look again soon.
    bool pending() const { return seen_ != done_; }

private:
    FileStamps done_, seen_;
    Time first_{}, last_{};
};

}  // namespace peerzone::app
