// tests/conformance/time_stale_ticks_test.cpp — after stop and reset no old tick can be received.
// SPDX-License-Identifier: BSL-1.0
//
//   Here old and new ticks race on real workers; the walk through all states: time_simulated_test.cpp.
#include <chrono>

#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/select.hpp>
#include <runnel/time.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"
#include "support/timers.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::clock;

constexpr auto never = std::chrono::hours(24 * 365);

}  // namespace

// Those that are received are of after the last reset. The old one may just be on its way, on any worker.
TEST_CASE("a timer's tick from before a reset is never received", "[C-293]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::timers_since before;
        runnel::timer t(never);
        for (int i = 0; i < 200; ++i) {
            t.reset(0s);
            if (i % 2 == 0) runnel::yield();
            if (i % 20 == 0) {
                expected.check(test::eventually([&] { return before.count() == 0; }), "it fires");
            }
            const auto start = clock::now();
            t.reset(10us);
            const auto at = t.chan().recv();
            expected.check(at && *at >= start + 10us, "a tick of the last reset");
        }
    });
    expected.verify();
}

TEST_CASE("a ticker's tick from before a reset is never received", "[C-293]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::ticker t(never);
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

TEST_CASE("timers and tickers that nobody refers to do not stay until they are due", "[C-294]") {
    const int n = test::scale(100'000);
    test::expectations expected;
    test::on_workers([&] {
        const test::timers_since before;
        for (int i = 0; i < n; ++i) {
            // Each in the usual shape of a loop with a time limit.
            const auto ready = runnel::make_chan<int>(1);
            ready << i;
            runnel::select(runnel::recv(ready), runnel::recv(runnel::after(never)));
            const runnel::timer dropped(never);
            const runnel::ticker dropped_too(never);
        }
        expected.check_eq(before.count(), 0U, "timers that are left");
    });
    expected.verify();
}
