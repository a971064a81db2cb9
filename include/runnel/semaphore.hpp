// runnel/semaphore.hpp — weighted permits, strictly first come, first served.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      golang.org/x/sync/semaphore.Weighted           Differences: docs/from_go.md#sync-time-context
//   Layer   4; includes layers 0-3, and chan.hpp for contexts
//   Map     waiting → detail/waiter.hpp
//   Tests   tests/semaphore_test.cpp
//
//   Invariants (whenever the lock is free)
//     0 <= free_ <= size_;  the first of those who wait wants more than free_.
//   A small request does not overtake a large one that waits, or the large one would starve.
#pragma once

#include <cstddef>

#include <runnel/chan.hpp>
#include <runnel/detail/chrono.hpp>
#include <runnel/detail/waiter.hpp>
#include <runnel/error.hpp>

namespace runnel {
inline namespace v0 {

/// `n` permits, all free at first. Any number of goroutines and threads may use it at once. May be
/// destroyed as soon as nobody waits and the last acquire has returned.
/// Go  semaphore.NewWeighted(n)
class semaphore {
public:
    /// Errors  panic if n < 0.
    constexpr explicit semaphore(std::ptrdiff_t n) : size_(checked(n)), free_(n) {}
    semaphore(const semaphore&) = delete;
    semaphore& operator=(const semaphore&) = delete;

    /// Takes `k` permits.
    /// Blocks      until they are free, and nobody who came earlier waits. For ever if k exceeds the
    ///             size, without being in others' way.
    /// Errors      panic if k < 0.
    /// Visibility  what precedes a release happens before the acquire that it makes possible returns.
    /// Cost        no allocation. Go  Acquire
    void acquire(std::ptrdiff_t k = 1) {
        static_cast<void>(acquire_until(checked(k), detail::no_deadline, nullptr));
    }

    /// The same, unless the context is done first: `ok`, `canceled` or `timeout` as ctx.err() says. A
    /// context that is done fails even if there is room; permits that came just then are given back.
    template <context_like C>
    op_status acquire(const C& ctx, std::ptrdiff_t k = 1) {
        checked(k);
        if (const op_status s = detail::status_of(ctx); s != op_status::ok) return s;
        const auto done = ctx.done();
        const detail::wait_outcome o = acquire_until(k, detail::no_deadline, detail::done_of(done));
        const op_status s = detail::status_of(ctx);
        if (o != detail::wait_outcome::ok) return s != op_status::ok ? s : op_status::canceled;
        if (s != op_status::ok) release(k);
        return s;
    }

    /// Takes `k` permits if they are free and nobody waits; never blocks. Go  TryAcquire
    bool try_acquire(std::ptrdiff_t k = 1) {
        detail::interruption_point();
        checked(k);
        const detail::spin_guard guard(lock_);
        return take(k);
    }

    /// True if it got `k` permits within `d`; never false early. Zero or less tries once.
    template <class Rep, class Period>
    bool try_acquire_for(std::chrono::duration<Rep, Period> d, std::ptrdiff_t k = 1) {
        return acquire_until(checked(k), detail::deadline_after(detail::to_duration(d)), nullptr) ==
               detail::wait_outcome::ok;
    }
    template <class Clock, class Dur>
    bool try_acquire_until(std::chrono::time_point<Clock, Dur> tp, std::ptrdiff_t k = 1) {
        return acquire_until(checked(k), detail::to_time_point(tp), nullptr) ==
               detail::wait_outcome::ok;
    }

    /// Gives `k` permits back, whoever took them.
    /// Errors      panic (`semaphore: released more than held`) beyond the size, or if k < 0; nothing
    ///             has changed then.
    /// Cost        O(those who can go on). Go  Release
    void release(std::ptrdiff_t k = 1) {
        detail::interruption_point();
        checked(k);
        detail::wake_list woken;
        lock_.lock();
        if (RUNNEL_UNLIKELY(k > size_ - free_)) {
            lock_.unlock();
            throw panic("semaphore: released more than held");
        }
        free_ += k;
        serve(woken);
        lock_.unlock();
        woken.wake_all();
    }

private:
    struct request : detail::waiter {
        std::ptrdiff_t wants = 0;
    };

    static constexpr std::ptrdiff_t checked(std::ptrdiff_t n) {
        if (RUNNEL_UNLIKELY(n < 0)) throw_negative();
        return n;
    }
    [[noreturn]] RUNNEL_NOINLINE static void throw_negative() {
        throw panic("semaphore: negative number of permits");
    }

    /// With the lock held: takes them if it is our turn.
    bool take(std::ptrdiff_t k) noexcept {
        if (k > free_ || waiters_.peek_front() != nullptr) return false;
        free_ -= k;
        return true;
    }
    void serve(detail::wake_list& woken) noexcept;
    detail::wait_outcome acquire_until(std::ptrdiff_t k, detail::time_point deadline,
                                       detail::done_source* done) noexcept;

    detail::spin_lock lock_;
    const std::ptrdiff_t size_;
    std::ptrdiff_t free_;           // guarded by lock_
    detail::waiter_queue waiters_;  // guarded by lock_; holds requests
};

/// With the lock held: gives those at the head of the queue what they want, as long as there is enough.
inline void semaphore::serve(detail::wake_list& woken) noexcept {
    using namespace detail;
    while (waiter* w = waiters_.peek_front()) {
        const std::ptrdiff_t k = static_cast<const request*>(w)->wants;
        if (k > free_) break;
        waiters_.remove(w);
        if (!w->who->claim(w->index)) continue;  // it has just given up
        free_ -= k;
        w->outcome = wait_outcome::ok;
        woken.push(w);
    }
}

inline detail::wait_outcome semaphore::acquire_until(std::ptrdiff_t k, detail::time_point deadline,
                                                     detail::done_source* done) noexcept {
    detail::interruption_point();
    using namespace detail;
    if (RUNNEL_UNLIKELY(k > size_)) {
        spin_lock nobody;
        waiter_queue nothing;
        wait_lock guard(nobody, done);
        waiter me;
        return wait(nothing, guard, me, wait_reason::semaphore, this, deadline);
    }
    {
        wait_lock guard(lock_, done);
        if (take(k)) return wait_outcome::ok;
        if (deadline != no_deadline && deadline <= now()) return wait_outcome::timed_out;
        request me;
        me.wants = k;
        const wait_outcome o = wait(waiters_, guard, me, wait_reason::semaphore, this, deadline);
        if (o == wait_outcome::ok) return o;
    }
    // We may have stood in the way of smaller requests.
    wake_list woken;
    lock_.lock();
    serve(woken);
    lock_.unlock();
    woken.wake_all();
    return wait_outcome::timed_out;
}

}  // namespace v0
}  // namespace runnel
