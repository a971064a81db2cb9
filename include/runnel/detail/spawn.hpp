// runnel/detail/spawn.hpp — starting a goroutine, and the default runtime's birth and end.
// SPDX-License-Identifier: BSL-1.0
//
//   Layer   3
//   Map     1. the process   2. the default scheduler   3. callables   4. spawn
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <new>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include <cxxabi.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <runnel/detail/cgroup.hpp>
#include <runnel/detail/debug_environment.hpp>
#include <runnel/detail/park.hpp>
#include <runnel/error.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

// ---- 1. the process ----

RUNNEL_API inline constinit atomic<scheduler*> the_default_scheduler{nullptr};
RUNNEL_API inline constinit spin_lock default_scheduler_lock{};
RUNNEL_API inline constinit atomic<bool> process_prepared{false};
RUNNEL_API inline constinit std::terminate_handler previous_terminate = nullptr;

/// "runnel: panic: what [goroutine N, created at file:line]", from inside a handler.
inline void report_panic(const goroutine& g, const char* what) noexcept {
    report_line before;
    before << "runnel: panic: ";
    report_line after;
    after << " [goroutine " << static_cast<unsigned long long>(g.id.load(memory_order_relaxed))
          << ", created at ";
    write_created(after, g);
    after << "]\n";
    // In one piece, so that nobody's output comes between; a long text of the user's as it is.
    if (before.size() + std::strlen(what) + after.size() <= report_line::capacity) {
        before << what << after.view();
        before.print();
    } else {
        before.print();
        write_stderr(what);
        after.print();
    }
}

/// Reports the exception that is being handled as the panic of goroutine `g`.
inline void report_current_panic(const goroutine& g) noexcept {
    const std::type_info* type = abi::__cxa_current_exception_type();
    if (type == nullptr) {
        report_panic(g, "terminate called");
        return;
    }
    try {
        throw;
    } catch (const std::exception& e) {
        const char* what = e.what();
        report_panic(g, what != nullptr ? what : "");
    } catch (const char* text) {
        report_panic(g, text);
    } catch (const std::string& text) {
        report_panic(g, text.c_str());
    } catch (const goexit_token&) {
        report_panic(g, "goexit called below a noexcept function");
    } catch (...) {
        int status = 0;
        char* name = abi::__cxa_demangle(type->name(), nullptr, nullptr, &status);
        report_panic(g, name != nullptr ? name : type->name());
        std::free(name);
    }
}

/// std::terminate on a goroutine: the throwing stack is still there for a debugger or a core.
[[noreturn]] inline void on_terminate() noexcept {
    static constinit atomic<int> reporter{0};
    const goroutine* g = current_goroutine();
    if (g == nullptr) g = blocked_goroutine();
    if (g != nullptr) {
        const int self = thread_id();
        int nobody = 0;
        if (reporter.compare_exchange_strong(nobody, self, memory_order_relaxed)) {
            report_current_panic(*g);
            if (debug_wants("dump-on-panic")) dump_to_stderr();
        } else if (nobody != self) {
            for (;;) ::pause();  // the process ends with the first panic, once it has been told
        } else {
            report_panic(*g, "what() of the exception failed");
        }
    }
    if (previous_terminate != nullptr) previous_terminate();
    std::abort();
}

inline void after_fork_in_child() noexcept {
    process_forked.store(true, memory_order_relaxed);
    for (scheduler* s = scheduler::first(); s != nullptr; s = s->next_scheduler())
        s->lose_threads();
    set_current_worker(nullptr);
    give_signal_mask_back();
}

[[noreturn]] inline void give_up_waiting(int status) noexcept {
    write_stderr("runnel: a goroutine did not park within stop_grace; it is running still:\n");
    dump_to_stderr();
    exit_now(status);
}

