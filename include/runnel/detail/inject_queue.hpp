// runnel/detail/inject_queue.hpp — the global queue: what foreign threads make runnable, and overflow.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      sched.runq
//   Layer   2
//   Invariants  size_ is the length of the list; both are written under lock_.
#pragma once

#include <cstddef>
#include <cstdint>

#include <runnel/detail/atomic.hpp>
#include <runnel/detail/goroutine.hpp>
#include <runnel/detail/spin_lock.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

class inject_queue {
public:
    void push(goroutine* g) noexcept {
        g->next = nullptr;
        push_chain(g, g, 1);
    }
    void push_chain(goroutine* first, goroutine* last, std::size_t n) noexcept {
        spin_guard guard(lock_);
        (tail_ != nullptr ? tail_->next : head_) = first;
        tail_ = last;
        // [ID-1] published to a worker that looks again before it sleeps.
        size_.store(size_.load(memory_order_relaxed) + n, memory_order_seq_cst);
    }

    /// Takes up to `most`; returns the first, the others linked behind it.
    goroutine* pop(std::size_t most) noexcept {
        if (empty() || most == 0) return nullptr;
        spin_guard guard(lock_);
        goroutine* first = head_;
        if (first == nullptr) return nullptr;
        goroutine* last = first;
        std::size_t n = 1;
        for (; n < most && last->next != nullptr; ++n) last = last->next;
        head_ = last->next;
        if (head_ == nullptr) tail_ = nullptr;
        last->next = nullptr;
        size_.store(size_.load(memory_order_relaxed) - n, memory_order_relaxed);
        return first;
    }

    bool empty() const noexcept { return size_.load(memory_order_seq_cst) == 0; }  // [ID-1]
    std::size_t size() const noexcept { return size_.load(memory_order_relaxed); }
    std::uint64_t lock_waits() const noexcept { return lock_.waits(); }

private:
    mutable counted_spin_lock lock_;
    goroutine* head_ = nullptr;  // guarded by lock_
    goroutine* tail_ = nullptr;  // guarded by lock_
    atomic<std::size_t> size_{0};
};

}  // namespace detail
}  // namespace v0
}  // namespace runnel
