// tests/conformance/time_simulated_test.cpp — what timers and tickers do, in virtual time and to the nanosecond.
// SPDX-License-Identifier: BSL-1.0
//
//   Races of threads, lateness and great numbers: time_timers_test.cpp, time_tickers_test.cpp,
//   time_stale_ticks_test.cpp.
#include <runnel/testing.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/runtime.hpp>
#include <runnel/select.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/simulated.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::clock;
using runnel::testing::wait_idle;
using test::on_seeds;
using test::require;
using test::stopwatch;

constexpr auto a_year = 24h * 365;
constexpr auto never = 280 * a_year;
constexpr auto forever = std::chrono::nanoseconds::max();  // 292 years

template <class Timer>
bool nothing_there(const Timer& t) {
    return t.chan().len() == 0 && t.chan().cap() == 0 && !t.chan().try_recv() &&
           runnel::select(runnel::recv(t.chan()), runnel::otherwise()) == 1;
}

template <class Received>
bool is_tick_of(clock::time_point at, const Received& received) {
    return received && *received == at;
}

}  // namespace

// ---- sleeping ----

TEST_CASE("the largest sleep overflows nothing and starves no other timer", "[C-284]") {
    on_seeds([] {
        // A run of its own: who sleeps when it returns is no leak.
        runnel::run([] {
            const stopwatch since;
            std::atomic<int> woken{0};
            for (const auto d : {forever, forever - 1s, forever / 2}) {
                runnel::go([&woken, d] {
                    runnel::sleep_for(d);
                    ++woken;
                });
            }
            wait_idle();
            const auto soon = runnel::after(1ms);
            const auto chosen =
                runnel::select(runnel::recv(runnel::after(forever)), runnel::recv(soon));
            require(chosen == 1, "the short one");
            since.require_passed(1ms, "the short one");
            runnel::sleep_until(since.start() + forever / 2 - 1ns);
            require(woken == 0, "they sleep");
            runnel::sleep_for(2ns);
            require(woken == 1, "146 years are half of it");
            runnel::sleep_until(since.start() + never);
            require(woken == 1, "the largest is for ever");
        });
    });
}

// ---- after_func ----

TEST_CASE("a function may arm its successor", "[C-285]") {
    on_seeds([] {
        const stopwatch since;
        int left = 10;
        const auto done = runnel::make_chan<bool>();
        std::function<void()> step = [&, done] {
            if (--left >= 0) {
                static_cast<void>(runnel::after_func(0s, [&] { step(); }));
                runnel::sleep_for(1ms);
            } else {
                done << true;
            }
        };
        runnel::go([&] { step(); });
        require(done.recv().has_value(), "the chain ends");
        since.require_passed(0s, "the chain of zeros");
        require(left == -1, "steps");
        runnel::sleep_for(1h);  // those that still sleep refer to our variables
    });
}

// ---- stopping ----

TEST_CASE("a stopped timer does not fire, one that was not does", "[C-288]") {
    on_seeds([] {
        const stopwatch since;
        std::atomic<int> fired{0};
        runnel::timer stopped = runnel::after_func(10ms, [&] { ++fired; });
        const auto later = runnel::make_chan<bool>();
        static_cast<void>(runnel::after_func(20ms, [later] { later << true; }));
        runnel::timer by_channel(20ms);
        require(stopped.stop(), "stopped");
        require(by_channel.stop(), "stopped");
        require(later.recv().has_value(), "the other one fires");
        since.require_passed(20ms, "the other one fires");
        require(!by_channel.chan().recv_for(a_year), "nothing is received");
        require(fired == 0, "nothing is called");
        require(!stopped.stop() && !by_channel.stop(), "the second stop says no");
    });
}

TEST_CASE("timers armed in any order are received in that of their deadlines", "[C-289]") {
    const std::vector<int> slots{5, 3, 6, 6, 6, 1, 1, 2, 7, 9, 4, 8, 0};
    on_seeds([&] {
        struct arrival {
            int slot;
            clock::time_point at;
        };
        const stopwatch since;
        const auto start = since.start() + 4ms;
        const auto all = runnel::make_chan<arrival>(slots.size());
        for (const int slot : slots) {
            runnel::go([=] {
                const auto at = runnel::after(start + slot * 2ms - clock::now()).recv();
                all << arrival{slot, *at};
            });
        }
        int last = -1;
        for (std::size_t i = 0; i < slots.size(); ++i) {
            const arrival a = *all.recv();
            require(a.slot >= last, "in order");
            require(a.at == start + a.slot * 2ms, "what the tick says");
            since.require_passed(4ms + a.slot * 2ms, "when it comes");
            last = a.slot;
        }
    });
}

