// runnel/detail/run_queue.hpp — one worker's runnable goroutines: a ring that others may steal from.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      the per-P queue of proc.go (runqput, runqget, runqgrab)
//   Layer   2
//   Invariants
//     tail_ is written by the owner only, head_ by whoever takes (compare-exchange);
//     head_ <= tail_ <= head_ + capacity (mod 2^32); slots [head_, tail_) hold goroutines.
#pragma once

#include <cstdint>

#include <runnel/detail/atomic.hpp>
#include <runnel/detail/config.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

template <class Item, std::uint32_t Capacity = 256>
class run_queue {
public:
    static constexpr std::uint32_t capacity = Capacity;

    // ---- 1. the owner ----

    /// False if the ring is full.
    bool push(Item* item) noexcept {
        const std::uint32_t h = head_.load(memory_order_acquire);  // [RQ-2] the slot is free
        const std::uint32_t t = tail_.load(memory_order_relaxed);  // relaxed: only we write it
        if (t - h >= capacity) return false;
        slots_[t % capacity].store(item, memory_order_relaxed);  // relaxed: published by [RQ-1]
        tail_.store(t + 1, memory_order_release);                // [RQ-1] publishes the slot
        return true;
    }

    /// What has been pushed is seen by whoever announces itself after our next look for that: see scheduler.hpp. In
    /// our own line, where a fence by a word that all share would take that from the others.
    void publish() noexcept {
        tail_.store(tail_.load(memory_order_relaxed), memory_order_seq_cst);  // [ID-1]
    }

    Item* pop() noexcept {
        std::uint32_t h = head_.load(memory_order_acquire);  // [RQ-3] as thieves do
        for (;;) {
            const std::uint32_t t = tail_.load(memory_order_relaxed);  // relaxed: only we write it
            if (t == h) return nullptr;
            Item* item = slots_[h % capacity].load(memory_order_relaxed);
            // [RQ-2] gives the slot back to push().
            if (head_.compare_exchange_weak(h, h + 1, memory_order_release, memory_order_acquire)) {
                return item;
            }
        }
    }

    /// Takes the older half for the global queue: `sink(item)` for each, in order.
    template <class Sink>
    std::uint32_t pop_half(Sink sink) noexcept {
        const std::uint32_t h = head_.load(memory_order_acquire);
        const std::uint32_t t = tail_.load(memory_order_relaxed);
        const std::uint32_t n = (t - h) / 2;
        if (n == 0) return 0;
        Item* taken[capacity / 2];
        for (std::uint32_t i = 0; i < n; ++i) {
            taken[i] = slots_[(h + i) % capacity].load(memory_order_relaxed);
        }
        std::uint32_t expected = h;
        // A thief was faster: there is room now.
        if (!head_.compare_exchange_strong(expected, h + n, memory_order_release,  // [RQ-2]
                                           memory_order_relaxed)) {
            return 0;
        }
        for (std::uint32_t i = 0; i < n; ++i) sink(taken[i]);
        return n;
    }

    // ---- 2. thieves ----

    /// Moves the older half (rounded up) of this ring into `mine`, which the caller owns and which
    /// is empty; returns one of them, not counted there, or null.
    Item* steal_into(run_queue& mine) noexcept {
        for (;;) {
            std::uint32_t h = head_.load(memory_order_acquire);        // [RQ-3]
            const std::uint32_t t = tail_.load(memory_order_acquire);  // [RQ-1] sees the slots
            std::uint32_t n = t - h;
            n -= n / 2;
            if (n == 0) return nullptr;
            if (n > capacity / 2) continue;  // head and tail are not of one moment
            const std::uint32_t at = mine.tail_.load(memory_order_relaxed);
            Item* first = slots_[h % capacity].load(memory_order_relaxed);
            for (std::uint32_t i = 1; i < n; ++i) {
                Item* item = slots_[(h + i) % capacity].load(memory_order_relaxed);
                mine.slots_[(at + i - 1) % capacity].store(item, memory_order_relaxed);
            }
            RUNNEL_POINT("run_queue.steal.before_commit");
            // [RQ-2], [RQ-3] the slots are ours, or somebody was faster.
            if (head_.compare_exchange_strong(h, h + n, memory_order_acq_rel,
                                              memory_order_relaxed)) {
                if (n > 1) mine.tail_.store(at + n - 1, memory_order_release);  // [RQ-1]
                return first;
            }
        }
    }

    // ---- 3. anyone ----

    /// Part of the idle protocol: sequentially consistent, see scheduler.hpp [ID-1].
    bool empty() const noexcept {
        return head_.load(memory_order_seq_cst) == tail_.load(memory_order_seq_cst);
    }
    std::uint32_t size() const noexcept {
        const std::uint32_t t = tail_.load(memory_order_relaxed);
        const std::uint32_t n = t - head_.load(memory_order_relaxed);
        return n <= capacity ? n : 0;
    }

private:
    alignas(64) atomic<std::uint32_t> head_{0};
    alignas(64) atomic<std::uint32_t> tail_{0};
    atomic<Item*> slots_[capacity] = {};
};

}  // namespace detail
}  // namespace v0
}  // namespace runnel
