// One UDP socket of one worker: reads a batch, answers every hit of it in place, sends the batch
// (src/README.md, "Order of things"). Replies that come later gather while the Cork is in. Used on
// the worker's thread only.
#pragma once

#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <memory>

#include "peerzone/base/cork.hpp"
#include "peerzone/base/fd.hpp"
#include "peerzone/metrics/counters.hpp"
#include "peerzone/resolver/resolver.hpp"

namespace peerzone::server {

class UdpListener final : public resolver::ReplySink, private Cork::Sender {
public:
    /// The socket is from open_udp. Reading starts with start().
    UdpListener(boost::asio::io_context& io, Cork& cork, Fd socket, resolver::Resolver& resolver,
                metrics::Counters& counters);
    ~UdpListener();

    void start();
    /// Which views its clients have from now on.
    void see(const resolver::Snapshot& snapshot);
    /// Answers what the kernel holds already, then reads no more. Replies still go out.
    void stop();

    void deliver(const resolver::ReplyTo& to, Bytes reply) noexcept override;

private:
    struct Batch;
    struct Late;

    void arm();
    void disarm();
    void wait();
    void turn();
    bool drain();
    void prepare(int count);
    int receive();
    void answer(int received);
    void answer_one(int index, Time now);
    void send(mmsghdr* messages, int count) noexcept;
    void flush() noexcept override;
    std::size_t write_control(const resolver::ReplyTo& to, char* control) const noexcept;
    void note_control(int index, resolver::ReplyTo& to);
    view::ListenerId listener_at(const IpAddress& local) const noexcept;

    Cork& cork_;
    Fd socket_;
    boost::asio::posix::stream_descriptor epoll_;  // holds socket_ while that has little to do
    resolver::Resolver& resolver_;
    metrics::Counters& counters_;
    std::unique_ptr<Batch> batch_;
    std::unique_ptr<Late> late_;
    std::uint32_t kernel_drops_ = 0;
    SocketAddress address_;
    view::ListenerId listener_ = 0;
    /// Of a socket for every address: those of its addresses that have views of their own.
    std::vector<std::pair<IpAddress, view::ListenerId>> listeners_;
    bool armed_ = false;
    bool stopped_ = false;
};

}  // namespace peerzone::server
