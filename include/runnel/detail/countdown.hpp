// runnel/detail/countdown.hpp — a counter, and those who wait for it to come to zero.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      the state word of sync.WaitGroup
//   Layer   3
//   Map     wait_group.hpp and latch.hpp are thin shells around it
//
//   One word: the counter above, two flags below. Counting is one atomic addition; only who brings the
//   counter to zero while somebody waits does more: it is then responsible for them, and what it does last
//   clears both flags. Nobody returns from a wait, fast or slow, while a flag is set: so the object may be
//   destroyed as soon as any wait has said that the counter is zero.
//
//   Invariants
//     a queue that is not empty ⇒ waiting;
//     counter zero and waiting ⇒ the one who brought it there is on its way to wake them.
#pragma once

#include <cstdint>

#include <runnel/detail/waiter.hpp>
#include <runnel/detail/word_lock.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

class countdown {
public:
    static constexpr std::uint32_t most = 0x7fffffff;

    constexpr countdown() noexcept = default;
    constexpr explicit countdown(std::uint32_t n) noexcept : state_(std::uint64_t{n} << 32) {}

    enum class added : std::uint8_t { ok, overflow, while_waking };

    /// Nothing has changed unless ok.
    added add(std::uint32_t n) noexcept {
        const std::uint64_t more = std::uint64_t{n} << 32;
        // relaxed: what is counted happens after us by the way it is started, and the end of the
        // count is ordered by subtract().
        const std::uint64_t s = word().fetch_add(more, memory_order_relaxed);
        const bool wrapped = counter(s + more) < counter(s);
        if (RUNNEL_LIKELY(!wrapped && (s & ~held) != waiting)) return added::ok;
        subtract(n);
        return wrapped ? added::overflow : added::while_waking;
    }

    /// False if the counter would fall below zero: then it is as it was.
    bool subtract(std::uint32_t n) noexcept {
        if (n == 0) return true;
        interruption_point();
        const std::uint64_t less = std::uint64_t{n} << 32;
        RUNNEL_POINT("countdown.subtract");
        // [CD-1] what precedes happens before the end of every wait for this count.
        std::uint64_t s = word().fetch_sub(less, memory_order_release) - less;
        if (RUNNEL_LIKELY(counter(s) > 0 || (counter(s) == 0 && (s & waiting) == 0))) return true;
        const bool valid = counter(s) == 0;
        if (!valid) s = word().fetch_add(less, memory_order_relaxed) + less;
        if (counter(s) == 0 && (s & waiting) != 0) wake_everyone();
        return valid;
    }

    /// True if the counter is zero and nobody is about to touch this object because of it.
    bool is_zero() const noexcept { return state_.word.load(memory_order_acquire) == 0; }  // [CD-1]

    /// Waits for zero: ok, timed_out or canceled.
    wait_outcome wait_until(time_point deadline, done_source* done, wait_reason reason) noexcept {
        interruption_point();
        return RUNNEL_LIKELY(is_zero()) ? wait_outcome::ok : wait_slow(deadline, done, reason);
    }

private:
    // The word. Bit 0 is the queue's lock, the upper half the counter.
    static constexpr std::uint64_t held = word_lock<std::uint64_t>::held;
    static constexpr std::uint64_t waiting = 2;  // set by the queue's holder; cleared likewise

    static std::int32_t counter(std::uint64_t s) noexcept {
        return static_cast<std::int32_t>(s >> 32);
    }
    atomic<std::uint64_t>& word() noexcept { return state_.word; }

    RUNNEL_NOINLINE void wake_everyone() noexcept {
        wake_list woken;
        RUNNEL_POINT("countdown.zero");
        state_.lock();  // acquires, so that those whom we wake see what everybody did: [CD-1]
        while (waiter* w = waiters_.claim_front()) {
            w->outcome = wait_outcome::ok;
            woken.push(w);
        }
        RUNNEL_POINT("countdown.release");
        word().fetch_and(~(held | waiting), memory_order_release);  // [WL-1] [CD-1]
        woken.wake_all();
    }

    RUNNEL_NOINLINE wait_outcome wait_slow(time_point deadline, done_source* done,
                                           wait_reason reason) noexcept {
        if (deadline != no_deadline && counter(word().load(memory_order_relaxed)) != 0 &&
            deadline <= now()) {
            return wait_outcome::timed_out;
        }
        for (;;) {
            basic_wait_lock guard(state_, done);
            // [CD-1] The lock has acquired what was counted before it. What is counted while we hold it
            // is seen by these two: it may come to zero then.
            std::uint64_t s = word().load(memory_order_acquire);
            while (counter(s) != 0 && (s & waiting) == 0) {
                // In the same step as we see that it is not zero, or nobody would be responsible.
                // (Acquire for its failure; g++ 12 warns if that is stronger than the success.)
                if (word().compare_exchange_weak(s, s | waiting, memory_order_acquire)) {
                    s |= waiting;
                }
            }
            if ((s & waiting) == 0) return wait_outcome::ok;
            if (counter(s) == 0 && (done != nullptr || deadline != no_deadline)) {
                // Zero, but somebody is about to wake us: no limit counts any more.
                done = nullptr;
                deadline = no_deadline;
                continue;
            }
            waiter me;
            const wait_outcome o = wait(waiters_, guard, me, reason, this, deadline);
            if (o == wait_outcome::ok) return o;
            if (give_up()) return o;
            done = nullptr;
            deadline = no_deadline;
        }
    }

    /// False if the counter came to zero meanwhile. Without waiters nobody is to feel responsible.
    bool give_up() noexcept {
        state_.lock();
        std::uint64_t s = word().load(memory_order_relaxed);
        while (counter(s) != 0) {
            const std::uint64_t left = waiters_.empty() ? s & ~(held | waiting) : s & ~held;
            if (word().compare_exchange_weak(s, left, memory_order_release,
                                             memory_order_relaxed)) {  // [WL-1]
                return true;
            }
        }
        state_.unlock();
        return false;
    }

    word_lock<std::uint64_t> state_;
    waiter_queue waiters_;  // guarded by state_'s lock
};

}  // namespace detail
}  // namespace v0
}  // namespace runnel
