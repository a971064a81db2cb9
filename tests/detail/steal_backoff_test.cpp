// tests/detail/steal_backoff_test.cpp — when a worker stays away from others, and for how long.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/detail/steal_backoff.hpp>

#include <chrono>

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::duration;
using runnel::detail::steal_backoff;
using runnel::detail::time_point;

// What a worker goes through.
struct life {
    steal_backoff backoff;
    time_point t{1s};
    duration waited{5ms};

    /// It looks for so long and takes something, which keeps it busy; for a part of that it waits for locks.
    void take(duration busy, duration looking = 0s, duration waiting = 0s) {
        backoff.runs_out(t, waited);
        t += looking;
        backoff.takes(t, waited);
        t += busy;
        waited += waiting;
        backoff.runs_out(t, waited);
    }
    void is_woken_for_nothing() {
        backoff.woken();
        backoff.runs_out(t, waited);
        backoff.finds_nothing();
    }
    bool stays_away() const { return backoff.pause() > 0s; }
    /// How many times something is done until it stays away; 0: it does not.
    template <class F>
    int times_until_away(F something) {
        for (int i = 1; i <= 10'000; ++i) {
            something();
            if (stays_away()) return i;
        }
        return 0;
    }
};

TEST_CASE("a worker that has taken nothing yet looks at once", "[steal_backoff]") {
    life one;
    CHECK_FALSE(one.stays_away());
    one.backoff.runs_out(one.t, one.waited);
    one.backoff.finds_nothing();
    CHECK_FALSE(one.stays_away());
}

TEST_CASE("what keeps it busy for longer than the taking costs is worth it", "[steal_backoff]") {
    life one;
    CHECK(one.times_until_away([&] { one.take(10us, 1us); }) == 0);
    CHECK(one.times_until_away([&] { one.take(steal_backoff::take); }) == 0);
}

TEST_CASE("what does not, is not: each time puts it a little more in the red", "[steal_backoff]") {
    life one;
    const int times = one.times_until_away([&] { one.take(1us); });
    CHECK(times == steal_backoff::limit / (steal_backoff::take - 1us));
    life slow;
    CHECK(slow.times_until_away([&] { slow.take(10us, 3us); }) ==
          steal_backoff::limit / (steal_backoff::take + 3us * steal_backoff::search - 10us));
}

TEST_CASE("to be woken costs more, and for nothing even more", "[steal_backoff]") {
    life one;
    CHECK(one.times_until_away([&] { one.is_woken_for_nothing(); }) ==
          steal_backoff::limit / steal_backoff::wake_up);
    life other;
    CHECK(other.times_until_away([&] {
        other.backoff.woken();
        other.take(10us);
    }) == (steal_backoff::limit + 17us) / 18us);
    life third;
    CHECK(third.times_until_away([&] {
        third.backoff.woken();
        third.take(50us);
    }) == 0);
}

TEST_CASE("what it was woken for counts once", "[steal_backoff]") {
    life one;
    CHECK(one.times_until_away([&] {
        one.backoff.woken();
        one.take(30us);
        one.take(5us);
    }) == 0);
    CHECK(one.times_until_away([&] {
        one.backoff.woken();
        one.backoff.needs_nothing();  // there was other work
        one.take(5us);
    }) == 0);
}

TEST_CASE("who waits for locks while busy is a nuisance, however busy", "[steal_backoff]") {
    life one;
    CHECK(one.times_until_away(
              [&] { one.take(1ms, 0s, duration(1ms) / steal_backoff::most_waiting); }) == 0);
    CHECK(one.times_until_away(
              [&] { one.take(1ms, 0s, duration(1ms) / steal_backoff::most_waiting + 1us); }) == 1);
}

TEST_CASE("each time in vain doubles the pause, up to a bound", "[steal_backoff]") {
    life one;
    REQUIRE(one.times_until_away([&] { one.is_woken_for_nothing(); }) > 0);
    duration expected = steal_backoff::shortest;
    for (std::uint32_t i = 0; i <= steal_backoff::most_doublings; ++i, expected *= 2) {
        CHECK(one.backoff.pause() == expected);
        one.take(0s);
    }
    CHECK(one.backoff.pause() == 6'400us);
    for (int i = 0; i < 1000; ++i) one.take(1us);
    CHECK(one.backoff.pause() == 6'400us);
}

TEST_CASE("once it was worth it, it looks at once; it is trusted again when the red is gone",
          "[steal_backoff]") {
    life one;
    for (int i = 0; i < 1000; ++i) one.take(1us);
    REQUIRE(one.backoff.pause() == 6'400us);
    one.take(13us);
    CHECK_FALSE(one.stays_away());
    for (int i = 0; i < 5; ++i) one.take(1us);
    CHECK(one.backoff.pause() == 6'400us);  // as before

    one.take(200us);
    CHECK(one.times_until_away([&] { one.take(1us); }) > 50);
    CHECK(one.backoff.pause() == steal_backoff::shortest);
}

TEST_CASE("a long time that was worth it does not excuse all that follows", "[steal_backoff]") {
    life one;
    one.take(1h);
    CHECK(one.times_until_away([&] { one.take(1us); }) ==
          2 * (steal_backoff::limit / (steal_backoff::take - 1us)));
}

}  // namespace
