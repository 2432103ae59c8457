// A value or the reason why there is none. For the control plane and for parsing text: the data
// plane does not build error strings. Calling value() on an error throws; ask has_value() (or
// operator bool) first.
#pragma once

#include <boost/system/result.hpp>
#include <stdexcept>
#include <string>
#include <utility>

namespace peerzone {

struct Error {
    std::string message;  ///< one sentence for the operator, without a final full stop
};

[[noreturn]] inline void throw_exception_from_error(const Error& error,
                                                    const boost::source_location& /*where*/) {
    throw std::runtime_error(error.message);
}

template <class T>
using Result = boost::system::result<T, Error>;

/// `return fail("text")` from a function that returns a Result.
inline Error fail(std::string message) {
    return Error{std::move(message)};
}

}  // namespace peerzone
