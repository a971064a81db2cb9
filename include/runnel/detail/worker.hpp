// runnel/detail/worker.hpp — a thread of the runtime: its run queue, its spare stacks, its place.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      an M with its P
//   Layer   2
//   Map     choosing the next goroutine → pick_local();  switching to it → dispatch.hpp;
//           idling, waking, stealing → scheduler.hpp
//   Invariants
//     a worker runs goroutines only while it holds a place, of which there are max_procs; the
//     monitor may take the place of one whose goroutine does not come back, blocking() gives it up;
//     everything not atomic is touched by its own thread only.
#pragma once

#include <cstdint>

#include <runnel/detail/goroutine.hpp>
#include <runnel/detail/run_queue.hpp>
#include <runnel/detail/stack_pool.hpp>
#include <runnel/detail/steal_backoff.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

struct trace_track;

/// At which ticks a worker looks around before it goes on with its own work. Go's 61: a prime, so that no rhythm of
/// the program meets it. n is a multiple of 61 if n * inverse, which is then n / 61, is at most last_multiple; so that
/// one number of the worker's says "every 61st" or "each", for the price of a comparison with a constant.
struct look_around {
    static constexpr std::uint32_t period = 61;
    static constexpr std::uint32_t inverse = 3238827797;  // modulo 2^32
    static constexpr std::uint32_t every_period = 0xffffffff / period;
    static constexpr std::uint32_t each_time = 0xffffffff;
    static_assert(static_cast<std::uint32_t>(period * inverse) == 1);
};

/// Free control blocks, linked by `next`.
struct block_list {
    goroutine* first = nullptr;
    std::uint32_t count = 0;
};

class worker {
public:
    // ---- 1. switching: what the next context has to finish for the last one ----

    using after_function = void (*)(worker*, void*);

    void** save_context = nullptr;   // where the context that is left is to be stored
    after_function after = nullptr;  // then this is done on its behalf: unlock, requeue, …
    void* after_arg = nullptr;
    exception_state* exceptions = nullptr;  // of this thread
    goroutine* handoff = nullptr;           // to be run by the loop that is jumped to
    stack* entering = nullptr;              // the stack of a loop that starts

    // ---- 2. choosing ----

    scheduler* home = nullptr;
    // home; or null in a simulation, which has one queue for all, and while tells_wakes
    scheduler* queues_for = nullptr;
    atomic<goroutine*> current{nullptr};  // [W-1] written by its thread; read by dumps
    atomic<std::uint32_t> ticks{0};       // switches; written by its thread, watched by the monitor
    std::uint32_t next_streak = 0;
    std::uint32_t newest_streak = 0;
    std::uint64_t oldest_at = 0;            // in coarse_ms
    atomic<run_scope*> announced{nullptr};  // [RS-2] whose goroutines may run here
    // [TR-1] see look_around; written by whoever starts or stops a trace, read by the worker's thread
    atomic<std::uint32_t> looks{look_around::every_period};
    bool observed = false;                         // it is in find_work_observed()
    bool tells_wakes = false;                      // see tell_wakes()
    alignas(64) atomic<goroutine*> next{nullptr};  // made runnable last: runs first
    run_queue<goroutine> queue;

    // ---- 3. caches ----

    stack* spares = nullptr;  // with a loop waiting on each
    std::uint32_t spare_count = 0;
    block_list free_blocks;  // a batch of the pool at most
    block_list full_batch;   // a whole one, or nothing
    std::uint64_t next_id = 0;
    std::uint64_t last_id = 0;
    atomic<std::uint64_t> created{0};  // written by its thread; summed by anyone
    atomic<std::uint64_t> finished{0};
    atomic<std::uint64_t> steals{0};
    random_source random{0};

    // ---- 4. its place ----

    enum class place_state : std::uint8_t { held, given_up, taken };
    atomic<place_state> place{place_state::held};
    bool spinning = false;                // looks for work and counts as doing so
    bool rested = false;                  // has stayed away: now it looks
    steal_backoff backoff;                // what came of its taking from others
    atomic<std::uint32_t> ticks_seen{0};  // by whoever stays away: see others_keep_up()
    thread_parker parker;                 // sleeps here when idle
    thread_parker pinned_parker;          // and here when its pinned goroutine waits
    worker* idle_next = nullptr;          // guarded by the scheduler's idle_lock_
    bool idle = false;                    // guarded by the scheduler's idle_lock_
    atomic<bool> chosen{false};           // [ID-2] taken off the idle list to look for work

    // ---- 5. its thread ----

    std::uint32_t index = 0;
    std::uint32_t watched_ticks = 0;           // the monitor's: ticks at its last look,
    duration watched_time = duration::zero();  // and processor time when they were new
    atomic<int> tid{0};
    stack thread_stack;              // stands for the system's stack of the thread
    void* thread_context = nullptr;  // saved when the thread leaves it for the loop
    atomic<trace_track*> track{
        nullptr};  // [TR-2] where a trace notes what it does; once there, for ever

    void bump(atomic<std::uint64_t>& counter) noexcept {
        // relaxed: one writer, and sums are only ever approximate
        counter.store(counter.load(memory_order_relaxed) + 1, memory_order_relaxed);
    }
};

}  // namespace detail
}  // namespace v0
}  // namespace runnel