TEST_CASE("of a hundred timers stopped before, when and after they are due, each does one thing",
          "[C-290]") {
    on_seeds([] {
        std::atomic<int> fired{0};
        std::atomic<int> stopped{0};
        runnel::wait_group wg;
        for (int i = 0; i < 100; ++i) {
            wg.go([&, i] {
                runnel::timer t = runnel::after_func(50ms, [&] { ++fired; });
                runnel::sleep_for(i * 1ms);
                const bool in_time = t.stop();
                if (in_time) ++stopped;
                require(in_time || i >= 50, "before it is due it can be stopped");
                require(!in_time || i <= 50, "afterwards no more");
            });
        }
        wg.wait();
        runnel::sleep_for(1h);
        require(fired == 100 - stopped, "those that were not stopped in time fire");
    });
}

// ---- resetting ----

TEST_CASE("reset of a pending timer is true, and it fires at the new time alone", "[C-291]") {
    on_seeds([] {
        runnel::timer t(5ms);
        const stopwatch since;
        require(t.reset(15ms), "pending");
        const auto at = t.chan().recv();
        require(at && *at == since.start() + 15ms, "what the tick says");
        since.require_passed(15ms, "the new time");
        require(!t.chan().recv_for(a_year), "alone");
        const stopwatch again;
        require(!t.reset(1ms), "fired and received");
        require(t.chan().recv().has_value(), "again");
        again.require_passed(1ms, "again");
    });
}

// ---- no stale ticks ----
//
//   The walk through a timer's states, with the answers of Go 1.23 and later: its channel looks unbuffered,
//   a tick that came and was not received is taken back by stop and reset, and counts as stopped.

TEST_CASE("the states of a timer", "[C-293][C-389]") {
    on_seeds([] {
        // Not due yet.
        runnel::timer t(never);
        require(nothing_there(t), "pending: nothing there");
        require(t.reset(never), "pending: reset");
        require(t.stop(), "pending: stop");
        require(nothing_there(t), "stopped: nothing there");
        require(!t.stop(), "stopped: stop");
        require(!t.reset(0s), "stopped: reset");

        // Due and not received.
        wait_idle();
        require(t.chan().len() == 0 && t.chan().cap() == 0, "fired: looks unbuffered");
        require(t.stop(), "fired: stop");
        require(nothing_there(t), "fired and stopped: nothing there");
        require(!t.stop(), "fired and stopped: stop");

        t.reset(0s);
        wait_idle();
        require(t.reset(never), "fired: reset");
        require(nothing_there(t), "fired and reset: nothing there");
        require(t.stop(), "fired and reset: stop");

        // Received, each way there is.
        t.reset(0s);
        require(t.chan().recv().has_value(), "received: by recv");
        require(!t.stop(), "received: stop");
        t.reset(0s);
        wait_idle();
        require(t.chan().try_recv().has_value(), "received: by try_recv");
        require(!t.stop(), "received: stop");
        t.reset(0s);
        require(runnel::select(runnel::recv(t.chan())) == 0, "received: by select");
        require(!t.reset(never), "received: reset");
        t.reset(0s);
        clock::time_point into{};
        require(t.chan() >> into, "received: by >>");
        require(!t.reset(never), "received: reset");
        require(into == clock::now(), "received: the time");

        // A tick from before the reset is never received: those that are, are later. Half of the time the old
        // one is due and not there yet, or only now coming.
        for (int i = 0; i < 20; ++i) {
            t.reset(0s);
            if (i % 2 == 0) runnel::yield();
            if (i % 5 == 0) wait_idle();
            const stopwatch since;
            t.reset(10us);
            const auto at = t.chan().recv();
            require(at && *at == since.start() + 10us, "the tick of the last reset");
        }
    });
}

