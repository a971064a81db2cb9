// tests/mutex_simulated_test.cpp — time limits of runnel::mutex, and the moment from which a waiter starves.
// SPDX-License-Identifier: BSL-1.0
#include <atomic>
#include <chrono>
#include <set>

#include <runnel/testing.hpp>

#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/mutex.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/simulated.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::testing::explore;
using runnel::testing::wait_idle;
using test::require;
using test::stopwatch;

constexpr const char* lock_reason = "sync.Mutex.Lock";

TEST_CASE("a timed lock gives up, never early, and leaves the queue", "[mutex]") {
    const auto seen = explore(100, [] {
        runnel::mutex m;
        m.lock();
        const stopwatch since;
        require(!m.try_lock_for(5ms), "it fails while the mutex is held");
        since.require_passed(5ms, "it gives up at its limit");
        require(!m.try_lock_for(0ms) && !m.try_lock_for(-1h), "without time it fails");
        require(!m.try_lock_until(since.start() - 1h), "with a limit that is past it fails");
        since.require_passed(5ms, "without time it does not wait");
        require(!m.try_lock_until(since.start() + 6ms), "it fails while the mutex is held");
        since.require_passed(6ms, "it gives up at its limit");
        require(!m.try_lock_until(std::chrono::system_clock::now() + 1ms),
                "by another clock it fails, too");
        since.require_passed(7ms, "by another clock it gives up at its limit");

        // Whoever comes after one that gave up is served as if that one had not been.
        runnel::wait_group wg;
        wg.go([&] {
            require(!m.try_lock_for(50ms), "the first fails");
            since.require_passed(57ms, "the first gives up at its limit");
        });
        wait_idle();
        std::atomic<bool> got{false};
        wg.go([&] {
            m.lock();
            got = true;
            m.unlock();
        });
        runnel::sleep_for(50ms - 1ns);
        require(test::parked(lock_reason) == 2, "two wait just before the limit");
        runnel::sleep_for(2ns);
        require(test::parked(lock_reason) == 1 && !got, "the second waits just after the limit");
        m.unlock();
        wg.wait();
        require(got, "the second gets the mutex");
        require(m.try_lock_for(0ms), "zero is enough if it is free");
        m.unlock();
        require(m.try_lock_for(1h), "it succeeds if it is free");
        m.unlock();
        since.require_passed(57ms + 1ns, "nobody waits for a mutex that is free");
    });
    CHECK(seen.seeds > 0);
}

TEST_CASE("a timed lock is served until its limit, and at that moment either way", "[mutex]") {
    for (const auto early : {1ns, 0ns}) {
        std::set<bool> served;
        explore(100, [&] {
            runnel::mutex m;
            m.lock();
            const stopwatch since;
            runnel::wait_group wg;
            wg.go([&] {
                const bool got = m.try_lock_for(1h);
                since.require_passed(1h - (got ? early : 0ns),
                                     "it ends at the unlock or at its limit");
                if (got) m.unlock();
                served.insert(got);
            });
            wg.go([&] {
                require(m.try_lock_for(std::chrono::hours::max()),
                        "whoever waits for ever gets the mutex");
                m.unlock();
            });
            runnel::sleep_for(1h - early);
            m.unlock();
            wg.wait();
            require(m.try_lock(), "it is free at the end");
            m.unlock();
        });
        CHECK(served == (early == 0ns ? std::set<bool>{false, true} : std::set<bool>{true}));
    }
}

TEST_CASE("a waiter that starves is handed the mutex, and newcomers cannot take it", "[mutex]") {
    // A waiter is patient for a millisecond, to the nanosecond.
    for (const bool starves : {true, false}) {
        int lost = 0;
        std::set<bool> taken;
        explore(100, [&] {
            runnel::mutex m;
            runnel::wait_group wg;
            const auto go_on = runnel::make_chan<runnel::unit>();
            std::atomic<bool> got{false};
            m.lock();
            wg.go([&] {
                m.lock();
                got = true;
                go_on.recv();
                m.unlock();
            });
            wait_idle();
            require(test::parked(lock_reason) == 1, "the waiter waits");
            runnel::sleep_for(starves ? 1ms : 1ms - 1ns);
            m.unlock();
            if (m.try_lock()) {
                // We were faster than the one that has been woken: it goes back to its place.
                wait_idle();
                require(test::parked(lock_reason) == 1 && !got,
                        "a woken waiter that loses waits again");
                runnel::sleep_for(1h);
                m.unlock();
                ++lost;
                const bool again = m.try_lock();
                taken.insert(again);
                if (again) m.unlock();
            }
            wait_idle();
            require(got, "the waiter gets the mutex");
            go_on.send();
            wg.wait();

            // Nobody waits: back to normal, where whoever comes first wins.
            m.lock();
            m.unlock();
            require(m.try_lock(), "it is free at the end");
            m.unlock();
        });
        CHECK(lost > 0);
        CHECK(taken == (starves ? std::set<bool>{false} : std::set<bool>{false, true}));
    }
}

}  // namespace
