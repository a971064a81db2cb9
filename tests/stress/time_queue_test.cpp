// tests/stress/time_queue_test.cpp — timers that come, go and expire from everywhere at once.
// SPDX-License-Identifier: BSL-1.0
//
//   Hunted: the last handle of a timer's channel goes as the queue claims the timer: freed while it is
//   in the queue's hands, or fired after it was freed; cancelled timers that stay in the queue; deadlines set
//   from a foreign thread that no sleeping worker hears of; timers that starve when every worker computes.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <random>
#include <thread>
#include <vector>

#include <runnel/chan.hpp>
#include <runnel/context.hpp>
#include <runnel/go.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"
#include "support/timers.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::clock;
using test::armed_timers;

constexpr auto never = std::chrono::hours(24 * 365);

void spin_for(std::chrono::nanoseconds d) {
    const auto end = clock::now() + d;
    while (clock::now() < end) {
    }
}

// Nothing is measured here. Who is later than this was not woken at all, but by accident.
constexpr auto forgotten = 10s;

}  // namespace

TEST_CASE("handles dropped at the moment of expiry", "[stress][bug-21]") {
    const int rounds = test::scale(20'000);
    test::expectations expected;
    test::on_workers([&] {
        const std::size_t before = armed_timers();
        std::atomic<long> received{0};
        const auto drop = [&](std::uint64_t who) {
            std::mt19937_64 random(test::seed() + who);
            for (int i = 0; i < rounds; ++i) {
                const auto d = std::chrono::nanoseconds(random() % 3000);
                switch (random() % 4) {
                    case 0: {
                        const auto ch = runnel::after(d);
                        spin_for(std::chrono::nanoseconds(random() % 3000));
                        received += ch.try_recv() ? 1 : 0;
                        break;
                    }
                    case 1: {
                        const runnel::timer t(d);
                        spin_for(std::chrono::nanoseconds(random() % 3000));
                        break;
                    }
                    case 2: {
                        const runnel::ticker t(std::max(d, 1ns));
                        spin_for(std::chrono::nanoseconds(random() % 3000));
                        break;
                    }
                    default: {
                        const auto ctx = with_timeout(runnel::background(), d);
                        spin_for(std::chrono::nanoseconds(random() % 3000));
                        received += ctx.err() ? 1 : 0;
                    }
                }
                if (i % 16 == 0) runnel::yield();
            }
        };
        runnel::wait_group wg;
        for (std::uint64_t g = 0; g < 3; ++g) wg.go([&, g] { drop(g); });
        std::thread foreign([&] { drop(7); });
        wg.wait();
        foreign.join();
        expected.check_eq(armed_timers(), before, "timers that are left");
        expected.check(runnel::after(1us).recv().has_value(), "the queue works");
    });
    expected.verify();
}

TEST_CASE("a million timers set and cancelled leave the queue as it was", "[stress][bug-22]") {
    const int rounds = test::scale(250'000);
    test::expectations expected;
    test::on_workers([&] {
        const std::size_t before = armed_timers();
        std::atomic<std::size_t> most{0};
        const auto work = [&](std::uint64_t who) {
            std::mt19937_64 random(test::seed() + who);
            runnel::timer kept(never);
            for (int i = 0; i < rounds; ++i) {
                const auto d = never - std::chrono::seconds(random() % 1000);
                switch (i % 3) {
                    case 0:
                        kept.reset(d);
                        break;
                    case 1:
                        static_cast<void>(runnel::after(d));
                        break;
                    default: {
                        const auto ctx = with_timeout(runnel::background(), d);
                    }
                }
                if (i % 256 == 0) {
                    const std::size_t now = armed_timers();
                    if (now > most) most = now;
                    runnel::yield();
                }
            }
            kept.stop();
        };
        runnel::wait_group wg;
        for (std::uint64_t g = 0; g < 3; ++g) wg.go([&, g] { work(g); });
        std::thread foreign([&] { work(9); });
        wg.wait();
        foreign.join();
        expected.check(most < before + 20, "never more than are in use");
        expected.check_eq(armed_timers(), before, "none is left");
    });
    expected.verify();
}

TEST_CASE("a deadline set by a thread wakes a sleeping worker in time", "[stress][bug-16]") {
    const int rounds = test::scale(300);
    test::expectations expected;
    test::on_workers([&] {
        const auto late_by = [&](std::mt19937_64& random) {
            const auto d = std::chrono::microseconds(random() % 3000);
            const auto start = clock::now();
            runnel::after(d).recv();
            return clock::now() - start - d;
        };
        std::atomic<bool> in_time{true};
        std::atomic<std::size_t> finished{0};
        std::vector<std::thread> threads;
        for (std::uint64_t t = 0; t < 3; ++t) {
            threads.emplace_back([&, t] {
                std::mt19937_64 random(test::seed() + t);
                for (int i = 0; i < rounds; ++i) {
                    if (late_by(random) > forgotten) in_time = false;
                }
                ++finished;
            });
        }
        // Meanwhile the workers fall asleep, and wake for a deadline of their own.
        while (finished < threads.size()) runnel::sleep_for(1ms);
        for (std::thread& t : threads) t.join();
        expected.check(in_time, "nobody is forgotten");
    });
    expected.verify();
}

TEST_CASE("goroutines that compute do not hold up timers for long", "[stress][bug-18]") {
    test::expectations expected;
    test::on_workers([&] {
        std::atomic<bool> stop{false};
        runnel::wait_group hogs;
        for (std::size_t i = 0; i < runnel::max_procs() + 1; ++i) {
            hogs.go([&] {
                while (!stop) spin_for(100us);
            });
        }
        // Late by the 10 ms after which a hog's worker is relieved, and by what the system takes to run
        // the other; but the hogs never end by themselves.
        bool in_time = true;
        const int rounds = runnel::max_procs() > 8 ? 5 : 50;  // the more hogs, the longer a round
        for (int i = 0; i < rounds; ++i) {
            const auto start = clock::now();
            runnel::sleep_for(1ms);
            if (clock::now() - start > forgotten) in_time = false;
        }
        stop = true;
        hogs.wait();
        expected.check(in_time, "nobody is forgotten");
    });
    expected.verify();
}
