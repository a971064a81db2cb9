// runnel/time.hpp — sleeping, timers and tickers.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      time.Sleep, After, NewTimer, AfterFunc, NewTicker (semantics of Go 1.23)
//   Layer   4; includes layers 0-3
//   Map     timers → detail/timer_chan.hpp;  their queue → detail/timer_queue.hpp
//   Tests   tests/time_test.cpp
//
//   No goroutine waits behind a timer. Nothing is ever early; a duration of zero or less is now,
//   the largest one is for ever.
#pragma once

#include <stdexcept>
#include <type_traits>
#include <utility>

#include <runnel/chan.hpp>
#include <runnel/detail/chrono.hpp>
#include <runnel/detail/mistake.hpp>
#include <runnel/detail/timer_chan.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

inline void sleep_until_point(time_point deadline) noexcept {
    sleeper s(wait_reason::sleep, nullptr, false);
    s.park_until(deadline, sleeper::nothing, nullptr);
}

inline void yield_here() noexcept {
    worker* w = current_worker();
    goroutine* g = w != nullptr ? w->current.load(memory_order_relaxed) : nullptr;
    if (g == nullptr || g->pinned.load(memory_order_relaxed) != nullptr) {
        yield_thread(w, g);
    } else {
        yield_goroutine(w, g);
    }
}

struct timer_access {
    template <class Timer>
    static Timer adopt(timer_base* t) noexcept {
        return Timer(t);
    }
};

inline duration checked_period(duration d) {
    if (d <= duration::zero()) throw std::invalid_argument("non-positive interval for ticker");
    return d;
}

}  // namespace detail

/// Parks for at least `d`; zero or less only lets others run. On a thread: blocks it.
/// Go  time.Sleep
template <class Rep, class Period>
void sleep_for(std::chrono::duration<Rep, Period> d) {
    const duration whole = detail::to_duration(d);
    if (whole <= duration::zero()) {
        detail::yield_here();
    } else {
        detail::sleep_until_point(detail::deadline_after(whole));
    }
}

RUNNEL_MISTAKE(a_time_needs_a_unit_as_in_5ms, sleep_for(...));

/// Parks until `tp` has come. Of a clock other than runnel's, its distance from now is taken once.
template <class Clock, class Dur>
void sleep_until(std::chrono::time_point<Clock, Dur> tp) {
    const detail::time_point deadline = detail::to_time_point(tp);
    if (deadline <= detail::now()) {
        detail::yield_here();
    } else {
        detail::sleep_until_point(deadline);
    }
}

/// A channel on which the time comes once, after `d`. When no handle is left the timer is gone.
/// Errors  std::bad_alloc; std::system_error if the runtime is not running yet and cannot start.
/// Cost    one allocation; O(log timers). Go  time.After
template <class Rep, class Period>
recv_chan<clock::time_point> after(std::chrono::duration<Rep, Period> d) {
    auto* t = detail::chan_timer::make(
        detail::this_scheduler(), detail::deadline_after(detail::to_duration(d)), duration::zero());
    return detail::chan_access::adopt<recv_chan<clock::time_point>>(t->channel());
}
RUNNEL_MISTAKE(a_time_needs_a_unit_as_in_5ms, after(...));

/// One event in the future: a tick on its channel, or a function's call.
/// Movable; a moved-from timer may only be assigned to or destroyed.
/// Destroying it does not stop it.
/// Threads  all operations from any number at once. Go  *time.Timer
class timer {
public:
    /// Sends the time on chan() once, after `d`. Errors, cost as after().
    template <class Rep, class Period>
    explicit timer(std::chrono::duration<Rep, Period> d) {
        auto* t = detail::chan_timer::make(detail::this_scheduler(),
                                           detail::deadline_after(detail::to_duration(d)),
                                           duration::zero());
        channel_ = detail::chan_access::adopt<recv_chan<clock::time_point>>(t->channel());
        timer_ = t;
    }
    timer(timer&& o) noexcept
        : timer_(std::exchange(o.timer_, nullptr)), channel_(std::move(o.channel_)) {}
    timer& operator=(timer&& o) noexcept {
        timer moved(std::move(o));
        std::swap(timer_, moved.timer_);
        std::swap(channel_, moved.channel_);
        return *this;
    }
    ~timer() {
        if (timer_ != nullptr && !channel_) timer_->release();
    }

    /// Where the tick comes; len and cap are 0. Nil for after_func's.
    const recv_chan<clock::time_point>& chan() const noexcept { return channel_; }

