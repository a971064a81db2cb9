// runnel/detail/goroutine.hpp — the control block of a goroutine, and the run that it belongs to.
// SPDX-License-Identifier: BSL-1.0
//
//   Layer   2
//   Life    free → runnable → running ⇄ waiting → … → free. Blocks come from slabs that are never
//           freed (type-stable): a dump may look at any of them at any time.
//   Who may touch what
//     the queue that holds it       next
//     the worker that runs it       everything but storage
//     the goroutine itself          storage, locals, everything while it runs
//     whoever claimed its wait      makes it runnable, once
//     anyone (dumps)                the atomics
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>

#include <runnel/detail/atomic.hpp>
#include <runnel/detail/context_switch.hpp>
#include <runnel/detail/this_worker.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

class scheduler;

/// What a parked goroutine waits for. The words in dumps are Go's.
enum class wait_reason : std::uint8_t {
    none,
    chan_receive,
    chan_send,
    chan_receive_nil,
    chan_send_nil,
    select,
    select_no_cases,
    sleep,
    wait_group,
    mutex_lock,
    shared_mutex_read,
    shared_mutex_write,
    condition,
    once,
    semaphore,
    latch,
    barrier,
    future,
    io,
    blocking,
    preempted,
    run,
    idle,
};

constexpr const char* to_string(wait_reason r) noexcept {
    switch (r) {
        case wait_reason::none:
            return "";
        case wait_reason::chan_receive:
            return "chan receive";
        case wait_reason::chan_send:
            return "chan send";
        case wait_reason::chan_receive_nil:
            return "chan receive (nil chan)";
        case wait_reason::chan_send_nil:
            return "chan send (nil chan)";
        case wait_reason::select:
            return "select";
        case wait_reason::select_no_cases:
            return "select (no cases)";
        case wait_reason::sleep:
            return "sleep";
        case wait_reason::wait_group:
            return "sync.WaitGroup.Wait";
        case wait_reason::mutex_lock:
            return "sync.Mutex.Lock";
        case wait_reason::shared_mutex_read:
            return "sync.RWMutex.RLock";
        case wait_reason::shared_mutex_write:
            return "sync.RWMutex.Lock";
        case wait_reason::condition:
            return "sync.Cond.Wait";
        case wait_reason::once:
            return "sync.Once";
        case wait_reason::semaphore:
            return "semacquire";
        case wait_reason::latch:
            return "latch wait";
        case wait_reason::barrier:
            return "barrier wait";
        case wait_reason::future:
            return "future wait";
        case wait_reason::io:
            return "IO wait";
        case wait_reason::blocking:
            return "blocking";
        case wait_reason::preempted:
            return "yield";
        case wait_reason::run:
            return "run";
        case wait_reason::idle:
            return "wait_idle";
    }
    return "";
}

enum class goroutine_state : std::uint8_t { free, runnable, running, waiting, blocking, abandoned };

/// One call of run(): its goroutines end with it, and so do the runs that they have called.
struct run_scope {
    const run_scope* parent = nullptr;  // of the goroutine that called run(), if one did
    atomic<bool> ended{false};          // [RS-1] written once by run(); read before each resumption
    atomic<bool> watched{false};        // somebody waits for `changes` to move
    atomic<std::uint32_t> changes{0};   // a futex word: bumped when a goroutine of the scope ends
    atomic<std::uint32_t> references{
        1};                     // run()'s, timers'; goroutines left behind keep one for ever
    run_scope* next = nullptr;  // guarded by the scheduler's scope_lock_

    /// Whether this is `outer`, or a run inside it. Good while either lives: an outer run outlives those
    /// inside, or else keeps what is left of them for ever.
    bool within(const run_scope* outer) const noexcept {
        const run_scope* s = this;
        while (s != nullptr && s != outer) s = s->parent;
        return s != nullptr;
    }

    void retain() noexcept { references.fetch_add(1, memory_order_relaxed); }
    void release() noexcept {
        if (references.fetch_sub(1, memory_order_acq_rel) == 1) delete this;
    }
};

/// The callable and its arguments are stored in the control block up to this size.
inline constexpr std::size_t inline_callable_size = 128;

class alignas(64) goroutine {
public:
    // -- hot: switching and queueing
    goroutine* next = nullptr;
    void* context = nullptr;     // saved by whoever runs after it; valid while parked or runnable
    stack* own_stack = nullptr;  // null until it runs first: then it is called, not jumped to
    scheduler* home = nullptr;
    atomic<run_scope*> scope{nullptr};      // never null while the goroutine lives
    void (*entry)(goroutine*) = nullptr;    // calls the callable, then destroys it
    atomic<local_values*> locals{nullptr};  // its own; atomic only for the next user of the block
    atomic<worker*> pinned{nullptr};  // the worker whose thread it may not leave, by thread_lock
    atomic<goroutine_state> state{goroutine_state::free};
    atomic<wait_reason> reason{wait_reason::none};
    atomic<bool> left_behind{false};  // its run has ended without it: it is counted as gone
    // The mark of a trace in which it was woken and has not run since. Written by who wakes it, then by who runs it.
    atomic<std::uint8_t> woken_in{0};
    atomic<std::uint32_t> pin_depth{0};

    // -- cold: what dumps show
    atomic<const void*> waiting_for{nullptr};
    atomic<std::uint64_t> wait_since{0};  // the scheduler's coarse clock, milliseconds
    atomic<std::uint64_t> id{0};
    atomic<std::uint64_t> parent{0};
    atomic<const char*> created_file{""};
    atomic<unsigned> created_line{0};
    atomic<bool> is_main{false};  // of a run
    atomic<const void*> created_pc{nullptr};

    bool abandoned() const noexcept {
        // [RS-1] pairs with the store in run(): a goroutine whose run has ended is as good as gone.
        return scope.load(memory_order_relaxed)->ended.load(memory_order_seq_cst);
    }

    alignas(16) std::byte storage[inline_callable_size];
};

}  // namespace detail
}  // namespace v0
}  // namespace runnel
