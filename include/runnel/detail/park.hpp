// runnel/detail/park.hpp — the one door between blocking code and the scheduler: sleep and be woken.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      gopark, goready
//   Layer   3
//   Map     sleeper::park() → dispatch.hpp (a goroutine), thread_parker.hpp (a thread)
//
//   A sleeper is one wait of one goroutine or thread, on its own stack. Whoever wakes it must first
//   claim it. If only one party can (it stands in one queue, whose lock is held) that needs no
//   atomic; if several can (a select, a deadline, a context) the claim is one compare-exchange, and the
//   loser goes on to the next waiter. After wake() the sleeper may be gone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

#include <runnel/detail/monitor.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

/// The goroutine that runs here, or null on a foreign thread (and inside blocking()).
inline goroutine* current_goroutine() noexcept {
    const worker* w = current_worker();
    return w != nullptr ? w->current.load(memory_order_relaxed) : nullptr;
}

/// Another worker runs, perhaps the one whom we would sleep for, and nothing else waits for ours.
inline bool spinning_may_help() noexcept {
    const worker* w = current_worker();
    if (w == nullptr) return true;  // a thread has nothing else to do
    return w->home->active() > w->home->spinning() + 1 && w->queue.empty() &&
           w->next.load(memory_order_relaxed) == nullptr;
}

/// No goroutine runs any more, and none that waits for one would ever go on.
RUNNEL_API inline constinit atomic<bool> process_ended{false};

class sleeper {
public:
    /// What a claim of the deadline's is called; queues use their waiters' index.
    static constexpr std::uint32_t unclaimed = 0;
    static constexpr std::uint32_t by_deadline = 0xffffffff;

    RUNNEL_ALWAYS_INLINE sleeper(wait_reason reason, const void* waiting_for,
                                 bool contested) noexcept
        : reason_(reason), contested_(contested), waiting_for_(waiting_for) {
        worker_ = current_worker();
        goroutine_ = worker_ != nullptr ? worker_->current.load(memory_order_relaxed) : nullptr;
        if (RUNNEL_UNLIKELY(goroutine_ == nullptr)) {
            if (process_forked.load(memory_order_relaxed)) end_forked_child();
            parker_ = &unmigrated_thread_state().parker;
        } else if (worker* pinned = goroutine_->pinned.load(memory_order_relaxed);
                   RUNNEL_UNLIKELY(pinned != nullptr)) {
            parker_ = &pinned->pinned_parker;
            contested_ = true;  // the end of its run may wake it, too
        }
    }
    sleeper(const sleeper&) = delete;
    sleeper& operator=(const sleeper&) = delete;

    // ---- 1. wakers ----

    /// True for exactly one caller; it must then wake() the sleeper. Under the lock of the queue that
    /// the sleeper was found in.
    bool claim(std::uint32_t as) noexcept {
        if (!contested_) {
            claimed_.store(as, memory_order_relaxed);  // relaxed: published by the wake-up
            return true;
        }
        std::uint32_t none = unclaimed;
        RUNNEL_POINT("sleeper.claim");
        // acq_rel: what the winner does next is ordered after what the sleeper prepared.
        return claimed_.compare_exchange_strong(none, as, memory_order_acq_rel,
                                                memory_order_relaxed);
    }

    /// Its run has ended: it must get nothing any more.
    bool abandoned() const noexcept { return goroutine_ != nullptr && goroutine_->abandoned(); }

    /// Lets a claimed sleeper go on. No lock is needed, and none should be held.
    void wake() noexcept {
        RUNNEL_POINT("sleeper.wake");
        if (parker_ != nullptr) {
            tsan::release(parker_);
            if (goroutine_ != nullptr) goroutine_->home->reserve_place();
            parker_->unpark();
        } else {
            tsan::release(goroutine_);
            const tsan::runtime_scope ours;
            goroutine_->home->ready(goroutine_);
        }
    }

    // ---- 2. the sleeper itself ----

    /// Sleeps until woken. `after(worker, arg)` runs as soon as a waker may come, which is never before
    /// our context is saved: it releases the locks under which wakers find us. The worker, if any, is the
    /// one that it runs on.
    using after_park = worker::after_function;

    RUNNEL_ALWAYS_INLINE void park(after_park after, void* arg) noexcept {
        if (RUNNEL_LIKELY(parker_ == nullptr)) {
            const tsan::runtime_scope ours;
            park_goroutine(worker_, goroutine_, reason_, waiting_for_, after, arg);
            tsan::acquire(goroutine_);
        } else {
            park_thread(after, arg, no_deadline);
        }
    }

    /// The same until `deadline`; claimed() == by_deadline tells that it struck. Whoever parks so in
    /// a queue must take the locks again that `after` released before it leaves: until then
    /// `after` may not have finished.
    void park_until(time_point deadline, after_park after, void* arg) noexcept {
        if (deadline == no_deadline) {
            park(after, arg);
        } else if (parker_ == nullptr) {
            after_ = after;
            after_arg_ = arg;
            deadline_ = deadline;
            const tsan::runtime_scope ours;
            auto* timer = ::new (static_cast<void*>(timer_)) sleeper_timer;
            timer->self = this;
            timer->expire = expire;
            timer->ends_with = goroutine_->scope.load(memory_order_relaxed);
            park_goroutine(worker_, goroutine_, reason_, waiting_for_, arm_then_after, this);
            if (claimed() != by_deadline) {
                goroutine_->home->cancel(timer);
                tsan::acquire(goroutine_);
            }
        } else {
            park_thread(after, arg, deadline);
        }
    }

