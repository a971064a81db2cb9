// tests/time_test.cpp — sleeping, after, timers, after_func and tickers, by the real clock and on real workers.
// SPDX-License-Identifier: BSL-1.0
//
//   What they do, and exactly when, under many schedules: time_simulated_test.cpp.
#include <runnel/time.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include <runnel/blocking.hpp>
#include <runnel/go.hpp>
#include <runnel/runtime.hpp>
#include <runnel/select.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"
#include "support/timers.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::clock;
using test::timers_since;

static_assert(!std::is_copy_constructible_v<runnel::timer>);
static_assert(std::is_nothrow_move_constructible_v<runnel::timer>);
static_assert(std::is_nothrow_move_assignable_v<runnel::timer>);
static_assert(!std::is_copy_constructible_v<runnel::ticker>);
static_assert(std::is_nothrow_move_constructible_v<runnel::ticker>);
static_assert(std::is_same_v<decltype(runnel::after(1s)), runnel::recv_chan<clock::time_point>>);
static_assert(std::is_same_v<runnel::clock, std::chrono::steady_clock>);

constexpr auto never = std::chrono::hours(24 * 365);

// ---- 1. sleeping ----

TEST_CASE("a sleep is never early, in goroutines and on threads", "[time][sleep]") {
    test::expectations expected;
    const auto sleep_all = [&] {
        for (const auto d : {1us, 20us, 300us, 1000us, 2500us, 15'000us}) {
            const auto start = clock::now();
            runnel::sleep_for(d);
            expected.check(clock::now() - start >= d, "not early: " + std::to_string(d.count()));
        }
    };
    test::on_workers([&] {
        runnel::wait_group wg;
        for (int i = 0; i < 8; ++i) wg.go(sleep_all);
        wg.wait();
    });
    std::thread t(sleep_all);
    t.join();
    sleep_all();
    expected.verify();
}

TEST_CASE("a sleep of zero or less returns at once on a thread, too", "[time][sleep]") {
    CHECK_NOTHROW(runnel::sleep_for(0s));
    CHECK_NOTHROW(runnel::sleep_for(-1s));
    CHECK_NOTHROW(runnel::sleep_until(clock::time_point::min()));
}

TEST_CASE("ten thousand sleepers wake, none of them early", "[time][sleep]") {
    const int n = test::scale(10'000);
    test::expectations expected;
    test::on_workers([&] {
        const timers_since before;
        std::atomic<int> early{0};
        std::atomic<int> woken{0};
        runnel::wait_group wg;
        for (int i = 0; i < n; ++i) {
            wg.go([&, i] {
                const auto d = std::chrono::microseconds((i * 7919) % 10'000);
                const auto start = clock::now();
                runnel::sleep_for(d);
                if (clock::now() - start < d) ++early;
                ++woken;
            });
        }
        wg.wait();
        expected.check_eq(woken.load(), n, "woken");
        expected.check_eq(early.load(), 0, "early");
        expected.check_eq(before.count(), 0U, "no timer is left");
    });
    expected.verify();
}

// ---- 2. after ----

TEST_CASE("timers whose channel nobody holds leave the queue", "[time][after]") {
    const int n = test::scale(100'000);
    test::expectations expected;
    test::on_workers([&] {
        const timers_since before;
        std::size_t most = 0;
        for (int i = 0; i < n; ++i) {
            static_cast<void>(runnel::after(never));
            runnel::select(runnel::recv(runnel::after(never)), runnel::otherwise());
            most = std::max(most, before.count());
        }
        expected.check(most <= 2, "they do not pile up");
        {
            auto first = runnel::after(never);
            const auto copy = first;
            first = {};
            expected.check_eq(before.count(), 1U, "one handle is enough");
        }
        {
            std::optional<runnel::timer> t(std::in_place, never);
            const auto ch = t->chan();
            t.reset();
            expected.check_eq(before.count(), 1U, "the channel's handle is one");
        }
        expected.check_eq(before.count(), 0U, "none is left");
    });
    expected.verify();
}

TEST_CASE("after works on threads and lets them block", "[time][after]") {
    CHECK(runnel::after(1ms).recv().has_value());
    test::expectations expected;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int k = 0; k < 20; ++k) {
                const auto start = clock::now();
                const auto at = runnel::after(500us).recv();
                expected.check(at && *at - start >= 500us, "not early");
            }
        });
    }
    for (std::thread& t : threads) t.join();
    expected.verify();
}

TEST_CASE("no goroutine waits behind a timer", "[time]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto before = runnel::num_goroutine();
        const timers_since armed;
        std::vector<runnel::timer> timers;
        for (int i = 0; i < 1000; ++i) timers.emplace_back(never);
        const runnel::ticker tick(1h);
        const auto ch = runnel::after(never);
        runnel::timer f = runnel::after_func(never, [] {});
        expected.check_eq(runnel::num_goroutine(), before, "goroutines");
        expected.check(armed.count() == 1003, "timers");
        f.stop();
    });
    expected.verify();
}

// ---- 3. timer ----

