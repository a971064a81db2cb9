// runnel/shared_mutex.hpp — many readers or one writer.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      sync.RWMutex                                   Differences: docs/from_go.md#sync-time-context
//   Layer   4; includes layers 0-3
//   Map     1. exclusive   2. shared   3. handing over;
//           waiting → detail/waiter.hpp;  the queues' lock → detail/word_lock.hpp
//   Tests   tests/shared_mutex_test.cpp
//
//   Nobody starves. Once a writer waits, new readers queue behind it; those that hold the mutex finish.
//   When a writer unlocks, all readers that have come meanwhile go, then the next writer: so a writer
//   waits for one batch of readers for each writer before it, however many come. (Go's rule, with the
//   bound that golang/go#76808 misses: writers are served in order and never overtaken.) Whoever has
//   waited is handed the mutex and need not compete for it.
//
//   Two modes. Fast: no writer is there; a reader adds itself to the word, and takes itself off, with
//   one atomic addition each. Slow, from the moment a writer asks for the mutex until it is free or
//   without writers: readers come and go under the queues' lock. A reader that has added itself in slow
//   mode is a guest: it has nothing yet, and goes on to the lock to ask. When the mutex is handed to
//   readers, the guests that are there get it, too, and the phase changes: by that a guest knows, once it
//   asks, whether it was there or has come since. Slow mode ends only when no reader that was counted in
//   active_ is left, so nobody still has the lock to take when the last operation on the word lets others
//   go on: that one touches nothing of the mutex afterwards.
//
//   Invariants (whenever the lock bit is free)
//     fast: the word's readers are those that hold the mutex, and grants_ guests on their way to be
//           told that they do; nobody waits;
//     slow, a writer holds it: the word's readers are guests that have not asked yet; grants_ == 0;
//     slow, none does: active_ > 0 readers hold it, grants_ guests to be told so among them; the word's
//           readers are those, and the guests that have not asked yet; if no writer waits, no reader
//           does, but behind one that has just given up;
//     a guest that came in another phase than this one is among the grants_: two changes cannot have
//     been, as the mutex is not handed to readers again before it has been told and has left;
//     a queue is not empty ⇒ slow, and the waiting bit is set.
#pragma once

#include <cstdint>

#include <runnel/detail/chrono.hpp>
#include <runnel/detail/waiter.hpp>
#include <runnel/detail/word_lock.hpp>
#include <runnel/error.hpp>