/// main has returned, or exit() was called: as in Go the goroutines end with it, before static objects
/// are destroyed under them. Functions inside blocking() are not waited for: they may never return.
inline void at_process_exit(int status, void*) noexcept {
    if (process_forked.load(memory_order_relaxed)) return;
    const worker* self = current_worker();
    for (scheduler* s = scheduler::first(); s != nullptr; s = s->next_scheduler()) {
        if (!s->end_everything(self, now() + s->options().stop_grace)) give_up_waiting(status);
    }
    process_ended.store(true, memory_order_release);
}

/// The C library calls handlers and destroys static objects in the reverse order of their coming: one
/// that is made after the handler is destroyed before it is called. But what a thread has at its end
/// comes before all of these, and may still register the handler as the first to be called, with the
/// exit status. If the thread only ends nothing is lost.
inline void register_exit_handler() noexcept { ::on_exit(at_process_exit, nullptr); }

/// The main thread is about to start a goroutine. (Of other threads only the runtime's own are so
/// prepared for exit(): each that ends would leave a handler behind.)
RUNNEL_NOINLINE inline void start_from_thread() noexcept {
    thread_state& t = unmigrated_thread_state();
    if (t.starts_goroutines) return;
    t.starts_goroutines = true;
    if (thread_id() == ::getpid()) at_thread_end(register_exit_handler);
}

/// Once a process, before its first scheduler starts.
inline void prepare_process_once() noexcept {
    if (process_prepared.exchange(true, memory_order_acq_rel)) return;
    install_overflow_report();
    heed_debug_environment();
    previous_terminate = std::set_terminate(on_terminate);
    note_signal_mask();
    ::pthread_atfork(nullptr, nullptr, after_fork_in_child);
    register_exit_handler();
    on_exit_from_worker.store(register_exit_handler, memory_order_relaxed);
}

// ---- 2. the default scheduler ----

/// The processors that this process may use.
inline std::uint32_t usable_processors() noexcept {
    cpu_set_t set;
    CPU_ZERO(&set);
    long n = 1;
    if (::sched_getaffinity(0, sizeof set, &set) == 0) {
        n = CPU_COUNT(&set);
    } else {
        n = ::sysconf(_SC_NPROCESSORS_ONLN);
    }
    return n < 1 ? 1 : static_cast<std::uint32_t>(n);
}

/// RUNNEL_MAXPROCS, else the processors of the affinity and the cgroup's quota.
inline std::uint32_t default_max_procs() noexcept {
    if (const char* text = std::getenv("RUNNEL_MAXPROCS"); text != nullptr) {
        const long n = std::strtol(text, nullptr, 10);
        if (n > 0 && n < static_cast<long>(scheduler::max_workers)) {
            return static_cast<std::uint32_t>(n);
        }
    }
    const std::uint32_t n = usable_processors();
    const std::uint32_t quota = cgroup_quota().processors();
    return quota != 0 && quota < n ? quota : n;
}

inline scheduler& make_default_scheduler() {
    spin_guard guard(default_scheduler_lock);
    if (scheduler* s = the_default_scheduler.load(memory_order_acquire); s != nullptr) return *s;
    if (process_forked.load(memory_order_relaxed)) end_forked_child();
    scheduler_options options;
    options.max_procs = default_max_procs();
    prepare_process_once();
    auto* s = new scheduler(options);
    the_default_scheduler.store(s, memory_order_release);
    return *s;
}

/// The default runtime's scheduler, made but not yet started at the first call.
inline scheduler& default_scheduler() {
    scheduler* s = the_default_scheduler.load(memory_order_acquire);
    return RUNNEL_LIKELY(s != nullptr) ? *s : make_default_scheduler();
}

/// The scheduler of the present goroutine; elsewhere the default runtime's, started.
inline scheduler& this_scheduler() {
    if (worker* w = current_worker(); w != nullptr) return *w->home;
    if (goroutine* g = blocked_goroutine(); g != nullptr) return *g->home;
    scheduler& s = default_scheduler();
    s.ensure_started();
    return s;
}

