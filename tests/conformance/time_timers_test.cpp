// tests/conformance/time_timers_test.cpp — sleeping, timers and functions called later, on real workers.
// SPDX-License-Identifier: BSL-1.0
//
//   What they do, and exactly when: time_simulated_test.cpp.
#include <atomic>
#include <chrono>
#include <random>
#include <stdexcept>
#include <vector>

#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/runtime.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::clock;

constexpr auto never = std::chrono::hours(24 * 365);

/// For what depends on how busy the machine is: a few attempts, each with more time than the last.
template <class Attempt>
bool in_five_attempts(std::chrono::milliseconds first, const Attempt& attempt) {
    for (int i = 0; i < 5; ++i) {
        if (attempt(first * (1 << i))) return true;
    }
    return false;
}

}  // namespace

// ---- sleeping ----

TEST_CASE("a sleep is not early while signals and wake-ups rain", "[C-283]") {
    test::expectations expected;
    test::on_workers([&] {
        std::atomic<bool> stop{false};
        runnel::wait_group noise;
        const auto ch = runnel::make_chan<int>();
        noise.go([&] {
            while (!stop) ch.send_for(1, 50us);
        });
        noise.go([&] {
            while (!stop) ch.recv_for(70us);
        });
        const auto start = clock::now();
        runnel::sleep_for(20ms);
        expected.check(clock::now() - start >= 20ms, "not early");
        stop = true;
        noise.wait();
    });
    expected.verify();
}

TEST_CASE("sleeping for zero does not keep others from communicating", "[C-284]") {
    const int rounds = test::scale(1000);
    test::expectations expected;
    test::on_workers([&] {
        std::atomic<bool> stop{false};
        runnel::wait_group sleepers;
        sleepers.go([&] {
            while (!stop) runnel::sleep_for(0s);
        });
        sleepers.go([&] {
            while (!stop) runnel::sleep_for(-1ns);
        });
        const auto ping = runnel::make_chan<int>();
        const auto pong = runnel::make_chan<int>();
        sleepers.go([ping, pong] {
            for (int v : ping) pong << v + 1;
        });
        int last = 0;
        for (int i = 0; i < rounds; ++i) {
            ping << last;
            pong >> last;
        }
        ping.close();
        stop = true;
        sleepers.wait();
        expected.check_eq(last, rounds, "rounds");
    });
    expected.verify();
}

// ---- after ----

TEST_CASE("after is never early", "[C-287]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto start = clock::now();
        const auto at = runnel::after(10ms).recv();
        expected.check(clock::now() - start >= 10ms, "not received early");
        expected.check(*at - start >= 10ms, "nor does it say so");
    });
    expected.verify();
}

TEST_CASE("ten ticks in a row take ten times as long, not three times that", "[C-287]") {
    test::expectations expected;
    test::on_workers([&] {
        bool early = false;
        const bool in_time = in_five_attempts(2ms, [&](std::chrono::milliseconds d) {
            const auto start = clock::now();
            for (int i = 0; i < 10; ++i) runnel::after(d).recv();
            const auto took = clock::now() - start;
            early = early || took < 10 * d;
            return took <= 30 * d;
        });
        expected.check(!early, "not early");
        expected.check(in_time, "not late, at least once in five attempts");
    });
    expected.verify();
}

// ---- stopping ----

TEST_CASE("a hundred timers stopped at once by a hundred goroutines never fire", "[C-290]") {
    test::expectations expected;
    test::on_workers([&] {
        std::atomic<int> fired{0};
        std::atomic<int> stopped{0};
        runnel::wait_group wg;
        for (int i = 0; i < 100; ++i) {
            wg.go([&, i] {
                runnel::timer t = runnel::after_func(5ms, [&] { ++fired; });
                for (int others = 0; others < i % 10; ++others) runnel::yield();
                if (t.stop()) ++stopped;
            });
        }
        wg.wait();
        runnel::after(5ms).recv();  // due after all of them
        expected.check(test::eventually([&] { return fired + stopped == 100; }),
                       "those that were not stopped in time");
        runnel::after(1ms).recv();
        expected.check_eq(fired.load(), 100 - stopped.load(), "and no others");
    });
    expected.verify();
}

// ---- resetting ----

