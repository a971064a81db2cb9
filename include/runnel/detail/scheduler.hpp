// runnel/detail/scheduler.hpp — who runs next, who sleeps, who is woken.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      proc.go: ready, wakep, findRunnable, the idle list; proc.go's spinning rules
//   Layer   2
//   Map     1. making runnable   2. choosing locally   3. finding work   4. idling and waking
//           5. places and I/O    6. timers             7. ending a run   8. threads
//           the switch itself → dispatch.hpp;  hogs, deadlock, trimming → monitor.hpp
//
//   The problem: work is made by running goroutines and foreign threads; a worker that finds none must
//   sleep without missing any, and waking one costs thousands of switches. So (as in Go):
//     - whoever makes work wakes one worker only if a place is free and nobody is looking for work;
//     - who looks and finds, and was the last to look, wakes the next: parallelism grows as a chain;
//     - who is about to sleep announces it first and looks everywhere once more.
//   [ID-1] Maker: publish the work, then read state_. Sleeper: change state_, then read every queue.
//          All four are sequentially consistent, so one of the two sees the other.
//          Spared while there is one place and the maker holds it: what it makes it runs itself, or flushes
//          before it gives its place up. The monitor that takes the place, or set_max_procs(), may look
//          just before the work is to be seen; the monitor's next round sees it.
//   [ID-2] Workers sleep by identity: a waker takes one off the idle list, marks it chosen and unparks
//          it. A token on a shared semaphore would lose wake-ups (a model checker shows how).
//   [TK-1] One idle worker, the keeper, sleeps until the next deadline. Armer: publish the earliest
//          deadline, then read keeper_deadline_. Keeper: publish keeper_deadline_, then read the
//          earliest deadline again. Sequentially consistent for the same reason.
//   [KP-1] There is a keeper, or somebody holds a place and comes to its loop, or nothing is waited for. Who gives its
//          place up and does not become keeper: change state_, then see to one. Who waits, and has no place: publish
//          it, then see to one. A keeper that retires for want of a place looks at state_ again.
//   [RS-2] run(): set scope.ended, then read every worker's announcement. Worker: announce the scope,
//          then read ended. So run() waits for whoever may still run a goroutine of its scope, or do
//          what one has left for the other side of its switch: a worker announces another scope
//          only on its loop, never while it is on a goroutine's stack.
//
//   Rejected: a RMW per switch to count a run's goroutines (announcing costs only when the scope
//   changes); per-worker timer heaps (one lock is uncontended until many cores arm timers).
#pragma once

#include <cstdint>
#include <cstdlib>
#include <new>
#include <system_error>

#include <runnel/detail/goroutine_pool.hpp>
#include <runnel/detail/inject_queue.hpp>
#include <runnel/detail/poller.hpp>
#include <runnel/detail/timer_queue.hpp>
#include <runnel/detail/worker.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

/// Threads that wait inside run(), of any runtime. A run that ends at once may count down first: as a
/// signed number it is then too low for a moment, which looks like a thread too many.
RUNNEL_API inline constinit atomic<std::int32_t> threads_inside_run{0};
/// The runtimes' own threads. Each counts itself, so that none is known before it is there.
RUNNEL_API inline constinit atomic<std::int32_t> runtime_threads{0};
/// The next goroutine's id: of the process, so that no two goroutines of whatever runtimes share one.
RUNNEL_API inline constinit atomic<std::uint64_t> next_goroutine_id{1};

struct scheduler_options {
    std::uint32_t max_procs = 1;
    std::size_t stack_size = 256 * 1024;
    bool deadlock_detection = true;
    duration stop_grace = std::chrono::seconds(5);
};

/// Figures for people who tune; all approximate, all since the start.
struct scheduler_counters {
    atomic<std::uint64_t> wakes{0};
    atomic<std::uint64_t> idles{0};
    atomic<std::uint64_t> handovers{0};
    atomic<std::uint64_t> injected{0};

    static void bump(atomic<std::uint64_t>& c) noexcept { c.fetch_add(1, memory_order_relaxed); }
};

/// Decides in a scheduler's stead who runs next and when timers strike: a simulation (simulation.hpp).
/// There is one worker then, a thread that lends itself.
class conductor {
public:
    conductor() = default;
    conductor(const conductor&) = delete;
    conductor& operator=(const conductor&) = delete;

    /// A goroutine has become runnable; `w` is the worker of whoever made it so, or null. One that has just
    /// been started (`fresh`) may run at once: no lock is held then.
    virtual void made_runnable(worker* w, goroutine* g, bool fresh) noexcept = 0;
    /// In find_work()'s place: who runs next, admitted; null when the thread is to leave.
    virtual goroutine* choose(worker* w) noexcept = 0;
    /// The running goroutine is about to do something that others may notice: shall others come first?
    virtual bool interrupts(worker* w, goroutine* g) noexcept = 0;
    /// The running goroutine lets others come first.
    virtual void yields(goroutine* g) noexcept = 0;

protected:
    ~conductor() = default;
};

/// Is told what the workers do while a trace goes on (tracer.hpp): by each worker of itself, on its own thread, but for
/// samples() and process_ends(). The functions may be called with locks held, and on a goroutine's stack.
class observer {
public:
    observer() = default;
    observer(const observer&) = delete;
    observer& operator=(const observer&) = delete;

    /// The running goroutine parks (it is `waiting` already, and nobody can wake it yet), or yields. `next` runs then;
    /// if it is null a loop comes, unless the goroutine wanted to yield and nobody else was there.
    virtual void switches(worker* w, goroutine* next) noexcept = 0;
    /// Whether it would rather see the worker come to its loop next.
    virtual bool wants_loop(worker* w) noexcept = 0;
    /// Nothing runs any more: what ran has parked, yielded or ended. No lock is held.
    virtual void comes_to_loop(worker* w) noexcept = 0;
    /// The loop goes on with `g`.
    virtual void runs(worker* w, goroutine* g) noexcept = 0;
    /// The running goroutine stays on its thread without a place: in blocking(), pinned and waiting, or yielding so.
    virtual void gives_place_up(worker* w) noexcept = 0;
    virtual void has_place_back(worker* w, goroutine* g) noexcept = 0;
    /// What runs on `w` makes `g` runnable, which nobody sees yet, and has just started it if it is `fresh`.
    virtual void wakes(worker* w, goroutine* g, bool fresh) noexcept = 0;
    /// Every few milliseconds, on any thread.
    virtual void samples(scheduler& s) noexcept = 0;
    /// The process is about to end without calling exit handlers.
    virtual void process_ends() noexcept = 0;

protected:
    ~observer() = default;
};

/// [TR-1] Immortal once it is there; who is told nothing (scheduler::watch()) does not look at it.
RUNNEL_API inline constinit atomic<observer*> the_observer{nullptr};
RUNNEL_API inline constinit spin_lock observer_lock{};  // taken before any start_lock_
RUNNEL_API inline constinit bool observer_watches =
    false;  // guarded by observer_lock: also what will be made

class scheduler {
public:
    static constexpr std::uint32_t max_workers = 10'000;  // Go's limit of threads

    explicit scheduler(const scheduler_options& options)
        : options_(options), stacks(options.stack_size), max_procs_(options.max_procs) {
        workers_ = static_cast<atomic<worker*>*>(std::calloc(max_workers, sizeof(atomic<worker*>)));
        if (workers_ == nullptr) throw std::bad_alloc();
        initial_mode.remember();
        const spin_guard g(observer_lock);
        link();
        if (observer_watches) watch(true);
    }
    scheduler(const scheduler&) = delete;
    scheduler& operator=(const scheduler&) = delete;

    // ---- 1. making runnable ----

    /// A goroutine that has never run. `w` is the present worker, or null on a foreign thread.
    void spawn(worker* w, goroutine* g) {
        g->state.store(goroutine_state::runnable, memory_order_relaxed);
        enqueue(w, g, true);
    }

