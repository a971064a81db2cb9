// tests/batch_test.cpp — batches by size: order, the last one, exceptions. By time: batch_simulated_test.cpp.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/batch.hpp>

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
using runnel::batch;
using runnel::context;
using runnel::recv_chan;
using vectors = std::vector<std::vector<int>>;

TEST_CASE("batch keeps what all stages keep", "[batch]") {
    test::expectations expected;
    test::check_stage(expected, 5,
                      [](const context& ctx, recv_chan<int> in) { return batch(ctx, in, 5, 1h); });
    test::check_stage(expected, 5,
                      [](const context& ctx, recv_chan<int> in) { return batch(ctx, in, 5); });
}

TEST_CASE("batches are full, in order, and the last has the rest", "[batch]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        const vectors seven{{0, 1, 2}, {3, 4, 5}, {6}};
        const vectors six{{0, 1, 2}, {3, 4, 5}};
        expected.check(test::all_of(batch(background(), test::numbers(7), 3, 1h)) == seven,
                       "seven");
        expected.check(test::all_of(batch(background(), test::numbers(6), 3, 1h)) == six,
                       "six, and none is empty");
        expected.check(test::all_of(batch(background(), test::numbers(7), 3)) == seven,
                       "without a limit of time");
        expected.check(test::all_of(batch(background(), test::numbers(0), 3)).empty(), "nothing");
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("what came before the input's exception is a batch still", "[batch]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto in = runnel::make_chan<int>(4);
        in << 0 << 1 << 2 << 3;
        in.close(std::make_exception_ptr(std::runtime_error("broken")));
        const auto out = batch(background(), in, 3, 1h);
        expected.check(out.recv() == std::vector{0, 1, 2}, "a full one");
        expected.check(out.recv() == std::vector{3}, "the rest");
        expected.check_eq(test::error_at_end(out), "broken", "then the exception");
    });
    expected.verify();
}

TEST_CASE("move-only elements are collected", "[batch]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto in = runnel::make_chan<std::unique_ptr<int>>(3);
        for (int i = 0; i < 3; ++i) in.send(std::make_unique<int>(i));
        in.close();
        const auto out = batch(background(), in, 2, 1h);
        expected.check_eq(out.recv()->size(), 2, "two");
        expected.check_eq(*out.recv()->front(), 2, "and one");
    });
    expected.verify();
}

TEST_CASE("a batch of no element is refused", "[batch]") {
    CHECK_THROWS_AS(batch(background(), recv_chan<int>(), 0, 1s), std::invalid_argument);
    CHECK_THROWS_AS(batch(background(), recv_chan<int>(), 0), std::invalid_argument);
    CHECK_THROWS_AS(batch(background(), recv_chan<int>(), -1, 1s), std::invalid_argument);
    const auto all = batch(background(), test::numbers(3), static_cast<std::size_t>(-1));
    CHECK(all.recv() == test::count_to(3));
}

}  // namespace
