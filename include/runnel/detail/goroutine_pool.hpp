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
#include <utility>

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
            spin_guard guard(lock_);
            if (free_.first == nullptr) take_batch(free_);
            return pop(free_);
        }
        if (w->free_blocks.first == nullptr) refill(w);
        return pop(w->free_blocks);
    }

    void release(worker* w, goroutine* g) noexcept {
        if (w == nullptr) {
            spin_guard guard(lock_);
            if (free_.count == batch) give_batch(free_);
            push(free_, g);
            return;
        }
        // Before the push: so one block at least is left, and who starts and ends one goroutine after
        // another does not swap lists each time.
        if (w->free_blocks.count == batch) put_batch_aside(w);
        push(w->free_blocks, g);
    }

    std::uint64_t lock_waits() const noexcept { return lock_.waits(); }

    /// Calls f(goroutine&) for every block, in use or not.
    template <class F>
    void for_each(F f) {
        // [GP-1] sees the blocks of the slab.
        for (slab* s = slabs_.load(memory_order_acquire); s != nullptr; s = s->next) {
            for (std::size_t i = 0; i < batch; ++i) f(s->blocks[i]);
        }
    }

private:
    static constexpr std::uint32_t batch = 128;

    struct slab {
        slab* next = nullptr;
        goroutine blocks[batch];
    };

    static void push(block_list& l, goroutine* g) noexcept {
        g->next = l.first;
        l.first = g;
        ++l.count;
    }
    static goroutine* pop(block_list& l) noexcept {
        goroutine* g = l.first;
        l.first = g->next;
        --l.count;
        return g;
    }

    // One batch stays with the worker; the one that was aside before, if any, goes to the others.
    RUNNEL_NOINLINE void put_batch_aside(worker* w) noexcept {
        std::swap(w->free_blocks, w->full_batch);
        if (w->free_blocks.first == nullptr) return;
        spin_guard guard(lock_);
        give_batch(w->free_blocks);
    }

    RUNNEL_NOINLINE void refill(worker* w) {
        std::swap(w->free_blocks, w->full_batch);
        if (w->free_blocks.first != nullptr) return;
        spin_guard guard(lock_);
        take_batch(w->free_blocks);
    }

    // Whole batches change hands, whatever the length: their blocks are long out of the caches.
    void give_batch(block_list& from) noexcept {
        from.first->context = batches_;
        batches_ = from.first;
        from = {};
    }
    void take_batch(block_list& to) {
        if (batches_ == nullptr && free_.first != nullptr) {
            std::swap(to, free_);
            return;
        }
        if (batches_ == nullptr) add_slab();
        to = {batches_, batch};
        batches_ = static_cast<goroutine*>(batches_->context);
    }

    void add_slab() {
        RUNNEL_POINT("goroutine_pool.add_slab");
        stacks_.reserve(batch);  // each may park
        auto* s = RUNNEL_FAULT("goroutine_pool.no_memory") ? nullptr : new (std::nothrow) slab;
        if (s == nullptr) {
            stacks_.unreserve(batch);
            throw std::bad_alloc();
        }
        s->next = slabs_.load(memory_order_relaxed);
        block_list made;
        for (std::size_t i = batch; i-- > 0;) push(made, &s->blocks[i]);
        give_batch(made);
        slabs_.store(s, memory_order_release);  // [GP-1]
    }

    stack_pool& stacks_;
    mutable counted_spin_lock lock_;
    goroutine* batches_ = nullptr;  // guarded by lock_; of each the first, linked by `context`
    block_list free_;  // guarded by lock_; of threads that are no workers; a batch at most
    atomic<slab*> slabs_{nullptr};  // appended to under lock_; read by anyone
};

}  // namespace detail
}  // namespace v0
}  // namespace runnel