/// Serves the timers that a runtime leaves behind.
inline scheduler& heir_of_timers() noexcept {
    try {
        scheduler& s = default_scheduler();
        s.ensure_started();
        return s;
    } catch (...) {
        fatal("no thread for the timers of a runtime that was destroyed");
    }
}

// ---- 3. callables ----

/// A decayed callable with its decayed arguments, called once. What it returns is dropped.
template <class F, class... Args>
struct task {
    F function;
    std::tuple<Args...> arguments;

    void operator()() {
        std::apply(
            [this](Args&... args) {
                static_cast<void>(std::invoke(std::move(function), std::move(args)...));
            },
            arguments);
    }
};

template <class F>
struct task<F> {
    F function;
    void operator()() { static_cast<void>(std::invoke(std::move(function))); }
};

/// The same, for its result.
template <class F, class... Args>
struct task_with_result {
    F function;
    std::tuple<Args...> arguments;

    decltype(auto) operator()() {
        return std::apply(
            [this](Args&... args) -> decltype(auto) {
                return std::invoke(std::move(function), std::move(args)...);
            },
            arguments);
    }
};

// Not under the thread sanitizer: there the callable's memory must not be a block that others had before.
template <class Task>
inline constexpr bool stored_in_place =
    !RUNNEL_TSAN && sizeof(Task) <= inline_callable_size && alignof(Task) <= 16;

/// The goroutine's function: calls the callable, then destroys it, still on the goroutine.
template <class Task>
void call_task(goroutine* g) {
    struct owner {
        Task* t;
        ~owner() {
            if constexpr (stored_in_place<Task>) {
                std::destroy_at(t);
            } else {
                delete t;
            }
        }
    };
    Task* t = nullptr;
    if constexpr (stored_in_place<Task>) {
        t = std::launder(reinterpret_cast<Task*>(g->storage));
    } else {
        t = *std::launder(reinterpret_cast<Task**>(g->storage));
    }
    const owner o{t};
    (*t)();
}

template <class F>
concept testable_for_null =
    std::is_pointer_v<F> || std::is_member_pointer_v<F> || requires(const F& f) {
        { f == nullptr } -> std::convertible_to<bool>;
    };

[[noreturn]] RUNNEL_NOINLINE inline void throw_go_of_nil() { throw panic("go of nil func value"); }

template <class F>
void check_callable(const F& f) {
    if constexpr (testable_for_null<F> && !std::is_function_v<F>) {
        if (f == nullptr) throw_go_of_nil();
    }
}

// ---- 4. spawn ----

inline void name_goroutine(scheduler& s, worker* w, goroutine* g, source_place place) noexcept {
    std::uint64_t id = 0;
    std::uint64_t parent = 0;
    if (w != nullptr) {
        if (w->next_id == w->last_id) {
            static constexpr std::uint64_t batch = 16;
            w->next_id = w->home->ids->fetch_add(batch, memory_order_relaxed);
            w->last_id = w->next_id + batch;
        }
        id = w->next_id++;
        if (const goroutine* p = w->current.load(memory_order_relaxed); p != nullptr) {
            parent = p->id.load(memory_order_relaxed);
        }
        w->bump(w->created);
    } else {
        id = s.ids->fetch_add(1, memory_order_relaxed);
        s.foreign_started.fetch_add(1, memory_order_relaxed);
    }
    g->id.store(id, memory_order_relaxed);
    g->parent.store(parent, memory_order_relaxed);
    g->created_file.store(place.file, memory_order_relaxed);
    g->created_line.store(place.line, memory_order_relaxed);
    g->created_pc.store(place.pc, memory_order_relaxed);
    g->reason.store(wait_reason::none, memory_order_relaxed);
    g->waiting_for.store(nullptr, memory_order_relaxed);
}

inline goroutine* allocate_block(scheduler& s, worker* w) {
    const tsan::runtime_scope ours;
    return s.blocks.allocate(w);
}

