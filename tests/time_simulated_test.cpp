// tests/time_simulated_test.cpp — what sleeps, timers, after_func and tickers do, to the nanosecond.
// SPDX-License-Identifier: BSL-1.0
//
//   Time is virtual here, and every case runs under many schedules. That nothing is early, and nothing lost,
//   where workers are real and the machine is busy: time_test.cpp.
#include <runnel/testing.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/runtime.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/simulated.hpp"
#include "support/timers.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::clock;
using runnel::testing::wait_idle;
using test::on_seeds;
using test::require;
using test::stopwatch;
using test::timers_since;

constexpr auto a_year = 24h * 365;
constexpr auto never = 280 * a_year;
// So long it is waited for what must not happen.
constexpr auto an_age = 100 * a_year;

bool nothing_for_an_age(const runnel::recv_chan<clock::time_point>& ch) {
    const stopwatch since;
    const bool timed_out = ch.recv_for(an_age).status() == runnel::op_status::timeout;
    since.require_passed(an_age, "the limit");
    return timed_out;
}

}  // namespace

// ---- 1. sleeping ----

TEST_CASE("a sleep ends when its time has come, whoever else sleeps", "[time][sleep]") {
    on_seeds([] {
        runnel::wait_group wg;
        for (int i = 0; i < 8; ++i) {
            wg.go([i] {
                const stopwatch all;
                for (const auto d : {1us, 20us, 300us, 1000us, 2500us, 15'000us}) {
                    const stopwatch since;
                    runnel::sleep_for(d + i * 1ns);
                    since.require_passed(d + i * 1ns, "a sleep");
                }
                all.require_passed(18'821us + 6 * i * 1ns, "all sleeps");
            });
        }
        wg.wait();
    });
}

TEST_CASE("a sleep of zero or less returns at once but lets others run", "[time][sleep]") {
    on_seeds([] {
        const stopwatch since;
        const auto lets_others_run = [](auto sleep) {
            std::atomic<bool> ran{false};
            runnel::go([&] { ran = true; });
            while (!ran) sleep();
        };
        lets_others_run([] { runnel::sleep_for(0s); });
        lets_others_run([] { runnel::sleep_for(-5h); });
        lets_others_run([] { runnel::sleep_until(clock::now() - 1h); });
        runnel::sleep_until(clock::time_point::min());
        runnel::sleep_for(std::chrono::nanoseconds::min());
        runnel::sleep_for(std::chrono::hours::min());
        since.require_passed(0s, "all have returned");
    });
}

TEST_CASE("durations of any unit and kind are rounded up", "[time][sleep]") {
    using tiny = std::chrono::duration<std::int64_t, std::pico>;
    using decimal = std::chrono::duration<double, std::milli>;
    on_seeds([] {
        const stopwatch of_decimal;
        runnel::sleep_for(decimal(1.75));
        of_decimal.require_passed(1750us, "1.75 ms");
        const stopwatch of_tiny;
        runnel::sleep_for(tiny(1'500));
        of_tiny.require_passed(2ns, "1500 ps");
        const stopwatch until;
        runnel::sleep_until(until.start() + decimal(0.5));
        until.require_passed(500us, "until");
        const stopwatch other;
        runnel::sleep_until(std::chrono::system_clock::now() + 2ms);
        other.require_passed(2ms, "another clock");
    });
}

TEST_CASE("the longest sleep is for ever and disturbs no other", "[time][sleep]") {
    on_seeds([] {
        // A run of its own: who sleeps when it returns is no leak.
        runnel::run([] {
            std::atomic<int> woken{0};
            runnel::go([&] {
                runnel::sleep_for(std::chrono::nanoseconds::max());
                ++woken;
            });
            runnel::go([&] {
                runnel::sleep_for(std::chrono::hours::max());
                ++woken;
            });
            runnel::go([&] {
                runnel::sleep_until(clock::time_point::max());
                ++woken;
            });
            runnel::go([&] {
                runnel::sleep_for(std::chrono::duration<double>(1e300));
                ++woken;
            });
            wait_idle();
            const stopwatch since;
            for (int i = 0; i < 20; ++i) runnel::sleep_for(100us);
            since.require_passed(2ms, "a sleep beside them");
            require(runnel::after(1ms).recv().has_value(), "a timer beside them");
            since.require_passed(3ms, "a timer beside them");
            runnel::sleep_for(2 * an_age);
            require(woken == 0, "they sleep on for 200 years");
        });
    });
}

// Some do not fit into nanoseconds, of others only the distance from now does not.
TEST_CASE("time points of other clocks may be as far away as they can be told", "[time][sleep]") {
    using std::chrono::system_clock;
    using namespace std::chrono;
    on_seeds([] {
        constexpr auto year = [](int y) { return sys_days{std::chrono::year{y} / 1 / 1}; };
        const stopwatch since;
        runnel::sleep_until(system_clock::time_point::min());
        runnel::sleep_until(year(1000));
        runnel::sleep_until(year(1700));
        runnel::sleep_until(sys_days::min());
        since.require_passed(0s, "what is long past");
        const auto ch = runnel::make_chan<int>(1);
        const auto arrives_before = [&](auto tp, const char* what) {
            const stopwatch wait;
            runnel::go([ch] {
                runnel::sleep_for(a_year);
                ch.send(1);
            });
            require(ch.recv_until(tp).has_value(), what);
            wait.require_passed(a_year, what);
        };
        arrives_before(system_clock::time_point::max(), "the clock's last moment");
        arrives_before(year(2250), "year 2250");
        arrives_before(year(3000), "year 3000");
        arrives_before(sys_days::max(), "the last day");
        // Those that do come are met: a simulation begins with the year 2000.
        runnel::sleep_until(year(2010));
        require(system_clock::now() == year(2010), "a sleep until 2010");
        require(!ch.recv_until(year(2200)), "nobody sends");
        require(system_clock::now() == year(2200), "a limit in 2200");
    });
}

// ---- 2. after ----

TEST_CASE("after sends the time once", "[time][after]") {
    on_seeds([] {
        const stopwatch since;
        const auto ch = runnel::after(2ms);
        const auto at = ch.recv();
        require(at.has_value(), "a value");
        require(*at == since.start() + 2ms, "the time of the tick");
        since.require_passed(2ms, "it was received");
        require(nothing_for_an_age(ch), "once, and the channel stays open");
    });
}

TEST_CASE("after of zero or less is at once", "[time][after]") {
    on_seeds([] {
        const stopwatch since;
        require(runnel::after(0s).recv().has_value(), "zero");
        require(runnel::after(-1h).recv().has_value(), "less");
        require(runnel::after(std::chrono::hours::min()).recv().has_value(), "least");
        since.require_passed(0s, "all three");
    });
}

TEST_CASE("a timer's channel looks unbuffered", "[time][after][timer]") {
    on_seeds([] {
        const auto ch = runnel::after(1ms);
        const runnel::timer t(1ms);
        const runnel::ticker tick(1ms);
        const auto look = [&](const std::string& when) {
            require(ch.len() == 0 && ch.cap() == 0, "after, " + when);
            require(t.chan().len() == 0 && t.chan().cap() == 0, "timer, " + when);
            require(tick.chan().len() == 0 && tick.chan().cap() == 0, "ticker, " + when);
        };
        look("pending");
        runnel::sleep_for(10ms);
        look("fired");
        require(ch.recv().has_value(), "it is there nevertheless");
    });
}

// ---- 3. timer ----

TEST_CASE("a timer fires once, not early", "[time][timer]") {
    on_seeds([] {
        const stopwatch since;
        runnel::timer t(3ms);
        const auto at = t.chan().recv();
        require(at && *at == since.start() + 3ms, "at its time");
        since.require_passed(3ms, "it was received");
        require(nothing_for_an_age(t.chan()), "once");
        require(!t.stop(), "nothing to stop");
    });
}

TEST_CASE("stop tells whether it kept the tick from being received", "[time][timer]") {
    on_seeds([] {
        const timers_since before;
        runnel::timer pending(never);
        require(pending.stop(), "pending");
        require(!pending.stop(), "stopped");

        runnel::timer unread(0s);
        wait_idle();
        require(before.count() == 0, "it fires");
        require(unread.stop(), "fired and not received");
        require(!unread.chan().try_recv(), "taken back");
        require(!unread.stop(), "taken back already");

        runnel::timer received(0s);
        require(received.chan().recv().has_value(), "received");
        require(!received.stop(), "received");
        require(nothing_for_an_age(unread.chan()), "nothing comes of a stopped one");
    });
}

TEST_CASE("reset moves the tick and forgets an unread one", "[time][timer]") {
    on_seeds([] {
        const timers_since before;
        runnel::timer t(never);
        const auto ticks_after = [&](std::chrono::nanoseconds d, const char* what) {
            const stopwatch since;
            const auto at = t.chan().recv();
            require(at && *at == since.start() + d, what);
            since.require_passed(d, what);
        };
        require(t.reset(2ms), "it was pending");
        ticks_after(2ms, "earlier than before");

        require(!t.reset(1ms), "it was received");
        runnel::sleep_for(2ms);
        require(before.count() == 0, "it fires unread");
        require(t.reset(5ms), "unread counts as kept from being received");
        ticks_after(5ms, "the new tick, not the old one");

        require(!t.reset(-1s), "received");
        ticks_after(0s, "at once");

        require(!t.reset(1ms), "received");
        require(t.reset(never), "later");
        require(nothing_for_an_age(t.chan()), "the earlier one does not come");
        require(t.stop(), "pending");
        require(!t.reset(1ms), "stopped");
        ticks_after(1ms, "a stopped timer can be reset");
    });
}

TEST_CASE("a timer moves, and what was moved from says so", "[time][timer]") {
    on_seeds([] {
        const stopwatch since;
        runnel::timer a(1ms);
        runnel::timer b(std::move(a));
        require(b.chan().recv().has_value(), "moved");
        since.require_passed(1ms, "moved");
        bool threw = false;
        try {
            a.stop();  // NOLINT(bugprone-use-after-move): that is the question
        } catch (const runnel::panic&) {
            threw = true;
        }
        require(threw, "stop of a moved-from timer");
        threw = false;
        try {
            a.reset(1s);
        } catch (const runnel::panic&) {
            threw = true;
        }
        require(threw, "reset of a moved-from timer");
        require(!a.chan(), "a moved-from timer's channel is nil");

        a = runnel::timer(never);
        require(a.stop(), "assigned to");
        b = std::move(a);
        require(!b.stop(), "assigned from, stopped before");
    });
}

TEST_CASE("destroying a timer does not stop it", "[time][timer]") {
    on_seeds([] {
        const stopwatch since;
        runnel::recv_chan<clock::time_point> ch;
        {
            const runnel::timer t(2ms);
            ch = t.chan();
        }
        require(ch.recv().has_value(), "it fires");
        since.require_passed(2ms, "it fires");
    });
}

TEST_CASE("timers fire in the order of their deadlines", "[time][timer]") {
    on_seeds([] {
        const std::vector<int> slots{5, 3, 6, 6, 6, 1, 1, 2, 7, 9, 4, 8, 0};
        const auto results = runnel::make_chan<int>(slots.size());
        const stopwatch since;
        for (const int slot : slots) {
            runnel::go([=] {
                runnel::sleep_until(since.start() + 5ms + slot * 4ms);
                results << slot;
            });
        }
        int last = -1;
        for (std::size_t i = 0; i < slots.size(); ++i) {
            const int slot = *results.recv();
            require(slot >= last, "in order");
            since.require_passed(5ms + slot * 4ms, "each at its time");
            last = slot;
        }
        require(results.len() == 0, "all have come");
    });
}

// ---- 4. after_func ----

TEST_CASE("after_func calls in a goroutine of its own, handle or not", "[time][after_func]") {
    on_seeds([] {
        const auto ids = runnel::make_chan<std::uint64_t>(2);
        const stopwatch since;
        static_cast<void>(runnel::after_func(1ms, [&since, ids] {
            require(runnel::in_goroutine(), "in a goroutine");
            since.require_passed(1ms, "at its time");
            ids << runnel::goroutine_id();
        }));
        const runnel::timer kept = runnel::after_func(0s, [&since, ids] {
            since.require_passed(0s, "at once");
            ids << runnel::goroutine_id();
        });
        const auto a = *ids.recv();
        const auto b = *ids.recv();
        require(a != runnel::goroutine_id() && b != runnel::goroutine_id(), "its own");
        require(a != b, "each its own");
        require(!kept.chan(), "no channel");
    });
}

TEST_CASE("a stopped after_func is not called", "[time][after_func]") {
    on_seeds([] {
        std::atomic<int> calls{0};
        const auto ran = runnel::make_chan<runnel::unit>();
        runnel::timer never_called = runnel::after_func(5ms, [&] { ++calls; });
        require(never_called.stop(), "pending");
        require(!never_called.stop(), "stopped");
        runnel::timer called = runnel::after_func(0s, [ran] { ran.send(); });
        ran.recv();
        require(!called.stop(), "called");
        runnel::sleep_for(an_age);
        require(calls == 0, "no call");
    });
}

TEST_CASE("a reset calls the function again", "[time][after_func]") {
    on_seeds([] {
        const auto ran = runnel::make_chan<int>();
        int count = 0;
        runnel::timer t = runnel::after_func(never, [&, ran] { ran << ++count; });
        const stopwatch first;
        require(t.reset(1ms), "it was pending");
        require(*ran.recv() == 1, "the first call");
        first.require_passed(1ms, "the first call");
        for (int i = 2; i < 10; ++i) {
            const stopwatch since;
            require(!t.reset(std::chrono::microseconds(i * 10)), "it was called");
            require(*ran.recv() == i, "one more call");
            since.require_passed(i * 10us, "one more call");
        }
    });
}

TEST_CASE("functions of a run that has ended are not called", "[time][after_func]") {
    on_seeds([] {
        std::atomic<int> calls{0};
        runnel::run([&] {
            static_cast<void>(runnel::after_func(50ms, [&calls] { ++calls; }));
            static_cast<void>(runnel::after_func(0s, [] {}));
        });
        runnel::run([] { runnel::sleep_for(an_age); });
        require(calls == 0, "no call");
    });
}

// ---- 5. ticker ----

TEST_CASE("a stopped ticker is silent and its channel open", "[time][ticker]") {
    on_seeds([] {
        const timers_since before;
        const stopwatch since;
        runnel::ticker t(500us);
        t.chan().recv();
        since.require_passed(500us, "the first tick");
        t.stop();
        require(before.count() == 0, "gone from the queue");
        require(nothing_for_an_age(t.chan()), "neither a tick nor closed");
        t.stop();
        const stopwatch again;
        t.reset(1ms);
        require(t.chan().recv().has_value(), "reset");
        again.require_passed(1ms, "reset");
        require(before.count() == 1, "running");
    });
}

TEST_CASE("a ticker's destructor stops it, also if the channel lives on", "[time][ticker]") {
    on_seeds([] {
        const timers_since before;
        runnel::recv_chan<clock::time_point> ch;
        {
            const runnel::ticker t(500us);
            ch = t.chan();
            ch.recv();
        }
        require(before.count() == 0, "gone from the queue");
        require(!ch.try_recv(), "no tick is left over");
        require(nothing_for_an_age(ch), "nor does one come");

        const stopwatch since;
        runnel::ticker a(never);
        a = runnel::ticker(1ms);
        require(before.count() == 1, "assignment stops the old one");
        runnel::ticker b(std::move(a));
        require(b.chan().recv().has_value(), "moved");
        since.require_passed(1ms, "moved");
        a.stop();  // NOLINT(bugprone-use-after-move): does nothing
    });
}

TEST_CASE("reset gives a ticker another period and forgets the old tick", "[time][ticker]") {
    on_seeds([] {
        const stopwatch since;
        runnel::ticker t(1ms);
        require(t.chan().recv().has_value(), "ticks");
        since.require_passed(1ms, "ticks");
        // A tick waits unread, and another comes at this very moment.
        runnel::sleep_for(3ms);
        const stopwatch slower;
        t.reset(6ms);
        for (int i = 1; i <= 3; ++i) {
            const auto at = t.chan().recv();
            require(at && *at == slower.start() + i * 6ms, "the old tick has gone");
        }
        t.reset(never);
        require(nothing_for_an_age(t.chan()), "slow");
        const stopwatch faster;
        t.reset(1ms);
        require(t.chan().recv().has_value(), "fast again");
        faster.require_passed(1ms, "fast again");
    });
}

TEST_CASE("a huge period does not wrap around", "[time][ticker]") {
    on_seeds([] {
        const runnel::ticker longest(std::chrono::nanoseconds::max());
        const runnel::ticker hours(std::chrono::hours::max());
        const runnel::ticker real(std::chrono::duration<double>(1e200));
        runnel::ticker moved(1ms);
        moved.chan().recv();
        moved.reset(std::chrono::nanoseconds::max() - 1ns);
        runnel::sleep_for(2 * an_age);
        require(!longest.chan().try_recv() && !hours.chan().try_recv() && !real.chan().try_recv() &&
                    !moved.chan().try_recv(),
                "none has ticked");
    });
}
