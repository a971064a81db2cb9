// tests/throttle_test.cpp — fewer elements: what a stage keeps. In time: throttle_simulated_test.cpp.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/throttle.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <vector>

#include "pipeline_support.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::background;
using runnel::context;
using runnel::rate_limiter;
using runnel::recv_chan;
using runnel::throttle;

TEST_CASE("a stage behind a limiter keeps what all stages keep", "[throttle]") {
    rate_limiter limiter(0s);
    test::expectations expected;
    test::check_stage(expected, 1, [&](const context& ctx, recv_chan<int> in) {
        return throttle(ctx, in, limiter);
    });
}

TEST_CASE("a limiter lets all elements pass, in their order", "[throttle]") {
    test::expectations expected;
    test::on_workers([&] {
        rate_limiter limiter(1us, 5);
        expected.check(
            test::all_of(throttle(background(), test::numbers(50), limiter)) == test::count_to(50),
            "all");
        rate_limiter slow(1h, 2);
        const auto ctx = runnel::with_cancel(background());
        const auto out = throttle(ctx, test::numbers(5), slow);
        expected.check(out.recv() == 0 && out.recv() == 1, "the burst");
        expected.check(test::wait_parked(1, "select"), "then it waits");
        ctx.cancel();
        expected.check(!out.recv(), "until it is cancelled");
    });
    expected.verify();
}

TEST_CASE("the first comes at once, and the end waits for its time", "[throttle]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        const auto in = runnel::make_chan<int>();
        const auto ctx = runnel::with_cancel(background());
        const auto out = throttle(ctx, in, 1h);
        in.send(1);
        expected.check(out.recv() == 1, "at once");
        for (int i = 2; i < 20; ++i) in.send(i);  // dropped but for the last
        in.close();
        expected.check(test::wait_parked(1, "select"), "the last one waits");
        ctx.cancel();
        expected.check(!out.recv(), "and is dropped by the cancellation alone");
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("however fast elements come, some get through", "[throttle]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto ctx = runnel::with_cancel(background());
        const auto in = runnel::make_chan<int>(100);
        runnel::wait_group flood;
        flood.go([&] {
            for (int i = 0; in.send(ctx, i) == runnel::op_status::ok; ++i) {
            }
        });
        const auto out = throttle(ctx, in, 10us);
        int last = -1;
        bool rises = true;
        for (int i = 0; i < 20; ++i) {
            const int v = out.recv().value_or(-1);
            rises = rises && v > last;
            last = v;
        }
        expected.check(rises, "in their order");
        ctx.cancel();
        flood.wait();
    });
    expected.verify();
}

TEST_CASE("the last element comes before the input's exception", "[throttle]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto in = runnel::make_chan<std::unique_ptr<int>>(2);
        in.send(std::make_unique<int>(1));
        in.close(std::make_exception_ptr(std::runtime_error("broken")));
        const auto out = throttle(background(), in, 1ms);
        expected.check_eq(**out.recv(), 1, "the element");
        expected.check_eq(test::error_at_end(out), "broken", "then the exception");
    });
    expected.verify();
}

TEST_CASE("a period of nothing is refused", "[throttle]") {
    CHECK_THROWS_AS(throttle(background(), recv_chan<int>(), 0s), std::invalid_argument);
}

}  // namespace
