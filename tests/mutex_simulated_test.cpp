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
using runnel::clock;
using runnel::testing::explore;
using runnel::testing::wait_idle;
using test::require;

constexpr const char* lock_reason = "sync.Mutex.Lock";

TEST_CASE("a timed lock gives up, never early, and leaves the queue", "[mutex]") {
    const auto seen = explore(100, [] {
        runnel::mutex m;
        m.lock();
        const auto start = clock::now();
        require(!m.try_lock_for(5ms), "held");
        require(clock::now() == start + 5ms, "gave up at another moment");
        require(!m.try_lock_for(0ms) && !m.try_lock_for(-1h), "held");
        require(!m.try_lock_until(start - 1h), "held");
        require(clock::now() == start + 5ms, "waited, though there was no time");
        require(!m.try_lock_until(start + 6ms), "held");
        require(clock::now() == start + 6ms, "gave up at another moment");
        require(!m.try_lock_until(std::chrono::system_clock::now() + 1ms), "held");
        require(clock::now() == start + 7ms, "of another clock: at another moment");

        // Whoever comes after one that gave up is served as if that one had not been.
        runnel::wait_group wg;
        wg.go([&] {
            require(!m.try_lock_for(50ms), "held");
            require(clock::now() == start + 57ms, "gave up at another moment");
        });
        wait_idle();
        std::atomic<bool> got{false};
        wg.go([&] {
            m.lock();
            got = true;
            m.unlock();
        });
        runnel::sleep_for(50ms - 1ns);
        require(test::parked(lock_reason) == 2, "two do not wait");
        runnel::sleep_for(2ns);
        require(test::parked(lock_reason) == 1 && !got, "the second does not wait");
        m.unlock();
        wg.wait();
        require(got, "the second did not get it");
        require(m.try_lock_for(0ms), "free: zero is enough");
        m.unlock();
        require(m.try_lock_for(1h), "free");
        m.unlock();
        require(clock::now() == start + 57ms + 1ns, "waited for a mutex that is free");
    });
    CHECK(seen.seeds > 0);
}

TEST_CASE("a timed lock is served until its limit, and at that moment either way", "[mutex]") {
    for (const auto early : {1ns, 0ns}) {
        std::set<bool> served;
        explore(100, [&] {
            runnel::mutex m;
            m.lock();
            const auto start = clock::now();
            runnel::wait_group wg;
            wg.go([&] {
                const bool got = m.try_lock_for(1h);
                require(clock::now() == start + 1h - (got ? early : 0ns), "at another moment");
                if (got) m.unlock();
                served.insert(got);
            });
            wg.go([&] {
                require(m.try_lock_for(std::chrono::hours::max()), "for ever came to an end");
                m.unlock();
            });
            runnel::sleep_for(1h - early);
            m.unlock();
            wg.wait();
            require(m.try_lock(), "not free at the end");
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
            require(test::parked(lock_reason) == 1, "does not wait");
            runnel::sleep_for(starves ? 1ms : 1ms - 1ns);
            m.unlock();
            if (m.try_lock()) {
                // We were faster than the one that has been woken: it goes back to its place.
                wait_idle();
                require(test::parked(lock_reason) == 1 && !got,
                        "a woken waiter that loses does not wait again");
                runnel::sleep_for(1h);
                m.unlock();
                ++lost;
                const bool again = m.try_lock();
                taken.insert(again);
                if (again) m.unlock();
            }
            wait_idle();
            require(got, "it does not get it");
            go_on.send();
            wg.wait();

            // Nobody waits: back to normal, where whoever comes first wins.
            m.lock();
            m.unlock();
            require(m.try_lock(), "not free");
            m.unlock();
        });
        CHECK(lost > 0);
        CHECK(taken == (starves ? std::set<bool>{false} : std::set<bool>{false, true}));
    }
}

}  // namespace