    /// A parked goroutine whose wait the caller has claimed.
    void ready(goroutine* g) noexcept {
        RUNNEL_POINT("scheduler.ready");
        RUNNEL_ASSERT(g->state.load(memory_order_relaxed) != goroutine_state::runnable,
                      "a goroutine was made runnable twice");
        g->state.store(goroutine_state::runnable, memory_order_relaxed);
        enqueue(current_worker(), g, false);
    }

    /// Behind the others of the present worker, for timers and yield.
    void ready_last(worker* w, goroutine* g) noexcept {
        g->state.store(goroutine_state::runnable, memory_order_relaxed);
        push_local(w, g);
        publish_then_wake(w);
    }

    void ready_global(goroutine* g) noexcept {
        g->state.store(goroutine_state::runnable, memory_order_relaxed);
        if (RUNNEL_UNLIKELY(conductor_ != nullptr)) {
            conductor_->made_runnable(current_worker(), g, false);
            return;
        }
        inject_.push(g);
        wake_if_needed();
    }

    /// If a place is free and nobody looks for work, wakes or starts one worker to do so.
    void wake_if_needed() noexcept {
        const std::uint64_t s = state_.load(memory_order_seq_cst);  // [ID-1]
        if (spinning_of(s) == 0 && active_of(s) < max_procs_.load(memory_order_relaxed)) wake_one();
    }

    // ---- 2. choosing locally: no lock but the inject queue's, so callers may hold others ----

    /// The next goroutine of this worker's own, or null: then the loop has to look further. It may
    /// be jumped to only if announced_for() it, else it has to be handed to the loop.
    goroutine* pick_local(worker* w) noexcept {
        const std::uint32_t tick = w->ticks.load(memory_order_relaxed) + 1;
        w->ticks.store(tick, memory_order_relaxed);
        if (RUNNEL_FAULT("scheduler.pick_nothing")) return nullptr;
        // relaxed: a hint, observer_of() decides
        if (RUNNEL_UNLIKELY(tick * look_around::inverse <= w->looks.load(memory_order_relaxed))) {
            return look_and_pick(w, tick);
        }
        return take_queued(w);
    }

    /// A goroutine that yields alone goes by way of the loop if something else needs it.
    bool yield_must_leave(worker* w) const noexcept {
        return !inject_.empty() || w->place.load(memory_order_relaxed) != worker::place_state::held;
    }

    // ---- 3. finding work: on a worker's loop, with no lock held ----

    /// Never null, but when the worker's thread is to end.
    goroutine* find_work(worker* w) noexcept;

    // ---- 5. places ----

    /// The worker goes on without a place: others may take its queued goroutines.
    void give_up_place(worker* w) noexcept {
        const tsan::runtime_scope ours;
        if (observer* o = observer_of(w); RUNNEL_UNLIKELY(o != nullptr)) o->gives_place_up(w);
        announce(w, nullptr);
        w->current.store(nullptr, memory_order_relaxed);
        if (w->place.exchange(worker::place_state::given_up, memory_order_acq_rel) ==
            worker::place_state::held) {
            state_.fetch_sub(one_active, memory_order_seq_cst);  // [ID-1]
        }
        flush(w);
        if (has_work(w)) wake_if_needed();
        see_to_keeper();
    }

    /// Back at once, even beyond max_procs: a worker that comes to its loop then steps back.
    void take_place_back(worker* w, goroutine* g) noexcept {
        reserve_place();
        use_reserved_place(w, g);
    }

    /// The same in two steps, of which a waker does the first: from then on the goroutine counts as
    /// awake, however late its thread gets a processor.
    void reserve_place() noexcept { state_.fetch_add(one_active, memory_order_seq_cst); }
    void use_reserved_place(worker* w, goroutine* g) noexcept {
        const tsan::runtime_scope ours;
        w->place.store(worker::place_state::held, memory_order_release);
        w->current.store(g, memory_order_relaxed);
        run_scope* scope = g->scope.load(memory_order_relaxed);
        announce(w, scope);
        g->state.store(goroutine_state::running, memory_order_relaxed);
        if (observer* o = observer_of(w); RUNNEL_UNLIKELY(o != nullptr)) o->has_place_back(w, g);
        wake_monitor();
    }

    std::uint32_t max_procs() const noexcept { return max_procs_.load(memory_order_relaxed); }
    std::uint32_t set_max_procs(std::uint32_t n) noexcept {
        if (conductor_ != nullptr) return max_procs();  // a simulation has one
        const std::uint32_t old = max_procs_.exchange(n, memory_order_seq_cst);
        if (n > old && has_work(nullptr)) wake_if_needed();
        return old;
    }

    /// I/O has been waited for for the first time: idle workers have to sleep in the poller from now on.
    void enter_poller() noexcept {
        spin_guard g(idle_lock_);
        if (worker* k = keeper_.load(memory_order_relaxed); k != nullptr) k->parker.unpark();
    }

    /// [KP-1] Timers and descriptors are waited for, a place is free, and nobody watches over them: makes somebody do
    /// so. Called by whoever leaves without becoming keeper, and by whoever waits without coming to a loop later.
    void see_to_keeper() noexcept {
        if (unkept() && !pass_keeper_on()) wake_if_needed();
    }
    /// For who waits: whoever holds a place comes to its loop, or leaves it.
    void see_to_keeper_if_all_left() noexcept {
        if (active() == 0) see_to_keeper();
    }

    // ---- 6. timers ----

    void arm(timer_node* n, time_point when) noexcept {
        tsan::release(n);  // what precedes it happens before what the timer does
        const tsan::runtime_scope ours;
        if (!timers_.arm(n, when)) return;
        const duration::rep until = keeper_deadline_.load(memory_order_seq_cst);  // [TK-1]
        if (when.time_since_epoch().count() < until) {
            tell_keeper();
        } else if (until == nobody_keeps) {
            see_to_keeper_if_all_left();
        }
    }
    bool cancel(timer_node* n) noexcept {
        const tsan::runtime_scope ours;
        return timers_.cancel(n);
    }
    std::size_t timer_count() const noexcept { return timers_.size(); }
    /// How often somebody had to wait for a lock that all workers share.
    std::uint64_t lock_waits() const noexcept {
        return inject_.lock_waits() + timers_.lock_waits() + blocks.lock_waits() +
               stacks.lock_waits() + idle_lock_.waits();
    }
    std::uint64_t steal_count() const noexcept;
    /// Whether a timer might still do something: sleepers and functions of ended runs do not.
    bool has_live_timers() noexcept {
        return timers_.any_of([](const timer_node& n) { return !has_ended(n); });
    }

    // ---- 7. ending a run ----

    /// Whether `g` may be jumped to from another goroutine's stack: it is of the scope that is announced.
    static bool announced_for(const worker* w, const goroutine* g) noexcept {
        return g->scope.load(memory_order_relaxed) == w->announced.load(memory_order_relaxed);
    }

    /// Whether `g` may run here; announces whose goroutines this worker runs. On a worker's loop. A
    /// goroutine of a run that has ended is dropped: it stays parked for ever.
    bool admit(worker* w, goroutine* g) noexcept {
        run_scope* scope = g->scope.load(memory_order_relaxed);
        if (RUNNEL_UNLIKELY(scope != w->announced.load(memory_order_relaxed))) announce(w, scope);
        return RUNNEL_LIKELY(!drop_if_ended(g));
    }

    /// A goroutine whose run has ended without it counts as gone. Several may find out.
    void leave_behind(goroutine& g) noexcept {
        if (!g.left_behind.exchange(true, memory_order_relaxed)) {
            abandoned.fetch_add(1, memory_order_release);
        }
        g.state.store(goroutine_state::abandoned, memory_order_relaxed);
    }