namespace runnel {
inline namespace v0 {

/// Usable with std::lock_guard, std::unique_lock, std::scoped_lock and std::shared_lock. It belongs to
/// nobody: one goroutine may lock it and another unlock it. Not recursive: a goroutine that holds it
/// shared and asks for more deadlocks as soon as a writer waits. May be destroyed as soon as it is
/// unlocked and nobody waits.
/// Go  sync.RWMutex
class shared_mutex {
public:
    constexpr shared_mutex() noexcept = default;
    shared_mutex(const shared_mutex&) = delete;
    shared_mutex& operator=(const shared_mutex&) = delete;

    /// Locks it for writing.
    /// Blocks      while anybody holds it. From now on new readers wait for this writer.
    /// Visibility  what precedes an unlock or an unlock_shared happens before the next lock returns.
    /// Threads     any number at once; writers are served in the order of their arrival.
    /// Cost        one compare-exchange if it is free; no allocation. Go  Lock
    void lock() noexcept {
        detail::interruption_point();
        std::uint64_t s = 0;
        if (RUNNEL_LIKELY(
                word().compare_exchange_strong(s, slow | writer, detail::memory_order_acquire,
                                               detail::memory_order_relaxed))) {  // [SM-1]
            return;
        }
        lock_slow(detail::no_deadline);
    }

    /// Locks it for writing if nobody holds it.
    bool try_lock() noexcept {
        detail::interruption_point();
        return take_if_free();
    }

    /// Locks it for writing within `d`; false if that was not possible, never early. Zero or less
    /// tries once.
    template <class Rep, class Period>
    bool try_lock_for(std::chrono::duration<Rep, Period> d) noexcept {
        return try_lock() ||
               (d > d.zero() && lock_slow(detail::deadline_after(detail::to_duration(d))));
    }
    template <class Clock, class Dur>
    bool try_lock_until(std::chrono::time_point<Clock, Dur> tp) noexcept {
        return try_lock() || lock_slow(detail::to_time_point(tp));
    }

    /// Unlocks it after writing.
    /// Errors      unlock_of_unlocked (`unlock of unlocked RWMutex`); nothing has changed then.
    /// Cost        one compare-exchange if nobody waits. Go  Unlock
    void unlock() {
        std::uint64_t s = slow | writer;
        if (RUNNEL_UNLIKELY(
                !word().compare_exchange_strong(s, 0, detail::memory_order_release,
                                                detail::memory_order_relaxed))) {  // [SM-1]
            unlock_slow(s);
        }
        detail::interruption_point();
    }

    /// Locks it for reading, together with other readers.
    /// Blocks      while a writer holds it or waits for it.
    /// Visibility  what precedes an unlock happens before the next lock_shared returns.
    /// Threads     any number at once.
    /// Cost        one atomic addition if no writer is there; no allocation. Go  RLock
    void lock_shared() noexcept {
        detail::interruption_point();
        // [SM-1] An acquire in the fast mode too: the last writer has only changed the word.
        const std::uint64_t s = word().fetch_add(one_reader, detail::memory_order_acquire);
        if (RUNNEL_UNLIKELY((s & slow) != 0)) ask(s, detail::no_deadline);
    }

    /// Locks it for reading if no writer holds it or waits for it.
    bool try_lock_shared() noexcept { return try_share(detail::time_point::min()); }

    /// Locks it for reading within `d`; false if that was not possible, never early. Zero or less
    /// tries once.
    template <class Rep, class Period>
    bool try_lock_shared_for(std::chrono::duration<Rep, Period> d) noexcept {
        return try_lock_shared() ||
               (d > d.zero() && try_share(detail::deadline_after(detail::to_duration(d))));
    }
    template <class Clock, class Dur>
    bool try_lock_shared_until(std::chrono::time_point<Clock, Dur> tp) noexcept {
        return try_lock_shared() || try_share(detail::to_time_point(tp));
    }

    /// Unlocks it after reading.
    /// Errors      unlock_of_unlocked (`RUnlock of unlocked RWMutex`); nothing has changed then. Not
    ///             always noticed while others read or begin to.
    /// Cost        one atomic addition if no writer is there. Go  RUnlock
    void unlock_shared() {
        detail::interruption_point();
        // Who looks at the word first has its line come twice, when another worker reads, too.
        const std::uint64_t s =
            word().fetch_sub(one_reader, detail::memory_order_release);  // [SM-1]
        if (RUNNEL_UNLIKELY((s & slow) != 0 || s < one_reader)) leave(s);
    }

private:
    // The word. Bit 0 is the queues' lock.
    static constexpr std::uint64_t queues_locked = detail::word_lock<std::uint64_t>::held;
    static constexpr std::uint64_t slow = 2;     // set by a writer; cleared by the lock's holder
    static constexpr std::uint64_t writer = 4;   // a writer holds the mutex
    static constexpr std::uint64_t waiting = 8;  // changed by the lock's holder
    static constexpr std::uint64_t phase = 16;   // changed by the lock's holder
    static constexpr std::uint64_t one_reader = std::uint64_t{1}
                                                << 32;  // and upwards: readers, guests

    static std::uint32_t readers(std::uint64_t s) noexcept {
        return static_cast<std::uint32_t>(s >> 32);
    }
    /// Whether somebody has taken off the word a reader that was not there, and is about to put it back.
    static bool overdrawn(std::uint64_t s) noexcept { return readers(s) > ~std::uint32_t{0} / 2; }
    detail::atomic<std::uint64_t>& word() noexcept { return state_.word; }

    bool try_share(detail::time_point deadline) noexcept {
        detail::interruption_point();
        // relaxed: a hint. A writer that stays out of it is spared our coming and going.
        if (deadline == detail::time_point::min() &&
            (word().load(detail::memory_order_relaxed) & writer) != 0) {
            return false;
        }
        const std::uint64_t s =
            word().fetch_add(one_reader, detail::memory_order_acquire);  // [SM-1]
        return (s & slow) == 0 || ask(s, deadline);
    }

    bool take_if_free() noexcept {
        std::uint64_t s = word().load(detail::memory_order_relaxed);  // relaxed: a hint
        while ((s & ~(queues_locked | phase)) == 0) {
            if (word().compare_exchange_weak(s, s | slow | writer, detail::memory_order_acquire,
                                             detail::memory_order_relaxed)) {  // [SM-1]
                return true;
            }
        }
        return false;
    }
    /// Whether `seen` comes true while a holder on another worker does what is likely to be short: some
    /// microseconds, with ever fewer looks, since each takes the line from those who work on it.
    template <class F>
    static bool soon(F seen) noexcept;

    bool lock_slow(detail::time_point deadline) noexcept;
    void unlock_slow(std::uint64_t s);
    bool ask(std::uint64_t arrived, detail::time_point deadline) noexcept;
    void leave(std::uint64_t s);
    std::uint64_t settled() noexcept;
    [[noreturn]] static void throw_unlocked();

    // With the queues' lock held:
    bool writer_is_there() noexcept;
    std::uint32_t claim_readers(detail::wake_list& woken) noexcept;
    void admit_readers(detail::wake_list& woken) noexcept;
    void hand_over(bool readers_first) noexcept;

    detail::word_lock<std::uint64_t> state_;  // [SM-1] unlocks release, locks acquire
    std::uint32_t active_ = 0;                // guarded by state_'s lock; means something as above
    std::uint32_t grants_ = 0;                // guarded by state_'s lock
    detail::waiter_queue writers_;            // guarded by state_'s lock
    detail::waiter_queue readers_;            // guarded by state_'s lock
};

template <class F>
bool shared_mutex::soon(F seen) noexcept {
    for (unsigned pauses = 64; pauses <= 256 && detail::spinning_may_help(); pauses *= 2) {
        if (seen()) return true;
        for (unsigned i = pauses; i != 0; --i) detail::cpu_relax();
    }
    return false;
}

// ---- 1. exclusive ----

RUNNEL_NOINLINE inline bool shared_mutex::lock_slow(detail::time_point deadline) noexcept {
    using namespace detail;
    const bool expired = deadline != no_deadline && deadline <= now();
    if (!expired && soon([&] { return take_if_free(); })) return true;
    {
        basic_wait_lock guard(state_);
        // 1. From now on it is slow, and ours if nobody holds it.
        for (std::uint64_t s = settled(); (s & slow) == 0; s = settled()) {
            const bool free = readers(s) == 0;
            if (!free && expired) return false;
            active_ = readers(s);
            RUNNEL_POINT("shared_mutex.lock.slow");
            if (word().compare_exchange_weak(s, s | slow | (free ? writer : waiting),
                                             memory_order_acquire,
                                             memory_order_relaxed)) {  // [SM-1]
                if (free) return true;
                break;
            }
        }
        if (expired) return false;
        // 2. Wait for the last reader, or for the writer before us.
        word().fetch_or(waiting, memory_order_relaxed);  // relaxed: published by the lock
        waiter me;
        if (wait(writers_, guard, me, wait_reason::shared_mutex_write, this, deadline) ==
            wait_outcome::ok) {
            return true;
        }
    }
    // 3. We have given up. Readers that wait behind us, if nobody else, join those that read.
    wake_list woken;
    state_.lock();
    if (!writer_is_there()) admit_readers(woken);
    state_.unlock();
    woken.wake_all();
    return false;
}

RUNNEL_NOINLINE inline void shared_mutex::unlock_slow(std::uint64_t s) {
    if (RUNNEL_UNLIKELY((s & writer) == 0)) {
        throw unlock_of_unlocked("unlock of unlocked RWMutex");
    }
    state_.lock();
    hand_over(true);
}

// ---- 2. shared ----

/// A guest asks whether it may read; true if so. Otherwise it is no guest any more.
RUNNEL_NOINLINE inline bool shared_mutex::ask(std::uint64_t arrived,
                                              detail::time_point deadline) noexcept {
    using namespace detail;
    RUNNEL_POINT("shared_mutex.ask");
    const bool expired = deadline != no_deadline && deadline <= now();
    // relaxed: a hint, which the lock confirms
    const auto granted = [&] {
        return ((word().load(memory_order_relaxed) ^ arrived) & phase) != 0;
    };
    if (!expired) static_cast<void>(soon(granted));
    wake_list woken;
    basic_wait_lock guard(state_);
    if (((word().load(memory_order_relaxed) ^ arrived) & phase) != 0) {
        RUNNEL_ASSERT(grants_ > 0, "shared_mutex: a guest of another phase has no grant");
        --grants_;
        return true;
    }
    RUNNEL_ASSERT((word().load(memory_order_relaxed) & slow) != 0,
                  "shared_mutex: a guest in fast mode has no grant");
    if (!writer_is_there()) {
        ++active_;
        admit_readers(woken);
        guard.unlock();
        woken.wake_all();
        return true;
    }
    word().fetch_sub(one_reader, memory_order_relaxed);  // relaxed: published by the lock
    if (expired) return false;
    word().fetch_or(waiting, memory_order_relaxed);
    waiter me;
    return wait(readers_, guard, me, wait_reason::shared_mutex_read, this, deadline) ==
           wait_outcome::ok;
}

/// A reader that has taken itself off the word `s` in slow mode, or has not been one.
RUNNEL_NOINLINE inline void shared_mutex::leave(std::uint64_t s) {
    using namespace detail;
    RUNNEL_POINT("shared_mutex.leave");
    if (RUNNEL_UNLIKELY(s < one_reader)) {
        word().fetch_add(one_reader, memory_order_relaxed);
        throw_unlocked();
    }
    state_.lock();  // [SM-1] acquires: the writer that we wake sees what the other readers did
    if (RUNNEL_UNLIKELY(active_ == 0)) {
        word().fetch_add(one_reader, memory_order_relaxed);
        state_.unlock();
        throw_unlocked();
    }
    if (--active_ == 0) {
        hand_over(false);
    } else {
        state_.unlock();
    }
}

RUNNEL_NOINLINE inline void shared_mutex::throw_unlocked() {
    throw unlock_of_unlocked("RUnlock of unlocked RWMutex");
}

/// The word, once nobody has taken off it what was not there.
inline std::uint64_t shared_mutex::settled() noexcept {
    using namespace detail;
    spin_wait undone;
    std::uint64_t s = word().load(memory_order_relaxed);  // relaxed: whoever uses it compares again
    while (RUNNEL_UNLIKELY(overdrawn(s))) {
        undone.pause();
        s = word().load(memory_order_relaxed);
    }
    return s;
}

// ---- 3. handing over ----

/// Whether a writer holds the mutex or waits: one that has just given up, or whose run has ended, does not.
inline bool shared_mutex::writer_is_there() noexcept {
    return (word().load(detail::memory_order_relaxed) & writer) != 0 ||
           writers_.peek_front() != nullptr;
}

inline std::uint32_t shared_mutex::claim_readers(detail::wake_list& woken) noexcept {
    std::uint32_t n = 0;
    while (detail::waiter* w = readers_.claim_front()) {
        w->outcome = detail::wait_outcome::ok;
        woken.push(w);
        ++n;
    }
    return n;
}

/// In slow mode, while others read: those that wait do so too.
inline void shared_mutex::admit_readers(detail::wake_list& woken) noexcept {
    const std::uint32_t n = claim_readers(woken);
    active_ += n;
    word().fetch_add(n * one_reader,
                     detail::memory_order_relaxed);  // relaxed: published by the lock
}

/// The last holder has left, and active_ is zero: the next ones get the mutex. Releases the lock.
inline void shared_mutex::hand_over(bool readers_first) noexcept {
    using namespace detail;
    wake_list woken;
    std::uint64_t s = settled();
    std::uint32_t admitted = 0;
    waiter* next = nullptr;
    // 1. Whose turn it is. Guests count as readers that wait; those that come later do not.
    if (readers_first) admitted = claim_readers(woken);
    if (admitted + (readers_first ? readers(s) : 0) == 0) next = writers_.claim_front();
    if (next != nullptr) {
        next->outcome = wait_outcome::ok;
        woken.push(next);
    } else if (!readers_first) {
        admitted = claim_readers(woken);
    }
    const bool stays_slow = next != nullptr || writers_.peek_front() != nullptr;
    const std::uint64_t waits = writers_.empty() && readers_.empty() ? 0 : waiting;
    // 2. Say so and release the lock, all at once: after that the mutex may be gone.
    for (;;) {
        std::uint64_t t = (s & ~(queues_locked | slow | writer | waiting)) | waits;
        if (next != nullptr) {
            t |= slow | writer;
        } else {
            grants_ = readers(s);
            active_ = admitted + grants_;
            t = (t + admitted * one_reader) ^ phase;
            if (stays_slow) t |= slow;
            if (t == phase) t = 0;  // lock() has its fast path again
        }
        RUNNEL_POINT("shared_mutex.hand_over");
        if (word().compare_exchange_weak(s, t, memory_order_release,
                                         memory_order_relaxed)) {  // [SM-1] [WL-1]
            break;
        }
        s = settled();
    }
    woken.wake_all();
}

}  // namespace v0
}  // namespace runnel