TEST_CASE("the states of a ticker", "[C-293]") {
    on_seeds([] {
        runnel::ticker t(never);
        require(nothing_there(t), "pending: nothing there");
        t.reset(1us);
        runnel::sleep_for(3us);  // the third tick comes at this moment
        require(t.chan().len() == 0 && t.chan().cap() == 0, "fired: looks unbuffered");
        t.stop();
        require(nothing_there(t), "fired and stopped: nothing there");
        t.reset(1us);
        runnel::sleep_for(3us);
        t.reset(never);
        require(nothing_there(t), "fired and reset: nothing there");
        const stopwatch ticks;
        t.reset(1us);
        for (int i = 1; i <= 3; ++i) {
            require(t.chan().recv().has_value(), "it ticks");
            ticks.require_passed(i * 1us, "it ticks");
        }
        t.stop();
        require(nothing_there(t), "stopped: nothing there");
        for (int i = 0; i < 20; ++i) {
            t.reset(1us);
            if (i % 2 == 0) runnel::yield();
            if (i % 5 == 0) runnel::sleep_for(1us);
            const stopwatch since;
            t.reset(20us);
            const auto at = t.chan().recv();
            require(at && *at == since.start() + 20us, "the tick of the last reset");
        }
    });
}

TEST_CASE("those who wait for a timer see resets and stops of others", "[C-293]") {
    on_seeds([] {
        runnel::timer t(never);
        std::atomic<int> received{0};
        runnel::wait_group wg;
        for (int i = 0; i < 2; ++i) {
            wg.go([&] {
                if (t.chan().recv()) ++received;
            });
            wg.go([&] { runnel::select(runnel::recv(t.chan(), [&] { ++received; })); });
        }
        wait_idle();
        for (int i = 1; i <= 4; ++i) {
            require(t.reset(0s) == (i == 1), "pending only at first");
            wait_idle();
            require(received == i, "one each time");
            runnel::sleep_for(a_year);
            require(received == i, "no more of them");
        }
        wg.wait();
        require(!t.stop(), "all ticks were received");
    });
}

// ---- tickers ----

TEST_CASE("ticks come at the period, then at that of a reset, then not at all", "[C-302]") {
    on_seeds([] {
        const auto period = 2ms;
        const stopwatch since;
        runnel::ticker t(period);
        for (int i = 1; i <= 5; ++i) {
            require(is_tick_of(since.start() + i * period, t.chan().recv()), "what it says");
            since.require_passed(i * period, "the period");
        }
        t.reset(2 * period);
        for (int i = 1; i <= 5; ++i) {
            const auto from_start = (5 + 2 * i) * period;
            require(is_tick_of(since.start() + from_start, t.chan().recv()), "what it says");
            since.require_passed(from_start, "the period of the reset");
        }
        t.stop();
        require(!t.chan().recv_for(a_year), "stopped");
    });
}

TEST_CASE("a slow receiver finds one tick, no burst, and then the grid of the first",
          "[C-303][C-390]") {
    on_seeds([] {
        const auto period = 4ms;
        const stopwatch since;
        const runnel::ticker t(period);
        for (int slow = 0; slow < 3; ++slow) {
            // Five ticks come, four of them for nobody.
            const auto first = since.start() + (6 * slow + 1) * period;
            runnel::sleep_for(5 * period + period / 2);
            require(is_tick_of(first, t.chan().try_recv()), "one tick waits, the oldest");
            require(!t.chan().try_recv(), "no more of them");
            require(is_tick_of(first + 5 * period, t.chan().recv()), "the grid's next place");
            since.require_passed((6 * slow + 6) * period, "the grid's next place");
        }
    });
}

TEST_CASE("whoever receives from a stopped ticker waits for ever", "[C-308]") {
    const auto wait_for_a_stopped_one = [] {
        runnel::ticker t(1ms);
        t.chan().recv();
        t.stop();
        t.chan().recv();
    };
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        CHECK_THROWS_AS(runnel::testing::simulate(seed, wait_for_a_stopped_one),
                        runnel::testing::deadlock);
    }
    on_seeds([] {
        // A run of its own: who waits when it returns is no leak.
        runnel::run([] {
            runnel::ticker t(1ms);
            t.chan().recv();
            t.stop();
            std::atomic<bool> returned{false};
            runnel::go([&returned, ch = t.chan()] {
                ch.recv();
                returned = true;
            });
            runnel::sleep_for(a_year);
            require(!returned, "neither a tick nor the end");
        });
    });
}

TEST_CASE("a huge period is no time in the past", "[C-299]") {
    on_seeds([] {
        const runnel::ticker huge(forever);
        runnel::ticker grown(1us);
        for (int i = 0; i < 5; ++i) grown.chan().recv();
        grown.reset(forever - 1h);
        const auto chosen = runnel::select(runnel::recv(huge.chan()), runnel::recv(grown.chan()),
                                           runnel::timeout(200 * a_year));
        require(chosen == 2, "neither has ticked");
    });
}