    std::uint32_t claimed() const noexcept { return claimed_.load(memory_order_relaxed); }
#if RUNNEL_TSAN
    /// What the sanitizer knows it by while it sleeps; null if it is a thread.
    void* suspended_fiber() const noexcept {
        return parker_ == nullptr ? goroutine_->own_stack->tsan_goroutine : nullptr;
    }
#endif
    bool is_goroutine() const noexcept { return goroutine_ != nullptr; }
    bool contested() const noexcept { return contested_; }

    static void nothing(worker*, void*) noexcept {}

private:
    struct sleeper_timer : timer_node {
        sleeper* self = nullptr;
    };

    sleeper_timer* timer() noexcept {
        return std::launder(reinterpret_cast<sleeper_timer*>(timer_));
    }

    // The deadline may strike while `after` still runs: see park_until().
    static void arm_then_after(worker* w, void* self) noexcept {
        auto* s = static_cast<sleeper*>(self);
        const after_park after = s->after_;
        void* arg = s->after_arg_;
        RUNNEL_POINT("sleeper.before_arm");
        w->home->arm(s->timer(), s->deadline_);
        RUNNEL_POINT("sleeper.armed");
        after(w, arg);  // nothing of *s is touched afterwards: it may be running
    }

    static goroutine* expire(timer_node* n) noexcept {
        sleeper* s = static_cast<sleeper_timer*>(n)->self;
        return s->claim(by_deadline) ? s->goroutine_ : nullptr;
    }

    RUNNEL_NOINLINE void park_thread(after_park after, void* arg, time_point deadline) noexcept {
        if (goroutine_ == nullptr) {
            after(nullptr, arg);
            static_cast<void>(sleep_thread(deadline));
            return;
        }
        // A pinned goroutine keeps its thread, which gives up its place meanwhile.
        worker* w = worker_;
        goroutine* g = goroutine_;
        g->reason.store(reason_, memory_order_relaxed);
        g->waiting_for.store(waiting_for_, memory_order_relaxed);
        g->wait_since.store(w->home->coarse_ms.load(memory_order_relaxed), memory_order_relaxed);
        g->state.store(goroutine_state::waiting, memory_order_relaxed);
        tsan::release(g->scope.load(memory_order_relaxed));
        after(w, arg);
        scheduler& s = *w->home;
        // A sleeping thread counts for nothing in deadlock detection, but one with a deadline does.
        if (deadline != no_deadline) s.back_soon.fetch_add(1, memory_order_seq_cst);
        s.give_up_place(w);
        if (!sleep_thread(deadline)) s.reserve_place();
        s.use_reserved_place(w, g);
        if (deadline != no_deadline) s.back_soon.fetch_sub(1, memory_order_seq_cst);
        if (g->abandoned()) park_for_good(w, g);
    }

    /// False if the deadline struck, or if the run of the pinned goroutine has ended.
    bool sleep_thread(time_point deadline) noexcept {
        bool doubts = goroutine_ == nullptr && process_ended.load(memory_order_relaxed);
        for (;;) {
            const time_point soon = doubts ? now() + std::chrono::seconds(1) : no_deadline;
            if (!parker_->park(soon < deadline ? soon : deadline)) {
                if (soon < deadline) {
                    doubts = false;
                    report_wait_at_end();
                    continue;
                }
                if (claim(by_deadline)) return false;
                deadline = no_deadline;  // somebody was faster, and the wake-up is on its way
            } else if (goroutine_ == nullptr || claimed() != unclaimed) {
                break;
            } else if (goroutine_->abandoned() && claim(by_deadline)) {
                return false;
            }
        }
        tsan::acquire(parker_);
        return true;
    }

    RUNNEL_NOINLINE void report_wait_at_end() const noexcept {
        report_line line;
        line << "runnel: a thread waits (" << to_string(reason_)
             << ") though main has returned, and goroutines run no more\n";
        line.print();
    }

    worker* worker_ = nullptr;  // on which it was made: good until it parks, which it does once
    goroutine* goroutine_ = nullptr;
    thread_parker* parker_ = nullptr;  // of a thread, or of a pinned goroutine's thread
    wait_reason reason_;
    bool contested_;
    atomic<std::uint32_t> claimed_{unclaimed};
    const void* waiting_for_;
    after_park after_;  // these four are set by park_until(): a wait without a deadline, which is
    void* after_arg_;   // most, does not pay for a timer
    time_point deadline_;
    alignas(sleeper_timer) std::byte timer_[sizeof(sleeper_timer)];
};

}  // namespace detail
}  // namespace v0
}  // namespace runnel
