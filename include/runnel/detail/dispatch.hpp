// runnel/detail/dispatch.hpp — the worker's loop, and every switch between goroutines.
// SPDX-License-Identifier: BSL-1.0
//
//   Layer   2
//   Map     1. landing   2. leaving   3. the loop   4. parking and yielding   5. threads
//
//   A loop runs on a pooled stack, and a fresh goroutine is called there: one that never parks
//   never switches. One that parks keeps the stack, with the loop's frames below its own; the worker
//   goes straight to the next goroutine, or to a spare loop on another stack. When the goroutine
//   ends, on whatever worker, it returns into the loop below it, which goes on from there.
//
//   What must happen only after the leaving context is saved (unlocking what its wakers lock) is
//   done by the context that is landed on: a goroutine is never visible to wakers before.
#pragma once

#include <utility>

#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>

#include <runnel/detail/assert.hpp>
#include <runnel/detail/local_values.hpp>
#include <runnel/detail/scheduler.hpp>
#include <runnel/detail/stack_overflow.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

/// Thrown by goexit() and caught at the goroutine's base. If somebody swallows it the goroutine
/// would go on although it has ended: that is fatal, as it is for pthread_exit.
struct RUNNEL_API goexit_token {
    bool arrived = false;
    goexit_token() = default;
    // Thrown objects must be copyable; the duty goes with the copy.
    goexit_token(goexit_token& o) noexcept : arrived(std::exchange(o.arrived, true)) {}
    goexit_token(goexit_token&& o) noexcept : arrived(std::exchange(o.arrived, true)) {}
    ~goexit_token() {
        if (!arrived) fatal("goexit was swallowed by a catch (...) that does not rethrow");
    }
};

// ---- 1. landing ----

using transfer = boost::context::detail::transfer_t;

/// First thing after a jump: finishes what the context that was left could not do itself.
RUNNEL_ALWAYS_INLINE worker* land(transfer t) noexcept {
    auto* w = static_cast<worker*>(t.data);
    *w->save_context = t.fctx;
    if (worker::after_function after = w->after; after != nullptr) {
        w->after = nullptr;
        after(w, w->after_arg);
    }
    return w;
}

// ---- 2. leaving ----

[[noreturn]] void loop_entry(transfer t);

/// Makes a stack with a loop on it ready to be jumped to. Throws nothing: without memory for a stack
/// no goroutine can go on, which is fatal.
inline stack* take_spare(worker* w) noexcept {
    if (stack* s = w->spares; s != nullptr) {
        w->spares = s->next;
        --w->spare_count;
        return s;
    }
    try {
        stack* s = w->home->stacks.allocate();
        const floating_point::scope mode(w->home->initial_mode);
        s->context = make_context(s, loop_entry);
        w->entering = s;
        return s;
    } catch (...) {
        fatal("no memory for a goroutine's stack");  // none was reserved
    }
}

/// Leaves the present context, to be saved in `save`, for goroutine `g`, or for a loop that
/// will run `g` if it is fresh or of another run, or look for work if it is null. `from` is the
/// stack we are on.
/// Returns on the worker that resumes us.
RUNNEL_ALWAYS_INLINE worker* leave(worker* w, void** save, stack* from, goroutine* g) noexcept {
    w->save_context = save;
    // The exception state belongs to the context and stays on its stack.
    const exception_state mine = *w->exceptions;
    const int depth = tsan::depth();
    transfer t;
    if (RUNNEL_LIKELY(g != nullptr && g->own_stack != nullptr && scheduler::announced_for(w, g))) {
        w->current.store(g, memory_order_relaxed);
        g->state.store(goroutine_state::running, memory_order_relaxed);
        t = jump(g->context, w, from, g->own_stack, g->own_stack->tsan_goroutine);
    } else {
        w->handoff = g;
        stack* spare = take_spare(w);
        t = jump(spare->context, w, from, spare, spare->tsan_loop);
    }
    tsan::set_depth(depth);
    worker* landed = land(t);
    tsan::acquire(landed);  // what made the thread: find_thread_stack()
    *landed->exceptions = mine;
    return landed;
}

// ---- 3. the loop ----

