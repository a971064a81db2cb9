// tests/generate_test.cpp — sources: ranges, functions, repetition.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/generate.hpp>

#include <array>
#include <atomic>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "pipeline_support.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using runnel::background;
using runnel::generate;
using runnel::recv_chan;
using runnel::repeat;

static_assert(
    std::is_same_v<decltype(generate(background(), std::vector<bool>())), recv_chan<bool>>);
static_assert(std::is_same_v<decltype(generate(background(), [] { return std::optional<long>(); })),
                             recv_chan<long>>);
static_assert(std::is_same_v<decltype(repeat(background(), [] { return 'x'; })), recv_chan<char>>);

TEST_CASE("a range's elements come out in order", "[generate]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        const std::vector<int> values = test::count_to(30);
        expected.check(test::all_of(generate(background(), values)) == values, "a vector");
        const std::list<int> list(values.begin(), values.end());
        expected.check(test::all_of(generate(background(), list)) == values, "a list");
        expected.check(test::all_of(generate(background(), {4, 5, 6})) == std::vector{4, 5, 6},
                       "a list of initialisers");
        const std::array<int, 3> array{1, 2, 3};
        expected.check(test::all_of(generate(background(), std::span<const int>(array))) ==
                           std::vector{1, 2, 3},
                       "a view");
        expected.check(test::all_of(generate(background(), std::vector<bool>{true, false})) ==
                           std::vector<bool>{true, false},
                       "bits");
        expected.check(test::all_of(generate(background(), std::vector<int>())).empty(), "none");
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("an lvalue is copied, a view's elements are not moved", "[generate]") {
    test::expectations expected;
    test::on_workers([&] {
        std::vector<std::string> words{"one", "two"};
        expected.check_eq(test::all_of(generate(background(), words)).size(), 2, "of a copy");
        expected.check_eq(words[0], "one", "untouched");
        expected.check_eq(
            test::all_of(generate(background(), std::span<std::string>(words))).size(), 2,
            "of a view");
        expected.check_eq(words[1], "two", "untouched");
    });
    expected.verify();
}

TEST_CASE("move-only elements are moved out of a range that was given away", "[generate]") {
    test::expectations expected;
    test::on_workers([&] {
        std::vector<std::unique_ptr<int>> values;
        for (int i = 0; i < 5; ++i) values.push_back(std::make_unique<int>(i));
        int sum = 0;
        for (auto& p : generate(background(), std::move(values))) sum += *p;
        expected.check_eq(sum, 10, "all of them");
    });
    expected.verify();
}

TEST_CASE("a function is called until it returns nothing", "[generate]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        const auto out = generate(background(), [n = 0]() mutable -> std::optional<int> {
            if (n == 20) return std::nullopt;
            return n++;
        });
        expected.check(test::all_of(out) == test::count_to(20), "in order");
        auto moved = generate(background(), [p = std::make_unique<int>(1)]() mutable {
            return p != nullptr ? std::optional(std::move(p)) : std::nullopt;
        });
        expected.check_eq(test::all_of(moved).size(), 1, "a move-only function and element");
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("a source is asked for the next element when the last one was taken", "[generate]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto ctx = runnel::with_cancel(background());
        std::atomic<int> calls{0};
        const test::nothing_left left;
        const auto out = repeat(ctx, [&] { return ++calls; });
        expected.check(test::wait_parked(1), "it waits for a reader");
        expected.check_eq(calls.load(), 1, "one call ahead");
        expected.check_eq(out.recv().value_or(0), 1, "the first");
        expected.check(test::eventually([&] { return calls == 2; }), "and the next one is made");
        for (int i = 0; i < 100; ++i) runnel::yield();
        expected.check_eq(calls.load(), 2, "no more");
        ctx.cancel();
        expected.check(left.holds(), "nothing left");
        expected.check_eq(calls.load(), 2, "none after the cancellation");
        expected.check(!out.recv(), "closed");
    });
    expected.verify();
}

TEST_CASE("a source is not asked when its context is born done", "[generate]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto ctx = runnel::with_cancel(background());
        ctx.cancel();
        std::atomic<int> calls{0};
        expected.check(!repeat(ctx, [&] { return ++calls; }).recv(), "closed");
        expected.check(!generate(ctx, [&]() -> std::optional<int> { return ++calls; }).recv(),
                       "closed");
        expected.check(!generate(ctx, std::vector<int>{1, 2}).recv(), "closed");
        expected.check_eq(calls.load(), 0, "calls");
    });
    expected.verify();
}

TEST_CASE("an exception of the function closes the channel", "[generate]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        const auto a = generate(background(), [n = 0]() mutable -> std::optional<int> {
            if (++n == 3) throw std::runtime_error("no third");
            return n;
        });
        expected.check(a.recv() == 1 && a.recv() == 2, "those before");
        expected.check_eq(test::error_at_end(a), "no third", "then it");
        const auto b = repeat(background(), []() -> int { throw std::runtime_error("none"); });
        expected.check_eq(test::error_at_end(b), "none", "repeat");
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

}  // namespace
