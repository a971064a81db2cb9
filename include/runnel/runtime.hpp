// runnel/runtime.hpp — run(), runtimes of one's own, and how many processors they use.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      func main, runtime.GOMAXPROCS, runtime.NumCPU
//   Layer   4; includes layers 0-3
//   Map     ending a run → detail/scheduler.hpp, 7;  deadlock → detail/monitor.hpp, 4
//   Tests   tests/runtime_test.cpp
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <runnel/debug.hpp>
#include <runnel/detail/chrono.hpp>
#include <runnel/detail/mistake.hpp>
#include <runnel/detail/result.hpp>
#include <runnel/detail/spawn.hpp>
#include <runnel/detail/waiter.hpp>

namespace runnel {
inline namespace v0 {

/// How a run ends.
struct run_options {
    /// How long to wait for the goroutines of the run after its main goroutine has returned, before they
    /// end with it. Zero: not at all, as in Go.
    duration drain = duration::zero();
};

/// Settings of a runtime.
struct runtime_options {
    /// How many goroutines may run at once, at most 9999; 0: as max_procs() of the default runtime
    /// starts with.
    std::size_t max_procs = 0;
    /// Bytes reserved for each goroutine's stack, committed page by page as they are touched;
    /// rounded up to a power of two, at least 32 KiB, at most 64 GiB.
    std::size_t stack_size = 256 * 1024;
    /// Under run: report when every goroutine is asleep for good, and exit with status 2.
    bool deadlock_detection = true;
    /// How long a running goroutine may take to park once its run has ended; then the process exits.
    duration stop_grace = std::chrono::seconds(5);
    /// Called with an exception that leaves a goroutine, on that goroutine, which then ends. Without
    /// it the exception is printed and the program terminates.
    std::function<void(std::exception_ptr, const goroutine_info&)> on_panic{};
};

/// Figures of a runtime since its start; approximate while goroutines run.
struct runtime_stats {
    std::size_t max_procs = 0;
    std::size_t goroutines = 0;  ///< that exist now
    std::uint64_t goroutines_started = 0;
    std::size_t runnable = 0;        ///< in queues
    std::size_t workers = 0;         ///< threads that run or have run goroutines
    std::size_t active_workers = 0;  ///< that hold a place now
    std::size_t blocking = 0;        ///< goroutines inside blocking()
    std::size_t timers = 0;          ///< armed
    std::uint64_t steals = 0;
    std::uint64_t wakes = 0;       ///< workers woken or started to look for work
    std::uint64_t idles = 0;       ///< times a worker went to sleep
    std::uint64_t handovers = 0;   ///< places taken from a worker that did not switch for 10 ms
    std::uint64_t lock_waits = 0;  ///< times a lock that all workers share was found held
};

namespace detail {

/// One thread or goroutine waits for one thing to happen once.
class one_event {
public:
    void set() noexcept {
        lock_.lock();
        set_ = true;
        waiter* w = waiters_.claim_front();
        if (w != nullptr) w->outcome = wait_outcome::ok;
        lock_.unlock();
        if (w != nullptr) w->who->wake();
    }
    /// False if `deadline` struck first.
    bool wait_until(time_point deadline, wait_reason reason, const void* object) noexcept {
        wait_lock guard(lock_);
        if (set_) return true;
        waiter w;
        return wait(waiters_, guard, w, reason, object, deadline) == wait_outcome::ok;
    }

private:
    spin_lock lock_;
    bool set_ = false;      // guarded by lock_
    waiter_queue waiters_;  // guarded by lock_
};

/// Counts a thread that waits inside run(): it is not a foreign thread that might wake somebody.
class inside_run {
public:
    explicit inside_run(scheduler& s) noexcept : s_(s), thread_(current_worker() == nullptr) {
        s_.runs.fetch_add(1, memory_order_seq_cst);
    }
    ~inside_run() {
        if (!started_) thread_ = false;  // no goroutine could be made, and nothing has been counted
        leave();
    }
    inside_run(const inside_run&) = delete;
    inside_run& operator=(const inside_run&) = delete;

    /// The main goroutine has been started: until then this thread was one that might wake somebody.
    /// It may have ended already.
    void started() noexcept {
        started_ = true;
        if (thread_) threads_inside_run.fetch_add(1, memory_order_seq_cst);
    }

    /// The main goroutine has ended. Called by it, or by the caller of run() if there was none.
    void leave() noexcept {
        if (left_) return;
        left_ = true;
        if (thread_) threads_inside_run.fetch_sub(1, memory_order_seq_cst);
        s_.runs.fetch_sub(1, memory_order_seq_cst);
    }

private:
    scheduler& s_;
    bool thread_;
    bool started_ = false;  // the caller's own
    bool left_ = false;
};

/// A run as its caller's stack holds it.
template <class F, class R>
struct run_state {
    F* function;
    std::optional<kept_result<R>> value;
    std::exception_ptr error;
    inside_run& inside;
    one_event done;

    void call() {
        try {
            if constexpr (std::is_void_v<R>) {
                std::invoke(std::forward<F>(*function));
                value.emplace();
            } else if constexpr (std::is_reference_v<R>) {
                value.emplace(std::addressof(std::invoke(std::forward<F>(*function))));
            } else {
                value.emplace(std::invoke(std::forward<F>(*function)));
            }
        } catch (const goexit_token&) {
            throw;  // the others go on, and the run never returns
        } catch (...) {
            error = std::current_exception();
        }
        // From here on the caller's thread goes its own way and might wake anybody: the deadlock
        // detector must not take it for one that waits, however late it gets a processor.
        inside.leave();
        done.set();  // the caller may be gone now
    }

    int exit_status() const noexcept {
        if constexpr (std::is_integral_v<R>) {
            if (value) return static_cast<int>(*value);
        }
        return error != nullptr ? 1 : 0;
    }
};

inline std::uint32_t checked_procs(std::uintmax_t n) {
    if (n >= scheduler::max_workers) {
        throw std::invalid_argument("max_procs: 1 to 9999 are possible");
    }
    return static_cast<std::uint32_t>(n);
}

/// A slab of several such stacks must fit into the address space.
inline std::size_t checked_stack_size(std::size_t n) {
    if (n > std::size_t{1} << 36) throw std::invalid_argument("stack_size: at most 64 GiB");
    return n;
}

/// The current scheduler, or the default one, which is not started for a look at it.
inline scheduler& passive_scheduler() {
    if (const worker* w = current_worker(); w != nullptr) return *w->home;
    if (const goroutine* g = blocked_goroutine(); g != nullptr) return *g->home;
    return default_scheduler();
}

/// A simulated program has no other runtime than its own.
inline scheduler& scheduler_of_run() {
    const worker* w = current_worker();
    return w != nullptr && w->home->conducted_by() != nullptr ? *w->home : default_scheduler();
}

inline runtime_stats stats_of(const scheduler& s) {
    runtime_stats r;
    r.max_procs = s.max_procs();
    r.goroutines = s.goroutine_count();
    r.goroutines_started = s.started_count();
    r.runnable = s.queued();
    r.workers = s.worker_count();
    r.active_workers = s.active();
    r.blocking = s.in_blocking.load(memory_order_relaxed);
    r.timers = s.timer_count();
    r.steals = s.steal_count();
    r.wakes = s.counters.wakes.load(memory_order_relaxed);
    r.idles = s.counters.idles.load(memory_order_relaxed);
    r.handovers = s.counters.handovers.load(memory_order_relaxed);
    r.lock_waits = s.lock_waits();
    return r;
}

inline bool scope_is_empty(scheduler& s, const run_scope* scope) {
    bool empty = true;
    s.blocks.for_each([&](goroutine& g) {
        const goroutine_state state = g.state.load(memory_order_acquire);
        if (state != goroutine_state::free && state != goroutine_state::abandoned &&
            g.scope.load(memory_order_relaxed) == scope) {
            empty = false;
        }
    });
    return empty;
}

/// Waits until the run's goroutines have ended, at most for `limit`.
inline void drain_scope(scheduler& s, run_scope* scope, duration limit) {
    const time_point deadline = deadline_after(limit);
    scope->watched.store(true, memory_order_seq_cst);
    while (now() < deadline) {
        const std::uint32_t seen = scope->changes.load(memory_order_acquire);
        if (scope_is_empty(s, scope)) break;
        const worker* w = current_worker();
        if (w == nullptr) {
            // Not for long: one that ended as we began to watch may not have told us.
            const time_point soon = now() + std::chrono::milliseconds(10);
            futex_wait(scope->changes, seen, soon < deadline ? soon : deadline);
        } else {
            // A goroutine that called run(): it does not block its worker.
            sleeper nap(wait_reason::run, nullptr, false);
            nap.park_until(now() + std::chrono::milliseconds(1), sleeper::nothing, nullptr);
        }
    }
    scope->watched.store(false, memory_order_seq_cst);
}

template <class F>
auto run_on(scheduler& s, F&& function, const run_options& options, source_place place)
    -> std::invoke_result_t<F> {
    using R = std::invoke_result_t<F>;
    using Function = std::remove_reference_t<F>;
    s.ensure_started();
    inside_run inside(s);
    struct release_scope {
        void operator()(run_scope* r) const noexcept { r->release(); }
    };
    const std::unique_ptr<run_scope, release_scope> scope(new run_scope);
    const goroutine* caller = current_goroutine();
    if (caller == nullptr) caller = blocked_goroutine();
    if (caller != nullptr) scope->parent = caller->scope.load(memory_order_relaxed);
    s.add_scope(scope.get());
    struct listed {
        scheduler& s;
        run_scope* scope;
        ~listed() {
            if (scope != nullptr) s.remove_scope(scope);
        }
    } until_started{s, scope.get()};
    run_state<Function, R> state{std::addressof(function), {}, {}, inside, {}};
    const auto main_function = [&state] { state.call(); };
    const auto make = [&] { return task<decltype(main_function)>{main_function}; };
    spawn_task<task<decltype(main_function)>>(s, current_worker(), scope.get(), place, make, true);
    until_started.scope = nullptr;
    inside.started();
    state.done.wait_until(no_deadline, wait_reason::run, nullptr);
    if (options.drain > duration::zero()) drain_scope(s, scope.get(), options.drain);
    if (!s.end_scope(scope.get(), deadline_after(s.options().stop_grace))) {
        give_up_waiting(state.exit_status());
    }
    tsan::acquire(scope.get());
    if (state.error != nullptr) std::rethrow_exception(state.error);
    if constexpr (std::is_reference_v<R>) {
        return static_cast<R>(**state.value);
    } else if constexpr (!std::is_void_v<R>) {
        return std::move(*state.value);
    }
}

}  // namespace detail

/// Runs `function` as the main goroutine of the default runtime, and returns what it returns.
/// Blocks   until the main goroutine has returned and those that it started, directly or through
///          others, have parked: parked and runnable ones then never run again and receive nothing;
///          one that does not park within stop_grace is dumped, and the process exits.
/// Errors   rethrows the main goroutine's exception. If it calls goexit the others go on, and run never
///          returns. When all goroutines are asleep for good the process exits with status 2.
/// Exit     when main returns or exit() is called all goroutines end so, before static objects are
///          destroyed; what a thread of one's own or a function inside blocking() does goes on. (If a
///          thread other than main's calls exit(), statics made after the first goroutine go first.)
/// Signals  the runtime's threads block all but a thread's own faults (SIGSEGV and its like). So a goroutine signals its
///          process by kill(getpid(), signal), not by raise(); and a program that it starts by posix_spawn inherits
///          that mask unless POSIX_SPAWN_SETSIGMASK says another. The child of a fork() gets the mask back that the
///          thread had which started the first runtime; it may only exec or _exit.
/// Threads  may be called again, from several threads at once, and from a goroutine.
/// Go       func main
template <class F>
auto run(F&& function, const run_options& options = {},
         detail::source_place place = detail::source_place::here()) -> std::invoke_result_t<F> {
    return detail::run_on(detail::scheduler_of_run(), std::forward<F>(function), options, place);
}
RUNNEL_MISTAKE(the_function_is_called_without_arguments, run(...));

/// A runtime of its own, with its own workers, beside the default one. Inside its goroutines `go` means
/// this runtime. Channels and all else work across runtimes.
/// Its destructor ends its goroutines as the end of run() does, and its threads. Timers, tickers and
/// contexts with a deadline that were made in it live on: the default runtime serves them.
class runtime {
public:
    /// Errors  std::invalid_argument for a max_procs beyond 9999; std::bad_alloc; panic in a simulation.
    explicit runtime(runtime_options options = {}) {
        if (const detail::worker* w = detail::current_worker();
            w != nullptr && w->home->conducted_by() != nullptr) {
            throw panic("runtime: a simulated program has one, which is there already");
        }
        detail::scheduler_options o;
        o.max_procs = options.max_procs != 0 ? detail::checked_procs(options.max_procs)
                                             : detail::default_max_procs();
        o.stack_size = detail::checked_stack_size(options.stack_size);
        o.deadlock_detection = options.deadlock_detection;
        o.stop_grace = options.stop_grace;
        detail::prepare_process_once();
        auto data = std::make_unique<shared>();
        data->on_panic = std::move(options.on_panic);
        scheduler_ = new detail::scheduler(o);  // immortal, see detail/scheduler.hpp
        if (data->on_panic) scheduler_->on_panic = call_on_panic;
        scheduler_->user_data = data.release();  // lives as long: for ever
    }
    runtime(const runtime&) = delete;
    runtime& operator=(const runtime&) = delete;
    ~runtime() {
        const detail::time_point deadline =
            detail::deadline_after(scheduler_->options().stop_grace);
        if (!scheduler_->end_scope(&scheduler_->root, deadline)) detail::give_up_waiting(1);
        detail::tsan::acquire(&scheduler_->root);
        const bool last = detail::process_ended.load(detail::memory_order_acquire) ||
                          detail::process_forked.load(detail::memory_order_relaxed);
        scheduler_->stop(deadline, last ? nullptr : detail::heir_of_timers);
    }

    /// As runnel::run, on this runtime.
    template <class F>
    auto run(F&& function, const run_options& options = {},
             detail::source_place place = detail::source_place::here()) -> std::invoke_result_t<F> {
        return detail::run_on(*scheduler_, std::forward<F>(function), options, place);
    }
    RUNNEL_MISTAKE(the_function_is_called_without_arguments, run(...));

    /// As runnel::go, on this runtime, from wherever it is called.
    template <class F>
    void go(F&& function, detail::source_place place = detail::source_place::here()) {
        detail::start_goroutine(scheduler_, place, std::forward<F>(function));
    }
    template <class F, class A, class... Args>
        requires std::is_invocable_v<std::decay_t<F>, std::decay_t<A>, std::decay_t<Args>...>
    RUNNEL_NOINLINE void go(F&& function, A&& argument, Args&&... arguments) {
        detail::source_place place;
        place.pc = __builtin_return_address(0);
        detail::start_goroutine(scheduler_, place, std::forward<F>(function),
                                std::forward<A>(argument), std::forward<Args>(arguments)...);
    }
    RUNNEL_MISTAKE(the_function_cannot_be_called_with_these_arguments, go(...));

    /// As the functions of these names, of this runtime. Threads, cost likewise.
    runtime_stats stats() const { return detail::stats_of(*scheduler_); }
    std::size_t num_goroutine() const noexcept { return scheduler_->goroutine_count(); }
    std::size_t max_procs() const noexcept { return scheduler_->max_procs(); }
    template <class N>
        requires std::is_integral_v<N>
    std::size_t set_max_procs(N n) {
        return n < 1 ? max_procs()
                     : scheduler_->set_max_procs(
                           detail::checked_procs(static_cast<std::uintmax_t>(n)));
    }

private:
    struct shared {
        std::function<void(std::exception_ptr, const goroutine_info&)> on_panic;
    };

    static void call_on_panic(detail::goroutine* g) {
        const auto* data = static_cast<const shared*>(g->home->user_data);
        data->on_panic(std::current_exception(), detail::info_of(*g));
    }

    detail::scheduler* scheduler_ = nullptr;
};

/// How many goroutines of the current (or default) runtime run at once.
/// Initially RUNNEL_MAXPROCS, else the processors that this process may use (affinity, cgroup quota).
/// Threads  any number at once. Cost  one load; the first call may make the default runtime, without starting it.
inline std::size_t max_procs() { return detail::passive_scheduler().max_procs(); }

/// Sets it and returns the old value; works while goroutines run. Less than 1 changes nothing. Errors
/// std::invalid_argument beyond 9999. Go  runtime.GOMAXPROCS(n)
template <class N>
    requires std::is_integral_v<N>
std::size_t set_max_procs(N n) {
    if (n < 1) return max_procs();
    return detail::passive_scheduler().set_max_procs(
        detail::checked_procs(static_cast<std::uintmax_t>(n)));
}

/// The processors that this process may use. Go  runtime.NumCPU()
inline std::size_t num_cpu() noexcept { return detail::usable_processors(); }

/// Goroutines of the current (or default) runtime that exist now; one counts until it has left its stack, a moment after
/// its function has returned.
/// Threads  any number at once. Cost  a few loads for each worker, no lock. Go  runtime.NumGoroutine()
inline std::size_t num_goroutine() { return detail::passive_scheduler().goroutine_count(); }

/// Figures of the current (or default) runtime.
/// Threads  any number at once. Cost  some loads for each worker.
inline runtime_stats stats() { return detail::stats_of(detail::passive_scheduler()); }

}  // namespace v0
}  // namespace runnel
