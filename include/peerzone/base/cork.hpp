// What is sent while one handler of the event loop works leaves when that handler ends, so that
// many datagrams share a system call. One Cork per worker, used on its thread only.
//
//   void on_readable() { const Cork::Scope scope(cork_); … }   // sends of this time gather
//
// Outside of any scope nothing gathers: a sender is flushed at once.
#pragma once

#include <utility>

namespace peerzone {

class Cork {
public:
    /// Something with a queue of its own that can be sent at once.
    class Sender {
    public:
        Sender() = default;
        Sender(const Sender&) = delete;
        Sender& operator=(const Sender&) = delete;

        /// Sends what has gathered. It may gather more: that is flushed before the scope ends.
        virtual void flush() noexcept = 0;

        virtual ~Sender() {
            if (cork_ != nullptr) cork_->forget(*this);
        }

    private:
        friend class Cork;
        Cork* cork_ = nullptr;  // where it waits to be flushed
        Sender* next_ = nullptr;
    };

    class Scope {
    public:
        explicit Scope(Cork& cork) noexcept : cork_(cork) { ++cork_.depth_; }
        ~Scope() {
            if (cork_.depth_ == 1) cork_.pull();
            --cork_.depth_;
        }
        Scope(const Scope&) = delete;
        Scope& operator=(const Scope&) = delete;

    private:
        Cork& cork_;
    };

    /// `sender` has something to send: it is flushed when the outermost scope ends, or now. It must
    /// live until then or be destroyed before the Cork.
    void gather(Sender& sender) noexcept {
        if (depth_ == 0) {
            sender.flush();
        } else if (sender.cork_ == nullptr) {
            sender.cork_ = this;
            sender.next_ = std::exchange(first_, &sender);
        }
    }

private:
    void pull() noexcept {
        while (first_ != nullptr) {
            Sender& sender = *first_;
            forget(sender);
            sender.flush();
        }
    }
    void forget(Sender& sender) noexcept {
        Sender** link = &first_;
        while (*link != &sender) link = &(*link)->next_;
        *link = sender.next_;
        sender.cork_ = nullptr;
    }

    Sender* first_ = nullptr;
    unsigned depth_ = 0;
};

}  // namespace peerzone
