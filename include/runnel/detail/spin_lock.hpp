// runnel/detail/spin_lock.hpp — the lock of the runtime's short critical sections.
// SPDX-License-Identifier: BSL-1.0
//
//   Layer   1
//   Invariants
//     held for tens of nanoseconds, never across user code other than an element's move;
//     may be released by another thread than the one that took it (the far side of a switch does);
//     unlock() is one store and touches nothing afterwards, so whoever can go on because of it may
//     destroy the lock.
#pragma once

#include <cstdint>

#include <sched.h>
#include <time.h>

#include <runnel/detail/atomic.hpp>
#include <runnel/detail/config.hpp>
#include <runnel/detail/platform.hpp>
#include <runnel/detail/this_worker.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

/// Waiting for another thread that is about to go on. Each look takes the cache line from the one who works on
/// it, and who is likely to want it again at once: so the first look comes after 32 pauses, which are 0.3 to 1.5
/// microseconds, in which the other does dozens of operations at the price of one core's. (Looks from the first pause
/// on cost both two to three times as much.) It may have lost its core: after a short spin the core is given away, at
/// last for a while, so that more workers than cores do not collapse. Its thread is told how long it took: those who
/// compete for locks get more done on fewer cores (steal_backoff.hpp).
class spin_wait {
public:
    spin_wait() = default;
    spin_wait(const spin_wait&) = delete;
    spin_wait& operator=(const spin_wait&) = delete;
    ~spin_wait() {
        if (turns_ != 0) count_lock_wait(last_look_ - began_);
    }
    void pause() noexcept {
        if (turns_ == 0) began_ = now();
#if defined(RUNNEL_MODEL)
        RUNNEL_MODEL::pause();  // until another thread has written: see atomic.hpp
#endif
        if (++turns_ <= 3) {
            for (unsigned i = 16U << turns_; i != 0; --i) cpu_relax();
        } else if (turns_ < 64) {
            ::sched_yield();
        } else {
            const timespec nap{0, 50'000};
            ::nanosleep(&nap, nullptr);
        }
        last_look_ = now();
    }

private:
    unsigned turns_ = 0;
    time_point began_;
    time_point last_look_;
};

class RUNNEL_CAPABILITY spin_lock {
public:
    constexpr spin_lock() noexcept = default;
    spin_lock(const spin_lock&) = delete;
    spin_lock& operator=(const spin_lock&) = delete;

    void lock() noexcept RUNNEL_ACQUIRE() {
        if (RUNNEL_UNLIKELY(locked_.exchange(true, memory_order_acquire))) lock_slow();  // [SL-1]
    }
    bool try_lock() noexcept RUNNEL_TRY_ACQUIRE(true) {
        return !locked_.load(memory_order_relaxed)  // relaxed: a hint, the exchange decides
               && !locked_.exchange(true, memory_order_acquire);
    }
    const volatile void* sync_address() const noexcept { return &locked_; }
    void unlock() noexcept RUNNEL_RELEASE() {
        locked_.store(false, memory_order_release);  // [SL-1] publishes the section
    }

protected:
    RUNNEL_NOINLINE void lock_slow() noexcept {
        spin_wait waiting;
        while (locked_.load(memory_order_relaxed) ||
               locked_.exchange(true, memory_order_acquire)) {  // [SL-1]
            waiting.pause();
        }
    }

    atomic<bool> locked_{false};
};

/// Knows how often it was waited for. Whoever has waited counts it under the lock: that costs the others nothing.
class RUNNEL_CAPABILITY counted_spin_lock : public spin_lock {
public:
    void lock() noexcept RUNNEL_ACQUIRE() {
        if (RUNNEL_UNLIKELY(locked_.exchange(true, memory_order_acquire))) {  // [SL-1]
            lock_slow();
            ++waits_;
        }
    }
    std::uint64_t waits() noexcept {
        lock();
        const std::uint64_t n = waits_;
        unlock();
        return n;
    }

private:
    std::uint64_t waits_ = 0;  // guarded by the lock itself
};

/// Lock guard without <mutex>, which costs every includer compile time.
template <class Lock = spin_lock>
class spin_guard {
public:
    explicit spin_guard(Lock& l) noexcept RUNNEL_NO_THREAD_SAFETY_ANALYSIS : lock_(l) {
        lock_.lock();
    }
    ~spin_guard() RUNNEL_NO_THREAD_SAFETY_ANALYSIS { lock_.unlock(); }
    spin_guard(const spin_guard&) = delete;
    spin_guard& operator=(const spin_guard&) = delete;

private:
    Lock& lock_;
};

}  // namespace detail
}  // namespace v0
}  // namespace runnel
