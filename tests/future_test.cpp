// tests/future_test.cpp — results of goroutines.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/future.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/runtime.hpp>
#include <runnel/time.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;

static_assert(!std::is_copy_constructible_v<runnel::future<int>>);
static_assert(!std::is_copy_assignable_v<runnel::future<int>>);
static_assert(std::is_nothrow_move_constructible_v<runnel::future<int>>);
static_assert(std::is_nothrow_move_assignable_v<runnel::future<int>>);
static_assert(std::is_same_v<decltype(runnel::async([] { return 1; })), runnel::future<int>>);
static_assert(std::is_same_v<decltype(runnel::async([] {})), runnel::future<void>>);

TEST_CASE("get returns what the goroutine returned", "[future]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::future<int> f = runnel::async([] { return 42; });
        expected.check_eq(f.get(), 42, "a value");
        expected.check_eq(runnel::async([](int a, int b) { return a * b; }, 6, 7).get(), 42,
                          "with arguments");
        expected.check_eq(*runnel::async([] { return std::make_unique<int>(3); }).get(), 3,
                          "a move-only value");
        expected.check_eq(
            runnel::async([](std::unique_ptr<int> p) { return *p; }, std::make_unique<int>(4))
                .get(),
            4, "a move-only argument");
        int here = 0;
        int& there = runnel::async([&]() -> int& { return here; }).get();
        expected.check(&there == &here, "a reference");
        bool ran = false;
        runnel::async([&] { ran = true; }).get();
        expected.check(ran, "nothing");
        expected.check(runnel::async([] { return test::move_only(5); }).get().value == 5,
                       "neither copyable nor default-constructible");
    });
    expected.verify();
    // And for a thread.
    CHECK(runnel::async([] { return std::string("to a thread"); }).get() == "to a thread");
}

TEST_CASE("get rethrows what left the goroutine", "[future]") {
    auto f = runnel::async([]() -> int { throw std::out_of_range("far out"); });
    f.wait();
    CHECK_THROWS_AS(f.get(), std::out_of_range);
    CHECK_THROWS_WITH(runnel::async([] { throw std::runtime_error("words"); }).get(), "words");
    CHECK_THROWS_AS(runnel::async([] { throw 5; }).get(), int);
}

TEST_CASE("wait and wait_for tell when the result is there", "[future]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto go_on = runnel::make_chan<int>();
        auto f = runnel::async([=] { return *go_on.recv(); });
        expected.check(!f.wait_for(0ms), "not at once");
        expected.check(!f.wait_for(2ms), "not soon");
        expected.check(!f.wait_for(-1h), "not in the past");
        expected.check(!f.wait_until(std::chrono::system_clock::now() + 1ms), "not until then");
        go_on.send(9);
        f.wait();
        expected.check(f.wait_for(0ms), "there");
        expected.check(f.wait_for(1h), "at once");
        f.wait();
        expected.check_eq(f.get(), 9, "the value");
    });
    expected.verify();
}

TEST_CASE("several may wait for one future", "[future]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto go_on = runnel::make_chan<int>();
        auto f = runnel::async([=] { return *go_on.recv(); });
        const auto woken = runnel::make_chan<bool>(8);
        for (int i = 0; i < 8; ++i) {
            runnel::go([&, i] {
                if (i % 2 == 0) f.wait();
                woken.send(i % 2 == 0 || f.wait_for(1h));
            });
        }
        test::wait_parked(8, "future wait");
        go_on.send(1);
        for (int i = 0; i < 8; ++i) expected.check(*woken.recv(), "woken by the result");
        expected.check_eq(f.get(), 1, "value");
    });
    expected.verify();
}

TEST_CASE("a result can be had once", "[future]") {
    auto f = runnel::async([] { return 1; });
    CHECK(f.get() == 1);
    CHECK_THROWS_AS(f.get(), runnel::panic);
    CHECK_THROWS_AS(f.wait(), runnel::panic);
    CHECK_THROWS_AS(runnel::future<int>().get(), runnel::panic);
}

TEST_CASE("futures move", "[future]") {
    auto f = runnel::async([] { return 1; });
    runnel::future<int> g = std::move(f);
    CHECK_THROWS_AS(f.get(), runnel::panic);
    f = runnel::async([] { return 2; });
    std::swap(f, g);
    CHECK(f.get() == 1);
    CHECK(g.get() == 2);
    // Into a container, and into another goroutine.
    std::vector<runnel::future<int>> many;
    for (int i = 0; i < 100; ++i) many.push_back(runnel::async([i] { return i; }));
    int sum = 0;
    for (auto& each : many) sum += each.get();
    CHECK(sum == 4950);
    auto inner = runnel::async([] { return 20; });
    CHECK(
        runnel::async([](runnel::future<int> i) { return i.get() + 1; }, std::move(inner)).get() ==
        21);
}

TEST_CASE("dropping a future lets its goroutine run on", "[future]") {
    const long live = test::counted::live();
    const auto done = runnel::make_chan<int>(1);
    const auto go_on = runnel::make_chan<int>();
    {
        auto dropped = runnel::async([=] {
            go_on.recv();
            done.send(1);
            return test::counted(5);
        });
    }
    go_on.send(1);
    CHECK(done.recv() == 1);
    // What it returned is destroyed by whoever comes last, and an exception disturbs nobody.
    // Nor need it be kept for a moment.
    runnel::async([]() -> test::counted { throw std::runtime_error("unseen"); });
    runnel::async([=](int v) { done.send(v); }, 2);
    CHECK(done.recv() == 2);
    CHECK(test::eventually([] { return runnel::num_goroutine() == 0; }));
    CHECK(test::counted::live() == live);
}

TEST_CASE("a goroutine that ends by goexit leaves a panic for its future", "[future]") {
    auto f = runnel::async([]() -> int { runnel::goexit(); });
    CHECK_THROWS_AS(f.get(), runnel::panic);
    auto g = runnel::async([] { runnel::goexit(); });
    CHECK_THROWS_AS(g.get(), runnel::panic);
}

TEST_CASE("a goroutine that uses async belongs to its run", "[future]") {
    std::atomic<bool> went_on{false};
    const auto never = runnel::make_chan<int>();
    runnel::run([&] {
        auto f = runnel::async([&] {
            never.recv();
            went_on = true;
        });
        test::wait_parked(1, "chan receive");
    });
    CHECK(never.try_send(1) == runnel::op_status::would_block);
    CHECK_FALSE(went_on);
}

TEST_CASE("what a goroutine did is seen by whoever got its result", "[future]") {
    test::expectations expected;
    test::on_workers([&] {
        const int rounds = test::scale(2000);
        for (int i = 0; i < rounds; ++i) {
            int plain = 0;  // ordered by the future alone
            auto f = runnel::async([&] { plain = i; });
            f.wait();
            expected.check(plain == i, "seen after wait");
        }
    });
    expected.verify();
}

TEST_CASE("a tree of futures", "[future]") {
    struct fib {
        static int of(int n) {
            if (n < 2) return n;
            auto left = runnel::async(of, n - 1);
            const int right = of(n - 2);
            return left.get() + right;
        }
    };
    test::expectations expected;
    test::on_workers([&] { expected.check_eq(fib::of(14), 377, "fib(14)"); });
    expected.verify();
}

}  // namespace
