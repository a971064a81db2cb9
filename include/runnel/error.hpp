// runnel/error.hpp — what the library throws, and the error codes of contexts.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      a run-time panic (recoverable), context.Canceled, context.DeadlineExceeded
//   Layer   0
#pragma once

#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>

#include <runnel/detail/config.hpp>

namespace runnel {
inline namespace v0 {

/// Misuse that Go answers with a panic. what() uses Go's words.
class RUNNEL_API panic : public std::logic_error {
public:
    using std::logic_error::logic_error;
};

/// `send on closed channel`, `close of closed channel`.
class RUNNEL_API closed_channel : public panic {
public:
    using panic::panic;
};

/// `close of nil channel`.
class RUNNEL_API nil_channel : public panic {
public:
    using panic::panic;
};

/// `negative WaitGroup counter`.
class RUNNEL_API negative_counter : public panic {
public:
    using panic::panic;
};

/// `unlock of unlocked mutex`. Go ends the program here; runnel throws, on purpose.
class RUNNEL_API unlock_of_unlocked : public panic {
public:
    using panic::panic;
};

/// Why a context is done.
enum class errc { canceled = 1, deadline_exceeded = 2 };

/// The category of errc: name "runnel", messages in Go's words.
/// deadline_exceeded is equivalent to std::errc::timed_out, canceled to std::errc::operation_canceled.
class RUNNEL_API error_category_type final : public std::error_category {
public:
    const char* name() const noexcept override { return "runnel"; }
    std::string message(int code) const override {
        switch (static_cast<errc>(code)) {
            case errc::canceled:
                return "context canceled";
            case errc::deadline_exceeded:
                return "context deadline exceeded";
        }
        return "unknown error";
    }
    std::error_condition default_error_condition(int code) const noexcept override {
        switch (static_cast<errc>(code)) {
            case errc::canceled:
                return std::errc::operation_canceled;
            case errc::deadline_exceeded:
                return std::errc::timed_out;
        }
        return {code, *this};
    }
};

namespace detail {
// Never destroyed: a code may be looked at while the process ends.
union RUNNEL_API category_holder {
    constexpr category_holder() : value() {}
    ~category_holder() {}
    error_category_type value;
};
RUNNEL_API inline constinit category_holder the_category{};
}  // namespace detail

/// What errc belongs to.
inline const std::error_category& error_category() noexcept { return detail::the_category.value; }

inline std::error_code make_error_code(errc e) noexcept {
    return {static_cast<int>(e), error_category()};
}

}  // namespace v0
}  // namespace runnel

template <>
struct std::is_error_code_enum<runnel::errc> : std::true_type {};
