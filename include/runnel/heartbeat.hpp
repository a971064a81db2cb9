// runnel/heartbeat.hpp — signs of life: whoever works gives them, whoever supervises is told if they stay away.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      the heartbeat pattern: a channel of pulses beside the channel of results
//   Layer   5; includes layers 0-5
//   Tests   tests/heartbeat_test.cpp, tests/heartbeat_simulated_test.cpp
//
//       runnel::heartbeat h{ctx, 5s};
//       wg.go([&] { while (work(h.context())) h.beat(); });   // done, with cause timed_out, after 5 s without a beat
#pragma once

#include <mutex>
#include <stdexcept>
#include <system_error>

#include <runnel/chan.hpp>
#include <runnel/context.hpp>
#include <runnel/detail/chrono.hpp>
#include <runnel/mutex.hpp>
#include <runnel/select.hpp>
#include <runnel/wait_group.hpp>

namespace runnel {
inline namespace v0 {

/// Watches over work that calls beat() as it goes on: when it has not done so for `limit` its context is cancelled.
/// The destructor waits for the goroutine that watches. So one that was made inside `run` goes before that returns:
/// goroutines end with it, without telling, and whoever waits for one afterwards waits for ever.
/// Threads  all operations, any number at once.
/// Cost     one goroutine, which wakes once a `limit`; beat() takes a mutex and wakes nobody but a reader of pulses().
class heartbeat {
public:
    /// The first beat is its making. `ctx` ends it, too.
    /// Errors  std::invalid_argument for a limit of zero or less.
    template <class Rep, class Period>
    heartbeat(const context& ctx, std::chrono::duration<Rep, Period> limit,
              detail::source_place place = detail::source_place::here())
        : limit_(checked(detail::to_duration(limit))),
          context_(with_cancel(ctx)),
          pulses_(make_chan<clock::time_point>(1)),
          last_(detail::now()) {
        watcher_.go([this] { watch_over(); }, place);
    }
    heartbeat(const heartbeat&) = delete;
    heartbeat& operator=(const heartbeat&) = delete;
    /// Cancels its context.
    ~heartbeat() {
        context_.cancel();
        // A static one: its goroutine has ended without telling it.
        if (!detail::process_ended.load(detail::memory_order_acquire)) watcher_.wait();
    }

    /// A sign of life. After the end it changes nothing.
    void beat() {
        const std::lock_guard guard(mutex_);
        if (ended_) return;
        last_ = detail::now();
        static_cast<void>(pulses_.try_send(last_));
    }

    /// Done when a beat is overdue, with std::errc::timed_out as its cause, or with the context that was given.
    const runnel::context& context() const noexcept { return context_; }
    /// When the last beat was. Holds at most one that was not received, so that no beat waits; closed at the end.
    recv_chan<clock::time_point> pulses() const noexcept { return pulses_; }
    /// When the last beat was.
    clock::time_point last() const {
        const std::lock_guard guard(mutex_);
        return last_;
    }

private:
    static duration checked(duration limit) {
        if (limit <= duration::zero()) {
            throw std::invalid_argument("runnel::heartbeat: the limit is more than zero");
        }
        return limit;
    }

    void watch_over() {
        const runnel::context& ended = context_;
        while (select(in_order, done(ended), timeout(detail::deadline_after(limit_, last()))) ==
               1) {
            if (!overdue()) continue;
            context_.cancel(std::make_error_code(std::errc::timed_out));
            break;
        }
        const std::lock_guard guard(mutex_);
        ended_ = true;
        pulses_.close();
    }
    bool overdue() const { return detail::deadline_after(limit_, last()) <= detail::now(); }

    const duration limit_;
    cancel_context context_;
    chan<clock::time_point> pulses_;
    mutable mutex mutex_;
    detail::time_point last_;  // guarded by mutex_
    bool ended_ = false;       // likewise; pulses_ is closed
    wait_group watcher_;
};

}  // namespace v0
}  // namespace runnel
