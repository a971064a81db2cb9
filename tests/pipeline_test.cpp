// tests/pipeline_test.cpp — whole pipelines, with all that pipeline.hpp gives.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/pipeline.hpp>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include "pipeline_support.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::background;
using runnel::recv_chan;

/// A source, a wide stage, a filter, batches: the shape of an import.
recv_chan<std::vector<int>> import_of(const runnel::context& ctx, std::atomic<int>& made) {
    const auto rows = runnel::repeat(ctx, [&made] { return made++; });
    return runnel::from(ctx, rows) | runnel::parallel_transform(4, [](int v) { return v; }) |
           runnel::filter([](int v) { return v % 2 == 0; }) | runnel::batch(10, 1h);
}

TEST_CASE("whoever stops reading cancels, and the whole pipeline ends", "[pipeline]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        std::atomic<int> made{0};
        const auto ctx = runnel::with_cancel(background());
        const auto out = import_of(ctx, made);
        for (int i = 0; i < 3; ++i) expected.check_eq(out.recv()->size(), 10, "a full batch");
        ctx.cancel();
        expected.check(left.holds(), "nothing left");
        const int at_the_end = made;
        for (int i = 0; i < 100; ++i) runnel::yield();
        expected.check_eq(made.load(), at_the_end, "nothing is made any more");
    });
    expected.verify();
}

TEST_CASE("a pipeline runs no further ahead than its stages hold", "[pipeline]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto ctx = runnel::with_cancel(background());
        std::atomic<int> made{0};
        const auto out = import_of(ctx, made);
        int seen = -1;
        // It has come to rest when nothing is made for a while.
        expected.check(test::eventually([&] {
                           const int before = std::exchange(seen, made.load());
                           for (int i = 0; i < 100; ++i) runnel::yield();
                           return before == seen && seen >= 20;
                       }),
                       "it comes to rest");
        // A batch of ten even ones, and what source, four workers and filter have in hand.
        expected.check(seen <= 22 + 1 + 4 + 2 + 4, "with no more than that");
        ctx.cancel();
        while (out.recv()) {
        }
    });
    expected.verify();
}

TEST_CASE("a diamond: one source, two ways, one end", "[pipeline]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        const auto [a, b] =
            runnel::tee(background(), runnel::generate(background(), test::count_to(50)));
        const auto doubled = runnel::transform(background(), a, [](int v) { return 2 * v; });
        const auto negated =
            runnel::ordered_transform(background(), b, 3, [](int v) { return -v; });
        long sum = 0;
        int n = 0;
        for (const int v : runnel::fan_in(background(), doubled, negated)) {
            sum += v;
            ++n;
        }
        expected.check_eq(n, 100, "both ways");
        expected.check_eq(sum, 1225, "sum");
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("channels made of channels become one again", "[pipeline]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto channels = runnel::transform(background(), test::numbers(4), [](int n) {
            return runnel::generate(background(), test::count_to(n));
        });
        expected.check(
            test::all_of(runnel::bridge(background(), channels)) == std::vector{0, 0, 1, 0, 1, 2},
            "in order");
    });
    expected.verify();
}

TEST_CASE("an exception in the middle reaches the reader, and a cancellation ends those before it",
          "[pipeline]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        const auto ctx = runnel::with_cancel(background());
        std::atomic<int> made{0};
        const auto source = runnel::repeat(ctx, [&] { return made++; });
        const auto failing = runnel::transform(ctx, source, [](int v) {
            if (v == 20) throw std::runtime_error("twenty");
            return v;
        });
        const auto outs = runnel::fan_out(ctx, failing, 3, [](int v) { return v; });
        expected.check_eq(test::error_at_end(runnel::fan_in(ctx, outs)), "twenty", "the reader's");
        ctx.cancel();
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

}  // namespace
