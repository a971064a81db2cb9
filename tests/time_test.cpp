// tests/time_test.cpp — sleeping, after, timers, after_func and tickers.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/time.hpp>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <runnel/blocking.hpp>
#include <runnel/go.hpp>
#include <runnel/runtime.hpp>
#include <runnel/select.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::clock;

static_assert(!std::is_copy_constructible_v<runnel::timer>);
static_assert(std::is_nothrow_move_constructible_v<runnel::timer>);
static_assert(std::is_nothrow_move_assignable_v<runnel::timer>);
static_assert(!std::is_copy_constructible_v<runnel::ticker>);
static_assert(std::is_nothrow_move_constructible_v<runnel::ticker>);
static_assert(std::is_same_v<decltype(runnel::after(1s)), runnel::recv_chan<clock::time_point>>);
static_assert(std::is_same_v<runnel::clock, std::chrono::steady_clock>);

// Long enough for what must not happen to happen.
constexpr auto a_while = 20ms;
constexpr auto never = std::chrono::hours(24 * 365);

std::size_t armed_timers() { return runnel::detail::this_scheduler().timer_count(); }

/// Those of goroutines that an earlier run left behind stay armed.
class timers_since {
public:
    std::size_t count() const { return armed_timers() - before_; }

private:
    std::size_t before_ = armed_timers();
};

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

TEST_CASE("a sleep of zero or less returns at once but lets others run", "[time][sleep]") {
    test::expectations expected;
    test::on_workers([&] {
        std::atomic<bool> ran{false};
        runnel::go([&] { ran = true; });
        // A goroutine that never let others run would loop here for ever with one worker.
        while (!ran) runnel::sleep_for(0s);
        ran = false;
        runnel::go([&] { ran = true; });
        while (!ran) runnel::sleep_for(-5h);
        ran = false;
        runnel::go([&] { ran = true; });
        while (!ran) runnel::sleep_until(clock::now() - 1h);
        runnel::sleep_until(clock::time_point::min());
        runnel::sleep_for(std::chrono::nanoseconds::min());
        runnel::sleep_for(std::chrono::hours::min());
        expected.check(true, "all have returned");
    });
    runnel::sleep_for(0s);  // on a thread
    runnel::sleep_for(-1s);
    expected.verify();
}

