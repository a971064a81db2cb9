// runnel/detail/this_worker.hpp — what the present thread is to the runtime.
// SPDX-License-Identifier: BSL-1.0
//
//   Layer   1
//   Rule    the only thread_local variables of the library stand here. A goroutine may resume on
//           another thread, and compilers keep the address of a thread_local in a register across
//           any call: so each access is a call of its own that returns a value, never an address
//           (an address only to threads that never migrate).
#pragma once

#include <cstdint>

#include <unistd.h>

#include <runnel/detail/assert.hpp>
#include <runnel/detail/thread_parker.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

class worker;
class goroutine;
struct local_values;

/// Set in the child of a fork: no thread of the runtime lives there.
RUNNEL_API inline constinit atomic<bool> process_forked{false};

[[noreturn]] RUNNEL_NOINLINE inline void end_forked_child() noexcept {
    write_stderr(
        "runnel: the runtime does not survive fork(): only exec or _exit may follow in the "
        "child\n");
    ::_exit(7);
}

/// Trivial on purpose: no guard, no destructor, no dynamic initialisation.
struct thread_state {
    worker* current = nullptr;              // set on a runtime thread, but not inside blocking()
    goroutine* blocked = nullptr;           // the goroutine inside blocking() on this thread
    atomic<local_values*> locals{nullptr};  // goroutine-local values of a thread outside goroutines
    random_source random{0};                // seeded at first use
    bool seeded = false;
    bool starts_goroutines = false;  // has done so before: see start_from_thread()
    bool locals_destroyed = false;   // as the thread ends: see destroy_locals_at_thread_end()
    thread_parker parker;
    duration::rep waited_for_locks = 0;              // see spin_wait
    int sanitizer_depth = 0;                         // see tsan.hpp
    const duration::rep* simulated_clock = nullptr;  // nanoseconds since the start, in a simulation
};

#if defined(RUNNEL_MODEL)
// The threads of a model share one of the system's: it keeps their states apart. See atomic.hpp.
inline thread_state& state_of_this_thread() noexcept {
    return RUNNEL_MODEL::of_this_thread<thread_state>();
}
#else
RUNNEL_API inline constinit thread_local thread_state this_thread_state{};

/// For the functions below alone: they are not inlined, this is.
RUNNEL_ALWAYS_INLINE RUNNEL_NO_TSAN thread_state& state_of_this_thread() noexcept {
    return this_thread_state;
}
#endif

RUNNEL_NOINLINE RUNNEL_NO_TSAN inline worker* current_worker() noexcept {
    asm volatile("" ::: "memory");  // not pure: two calls may not be merged
    return state_of_this_thread().current;
}

RUNNEL_NOINLINE RUNNEL_NO_TSAN inline void set_current_worker(worker* w) noexcept {
    asm volatile("" ::: "memory");
    state_of_this_thread().current = w;
}

RUNNEL_NOINLINE RUNNEL_NO_TSAN inline goroutine* blocked_goroutine() noexcept {
    asm volatile("" ::: "memory");
    return state_of_this_thread().blocked;
}

/// Inside blocking(): the thread is no worker, and what runs on it is still goroutine `g`.
RUNNEL_NOINLINE RUNNEL_NO_TSAN inline void enter_blocked(goroutine* g) noexcept {
    asm volatile("" ::: "memory");
    state_of_this_thread().current = nullptr;
    state_of_this_thread().blocked = g;
}
RUNNEL_NOINLINE RUNNEL_NO_TSAN inline void leave_blocked(worker* w) noexcept {
    asm volatile("" ::: "memory");
    state_of_this_thread().blocked = nullptr;
    state_of_this_thread().current = w;
}

/// How long this thread has waited for spin locks so far.
RUNNEL_NOINLINE RUNNEL_NO_TSAN inline duration waited_for_locks() noexcept {
    asm volatile("" ::: "memory");
    return duration(state_of_this_thread().waited_for_locks);
}
RUNNEL_NOINLINE RUNNEL_NO_TSAN inline void count_lock_wait(duration d) noexcept {
    asm volatile("" ::: "memory");
    state_of_this_thread().waited_for_locks += d.count();
}

RUNNEL_NOINLINE RUNNEL_NO_TSAN inline int sanitizer_depth() noexcept {
    asm volatile("" ::: "memory");
    return state_of_this_thread().sanitizer_depth;
}
RUNNEL_NOINLINE RUNNEL_NO_TSAN inline void set_sanitizer_depth(int depth) noexcept {
    asm volatile("" ::: "memory");
    state_of_this_thread().sanitizer_depth = depth;
}

/// How long the simulation on this thread has lasted in its own time; null outside.
RUNNEL_NOINLINE RUNNEL_NO_TSAN inline const duration::rep* simulated_clock() noexcept {
    asm volatile("" ::: "memory");
    return state_of_this_thread().simulated_clock;
}
RUNNEL_NOINLINE RUNNEL_NO_TSAN inline void set_simulated_clock(const duration::rep* c) noexcept {
    asm volatile("" ::: "memory");
    state_of_this_thread().simulated_clock = c;
}

/// For code that is not on a goroutine: the thread cannot change under it.
RUNNEL_NOINLINE RUNNEL_NO_TSAN inline thread_state& unmigrated_thread_state() noexcept {
    asm volatile("" ::: "memory");
    return state_of_this_thread();
}

/// Has `f`, or nothing, called when this thread ends, or when it calls exit(): that is before static
/// objects are destroyed. For code that is not on a goroutine.
RUNNEL_NOINLINE inline void at_thread_end(void (*f)() noexcept) noexcept {
    struct caller {
        void (*function)() noexcept = nullptr;
        ~caller() {
            if (function != nullptr) function();
        }
    };
    static thread_local caller at_end;
    at_end.function = f;
}

/// Has `destroy` called for the thread's goroutine-local values as it ends, when its thread_locals are
/// destroyed: on the main thread at exit(). False if that has been. For code that is not on a goroutine.
RUNNEL_NOINLINE inline bool destroy_locals_at_thread_end(void (*destroy)() noexcept) noexcept {
    struct owner {
        void (*destroy_values)() noexcept = nullptr;
        ~owner() {
            destroy_values();
            unmigrated_thread_state().locals_destroyed = true;
        }
    };
    if (unmigrated_thread_state().locals_destroyed) return false;
    static thread_local owner of_values;
    of_values.destroy_values = destroy;
    return true;
}

/// A random number of this thread; for foreign threads, workers have a source of their own.
RUNNEL_NOINLINE RUNNEL_NO_TSAN inline std::uint32_t thread_random() noexcept {
    asm volatile("" ::: "memory");
    thread_state& t = state_of_this_thread();
    if (!t.seeded) {
        t.seeded = true;
        std::uint64_t seed = static_cast<std::uint64_t>(now().time_since_epoch().count()) ^
                             reinterpret_cast<std::uintptr_t>(&t);
        t.random = random_source(splitmix(seed));
    }
    return t.random.next();
}

}  // namespace detail
}  // namespace v0
}  // namespace runnel
