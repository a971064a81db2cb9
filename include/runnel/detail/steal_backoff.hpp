// runnel/detail/steal_backoff.hpp — whether it has been worth a worker's while to take work from others.
// SPDX-License-Identifier: BSL-1.0
//
//   Layer   1
//   Why     Goroutines that talk to each other become runnable all the time, and run at once where they are. A
//           second worker that takes one of them is out of work a few microseconds later: it was woken by a futex
//           call, looks around, sleeps again; and what the goroutines share crosses between two cores. That makes a
//           pipeline three times as slow on two workers as on one. So an account is kept of what the worker has had of
//           its taking; while it is deep in the red the worker stays away for a while, and the longer the more often.
//   Go      wakes and looks each time
#pragma once

#include <cstdint>

#include <runnel/detail/platform.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

class steal_backoff {
public:
    // What taking costs. To look for long is a sign that there is little; it keeps others from their cache lines, too.
    static constexpr duration take = std::chrono::microseconds(3);
    static constexpr duration wake_up = std::chrono::microseconds(25);
    static constexpr int search = 4;  // times as long as it took
    /// Of the time in which it is busy; who waits longer for locks makes others wait as well.
    static constexpr int most_waiting = 12;                            // one in so many
    static constexpr duration limit = std::chrono::microseconds(100);  // of the account, either way
    static constexpr duration shortest = std::chrono::microseconds(50);
    static constexpr std::uint32_t most_doublings = 7;  // 6.4 ms

    /// It has been woken to look for work.
    void woken() noexcept { price_ = wake_up; }
    /// There was work other than others'.
    void needs_nothing() noexcept { price_ = duration::zero(); }
    /// It has nothing to do, and is about to look at others'. `waited` is for how long its thread has waited for
    /// locks so far, here and below.
    void runs_out(time_point t, duration waited) noexcept {
        if (busy_) {
            const duration gain = t - since_;
            const bool disturbed = (waited - waited_) * most_waiting > gain;
            settle((disturbed ? -gain : gain) - owed_);
        }
        busy_ = false;
        since_ = t;
    }
    /// It has taken something.
    void takes(time_point t, duration waited) noexcept {
        owed_ = price_ + take + (t - since_) * search;
        price_ = duration::zero();
        busy_ = true;
        since_ = t;
        waited_ = waited;
    }
    /// There was nothing to take.
    void finds_nothing() noexcept {
        if (price_ != duration::zero()) settle(-price_);
        price_ = duration::zero();
    }

    /// How long it had better stay away before it looks; zero: not at all.
    duration pause() const noexcept {
        return account_ > -limit ? duration::zero() : shortest * (1U << doublings_);
    }

private:
    void settle(duration gain) noexcept {
        const bool was_deep = account_ <= -limit;
        account_ += gain;
        if (account_ > limit) account_ = limit;
        if (account_ >= duration::zero()) doublings_ = 0;
        if (account_ > -limit) return;
        account_ = -limit;
        if (was_deep && doublings_ < most_doublings) ++doublings_;
    }

    duration account_{};
    duration price_{};    // of having come to look
    duration owed_{};     // for what it is busy with
    time_point since_{};  // it is busy, or looks
    duration waited_{};   // when it took that
    std::uint32_t doublings_ = 0;
    bool busy_ = false;
};

}  // namespace detail
}  // namespace v0
}  // namespace runnel
