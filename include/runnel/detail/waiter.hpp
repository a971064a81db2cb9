// runnel/detail/waiter.hpp — one entry in one wait queue, and the waits that all primitives share.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      sudog, waitq
//   Layer   3
//   Map     1. waiter   2. waiter_queue   3. wait(): what every primitive parks with
//
//   A waiter lives on the stack of the one who waits. Who removes it from a queue must have claimed
//   its sleeper, under the queue's lock; it writes the outcome into the waiter, releases the lock,
//   and wakes. The sleeper never looks at shared state to guess what happened.
#pragma once

#include <cstddef>
#include <cstdint>

#include <runnel/detail/intrusive_list.hpp>
#include <runnel/detail/park.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

enum class wait_outcome : std::uint8_t {
    pending,
    ok,      // what was waited for has happened: a value passed, a permit, a notification
    closed,  // the channel was closed
    failed,  // the element's move threw; the exception is in the waiter's slot for it
    retry,   // nothing happened, look again
    timed_out,
    canceled,  // the done channel was closed
};

// ---- 1. waiter ----

struct waiter {
    waiter* next = nullptr;
    waiter* prev = nullptr;
    sleeper* who = nullptr;
    void* slot = nullptr;     // a channel's: where the value is or goes
    void* failure = nullptr;  // std::exception_ptr* for a throwing move, if the type can throw
    std::uint32_t index = 1;  // what its claim is called: its case in a select, from 1
    bool linked = false;
    bool assigns = false;  // the slot is a receive_target's, not an optional<T>
    wait_outcome outcome = wait_outcome::pending;
};

// ---- 2. waiter_queue ----

/// FIFO of waiters, guarded by the lock of the object it belongs to.
class waiter_queue {
public:
    bool empty() const noexcept { return list_.empty(); }
    void push_back(waiter* w) noexcept { list_.push_back(w); }
    void push_front(waiter* w) noexcept { list_.push_front(w); }
    void remove(waiter* w) noexcept { list_.remove(w); }

    /// The first waiter that can be claimed, unlinked and claimed; null if there is none. Those whose
    /// run has ended, and those somebody else has claimed, are unlinked on the way. Waiters of
    /// `self` are passed over and stay.
    waiter* claim_front(const sleeper* self = nullptr) noexcept {
        waiter* w = list_.front();
        while (w != nullptr) {
            waiter* following = w->next;
            if (w->who == self) {
                w = following;
                continue;
            }
            list_.remove(w);
            if (RUNNEL_LIKELY(!w->who->abandoned()) && w->who->claim(w->index)) return w;
            w = following;
        }
        return nullptr;
    }

    /// Whether claim_front(self) might find one: looks past the dead, unlinks them, claims nothing.
    waiter* peek_front(const sleeper* self = nullptr) noexcept {
        waiter* w = list_.front();
        while (w != nullptr) {
            waiter* following = w->next;
            if (w->who != self) {
                if (!w->who->abandoned() && w->who->claimed() == sleeper::unclaimed) return w;
                list_.remove(w);
            }
            w = following;
        }
        return nullptr;
    }

private:
    intrusive_list<waiter> list_;
};

/// Waiters that have been claimed and are to be woken once the lock is released.
class wake_list {
public:
    void push(waiter* w) noexcept {
        w->next = nullptr;
        (last_ != nullptr ? last_->next : first_) = w;
        last_ = w;
    }
    bool empty() const noexcept { return first_ == nullptr; }
    void wake_all() noexcept {
        for (waiter* w = first_; w != nullptr;) {
            waiter* following = w->next;  // before the wake-up: then it may be gone
            w->who->wake();
            w = following;
        }
        first_ = last_ = nullptr;
    }

private:
    waiter* first_ = nullptr;
    waiter* last_ = nullptr;
};

// ---- 3. wait() ----

/// A done channel's part in a wait: a lock, a queue in which close() finds us, and whether it is
/// closed already. (chan_core is one; waits know no more of it.)
struct done_source {
    waiter_queue receivers;
    spin_lock lock;
    atomic<bool> closed{false};  // written under lock

    // With lock held. Unlike those in an object's own queue, the neighbours here may be a select's, whose entries
    // the sanitizer does not see: so it is not to see what is written into them.
    void add(waiter& w) noexcept {
        const tsan::runtime_scope ours;
        receivers.push_back(&w);
    }
    void remove(waiter& w) noexcept {
        const tsan::runtime_scope ours;
        receivers.remove(&w);
    }
};

/// How long a wait may last.
struct wait_limit {
    time_point deadline = no_deadline;
    done_source* done = nullptr;  // canceled when it closes
};