TEST_CASE("durations of any unit and kind are rounded up", "[time][sleep]") {
    using tiny = std::chrono::duration<std::int64_t, std::pico>;
    using decimal = std::chrono::duration<double, std::milli>;
    test::expectations expected;
    test::on_workers([&] {
        auto start = clock::now();
        runnel::sleep_for(decimal(1.75));
        expected.check(clock::now() - start >= 1750us, "1.75 ms");
        start = clock::now();
        runnel::sleep_for(tiny(1'500));
        expected.check(clock::now() - start >= 2ns, "1500 ps");
        start = clock::now();
        runnel::sleep_until(start + decimal(0.5));
        expected.check(clock::now() - start >= 500us, "until");
        const auto wall = std::chrono::system_clock::now();
        start = clock::now();
        runnel::sleep_until(wall + 2ms);
        expected.check(clock::now() - start >= 1ms, "another clock");
    });
    expected.verify();
}

TEST_CASE("the longest sleep is for ever and disturbs no other", "[time][sleep]") {
    test::expectations expected;
    test::on_workers([&] {
        std::atomic<bool> woken{false};
        runnel::go([&] {
            runnel::sleep_for(std::chrono::nanoseconds::max());
            woken = true;
        });
        runnel::go([&] {
            runnel::sleep_for(std::chrono::hours::max());
            woken = true;
        });
        runnel::go([&] {
            runnel::sleep_until(clock::time_point::max());
            woken = true;
        });
        runnel::go([&] {
            runnel::sleep_for(std::chrono::duration<double>(1e300));
            woken = true;
        });
        expected.check(test::wait_parked(4, "sleep"), "they sleep");
        for (int i = 0; i < 20; ++i) runnel::sleep_for(100us);
        expected.check(runnel::after(1ms).recv().has_value(), "a timer");
        expected.check(!woken, "they sleep on");
    });
    expected.verify();
}

// Some do not fit into nanoseconds, of others only the distance from now does not.
TEST_CASE("time points of other clocks may be as far away as they can be told", "[time][sleep]") {
    using std::chrono::system_clock;
    using namespace std::chrono;
    constexpr auto year = [](int y) { return sys_days{std::chrono::year{y} / 1 / 1}; };
    test::expectations expected;
    test::on_workers([&] {
        const auto start = clock::now();
        runnel::sleep_until(system_clock::time_point::min());
        runnel::sleep_until(year(1000));
        runnel::sleep_until(year(1700));
        runnel::sleep_until(sys_days::min());
        expected.check(clock::now() - start < 5s, "what is long past is not waited for");
        const auto ch = runnel::make_chan<int>(1);
        const auto arrives_before = [&](auto tp, const char* what) {
            runnel::go([ch] {
                runnel::sleep_for(a_while);
                ch.send(1);
            });
            expected.check(ch.recv_until(tp).has_value(), what);
        };
        arrives_before(system_clock::time_point::max(), "the clock's last moment");
        arrives_before(year(2250), "year 2250");
        arrives_before(year(3000), "year 3000");
        arrives_before(sys_days::max(), "the last day");
    });
    expected.verify();
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

TEST_CASE("after sends the time once", "[time][after]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto start = clock::now();
        const auto ch = runnel::after(2ms);
        const auto at = ch.recv();
        expected.check(at.has_value(), "a value");
        expected.check(*at >= start + 2ms && *at <= clock::now(), "the time of the tick");
        expected.check(ch.recv_for(a_while).status() == runnel::op_status::timeout,
                       "once, and the channel stays open");
    });
    expected.verify();
}

TEST_CASE("after of zero or less is at once", "[time][after]") {
    test::expectations expected;
    test::on_workers([&] {
        expected.check(runnel::after(0s).recv().has_value(), "zero");
        expected.check(runnel::after(-1h).recv().has_value(), "less");
        expected.check(runnel::after(std::chrono::hours::min()).recv().has_value(), "least");
    });
    expected.verify();
}

TEST_CASE("a timer's channel looks unbuffered", "[time][after][timer]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto ch = runnel::after(1ms);
        const runnel::timer t(1ms);
        const runnel::ticker tick(1ms);
        const auto look = [&](const char* when) {
            expected.check(ch.len() == 0 && ch.cap() == 0, std::string("after, ") + when);
            expected.check(t.chan().len() == 0 && t.chan().cap() == 0,
                           std::string("timer, ") + when);
            expected.check(tick.chan().len() == 0 && tick.chan().cap() == 0,
                           std::string("ticker, ") + when);
        };
        look("pending");
        runnel::sleep_for(10ms);
        look("fired");
        expected.check(ch.recv().has_value(), "it is there nevertheless");
    });
    expected.verify();
}

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

TEST_CASE("a timer fires once, not early", "[time][timer]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto start = clock::now();
        runnel::timer t(3ms);
        const auto at = t.chan().recv();
        expected.check(at && *at - start >= 3ms, "not early");
        expected.check(t.chan().recv_for(a_while).status() == runnel::op_status::timeout, "once");
        expected.check(!t.stop(), "nothing to stop");
    });
    expected.verify();
}

TEST_CASE("stop tells whether it kept the tick from being received", "[time][timer]") {
    test::expectations expected;
    test::on_workers([&] {
        const timers_since before;
        runnel::timer pending(never);
        expected.check(pending.stop(), "pending");
        expected.check(!pending.stop(), "stopped");

        runnel::timer unread(0s);
        expected.check(test::eventually([&] { return before.count() == 0; }), "it fires");
        runnel::yield();
        expected.check(unread.stop(), "fired and not received");
        expected.check(!unread.chan().try_recv(), "taken back");
        expected.check(!unread.stop(), "taken back already");

        runnel::timer received(0s);
        expected.check(received.chan().recv().has_value(), "received");
        expected.check(!received.stop(), "received");
    });
    expected.verify();
}