    /// A run's scope, from its start until end_scope() or remove_scope().
    void add_scope(run_scope* scope) noexcept {
        spin_guard g(scope_lock_);
        scope->next = scopes_;
        scopes_ = scope;
        // Who ends the outer run marks it first and looks at this list then.
        if (scope->parent != nullptr && scope->parent->ended.load(memory_order_seq_cst)) {
            scope->ended.store(true, memory_order_seq_cst);
        }
    }
    void remove_scope(run_scope* scope) noexcept {
        spin_guard g(scope_lock_);
        for (run_scope** at = &scopes_; *at != nullptr; at = &(*at)->next) {
            if (*at == scope) {
                *at = scope->next;
                return;
            }
        }
    }
    /// Ends all of this scheduler's goroutines, at the end of the process or of the runtime. Waits for
    /// those that run, but for the one on `self`.
    bool end_everything(const worker* self, time_point deadline) noexcept;

    /// Ends the scope and all within it, of any runtime: their goroutines never run again once this
    /// returns true. Waits for those that are running until they park, yield or end; false if one
    /// did not until `deadline`.
    bool end_scope(run_scope* scope, time_point deadline) noexcept;

    // ---- 8. threads ----

    /// Starts the first worker and the monitor. Throws std::system_error if no thread can be had.
    void ensure_started() {
        if (RUNNEL_UNLIKELY(!started_.load(memory_order_acquire))) start();
    }

    /// In the child of a fork: whoever would start a goroutine ends there, in start().
    void lose_threads() noexcept { started_.store(false, memory_order_relaxed); }

    /// Lets the threads end when they come to their loop; waits for them until `deadline`. Timers of
    /// channels and contexts that live on are served by what `heir` returns; null: by nobody.
    using heir_function = scheduler& (*)() noexcept;
    void stop(time_point deadline, heir_function heir) noexcept;

    /// From now on, or no longer, the workers that there are and will be tell the_observer. Under observer_lock.
    void watch(bool on) noexcept {
        const spin_guard g(start_lock_);
        if (on) {
            attention_.fetch_or(is_watched, memory_order_release);  // [TR-1]
        } else {
            attention_.fetch_and(~is_watched,
                                 memory_order_relaxed);  // relaxed: it may be noticed late
        }
        for (std::uint32_t i = 0; i < worker_count(); ++i) {
            if (worker* w = worker_at(i); w != nullptr) let_look(w);
        }
    }
    /// Has enqueue() tell of what this worker makes runnable, until no trace watches it. By its own thread.
    static void tell_wakes(worker* w) noexcept {
        w->queues_for = nullptr;
        w->tells_wakes = true;
    }
    bool watched() const noexcept {
        return (attention_.load(memory_order_acquire) & is_watched) != 0;  // [TR-1]
    }

    std::uint32_t worker_count() const noexcept { return worker_count_.load(memory_order_acquire); }
    worker* worker_at(std::uint32_t i) const noexcept {
        return workers_[i].load(memory_order_acquire);
    }
    std::uint32_t thread_count() const noexcept { return threads_.load(memory_order_acquire); }
    std::uint32_t active() const noexcept { return active_of(state_.load(memory_order_seq_cst)); }
    /// Whether a goroutine runs, or a worker looks for one: also on a worker whose place was taken.
    bool awake() const noexcept {
        for (std::uint32_t i = 0; i < worker_count(); ++i) {
            const worker* w = worker_at(i);
            if (w != nullptr && w->place.load(memory_order_acquire) == worker::place_state::taken) {
                return true;
            }
        }
        return active() != 0;  // last: a worker that comes back takes a place before it holds one
    }
    std::uint32_t spinning() const noexcept {
        return spinning_of(state_.load(memory_order_seq_cst));
    }
    std::size_t queued() const noexcept;
    std::uint64_t started_count() const noexcept;
    std::uint64_t finished_count() const noexcept;
    /// Goroutines that exist now; exact when nothing runs.
    std::uint64_t goroutine_count() const noexcept {
        const std::uint64_t gone = finished_count() + abandoned.load(memory_order_acquire);
        const std::uint64_t made = started_count();
        return made > gone ? made - gone : 0;
    }

    /// Who decides in a simulation; else null.
    conductor* conducted_by() const noexcept { return conductor_; }

    const scheduler_options& options() const noexcept { return options_; }
    scheduler* next_scheduler() const noexcept { return next_scheduler_; }

    /// All schedulers of the process: append-only, never freed.
    static scheduler* first() noexcept { return all_.load(memory_order_acquire); }

private:
    static constexpr std::uint32_t fairness = look_around::period;
    static constexpr std::uint32_t max_streak = 64;
    static constexpr duration step = std::chrono::microseconds(200);  // of staying away
    static constexpr std::size_t most_taken = ~std::size_t{0};
    static constexpr std::uint64_t most_newest_ms = 100;
    static constexpr std::size_t batch =
        128;  // half a ring: the rest of it is empty when this is taken
    static constexpr std::uint64_t one_active = 1;
    static constexpr std::uint64_t one_spinning = std::uint64_t{1} << 32;
    static constexpr std::uint32_t stops = 1;       // in attention_: the threads are to end
    static constexpr std::uint32_t is_watched = 2;  // in attention_: see watch()
    static constexpr duration::rep nobody_keeps = time_point::min().time_since_epoch().count();

    static std::uint32_t active_of(std::uint64_t s) noexcept {
        return static_cast<std::uint32_t>(s);
    }
    static std::uint32_t spinning_of(std::uint64_t s) noexcept {
        return static_cast<std::uint32_t>(s >> 32);
    }

    void enqueue(worker* w, goroutine* g, bool fresh) noexcept {
        if (RUNNEL_LIKELY(w != nullptr && w->queues_for == this) &&
            !RUNNEL_FAULT("scheduler.elsewhere")) {
            // The last one made runnable runs first: its data is warm. The one before goes into the ring first:
            // whoever sees `g` in its place, or that it has gone from there, sees that one in the ring.
            if (goroutine* kicked = take_next(w); kicked != nullptr) push_kicked(w, kicked);
            if (has_the_only_place(w)) {
                w->next.store(g, memory_order_release);
                return;
            }
            w->next.store(g, memory_order_seq_cst);  // [ID-1]
        } else {
            enqueue_otherwise(w, g, fresh);
            return;
        }
        wake_if_needed();
    }

    RUNNEL_NOINLINE void enqueue_otherwise(worker* w, goroutine* g, bool fresh) noexcept {
        if (conductor_ != nullptr) {
            conductor_->made_runnable(w, g, fresh);
        } else if (w != nullptr && w->home == this && w->tells_wakes) {
            tell_and_enqueue(w, g, fresh);
        } else {
            if (w != nullptr && w->home != this) {
                if (observer* o = observer_of(w); o != nullptr) o->wakes(w, g, fresh);
            }
            inject_.push(g);
            scheduler_counters::bump(counters.injected);
            wake_if_needed();
        }
    }

    // While a trace goes on, and once more when it has ended.
    void tell_and_enqueue(worker* w, goroutine* g, bool fresh) noexcept {
        observer* o = observer_of(w);
        if (o != nullptr) o->wakes(w, g, fresh);
        w->queues_for = this;
        w->tells_wakes = false;
        enqueue(w, g, fresh);
        if (o != nullptr) tell_wakes(w);
    }

    // Who is to be told what this worker does; null but for a trace.
    static observer* observer_of(const worker* w) noexcept {
        if (RUNNEL_LIKELY(w->looks.load(memory_order_acquire) !=
                          look_around::each_time)) {  // [TR-1]
            return nullptr;
        }
        return the_observer.load(memory_order_relaxed);  // relaxed: [TR-1] has made it visible
    }