    /// Stops it. True if this call kept a tick from being received (also one that had come and was
    /// not received yet), or the function from being called. Afterwards no stale tick can be
    /// received.
    /// Errors  panic (`operation on a moved-from timer`).
    /// Cost    O(log timers).
    bool stop() { return checked()->stop(); }

    /// Lets it come after `d` from now, and no earlier tick any more. Returns what stop() would. Errors, cost as there.
    template <class Rep, class Period>
    bool reset(std::chrono::duration<Rep, Period> d) {
        return checked()->reset(detail::deadline_after(detail::to_duration(d)), duration::zero());
    }

private:
    friend struct detail::timer_access;
    explicit timer(detail::timer_base* adopted) noexcept : timer_(adopted) {}

    detail::timer_base* checked() const {
        if (timer_ == nullptr) throw panic("operation on a moved-from timer");
        return timer_;
    }

    detail::timer_base* timer_ = nullptr;  // kept by its channel; after_func's holds a reference
    recv_chan<clock::time_point> channel_;
};

/// Calls `f` after `d` in a goroutine of its own, whether or not the timer is kept. stop() and
/// reset() work as for others; a reset after it has fired calls `f` again. What `f` returns is dropped.
/// Errors      panic (`go of nil func value`) for an empty function; what its copy throws; those of after(). If there is
///             no memory for the goroutine when it is due, the program ends with a report.
/// Visibility  what precedes it happens before the call. Go  time.AfterFunc
template <class Rep, class Period, class F>
timer after_func(std::chrono::duration<Rep, Period> d, F&& f,
                 detail::source_place place = detail::source_place::here()) {
    static_assert(std::is_invocable_v<std::decay_t<F>&>,
                  "runnel::after_func: the function is called without arguments");
    detail::check_callable(f);
    detail::scheduler& s = detail::this_scheduler();
    auto* t = new detail::func_timer_of<std::decay_t<F>>(s, detail::current_scope(s), place,
                                                         std::forward<F>(f));
    timer handle = detail::timer_access::adopt<timer>(t);
    t->reset(detail::deadline_after(detail::to_duration(d)), duration::zero());
    return handle;
}

/// Ticks at a fixed rate. A slow receiver loses ticks and never gets a burst; the next one comes on
/// the grid of the first. Its destructor stops it; its channel is never closed.
/// Movable; a moved-from ticker has a nil channel, and its stop() does nothing.
/// Threads  all operations from any number at once. Go  *time.Ticker
class ticker {
public:
    /// Ticks each `period`, for the first time after one.
    /// Errors  std::invalid_argument (`non-positive interval for ticker`) for a period of zero or less; those of after().
    template <class Rep, class Period>
    explicit ticker(std::chrono::duration<Rep, Period> period) {
        const duration p = detail::checked_period(detail::to_duration(period));
        auto* t = detail::chan_timer::make(detail::this_scheduler(), detail::deadline_after(p), p);
        channel_ = detail::chan_access::adopt<recv_chan<clock::time_point>>(t->channel());
        timer_ = t;
    }
    ticker(ticker&& o) noexcept
        : channel_(std::move(o.channel_)), timer_(std::exchange(o.timer_, nullptr)) {}
    ticker& operator=(ticker&& o) noexcept {
        ticker moved(std::move(o));
        std::swap(timer_, moved.timer_);
        std::swap(channel_, moved.channel_);
        return *this;
    }
    ~ticker() {
        if (timer_ != nullptr) timer_->stop();
    }

    /// Where the ticks come.
    const recv_chan<clock::time_point>& chan() const noexcept { return channel_; }

    /// No tick can be received afterwards, until reset(). Cost  O(log timers).
    void stop() {
        if (timer_ != nullptr) timer_->stop();
    }
    /// Ticks every `period` from now on, and an earlier tick can no more be received.
    /// Errors  std::invalid_argument as the constructor: nothing has changed then. panic if it was moved from.
    /// Cost    O(log timers).
    template <class Rep, class Period>
    void reset(std::chrono::duration<Rep, Period> period) {
        const duration p = detail::checked_period(detail::to_duration(period));
        if (timer_ == nullptr) throw panic("operation on a moved-from ticker");
        timer_->reset(detail::deadline_after(p), p);
    }

private:
    recv_chan<clock::time_point> channel_;  // keeps the timer
    detail::timer_base* timer_ = nullptr;
};

}  // namespace v0
}  // namespace runnel
