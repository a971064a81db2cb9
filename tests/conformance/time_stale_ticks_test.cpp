// tests/conformance/time_stale_ticks_test.cpp — after stop and reset no old tick can be received.
// SPDX-License-Identifier: BSL-1.0
//
//   The walk through a timer's states, with the answers of Go 1.23 and later: its channel looks unbuffered,
//   a tick that came and was not received is taken back by stop and reset, and counts as stopped.
#include <atomic>
#include <chrono>
#include <optional>
#include <thread>
#include <vector>

#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/select.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::clock;

constexpr auto never = std::chrono::hours(24 * 365);

// The timer has been due for long when this returns; has it fired? Nothing can tell from outside.
void let_it_fire() { runnel::sleep_for(2ms); }

template <class Timer>
bool nothing_there(const Timer& t) {
    return t.chan().len() == 0 && t.chan().cap() == 0 && !t.chan().try_recv() &&
           runnel::select(runnel::recv(t.chan()), runnel::otherwise()) == 1;
}

}  // namespace

TEST_CASE("the states of a timer", "[C-293][C-389]") {
    test::expectations expected;
    test::on_workers([&] {
        // Not due yet.
        runnel::timer t(never);
        expected.check(nothing_there(t), "pending: nothing there");
        expected.check(t.reset(never), "pending: reset");
        expected.check(t.stop(), "pending: stop");
        expected.check(nothing_there(t), "stopped: nothing there");
        expected.check(!t.stop(), "stopped: stop");
        expected.check(!t.reset(0s), "stopped: reset");

        // Due and not received.
        let_it_fire();
        expected.check(t.chan().len() == 0 && t.chan().cap() == 0, "fired: looks unbuffered");
        expected.check(t.stop(), "fired: stop");
        expected.check(nothing_there(t), "fired and stopped: nothing there");
        expected.check(!t.stop(), "fired and stopped: stop");

        t.reset(0s);
        let_it_fire();
        expected.check(t.reset(never), "fired: reset");
        expected.check(nothing_there(t), "fired and reset: nothing there");
        expected.check(t.stop(), "fired and reset: stop");

        // Received, each way there is.
        t.reset(0s);
        expected.check(t.chan().recv().has_value(), "received: by recv");
        expected.check(!t.stop(), "received: stop");
        t.reset(0s);
        let_it_fire();
        expected.check(t.chan().try_recv().has_value(), "received: by try_recv");
        expected.check(!t.stop(), "received: stop");
        t.reset(0s);
        expected.check_eq(runnel::select(runnel::recv(t.chan())), 0U, "received: by select");
        expected.check(!t.reset(never), "received: reset");
        t.reset(0s);
        clock::time_point into{};
        expected.check(t.chan() >> into, "received: by >>");
        expected.check(!t.reset(never), "received: reset");
        expected.check(into <= clock::now(), "received: a time");

        // A tick from before the reset is never received: those that are, are later.
        for (int i = 0; i < 200; ++i) {
            t.reset(0s);
            if (i % 2 == 0) runnel::yield();
            if (i % 20 == 0) let_it_fire();
            const auto start = clock::now();
            t.reset(10us);
            const auto at = t.chan().recv();
            expected.check(at && *at >= start + 10us, "a tick of the last reset");
        }
    });
    expected.verify();
}

TEST_CASE("the states of a ticker", "[C-293]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::ticker t(never);
        expected.check(nothing_there(t), "pending: nothing there");
        t.reset(1us);
        let_it_fire();
        expected.check(t.chan().len() == 0 && t.chan().cap() == 0, "fired: looks unbuffered");
        t.stop();
        expected.check(nothing_there(t), "fired and stopped: nothing there");
        t.reset(1us);
        let_it_fire();
        t.reset(never);
        expected.check(nothing_there(t), "fired and reset: nothing there");
        t.reset(1us);
        for (int i = 0; i < 3; ++i) expected.check(t.chan().recv().has_value(), "it ticks");
        t.stop();
        expected.check(nothing_there(t), "stopped: nothing there");
        for (int i = 0; i < 200; ++i) {
            t.reset(1us);
            if (i % 2 == 0) runnel::yield();
            const auto start = clock::now();
            t.reset(20us);
            const auto at = t.chan().recv();
            expected.check(at && *at >= start + 20us, "a tick of the last reset");
        }
    });
    expected.verify();
}

TEST_CASE("those who wait for a timer see resets and stops of others", "[C-293]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::timer t(never);
        std::atomic<int> received{0};
        runnel::wait_group wg;
        for (int i = 0; i < 2; ++i) {
            wg.go([&] {
                if (t.chan().recv()) ++received;
            });
            wg.go([&] { runnel::select(runnel::recv(t.chan(), [&] { ++received; })); });
        }
        expected.check(test::wait_parked(4), "they wait");
        for (int i = 1; i <= 4; ++i) {
            expected.check(t.reset(0s) == (i == 1), "pending only at first");
            expected.check(test::eventually([&] { return received == i; }), "one each time");
        }
        wg.wait();
        expected.check(!t.stop(), "all ticks were received");
    });
    expected.verify();
}

TEST_CASE("timers and tickers that nobody refers to do not stay until they are due", "[C-294]") {
    const int n = test::scale(100'000);
    test::expectations expected;
    test::on_workers([&] {
        const auto armed = [] { return runnel::detail::this_scheduler().timer_count(); };
        const std::size_t before = armed();
        for (int i = 0; i < n; ++i) {
            // Each in the usual shape of a loop with a time limit.
            const auto ready = runnel::make_chan<int>(1);
            ready << i;
            runnel::select(runnel::recv(ready), runnel::recv(runnel::after(never)));
            const runnel::timer dropped(never);
            const runnel::ticker dropped_too(never);
        }
        expected.check_eq(armed(), before, "timers that are left");
    });
    expected.verify();
}
