// What will happen, in the order of its time; what has the same time, in the order it was planned.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "peerzone/base/clock.hpp"

namespace peerzone::simulation {

class Events {
public:
    using Action = std::function<void()>;

    void at(Time time, Action action) {
        heap_.push_back({time, ++planned_, std::move(action)});
        std::ranges::push_heap(heap_, Later());
    }
    std::optional<Time> next() const {
        return heap_.empty() ? std::nullopt : std::optional(heap_.front().time);
    }
    /// The first one; not when there is none.
    Action take() {
        std::ranges::pop_heap(heap_, Later());
        Action action = std::move(heap_.back().action);
        heap_.pop_back();
        return action;
    }
    void clear() { heap_.clear(); }

private:
    struct Event {
        Time time;
        std::uint64_t number;
        Action action;
    };
    struct Later {
        bool operator()(const Event& a, const Event& b) const {
            return a.time != b.time ? a.time > b.time : a.number > b.number;
        }
    };
    std::vector<Event> heap_;
    std::uint64_t planned_ = 0;
};

}  // namespace peerzone::simulation