TEST_CASE("reset moves the tick and forgets an unread one", "[time][timer]") {
    test::expectations expected;
    test::on_workers([&] {
        const timers_since before;
        runnel::timer t(never);
        auto start = clock::now();
        expected.check(t.reset(2ms), "it was pending");
        auto at = t.chan().recv();
        expected.check(at && *at - start >= 2ms, "earlier than before, not early");

        expected.check(!t.reset(1ms), "it was received");
        expected.check(test::eventually([&] { return before.count() == 0; }), "it fires unread");
        start = clock::now();
        expected.check(t.reset(5ms), "unread counts as kept from being received");
        at = t.chan().recv();
        expected.check(at && *at - start >= 5ms, "the new tick, not the old one");

        expected.check(!t.reset(-1s), "received");
        expected.check(t.chan().recv().has_value(), "at once");

        t.reset(1ms);
        expected.check(t.reset(never), "later");
        expected.check(t.chan().recv_for(a_while).status() == runnel::op_status::timeout,
                       "the earlier one does not come");
        expected.check(t.stop(), "pending");
        expected.check(!t.reset(1ms), "stopped");
        expected.check(t.chan().recv().has_value(), "a stopped timer can be reset");
    });
    expected.verify();
}

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

TEST_CASE("a timer moves, and what was moved from says so", "[time][timer]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::timer a(1ms);
        runnel::timer b(std::move(a));
        expected.check(b.chan().recv().has_value(), "moved");
        bool threw = false;
        try {
            a.stop();  // NOLINT(bugprone-use-after-move): that is the question
        } catch (const runnel::panic&) {
            threw = true;
        }
        expected.check(threw, "stop of a moved-from timer");
        threw = false;
        try {
            a.reset(1s);
        } catch (const runnel::panic&) {
            threw = true;
        }
        expected.check(threw, "reset of a moved-from timer");
        expected.check(!a.chan(), "a moved-from timer's channel is nil");

        a = runnel::timer(never);
        expected.check(a.stop(), "assigned to");
        b = std::move(a);
        expected.check(!b.stop(), "assigned from, stopped before");
    });
    expected.verify();
}

TEST_CASE("destroying a timer does not stop it", "[time][timer]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::recv_chan<clock::time_point> ch;
        {
            const runnel::timer t(2ms);
            ch = t.chan();
        }
        expected.check(ch.recv().has_value(), "it fires");
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

TEST_CASE("timers fire in the order of their deadlines", "[time][timer]") {
    test::expectations expected;
    test::on_workers([&] {
        // Far enough apart that a busy machine does not let two become due at once unseen.
        const std::vector<int> slots{5, 3, 6, 6, 6, 1, 1, 2, 7, 9, 4, 8, 0};
        const auto results = runnel::make_chan<int>(slots.size());
        const auto start = clock::now() + 5ms;
        for (const int slot : slots) {
            runnel::go([=] {
                runnel::sleep_until(start + slot * 4ms);
                results << slot;
            });
        }
        int last = -1;
        bool sorted = true;
        for (std::size_t i = 0; i < slots.size(); ++i) {
            const int slot = *results.recv();
            sorted = sorted && slot >= last;
            last = slot;
        }
        // Goroutines made runnable in order may still run at the same time on several workers.
        if (runnel::max_procs() == 1) expected.check(sorted, "in order");
        expected.check_eq(results.len(), 0U, "all have come");
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

TEST_CASE("after_func calls in a goroutine of its own, handle or not", "[time][after_func]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto ids = runnel::make_chan<std::uint64_t>(2);
        const auto start = clock::now();
        static_cast<void>(runnel::after_func(1ms, [&, ids] {
            expected.check(runnel::in_goroutine(), "in a goroutine");
            expected.check(clock::now() - start >= 1ms, "not early");
            ids << runnel::goroutine_id();
        }));
        const runnel::timer kept = runnel::after_func(0s, [ids] { ids << runnel::goroutine_id(); });
        const auto a = *ids.recv();
        const auto b = *ids.recv();
        expected.check(a != runnel::goroutine_id() && b != runnel::goroutine_id(), "its own");
        expected.check(a != b, "each its own");
        expected.check(!kept.chan(), "no channel");
    });
    expected.verify();
}

TEST_CASE("a stopped after_func is not called", "[time][after_func]") {
    test::expectations expected;
    test::on_workers([&] {
        std::atomic<int> calls{0};
        const auto ran = runnel::make_chan<runnel::unit>();
        runnel::timer never_called = runnel::after_func(5ms, [&] { ++calls; });
        expected.check(never_called.stop(), "pending");
        expected.check(!never_called.stop(), "stopped");
        runnel::timer called = runnel::after_func(0s, [ran] { ran.send(); });
        ran.recv();
        expected.check(!called.stop(), "called");
        runnel::sleep_for(a_while);
        expected.check_eq(calls.load(), 0, "calls");
    });
    expected.verify();
}

TEST_CASE("a reset calls the function again", "[time][after_func]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto ran = runnel::make_chan<int>();
        int count = 0;
        runnel::timer t = runnel::after_func(never, [&, ran] { ran << ++count; });
        expected.check(t.reset(1ms), "it was pending");
        expected.check_eq(*ran.recv(), 1, "call");
        for (int i = 2; i < 10; ++i) {
            expected.check(!t.reset(std::chrono::microseconds(i * 10)), "it was called");
            expected.check_eq(*ran.recv(), i, "call");
        }
    });
    expected.verify();
}

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