// Under the thread sanitizer a goroutine is a fiber of its own. Those that run on one stack share its
// fiber, since they share its memory, so stacks are taken in turn: see rotate().
RUNNEL_ALWAYS_INLINE void start_fiber(goroutine* g, stack* s) noexcept {
#if RUNNEL_TSAN
    if (s->tsan_goroutine == nullptr) s->tsan_goroutine = __tsan_create_fiber(0);
    __tsan_switch_to_fiber(s->tsan_goroutine, __tsan_switch_to_fiber_no_sync);
    tsan::set_depth(0);
    tsan::acquire(g);                 // what precedes `go` happens before the goroutine starts
    tsan::acquire(current_worker());  // and what made the thread
#else
    static_cast<void>(g);
    static_cast<void>(s);
#endif
}

// Inlined, as is start_fiber: the sanitizer's shadow stack belongs to the fiber, and a call that enters
// on one may not return on another.
RUNNEL_ALWAYS_INLINE void end_fiber(stack* s) noexcept {
#if RUNNEL_TSAN
    __tsan_switch_to_fiber(s->tsan_loop, __tsan_switch_to_fiber_no_sync);
    tsan::set_depth(1);
#else
    static_cast<void>(s);
#endif
}

using panic_function = void (*)(goroutine*);

/// Calls the goroutine's function. Any exception but goexit's is a panic: without a handler in the
/// runtime's options nothing catches it, so that std::terminate sees the whole throwing stack.
RUNNEL_NOINLINE inline void call_goroutine(goroutine* g) {
    stack* s = g->own_stack;
    const panic_function handler = g->home->on_panic;
    start_fiber(g, s);
    try {
        if (RUNNEL_UNLIKELY(handler != nullptr)) {
            try {
                g->entry(g);
            } catch (const goexit_token&) {
                throw;
            } catch (...) {
                handler(g);
            }
        } else {
            g->entry(g);
        }
    } catch (goexit_token& token) {
        token.arrived = true;
    }
    if (RUNNEL_UNLIKELY(g->locals.load(memory_order_relaxed) != nullptr)) {
        local_values::destroy_all(g->locals);
    }
    tsan::release(g->scope.load(memory_order_relaxed));  // what it did happens before run() returns
    // relaxed: of the goroutine's own; a goexit may have left its pins behind
    g->pin_depth.store(0, memory_order_relaxed);
    g->pinned.store(nullptr, memory_order_relaxed);
    end_fiber(s);
}

RUNNEL_NOINLINE inline void finish_goroutine(worker* w, goroutine* g) noexcept {
    if (RUNNEL_UNLIKELY(w == nullptr)) end_forked_child();  // it has forked, and this is the child
    run_scope* scope = g->scope.load(memory_order_relaxed);
    scheduler* home = w->home;
    g->state.store(goroutine_state::free, memory_order_release);
    w->bump(w->finished);
    if (RUNNEL_UNLIKELY(scope->watched.load(memory_order_seq_cst))) {
        // The scope outlives this: run() waits until no worker announces it any more.
        scope->changes.fetch_add(1, memory_order_release);
        futex_wake(&scope->changes);
    }
    home->blocks.release(w, g);
}

inline void release_stack(worker* w, void* s) noexcept {
    w->home->stacks.release(static_cast<stack*>(s));
}

#if RUNNEL_TSAN
inline constexpr std::uint32_t most_spares = 64;
#else
inline constexpr std::uint32_t most_spares = 16;
#endif

/// The loop of `s` will wait until it is needed again.
inline void keep_spare(worker* w, stack* s) noexcept {
    stack** at = &w->spares;
#if RUNNEL_TSAN
    while (*at != nullptr) at = &(*at)->next;  // the longest unused one is taken first
#endif
    s->next = *at;
    *at = s;
    ++w->spare_count;
}

/// Goes to a goroutine that has a stack of its own; returns when somebody needs a loop again. Inlined, as
/// park_goroutine() is, and for the same reason.
RUNNEL_ALWAYS_INLINE void resume_from_loop(worker* w, stack* self, goroutine* g) noexcept {
    self->owner.store(nullptr, memory_order_relaxed);
    if (w->spare_count < most_spares) {
        keep_spare(w, self);
    } else {
        // Only once we have left it: another worker may take it at once and start it afresh.
        w->after = release_stack;
        w->after_arg = self;
    }
    leave(w, &self->context, self, g);
}

