#include "peerzone/base/task.hpp"

#include <array>
#include <new>
#include <vector>

namespace peerzone {
namespace {

constexpr std::size_t kStep = 128;    // size classes are multiples of this
constexpr std::size_t kClasses = 32;  // frames above 4 KiB go to the allocator

struct FreeLists {
    std::array<std::vector<void*>, kClasses> lists;
    ~FreeLists() {
        for (auto& list : lists)
            for (void* frame : list) ::operator delete(frame);
    }
};

std::vector<void*>* free_list(std::size_t size) {
    thread_local FreeLists free_lists;
    const std::size_t index = (size - 1) / kStep;
    return index < kClasses ? &free_lists.lists[index] : nullptr;
}

}  // namespace

void* allocate_frame(std::size_t size) {
    auto* list = free_list(size);
    if (list == nullptr) return ::operator new(size);
    if (list->empty()) return ::operator new((size + kStep - 1) / kStep * kStep);
    void* frame = list->back();
    list->pop_back();
    return frame;
}

void release_frame(void* frame, std::size_t size) noexcept {
    auto* list = free_list(size);
    if (list == nullptr || list->size() >= kFramesKeptMax) {
        ::operator delete(frame);
        return;
    }
    try {
        list->push_back(frame);
    } catch (const std::bad_alloc&) {
        ::operator delete(frame);
    }
}

}  // namespace peerzone