CHILD_SCENARIO(time_after_func_ends_with_its_run) {
    std::atomic<int> calls{0};
    runnel::run([&] {
        static_cast<void>(runnel::after_func(50ms, [&calls] { ++calls; }));
        static_cast<void>(runnel::after_func(0s, [] {}));
    });
    runnel::run([] { runnel::sleep_for(150ms); });
    return calls;
}

TEST_CASE("functions of a run that has ended are not called", "[time][after_func]") {
    CHECK(test::run_scenario("time_after_func_ends_with_its_run").status == 0);
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

TEST_CASE("a stopped ticker is silent and its channel open", "[time][ticker]") {
    test::expectations expected;
    test::on_workers([&] {
        const timers_since before;
        runnel::ticker t(500us);
        t.chan().recv();
        t.stop();
        expected.check(t.chan().recv_for(a_while).status() == runnel::op_status::timeout,
                       "neither a tick nor closed");
        t.stop();
        t.reset(1ms);
        expected.check(t.chan().recv().has_value(), "reset");
        expected.check_eq(before.count(), 1U, "running");
    });
    expected.verify();
}

TEST_CASE("a ticker's destructor stops it, also if the channel lives on", "[time][ticker]") {
    test::expectations expected;
    test::on_workers([&] {
        const timers_since before;
        runnel::recv_chan<clock::time_point> ch;
        {
            const runnel::ticker t(500us);
            ch = t.chan();
            ch.recv();
        }
        expected.check_eq(before.count(), 0U, "gone from the queue");
        expected.check(!ch.try_recv(), "no tick is left over");

        runnel::ticker a(never);
        a = runnel::ticker(1ms);
        expected.check_eq(before.count(), 1U, "assignment stops the old one");
        runnel::ticker b(std::move(a));
        expected.check(b.chan().recv().has_value(), "moved");
        a.stop();  // NOLINT(bugprone-use-after-move): does nothing
    });
    expected.verify();
}

TEST_CASE("reset gives a ticker another period and forgets the old tick", "[time][ticker]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::ticker t(1ms);
        expected.check(t.chan().recv().has_value(), "ticks");
        runnel::sleep_for(3ms);  // a tick waits unread
        const auto start = clock::now();
        t.reset(6ms);
        const auto at = t.chan().recv();
        expected.check(at && *at - start >= 6ms, "the old tick has gone");
        t.reset(never);
        expected.check(t.chan().recv_for(a_while).status() == runnel::op_status::timeout, "slow");
        t.reset(1ms);
        expected.check(t.chan().recv().has_value(), "fast again");
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

TEST_CASE("a huge period does not wrap around", "[time][ticker]") {
    test::expectations expected;
    test::on_workers([&] {
        const runnel::ticker longest(std::chrono::nanoseconds::max());
        const runnel::ticker hours(std::chrono::hours::max());
        const runnel::ticker real(std::chrono::duration<double>(1e200));
        runnel::ticker moved(1ms);
        moved.chan().recv();
        moved.reset(std::chrono::nanoseconds::max() - 1ns);
        runnel::sleep_for(5ms);
        expected.check(!longest.chan().try_recv() && !hours.chan().try_recv() &&
                           !real.chan().try_recv() && !moved.chan().try_recv(),
                       "none has ticked");
    });
    expected.verify();
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
    std::this_thread::sleep_for(100ms);
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
