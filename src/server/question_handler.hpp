// What answers the queries that come over a connection: the worker's Resolver, or a double in the
// tests. The contract of the two calls is resolver::Resolver's.
#pragma once

#include "peerzone/resolver/resolver.hpp"

namespace peerzone::server {

class QuestionHandler {
public:
    virtual resolver::Disposition answer_now(Bytes message, Time now, resolver::Request& request,
                                             MutableBytes out, std::size_t& size) noexcept = 0;
    virtual void admit(const resolver::Request& request, const resolver::ReplyTo& to, Time now) = 0;

protected:
    ~QuestionHandler() = default;
};

class ResolverQuestions final : public QuestionHandler {
public:
    explicit ResolverQuestions(resolver::Resolver& resolver) noexcept : resolver_(resolver) {}

    resolver::Disposition answer_now(Bytes message, Time now, resolver::Request& request,
                                     MutableBytes out, std::size_t& size) noexcept override {
        return resolver_.answer_now(message, now, request, out, size);
    }
    void admit(const resolver::Request& request, const resolver::ReplyTo& to, Time now) override {
        resolver_.admit(request, to, now);
    }

private:
    resolver::Resolver& resolver_;
};

}  // namespace peerzone::server
