// runnel/detail/timer_queue.hpp — deadlines in order: a 4-ary heap under one lock.
// SPDX-License-Identifier: BSL-1.0
//
//   Layer   2
//   Invariants
//     node->position is the node's place in the heap, or none; both change under lock_;
//     earliest_ is the root's deadline, or no_deadline;
//     a node is claimed under lock_: once cancel() has returned, nobody touches the node any more.
//   In a large heap a cancelled node's place stays, empty, until it comes up or half of all places are empty. So
//   earliest_ may be earlier than what is still armed: whoever waits for it looks in vain then, and clears it away.
//   Most timers are cancelled before they strike.
//   Cost    arm O(log n), cancel O(1) amortised, the next deadline O(1) without the lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include <runnel/detail/assert.hpp>
#include <runnel/detail/atomic.hpp>
#include <runnel/detail/platform.hpp>
#include <runnel/detail/spin_lock.hpp>
#include <runnel/detail/tsan.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

class goroutine;
struct run_scope;

/// One deadline. `expire` runs under the queue's lock, in O(1) and without taking another lock: it
/// claims the sleeper and returns its goroutine, if that is to be made runnable. If `run` is set it
/// is called afterwards, without a lock, when expire() returned null and `deferred` is true.
struct timer_node {
    static constexpr std::size_t none = static_cast<std::size_t>(-1);

    goroutine* (*expire)(timer_node*) noexcept = nullptr;
    void (*run)(timer_node*) noexcept = nullptr;
    const run_scope* ends_with = nullptr;  // the run; null: it outlives all
    std::size_t position = none;
    bool deferred = false;
};

class timer_queue {
public:
    timer_queue() = default;
    timer_queue(const timer_queue&) = delete;
    timer_queue& operator=(const timer_queue&) = delete;
    ~timer_queue() { std::free(heap_); }

    /// Adds the node. True if it is now the earliest: whoever sleeps until an earlier deadline of
    /// the queue must look again.
    bool arm(timer_node* n, time_point when) noexcept {
        RUNNEL_POINT("timer_queue.arm");
        spin_guard g(lock_);
        if (size_ == capacity_) grow();
        place(size_, {when, n});
        sift_up(size_++);
        return publish_earliest();
    }

    /// True if the node was still waiting and now is not.
    bool cancel(timer_node* n) noexcept {
        RUNNEL_POINT("timer_queue.cancel");
        spin_guard g(lock_);
        const std::size_t at = n->position;
        if (at == timer_node::none) return false;
        n->position = timer_node::none;
        if (size_ < large) {
            remove(at);
            drop_empty_roots();
        } else {
            heap_[at].node = &nobody_;
            if (++empty_ > size_ / 2) close_up();
        }
        publish_earliest();
        return true;
    }

    /// The next deadline, or no_deadline. Part of the keeper protocol: sequentially consistent, see
    /// scheduler.hpp [TK-1].
    time_point earliest() const noexcept {
        return time_point(duration(earliest_.load(memory_order_seq_cst)));
    }
    bool empty() const noexcept { return earliest() == no_deadline; }
    /// Whether a node is armed for which `wanted` holds. Called under the lock.
    template <class Wanted>
    bool any_of(Wanted wanted) noexcept {
        if (empty()) return false;
        spin_guard g(lock_);
        for (std::size_t i = 0; i < size_; ++i) {
            if (heap_[i].node != &nobody_ && wanted(*heap_[i].node)) return true;
        }
        return false;
    }
    /// Cancels all nodes for which `unwanted` holds. Called under the lock.
    template <class Unwanted>
    void cancel_if(Unwanted unwanted) noexcept {
        spin_guard g(lock_);
        for (std::size_t i = 0; i < size_; ++i) {
            timer_node* n = heap_[i].node;
            if (n == &nobody_ || !unwanted(*n)) continue;
            n->position = timer_node::none;
            heap_[i].node = &nobody_;
            ++empty_;
        }
        close_up();
        publish_earliest();
    }
    std::size_t size() const noexcept { return count_.load(memory_order_relaxed); }
    std::uint64_t lock_waits() const noexcept { return lock_.waits(); }

    /// Expires what is due at `at`: ready(goroutine*) for each claimed sleeper, without the lock.
    /// Returns how many nodes expired.
    template <class Ready>
    std::size_t run_due(time_point at, Ready ready) noexcept {
        std::size_t done = 0;
        while (earliest() <= at) {
            static constexpr std::size_t batch = 32;
            goroutine* woken[batch];
            timer_node* deferred[batch];
            std::size_t woken_count = 0;
            std::size_t deferred_count = 0;
            {
                spin_guard g(lock_);
                drop_empty_roots();
                while (size_ > 0 && heap_[0].when <= at && woken_count < batch &&
                       deferred_count < batch) {
                    timer_node* n = heap_[0].node;
                    n->position = timer_node::none;
                    remove(0);
                    drop_empty_roots();
                    ++done;
                    n->deferred = false;
                    if (goroutine* claimed = n->expire(n); claimed != nullptr) {
                        woken[woken_count++] = claimed;
                    } else if (n->deferred) {
                        deferred[deferred_count++] = n;
                    }
                }
                publish_earliest();
            }
            RUNNEL_POINT("timer_queue.before_fire");
            for (std::size_t i = 0; i < woken_count; ++i) ready(woken[i]);
            for (std::size_t i = 0; i < deferred_count; ++i) {
                tsan::acquire(deferred[i]);
                deferred[i]->run(deferred[i]);
            }
        }
        return done;
    }