/// The lock of an object that is waited on and, if a context limits the wait, that of its done channel:
/// both are needed from the first look at the object until we are parked.
/// `Lock` is a spin_lock, or a word_lock, which is part of the word that a fast path changes.
template <class Lock>
class RUNNEL_CAPABILITY basic_wait_lock {
public:
    explicit basic_wait_lock(Lock& own,
                             done_source* done = nullptr) noexcept RUNNEL_NO_THREAD_SAFETY_ANALYSIS
        : own_(&own),
          done_(done) {
        lock();
    }
    ~basic_wait_lock() RUNNEL_NO_THREAD_SAFETY_ANALYSIS {
        if (held_) unlock();
    }
    basic_wait_lock(const basic_wait_lock&) = delete;
    basic_wait_lock& operator=(const basic_wait_lock&) = delete;

    void lock() noexcept RUNNEL_NO_THREAD_SAFETY_ANALYSIS {
        if (RUNNEL_LIKELY(!has_done_lock(done_, own_))) {
            own_->lock();
        } else if (reinterpret_cast<std::uintptr_t>(&done_->lock) <
                   reinterpret_cast<std::uintptr_t>(own_)) {
            // In address order, as select takes its channels' locks.
            done_->lock.lock();
            own_->lock();
        } else {
            own_->lock();
            done_->lock.lock();
        }
        held_ = true;  // only now: unlock_parked() may be about to clear it on another thread
    }
    void unlock() noexcept RUNNEL_NO_THREAD_SAFETY_ANALYSIS {
        held_ = false;
        release(done_, own_);
    }
    /// Tells the thread sanitizer what unlock_parked() will do.
    void release_in_advance() const noexcept {
        tsan::release(own_->sync_address());
        if (done_ != nullptr) tsan::release(done_->lock.sync_address());
    }
    bool canceled() const noexcept {
        return done_ != nullptr && done_->closed.load(memory_order_relaxed);
    }
    done_source* done() const noexcept { return done_; }

    /// For the far side of a switch: the object on the parked stack may be gone when the last lock is
    /// released, so it is read before.
    static void unlock_parked(worker*, void* self) noexcept {
        auto* l = static_cast<basic_wait_lock*>(self);
        done_source* done = l->done_;
        Lock* own = l->own_;
        l->held_ = false;
        release(done, own);
    }

private:
    static bool has_done_lock(done_source* done, Lock* own) noexcept {
        return done != nullptr && static_cast<void*>(&done->lock) != static_cast<void*>(own);
    }
    static void release(done_source* done, Lock* own) noexcept RUNNEL_NO_THREAD_SAFETY_ANALYSIS {
        if (has_done_lock(done, own)) done->lock.unlock();
        own->unlock();
    }

    Lock* own_;
    done_source* done_;
    bool held_ = false;
};

using wait_lock = basic_wait_lock<spin_lock>;

/// Waits in `queue` until somebody claims `w`, at most until `deadline` or until the done channel of
/// `lock` closes. Called with `lock` held; returns with it released.
/// A waiter that gives up is unlinked before this returns, and nothing it was given is lost: either
/// it was claimed, and the outcome is the claimer's, or it was not.
/// Once `w` was claimed the object is not touched any more: its claimer may let others destroy it.
template <class Lock>
wait_outcome wait(waiter_queue& queue, basic_wait_lock<Lock>& lock, waiter& w, wait_reason reason,
                  const void* object, time_point deadline = no_deadline,
                  bool to_front = false) noexcept {
    done_source* done = lock.done();
    if (lock.canceled()) {
        lock.unlock();
        return wait_outcome::canceled;
    }
    const bool contested = deadline != no_deadline || done != nullptr;
    sleeper s(reason, object, contested);
    w.who = &s;
    w.index = 1;
    w.outcome = wait_outcome::pending;
    to_front ? queue.push_front(&w) : queue.push_back(&w);
    tsan::release(&w);
    if (RUNNEL_LIKELY(!contested)) {
        // The lock is released on the far side of the switch, by a context that is not us.
        lock.release_in_advance();
        s.park(basic_wait_lock<Lock>::unlock_parked, &lock);
        return w.outcome;
    }
    waiter cancellation;
    cancellation.who = &s;
    cancellation.index = 2;
    if (done != nullptr) done->add(cancellation);
    lock.release_in_advance();
    s.park_until(deadline, basic_wait_lock<Lock>::unlock_parked, &lock);
    if (s.claimed() == w.index) {
        // Our claimer held the object's own lock, which is released last: nobody is about to unlock.
        if (done != nullptr) {
            const spin_guard guard(done->lock);
            done->remove(cancellation);
        }
        return w.outcome;
    }
    // The locks that we parked under may still be about to be released: take them, which also
    // orders our leaving after that.
    lock.lock();
    queue.remove(&w);
    if (done != nullptr) done->remove(cancellation);
    lock.unlock();
    return s.claimed() == cancellation.index ? wait_outcome::canceled : wait_outcome::timed_out;
}

/// Parks for ever, as operations on a nil channel do.
[[noreturn]] inline void wait_for_ever(wait_reason reason) noexcept {
    for (;;) {
        sleeper s(reason, nullptr, false);
        s.park(sleeper::nothing, nullptr);
    }
}

}  // namespace detail
}  // namespace v0
}  // namespace runnel