    // Under start_lock_.
    void let_look(worker* w) noexcept {
        w->looks.store(watched() ? look_around::each_time : look_around::every_period,
                       memory_order_release);  // [TR-1]
    }

    void push_local(worker* w, goroutine* g) noexcept {
        if (RUNNEL_LIKELY(w->queue.push(g))) return;
        overflow(w, g);
    }

    /// One that was to be the next.
    void push_kicked(worker* w, goroutine* g) noexcept {
        const bool never_ran = g->own_stack == nullptr;
        if (RUNNEL_LIKELY(never_ran ? w->queue.stack(g) : w->queue.push(g))) return;
        overflow(w, g);
    }

    RUNNEL_NOINLINE void overflow(worker* w, goroutine* g) noexcept {
        goroutine* first = nullptr;
        goroutine* last = nullptr;
        std::size_t n = w->queue.pop_half([&](goroutine* moved) {
            moved->next = nullptr;
            (last != nullptr ? last->next : first) = moved;
            last = moved;
        });
        g->next = nullptr;
        (last != nullptr ? last->next : first) = g;
        inject_.push_chain(first, g, n + 1);
    }

    std::uint64_t sum(atomic<std::uint64_t> worker::* counter) const noexcept;

    // Everything this worker has queued goes to where all workers look.
    void flush(worker* w) noexcept {
        if (goroutine* g = take_next(w); g != nullptr) inject_.push(g);
        while (goroutine* g = w->queue.pop()) inject_.push(g);
    }

    bool has_the_only_place(const worker* w) const noexcept {
        return max_procs_.load(memory_order_relaxed) == 1 &&
               w->place.load(memory_order_relaxed) == worker::place_state::held;
    }

    /// push_local() published with release only.
    void publish_then_wake(worker* w) noexcept {
        if (has_the_only_place(w)) return;
        w->queue.publish();  // [ID-1]
        wake_if_needed();
    }

    bool world_calls(worker* w) noexcept {
        return !inject_.empty() ||
               w->place.load(memory_order_relaxed) != worker::place_state::held ||
               active() > max_procs() || (!timers_.empty() && timers_.earliest() <= now()) ||
               (the_poller.wants_a_look() && the_poller.was_neglected());
    }

    // pick_local() when its tick says so: every so often the rest of the world comes first, though we have work; and a
    // trace has each switch come by here.
    RUNNEL_NOINLINE goroutine* look_and_pick(worker* w, std::uint32_t tick) noexcept {
        const bool away = tick % fairness == 0 && world_calls(w);
        observer* o = observer_of(w);
        if (RUNNEL_LIKELY(o == nullptr)) return away ? nullptr : take_queued(w);
        tell_wakes(w);
        goroutine* g = away || o->wants_loop(w) ? nullptr : take_queued(w);
        o->switches(w, g);
        return g;
    }

    goroutine* pick_queued(worker* w) noexcept {
        for (;;) {
            goroutine* g = take_queued(w);
            if (g == nullptr || RUNNEL_LIKELY(admit(w, g))) return g;
        }
    }

    bool drop_if_ended(goroutine* g) noexcept {
        if (RUNNEL_LIKELY(!g->abandoned())) return false;  // [RS-2]
        leave_behind(*g);
        return true;
    }

    // Announces nothing, so the caller may be on a goroutine's stack.
    goroutine* take_queued(worker* w) noexcept {
        for (;;) {
            goroutine* g = nullptr;
            if (RUNNEL_LIKELY(w->next_streak < max_streak)) {
                g = take_next(w);
                w->next_streak = g != nullptr ? w->next_streak + 1 : 0;
                if (g == nullptr) g = take_from_ring(w);
            } else {
                // A chain of wake-ups does not starve the queue.
                w->next_streak = 0;
                g = w->queue.pop();
                if (g == nullptr) g = take_next(w);
            }
            if (g == nullptr || RUNNEL_LIKELY(!drop_if_ended(g))) return g;
        }
    }

    /// Those that have never run in the reverse order of their start, others in the order in which they came: a
    /// goroutine that starts others and waits for them has them run depth first, as calls would, so that at each
    /// moment as many wait as the calls are deep, where breadth first nearly all would. Thieves take the oldest.
    goroutine* take_from_ring(worker* w) noexcept {
        if (w->queue.has_stacked()) {
            if (goroutine* g = take_newest(w); g != nullptr) return g;
        }
        return w->queue.pop();
    }
    goroutine* take_newest(worker* w) noexcept {
        // So that none waits for ever. Rarely where all are new: each such turn begins one more part of a recursion,
        // and the widest that is left.
        const std::uint32_t most = w->queue.only_stacked() ? 1U << 20 : 64;
        const std::uint64_t at = coarse_ms.load(memory_order_relaxed);
        if (RUNNEL_UNLIKELY(++w->newest_streak > most || at - w->oldest_at >= most_newest_ms)) {
            w->newest_streak = 0;
            w->oldest_at = at;
            return nullptr;
        }
        return w->queue.pop_newest();
    }

    static goroutine* take_next(worker* w) noexcept {
        if (w->next.load(memory_order_relaxed) == nullptr) return nullptr;
        return w->next.exchange(nullptr, memory_order_acquire);
    }

    void announce(worker* w, run_scope* scope) noexcept {
        run_scope* old = w->announced.exchange(scope, memory_order_seq_cst);  // [RS-2]
        if (RUNNEL_UNLIKELY(quiescing_.load(memory_order_seq_cst) != 0) && old != scope) {
            quiesce_word_.fetch_add(1, memory_order_release);
            futex_wake(&quiesce_word_, 1 << 20);
        }
    }

    goroutine* find_work_observed(worker* w) noexcept;
    goroutine* take_injected(worker* w, std::size_t most) noexcept;
    goroutine* steal(worker* w, bool next_too) noexcept;
    goroutine* search(worker* w) noexcept;
    goroutine* take_from_others(worker* w) noexcept;
    bool stay_away(worker* w) noexcept;
    bool others_keep_up(const worker* w, std::size_t enough) noexcept;
    bool nap(worker* w, time_point until) noexcept;
    bool next_is_stale(worker* victim) const noexcept;
    bool has_work(const worker* self) const noexcept;
    void stop_spinning(worker* w) noexcept;
    void go_idle(worker* w) noexcept;
    bool reclaim_place(worker* w, std::uint64_t as) noexcept;
    bool sleep_in_poller(worker* w, time_point limit) noexcept;
    bool look_for_io(worker* w) noexcept;
    static void take_chosen_place(worker* w) noexcept;
    void leave_poller(worker* w) noexcept;
    worker* pop_idle() noexcept;
    bool unkept() const noexcept;
    bool pass_keeper_on() noexcept;
    void retire_keeper() noexcept;
    void tell_keeper() noexcept;
    void leave_timers_to(heir_function heir) noexcept;
    void call_heir() noexcept;
    static goroutine* expire_stand_in(timer_node* n) noexcept;
    static void run_stand_in(timer_node* n) noexcept;
    static bool has_ended(const timer_node& n) noexcept {
        return n.ends_with != nullptr && n.ends_with->ended.load(memory_order_acquire);
    }
    void expire_timers(worker* w) noexcept;
    bool wake_one(bool beside_others = false) noexcept;
    bool start_worker(bool looking) noexcept {
        spin_guard g(start_lock_);
        return start_worker_locked(looking);
    }
    bool start_worker_locked(bool looking) noexcept;
    void start();
    bool stopping() const noexcept { return (attention_.load(memory_order_acquire) & stops) != 0; }
    void wake_monitor() noexcept {
        // After our change of state_; the monitor sets its flag, then reads state_.
        if (monitor_asleep_.load(memory_order_seq_cst)) {
            coarse_ms.store(milliseconds(now()), memory_order_relaxed);  // it has stood still
            interrupt_monitor();
        }
    }
    void interrupt_monitor() noexcept {
        monitor_word_.fetch_add(1, memory_order_release);
        futex_wake(&monitor_word_);
    }
    void link() noexcept {
        next_scheduler_ = all_.load(memory_order_relaxed);
        while (!all_.compare_exchange_weak(next_scheduler_, this, memory_order_release,
                                           memory_order_relaxed)) {
        }
    }

