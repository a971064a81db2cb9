// runnel/detail/turn.hpp — taking turns at one direction of a connection, first come, first served.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      the read and the write lock of internal/poll.fdMutex
//   Layer   3
//
//   Invariant (whenever the lock is free): somebody waits ⇒ taken, and not closed.
//   Whoever passes it on hands it over: no newcomer comes between. It knows no deadline, and needs none: those who
//   wait have the same deadline as the one they wait for, who fails by it and passes the turn on.
#pragma once

#include <runnel/detail/waiter.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

/// Any number of goroutines and threads may use it at once. Who has been closed out never gets it.
class turn {
public:
    constexpr turn() noexcept = default;
    turn(const turn&) = delete;
    turn& operator=(const turn&) = delete;

    bool try_take() noexcept {
        const spin_guard guard(lock_);
        if (taken_ || closed_) return false;
        taken_ = true;
        return true;
    }
    /// Parks until it is ours: `ok`, `closed`, or `canceled` if the done channel closes first.
    wait_outcome take(done_source* done) noexcept {
        wait_lock guard(lock_, done);
        if (closed_) return wait_outcome::closed;
        if (!taken_) {
            taken_ = true;
            return wait_outcome::ok;
        }
        waiter me;
        return wait(waiters_, guard, me, wait_reason::io, this);
    }
    void pass() noexcept {
        waiter* next = nullptr;
        {
            const spin_guard guard(lock_);
            next = waiters_.claim_front();
            if (next != nullptr) {
                next->outcome = wait_outcome::ok;
            } else {
                taken_ = false;
            }
        }
        if (next != nullptr) next->who->wake();
    }
    /// All who wait go on with `closed`.
    void close() noexcept {
        wake_list woken;
        {
            const spin_guard guard(lock_);
            closed_ = true;
            while (waiter* w = waiters_.claim_front()) {
                w->outcome = wait_outcome::closed;
                woken.push(w);
            }
        }
        woken.wake_all();
    }

private:
    spin_lock lock_;
    bool taken_ = false;    // guarded by lock_
    bool closed_ = false;   // guarded by lock_
    waiter_queue waiters_;  // guarded by lock_
};

}  // namespace detail
}  // namespace v0
}  // namespace runnel
