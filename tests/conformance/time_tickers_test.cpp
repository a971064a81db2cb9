// tests/conformance/time_tickers_test.cpp — ticks on a grid, for slow and for many receivers.
// SPDX-License-Identifier: BSL-1.0
#include <atomic>
#include <chrono>
#include <stdexcept>
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

}  // namespace

TEST_CASE("ticks come at the period, then at that of a reset, then not at all", "[C-302]") {
    test::expectations expected;
    test::on_workers([&] {
        bool right = false;
        for (int attempt = 0; attempt < 5 && !right; ++attempt) {
            const auto period = 2ms * (1 << attempt);
            const auto start = clock::now();
            runnel::ticker t(period);
            for (int i = 0; i < 5; ++i) t.chan().recv();
            t.reset(2 * period);
            for (int i = 0; i < 5; ++i) t.chan().recv();
            t.stop();
            const auto took = clock::now() - start;
            expected.check(took >= 15 * period, "not early");
            expected.check(!t.chan().recv_for(4 * period), "stopped");
            right = took <= 20 * period;
        }
        expected.check(right, "not late, at least once in five attempts");
    });
    expected.verify();
}

TEST_CASE("a slow receiver finds one tick, no burst, and then the grid of the first",
          "[C-303][C-390]") {
    test::expectations expected;
    test::on_workers([&] {
        bool on_grid = false;
        for (int attempt = 0; attempt < 6 && !on_grid; ++attempt) {
            const clock::duration period = 4ms * (1 << attempt);
            const auto start = clock::now();
            const runnel::ticker t(period);
            const auto made = clock::now();
            runnel::sleep_for(5 * period + period / 2);
            const auto waiting = t.chan().try_recv();
            const auto next = t.chan().try_recv();
            const auto looked = clock::now();
            expected.check(waiting.has_value(), "one tick waits");
            if (next) continue;  // another one came just then, or we were held up for long
            expected.check(*waiting >= start + period, "it is an old one");
            const auto at = t.chan().recv();
            const auto periods = (looked - start) / period;
            expected.check(*at >= start + (periods + 1) * period,
                           "the grid's next place, not early");
            // Late it may be, if the machine is busy.
            on_grid = *at < made + (periods + 1) * period + period / 2;
        }
        expected.check(on_grid, "on the grid, at least once in six attempts");
    });
    expected.verify();
}

TEST_CASE("ten goroutines share a ticker that ticks all the time", "[C-304]") {
    const int ticks = test::scale(1000);
    test::expectations expected;
    test::on_workers([&] {
        const runnel::ticker t(1ns);
        std::atomic<int> finished{0};
        runnel::wait_group wg;
        for (int g = 0; g < 10; ++g) {
            wg.go([&] {
                for (int i = 0; i < ticks; ++i) t.chan().recv();
                ++finished;
            });
        }
        wg.wait();
        expected.check_eq(finished.load(), 10, "finished");
    });
    expected.verify();
}

TEST_CASE("a ticker that ticks all the time leaves room for others", "[C-303]") {
    test::expectations expected;
    test::on_workers([&] {
        const runnel::ticker t(1ns);
        const auto ch = runnel::make_chan<int>();
        runnel::go([ch] {
            for (int i = 0; i < 100; ++i) {
                runnel::sleep_for(10us);
                ch << i;
            }
            ch.close();
        });
        int received = 0;
        for (int v : ch) received += v >= 0 ? 1 : 0;
        expected.check_eq(received, 100, "received");
    });
    expected.verify();
}

TEST_CASE("stopping right after a tick does not hang", "[C-306]") {
    test::expectations expected;
    test::on_workers([&] {
        for (int i = 0; i < 30; ++i) {
            runnel::ticker t(100us);
            expected.check(t.chan().recv().has_value(), "a tick");
            t.stop();
        }
    });
    expected.verify();
}

TEST_CASE("a period that is not positive is refused", "[C-307]") {
    CHECK_THROWS_AS(runnel::ticker(-1ns), std::invalid_argument);
    CHECK_THROWS_AS(runnel::ticker(0ns), std::invalid_argument);
    runnel::ticker t(1h);
    CHECK_THROWS_AS(t.reset(0ns), std::invalid_argument);
    CHECK_THROWS_AS(t.reset(-1ns), std::invalid_argument);
    t.stop();
}

TEST_CASE("whoever receives from a stopped ticker waits for ever", "[C-308]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::ticker t(1ms);
        t.chan().recv();
        t.stop();
        std::atomic<bool> returned{false};
        runnel::go([&returned, ch = t.chan()] {
            ch.recv();
            returned = true;
        });
        expected.check(test::wait_parked(1, "chan receive"), "it waits");
        runnel::sleep_for(10ms);
        expected.check(!returned, "neither a tick nor the end");
    });
    expected.verify();
}

TEST_CASE("a huge period is no time in the past", "[C-299]") {
    test::expectations expected;
    test::on_workers([&] {
        const runnel::ticker huge(std::chrono::nanoseconds::max());
        runnel::ticker grown(1us);
        for (int i = 0; i < 5; ++i) grown.chan().recv();
        grown.reset(std::chrono::nanoseconds::max() - 1h);
        const auto chosen = runnel::select(runnel::recv(huge.chan()), runnel::recv(grown.chan()),
                                           runnel::timeout(20ms));
        expected.check_eq(chosen, 2U, "neither has ticked");
    });
    expected.verify();
}
