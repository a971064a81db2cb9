// runnel/detail/word_lock.hpp — a spin lock that is one bit of a word with other state in it.
// SPDX-License-Identifier: BSL-1.0
//
//   Layer   1
//   Why     A primitive may be destroyed as soon as its effect is visible: the last waiter returns by
//           the fast path and frees it. With its state in one word and its lock in another, whoever
//           changes the state under the lock has still to release the lock, in freed memory. In one
//           word the change and the release are one operation, the last that touches the object.
//   Invariants
//     bit 0 is set while the lock is held, and then only the holder changes what the lock guards;
//     the other bits may be changed by anyone at any time, by read-modify-write only.
#pragma once

#include <runnel/detail/atomic.hpp>
#include <runnel/detail/config.hpp>
#include <runnel/detail/spin_lock.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

/// `Word` is an unsigned integer; its user gives the other bits their meaning.
template <class Word>
class word_lock {
public:
    static constexpr Word held = 1;

    constexpr word_lock() noexcept = default;
    constexpr explicit word_lock(Word w) noexcept : word(w) {}
    word_lock(const word_lock&) = delete;
    word_lock& operator=(const word_lock&) = delete;

    void lock() noexcept {
        if (RUNNEL_UNLIKELY((word.fetch_or(held, memory_order_acquire) & held) != 0)) {  // [WL-1]
            lock_slow();
        }
    }
    void unlock() noexcept {
        word.fetch_and(static_cast<Word>(~held),
                       memory_order_release);  // [WL-1] publishes the section
    }

    /// Under which the thread sanitizer knows this lock.
    const volatile void* sync_address() const noexcept { return &word; }

    atomic<Word> word{0};

private:
    RUNNEL_NOINLINE void lock_slow() noexcept {
        spin_wait waiting;
        while ((word.load(memory_order_relaxed) & held) != 0 ||
               (word.fetch_or(held, memory_order_acquire) & held) != 0) {  // [WL-1]
            waiting.pause();
        }
    }
};

}  // namespace detail
}  // namespace v0
}  // namespace runnel