/// Under the thread sanitizer: has `g` run on another stack than the last goroutine did. Two that ran on
/// one stack are ordered in its eyes, and a race between them would not be seen.
RUNNEL_NOINLINE inline void rotate(worker* w, stack* self, goroutine* g) noexcept {
#if defined(__clang__)
    static constexpr std::uint32_t in_turn = 32;
#else
    static constexpr std::uint32_t in_turn = 12;  // a fiber of libtsan 12 takes 0.8 MB
#endif
    self->has_run = false;
    stack* kept = nullptr;
    if (w->spare_count < in_turn) std::swap(kept, w->spares);  // then a new one
    stack* other = take_spare(w);
    if (kept != nullptr) w->spares = kept;
    keep_spare(w, self);
    w->handoff = g;
    w->save_context = &self->context;
    const exception_state mine = *w->exceptions;
    const transfer t = jump(other->context, w, self, other, other->tsan_loop);
    tsan::set_depth(1);
    worker* landed = land(t);
    *landed->exceptions = mine;
}

[[noreturn]] RUNNEL_NOINLINE inline void worker_loop(stack* self) noexcept(false) {
    for (;;) {
        worker* w = current_worker();
        goroutine* g = w->handoff;
        if (g != nullptr) {
            w->handoff = nullptr;
            if (!scheduler::announced_for(w, g) && !w->home->admit(w, g)) continue;
        } else {
            g = w->home->find_work(w);
        }
        if (RUNNEL_UNLIKELY(g == nullptr)) {
            // The thread ends, on the system's own stack.
            w->after = release_stack;
            w->after_arg = self;
            w->save_context = &self->context;
            jump_for_good(w->thread_context, w, self, &w->thread_stack, w->thread_stack.tsan_loop);
            fatal("an ended worker was resumed");
        }
        if (g->own_stack != nullptr) {
            resume_from_loop(w, self, g);
            continue;
        }
#if RUNNEL_TSAN
        if (self->has_run) {
            rotate(w, self, g);
            continue;
        }
        self->has_run = true;
#endif
        g->own_stack = self;
        self->owner.store(g, memory_order_relaxed);
        w->current.store(g, memory_order_relaxed);
        g->state.store(goroutine_state::running, memory_order_relaxed);
        call_goroutine(g);
        // It may have parked: another worker may run us now.
        g->own_stack = nullptr;
        finish_goroutine(current_worker(), g);
    }
}

[[noreturn]] inline void loop_entry(transfer t) {
    entered();
    auto* w = static_cast<worker*>(t.data);
    stack* self = w->entering;
#if RUNNEL_TSAN
    // A loop is the runtime's own code and nothing else, also one that was left for good before.
    tsan::set_depth(self->loop_has_run ? 1 : 0);
    if (!self->loop_has_run) tsan::begin_ignore();
    self->loop_has_run = true;
#endif
    land(t);
    *w->exceptions = exception_state{};
    worker_loop(self);
}

// ---- 4. parking and yielding ----

/// Parks the running goroutine; `after(worker, arg)` runs once it can be resumed. Returns when
/// somebody has made it ready. Inlined: a return after a switch is mispredicted, and costs more than it.
RUNNEL_ALWAYS_INLINE void park_goroutine(worker* w, goroutine* g, wait_reason reason,
                                         const void* waiting_for, worker::after_function after,
                                         void* arg) noexcept {
    g->state.store(goroutine_state::waiting, memory_order_relaxed);
    g->reason.store(reason, memory_order_relaxed);
    g->waiting_for.store(waiting_for, memory_order_relaxed);
    g->wait_since.store(w->home->coarse_ms.load(memory_order_relaxed), memory_order_relaxed);
    w->after = after;
    w->after_arg = arg;
    tsan::release(
        g->scope.load(memory_order_relaxed));  // if it never goes on: run() has waited for that
    goroutine* next = w->home->pick_local(w);
    leave(w, &g->context, g->own_stack, next);
}

/// The running goroutine's run has ended without it: it keeps its stack for ever, and its thread goes on
/// with others.
[[noreturn]] inline void park_for_good(worker* w, goroutine* g) noexcept {
    const tsan::runtime_scope ours;
    g->pinned.store(nullptr, memory_order_relaxed);  // relaxed: its own
    w->home->leave_behind(*g);
    leave(w, &g->context, g->own_stack, nullptr);
    fatal("a goroutine whose run has ended was resumed");
}