    bool is_within(const run_scope* inner, const run_scope* outer) noexcept;
    bool wait_until_quiet(const worker* self, const run_scope* only, time_point deadline) noexcept;
    bool end_scopes_within(run_scope* scope, time_point deadline) noexcept;

    friend struct monitor;
    friend struct thread_entry;
    friend class simulation;

    scheduler_options options_;
    conductor* conductor_ = nullptr;  // set before anything runs

public:
    stack_pool stacks;
    floating_point initial_mode;  // of whoever made this: what each goroutine begins with
    goroutine_pool blocks{stacks};
    run_scope root;  // of goroutines started outside any run
    scheduler_counters counters;
    atomic<std::uint64_t>* ids = &next_goroutine_id;  // a simulation counts its own
    atomic<std::uint64_t> foreign_started{0};
    atomic<std::uint64_t> abandoned{0};
    atomic<std::uint32_t> in_blocking{0};  // goroutines inside blocking()
    // Pinned ones without a place, that go on by themselves; and those that are just being woken for I/O.
    atomic<std::uint32_t> back_soon{0};
    atomic<std::uint32_t> runs{0};       // calls of run() that go on
    atomic<std::uint64_t> coarse_ms{0};  // written by the monitor: a clock without a cost
    atomic<duration::rep> sample_due{
        0};  // when a trace takes its next samples; whoever moves it takes them
    void (*on_panic)(goroutine*) = nullptr;  // called in the handler of the escaped exception
    void* user_data = nullptr;               // of the public runtime: what on_panic needs

private:
    alignas(64) atomic<std::uint64_t> state_{0};  // spinning << 32 | active: places in use
    atomic<std::uint32_t> max_procs_;
    atomic<std::uint32_t> quiescing_{0};
    atomic<std::uint32_t> quiesce_word_{0};
    atomic<std::uint32_t> attention_{0};  // what a loop sees to before all else: the bits below
    atomic<bool> started_{false};

    alignas(64) inject_queue inject_;
    timer_queue timers_;
    atomic<duration::rep> keeper_deadline_{nobody_keeps};

    mutable counted_spin_lock idle_lock_;
    worker* idle_ = nullptr;           // guarded by idle_lock_
    atomic<worker*> keeper_{nullptr};  // written under idle_lock_
    heir_function heir_ = nullptr;     // guarded by idle_lock_; once it is set nobody is keeper

    // In the heir's queue, in place of the earliest of our timers, which stay in ours.
    struct stand_in : timer_node {
        scheduler* of = nullptr;
    };
    spin_lock stand_in_lock_;  // taken before the heir's queue
    stand_in stand_in_;        // armed and cancelled under stand_in_lock_

    spin_lock start_lock_;
    atomic<worker*>* workers_ = nullptr;  // appended to under start_lock_
    atomic<std::uint32_t> worker_count_{0};
    bool watched_ = false;      // guarded by start_lock_: the monitor's thread is there
    worker* unborn_ = nullptr;  // guarded by start_lock_: got no thread, but thieves may look at it
    atomic<std::uint32_t> threads_{0};  // also a futex word for stop()

    spin_lock scope_lock_;
    run_scope* scopes_ = nullptr;  // guarded by scope_lock_: of the runs that go on

    atomic<std::uint32_t> monitor_word_{0};
    atomic<bool> monitor_asleep_{false};

    scheduler* next_scheduler_ = nullptr;
    RUNNEL_API static inline constinit atomic<scheduler*> all_{nullptr};
};

// ---- 3. finding work ----

// Inlined into the loop, which is its one caller but for find_work_observed().
RUNNEL_ALWAYS_INLINE goroutine* scheduler::find_work(worker* w) noexcept {
    if (RUNNEL_UNLIKELY(conductor_ != nullptr)) return conductor_->choose(w);
    for (;;) {
        if (RUNNEL_UNLIKELY(attention_.load(memory_order_acquire) != 0)) {
            if (watched() && !w->observed) return find_work_observed(w);
            if (stopping()) {
                announce(w, nullptr);
                return nullptr;
            }
        }
        w->current.store(nullptr, memory_order_relaxed);
        // The monitor took our place: we go on, and somebody who comes here steps back.
        if (w->place.load(memory_order_relaxed) != worker::place_state::held) {
            state_.fetch_add(one_active, memory_order_seq_cst);
            w->place.store(worker::place_state::held, memory_order_release);
        }
        if (RUNNEL_UNLIKELY(active() > max_procs())) {
            flush(w);
            go_idle(w);
            continue;
        }
        expire_timers(w);
        goroutine* g = nullptr;
        // Counted here, too: goroutines that end without ever parking come only here. The old count, since
        // pick_local() has advanced it before it sent us here for the sake of fairness.
        const std::uint32_t tick = w->ticks.load(memory_order_relaxed);
        w->ticks.store(tick + 1, memory_order_relaxed);
        if (tick % fairness == 0) {
            if (the_poller.wants_a_look() && the_poller.was_neglected()) look_for_io(w);
            g = take_injected(w, 1);
        }
        if (RUNNEL_FAULT("scheduler.steal_first") && g == nullptr && w->queue.empty()) {
            g = steal(w, true);
        }
        if (g == nullptr) g = pick_queued(w);
        const bool moves = g == nullptr;
        if (g == nullptr) g = take_injected(w, batch);
        if (g == nullptr && the_poller.wants_a_look() && look_for_io(w)) g = pick_queued(w);
        if (g == nullptr) {
            if (stay_away(w)) continue;
            g = take_from_others(w);
        }
        if (g != nullptr) {
            if (w->spinning) {
                stop_spinning(w);
            } else if (moves && !w->queue.empty()) {
                publish_then_wake(w);  // [ID-1] what came into our ring was in no queue on its way
            }
            return g;
        }
        go_idle(w);
    }
}

// find_work() for a worker that a trace watches.
RUNNEL_NOINLINE inline goroutine* scheduler::find_work_observed(worker* w) noexcept {
    observer& o = *the_observer.load(memory_order_acquire);  // [TR-1]
    w->observed = true;
    o.comes_to_loop(w);
    goroutine* g = find_work(w);
    w->observed = false;
    if (g != nullptr) {
        if (observer_of(w) != nullptr) tell_wakes(w);
        o.runs(w, g);
    }
    return g;
}

inline goroutine* scheduler::take_injected(worker* w, std::size_t most) noexcept {
    for (;;) {
        if (inject_.empty()) return nullptr;
        const std::size_t share = inject_.size() / max_procs() + 1;
        goroutine* first = inject_.pop(share < most ? share : most);
        if (first == nullptr) return nullptr;
        for (goroutine* g = first->next; g != nullptr;) {
            goroutine* following = g->next;
            push_local(w, g);
            g = following;
        }
        if (admit(w, first)) return first;
        // Its run has ended; not so those behind it, which must not pile up in our queue.
        if (goroutine* g = pick_queued(w); g != nullptr) return g;
    }
}

// True if the worker has not touched its next goroutine for some microseconds: it holds on to
// its present one. A pair that talks to each other is not torn apart.
inline bool scheduler::next_is_stale(worker* victim) const noexcept {
    const goroutine* g = victim->next.load(memory_order_seq_cst);  // [ID-1]
    if (g == nullptr) return false;
    const std::uint32_t ticks = victim->ticks.load(memory_order_relaxed);
    for (int i = 0; i < 100; ++i) {
        cpu_relax();
        if (victim->place.load(memory_order_relaxed) != worker::place_state::held) return true;
        if (victim->next.load(memory_order_relaxed) != g ||
            victim->ticks.load(memory_order_relaxed) != ticks) {
            return false;
        }
    }
    return true;
}

