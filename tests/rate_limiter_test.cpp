// tests/rate_limiter_test.cpp — token buckets without waiting. With it: rate_limiter_simulated_test.cpp.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/rate_limiter.hpp>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <system_error>

#include "pipeline_support.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::background;
using runnel::op_status;
using runnel::rate_limiter;

TEST_CASE("a full bucket lets a burst pass, and no more", "[rate_limiter]") {
    const int tries = test::scale(200);
    test::expectations expected;
    test::on_workers([&] {
        rate_limiter limiter(1h, 10);
        std::atomic<int> passed{0};
        runnel::wait_group wg;
        for (int g = 0; g < 8; ++g) {
            wg.go([&] {
                for (int i = 0; i < tries; ++i) {
                    if (limiter.allow()) ++passed;
                    runnel::yield();
                }
            });
        }
        wg.wait();
        expected.check_eq(passed.load(), 10, "the burst");
        expected.check_eq(limiter.tokens(), 0, "empty");
    });
    expected.verify();
}

TEST_CASE("a wait that is cancelled takes nothing", "[rate_limiter]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        rate_limiter limiter(1h, 2);
        expected.check(limiter.wait(background(), 2) == op_status::ok, "the burst, at once");
        const auto ctx = runnel::with_cancel(background());
        runnel::go([&ctx] {
            static_cast<void>(test::wait_parked(1, "select"));
            ctx.cancel(std::make_error_code(std::errc::io_error));
        });
        const auto act_before = limiter.reserve().time_to_act();
        expected.check(limiter.wait(ctx) == op_status::canceled, "cancelled");
        expected.check(limiter.wait(ctx) == op_status::canceled, "done before");
        const auto act_after = limiter.reserve().time_to_act();
        expected.check(act_after - act_before >= 1h && act_after - act_before < 2h,
                       "the next reservation comes right behind the one before");
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("a wait that hears of the cancellation after its time has taken its token",
          "[rate_limiter]") {
    const test::procs one(1);
    const op_status s = runnel::run([] {
        rate_limiter limiter(2ms);
        limiter.wait();
        const auto from = runnel::clock::now();
        const auto ctx = runnel::with_cancel(background());
        runnel::go([&] {
            static_cast<void>(test::wait_parked(1, "select"));
            ctx.cancel();
            while (runnel::clock::now() <= from + 2ms) {  // with the only worker
            }
        });
        return limiter.wait(ctx);
    });
    CHECK(s == op_status::ok);
}

TEST_CASE("a deadline that is too early is told at once", "[rate_limiter]") {
    rate_limiter limiter(1h, 1);
    CHECK(limiter.allow());
    const auto ctx = runnel::with_timeout(background(), 30min);
    CHECK(limiter.wait(ctx) == op_status::timeout);
    CHECK_FALSE(ctx.err());
    const auto ctx_done = runnel::with_timeout(background(), 0s);
    CHECK(limiter.wait(ctx_done) == op_status::timeout);
}

TEST_CASE("an interval of zero is no limit", "[rate_limiter]") {
    rate_limiter limiter(0s, 3);
    for (int i = 0; i < 100; ++i) CHECK(limiter.allow(50));
    CHECK(limiter.wait(background(), 1000) == op_status::ok);
    CHECK(limiter.tokens() == 3);
    limiter.set_interval(1h);
    CHECK(limiter.tokens() == 3);
    CHECK(limiter.allow(3));
    CHECK_FALSE(limiter.allow());
}

TEST_CASE("more than the burst can never be had", "[rate_limiter]") {
    rate_limiter limiter(1ms, 3);
    CHECK_FALSE(limiter.allow(4));
    auto r = limiter.reserve(4);
    CHECK_FALSE(r.ok());
    CHECK(r.delay() == runnel::duration::max());
    r.cancel();
    CHECK_THROWS_AS(limiter.wait(background(), 4), std::invalid_argument);
    limiter.set_burst(4);
    CHECK(limiter.burst() == 4);
    CHECK(limiter.wait(background(), 4) == op_status::ok);
}

TEST_CASE("limits that make no sense are refused", "[rate_limiter]") {
    CHECK_THROWS_AS(rate_limiter(-1s), std::invalid_argument);
    CHECK_THROWS_AS(rate_limiter(1s, 0), std::invalid_argument);
    CHECK_THROWS_AS(rate_limiter(1s, -1), std::invalid_argument);
    CHECK_THROWS_AS(rate_limiter::per_second(0), std::invalid_argument);
    rate_limiter limiter(1s);
    CHECK_THROWS_AS(limiter.set_burst(0), std::invalid_argument);
    CHECK_THROWS_AS(limiter.set_interval(-1s), std::invalid_argument);
    CHECK(rate_limiter::per_second(4).interval() == 250ms);
}

TEST_CASE("the longest intervals and the largest bursts do not overflow", "[rate_limiter]") {
    const std::size_t all = static_cast<std::size_t>(-1);
    rate_limiter limiter(runnel::duration::max(), all);
    for (int i = 0; i < 100; ++i) static_cast<void>(limiter.reserve());
    CHECK(limiter.tokens() == all - 100);
    CHECK(limiter.allow(all - 100));
    CHECK_FALSE(limiter.allow());
    for (int i = 0; i < 100; ++i) static_cast<void>(limiter.reserve(all));
    limiter.set_interval(1ns);
    limiter.set_interval(runnel::duration::max());
    CHECK_FALSE(limiter.allow());
    CHECK(limiter.reserve().delay() > 24h);
    rate_limiter many(1ns, all);
    CHECK(many.allow(1'000'000));
}

TEST_CASE("a burst is as large as it is said to be, however long the intervals", "[rate_limiter]") {
    const auto allowed = [](rate_limiter&& limiter) {
        int n = 0;
        while (n < 2'000'000 && limiter.allow()) ++n;
        return n;
    };
    CHECK(rate_limiter(runnel::duration::max(), 5).tokens() == 5);
    CHECK(allowed(rate_limiter(runnel::duration::max(), 5)) == 5);
    CHECK(allowed(rate_limiter(24h * 365 * 20, 5)) == 5);
    CHECK(allowed(rate_limiter(1h, 1'000'000)) == 1'000'000);
    rate_limiter never(runnel::duration::max());
    CHECK(never.allow());
    CHECK(never.reserve().ok());
    CHECK(never.reserve().ok());
    CHECK(never.wait(runnel::with_timeout(background(), 1h)) == op_status::timeout);
}

}  // namespace
