// runnel/barrier.hpp — a meeting point for a fixed number of goroutines, again and again.
// SPDX-License-Identifier: BSL-1.0
//
//   Std     std::barrier; misuse throws instead of being undefined
//   Layer   4; includes layers 0-3
//   Map     1. arriving   2. completing;  waiting → detail/waiter.hpp
//   Tests   tests/barrier_test.cpp
//
//   Invariants (whenever the lock is free)
//     0 < left_ <= expected_, but while the last one to arrive completes the phase, when left_ == 0 and
//     nobody can arrive, or when all have dropped out.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include <runnel/detail/waiter.hpp>
#include <runnel/error.hpp>

namespace runnel {
inline namespace v0 {

namespace detail {
struct no_completion {
    void operator()() const noexcept {}
};
}  // namespace detail

/// `expected` arrivals complete a phase: the completion function runs, on the last one to arrive, then all
/// who wait go on, and the next phase begins. May be destroyed as soon as the last phase's waits have
/// returned.
template <class CompletionFunction = detail::no_completion>
class barrier {
    static_assert(std::is_invocable_v<CompletionFunction&>,
                  "runnel::barrier: the completion is called without arguments");

public:
    /// Which phase an arrival belongs to.
    class [[nodiscard]] arrival_token {
    public:
        arrival_token(arrival_token&&) noexcept = default;
        arrival_token& operator=(arrival_token&&) noexcept = default;

    private:
        friend class barrier;
        explicit arrival_token(std::uint64_t phase) noexcept : phase_(phase) {}
        std::uint64_t phase_;
    };

    static constexpr std::ptrdiff_t max() noexcept {
        return std::numeric_limits<std::ptrdiff_t>::max();
    }

    /// Errors  panic if expected < 0.
    constexpr explicit barrier(std::ptrdiff_t expected,
                               CompletionFunction completion = CompletionFunction())
        : expected_(expected), left_(expected), completion_(std::move(completion)) {
        if (expected < 0) throw panic("barrier: negative count");
    }
    barrier(const barrier&) = delete;
    barrier& operator=(const barrier&) = delete;

    /// Arrives `n` times, without waiting.
    /// Errors      panic if fewer than `n` are expected still, or n < 1: nothing has changed then. What
    ///             the completion function throws, to the last one to arrive; the phase is complete
    ///             even so.
    /// Visibility  what precedes an arrival happens before the completion function runs, and what that
    ///             does before the phase's waits return.
    /// Threads     any number at once.
    arrival_token arrive(std::ptrdiff_t n = 1) { return arrival_token(arrive(n, 0)); }

    /// Waits until the phase of `token` is complete.
    void wait(arrival_token&& token) const noexcept { wait_for_end_of(token.phase_); }

    /// wait(arrive()). Errors as arrive: it does not wait then.
    void arrive_and_wait() { wait(arrive()); }

    /// Arrives, and is expected no more in the phases that follow. All else as arrive.
    void arrive_and_drop() { static_cast<void>(arrive(1, 1)); }

private:
    std::uint64_t arrive(std::ptrdiff_t n, std::ptrdiff_t drops);
    void complete_phase() noexcept;

    void wait_for_end_of(std::uint64_t phase) const noexcept {
        detail::wait_lock guard(lock_);
        if (phase_ != phase) return;
        detail::waiter me;
        detail::wait(waiters_, guard, me, detail::wait_reason::barrier, this);
    }

    mutable detail::spin_lock lock_;
    std::uint64_t phase_ = 0;               // guarded by lock_
    std::ptrdiff_t expected_;               // guarded by lock_: arrivals in the next phase
    std::ptrdiff_t left_;                   // guarded by lock_: arrivals missing in this one
    mutable detail::waiter_queue waiters_;  // guarded by lock_
    [[no_unique_address]] CompletionFunction completion_;  // called by the last one to arrive
};

// ---- 1. arriving ----

template <class CompletionFunction>
std::uint64_t barrier<CompletionFunction>::arrive(std::ptrdiff_t n, std::ptrdiff_t drops) {
    detail::interruption_point();
    lock_.lock();
    if (RUNNEL_UNLIKELY(n < 1 || n > left_)) {
        lock_.unlock();
        throw panic("barrier: more arrivals than expected");
    }
    const std::uint64_t phase = phase_;
    left_ -= n;
    expected_ -= drops;
    const bool last = left_ == 0;
    lock_.unlock();
    if (last) {
        // Nobody but us can do anything to the barrier now, except wait.
        struct at_end {
            barrier& self;
            ~at_end() { self.complete_phase(); }
        };
        const at_end whatever_happens{*this};
        static_cast<void>(completion_());
    }
    return phase;
}

// ---- 2. completing ----

template <class CompletionFunction>
void barrier<CompletionFunction>::complete_phase() noexcept {
    detail::wake_list woken;
    lock_.lock();
    ++phase_;
    left_ = expected_;
    while (detail::waiter* w = waiters_.claim_front()) {
        w->outcome = detail::wait_outcome::ok;
        woken.push(w);
    }
    lock_.unlock();
    woken.wake_all();
}

}  // namespace v0
}  // namespace runnel
