// runnel/latch.hpp — a counter that goes down to zero once, and opens then.
// SPDX-License-Identifier: BSL-1.0
//
//   Std     std::latch; misuse throws instead of being undefined
//   Layer   4; includes layers 0-3
//   Map     counting and waiting → detail/countdown.hpp
//   Tests   tests/latch_test.cpp
#pragma once

#include <cstddef>
#include <cstdint>

#include <runnel/detail/chrono.hpp>
#include <runnel/detail/countdown.hpp>
#include <runnel/error.hpp>

namespace runnel {
inline namespace v0 {

/// Opens when it has been counted down; then it stays open. Any number of goroutines and threads may use
/// it at once. May be destroyed as soon as wait has returned in all who called it, though others may not
/// have returned from count_down yet.
class latch {
public:
    static constexpr std::ptrdiff_t max() noexcept { return detail::countdown::most; }

    /// Errors  negative_counter, panic (beyond max()).
    constexpr explicit latch(std::ptrdiff_t expected) : count_(checked(expected)) {}
    latch(const latch&) = delete;
    latch& operator=(const latch&) = delete;

    /// Counts down by `n`; never blocks.
    /// Errors      negative_counter (`negative latch counter`) if less than `n` are left, or n < 0;
    ///             nothing has changed then.
    /// Visibility  what precedes happens before every wait returns.
    void count_down(std::ptrdiff_t n = 1) {
        if (RUNNEL_UNLIKELY(!count_.subtract(checked(n)))) throw_negative();
    }

    /// Whether it is open.
    bool try_wait() const noexcept { return count_.is_zero(); }

    /// Waits until it is open. Cost  one load if it is.
    void wait() const noexcept {
        static_cast<void>(
            count_.wait_until(detail::no_deadline, nullptr, detail::wait_reason::latch));
    }
    /// True if it opened within `d`; never false early. Zero or less looks once.
    template <class Rep, class Period>
    bool wait_for(std::chrono::duration<Rep, Period> d) const noexcept {
        return wait_until_point(detail::deadline_after(detail::to_duration(d)));
    }
    template <class Clock, class Dur>
    bool wait_until(std::chrono::time_point<Clock, Dur> tp) const noexcept {
        return wait_until_point(detail::to_time_point(tp));
    }

    /// count_down(n), then wait().
    void arrive_and_wait(std::ptrdiff_t n = 1) {
        count_down(n);
        wait();
    }

private:
    [[noreturn]] RUNNEL_NOINLINE static void throw_negative() {
        throw negative_counter("negative latch counter");
    }
    static constexpr std::uint32_t checked(std::ptrdiff_t n) {
        if (n < 0) throw_negative();
        if (n > max()) throw panic("latch counter overflow");
        return static_cast<std::uint32_t>(n);
    }
    bool wait_until_point(detail::time_point deadline) const noexcept {
        return count_.wait_until(deadline, nullptr, detail::wait_reason::latch) ==
               detail::wait_outcome::ok;
    }

    mutable detail::countdown count_;
};

}  // namespace v0
}  // namespace runnel
