// runnel/retry.hpp — trying again what fails, after ever longer pauses.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      none in the standard library; exponential back-off with jitter
//   Layer   5; includes layers 0-5
//   Tests   tests/retry_test.cpp, tests/retry_simulated_test.cpp
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <stdexcept>
#include <system_error>
#include <type_traits>
#include <utility>

#include <runnel/context.hpp>
#include <runnel/detail/chrono.hpp>
#include <runnel/go.hpp>
#include <runnel/select.hpp>

namespace runnel {
inline namespace v0 {

/// How often to try, and how long to pause in between.
struct retry_policy {
    std::size_t attempts = 5;                               ///< calls at most; 0: any number
    duration first_delay = std::chrono::milliseconds(100);  ///< the pause after the first failure
    duration max_delay = std::chrono::seconds(10);          ///< no pause is longer
    double factor = 2;  ///< each is so many times the one before
    /// So great a part of each pause is left to chance, so that those who failed together do not try again together:
    /// 0.5 makes it half of the pause to all of it, 0 exactly that, 1 anything up to it.
    double jitter = 0.5;
};

/// The pauses of a policy, one after the other.
/// Errors   std::invalid_argument for a policy that makes no sense.
/// Threads  one.
class backoff {
public:
    explicit backoff(const retry_policy& policy)
        : policy_(checked(policy)),
          next_(static_cast<double>(policy.first_delay.count())),
          random_(seed()) {}

    /// How long to pause now.
    duration next() {
        const double most = static_cast<double>(policy_.max_delay.count());
        const double nominal = next_ < most ? next_ : most;
        next_ = nominal * policy_.factor;
        const double part = 1 - policy_.jitter * uniform();
        return detail::to_duration(std::chrono::duration<double, duration::period>(nominal * part));
    }
    /// Begins again with the first pause: after a success.
    void reset() { next_ = static_cast<double>(policy_.first_delay.count()); }

private:
    static retry_policy checked(const retry_policy& p) {
        if (p.first_delay < duration::zero() || p.max_delay < p.first_delay) {
            throw std::invalid_argument(
                "runnel::retry: the first delay is not negative and at most the longest");
        }
        if (!(p.factor >= 1))
            throw std::invalid_argument("runnel::retry: the factor is at least 1");
        if (!(p.jitter >= 0 && p.jitter <= 1)) {
            throw std::invalid_argument("runnel::retry: the jitter is between 0 and 1");
        }
        return p;
    }
    /// Different for those who fail together, and the same in the same simulation.
    static std::uint64_t seed() {
        return static_cast<std::uint64_t>(clock::now().time_since_epoch().count()) +
               goroutine_id() * 0x9e3779b97f4a7c15ULL;
    }
    /// At least 0, less than 1 (splitmix64).
    double uniform() {
        random_ += 0x9e3779b97f4a7c15ULL;
        std::uint64_t z = random_;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
        z ^= z >> 31;
        return static_cast<double>(z >> 11) / 9007199254740992.0;  // 2^53
    }

    retry_policy policy_;
    double next_;
    std::uint64_t random_;
};

namespace detail {

struct retry_always {
    bool operator()(const std::exception_ptr&) const noexcept { return true; }
};

template <class F>
decltype(auto) call_attempt(F& f, const context& ctx) {
    if constexpr (std::is_invocable_v<F&, const context&>) {
        return std::invoke(f, ctx);
    } else {
        return std::invoke(f);
    }
}

/// Throws that the context is done, with the failure nested in it.
[[noreturn]] inline void throw_retry_ended(std::error_code cause,
                                           const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (...) {
        std::throw_with_nested(std::system_error(cause, "runnel::retry"));
    }
}

}  // namespace detail

/// Calls `f()`, or `f(ctx)`, until it returns, and returns its result. It fails by throwing; between two calls
/// retry pauses as `policy` says. Failures for which `again(exception_ptr)` is false are final.
/// Blocks      during the pauses.
/// Errors      the last failure, when there were as many attempts as may be, or it is final. std::system_error with
///             ctx.cause() and the last failure nested (std::rethrow_if_nested) if the context is done in a
///             pause, or, as a timeout and at once, if its deadline is earlier than the next attempt; without a
///             failure if it is done at the start. std::invalid_argument for a policy that makes no sense.
/// Go          none
template <class F, class Again = detail::retry_always>
auto retry(const context& ctx, const retry_policy& policy, F&& f, Again again = {}) {
    using G = std::remove_reference_t<F>;
    static_assert(std::is_invocable_v<G&> || std::is_invocable_v<G&, const context&>,
                  "runnel::retry: the function is called without arguments, or with a context");
    static_assert(std::is_invocable_r_v<bool, Again&, const std::exception_ptr&>,
                  "runnel::retry: the predicate is called with the exception, and returns a bool");
    using result = std::decay_t<decltype(detail::call_attempt<G>(f, ctx))>;
    backoff pauses(policy);
    if (const std::error_code cause = ctx.cause()) {
        throw std::system_error(cause, "runnel::retry");
    }
    for (std::size_t attempt = 1;; ++attempt) {
        std::exception_ptr failure;
        try {
            return static_cast<result>(detail::call_attempt<G>(f, ctx));
        } catch (const detail::goexit_token&) {
            throw;
        } catch (...) {
            if (policy.attempts != 0 && attempt >= policy.attempts) throw;
            failure = std::current_exception();
            if (!again(failure)) throw;
        }
        const detail::time_point next = detail::deadline_after(pauses.next());
        if (const auto deadline = ctx.deadline(); deadline && *deadline < next && !ctx.err()) {
            detail::throw_retry_ended(make_error_code(errc::deadline_exceeded), failure);
        }
        if (select(in_order, done(ctx), timeout(next)) == 0) {
            detail::throw_retry_ended(ctx.cause(), failure);
        }
    }
}
/// The same with the usual policy.
template <class F>
    requires(!std::is_convertible_v<F &&, retry_policy>)
auto retry(const context& ctx, F&& f) {
    return retry(ctx, retry_policy(), std::forward<F>(f));
}

}  // namespace v0
}  // namespace runnel