inline goroutine* scheduler::steal(worker* w, bool next_too) noexcept {
    const std::uint32_t n = worker_count();
    if (n < 2) return nullptr;
    std::uint32_t at = w->random.below(n);
    for (std::uint32_t i = 0; i < n; ++i, at = at + 1 == n ? 0 : at + 1) {
        worker* victim = worker_at(at);
        if (victim == nullptr || victim == w) continue;
        for (;;) {
            RUNNEL_ASSERT(w->queue.empty(), "there may be no room for what is stolen");
            goroutine* g = victim->queue.empty() ? nullptr : victim->queue.steal_into(w->queue);
            if (g == nullptr && next_too &&
                (RUNNEL_FAULT("scheduler.steal_warm") || next_is_stale(victim))) {
                RUNNEL_POINT("scheduler.steal_next");
                g = victim->next.exchange(nullptr, memory_order_acquire);
            }
            if (g == nullptr) break;
            w->bump(w->steals);
            if (g->own_stack == nullptr) w->queue.restack();  // most likely like the others
            if (admit(w, g)) return g;
            if (goroutine* other = pick_queued(w); other != nullptr) return other;
        }
    }
    return nullptr;
}

// Looks for a while before sleeping, since being woken costs more; at most half of those who are
// busy look at once.
inline goroutine* scheduler::search(worker* w) noexcept {
    if (!w->spinning) {
        if (max_procs() == 1) return nullptr;
        const std::uint64_t s = state_.load(memory_order_seq_cst);
        if (2 * spinning_of(s) >= active_of(s)) return nullptr;
        state_.fetch_add(one_spinning, memory_order_seq_cst);
        w->spinning = true;
    }
    static constexpr int rounds = 24;
    for (int round = 0; round < rounds; ++round) {
        if (goroutine* g = steal(w, true); g != nullptr) return g;
        if (goroutine* g = take_injected(w, batch); g != nullptr) return g;
        if (round % 8 == 7 && the_poller.wants_a_look() && look_for_io(w)) {
            if (goroutine* g = pick_queued(w); g != nullptr) return g;
        }
        for (int i = 0; i < 16; ++i) cpu_relax();
    }
    return nullptr;
}

inline goroutine* scheduler::take_from_others(worker* w) noexcept {
    goroutine* g = steal(w, false);
    if (g == nullptr) g = search(w);
    if (g != nullptr) {
        w->backoff.takes(now(), waited_for_locks());
    } else {
        w->backoff.finds_nothing();
    }
    return g;
}

// Whether the worker has stayed away from others for a while, since there has been little to be had: see steal_backoff.hpp. It
// counts as looking for work meanwhile [ID-1]: nobody is woken for what is made, and it looks before it sleeps for good.
// What others do not get to by themselves waits for it for two steps at most.
RUNNEL_NOINLINE inline bool scheduler::stay_away(worker* w) noexcept {
    w->backoff.runs_out(now(), waited_for_locks());
    duration left = w->backoff.pause();
    if (RUNNEL_FAULT("scheduler.stay_away")) left = step;
    if (left == duration::zero() || w->rested) {
        w->rested = false;
        return false;
    }
    const std::uint64_t s = state_.load(memory_order_seq_cst);
    if (active_of(s) < 2) return false;  // there are no others
    if (!w->spinning) {
        if (spinning_of(s) != 0) return false;
        state_.fetch_add(one_spinning, memory_order_seq_cst);
        w->spinning = true;
    }
    announce(w, nullptr);
    static_cast<void>(others_keep_up(w, 0));
    // Who keeps others waiting is relieved at once: to come too late would seem as if there had been nothing to take.
    for (int i = 0; i < 512; ++i) cpu_relax();  // 5 to 25 microseconds
    if (!others_keep_up(w, 1)) return false;
    bool called = false;
    do {
        called = nap(w, now() + (left < step ? left : step));
        left -= step;
    } while (!called && left > duration::zero() && active() > 1 && others_keep_up(w, most_taken) &&
             timers_.earliest() >= now() - step &&
             attention_.load(memory_order_relaxed) == 0);  // relaxed: find_work() looks
    w->rested = !called;
    return true;
}

// Until then, or until something has happened in the poller: what it wakes is queued here.
inline bool scheduler::nap(worker* w, time_point until) noexcept {
    if (the_poller.waiters() == 0 || !the_poller.own()) {
        atomic<std::uint32_t> nobody_wakes{0};
        futex_wait(nobody_wakes, 0, until);
        return false;
    }
    static constexpr int most = 16;
    poll_event events[most];
    const int n = poller::wait(events, most, true, until);
    the_poller.looked();
    leave_poller(w);
    the_poller.deliver(events, n);
    return n != 0;
}

// Whether each of them has taken, since this was last asked, as many as wait for it now; of those `enough` will do.
inline bool scheduler::others_keep_up(const worker* w, std::size_t enough) noexcept {
    bool keep_up = true;
    std::size_t turns = 0;
    const std::uint32_t n = worker_count();
    for (std::uint32_t i = 0; i < n; ++i) {
        worker* other = worker_at(i);
        if (other == nullptr || other == w) continue;
        const std::uint32_t ticks = other->ticks.load(memory_order_relaxed);
        // relaxed: if two stay away, each sees less than there was
        const std::size_t taken = ticks - other->ticks_seen.exchange(ticks, memory_order_relaxed);
        const std::size_t wait =
            other->queue.size() + (other->next.load(memory_order_relaxed) != nullptr ? 1 : 0);
        if (taken < wait && taken < enough) keep_up = false;
        turns += taken;
    }
    return keep_up && (inject_.size() <= turns / fairness || enough <= 1);
}

// [ID-1] the sleeper's second look. A goroutine in a busy worker's next place does not count unless
// it is stuck there: that worker will run it.
inline bool scheduler::has_work(const worker* self) const noexcept {
    if (!inject_.empty()) return true;
    const std::uint32_t n = worker_count_.load(memory_order_seq_cst);
    for (std::uint32_t i = 0; i < n; ++i) {
        worker* w = worker_at(i);
        if (w == nullptr) continue;
        // Before the ring, into which it may be pushed: see enqueue().
        const bool has_next = w->next.load(memory_order_seq_cst) != nullptr;
        if (!w->queue.empty()) return true;
        if (has_next && (w == self || next_is_stale(w))) return true;
    }
    return false;
}

inline void scheduler::stop_spinning(worker* w) noexcept {
    w->spinning = false;
    w->backoff.needs_nothing();
    const std::uint64_t s = state_.fetch_sub(one_spinning, memory_order_seq_cst);  // [ID-1]
    // Makers relied on us while we looked: what they made in the meantime needs the next one.
    if (spinning_of(s) == 1 && has_work(nullptr)) wake_if_needed();
}

// ---- 4. idling and waking ----

