// tests/regressions/simulated_test.cpp — bugs that other libraries had, hunted under chosen schedules.
// SPDX-License-Identifier: BSL-1.0
//
//   README.md has the whole list; each case names the project and its issue.
#include <chrono>
#include <cstdint>
#include <vector>

#include <runnel/testing.hpp>

#include <runnel/chan.hpp>
#include <runnel/context.hpp>
#include <runnel/go.hpp>
#include <runnel/select.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/simulated.hpp"

namespace {

using namespace std::chrono_literals;
using namespace runnel::testing;
using test::require;

}  // namespace

TEST_CASE("Go 38070: nobody is interrupted while a timer changes its state",
          "[regression][bug-17]") {
    // There the goroutine that was changing a timer lost its processor to one that waited for the change
    // to be over. Here a simulation interrupts wherever the library lets others run, and has one thread:
    // who waits for a timer that is half changed waits for ever.
    const exploration seen = explore(300, [] {
        runnel::timer one(5ms);
        runnel::ticker many(3ms);
        int calls = 0;
        runnel::timer function = runnel::after_func(2ms, [&] { ++calls; });
        runnel::wait_group wg;
        for (int g = 0; g < 3; ++g) {
            wg.go([&, g] {
                for (int i = 0; i < 4; ++i) {
                    const auto d = std::chrono::milliseconds((g + i) % 4 + 1);
                    one.reset(d);
                    many.reset(d);
                    function.reset(d);
                    static_cast<void>(one.chan().recv_for(1ms));
                    one.stop();
                    static_cast<void>(many.chan().recv_for(1ms));
                    const auto ctx = runnel::with_timeout(runnel::background(), d);
                    static_cast<void>(one.chan().try_recv());
                }
            });
        }
        wg.wait();
        function.stop();
        many.stop();
        wait_idle();  // a call that has begun refers to ours
        require(!one.stop(), "no timer runs that nobody has set again");
        require(calls <= 12, "a function is called as often as it was set, at most");
    });
    CHECK(seen.seeds > 0);
}

TEST_CASE("tokio 8334: timers of any length keep their order and their moment for 400 days",
          "[regression][bug-20]") {
    // There the wheel came round after twelve days, and long timers fired in the wrong turn.
    const auto strikes = simulate(1, [] {
        const auto start = runnel::clock::now();
        const auto since = [&] { return runnel::clock::now() - start; };
        long count = 0;
        runnel::wait_group wg;
        // Around powers of two of every unit that a wheel might have.
        for (int bit = 10; bit < 55; ++bit) {
            for (const std::int64_t beside : {-1, 0, 1}) {
                const std::chrono::nanoseconds d((std::int64_t{1} << bit) + beside);
                wg.go([&, d] {
                    require(runnel::after(d).recv().has_value(), "it ticks");
                    require(since() == d, "a timer strikes at its moment");
                    ++count;
                });
            }
        }
        wg.go([&] {
            const runnel::ticker hourly(1h);
            for (int hour = 1; hour <= 400 * 24; ++hour) {
                require(hourly.chan().recv().has_value(), "it ticks");
                require(since() == std::chrono::hours(hour), "a ticker stays on its grid");
            }
            ++count;
        });
        wg.go([&] {
            runnel::timer moved(1h);
            for (int day = 1; day <= 400; ++day) {
                // Always away, and never struck.
                require(moved.reset(std::chrono::hours(24 * 30)), "it has not struck yet");
                runnel::sleep_for(24h);
            }
            require(moved.stop(), "it has not struck yet");
            ++count;
        });
        wg.wait();
        require(since() == 400 * 24h, "400 days take 400 days");
        return count;
    });
    CHECK(strikes == 45 * 3 + 2);
}

// ---- of ours ----

TEST_CASE("whoever a cancellation wakes or starts finds the children cancelled", "[regression]") {
    // A function of after_func ran before the context's children were marked, if a worker was free for it.
    const exploration seen = explore(300, [] {
        const auto parent = runnel::with_cancel(runnel::background());
        const auto child = runnel::with_cancel(parent);
        const auto grandchild = runnel::with_cancel(child);
        runnel::wait_group wg;
        wg.add(1);
        runnel::after_func(parent, [&] {
            require(!!grandchild.err(), "the grandchild was cancelled before it started");
            wg.done();
        });
        wg.go([&] {
            parent.done().recv();
            require(!!grandchild.err(), "the grandchild was cancelled before it was woken");
        });
        wg.go([&] { parent.cancel(); });
        wg.wait();
    });
    CHECK(seen.schedules > 10);
}
