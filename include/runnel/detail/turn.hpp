// runnel/detail/turn.hpp — taking turns at one direction of a connection, first come, first served.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      the read and the write lock of internal/poll.fdMutex
//   Layer   3
//
//   Invariant (whenever the lock is free): somebody is in line ⇒ taken, and not closed.
//   Whoever passes it on hands it over: no newcomer comes between. The place in the line is kept while its owner looks
//   at a new deadline: he may be handed the turn meanwhile, and finds it when he has the lock again.
//   The deadline is that of all who wait, and of the one they wait for. He fails by it and passes the turn on, unless he was
//   dropped with his run: so each looks at it for himself.
#pragma once

#include <runnel/detail/intrusive_list.hpp>
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
    /// Parks until it is ours: `ok`, `closed`, `canceled` if the done channel closes first, `timed_out` by the deadline,
    /// which may be changed meanwhile.
    wait_outcome take(const atomic<duration::rep>& deadline, done_source* done) noexcept {
        place mine;
        bool canceled = false;
        for (;;) {
            wait_lock guard(lock_, done);
            if (mine.has_turn) return wait_outcome::ok;
            if (closed_) return wait_outcome::closed;
            if (!mine.linked) {
                if (!taken_) {
                    taken_ = true;
                    return wait_outcome::ok;
                }
                line_.push_back(&mine);
            }
            // relaxed: who changes it takes the lock afterwards, in look_again()
            const time_point until(duration(deadline.load(memory_order_relaxed)));
            if (canceled || (until != no_deadline && until <= now())) {
                line_.remove(&mine);
                return canceled ? wait_outcome::canceled : wait_outcome::timed_out;
            }
            waiter me;
            canceled = wait(mine.asleep, guard, me, wait_reason::io, this, until) ==
                       wait_outcome::canceled;
        }
    }
    void pass() noexcept {
        waiter* next = nullptr;
        {
            const spin_guard guard(lock_);
            place* first = line_.pop_front();
            while (first != nullptr && first->abandoned()) first = line_.pop_front();
            if (first != nullptr) {
                first->has_turn = true;
                next = wake_up(*first, wait_outcome::ok);
            } else {
                taken_ = false;
            }
        }
        if (next != nullptr) next->who->wake();
    }
    /// After the deadline was changed.
    void look_again() noexcept {
        wake_list woken;
        {
            const spin_guard guard(lock_);
            for (place* p = line_.front(); p != nullptr; p = p->next) {
                if (waiter* w = wake_up(*p, wait_outcome::retry); w != nullptr) woken.push(w);
            }
        }
        woken.wake_all();
    }
    /// All who wait go on with `closed`.
    void close() noexcept {
        wake_list woken;
        {
            const spin_guard guard(lock_);
            closed_ = true;
            while (place* p = line_.pop_front()) {
                if (waiter* w = wake_up(*p, wait_outcome::closed); w != nullptr) woken.push(w);
            }
        }
        woken.wake_all();
    }

private:
    /// In the line; on its owner's stack. All of it is guarded by lock_.
    struct place {
        place* next = nullptr;
        place* prev = nullptr;
        bool linked = false;
        bool has_turn = false;
        const goroutine* owner = current_goroutine();
        waiter_queue asleep;  // the owner, while he sleeps

        bool abandoned() const noexcept { return owner != nullptr && owner->abandoned(); }
    };

    // Null if the owner is awake already: he will look.
    static waiter* wake_up(place& p, wait_outcome why) noexcept {
        waiter* w = p.asleep.claim_front();
        if (w != nullptr) w->outcome = why;
        return w;
    }

    spin_lock lock_;
    bool taken_ = false;          // guarded by lock_
    bool closed_ = false;         // guarded by lock_
    intrusive_list<place> line_;  // guarded by lock_
};

}  // namespace detail
}  // namespace v0
}  // namespace runnel
