// tests/debounce_test.cpp — bursts: what a stage keeps. When they are over: debounce_simulated_test.cpp.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/debounce.hpp>

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
using runnel::debounce;

TEST_CASE("the last element comes when the input ends", "[debounce]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        expected.check(
            test::all_of(debounce(background(), test::numbers(20), 1h)) == std::vector{19},
            "the last one");
        expected.check(test::all_of(debounce(background(), test::numbers(0), 1h)).empty(), "none");
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("the last element comes before the input's exception", "[debounce]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto in = runnel::make_chan<std::unique_ptr<int>>(2);
        in.send(std::make_unique<int>(1));
        in.send(std::make_unique<int>(2));
        in.close(std::make_exception_ptr(std::runtime_error("broken")));
        const auto out = debounce(background(), in, 1h);
        expected.check_eq(**out.recv(), 2, "the last one");
        expected.check_eq(test::error_at_end(out), "broken", "then the exception");
    });
    expected.verify();
}

TEST_CASE("a cancellation ends it wherever it waits", "[debounce]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        for (int where = 0; where < 3; ++where) {
            const auto ctx = runnel::with_cancel(background());
            const auto in = runnel::make_chan<int>();
            const auto out = debounce(ctx, in, where == 2 ? runnel::duration(1ns) : 1h);
            if (where > 0) in.send(1);  // 1: it waits for the quiet; 2: for the reader
            expected.check(test::wait_parked(1), "it waits");
            ctx.cancel();
            expected.check(!out.recv(), "closed");
            expected.check(left.holds(), "nothing left");
        }
    });
    expected.verify();
}

TEST_CASE("while the reader lets it wait newer elements take the place", "[debounce]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto ctx = runnel::with_cancel(background());
        const auto in = runnel::make_chan<int>();
        const auto out = debounce(ctx, in, 1ns);
        for (int i = 0; i < 50; ++i) in.send(i);  // nobody reads, and nobody waits
        expected.check(out.recv() == 49, "the last one");
        ctx.cancel();
        expected.check(!out.recv(), "closed");
    });
    expected.verify();
}

TEST_CASE("a quiet time of nothing is refused", "[debounce]") {
    CHECK_THROWS_AS(debounce(background(), runnel::recv_chan<int>(), 0s), std::invalid_argument);
}

}  // namespace