inline void requeue_local(worker* w, void* g) noexcept {
    w->home->ready_last(w, static_cast<goroutine*>(g));
}
inline void requeue_global(worker* w, void* g) noexcept {
    w->home->ready_global(static_cast<goroutine*>(g));
}

/// The running goroutine becomes runnable again, and whoever is chosen comes first.
RUNNEL_NOINLINE inline void step_back(worker* w, goroutine* g) noexcept {
    g->reason.store(wait_reason::preempted, memory_order_relaxed);
    tsan::release(g->scope.load(memory_order_relaxed));
    w->after = requeue_global;
    w->after_arg = g;
    leave(w, &g->context, g->own_stack, nullptr);
}

#if RUNNEL_INTERRUPTION_POINTS

/// Threads that run a simulation.
RUNNEL_API inline constinit atomic<std::uint32_t> simulations{0};

RUNNEL_NOINLINE inline void ask_conductor() noexcept {
    worker* w = current_worker();
    if (w == nullptr) return;
    conductor* c = w->home->conducted_by();
    goroutine* g = w->current.load(memory_order_relaxed);
    if (c == nullptr || g == nullptr) return;
    const tsan::runtime_scope ours;
    if (c->interrupts(w, g)) step_back(w, g);
}

/// The running goroutine goes on behind all others, most likely on another worker.
RUNNEL_NOINLINE inline void step_aside() noexcept {
    worker* w = current_worker();
    goroutine* g = w != nullptr ? w->current.load(memory_order_relaxed) : nullptr;
    if (g == nullptr || g->pinned.load(memory_order_relaxed) != nullptr) return;
    const tsan::runtime_scope ours;
    step_back(w, g);
}

/// Stands before each operation of the public interface that others may notice, and where no lock is
/// held: a simulation may let others go first there, and so may a fault.
RUNNEL_ALWAYS_INLINE void interruption_point() noexcept {
    if (RUNNEL_UNLIKELY(simulations.load(memory_order_relaxed) != 0)) {
        ask_conductor();
    } else if (RUNNEL_FAULT("goroutine.preempted")) {
        step_aside();
    }
}

#else

RUNNEL_ALWAYS_INLINE void interruption_point() noexcept {}

#endif

/// Lets others run; a goroutine alone on its worker returns at once.
inline void yield_goroutine(worker* w, goroutine* g) noexcept {
    const tsan::runtime_scope ours;
    if (conductor* c = w->home->conducted_by(); RUNNEL_UNLIKELY(c != nullptr)) {
        c->yields(g);
        step_back(w, g);
        return;
    }
    goroutine* next = w->home->pick_local(w);
    const bool look_around = next == nullptr && w->ticks.load(memory_order_relaxed) % 16 == 0;
    const bool ended = g->abandoned();
    if (next == nullptr && !look_around && !w->home->yield_must_leave(w) && !ended) return;
    g->reason.store(wait_reason::preempted, memory_order_relaxed);
    tsan::release(g->scope.load(memory_order_relaxed));
    w->after = next != nullptr && !ended ? requeue_local : requeue_global;
    w->after_arg = g;
    leave(w, &g->context, g->own_stack, next);
}

/// A thread, or a goroutine that is pinned to one: lets the others have the place for a moment.
RUNNEL_NOINLINE inline void yield_thread(worker* w, goroutine* g) noexcept {
    if (g == nullptr) {
        ::sched_yield();
        return;
    }
    scheduler& s = *w->home;
    s.back_soon.fetch_add(1, memory_order_seq_cst);
    s.give_up_place(w);
    ::sched_yield();
    s.take_place_back(w, g);
    s.back_soon.fetch_sub(1, memory_order_seq_cst);
}

// ---- 5. threads ----

/// Registered for each worker, to be called if a goroutine calls exit().
RUNNEL_API inline constinit atomic<void (*)() noexcept> on_exit_from_worker{nullptr};

