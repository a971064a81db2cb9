// tests/conformance/time_tickers_test.cpp — tickers on real workers, for slow and for many receivers.
// SPDX-License-Identifier: BSL-1.0
//
//   What they do, and exactly when: time_simulated_test.cpp.
#include <atomic>
#include <chrono>
#include <stdexcept>

#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::clock;

}  // namespace

TEST_CASE("ticks at the period and at that of a reset are neither early nor late", "[C-302]") {
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
            expected.check(!t.chan().try_recv(), "stopped");
            right = took <= 20 * period;
        }
        expected.check(right, "not late, at least once in five attempts");
    });
    expected.verify();
}

// In a simulation time stands still while somebody computes; here ticks become due, with nobody to serve them.
TEST_CASE("whoever computes for long finds no burst of ticks", "[C-303]") {
    test::expectations expected;
    test::on_workers([&] {
        constexpr auto period = 1ms;
        const auto start = clock::now();
        const runnel::ticker t(period);
        while (clock::now() < start + 5 * period + period / 2) {
        }
        // One tick may have waited, one may just have been on its way, and one be due.
        for (int i = 0; i < 3; ++i) expected.check(t.chan().recv().has_value(), "a tick");
        for (int i = 0; i < 3; ++i) {
            const auto at = t.chan().recv();
            expected.check(at && *at >= start + (6 + i) * period, "later ones keep to the grid");
        }
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
