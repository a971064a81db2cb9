// runnel/detail/thread_parker.hpp — one thread's place to sleep: a futex word that remembers a wake-up.
// SPDX-License-Identifier: BSL-1.0
//
//   Layer   1
//   Owner   exactly one thread sleeps on it; anyone wakes it. Never shared by several sleepers: with
//           anonymous tokens a model checker finds a lost wake-up.
#pragma once

#include <cstdint>

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

    /// The sleeper may be gone the moment the word is set: only its address is used then, and every
    /// futex sleeper of this library puts up with a wake-up that was not meant for it.
    void unpark() noexcept {
        if (word_.exchange(token, memory_order_release) == empty) futex_wake(&word_);  // [TP-1]
    }

private:
    static constexpr std::uint32_t empty = 0;
    static constexpr std::uint32_t token = 1;
    atomic<std::uint32_t> word_{empty};
};

}  // namespace detail
}  // namespace v0
}  // namespace runnel
