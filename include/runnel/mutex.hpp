// runnel/mutex.hpp — mutual exclusion that parks the goroutine, not its thread.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      sync.Mutex                                     Differences: docs/from_go.md#sync-time-context
//   Layer   4; includes layers 0-3
//   Map     1. lock   2. unlock;  waiting → detail/waiter.hpp;  the queue's lock → detail/word_lock.hpp
//   Tests   tests/mutex_test.cpp
//
//   Two modes, as in Go. Normal: waiters queue in order, but the one that an unlock wakes has to
//   compete with newcomers, who are running already and mostly win: cheap, for whoever holds the
//   mutex goes on without a switch. A woken waiter that loses goes to the front. Starving: once a
//   waiter has waited for a millisecond, unlock passes the mutex on to the first in the queue, and
//   newcomers queue behind. That ends with a waiter that is the last, or had waited for less.
//
//   Invariants
//     a queue that is not empty ⇒ waiting;  starving ⇒ locked;
//     woken ⇒ somebody awake is going to try (or its run has ended: see passed_over).
//   unlock's last operation on the word lets others go on, and touches nothing of the mutex afterwards.
#pragma once

#include <cstdint>

#include <runnel/detail/chrono.hpp>
#include <runnel/detail/waiter.hpp>
#include <runnel/detail/word_lock.hpp>
#include <runnel/error.hpp>