TEST_CASE("a receiver that waits gets the tick of the reset timer", "[time][timer]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::timer t(never);
        std::optional<clock::time_point> got;
        runnel::wait_group wg;
        wg.go([&] { got = t.chan().recv(); });
        expected.check(test::wait_parked(1, "chan receive"), "it waits");
        const auto start = clock::now();
        t.reset(1ms);
        wg.wait();
        expected.check(got && *got - start >= 1ms, "it came");
    });
    expected.verify();
}

TEST_CASE("timers made on one thread are stopped and received on others", "[time][timer]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::timer soon(5ms);
        runnel::timer late(never);
        std::thread foreign([&] {
            expected.check(late.stop(), "stopped by a thread");
            expected.check(soon.chan().recv().has_value(), "received by a thread");
            late.reset(1ms);
        });
        expected.check(late.chan().recv().has_value(), "reset by a thread");
        foreign.join();
    });
    expected.verify();
}

TEST_CASE("ten thousand timers, half of them stopped: the others fire", "[time][timer]") {
    const int n = test::scale(10'000);
    test::expectations expected;
    test::on_workers([&] {
        const timers_since before;
        std::vector<runnel::timer> timers;
        timers.reserve(static_cast<std::size_t>(n));
        for (int i = 0; i < n; ++i) {
            timers.emplace_back(std::chrono::microseconds(5000 + (i * 6151) % 20'000));
        }
        int stopped = 0;
        int received = 0;
        for (std::size_t i = 0; i < timers.size(); i += 2) stopped += timers[i].stop() ? 1 : 0;
        for (std::size_t i = 1; i < timers.size(); i += 2) {
            received += timers[i].chan().recv() ? 1 : 0;
        }
        int more = 0;
        for (const runnel::timer& t : timers) more += t.chan().try_recv() ? 1 : 0;
        expected.check_eq(stopped, (n + 1) / 2, "each stop kept a tick");
        expected.check_eq(received, n / 2, "received");
        expected.check_eq(more, 0, "nothing stale");
        expected.check_eq(before.count(), 0U, "none is left");
    });
    expected.verify();
}

// ---- 4. after_func ----

TEST_CASE("a function that blocks delays no timer", "[time][after_func]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto release = runnel::make_chan<runnel::unit>();
        runnel::wait_group blocked;
        for (int i = 0; i < 100; ++i) {
            blocked.add();
            static_cast<void>(runnel::after_func(0s, [&, release] {
                release.recv();
                blocked.done();
            }));
        }
        expected.check(test::wait_parked(100, "chan receive"), "they block");
        expected.check(runnel::after(1ms).recv().has_value(), "others go on");
        release.close();
        blocked.wait();
    });
    expected.verify();
}

TEST_CASE("the function and what it owns go with the last use", "[time][after_func]") {
    test::expectations expected;
    test::on_workers([&] {
        const long before = test::counted::live();
        {
            runnel::timer t = runnel::after_func(never, [c = test::counted(1)] { (void)c.value; });
            expected.check_eq(test::counted::live(), before + 1, "kept by timer and queue");
            t.stop();
        }
        expected.check_eq(test::counted::live(), before, "stopped and dropped");

        const auto ran = runnel::make_chan<int>();
        static_cast<void>(runnel::after_func(
            0s, [ran, c = test::counted(7), own = std::make_unique<int>(1)] { ran << c.value; }));
        expected.check_eq(*ran.recv(), 7, "a move-only function");
        expected.check(test::eventually([&] { return test::counted::live() == before; }),
                       "destroyed once it has run");
    });
    expected.verify();
}

TEST_CASE("a function sees what came before after_func and reset", "[time][after_func]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto ran = runnel::make_chan<int>();
        int plain = 0;
        plain = 1;
        runnel::timer t = runnel::after_func(100us, [&plain, ran] { ran << plain; });
        expected.check_eq(*ran.recv(), 1, "before after_func");
        plain = 2;
        t.reset(100us);
        expected.check_eq(*ran.recv(), 2, "before reset");
    });
    expected.verify();
}

TEST_CASE("an empty function is refused at once", "[time][after_func]") {
    CHECK_THROWS_AS(runnel::after_func(1s, std::function<void()>()), runnel::panic);
    CHECK_THROWS_AS(runnel::after_func(1s, static_cast<void (*)()>(nullptr)), runnel::panic);
}

CHILD_SCENARIO(time_after_func_throws) {
    return runnel::run([] {
        static_cast<void>(runnel::after_func(0s, [] { throw std::runtime_error("out of time"); }));
        runnel::sleep_for(1h);
        return 0;
    });
}

TEST_CASE("an exception that leaves the function is a panic", "[time][after_func]") {
    const auto r = test::run_scenario("time_after_func_throws");
    INFO(r.err);
    CHECK(r.status == 128 + SIGABRT);
    CHECK(test::contains(r.err, "runnel: panic: out of time [goroutine "));
    CHECK(test::contains(r.err, "time_test.cpp:"));
}

