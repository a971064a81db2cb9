// runnel/detail/goroutine_pool.hpp — where control blocks come from: slabs that are never freed.
// SPDX-License-Identifier: BSL-1.0
//
//   Layer   2
//   Invariants  every block of every slab is a valid goroutine object for ever, so for_each() may look
//               at all of them while they start and end; for each there is a stack, should it park.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

#include <runnel/detail/worker.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

class goroutine_pool {
public:
    explicit goroutine_pool(stack_pool& stacks) noexcept : stacks_(stacks) {}

    /// A free block, from the worker's own list if there is a worker. Throws std::bad_alloc.
    goroutine* allocate(worker* w) {
        if (w == nullptr) {
            spin_guard g(lock_);
            if (free_ == nullptr) add_slab();
            return pop();
        }
        if (w->free_blocks == nullptr) refill(w);
        goroutine* g = w->free_blocks;
        w->free_blocks = g->next;
        --w->free_count;
        return g;
    }

    void release(worker* w, goroutine* g) noexcept {
        if (w == nullptr) {
            spin_guard guard(lock_);
            push(g);
            return;
        }
        g->next = w->free_blocks;
        w->free_blocks = g;
        if (++w->free_count >= 2 * batch) {
            spin_guard guard(lock_);
            for (std::uint32_t i = 0; i < batch; ++i) {
                goroutine* moved = w->free_blocks;
                w->free_blocks = moved->next;
                push(moved);
            }
            w->free_count -= batch;
        }
    }

    /// Calls f(goroutine&) for every block, in use or not.
    template <class F>
    void for_each(F f) {
        // [GP-1] sees the blocks of the slab.
        for (slab* s = slabs_.load(memory_order_acquire); s != nullptr; s = s->next) {
            for (std::size_t i = 0; i < slab_blocks; ++i) f(s->blocks[i]);
        }
    }

private:
    static constexpr std::uint32_t batch = 128;
    static constexpr std::size_t slab_blocks = 128;

    struct slab {
        slab* next = nullptr;
        goroutine blocks[slab_blocks];
    };

    void push(goroutine* g) noexcept {
        g->next = free_;
        free_ = g;
    }
    goroutine* pop() noexcept {
        goroutine* g = free_;
        free_ = g->next;
        return g;
    }

    RUNNEL_NOINLINE void refill(worker* w) {
        spin_guard guard(lock_);
        if (free_ == nullptr) add_slab();
        for (; w->free_count < batch && free_ != nullptr; ++w->free_count) {
            goroutine* g = pop();
            g->next = w->free_blocks;
            w->free_blocks = g;
        }
    }

    void add_slab() {
        RUNNEL_POINT("goroutine_pool.add_slab");
        stacks_.reserve(slab_blocks);  // each may park
        auto* s = RUNNEL_FAULT("goroutine_pool.no_memory") ? nullptr : new (std::nothrow) slab;
        if (s == nullptr) {
            stacks_.unreserve(slab_blocks);
            throw std::bad_alloc();
        }
        s->next = slabs_.load(memory_order_relaxed);
        for (std::size_t i = slab_blocks; i-- > 0;) push(&s->blocks[i]);
        slabs_.store(s, memory_order_release);  // [GP-1]
    }

    stack_pool& stacks_;
    spin_lock lock_;
    goroutine* free_ = nullptr;     // guarded by lock_
    atomic<slab*> slabs_{nullptr};  // appended to under lock_; read by anyone
};

}  // namespace detail
}  // namespace v0
}  // namespace runnel