namespace runnel {
inline namespace v0 {

class condition_variable;

/// At most one goroutine or thread holds it at a time. Usable with std::lock_guard, std::unique_lock,
/// std::scoped_lock. It belongs to nobody: one goroutine may lock it and another unlock it. Not
/// recursive. May be destroyed as soon as it is unlocked and nobody waits.
/// Go  sync.Mutex
class mutex {
public:
    constexpr mutex() noexcept = default;
    mutex(const mutex&) = delete;
    mutex& operator=(const mutex&) = delete;

    /// Locks it.
    /// Blocks      while somebody holds it.
    /// Visibility  what precedes an unlock happens before the next lock returns.
    /// Threads     any number at once; nobody starves, see the head of this file.
    /// Cost        one compare-exchange if it is free; no allocation.
    void lock() noexcept {
        detail::interruption_point();
        std::uint32_t s = 0;
        if (RUNNEL_LIKELY(
                state_.word.compare_exchange_strong(s, locked, detail::memory_order_acquire,
                                                    detail::memory_order_relaxed))) {  // [MU-1]
            return;
        }
        lock_slow(detail::no_deadline);
    }

    /// Locks it if it is free; never fails if it is.
    bool try_lock() noexcept {
        detail::interruption_point();
        std::uint32_t s = state_.word.load(detail::memory_order_relaxed);  // relaxed: a hint
        while ((s & locked) == 0) {
            if (state_.word.compare_exchange_weak(s, s | locked, detail::memory_order_acquire,
                                                  detail::memory_order_relaxed)) {  // [MU-1]
                return true;
            }
        }
        return false;
    }

    /// Locks it within `d`; false if that was not possible, never early. Zero or less tries once.
    template <class Rep, class Period>
    bool try_lock_for(std::chrono::duration<Rep, Period> d) noexcept {
        return try_lock() ||
               (d > d.zero() && lock_slow(detail::deadline_after(detail::to_duration(d))));
    }
    template <class Clock, class Dur>
    bool try_lock_until(std::chrono::time_point<Clock, Dur> tp) noexcept {
        return try_lock() || lock_slow(detail::to_time_point(tp));
    }

    /// Unlocks it.
    /// Errors      unlock_of_unlocked (`unlock of unlocked mutex`); nothing has changed then.
    /// Cost        one compare-exchange if nobody waits. If it passes the mutex on to a waiter that
    ///             starved, that one runs at once, and the caller after it.
    void unlock() {
        if (detail::waiter* w = release(); RUNNEL_UNLIKELY(w != nullptr)) wake(w);
        detail::interruption_point();
    }

private:
    friend class condition_variable;

    // The word. Bit 0 is the queue's lock.
    static constexpr std::uint32_t queue_locked = detail::word_lock<std::uint32_t>::held;
    static constexpr std::uint32_t locked = 2;
    static constexpr std::uint32_t waiting = 4;    // changed by the queue's holder only
    static constexpr std::uint32_t woken = 8;      // an unlock need not wake anybody
    static constexpr std::uint32_t starving = 16;  // changed by the queue's holder only
    // How often in a row unlock has relied on woken, though somebody waits. One who was woken and whose
    // run ended before it could run never tries: then, after so many times, another is woken.
    static constexpr std::uint32_t passed_over = 32;
    static constexpr std::uint32_t passed_over_mask = 255 * passed_over;

    static constexpr auto patience = std::chrono::milliseconds(1);
    static constexpr int most_spins = 4;

    struct queued : detail::waiter {
        detail::time_point since{};  // of the first of its waits in this lock()
    };

    bool lock_slow(detail::time_point deadline) noexcept;

    /// Unlocks without waking: returns the waiter that the caller must wake, if there is one.
    detail::waiter* release() {
        std::uint32_t s = locked;
        if (RUNNEL_LIKELY(state_.word.compare_exchange_strong(
                s, 0, detail::memory_order_release, detail::memory_order_relaxed))) {  // [MU-1]
            return nullptr;
        }
        return release_slow(s);
    }
    detail::waiter* release_slow(std::uint32_t s);
    static void wake(detail::waiter* w) noexcept;

    detail::word_lock<std::uint32_t> state_;  // [MU-1] locked: release to acquire
    detail::waiter_queue queue_;              // guarded by state_'s lock
};

// ---- 1. lock ----

RUNNEL_NOINLINE inline bool mutex::lock_slow(detail::time_point deadline) noexcept {
    using namespace detail;
    queued me;
    bool awake = false;   // we are the one that `woken` speaks of
    bool hungry = false;  // we have waited for too long
    int spins = 0;
    std::uint32_t s = state_.word.load(memory_order_relaxed);
    for (;;) {
        const std::uint32_t not_mine = awake ? ~woken : ~std::uint32_t{0};
        // 1. Free: take it.
        if ((s & locked) == 0) {
            RUNNEL_POINT("mutex.lock.free");
            if (state_.word.compare_exchange_weak(s, (s | locked) & not_mine, memory_order_acquire,
                                                  memory_order_relaxed)) {  // [MU-1]
                return true;
            }
            continue;
        }
        // 2. Held, perhaps not for long. While we look, nobody needs to be woken. We look ever more rarely: each
        // look takes the line from the holder, who wants it again at once where it is held often and briefly.
        if ((s & starving) == 0 && spins < most_spins && detail::spinning_may_help()) {
            ++spins;
            if (!awake && (s & (waiting | woken)) == waiting) {
                // relaxed: says nothing about other memory
                awake = state_.word.compare_exchange_weak(s, s | woken, memory_order_relaxed);
            }
            for (int i = 16 << spins; i != 0; --i) cpu_relax();
            s = state_.word.load(memory_order_relaxed);
            continue;
        }
        // 3. Queue, unless it comes free before we have said so.
        basic_wait_lock guard(state_);
        s = state_.word.load(memory_order_relaxed);
        const std::uint32_t mark = waiting | (hungry ? starving : 0);
        while ((s & locked) != 0) {
            RUNNEL_POINT("mutex.lock.mark");
            // relaxed: the queue is published by its lock. In the same step as we see it held, or
            // the holder might unlock without seeing that somebody waits.
            if (state_.word.compare_exchange_weak(s, (s | mark) & not_mine, memory_order_relaxed)) {
                break;
            }
        }
        if ((s & locked) == 0) {
            guard.unlock();
            s = state_.word.load(memory_order_relaxed);
            continue;
        }
        awake = false;
        // 4. Wait. Whoever gives up here has left the others to the holder's unlock.
        const bool again = me.since != time_point{};
        if (deadline != no_deadline || !again) {
            const time_point t = now();
            if (t >= deadline) return false;
            if (!again) me.since = t;
        }
        switch (wait(queue_, guard, me, wait_reason::mutex_lock, this, deadline, again)) {
            case wait_outcome::ok:
                return true;  // it was passed on to us
            case wait_outcome::timed_out:
                return false;
            default:
                break;
        }
        // 5. Woken, to try again.
        awake = true;
        hungry = now() - me.since >= patience;
        spins = 0;
        s = state_.word.load(memory_order_relaxed);
    }
}

// ---- 2. unlock ----

RUNNEL_NOINLINE inline detail::waiter* mutex::release_slow(std::uint32_t s) {
    using namespace detail;
    // 1. If nobody has to be woken, one step. Otherwise take the queue as well.
    spin_wait queue_busy;
    for (;;) {
        if (RUNNEL_UNLIKELY((s & locked) == 0))
            throw unlock_of_unlocked("unlock of unlocked mutex");
        const bool relies_on_woken = (s & woken) != 0 && (s & passed_over_mask) != passed_over_mask;
        RUNNEL_POINT("mutex.unlock");
        if ((s & starving) == 0 && ((s & waiting) == 0 || relies_on_woken)) {
            const std::uint32_t unlocked =
                (s & waiting) != 0 ? (s & ~locked) + passed_over : s & ~(locked | passed_over_mask);
            if (state_.word.compare_exchange_weak(s, unlocked, memory_order_release,
                                                  memory_order_relaxed)) {  // [MU-1]
                return nullptr;
            }
        } else if ((s & queue_locked) != 0) {
            queue_busy.pause();
            s = state_.word.load(memory_order_relaxed);
        } else if (state_.word.compare_exchange_weak(s, s | queue_locked, memory_order_acquire,
                                                     memory_order_relaxed)) {  // [WL-1]
            break;
        }
    }
    // 2. Whose turn it is. The mutex and the queue are ours: others can but set woken.
    waiter* w = queue_.claim_front();
    std::uint32_t next = queue_.empty() ? 0 : waiting;
    if (w != nullptr && (s & starving) != 0) {
        w->outcome = wait_outcome::ok;
        next |= locked;
        if (next != locked && now() - static_cast<queued*>(w)->since >= patience) next |= starving;
    } else if (w != nullptr) {
        w->outcome = wait_outcome::retry;
        next |= woken;
    }
    // 3. All at once; after that the mutex may be gone.
    RUNNEL_POINT("mutex.unlock.release");
    s = state_.word.load(memory_order_relaxed);
    while (!state_.word.compare_exchange_weak(s, next | (s & woken), memory_order_release,
                                              memory_order_relaxed)) {  // [MU-1] [WL-1]
    }
    return w;
}

RUNNEL_NOINLINE inline void mutex::wake(detail::waiter* w) noexcept {
    using namespace detail;
    const bool passed_on = w->outcome == wait_outcome::ok;
    w->who->wake();
    if (!passed_on) return;
    // It owns the mutex, and all who want it wait for it: let it run now.
    worker* here = current_worker();
    goroutine* g = here != nullptr ? here->current.load(memory_order_relaxed) : nullptr;
    if (g != nullptr && g->pinned.load(memory_order_relaxed) == nullptr) yield_goroutine(here, g);
}

}  // namespace v0
}  // namespace runnel
