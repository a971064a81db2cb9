// runnel/rate_limiter.hpp — a token bucket: so many events a time, with bursts.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      golang.org/x/time/rate                          Differences: docs/from_go.md
//   Layer   5; includes layers 0-5
//   Tests   tests/rate_limiter_test.cpp, tests/rate_limiter_simulated_test.cpp
//
//   The bucket is one point in time: when it will be full again. Taking n tokens moves that point by n intervals,
//   and what moves it further than `burst` intervals from now has to wait for the difference. So the
//   arithmetic is exact, and there is nothing to refill.
#pragma once

#include <cstddef>
#include <mutex>
#include <stdexcept>

#include <runnel/chan.hpp>
#include <runnel/context.hpp>
#include <runnel/detail/chrono.hpp>
#include <runnel/mutex.hpp>
#include <runnel/select.hpp>

namespace runnel {
inline namespace v0 {

/// Lets events happen at a rate of one each `interval` in the long run, and at most `burst` at once: a bucket of
/// `burst` tokens, full at first, that gets one each interval. An interval of zero is no limit.
/// Threads  all operations, any number at once. Go  rate.Limiter
class rate_limiter {
public:
    class reservation;

    /// Errors  std::invalid_argument for a negative interval or a burst of 0.
    template <class Rep, class Period>
    explicit rate_limiter(std::chrono::duration<Rep, Period> interval, std::size_t burst = 1)
        : interval_(checked_interval(detail::to_duration(interval))),
          burst_(checked_burst(burst)) {}
    rate_limiter(const rate_limiter&) = delete;
    rate_limiter& operator=(const rate_limiter&) = delete;

    /// `events` a second. Errors  std::invalid_argument unless that is more than zero. Go  rate.Limit
    static rate_limiter per_second(double events, std::size_t burst = 1) {
        if (!(events > 0)) {
            throw std::invalid_argument("runnel::rate_limiter: the rate is positive");
        }
        return rate_limiter(std::chrono::duration<double>(1 / events), burst);
    }

    /// Takes `n` tokens if they are there; never waits. Go  AllowN
    bool allow(std::size_t n = 1) {
        const std::lock_guard guard(mutex_);
        const detail::time_point now = detail::now();
        const plan p = plan_for(n, now);
        if (!p.possible || p.time_to_act > now) return false;
        take(p);
        return true;
    }

    /// Takes `n` tokens, which may not be there yet, and says when to act on them. Never waits.
    /// More than the burst can never be had: then the reservation is false, and nothing is taken. Go  ReserveN
    reservation reserve(std::size_t n = 1);

    /// Takes `n` tokens and parks until they are there; served in the order of the calls.
    /// Returns  `ok`; `canceled` or `timeout`, as ctx.err() says, if the context is done first, and `timeout` at
    ///          once if its deadline is earlier than the tokens. Then nothing is taken, but what others have waited for
    ///          in the meantime stays with them.
    /// Errors   std::invalid_argument for more than the burst.
    /// Go       WaitN
    op_status wait(const context& ctx, std::size_t n = 1);
    void wait(std::size_t n = 1) { static_cast<void>(wait(background(), n)); }

    /// How many tokens are there now.
    std::size_t tokens() const {
        const std::lock_guard guard(mutex_);
        if (interval_ == duration::zero()) return burst_;
        const duration all = cost_of(burst_);
        const duration missing = missing_at(detail::now());
        return missing >= all ? 0 : static_cast<std::size_t>((all - missing) / interval_);
    }

    /// As it is set now.
    duration interval() const {
        const std::lock_guard guard(mutex_);
        return interval_;
    }
    std::size_t burst() const {
        const std::lock_guard guard(mutex_);
        return burst_;
    }
    /// From now on. The tokens there are stay; those who wait already go on waiting as long as they were to.
    /// Errors  as the constructor. Go  SetLimit, SetBurst
    template <class Rep, class Period>
    void set_interval(std::chrono::duration<Rep, Period> interval) {
        const duration wanted = checked_interval(detail::to_duration(interval));
        const std::lock_guard guard(mutex_);
        const detail::time_point now = detail::now();
        const duration missing = missing_at(now);
        duration then = duration::zero();
        if (interval_ > duration::zero()) then = rescaled(missing, interval_, wanted);
        full_at_ = detail::deadline_after(then, now);
        interval_ = wanted;
    }
    void set_burst(std::size_t burst) {
        checked_burst(burst);
        const std::lock_guard guard(mutex_);
        const detail::time_point now = detail::now();
        const duration missing = missing_at(now) + cost_of(burst) - cost_of(burst_);
        full_at_ = missing > duration::zero() ? now + missing : now;
        burst_ = burst;
    }

private:
    /// What taking tokens now would mean.
    struct plan {
        bool possible;
        detail::time_point full_at;
        detail::time_point time_to_act;
        duration cost;
        duration interval;  // when it was made
    };

    static duration checked_interval(duration d) {
        if (d < duration::zero()) {
            throw std::invalid_argument("runnel::rate_limiter: the interval is not negative");
        }
        return d < longest ? d : longest;
    }
    static std::size_t checked_burst(std::size_t n) {
        if (n == 0) throw std::invalid_argument("runnel::rate_limiter: the burst is at least 1");
        return n;
    }

    /// So that sums of a few of them do not overflow.
    static constexpr duration longest = duration::max() / 8;

    duration cost_of(std::size_t n) const {
        if (interval_ == duration::zero()) return duration::zero();
        const auto most = static_cast<std::size_t>(longest / interval_);
        return n > most ? longest : interval_ * static_cast<duration::rep>(n);
    }
    duration missing_at(detail::time_point now) const {
        return full_at_ > now ? full_at_ - now : duration::zero();
    }

    /// With the mutex held.
    plan plan_for(std::size_t n, detail::time_point now) const {
        const duration cost = cost_of(n);
        const duration missing = missing_at(now);
        if ((n > burst_ && interval_ > duration::zero()) || missing > longest) {
            return {false, {}, {}, {}, {}};
        }
        const duration beyond = missing + cost - cost_of(burst_);
        return {true, now + missing + cost, beyond > duration::zero() ? now + beyond : now, cost,
                interval_};
    }
    /// The time of as many tokens, where one takes `to` and not `from`.
    static duration rescaled(duration time, duration from, duration to) {
        const double tokens = static_cast<double>(time.count()) / static_cast<double>(from.count());
        return detail::to_duration(std::chrono::duration<double, duration::period>(
            tokens * static_cast<double>(to.count())));
    }
    void take(const plan& p) {
        full_at_ = p.full_at;
        last_act_ = p.time_to_act;
    }

    /// Gives back what was planned, as far as nobody has reserved behind it: theirs is fixed already.
    void give_back(const plan& p) {
        const std::lock_guard guard(mutex_);
        const detail::time_point now = detail::now();
        if (p.time_to_act < now) return;  // it was time to act: it counts as done
        const duration behind = last_act_ - p.time_to_act;
        if (behind >= p.cost) return;
        const duration back = p.cost - behind;
        full_at_ -= p.interval == interval_ ? back : rescaled(back, p.interval, interval_);
        if (behind == duration::zero()) last_act_ = p.time_to_act - p.cost;
    }

    mutable mutex mutex_;
    duration interval_;  // guarded by mutex_, like all below
    std::size_t burst_;
    detail::time_point full_at_{};   // when the bucket is full again; what has passed counts as now
    detail::time_point last_act_{};  // of the latest reservation
};

/// Tokens that were taken, and when to act on them. Belongs to the limiter, which must outlive it; dropping it
/// keeps the tokens taken. Go  rate.Reservation
class [[nodiscard]] rate_limiter::reservation {
public:
    /// Whether there is one.
    bool ok() const noexcept { return plan_.possible; }
    explicit operator bool() const noexcept { return plan_.possible; }
    /// When to act; now or earlier: at once.
    clock::time_point time_to_act() const noexcept { return plan_.time_to_act; }
    /// How long to wait until then; the longest duration if there is no reservation.
    duration delay() const {
        if (!plan_.possible) return duration::max();
        const detail::time_point now = detail::now();
        return plan_.time_to_act > now ? plan_.time_to_act - now : duration::zero();
    }
    /// Gives the tokens back unless it was time to act already, as far as others' reservations allow. Go  Cancel
    void cancel() {
        if (plan_.possible) limiter_->give_back(plan_);
        plan_.possible = false;
    }

private:
    friend class rate_limiter;
    reservation(rate_limiter& limiter, const plan& p) : limiter_(&limiter), plan_(p) {}
    rate_limiter* limiter_;
    plan plan_;
};

inline rate_limiter::reservation rate_limiter::reserve(std::size_t n) {
    const std::lock_guard guard(mutex_);
    const plan p = plan_for(n, detail::now());
    if (p.possible) take(p);
    return {*this, p};
}

inline op_status rate_limiter::wait(const context& ctx, std::size_t n) {
    if (const op_status s = detail::status_of(ctx); s != op_status::ok) return s;
    plan p{};
    detail::time_point now;
    {
        const std::lock_guard guard(mutex_);
        now = detail::now();
        p = plan_for(n, now);
        if (!p.possible) {
            throw std::invalid_argument("runnel::rate_limiter: more tokens than the burst");
        }
        if (const auto deadline = ctx.deadline(); deadline && *deadline < p.time_to_act) {
            return op_status::timeout;
        }
        take(p);
    }
    if (p.time_to_act <= now) return op_status::ok;
    if (select(in_order, done(ctx), timeout(p.time_to_act)) == 1) return op_status::ok;
    give_back(p);
    return detail::status_of(ctx);
}

}  // namespace v0
}  // namespace runnel