inline void scheduler::go_idle(worker* w) noexcept {
    scheduler_counters::bump(counters.idles);
    announce(w, nullptr);
    {
        spin_guard g(idle_lock_);
        w->idle_next = idle_;
        idle_ = w;
        w->idle = true;
        if (keeper_.load(memory_order_relaxed) == nullptr && heir_ == nullptr) {
            keeper_.store(w, memory_order_relaxed);
        }
    }
    RUNNEL_POINT("scheduler.idle.listed");
    std::uint64_t leave = w->spinning ? one_spinning : 0;
    w->spinning = false;
    if (w->place.exchange(worker::place_state::given_up, memory_order_acq_rel) ==
        worker::place_state::held) {
        leave += one_active;
    }
    state_.fetch_sub(leave, memory_order_seq_cst);  // [ID-1]
    RUNNEL_POINT("scheduler.idle.announced");
    // It may be ourselves that is woken: the token is there before we sleep.
    if (has_work(w)) wake_if_needed();
    RUNNEL_POINT("scheduler.idle.before_sleep");

    for (;;) {
        time_point limit = no_deadline;
        if (keeper_.load(memory_order_acquire) == w) {
            {
                // Under the lock: a keeper that has just been relieved must not overwrite what its
                // successor has published.
                spin_guard g(idle_lock_);
                if (keeper_.load(memory_order_relaxed) != w) continue;
                limit = timers_.earliest();
                if (RUNNEL_FAULT("scheduler.keeper_early") && limit != no_deadline) {
                    limit -= std::chrono::milliseconds(1);
                }
                keeper_deadline_.store(limit.time_since_epoch().count(),
                                       memory_order_seq_cst);  // [TK-1]
            }
            if (timers_.earliest() < limit) continue;
        }
        bool unparked = false;
        if (keeper_.load(memory_order_relaxed) == w && the_poller.opened() && the_poller.own()) {
            unparked = sleep_in_poller(w, limit);
            if (w->place.load(memory_order_relaxed) == worker::place_state::held) break;
        } else {
            unparked = w->parker.park(limit);
        }
        if (w->chosen.load(memory_order_acquire)) {  // [ID-2]
            take_chosen_place(w);
            break;
        }
        if (stopping()) {
            // No place is needed to end; find_work() returns null first of all.
            break;
        }
        if (!unparked && reclaim_place(w, one_active)) {
            w->place.store(worker::place_state::held, memory_order_release);
            break;
        }
    }
    wake_monitor();
}

// In the poller. What has happened there is this worker's to go on with, if a place is free: no other thread has to be
// woken. It then counts as looking for work, so that nobody else is woken either until it has found some.
RUNNEL_NOINLINE inline bool scheduler::sleep_in_poller(worker* w, time_point limit) noexcept {
    static constexpr int most = 64;
    poll_event events[most];
    int n = 0;
    const bool busy_for_long = the_poller.waiters() != 0 && the_poller.was_neglected();
    RUNNEL_POINT("scheduler.poller.owned");
    const bool unparked =
        w->parker.park_in_poller([&]() noexcept { n = poller::wait(events, most, true, limit); });
    the_poller.looked();
    leave_poller(w);
    if (n == 0) return unparked;
    if (w->chosen.load(memory_order_acquire)) {
        take_chosen_place(w);
    } else if (reclaim_place(w, one_active + one_spinning)) {
        w->place.store(worker::place_state::held, memory_order_release);
        w->spinning = true;
    }
    the_poller.deliver(events, n);
    if (w->place.load(memory_order_relaxed) != worker::place_state::held) {
        // Others are awake enough, and this worker, though it may have been chosen by now, must not sit on what it found.
        flush(w);
        wake_if_needed();
    } else if (busy_for_long) {
        pass_keeper_on();  // goroutines that are woken so run for long: somebody else sees to what comes next
    }
    return unparked;
}

// [NP-1]
inline void scheduler::leave_poller(worker* w) noexcept {
    the_poller.disown();
    RUNNEL_POINT("scheduler.poller.left");
    spin_guard g(idle_lock_);
    worker* k = keeper_.load(memory_order_relaxed);
    if (k != nullptr && k != w) k->parker.unpark();
}

// A busy worker looks in, or the monitor does, without one. True if anything has happened.
RUNNEL_NOINLINE inline bool scheduler::look_for_io(worker* w) noexcept {
    static constexpr int most = 16;
    poll_event events[most];
    const int n = poller::wait(events, most, false, no_deadline);
    the_poller.looked();
    if (n == 0) return false;
    if (w != nullptr && !w->spinning) {
        // It goes on with the first itself: nobody is to be woken for that.
        state_.fetch_add(one_spinning, memory_order_seq_cst);
        w->spinning = true;
    }
    the_poller.deliver(events, n);
    return true;
}

inline void scheduler::take_chosen_place(worker* w) noexcept {
    w->chosen.store(false, memory_order_relaxed);
    w->place.store(worker::place_state::held, memory_order_release);
    w->spinning = true;
    w->backoff.woken();
}

// A deadline has come and the keeper takes a place to serve it. If all places are held their workers
// look at the timers themselves, and the monitor at those that do not.
inline bool scheduler::reclaim_place(worker* w, std::uint64_t as) noexcept {
    spin_guard g(idle_lock_);
    if (!w->idle) return false;  // chosen meanwhile
    std::uint64_t s = state_.load(memory_order_seq_cst);
    do {
        if (active_of(s) >= max_procs()) {
            if (keeper_.load(memory_order_relaxed) != w) return false;
            RUNNEL_POINT("scheduler.keeper.retires");
            retire_keeper();
            s = state_.load(memory_order_seq_cst);  // [KP-1]
            if (active_of(s) >= max_procs()) return false;
        }
    } while (!state_.compare_exchange_weak(s, s + as, memory_order_seq_cst));
    for (worker** at = &idle_; *at != nullptr; at = &(*at)->idle_next) {
        if (*at == w) {
            *at = w->idle_next;
            break;
        }
    }
    w->idle = false;
    if (keeper_.load(memory_order_relaxed) == w) retire_keeper();
    return true;
}

// The keeper is taken last, since its going leaves nobody to watch the clock.
inline worker* scheduler::pop_idle() noexcept {
    spin_guard g(idle_lock_);
    worker** at = &idle_;
    if (*at == nullptr) return nullptr;
    if (*at == keeper_.load(memory_order_relaxed) && (*at)->idle_next != nullptr) {
        at = &(*at)->idle_next;
    }
    worker* w = *at;
    *at = w->idle_next;
    w->idle = false;
    w->chosen.store(true, memory_order_release);  // [ID-2]
    if (w == keeper_.load(memory_order_relaxed)) retire_keeper();
    return w;
}

// Under idle_lock_.
inline void scheduler::retire_keeper() noexcept {
    keeper_deadline_.store(nobody_keeps, memory_order_seq_cst);
    keeper_.store(nullptr, memory_order_seq_cst);  // [KP-1]
}

// Somebody else idle watches the clock now. False if there is nobody.
inline bool scheduler::pass_keeper_on() noexcept {
    spin_guard g(idle_lock_);
    if (keeper_.load(memory_order_relaxed) != nullptr || heir_ != nullptr) return true;
    if (idle_ == nullptr) return false;
    keeper_.store(idle_, memory_order_release);
    idle_->parker.unpark();
    return true;
}

// A place that is not free has a worker that comes to its loop, or a monitor that looks after it.
inline bool scheduler::unkept() const noexcept {
    return keeper_.load(memory_order_seq_cst) == nullptr &&  // [KP-1] before what is waited for
           (!timers_.empty() || the_poller.waiters() != 0) && active() < max_procs() &&
           conductor_ == nullptr && started_.load(memory_order_relaxed) && !stopping();
}

inline void scheduler::expire_timers(worker* w) noexcept {
    if (timers_.empty()) return;
    const time_point t = now();
    if (timers_.earliest() > t || RUNNEL_FAULT("scheduler.timers_late")) return;
    timers_.run_due(t, [&](goroutine* g) {
        g->state.store(goroutine_state::runnable, memory_order_relaxed);
        push_local(w, g);
    });
    // Soon another deadline comes, and we may be busy until the monitor looks.
    if (timers_.earliest() <= t + std::chrono::milliseconds(20) &&
        keeper_.load(memory_order_relaxed) == nullptr) {
        pass_keeper_on();
    }
    if (w->queue.size() > 1) publish_then_wake(w);
}

