// runnel/blocking.hpp — calls that block their thread, without stopping the goroutines behind them.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      entersyscall, exitsyscall: what Go does for system calls by itself
//   Layer   4; includes layers 0-3
//   Map     giving up a place → detail/scheduler.hpp, 5
//   Tests   tests/blocking_test.cpp
#pragma once

#include <functional>
#include <type_traits>
#include <utility>

#include <runnel/detail/park.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

/// The present goroutine stays on its thread, which is no worker meanwhile.
class blocking_region {
public:
    blocking_region() noexcept : worker_(current_worker()) {
        if (worker_ == nullptr) return;
        goroutine_ = worker_->current.load(memory_order_relaxed);
        scheduler& s = *worker_->home;
        if (RUNNEL_UNLIKELY(s.conducted_by() != nullptr)) {
            // A simulation has one thread: the call is one step of it.
            interruption_point();
            worker_ = nullptr;
            return;
        }
        goroutine_->reason.store(wait_reason::blocking, memory_order_relaxed);
        goroutine_->wait_since.store(s.coarse_ms.load(memory_order_relaxed), memory_order_relaxed);
        goroutine_->state.store(goroutine_state::blocking, memory_order_relaxed);
        s.in_blocking.fetch_add(1, memory_order_seq_cst);
        tsan::release(goroutine_->scope.load(memory_order_relaxed));  // as a park does
        s.give_up_place(worker_);
        enter_blocked(goroutine_);
    }
    ~blocking_region() {
        if (worker_ == nullptr) return;
        if (RUNNEL_UNLIKELY(process_forked.load(memory_order_relaxed))) end_forked_child();
        leave_blocked(worker_);
        scheduler& s = *worker_->home;
        s.take_place_back(worker_, goroutine_);
        s.in_blocking.fetch_sub(1, memory_order_seq_cst);
        if (goroutine_->abandoned()) park_for_good(worker_, goroutine_);
    }
    blocking_region(const blocking_region&) = delete;
    blocking_region& operator=(const blocking_region&) = delete;

private:
    worker* worker_;
    goroutine* goroutine_ = nullptr;
};

}  // namespace detail

/// Calls `function`, which may block its thread: a file read, a C library, a long computation. The
/// goroutine's place goes to another thread meanwhile, so that others run. Inside, runnel's operations
/// work as on a thread: they block it.
/// When the process ends nobody waits for `function`, which may go on while static objects are destroyed.
/// On a thread, and inside another blocking(), it only calls `function`.
/// Errors      what `function` throws.
/// Visibility  it is a call: `function` runs on the goroutine's own thread and stack.
/// Threads     any number at once; each that waits takes a thread.
/// Cost        well under a microsecond, plus waking a thread if goroutines are waiting.
/// Go          what it does by itself for system calls
template <class F>
auto blocking(F&& function) -> std::invoke_result_t<F> {
    const detail::blocking_region region;
    return std::invoke(std::forward<F>(function));
}

}  // namespace v0
}  // namespace runnel
