// tests/conformance/sync_simulated_test.cpp — locks, semaphores and wait groups whose waiters take their time.
// SPDX-License-Identifier: BSL-1.0
#include <chrono>
#include <mutex>
#include <set>
#include <vector>

#include <runnel/testing.hpp>

#include <runnel/context.hpp>
#include <runnel/go.hpp>
#include <runnel/sync.hpp>
#include <runnel/time.hpp>

#include "support/catch.hpp"
#include "support/simulated.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::clock;
using runnel::op_status;
using runnel::testing::explore;
using runnel::testing::wait_idle;
using test::require;

constexpr const char* lock_reason = "sync.Mutex.Lock";

}  // namespace

TEST_CASE("a context of the library limits a wait", "[wait_group][context]") {
    const auto seen = explore(50, [] {
        const auto start = clock::now();
        runnel::wait_group wg;
        wg.add(1);
        const runnel::cancel_context ctx = runnel::with_cancel(runnel::background());
        runnel::wait_group canceler;
        canceler.go([&] {
            runnel::sleep_for(1h);
            ctx.cancel();
        });
        require(wg.wait(ctx) == op_status::canceled, "not cancelled");
        require(clock::now() == start + 1h, "not at the cancellation");
        canceler.wait();
        const runnel::cancel_context late = runnel::with_timeout(runnel::background(), 2ms);
        require(wg.wait(late) == op_status::timeout, "its deadline did not strike");
        require(clock::now() == start + 1h + 2ms, "not at the deadline");
        wg.done();
        require(wg.wait(late) == op_status::timeout, "a done context does not win");
        require(wg.wait(runnel::background()) == op_status::ok, "not the end of the wait");
        require(clock::now() == start + 1h + 2ms, "waited for what is over");
    });
    CHECK(seen.seeds > 0);
}

TEST_CASE("a starving mutex goes to the first in the queue, newcomers behind the others",
          "[C-207]") {
    int starved = 0;
    explore(100, [&] {
        runnel::mutex m;
        runnel::wait_group wg;
        std::vector<int> order;  // guarded by m
        const auto contend = [&](int who) {
            wg.go([&, who] {
                const std::lock_guard guard(m);
                order.push_back(who);
            });
            wait_idle();
        };
        m.lock();
        contend(0);
        require(test::parked(lock_reason) == 1, "the first does not wait");
        runnel::sleep_for(1ms);  // now it is out of patience
        m.unlock();
        if (!m.try_lock()) {  // the waiter was faster than we are
            wg.wait();
            require(order == std::vector<int>{0}, "it has not had it");
            return;
        }
        wait_idle();
        if (order.empty()) {
            ++starved;
            // The loser went back to the front: newcomers are behind it.
            contend(1);
            contend(2);
            require(test::parked(lock_reason) == 3, "they do not wait");
            m.unlock();
            if (m.try_lock()) {
                // The second is handed the mutex, too, and has waited for less: that ends starvation.
                require(order.size() >= 2, "taken from one that starves");
                m.unlock();
            }
            wg.wait();
            require(order == std::vector<int>{0, 1, 2}, "not in order");
        } else {
            m.unlock();
            wg.wait();
        }
        // The last one has ended starvation.
        m.lock();
        m.unlock();
        require(m.try_lock(), "not free");
        m.unlock();
    });
    CHECK(starved > 0);
}

TEST_CASE("try_acquire never waits, and fails if anybody does; acquire obeys its context",
          "[C-326]") {
    const auto seen = explore(50, [] {
        const auto start = clock::now();
        runnel::semaphore s(2);
        require(s.acquire(runnel::background(), 1) == op_status::ok, "not one");
        require(s.try_acquire(1), "not two");
        require(!s.try_acquire(1), "a third");
        s.release(2);
        require(s.try_acquire(1), "not one again");

        // One is free, but somebody waits for two.
        runnel::wait_group wg;
        wg.go([&] {
            require(s.acquire(runnel::background(), 2) == op_status::ok, "not two");
            require(clock::now() == start + 2ms, "not when they came free");
        });
        wait_idle();
        require(!s.try_acquire(1), "past one that waits");
        const auto soon = runnel::with_timeout(runnel::background(), 2ms);
        require(s.acquire(soon, 1) == op_status::timeout, "past one that waits");
        require(clock::now() == start + 2ms, "not at the context's deadline");
        s.release(1);
        wg.wait();
        const auto later = runnel::with_timeout(runnel::background(), 2ms);
        require(s.acquire(later, 1) == op_status::timeout, "a third");
        require(clock::now() == start + 4ms, "not at the context's deadline");
        s.release(2);
        require(s.try_acquire(2), "one was lost");
    });
    CHECK(seen.seeds > 0);
}

TEST_CASE("waiters that have waited beyond a millisecond are woken in order", "[C-393]") {
    std::set<int> place_of_newcomer;
    explore(100, [&] {
        runnel::mutex m;
        runnel::condition_variable cv;
        runnel::wait_group wg;
        std::vector<int> order;  // guarded by m
        const auto contend = [&](int who) {
            wg.go([&, who] {
                const std::lock_guard guard(m);
                order.push_back(who);
            });
        };
        m.lock();
        for (int i = 0; i < 5; ++i) {
            contend(i);
            wait_idle();
        }
        require(test::parked(lock_reason) == 5, "five do not wait");
        runnel::sleep_for(1ms);
        contend(5);  // comes as the mutex comes free, before or behind any of them
        m.unlock();
        wg.wait();
        for (int i = 0; i <= 5; ++i) {
            if (order.at(static_cast<std::size_t>(i)) == 5) place_of_newcomer.insert(i);
        }
        std::erase(order, 5);
        require(order == std::vector<int>{0, 1, 2, 3, 4}, "mutex: not in order");

        order.clear();
        for (int i = 0; i < 5; ++i) {
            wg.go([&, i] {
                std::unique_lock held(m);
                cv.wait(held);
                order.push_back(i);
            });
            wait_idle();
        }
        require(test::parked("sync.Cond.Wait") == 5, "five do not wait");
        runnel::sleep_for(1ms);
        for (std::size_t i = 0; i < 5; ++i) {
            cv.notify_one();
            wait_idle();
            const std::lock_guard guard(m);
            require(order.size() == i + 1, "not one more");
        }
        wg.wait();
        require(order == std::vector<int>{0, 1, 2, 3, 4}, "condition: not in order");
    });
    CHECK(place_of_newcomer.size() > 1);
}