inline void scheduler::tell_keeper() noexcept {
    {
        spin_guard g(idle_lock_);
        if (worker* k = keeper_.load(memory_order_relaxed); k != nullptr) k->parker.unpark();
        if (heir_ == nullptr) return;
    }
    call_heir();
}

// Our workers have gone. The timers stay in our queue, since each knows where it is.
inline void scheduler::leave_timers_to(heir_function heir) noexcept {
    timers_.cancel_if([](const timer_node& n) { return n.run == nullptr && has_ended(n); });
    stand_in_.of = this;
    stand_in_.ends_with = &root;  // what counts are the timers themselves
    stand_in_.expire = expire_stand_in;
    stand_in_.run = run_stand_in;
    {
        spin_guard g(idle_lock_);
        heir_ = heir;
        keeper_.store(nullptr, memory_order_relaxed);
        // [TK-1] From here on whoever arms an earlier deadline calls the heir.
        keeper_deadline_.store(no_deadline.time_since_epoch().count(), memory_order_seq_cst);
    }
    call_heir();
}

RUNNEL_NOINLINE inline void scheduler::call_heir() noexcept {
    if (timers_.empty()) return;
    scheduler& heir = heir_();
    spin_guard g(stand_in_lock_);
    heir.cancel(&stand_in_);
    // Under the lock: whoever comes last sees the earliest of all.
    if (const time_point next = timers_.earliest(); next != no_deadline) {
        heir.arm(&stand_in_, next);
    }
}

inline goroutine* scheduler::expire_stand_in(timer_node* n) noexcept {
    n->deferred = true;
    return nullptr;
}

inline void scheduler::run_stand_in(timer_node* n) noexcept {
    scheduler& s = *static_cast<stand_in*>(n)->of;
    s.timers_.run_due(now(), [&](goroutine* g) { s.leave_behind(*g); });
    s.call_heir();
}

// False if there is no place, or somebody looks already, unless one more is to be woken `beside_others`.
RUNNEL_NOINLINE inline bool scheduler::wake_one(bool beside_others) noexcept {
    // Reserve the place and the right to look for whoever is woken.
    std::uint64_t s = state_.load(memory_order_seq_cst);
    do {
        if ((spinning_of(s) != 0 && !beside_others) || active_of(s) >= max_procs()) return false;
    } while (!state_.compare_exchange_weak(s, s + one_active + one_spinning, memory_order_seq_cst));
    RUNNEL_POINT("scheduler.wake.reserved");
    scheduler_counters::bump(counters.wakes);
    if (worker* w = pop_idle(); w != nullptr) {
        w->parker.unpark();
    } else if (start_worker(true)) {
        wake_monitor();
    } else {
        state_.fetch_sub(one_active + one_spinning, memory_order_seq_cst);
        wake_monitor();  // which tries again: it sees the work, or we that it sleeps
        return false;
    }
    return true;
}

// ---- 7. ending a run ----

inline bool scheduler::wait_until_quiet(const worker* self, const run_scope* only,
                                        time_point deadline) noexcept {
    quiescing_.fetch_add(1, memory_order_seq_cst);
    bool quiet = false;
    for (;;) {
        const std::uint32_t seen = quiesce_word_.load(memory_order_acquire);
        quiet = true;
        for (std::uint32_t i = 0; i < worker_count(); ++i) {
            const worker* w = worker_at(i);
            if (w == nullptr || w == self) continue;
            const run_scope* announced = w->announced.load(memory_order_seq_cst);  // [RS-2]
            if (announced == nullptr) continue;
            if (only == nullptr || is_within(announced, only)) quiet = false;
        }
        if (quiet || now() >= deadline) break;
        // A worker that drops ended goroutines announces nothing new until it sleeps: look again
        // soon in any case.
        const time_point soon = now() + std::chrono::milliseconds(20);
        futex_wait(quiesce_word_, seen, soon < deadline ? soon : deadline);
    }
    quiescing_.fetch_sub(1, memory_order_seq_cst);
    return quiet;
}

inline bool scheduler::end_scope(run_scope* scope, time_point deadline) noexcept {
    scope->ended.store(true, memory_order_seq_cst);  // [RS-1] [RS-2]
    bool quiet = end_scopes_within(scope, deadline);
    // Its goroutines may have called run() on other runtimes.
    for (scheduler* s = first(); s != nullptr; s = s->next_scheduler_) {
        if (s != this && !s->end_scopes_within(scope, deadline)) quiet = false;
    }
    return quiet;
}

inline bool scheduler::end_scopes_within(run_scope* scope, time_point deadline) noexcept {
    bool ours = scope == &root;
    bool some_within = false;
    {
        spin_guard guard(scope_lock_);
        for (run_scope* s = scopes_; s != nullptr; s = s->next) {
            if (!s->within(scope)) continue;
            s->ended.store(true, memory_order_seq_cst);
            (s == scope ? ours : some_within) = true;
        }
    }
    if (!ours && !some_within) return true;
    if (!wait_until_quiet(nullptr, scope, deadline)) return false;
    blocks.for_each([&](goroutine& g) {
        if (g.state.load(memory_order_acquire) == goroutine_state::free) return;
        run_scope* its = g.scope.load(memory_order_relaxed);
        if (its != scope && !(some_within && is_within(its, scope))) return;
        its->retain();  // it refers to its run for ever
        leave_behind(g);
        // One that is pinned sleeps on a thread, which is free for others now.
        if (worker* w = g.pinned.load(memory_order_acquire); w != nullptr)
            w->pinned_parker.unpark();
    });
    spin_guard guard(scope_lock_);
    for (run_scope** at = &scopes_; *at != nullptr;) {
        if ((*at)->within(scope)) {
            *at = (*at)->next;
        } else {
            at = &(*at)->next;
        }
    }
    return true;
}

// By address: `inner` may be gone already, then it is on no list.
inline bool scheduler::is_within(const run_scope* inner, const run_scope* outer) noexcept {
    if (inner == outer) return true;
    spin_guard guard(scope_lock_);
    for (const run_scope* s = scopes_; s != nullptr; s = s->next) {
        if (s == inner) return s->within(outer);
    }
    return false;
}

inline bool scheduler::end_everything(const worker* self, time_point deadline) noexcept {
    root.ended.store(true, memory_order_seq_cst);
    {
        spin_guard g(scope_lock_);
        for (run_scope* s = scopes_; s != nullptr; s = s->next) {
            s->ended.store(true, memory_order_seq_cst);
        }
    }
    const bool quiet = wait_until_quiet(self, nullptr, deadline);
    // What they have done happens before what the exiting thread does now.
    tsan::acquire(&root);
    spin_guard g(scope_lock_);
    for (const run_scope* s = scopes_; s != nullptr; s = s->next) tsan::acquire(s);
    return quiet;
}

// ---- figures ----

inline std::size_t scheduler::queued() const noexcept {
    std::size_t n = inject_.size();
    for (std::uint32_t i = 0; i < worker_count(); ++i) {
        if (worker* w = worker_at(i); w != nullptr) {
            n += w->queue.size() + (w->next.load(memory_order_relaxed) != nullptr ? 1 : 0);
        }
    }
    return n;
}

inline std::uint64_t scheduler::sum(atomic<std::uint64_t> worker::* counter) const noexcept {
    std::uint64_t n = 0;
    for (std::uint32_t i = 0; i < worker_count(); ++i) {
        if (worker* w = worker_at(i); w != nullptr) n += (w->*counter).load(memory_order_relaxed);
    }
    return n;
}

inline std::uint64_t scheduler::started_count() const noexcept {
    return foreign_started.load(memory_order_relaxed) + sum(&worker::created);
}

inline std::uint64_t scheduler::finished_count() const noexcept { return sum(&worker::finished); }

inline std::uint64_t scheduler::steal_count() const noexcept { return sum(&worker::steals); }

}  // namespace detail
}  // namespace v0
}  // namespace runnel
