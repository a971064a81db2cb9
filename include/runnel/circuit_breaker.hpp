// runnel/circuit_breaker.hpp — calls are refused for a while when too many have failed.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      none in the standard library
//   Layer   5; includes layers 0-5
//   Tests   tests/circuit_breaker_test.cpp, tests/circuit_breaker_simulated_test.cpp
//
//         closed ── failures in a row ──▶ open ── cool_down ──▶ half open ── probes succeed ──▶ closed
//                                          ▲                        │
//                                          └────── a probe fails ───┘
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <runnel/detail/chrono.hpp>
#include <runnel/go.hpp>
#include <runnel/mutex.hpp>

namespace runnel {
inline namespace v0 {

/// A call was refused: `circuit breaker is open`.
class RUNNEL_API circuit_open : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Calls are made; are refused; or some of them are let through to try.
enum class circuit_state { closed, open, half_open };

/// When it opens, for how long, and what closes it again.
struct circuit_policy {
    std::size_t failures = 5;                       ///< so many in a row open it
    duration cool_down = std::chrono::seconds(30);  ///< how long it is open then
    std::size_t probes = 1;  ///< so many successes close it again; no more are tried at once
};

/// Protects what is called, and those who call, from calls that are bound to fail. While it is closed all calls go
/// through; a success sets the count of failures back. While it is open all are refused. After the cool-down some are
/// let through to try.
/// Threads  all operations, any number at once.
/// Cost     of a call: a mutex twice.
class circuit_breaker {
public:
    /// Errors  std::invalid_argument for a number of zero or a cool-down that is not positive.
    explicit circuit_breaker(const circuit_policy& policy = {}) : policy_(checked(policy)) {}
    circuit_breaker(const circuit_breaker&) = delete;
    circuit_breaker& operator=(const circuit_breaker&) = delete;

    /// Calls `f()` and returns its result, unless the call is refused. `f` fails by an exception.
    /// Errors  circuit_open; what `f` throws.
    template <class F>
    auto run(F&& f) {
        return run(std::forward<F>(f), [](const std::exception_ptr&) { return true; });
    }
    /// The same where only failures for which `counts(exception_ptr)` is true are the fault of what is called;
    /// others count as successes.
    template <class F, class Counts>
    auto run(F&& f, Counts counts) {
        static_assert(std::is_invocable_v<F&>,
                      "runnel::circuit_breaker: the function is called without arguments");
        static_assert(std::is_invocable_r_v<bool, Counts&, const std::exception_ptr&>,
                      "runnel::circuit_breaker: the predicate is called with the exception");
        call c(*this);
        using result = std::decay_t<std::invoke_result_t<F&>>;
        try {
            if constexpr (std::is_void_v<result>) {
                std::invoke(f);
                c.succeeded();
            } else {
                result r = std::invoke(f);
                c.succeeded();
                return r;
            }
        } catch (const detail::goexit_token&) {
            throw;  // neither: the call's place is free again
        } catch (...) {
            if (c.pending()) {
                if (counts(std::current_exception())) {
                    c.failed();
                } else {
                    c.succeeded();
                }
            }
            throw;
        }
    }

    /// What the next call would find.
    circuit_state state() const {
        const std::lock_guard guard(mutex_);
        return state_at(detail::now());
    }
    /// Closes it, and counts from zero.
    void reset() {
        const std::lock_guard guard(mutex_);
        change_to(circuit_state::closed);
    }

private:
    /// One call that was let through. It counts only if the state is still the one that it began in.
    class call {
    public:
        explicit call(circuit_breaker& b) : breaker_(&b), generation_(b.enter()) {}
        call(const call&) = delete;
        call& operator=(const call&) = delete;
        ~call() {
            if (breaker_ != nullptr) breaker_->leave(generation_);
        }
        bool pending() const noexcept { return breaker_ != nullptr; }
        void succeeded() { std::exchange(breaker_, nullptr)->succeed(generation_); }
        void failed() { std::exchange(breaker_, nullptr)->fail(generation_); }

    private:
        circuit_breaker* breaker_;
        std::uint64_t generation_;
    };

    static circuit_policy checked(const circuit_policy& p) {
        if (p.failures == 0 || p.probes == 0) {
            throw std::invalid_argument(
                "runnel::circuit_breaker: the numbers of failures and probes are at least 1");
        }
        if (p.cool_down <= duration::zero()) {
            throw std::invalid_argument("runnel::circuit_breaker: the cool-down is more than zero");
        }
        return p;
    }

    // With the mutex held.
    circuit_state state_at(detail::time_point now) const {
        return state_ == circuit_state::open && now >= open_until_ ? circuit_state::half_open
                                                                   : state_;
    }
    void change_to(circuit_state s) {
        state_ = s;
        ++generation_;
        failures_ = 0;
        successes_ = 0;
        probing_ = 0;
    }

    std::uint64_t enter() {
        const std::lock_guard guard(mutex_);
        if (state_ != state_at(detail::now())) change_to(circuit_state::half_open);
        if (state_ == circuit_state::open) throw circuit_open("circuit breaker is open");
        if (state_ == circuit_state::half_open) {
            if (probing_ + successes_ >= policy_.probes) {
                throw circuit_open("circuit breaker is open");
            }
            ++probing_;
        }
        return generation_;
    }
    void leave(std::uint64_t generation) {
        const std::lock_guard guard(mutex_);
        if (generation == generation_ && state_ == circuit_state::half_open) --probing_;
    }
    void succeed(std::uint64_t generation) {
        const std::lock_guard guard(mutex_);
        if (generation != generation_) return;
        failures_ = 0;
        if (state_ != circuit_state::half_open) return;
        --probing_;
        if (++successes_ >= policy_.probes) change_to(circuit_state::closed);
    }
    void fail(std::uint64_t generation) {
        const std::lock_guard guard(mutex_);
        if (generation != generation_) return;
        if (state_ == circuit_state::closed && ++failures_ < policy_.failures) return;
        change_to(circuit_state::open);
        open_until_ = detail::deadline_after(policy_.cool_down);
    }

    const circuit_policy policy_;
    mutable mutex mutex_;
    circuit_state state_ = circuit_state::closed;  // guarded by mutex_, like all below
    std::uint64_t generation_ = 0;                 // counts the changes of state
    std::size_t failures_ = 0;                     // closed: in a row
    std::size_t probing_ = 0;                      // half open: calls that run
    std::size_t successes_ = 0;                    // half open
    detail::time_point open_until_{};
};

}  // namespace v0
}  // namespace runnel
