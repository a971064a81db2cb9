// tests/conformance/sync_once_test.cpp — once, once_func, once_value.
// SPDX-License-Identifier: BSL-1.0
#include <atomic>
#include <csignal>
#include <memory>
#include <stdexcept>
#include <string>

#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/sync.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

/// How `call` ends: its exception's text, or nothing.
template <class F>
std::string thrown_by(const F& call) {
    try {
        static_cast<void>(call());
    } catch (const std::exception& e) {
        return e.what();
    }
    return {};
}

CHILD_SCENARIO(once_calls_itself) {
    return runnel::run([] {
        runnel::once o;
        o.call([&] { o.call([] {}); });
        return 0;
    });
}

}  // namespace

TEST_CASE("ten callers at once: one call, and all return after it", "[C-232]") {
    test::expectations expected;
    test::on_workers([&] {
        int calls = 0;
        runnel::once o;
        auto done = runnel::make_chan<bool>();
        for (int i = 0; i < 10; ++i) {
            runnel::go([&, done] {
                o.call([&] {
                    runnel::yield();
                    ++calls;
                });
                expected.check_eq(calls, 1, "after the call");
                done.send(true);
            });
        }
        for (int i = 0; i < 10; ++i) done.recv();
        expected.check_eq(calls, 1, "one call");
    });
    expected.verify();
}

TEST_CASE("a call that throws counts: the next neither runs nor throws", "[C-233][C-395]") {
    runnel::once o;
    CHECK_THROWS_WITH(o.call([] { throw std::runtime_error("failed"); }), "failed");
    bool ran = false;
    CHECK_NOTHROW(o.call([&] { ran = true; }));
    CHECK_FALSE(ran);
}

TEST_CASE("a call from within the call deadlocks, and is reported", "[C-234]") {
    const auto r = test::run_scenario("once_calls_itself");
    CHECK(r.status == 2);
    CHECK(test::contains(r.err, "all goroutines are asleep - deadlock!"));
    CHECK(test::contains(r.err, "sync.Once"));
}

TEST_CASE("once_func and once_value call once and keep the result", "[C-235]") {
    test::expectations expected;
    test::on_workers([&] {
        std::atomic<int> calls{0};
        const auto f = runnel::once_func([&] { ++calls; });
        const auto v = runnel::once_value([&] { return ++calls; });
        runnel::wait_group wg;
        for (int i = 0; i < 10; ++i) {
            wg.go([&] {
                f();
                f();
            });
        }
        wg.wait();
        expected.check_eq(calls.load(), 1, "once_func");
        for (int i = 0; i < 10; ++i) wg.go([&] { expected.check_eq(v(), 2, "the value"); });
        wg.wait();
        expected.check_eq(calls.load(), 2, "once_value");
    });
    expected.verify();
}

TEST_CASE("every call throws the same again, and the function runs once", "[C-236][C-237]") {
    int calls = 0;
    const auto f = runnel::once_func([&] {
        ++calls;
        throw std::runtime_error("x");
    });
    const auto v = runnel::once_value([&]() -> int {
        ++calls;
        throw std::runtime_error("y");
    });
    for (int i = 0; i < 3; ++i) {
        CHECK(thrown_by(f) == "x");
        CHECK(thrown_by(v) == "y");
    }
    CHECK(calls == 2);
}

TEST_CASE("a function that calls goexit is not called again, and nobody hangs", "[C-238]") {
    test::expectations expected;
    test::on_workers([&] {
        std::atomic<int> calls{0};
        const auto f = runnel::once_func([&] {
            ++calls;
            runnel::goexit();
        });
        const auto v = runnel::once_value([&]() -> int {
            ++calls;
            runnel::goexit();
        });
        runnel::wait_group wg;
        wg.go([&] { f(); });
        wg.go([&] { static_cast<void>(v()); });
        wg.wait();
        for (int i = 0; i < 3; ++i) {
            wg.go([&] { f(); });
            wg.go([&] { static_cast<void>(thrown_by(v)); });
        }
        wg.wait();
        expected.check_eq(calls.load(), 2, "once each");
    });
    expected.verify();
}

TEST_CASE("what the function holds goes with the first call, also if it throws", "[C-239]") {
    const auto held = std::make_shared<int>(1);
    const auto f = runnel::once_func([held] { static_cast<void>(held); });
    const auto v = runnel::once_value([held] { return *held; });
    const auto t = runnel::once_func([held] {
        static_cast<void>(held);
        throw std::runtime_error("x");
    });
    CHECK(held.use_count() == 4);
    f();
    CHECK(held.use_count() == 3);
    CHECK(v() == 1);
    CHECK(held.use_count() == 2);
    CHECK(thrown_by(t) == "x");
    CHECK(held.use_count() == 1);
    CHECK(v() == 1);
    CHECK(thrown_by(t) == "x");
}
