// One UDP socket of one worker: reads a batch, answers every hit of it in place, sends the batch
// (DESIGN section 2). Used on the worker's thread only.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <memory>

#include "peerzone/base/fd.hpp"
#include "peerzone/metrics/counters.hpp"
#include "peerzone/resolver/resolver.hpp"

namespace peerzone::server {

class UdpListener final : public resolver::ReplySink {
public:
    /// The socket is from open_udp. Reading starts with start().
    UdpListener(boost::asio::io_context& io, Fd socket, resolver::Resolver& resolver,
                metrics::Counters& counters);
    ~UdpListener();

    void start();
    /// Answers what the kernel holds already, then reads no more. Replies still go out.
    void stop();

    void deliver(const resolver::ReplyTo& to, Bytes reply) noexcept override;

private:
    struct Batch;

    void arm();
    void disarm();
    void wait();
    void turn();
    bool drain();
    void prepare(int count);
    int receive();
    void answer(int received);
    void answer_one(int index, Time now);
    void send(int count);
    void note_control(int index, resolver::ReplyTo& to);

    Fd socket_;
    boost::asio::posix::stream_descriptor epoll_;  // holds socket_ while that has little to do
    resolver::Resolver& resolver_;
    metrics::Counters& counters_;
    std::unique_ptr<Batch> batch_;
    std::uint32_t kernel_drops_ = 0;
    bool wildcard_ = false;
    bool armed_ = false;
    bool stopped_ = false;
};

}  // namespace peerzone::server