TEST_CASE("functions of a run that has ended are not called", "[time][after_func]") {
    std::atomic<int> calls{0};
    for (const std::size_t n : test::worker_counts()) {
        const test::procs workers(n);
        runnel::run([&] {
            static_cast<void>(runnel::after_func(5ms, [&calls] { ++calls; }));
            static_cast<void>(runnel::after_func(0s, [] {}));
        });
        // Due after the function, in the same queue: the function's turn has come before.
        runnel::run([] { runnel::after(10ms).recv(); });
    }
    CHECK(calls == 0);
}

// ---- 5. ticker ----

TEST_CASE("a ticker ticks on, none of the ticks early", "[time][ticker]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto start = clock::now();
        const runnel::ticker t(2ms);
        for (int i = 1; i <= 10; ++i) {
            const auto at = t.chan().recv();
            expected.check(at && *at - start >= i * 2ms, "tick " + std::to_string(i));
        }
    });
    expected.verify();
}

TEST_CASE("a period of zero or less is refused", "[time][ticker]") {
    CHECK_THROWS_AS(runnel::ticker(0s), std::invalid_argument);
    CHECK_THROWS_AS(runnel::ticker(-1ns), std::invalid_argument);
    CHECK_THROWS_WITH(runnel::ticker(std::chrono::hours::min()),
                      "non-positive interval for ticker");
    runnel::ticker t(1h);
    CHECK_THROWS_AS(t.reset(0s), std::invalid_argument);
    CHECK_THROWS_AS(t.reset(-1h), std::invalid_argument);
    CHECK_FALSE(t.chan().try_recv());
}

// ---- 6. timers outlive the runtime that they were made in ----

constexpr auto surely = 10s;  // so long a timer that nobody serves is waited for

TEST_CASE("timers and tickers fire after their runtime was destroyed", "[time][runtime]") {
    runnel::recv_chan<clock::time_point> once;
    runnel::recv_chan<clock::time_point> late;
    std::optional<runnel::ticker> ticks;
    std::optional<runnel::timer> again;
    const auto start = clock::now();
    {
        runnel::runtime rt;
        rt.run([&] {
            late = runnel::after(40ms);
            once = runnel::after(20ms);
            ticks.emplace(5ms);
            again.emplace(1h);
        });
    }
    REQUIRE(once.recv_for(surely).has_value());
    CHECK(clock::now() - start >= 20ms);
    for (int i = 0; i < 3; ++i) REQUIRE(ticks->chan().recv_for(surely).has_value());
    // An earlier deadline than all the others, and a later one.
    CHECK(again->reset(1ms));
    REQUIRE(again->chan().recv_for(surely).has_value());
    ticks->stop();
    CHECK_FALSE(again->reset(60ms));
    REQUIRE(late.recv_for(surely).has_value());
    REQUIRE(again->chan().recv_for(surely).has_value());
    CHECK(clock::now() - start >= 60ms);
    CHECK_FALSE(ticks->chan().try_recv());
}

TEST_CASE("a goroutine of another runtime gets the tick of one that was destroyed",
          "[time][runtime]") {
    test::expectations expected;
    test::on_workers([&] {
        std::vector<runnel::recv_chan<clock::time_point>> ticks;
        runnel::blocking([&] {
            runnel::runtime_options options;
            options.max_procs = 2;
            runnel::runtime rt(options);
            rt.run([&] {
                for (int i = 0; i < 100; ++i) ticks.push_back(runnel::after(i % 10 * 1ms));
            });
        });
        std::size_t fired = 0;
        for (const auto& t : ticks) fired += t.recv_for(surely).has_value() ? 1U : 0U;
        expected.check_eq(fired, std::size_t{100}, "timers that fired");
    });
    expected.verify();
}

CHILD_SCENARIO(time_functions_end_with_their_runtime) {
    std::atomic<int> calls{0};
    std::optional<runnel::timer> kept;
    {
        runnel::runtime rt;
        rt.run([&] {
            static_cast<void>(runnel::after_func(20ms, [&] { ++calls; }));
            kept.emplace(runnel::after_func(1h, [&] { ++calls; }));
        });
        rt.go([&] { kept->reset(30ms); });
        while (rt.num_goroutine() != 0) std::this_thread::yield();
    }
    kept->reset(20ms);
    runnel::after(40ms).recv();  // due after all of them, and served where they are
    return calls;
}

TEST_CASE("functions end with the runtime that they were to run in", "[time][runtime]") {
    CHECK(test::run_scenario("time_functions_end_with_their_runtime").status == 0);
}

// Prints how many threads the default runtime has.
CHILD_SCENARIO(time_nothing_to_serve) {
    {
        runnel::runtime rt;
        rt.go([] { runnel::sleep_for(1h); });
        const auto stopped = rt.run([] { return runnel::after(1h); });
        while (rt.stats().timers != 2) std::this_thread::yield();
    }
    std::printf("%zu ", runnel::stats().workers);
    runnel::recv_chan<clock::time_point> t;
    {
        runnel::runtime rt;
        rt.run([&] { t = runnel::after(1h); });
    }
    std::printf("%zu", runnel::stats().workers);
    return 0;
}

TEST_CASE("the default runtime is started for timers that somebody may wait for, not for sleepers",
          "[time][runtime]") {
    CHECK(test::run_scenario("time_nothing_to_serve").out == "0 1");
}

}  // namespace
