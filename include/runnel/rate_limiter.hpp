// runnel/rate_limiter.hpp — a token bucket: so many events a time, with bursts.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      golang.org/x/time/rate                          Differences: docs/from_go.md
//   Layer   5; includes layers 0-5
//   Tests   tests/rate_limiter_test.cpp, tests/rate_limiter_simulated_test.cpp
//
//   The bucket is one point in time: when it will be full again. Taking n tokens moves that point by n intervals,
//   and what moves it further than `burst` intervals from now has to wait for the difference. So the
//   arithmetic is exact, and there is nothing to refill. A burst's intervals may be more than a duration holds: 128 bits.
#pragma once

#include <cstddef>
#include <mutex>
#include <stdexcept>

#include <runnel/chan.hpp>
#include <runnel/context.hpp>
#include <runnel/detail/chrono.hpp>
#include <runnel/detail/count.hpp>
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

    /// Errors  std::invalid_argument for a negative interval or a burst of less than 1.
    template <class Rep, class Period>
    explicit rate_limiter(std::chrono::duration<Rep, Period> interval, detail::count burst = 1)
        : interval_(checked_interval(detail::to_duration(interval))),
          burst_(checked_burst(burst)) {}
    rate_limiter(const rate_limiter&) = delete;
    rate_limiter& operator=(const rate_limiter&) = delete;

    /// `events` a second, or fewer: the interval is rounded up to a whole nanosecond, which shows from some 10^7 on.
    /// Errors  std::invalid_argument unless that is more than zero. Go  rate.Limit
    static rate_limiter per_second(double events, detail::count burst = 1) {
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
    /// Returns  `ok`, also if the context is done only when the tokens are there; `canceled` or `timeout`, as ctx.err()
    ///          says, if it is done first, and `timeout` at once if its deadline is earlier than the tokens. Then nothing
    ///          is taken, but what others have waited for in the meantime stays with them.
    /// Errors   std::invalid_argument for more than the burst.
    /// Go       WaitN
    op_status wait(const context& ctx, std::size_t n = 1);
    void wait(std::size_t n = 1) { static_cast<void>(wait(background(), n)); }

    /// How many tokens are there now.
    std::size_t tokens() const {
        const std::lock_guard guard(mutex_);
        if (interval_ == duration::zero()) return burst_;
        const ticks all = cost_of(burst_);
        const ticks missing = missing_at(ticks_of(detail::now()));
        return missing >= all ? 0 : static_cast<std::size_t>((all - missing) / interval_.count());
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
        const ticks now = ticks_of(detail::now());
        const ticks missing = missing_at(now);
        full_at_ = now;
        if (interval_ > duration::zero()) full_at_ += rescaled(missing, interval_, wanted);
        interval_ = wanted;
    }
    void set_burst(detail::count new_burst) {
        const std::size_t burst = checked_burst(new_burst);
        const std::lock_guard guard(mutex_);
        const ticks now = ticks_of(detail::now());
        const ticks missing = missing_at(now) + cost_of(burst) - cost_of(burst_);
        full_at_ = missing > 0 ? now + missing : now;
        burst_ = burst;
    }

private:
    /// A duration's, or a time point's since the clock began. No bucket is longer than 2^124 of them.
    __extension__ using ticks = __int128;
    static ticks ticks_of(detail::time_point t) { return t.time_since_epoch().count(); }
    static duration duration_of(ticks t) { return duration(static_cast<duration::rep>(t)); }

    /// What taking tokens now would mean.
    struct plan {
        bool possible;
        ticks full_at;
        detail::time_point time_to_act;
        ticks cost;
        duration interval;  // when it was made
    };

    static duration checked_interval(duration d) {
        if (d < duration::zero()) {
            throw std::invalid_argument("runnel::rate_limiter: the interval is not negative");
        }
        return d < longest ? d : longest;
    }
    static std::size_t checked_burst(detail::count n) {
        return n.at_least(1, "runnel::rate_limiter: the burst is at least 1");
    }

    static constexpr duration longest = duration::max() / 8;  // some 36 years
    static constexpr ticks most = ticks{1} << 125;            // sums of a few do not overflow

    ticks cost_of(std::size_t n) const {
        return static_cast<ticks>(n) * static_cast<ticks>(interval_.count());
    }
    ticks missing_at(ticks now) const {
        const ticks missing = full_at_ > now ? full_at_ - now : 0;
        return missing < most ? missing : most;
    }

    /// With the mutex held.
    plan plan_for(std::size_t n, detail::time_point now) const {
        if (n > burst_ && interval_ > duration::zero()) return {false, {}, {}, {}, {}};
        const ticks cost = cost_of(n);
        const ticks all = missing_at(ticks_of(now)) + cost;
        const ticks beyond = all - cost_of(burst_);
        const ticks wait = beyond < 0 ? 0 : beyond < longest.count() ? beyond : longest.count();
        return {true, ticks_of(now) + all, detail::deadline_after(duration_of(wait), now), cost,
                interval_};
    }
    /// The time of as many tokens, where one takes `to` and not `from`.
    static ticks rescaled(ticks time, duration from, duration to) {
        const ticks tokens = time / from.count();
        if (to > duration::zero() && tokens >= most / to.count()) return most;
        const ticks rest = time % from.count() * to.count();
        return tokens * to.count() + (rest + from.count() - 1) / from.count();
    }
    void take(const plan& p) {
        full_at_ = p.full_at;
        last_act_ = p.time_to_act;
    }

    /// Gives back what was planned, as far as nobody has reserved behind it: theirs is fixed already. False if it was
    /// time to act: it counts as done.
    bool give_back(const plan& p) {
        const std::lock_guard guard(mutex_);
        const detail::time_point now = detail::now();
        if (p.time_to_act < now) return false;
        // The latest need not be the last to act: the interval may have changed, or one was given back.
        const ticks behind =
            last_act_ > p.time_to_act ? (last_act_ - p.time_to_act).count() : ticks{0};
        if (behind >= p.cost) return true;
        const ticks back = p.cost - behind;
        full_at_ -= p.interval == interval_ ? back : rescaled(back, p.interval, interval_);
        if (last_act_ <= p.time_to_act) {
            const ticks before = ticks_of(p.time_to_act) - p.cost;
            last_act_ = before > ticks_of(now) ? detail::time_point(duration_of(before)) : now;
        }
        return true;
    }

    mutable mutex mutex_;
    duration interval_;  // guarded by mutex_, like all below
    std::size_t burst_;
    ticks full_at_ = 0;              // when the bucket is full again; what has passed counts as now
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
        if (plan_.possible) static_cast<void>(limiter_->give_back(plan_));
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
    return give_back(p) ? detail::status_of(ctx) : op_status::ok;
}

}  // namespace v0
}  // namespace runnel
