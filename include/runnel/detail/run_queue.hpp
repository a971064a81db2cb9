// runnel/detail/run_queue.hpp — one worker's runnable goroutines: a ring that others may steal from.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      the per-P queue of proc.go (runqput, runqget, runqgrab)
//   Layer   2
//   Invariants
//     tail_ is written by the owner only, head_ by whoever takes (compare-exchange);
//     head_ <= tail_ <= head_ + capacity (mod 2^32); slots [head_, tail_) hold goroutines. While the owner looks
//     whether it may have the newest, that one's slot is left out.
//   [RQ-4] The owner takes the newest by moving the tail back, and wins no compare-exchange for it. A thief may have
//     seen an older tail, and take half of what it saw. But it takes the older half, and only while the head is what
//     it saw. So the owner keeps in most_ how far the tail was at most while the head was seen_head_, and takes no
//     slot of the older half of that. It moves the tail, then reads the head; a thief reads the head, then the tail; all
//     four sequentially consistent. So of an owner and a thief that meet, either the thief sees the tail moved back, or
//     the owner sees the head that the thief has read; and between two such moves of the owner's the tail only grows,
//     so what it is before the second is the most that a thief may have seen after the first.
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
        stacked_ = 0;
        return true;
    }

    /// The same, of one that pop_newest() may take.
    bool stack(Item* item) noexcept {
        const std::uint32_t below = stacked_;
        if (!push(item)) return false;
        stacked_ = below + 1;
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

    /// What was pushed last, if it was by stack(), and no thief may be about to take it; else null.
    Item* pop_newest() noexcept {
        if (!has_stacked()) return nullptr;
        const std::uint32_t newest = tail_.load(memory_order_relaxed) - 1;
        const std::uint32_t h = head_.load(memory_order_relaxed);  // relaxed: a hint
        if (!out_of_reach(newest, h)) return nullptr;
        tail_.store(newest, memory_order_seq_cst);  // [RQ-4], and [RQ-1] of what is below
        RUNNEL_POINT("run_queue.pop_newest.moved");
        const std::uint32_t now = head_.load(memory_order_seq_cst);  // [RQ-4]
        if (now != h && !out_of_reach(newest, now)) {
            tail_.store(newest + 1, memory_order_release);  // [RQ-1] as it was
            return nullptr;
        }
        --stacked_;
        return slots_[newest % capacity].load(memory_order_relaxed);
    }

    /// Whether pop_newest() may take anything.
    bool has_stacked() const noexcept { return stacked_ != 0; }
    /// Whether it may take all that is here, one after the other.
    bool only_stacked() const noexcept { return size() <= stacked_; }
    /// As if stack() had pushed all of it.
    void restack() noexcept { stacked_ = size(); }

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
            std::uint32_t h = head_.load(memory_order_seq_cst);        // [RQ-3] [RQ-4]
            const std::uint32_t t = tail_.load(memory_order_seq_cst);  // [RQ-1] [RQ-4]
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
    /// Whether no thief takes the newest, by what is known now that the head is `h`. [RQ-4]
    bool out_of_reach(std::uint32_t newest, std::uint32_t h) noexcept {
        const std::uint32_t count = newest + 1 - h;
        if (count > capacity) return false;  // a thief has had it already
        if (h != seen_head_ || most_ < count) most_ = count;
        seen_head_ = h;
        return count > most_ - most_ / 2;
    }

    alignas(64) atomic<std::uint32_t> head_{0};
    alignas(64) atomic<std::uint32_t> tail_{0};
    // The owner's alone.
    std::uint32_t stacked_ = 0;  // so many, of the newest down, were pushed by stack(), gone or not
    std::uint32_t seen_head_ = 0;  // [RQ-4]
    std::uint32_t most_ = 0;       // [RQ-4] there were, from that head on
    atomic<Item*> slots_[capacity] = {};
};

}  // namespace detail
}  // namespace v0
}  // namespace runnel