/// Starts `make_task()`, constructed in its place, as a goroutine of `s`; `w` is the present worker, if
/// any; `is_main`: as the main goroutine of `scope`. If that throws nothing has happened.
template <class Task, class MakeTask>
void spawn_task(scheduler& s, worker* w, run_scope* scope, source_place place, MakeTask make_task,
                bool is_main = false) {
    if (RUNNEL_UNLIKELY(w == nullptr || w->home != &s)) {
        s.ensure_started();
        if (w == nullptr) start_from_thread();
        w = nullptr;
    }
    goroutine* g = allocate_block(s, w);
    struct undo {
        scheduler& s;
        worker* w;
        goroutine* g;
        ~undo() {
            if (g == nullptr) return;
            w = current_worker();  // a constructor that parked and then threw may have migrated
            const tsan::runtime_scope ours;
            s.blocks.release(w != nullptr && w->home == &s ? w : nullptr, g);
        }
    } guard{s, w, g};
    RUNNEL_POINT("spawn.construct");
    if constexpr (stored_in_place<Task>) {
        ::new (static_cast<void*>(g->storage)) Task(make_task());
    } else {
        if (RUNNEL_FAULT("spawn.no_memory")) throw std::bad_alloc();
        Task* made = new Task(make_task());
        const tsan::runtime_scope ours;
        ::new (static_cast<void*>(g->storage)) Task*(made);
    }
    // The arguments' constructors may have parked: the worker may be another one.
    if constexpr (!std::is_trivially_copyable_v<Task>) {
        w = current_worker();
        if (w != nullptr && w->home != &s) w = nullptr;
    }
    tsan::release(g);
    const tsan::runtime_scope ours;
    guard.g = nullptr;
    g->home = &s;
    g->scope.store(scope, memory_order_relaxed);
    g->entry = call_task<Task>;
    name_goroutine(s, w, g, place);
    g->is_main.store(is_main, memory_order_relaxed);
    s.spawn(w, g);
}

/// `function(arguments...)` on decayed copies, as a goroutine of `home` or, if that is null, of the
/// present runtime, in the present goroutine's run.
template <class F, class... Args>
void start_goroutine(scheduler* home, source_place place, F&& function, Args&&... arguments) {
    static_assert(std::is_invocable_v<std::decay_t<F>, std::decay_t<Args>...>,
                  "runnel::go: the function cannot be called with these arguments");
    static_assert(std::is_constructible_v<std::decay_t<F>, F&&> &&
                      (std::is_constructible_v<std::decay_t<Args>, Args&&> && ...),
                  "runnel::go: what cannot be copied is given with std::move");
    using Task = task<std::decay_t<F>, std::decay_t<Args>...>;
    check_callable(function);
    worker* w = current_worker();
    goroutine* parent =
        RUNNEL_LIKELY(w != nullptr) ? w->current.load(memory_order_relaxed) : blocked_goroutine();
    scheduler& s = home != nullptr               ? *home
                   : RUNNEL_LIKELY(w != nullptr) ? *w->home
                                                 : this_scheduler();
    run_scope* scope = parent != nullptr && parent->home == &s
                           ? parent->scope.load(memory_order_relaxed)
                           : &s.root;
    const auto make =
        [&]() noexcept(std::is_nothrow_constructible_v<std::decay_t<F>, F&&>&&(
            std::is_nothrow_constructible_v<std::decay_t<Args>, Args&&>&&...)) -> Task {
        if constexpr (sizeof...(Args) == 0) {
            return Task{std::forward<F>(function)};
        } else {
            return Task{std::forward<F>(function),
                        std::tuple<std::decay_t<Args>...>(std::forward<Args>(arguments)...)};
        }
    };
    spawn_task<Task>(s, w, scope, place, make);
}

}  // namespace detail
}  // namespace v0
}  // namespace runnel
