// runnel/condition_variable.hpp — waiting for a condition that a mutex guards.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      sync.Cond                                      Differences: docs/from_go.md#sync-time-context
//   Std     std::condition_variable, with runnel::mutex
//   Layer   4; includes layers 0-3, mutex.hpp, and chan.hpp for contexts
//   Map     waiting → detail/waiter.hpp
//   Tests   tests/condition_variable_test.cpp
//
//   A waiter joins the queue before it releases the mutex, under the queue's lock until it is parked: a
//   notification by anyone who has locked the mutex after it finds it. Waiters are woken in the order in
//   which they came, each by exactly one notification, and by nothing else: there are no spurious
//   wake-ups. A notification claims its waiter; one that has just timed out cannot be claimed, and the
//   next one gets it: none is lost.
#pragma once

#include <condition_variable>
#include <mutex>

#include <runnel/chan.hpp>
#include <runnel/detail/chrono.hpp>
#include <runnel/detail/mistake.hpp>
#include <runnel/detail/waiter.hpp>
#include <runnel/error.hpp>
#include <runnel/mutex.hpp>

namespace runnel {
inline namespace v0 {

/// Used with std::unique_lock<runnel::mutex>, as std::condition_variable is with std::mutex. Different
/// waiters may bring different mutexes. May be destroyed as soon as all waiters have been notified,
/// though they may not have returned yet; one that times out or is cancelled must have returned.
/// Go  sync.Cond
class condition_variable {
public:
    constexpr condition_variable() noexcept = default;
    condition_variable(const condition_variable&) = delete;
    condition_variable& operator=(const condition_variable&) = delete;

    /// Unlocks the mutex and waits for a notification, all at once; locks it again before it returns.
    /// Errors      unlock_of_unlocked if `held` holds no mutex.
    /// Visibility  what precedes the notification happens before this returns.
    /// Cost        no allocation; two switches. Go  Wait
    void wait(std::unique_lock<mutex>& held) {
        static_cast<void>(wait_with(held, detail::no_deadline, nullptr));
    }
    /// Waits until `condition()`, which is called with the mutex locked, is true.
    template <class Predicate>
        requires(!context_like<Predicate>)
    void wait(std::unique_lock<mutex>& held, Predicate condition) {
        while (!condition()) wait(held);
    }

    RUNNEL_MISTAKE(a_condition_variable_waits_with_a_unique_lock_of_a_runnel_mutex, wait(...));

    /// The same for at most `d`: timeout if no notification came, never early.
    template <class Rep, class Period>
    std::cv_status wait_for(std::unique_lock<mutex>& held, std::chrono::duration<Rep, Period> d) {
        return wait_until_point(held, detail::deadline_after(detail::to_duration(d)));
    }
    template <class Clock, class Dur>
    std::cv_status wait_until(std::unique_lock<mutex>& held,
                              std::chrono::time_point<Clock, Dur> tp) {
        return wait_until_point(held, detail::to_time_point(tp));
    }
    /// Waits for the condition for at most `d`; returns what it is at the end.
    template <class Rep, class Period, class Predicate>
    bool wait_for(std::unique_lock<mutex>& held, std::chrono::duration<Rep, Period> d,
                  Predicate condition) {
        return wait_for_condition(held, detail::deadline_after(detail::to_duration(d)), condition);
    }
    template <class Clock, class Dur, class Predicate>
    bool wait_until(std::unique_lock<mutex>& held, std::chrono::time_point<Clock, Dur> tp,
                    Predicate condition) {
        return wait_for_condition(held, detail::to_time_point(tp), condition);
    }

    /// Waits for a notification (`ok`) unless the context is done first: `canceled` or `timeout` as
    /// ctx.err() says. One that is already done wins, and the mutex is not unlocked. The mutex is locked
    /// when this returns, whatever it returns.
    template <context_like C>
    op_status wait(std::unique_lock<mutex>& held, const C& ctx) {
        if (const op_status s = detail::status_of(ctx); s != op_status::ok) return s;
        const auto done = ctx.done();
        if (wait_with(held, detail::no_deadline, detail::done_of(done)) ==
            detail::wait_outcome::ok) {
            return op_status::ok;
        }
        return detail::status_of(ctx);
    }
    /// `ok` if the condition is true at the end, whether or not the context is done.
    template <context_like C, class Predicate>
    op_status wait(std::unique_lock<mutex>& held, const C& ctx, Predicate condition) {
        while (!condition()) {
            if (const op_status s = wait(held, ctx); s != op_status::ok) {
                return condition() ? op_status::ok : s;
            }
        }
        return op_status::ok;
    }

    /// Wakes the one that has waited longest, if anybody waits. The mutex need not be held.
    /// Cost  one load if nobody waits. Go  Signal
    void notify_one() noexcept {
        detail::interruption_point();
        if (!waiting_.load(detail::memory_order_relaxed)) return;  // [CV-1]
        lock_.lock();
        detail::waiter* w = waiters_.claim_front();
        if (w != nullptr) w->outcome = detail::wait_outcome::ok;
        waiting_.store(!waiters_.empty(), detail::memory_order_relaxed);
        lock_.unlock();
        if (w != nullptr) w->who->wake();
    }

    /// Wakes all who wait now. Cost  O(those); one load if nobody waits. Go  Broadcast
    void notify_all() noexcept {
        detail::interruption_point();
        if (!waiting_.load(detail::memory_order_relaxed)) return;  // [CV-1]
        detail::wake_list woken;
        lock_.lock();
        while (detail::waiter* w = waiters_.claim_front()) {
            w->outcome = detail::wait_outcome::ok;
            woken.push(w);
        }
        waiting_.store(false, detail::memory_order_relaxed);
        lock_.unlock();
        woken.wake_all();
    }

private:
    detail::wait_outcome wait_with(std::unique_lock<mutex>& held, detail::time_point deadline,
                                   detail::done_source* done);

    std::cv_status wait_until_point(std::unique_lock<mutex>& held, detail::time_point deadline) {
        return wait_with(held, deadline, nullptr) == detail::wait_outcome::ok
                   ? std::cv_status::no_timeout
                   : std::cv_status::timeout;
    }
    template <class Predicate>
    bool wait_for_condition(std::unique_lock<mutex>& held, detail::time_point deadline,
                            Predicate& condition) {
        while (!condition()) {
            if (wait_until_point(held, deadline) == std::cv_status::timeout) return condition();
        }
        return true;
    }

    detail::spin_lock lock_;
    // [CV-1] Written under lock_; read by notifiers without it. relaxed: a waiter sets it before it
    // unlocks the mutex, so whoever has locked the mutex since then sees it; to a notifier that has
    // not, the waiter may as well come later.
    detail::atomic<bool> waiting_{false};
    detail::waiter_queue waiters_;  // guarded by lock_
};

inline detail::wait_outcome condition_variable::wait_with(std::unique_lock<mutex>& held,
                                                          detail::time_point deadline,
                                                          detail::done_source* done) {
    using namespace detail;
    if (RUNNEL_UNLIKELY(!held.owns_lock())) throw unlock_of_unlocked("unlock of unlocked mutex");
    mutex* m = held.mutex();
    wait_outcome o = wait_outcome::pending;
    {
        wait_lock guard(lock_, done);
        waiting_.store(true, memory_order_relaxed);  // [CV-1]
        RUNNEL_POINT("condition_variable.unlock");
        // Its waiter is woken with lock_ held, though only a wake-up should follow a lock: we are
        // about to park, and have no later moment. Nobody can be waiting for us meanwhile.
        if (waiter* next = m->release(); next != nullptr) next->who->wake();
        waiter me;
        o = detail::wait(waiters_, guard, me, wait_reason::condition, this, deadline);
    }
    // If we were notified nothing of this object is touched any more.
    m->lock();
    return o;
}

}  // namespace v0
}  // namespace runnel