TEST_CASE("if stop or reset says no, somebody has received the tick; if yes, nobody will",
          "[C-292]") {
    const int goroutines = test::scale(1000);
    const int pairs = test::scale(100);
    test::expectations expected;
    test::on_workers([&] {
        std::atomic<int> wrong{0};
        runnel::wait_group wg;
        for (int g = 0; g < goroutines; ++g) {
            wg.go([&, g] {
                runnel::timer t(never);
                for (int i = 0; i < pairs; ++i) {
                    // Nobody else receives here: whatever was armed was kept from being received.
                    if (!t.reset(std::chrono::microseconds((g + i) % 3))) ++wrong;
                    if ((g + i) % 2 == 0) runnel::yield();
                    if (!t.stop()) ++wrong;
                    if (t.chan().try_recv()) ++wrong;
                    // What Go's programs did before 1.23 must not hang either.
                    t.reset(0s);
                    if (!t.stop()) t.chan().recv();
                    t.reset(never);
                }
            });
        }
        wg.wait();
        expected.check_eq(wrong.load(), 0, "wrong answers");
    });
    expected.verify();
}

TEST_CASE("a tick is either stopped or received, never both, never neither", "[C-292]") {
    const int rounds = test::scale(3000);
    test::expectations expected;
    test::on_workers([&] {
        std::atomic<int> both{0};
        std::atomic<int> neither{0};
        const auto ask = runnel::make_chan<runnel::recv_chan<clock::time_point>>();
        const auto answer = runnel::make_chan<bool>();
        runnel::wait_group wg;
        wg.go([&, ask, answer] {
            for (const auto& ch : ask) answer << ch.recv_for(50us).has_value();
        });
        for (int i = 0; i < rounds; ++i) {
            runnel::timer t(std::chrono::microseconds(i % 7 - 1));
            ask << t.chan();
            if (i % 3 == 0) runnel::yield();
            if (i % 50 == 0) runnel::sleep_for(20us);
            const bool stopped = t.stop();
            const bool received = *answer.recv();
            if (stopped && received) ++both;
            if (!stopped && !received) ++neither;
            if (t.chan().try_recv()) ++both;
        }
        ask.close();
        wg.wait();
        expected.check_eq(both.load(), 0, "stopped and received");
        expected.check_eq(neither.load(), 0, "neither stopped nor received");
    });
    expected.verify();
}

// ---- the queue ----