    /// Expires one of the nodes that are due at `at`: number `which(n)` of the first n, in no particular order.
    /// False if none is due.
    template <class Which, class Ready>
    bool run_one(time_point at, Which which, Ready ready) noexcept {
        timer_node* n = nullptr;
        goroutine* woken = nullptr;
        bool deferred = false;
        {
            spin_guard g(lock_);
            static constexpr std::size_t most = 32;
            std::size_t due[most];
            std::size_t count = 0;
            close_up();  // of which nothing is left to choose
            if (size_ > 0 && heap_[0].when <= at) due[count++] = 0;
            if (count == 0) {
                publish_earliest();
                return false;
            }
            // Those below one that is due later are due later.
            for (std::size_t i = 0; i < count; ++i) {
                for (std::size_t c = due[i] * 4 + 1; c <= due[i] * 4 + 4; ++c) {
                    if (c < size_ && heap_[c].when <= at && count < most) due[count++] = c;
                }
            }
            const std::size_t place_of = due[which(count)];
            n = heap_[place_of].node;
            n->position = timer_node::none;
            remove(place_of);
            publish_earliest();
            n->deferred = false;
            woken = n->expire(n);
            deferred = woken == nullptr && n->deferred;
        }
        if (woken != nullptr) {
            ready(woken);
        } else if (deferred) {
            tsan::acquire(n);
            n->run(n);
        }
        return true;
    }

    /// Forgets all nodes.
    void clear() noexcept {
        spin_guard g(lock_);
        while (size_ > 0) heap_[--size_].node->position = timer_node::none;
        empty_ = 0;
        publish_earliest();
    }

private:
    struct entry {
        time_point when;
        timer_node* node;
    };

    void place(std::size_t at, entry e) noexcept {
        heap_[at] = e;
        e.node->position = at;
    }

    void sift_up(std::size_t at) noexcept {
        const entry e = heap_[at];
        while (at > 0) {
            const std::size_t parent = (at - 1) / 4;
            if (heap_[parent].when <= e.when) break;
            place(at, heap_[parent]);
            at = parent;
        }
        place(at, e);
    }

    void sift_down(std::size_t at) noexcept {
        const entry e = heap_[at];
        while (const std::size_t least = earlier_child(at, e)) {
            place(at, heap_[least]);
            at = least;
        }
        place(at, e);
    }
    void sift_entry_down(std::size_t at) noexcept {
        if (at >= size_) return;
        const entry e = heap_[at];
        while (const std::size_t least = earlier_child(at, e)) {
            heap_[at] = heap_[least];
            at = least;
        }
        heap_[at] = e;
    }
    /// The earliest below `at`, or 0 if none is earlier than `e`.
    std::size_t earlier_child(std::size_t at, const entry& e) const noexcept {
        const std::size_t first = at * 4 + 1;
        if (first >= size_) return 0;
        std::size_t least = first;
        for (std::size_t c = first + 1; c < first + 4 && c < size_; ++c) {
            if (heap_[c].when < heap_[least].when) least = c;
        }
        return heap_[least].when < e.when ? least : 0;
    }

    void remove(std::size_t at) noexcept {
        --size_;
        if (at == size_) return;
        timer_node* moved = heap_[size_].node;
        place(at, heap_[size_]);
        sift_up(at);
        sift_down(moved->position);
    }

    void drop_empty_roots() noexcept {
        while (size_ > 0 && heap_[0].node == &nobody_) {
            --empty_;
            remove(0);
        }
    }

    /// Leaves no place empty.
    void close_up() noexcept {
        if (empty_ == 0) return;
        std::size_t left = 0;
        for (std::size_t i = 0; i < size_; ++i) {
            if (heap_[i].node != &nobody_) heap_[left++] = heap_[i];
        }
        size_ = left;
        empty_ = 0;
        // The nodes are told of their places in the end, once.
        for (std::size_t i = size_ / 4 + 1; i-- > 0;) sift_entry_down(i);
        for (std::size_t i = 0; i < size_; ++i) heap_[i].node->position = i;
    }

    void grow() noexcept {
        const std::size_t capacity = capacity_ == 0 ? 64 : capacity_ * 2;
        void* grown = std::realloc(static_cast<void*>(heap_), capacity * sizeof(entry));
        if (grown == nullptr) fatal("out of memory for timers");
        heap_ = static_cast<entry*>(grown);
        capacity_ = capacity;
    }

    bool publish_earliest() noexcept {
        const time_point first = size_ > 0 ? heap_[0].when : no_deadline;
        count_.store(size_ - empty_, memory_order_relaxed);
        const auto ticks = first.time_since_epoch().count();
        if (ticks == earliest_.load(memory_order_relaxed)) return false;
        const bool earlier = ticks < earliest_.load(memory_order_relaxed);
        // A later deadline need not be seen at once: whoever still waits for the old one looks in vain.
        earliest_.store(ticks, earlier ? memory_order_seq_cst : memory_order_release);  // [TK-1]
        return earlier;
    }

    static constexpr std::size_t large = 64;  // places

    mutable counted_spin_lock lock_;
    entry* heap_ = nullptr;     // guarded by lock_
    std::size_t size_ = 0;      // guarded by lock_
    std::size_t empty_ = 0;     // guarded by lock_: places of nobody_
    timer_node nobody_;         // guarded by lock_
    std::size_t capacity_ = 0;  // guarded by lock_
    atomic<std::size_t> count_{0};
    atomic<duration::rep> earliest_{no_deadline.time_since_epoch().count()};
};

}  // namespace detail
}  // namespace v0
}  // namespace runnel
