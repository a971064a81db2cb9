// tests/rate_limiter_simulated_test.cpp — token buckets to the nanosecond, in virtual time.
// SPDX-License-Identifier: BSL-1.0
#include <chrono>
#include <mutex>
#include <system_error>
#include <vector>

#include <runnel/testing.hpp>

#include <runnel/context.hpp>
#include <runnel/go.hpp>
#include <runnel/mutex.hpp>
#include <runnel/rate_limiter.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/simulated.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::background;
using runnel::op_status;
using runnel::rate_limiter;
using test::on_seeds;
using test::require;
using test::stopwatch;

TEST_CASE("after the burst one passes each interval", "[rate_limiter]") {
    on_seeds([] {
        rate_limiter limiter(100ms, 3);
        const stopwatch since;
        for (int i = 0; i < 10; ++i) {
            limiter.wait();
            since.require_passed(i < 3 ? 0ms : (i - 2) * 100ms, "its turn");
        }
    });
}

TEST_CASE("tokens come back, up to the burst", "[rate_limiter]") {
    on_seeds([] {
        rate_limiter limiter(100ms, 3);
        require(limiter.allow(3) && !limiter.allow(), "the burst");
        runnel::sleep_for(99ms);
        require(!limiter.allow() && limiter.tokens() == 0, "not yet");
        runnel::sleep_for(1ms);
        require(limiter.tokens() == 1 && limiter.allow() && !limiter.allow(), "one");
        runnel::sleep_for(10s);
        require(limiter.tokens() == 3, "full");
        require(limiter.allow(3) && !limiter.allow(), "and no more than that");
    });
}

TEST_CASE("several who wait are served one each interval", "[rate_limiter]") {
    on_seeds([] {
        rate_limiter limiter(10ms, 1);
        const stopwatch since;
        runnel::mutex m;
        std::vector<std::chrono::nanoseconds> times;  // guarded by m
        runnel::wait_group wg;
        for (int i = 0; i < 5; ++i) {
            wg.go([&] {
                limiter.wait();
                const std::lock_guard guard(m);
                times.push_back(since.passed());
            });
        }
        wg.wait();
        require(times == std::vector<std::chrono::nanoseconds>{0ms, 10ms, 20ms, 30ms, 40ms},
                "in turns");
    });
}

TEST_CASE("a reservation says when to act, and is given back", "[rate_limiter]") {
    on_seeds([] {
        rate_limiter limiter(1s, 2);
        require(limiter.reserve(2).delay() == 0s, "at once");
        auto first = limiter.reserve(2);
        require(first.ok() && first.delay() == 2s, "in two seconds");
        first.cancel();
        require(limiter.reserve().delay() == 1s, "its place is free again");
        auto second = limiter.reserve();
        require(second.delay() == 2s, "the next");
        auto third = limiter.reserve();
        require(third.delay() == 3s, "and the next");
        second.cancel();
        require(limiter.reserve().delay() == 4s, "who is behind keeps the time");
        third.cancel();
        runnel::sleep_for(10s);
        third.cancel();
        require(limiter.tokens() == 2, "never more than the burst");
        auto now = limiter.reserve();
        now.cancel();
        require(limiter.tokens() == 2, "at the very moment it is not used yet");
        now = limiter.reserve();
        runnel::sleep_for(1ns);
        now.cancel();
        require(limiter.tokens() == 1, "what could be acted on is used");
    });
}

TEST_CASE("a cancelled wait makes room for the next", "[rate_limiter]") {
    on_seeds([] {
        rate_limiter limiter(1s, 1);
        limiter.wait();
        const auto ctx = runnel::with_timeout(background(), 1500ms);
        require(limiter.wait(ctx) == op_status::ok, "after one second");
        const stopwatch since;
        require(limiter.wait(ctx) == op_status::timeout, "the deadline is earlier");
        since.require_passed(0s, "told at once");
        const auto other = runnel::with_cancel(background());
        runnel::go([&other] {
            runnel::sleep_for(300ms);
            other.cancel();
        });
        require(limiter.wait(other) == op_status::canceled, "cancelled");
        since.require_passed(300ms, "when it was");
        limiter.wait();
        since.require_passed(1s, "the token that it did not take");
    });
}

TEST_CASE("interval and burst change, the tokens stay", "[rate_limiter]") {
    on_seeds([] {
        rate_limiter limiter(1s, 4);
        require(limiter.allow(3), "three of four");
        limiter.set_interval(10s);
        require(limiter.tokens() == 1, "one is left");
        runnel::sleep_for(10s);
        require(limiter.tokens() == 2, "the new rate");
        limiter.set_burst(10);
        require(limiter.tokens() == 2, "a larger bucket is not fuller");
        limiter.set_burst(1);
        require(limiter.tokens() <= 1, "a smaller one holds less");
        limiter.set_interval(0s);
        require(limiter.allow(100), "no limit");
    });
}

TEST_CASE("what is given back is what was taken, in any order", "[rate_limiter]") {
    on_seeds([] {
        rate_limiter limiter(1s, 5);
        std::vector<rate_limiter::reservation> all;
        for (int i = 0; i < 5; ++i) all.push_back(limiter.reserve());
        for (std::size_t given = 1; given <= 5; ++given) {
            all[5 - given].cancel();
            require(limiter.tokens() == given, "one each, of what could be acted on at once");
        }
        require(limiter.allow(5), "the burst");
        for (int i = 0; i < 5; ++i) all[static_cast<std::size_t>(i)] = limiter.reserve();
        limiter.set_interval(100ms);
        require(limiter.reserve().delay() == 600ms, "before those whose time was fixed already");
        all[4].cancel();
        require(limiter.reserve().delay() == 600ms, "one place is free, and no more");
    });
}

TEST_CASE("a wait that is cancelled when its time has come has what it waited for",
          "[rate_limiter]") {
    int ok = 0;
    int canceled = 0;
    on_seeds([&] {
        rate_limiter limiter(1s);
        limiter.wait();
        const auto ctx = runnel::with_cancel(background());
        runnel::wait_group wg;
        wg.go([&ctx] {
            runnel::sleep_for(1s);
            ctx.cancel();
        });
        const op_status s = limiter.wait(ctx);
        require(limiter.allow() == (s != op_status::ok), "a token is there, or was taken");
        ++(s == op_status::ok ? ok : canceled);
        wg.wait();
    });
    CHECK(ok > 0);
    CHECK(canceled > 0);
}

}  // namespace