TEST_CASE("a timer of zero fires, each of a great many times", "[C-295]") {
    const int n = test::scale(100'000);
    test::expectations expected;
    test::on_workers([&] {
        int received = 0;
        for (int i = 0; i < n; ++i) received += runnel::after(0s).recv() ? 1 : 0;
        runnel::timer t(0s);
        for (int i = 0; i < n; ++i) {
            received += t.chan().recv() ? 1 : 0;
            t.reset(0s);
        }
        const auto called = runnel::make_chan<int>(1);
        for (int i = 0; i < n / 10; ++i) {
            static_cast<void>(runnel::after_func(0s, [called] { called << 1; }));
            received += *called.recv();
        }
        expected.check_eq(received, 2 * n + n / 10, "received");
    });
    expected.verify();
}

TEST_CASE("a timer of zero fires while others are armed and stopped around it", "[C-295]") {
    const int n = test::scale(1000);
    test::expectations expected;
    test::on_workers([&] {
        std::atomic<bool> stop{false};
        runnel::wait_group wg;
        for (int g = 0; g < 3; ++g) {
            wg.go([&, g] {
                std::vector<runnel::timer> mine;
                for (int i = 0; i < 50; ++i) mine.emplace_back(never);
                for (std::size_t i = 0; !stop; i = (i + 7) % mine.size()) {
                    mine[i].reset(never - std::chrono::seconds((i * 31 + 1) % 97));
                    if (i % 5 == 0) mine[i].stop();
                    if (i % 11 == static_cast<std::size_t>(g)) runnel::yield();
                }
            });
        }
        int received = 0;
        for (int i = 0; i < n; ++i) received += runnel::after(0s).recv() ? 1 : 0;
        stop = true;
        wg.wait();
        expected.check_eq(received, n, "received");
    });
    expected.verify();
}

TEST_CASE("a timer moved to an earlier time, even to the past, is not lost", "[C-296]") {
    const int rounds = test::scale(10'000);
    test::expectations expected;
    test::on_workers([&] {
        int received = 0;
        for (int i = 0; i < rounds; ++i) {
            runnel::timer t(30s);
            t.reset(i % 2 == 0 ? std::chrono::nanoseconds::min() : std::chrono::nanoseconds(i % 5));
            received += t.chan().recv_for(10s) ? 1 : 0;
        }
        expected.check_eq(received, rounds, "received");
    });
    expected.verify();
}

TEST_CASE("random resets to earlier and later lose no timer", "[C-297]") {
    const int n = test::scale(2000);
    test::expectations expected;
    test::on_workers([&] {
        std::mt19937_64 random(test::seed());
        const auto any = [&](int most) {
            return std::chrono::microseconds(std::uniform_int_distribution<int>(0, most)(random));
        };
        std::vector<runnel::timer> timers;
        for (int i = 0; i < n; ++i) timers.emplace_back(any(50'000));
        for (int round = 0; round < 3; ++round) {
            for (runnel::timer& t : timers) t.reset(any(40'000));
        }
        int received = 0;
        for (const runnel::timer& t : timers) received += t.chan().recv_for(10s) ? 1 : 0;
        int more = 0;
        for (const runnel::timer& t : timers) more += t.chan().try_recv() ? 1 : 0;
        expected.check_eq(received, n, "received");
        expected.check_eq(more, 0, "received twice");
    });
    expected.verify();
}

TEST_CASE("five thousand sleepers do not slow down those who talk with time limits", "[C-297]") {
    const int sleepers = test::scale(5000);
    const int rounds = test::scale(10'000);
    test::expectations expected;
    test::on_workers([&] {
        const auto ping_pong = [&] {
            const auto there = runnel::make_chan<int>();
            const auto back = runnel::make_chan<int>();
            runnel::go([there, back] {
                for (int v : there) back << v;
            });
            const auto start = clock::now();
            for (int i = 0; i < rounds; ++i) {
                there.send_for(i, 1h);
                back.recv_for(1h);
            }
            there.close();
            return clock::now() - start;
        };
        const auto alone = ping_pong();
        for (int i = 0; i < sleepers; ++i) {
            runnel::go([i] { runnel::sleep_for(never + std::chrono::milliseconds(i)); });
        }
        expected.check(test::wait_parked(static_cast<std::size_t>(sleepers), "sleep"),
                       "they sleep");
        // A queue that looked at each of them would take a thousand times as long.
        expected.check(
            in_five_attempts(
                1ms, [&](std::chrono::milliseconds) { return ping_pong() < 20 * alone + 50ms; }),
            "not much slower");
    });
    expected.verify();
}

// ---- many receivers ----

TEST_CASE("many goroutines receive from one timer and reset it at once", "[C-298]") {
    const int goroutines = 4;
    const int rounds = test::scale(2000);
    test::expectations expected;
    test::on_workers([&] {
        runnel::timer t(0s);
        std::atomic<int> left{rounds};
        runnel::wait_group wg;
        for (int g = 0; g < goroutines; ++g) {
            wg.go([&, g] {
                while (left > 0) {
                    // Others may have taken the tick, or moved it: then it is our turn to move it.
                    if (t.chan().recv_for(1ms)) --left;
                    t.reset(std::chrono::microseconds(g));
                }
            });
        }
        wg.wait();
        expected.check(left <= 0, "enough ticks have come");
    });
    expected.verify();
}

TEST_CASE("many goroutines receive from one ticker and reset it at once", "[C-298]") {
    const int rounds = test::scale(2000);
    test::expectations expected;
    test::on_workers([&] {
        runnel::ticker t(10us);
        std::atomic<int> left{rounds};
        runnel::wait_group wg;
        for (int g = 0; g < 4; ++g) {
            wg.go([&, g] {
                std::mt19937_64 random(test::seed() + static_cast<std::uint64_t>(g));
                while (left-- > 0) {
                    t.chan().recv();
                    t.reset(std::chrono::microseconds(1 + random() % 20));
                }
            });
        }
        wg.wait();
        expected.check(left <= 0, "enough ticks have come");
    });
    expected.verify();
}

// ---- what goes wrong in a function ----

TEST_CASE("an exception in a function leaves the timers working", "[C-301]") {
    std::atomic<int> panics{0};
    runnel::runtime_options options;
    options.max_procs = 1;
    options.on_panic = [&](std::exception_ptr, const runnel::goroutine_info&) { ++panics; };
    runnel::runtime rt(options);
    bool works = false;
    rt.run([&] {
        static_cast<void>(
            runnel::after_func(0s, [] { throw std::runtime_error("while timers run"); }));
        static_cast<void>(runnel::after_func(0s, [] { throw 1; }));
        test::eventually([&] { return panics == 2; });
        runnel::timer t(1ms);
        works = t.chan().recv_for(10s).has_value();
        t.reset(never);
        works = works && t.stop();
    });
    CHECK(panics == 2);
    CHECK(works);
}
