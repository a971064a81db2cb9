// tests/transform_test.cpp — transform, filter, flat_map, take.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/transform.hpp>

#include <atomic>
#include <memory>
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
using runnel::context;
using runnel::recv_chan;

static_assert(std::is_same_v<decltype(runnel::transform(background(), recv_chan<int>(),
                                                        [](int) { return std::string(); })),
                             recv_chan<std::string>>);
static_assert(std::is_same_v<decltype(runnel::flat_map(background(), runnel::chan<int>(),
                                                       [](int) { return std::vector<long>(); })),
                             recv_chan<long>>);

TEST_CASE("transform keeps what all stages keep", "[transform]") {
    test::expectations expected;
    test::check_stage(expected, 1, [](const context& ctx, recv_chan<int> in) {
        return runnel::transform(ctx, in, [](int v) { return std::to_string(v); });
    });
}
TEST_CASE("filter keeps what all stages keep", "[transform][filter]") {
    test::expectations expected;
    test::check_stage(expected, 1, [](const context& ctx, recv_chan<int> in) {
        return runnel::filter(ctx, in, [](int) { return true; });
    });
}
TEST_CASE("flat_map keeps what all stages keep", "[transform][flat_map]") {
    test::expectations expected;
    test::check_stage(expected, 1, [](const context& ctx, recv_chan<int> in) {
        return runnel::flat_map(ctx, in, [](int v) { return std::vector<int>(3, v); });
    });
}
TEST_CASE("take keeps what all stages keep", "[transform][take]") {
    test::expectations expected;
    test::check_stage(expected, 1, [](const context& ctx, recv_chan<int> in) {
        return runnel::take(ctx, in, 1000);
    });
}

TEST_CASE("results come in the order of the elements", "[transform]") {
    test::expectations expected;
    test::on_workers([&] {
        std::vector<std::string> words;
        std::vector<int> evens;
        std::vector<int> pairs;
        for (int i = 0; i < 40; ++i) {
            words.push_back(std::to_string(i));
            if (i % 2 == 0) evens.push_back(i);
            for (int k = 0; k < i % 3; ++k) pairs.push_back(i);
        }
        expected.check(
            test::all_of(runnel::transform(background(), test::numbers(40),
                                           [](int v) { return std::to_string(v); })) == words,
            "transform");
        expected.check(test::all_of(runnel::filter(background(), test::numbers(40),
                                                   [](int v) { return v % 2 == 0; })) == evens,
                       "filter");
        expected.check(
            test::all_of(runnel::flat_map(
                background(), test::numbers(40),
                [](int v) { return std::vector<int>(static_cast<unsigned>(v % 3), v); })) == pairs,
            "flat_map");
    });
    expected.verify();
}

TEST_CASE("an exception comes after the results before it, and ends the stage", "[transform]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        const auto in = test::numbers(10);
        const auto out = runnel::transform(background(), in, [](int v) {
            if (v == 3) throw std::runtime_error("three");
            return v;
        });
        std::vector<int> before;
        try {
            for (const int v : out) before.push_back(v);
        } catch (const std::runtime_error& e) {
            expected.check_eq(test::words_of(e), "three", "its exception");
        }
        expected.check(before == test::count_to(3), "those before");
        expected.check_eq(in.len(), 6, "the others are left");
        const auto filtered = runnel::filter(background(), test::numbers(3), [](int) -> bool {
            throw std::runtime_error("filter");
        });
        expected.check_eq(test::error_at_end(filtered), "filter", "a predicate's");
        const auto flat =
            runnel::flat_map(background(), test::numbers(3),
                             [](int) -> std::vector<int> { throw std::runtime_error("flat_map"); });
        expected.check_eq(test::error_at_end(flat), "flat_map", "of a function that makes ranges");
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("what was in the input before its exception comes out first", "[transform]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto in = runnel::make_chan<int>(3);
        in << 0 << 1 << 2;
        in.close(std::make_exception_ptr(std::runtime_error("broken")));
        const auto out = runnel::transform(background(), in, [](int v) { return v; });
        for (int i = 0; i < 3; ++i) expected.check(out.recv() == i, "a value");
        expected.check_eq(test::error_at_end(out), "broken", "then the exception");
    });
    expected.verify();
}

TEST_CASE("move-only elements flow through", "[transform]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto in = runnel::make_chan<test::move_only>(10);
        for (int i = 0; i < 10; ++i) in.send(test::move_only(i));
        in.close();
        const auto doubled = runnel::transform(
            background(), in, [](test::move_only v) { return test::move_only(2 * v.value); });
        const auto some = runnel::filter(background(), doubled,
                                         [](const test::move_only& v) { return v.value >= 6; });
        const auto twice = runnel::flat_map(background(), some, [](test::move_only v) {
            std::vector<std::unique_ptr<int>> both;
            both.push_back(std::make_unique<int>(v.value));
            both.push_back(std::make_unique<int>(-v.value));
            return both;
        });
        std::vector<int> seen;
        for (auto& p : runnel::take(background(), twice, 5)) seen.push_back(*p);
        expected.check(seen == std::vector{6, -6, 8, -8, 10}, "through all four");
        static_cast<void>(test::all_of(twice));
    });
    expected.verify();
}

TEST_CASE("what flat_map's function returns by reference or as a view is copied",
          "[transform][flat_map]") {
    test::expectations expected;
    test::on_workers([&] {
        std::vector<std::string> words{"a", "b"};
        const auto by_reference =
            runnel::flat_map(background(), test::numbers(2),
                             [&](int) -> std::vector<std::string>& { return words; });
        expected.check_eq(test::all_of(by_reference).size(), 4, "twice two");
        const auto as_view = runnel::flat_map(background(), test::numbers(2),
                                              [&](int) { return std::span<std::string>(words); });
        expected.check_eq(test::all_of(as_view).size(), 4, "twice two");
        expected.check(words == std::vector<std::string>{"a", "b"}, "untouched");
    });
    expected.verify();
}

TEST_CASE("take receives no more than it gives", "[transform][take]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        const auto in = test::numbers(10);
        expected.check(test::all_of(runnel::take(background(), in, 4)) == test::count_to(4),
                       "four");
        expected.check_eq(in.len(), 6, "the others are left");
        expected.check(test::all_of(runnel::take(background(), in, 0)).empty(), "none");
        expected.check_eq(in.len(), 6, "and none was received");
        expected.check_eq(test::all_of(runnel::take(background(), in, 100)).size(), 6, "the rest");
        const auto open = runnel::make_chan<int>(1);
        open.send(1);
        expected.check_eq(test::all_of(runnel::take(background(), open, 1)).size(), 1,
                          "it ends before its input");
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("a stage's function has a state of its own", "[transform]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto sums = runnel::transform(background(), test::numbers(5),
                                            [sum = 0](int v) mutable { return sum += v; });
        expected.check(test::all_of(sums) == std::vector{0, 1, 3, 6, 10}, "sums");
        auto lengths = runnel::transform(background(), test::numbers(3),
                                         [p = std::make_unique<int>(5)](int v) { return *p * v; });
        expected.check(test::all_of(lengths) == std::vector{0, 5, 10}, "a move-only function");
    });
    expected.verify();
}

TEST_CASE("member pointers are functions, too", "[transform]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto in = runnel::make_chan<std::string>(2);
        in << std::string("a") << std::string("bcd");
        in.close();
        expected.check(test::all_of(runnel::transform(background(), in, &std::string::size)) ==
                           std::vector<std::size_t>{1, 3},
                       "sizes");
    });
    expected.verify();
}

}  // namespace
