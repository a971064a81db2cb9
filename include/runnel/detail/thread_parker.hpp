// runnel/detail/thread_parker.hpp — one thread's place to sleep, in a futex or in the poller: a word remembers a wake-up.
// SPDX-License-Identifier: BSL-1.0
//
//   Layer   1
//   Owner   exactly one thread sleeps on it; anyone wakes it. Never shared by several sleepers: with
//           anonymous tokens a model checker finds a lost wake-up.
#pragma once

#include <cstdint>

#include <runnel/detail/event_poll.hpp>
#include <runnel/detail/platform.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

class thread_parker {
public:
    constexpr thread_parker() noexcept = default;

    /// Sleeps until unpark() has been called since the last park() that returned true, or until
    /// `deadline`. True if it was unparked.
    bool park(time_point deadline = no_deadline) noexcept {
        for (;;) {
            // [TP-1] sees what the waker wrote before unpark().
            if (word_.exchange(empty, memory_order_acquire) == token) return true;
            const int r = futex_wait(word_, empty, deadline);
            if (r == -ETIMEDOUT) return word_.exchange(empty, memory_order_acquire) == token;
        }
    }

    /// The same in the poller: `wait` sleeps in the_event_poll, for any time. True if it was unparked.
    template <class Wait>
    bool park_in_poller(Wait&& wait) noexcept {
        std::uint32_t none = empty;
        // relaxed: if it fails the token is there, and taken below. Whoever unparks us from now on interrupts the wait,
        // perhaps only after we have come back and seen its token: then the next wait is cut short, for nothing.
        if (word_.compare_exchange_strong(none, polling, memory_order_relaxed)) wait();
        RUNNEL_POINT("thread_parker.polled");
        return word_.exchange(empty, memory_order_acquire) == token;  // [TP-1]
    }

    /// The sleeper may be gone the moment the word is set: only its address is used then, and every
    /// futex sleeper of this library puts up with a wake-up that was not meant for it.
    void unpark() noexcept {
        const std::uint32_t was = word_.exchange(token, memory_order_release);  // [TP-1]
        if (was == empty) futex_wake(&word_);
        if (RUNNEL_UNLIKELY(was == polling)) the_event_poll.interrupt();
    }

private:
    static constexpr std::uint32_t empty = 0;
    static constexpr std::uint32_t token = 1;
    static constexpr std::uint32_t polling = 2;
    atomic<std::uint32_t> word_{empty};
};

}  // namespace detail
}  // namespace v0
}  // namespace runnel
