// runnel/thread_lock.hpp — keeps a goroutine on its thread, for libraries with per-thread state.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      runtime.LockOSThread, UnlockOSThread
//   Layer   4; includes layers 0-3
//   Tests   tests/thread_lock_test.cpp
#pragma once

#include <runnel/detail/park.hpp>

namespace runnel {
inline namespace v0 {

/// `runnel::thread_lock pin;`: while it lives this goroutine runs on its present thread, and nothing else
/// runs there. Locks nest. Outside a goroutine it does nothing: a thread does not migrate.
/// Cost  a wait of the pinned goroutine blocks its thread: tens of microseconds instead of nanoseconds.
class thread_lock {
public:
    thread_lock() noexcept : goroutine_(detail::current_goroutine()) {
        // relaxed throughout: the goroutine's own
        if (goroutine_ != nullptr && goroutine_->home->conducted_by() != nullptr) {
            goroutine_ = nullptr;  // a simulation has one thread
        }
        if (goroutine_ != nullptr && goroutine_->pin_depth.fetch_add(1, relaxed) == 0) {
            goroutine_->pinned.store(detail::current_worker(), relaxed);
        }
    }
    ~thread_lock() {
        if (goroutine_ != nullptr && goroutine_->pin_depth.fetch_sub(1, relaxed) == 1) {
            goroutine_->pinned.store(nullptr, relaxed);
        }
    }
    thread_lock(const thread_lock&) = delete;
    thread_lock& operator=(const thread_lock&) = delete;

private:
    static constexpr auto relaxed = detail::memory_order_relaxed;
    detail::goroutine* goroutine_;
};

}  // namespace v0
}  // namespace runnel