struct thread_entry {
    static void* run(void* arg) noexcept {
        auto* w = static_cast<worker*>(arg);
        runtime_threads.fetch_add(1, memory_order_seq_cst);
        ::prctl(PR_SET_NAME, "runnel-worker", 0, 0, 0);
        const tsan::runtime_scope ours;
        ::prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);  // a sleeper is late by its wake-up alone
        signal_stack alternate;
        set_current_worker(w);
        at_thread_end(on_exit_from_worker.load(memory_order_relaxed));
        w->tid.store(thread_id(), memory_order_relaxed);
        w->exceptions = thread_exception_state();
        find_thread_stack(w);
        start_loop(w);
        at_thread_end(nullptr);  // it has not called exit()
        set_current_worker(nullptr);
        w->tid.store(0, memory_order_relaxed);
        scheduler* home = w->home;
        runtime_threads.fetch_sub(1, memory_order_seq_cst);
        home->threads_.fetch_sub(1, memory_order_seq_cst);
        futex_wake(&home->threads_, 1 << 20);
        return nullptr;
    }

    static void find_thread_stack(worker* w) noexcept {
        const thread_stack_bounds bounds = find_stack_of_thread();
        w->thread_stack.bottom = static_cast<std::byte*>(bounds.bottom);
        w->thread_stack.size_of_system_stack = bounds.size;
#if RUNNEL_TSAN
        w->thread_stack.tsan_loop = __tsan_get_current_fiber();
        // The C library's part of the thread's local storage was set up by the thread itself: what runs
        // on it may read errno.
        tsan::release(w);
#endif
    }

    /// Returns when the loop has no work any more: then the thread is to leave.
    RUNNEL_NOINLINE static void start_loop(worker* w) noexcept {
        stack* s = take_spare(w);
        w->save_context = &w->thread_context;
        const exception_state mine = *w->exceptions;
        const transfer t = jump(s->context, w, &w->thread_stack, s, s->tsan_loop);
        tsan::set_depth(1);
        land(t);
        *w->exceptions = mine;
    }
};

inline bool scheduler::start_worker_locked(bool looking) noexcept {
    RUNNEL_POINT("scheduler.start_worker");
    const tsan::runtime_scope ours;
    const std::uint32_t n = worker_count_.load(memory_order_relaxed);
    if (n == max_workers) fatal("thread exhaustion: 10000 workers, all blocked");
    worker* w = unborn_;
    if (w == nullptr) {
        // For its loop, the one that it is about to leave, and those that it keeps.
        try {
            stacks.reserve(most_spares + 2);
        } catch (const std::bad_alloc&) {
            return false;
        }
        w = new (std::nothrow) worker;
        if (w == nullptr) {
            stacks.unreserve(most_spares + 2);
            return false;
        }
    }
    unborn_ = nullptr;
    w->home = this;
    w->queues_for = this;
    w->index = n;
    w->spinning = looking;
    std::uint64_t seed = reinterpret_cast<std::uintptr_t>(w) + n;
    w->random = random_source(splitmix(seed));
    w->announced.store(nullptr, memory_order_relaxed);
    let_look(w);
    threads_.fetch_add(1, memory_order_relaxed);
    workers_[n].store(w, memory_order_release);
    worker_count_.store(n + 1, memory_order_seq_cst);
    if (start_thread(thread_entry::run, w) == 0) return true;
    workers_[n].store(nullptr, memory_order_release);
    worker_count_.store(n, memory_order_seq_cst);
    threads_.fetch_sub(1, memory_order_relaxed);
    unborn_ = w;
    return false;
}

inline void scheduler::stop(time_point deadline, heir_function heir) noexcept {
    attention_.fetch_or(stops, memory_order_seq_cst);
    interrupt_monitor();
    for (;;) {
        for (std::uint32_t i = 0; i < worker_count(); ++i) {
            if (worker* w = worker_at(i); w != nullptr) w->parker.unpark();
        }
        const std::uint32_t left = threads_.load(memory_order_acquire);
        if (left == 0 || now() >= deadline) break;
        const time_point soon = now() + std::chrono::milliseconds(10);
        futex_wait(threads_, left, soon < deadline ? soon : deadline);
    }
    if (heir != nullptr) leave_timers_to(heir);
    // [NP-1] One of ours may have been the owner: the others' keepers look again.
    if (!the_poller.opened()) return;
    for (scheduler* s = first(); s != nullptr; s = s->next_scheduler()) {
        if (s != this) s->enter_poller();
    }
}

}  // namespace detail
}  // namespace v0
}  // namespace runnel
