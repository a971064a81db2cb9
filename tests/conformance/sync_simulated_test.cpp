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
using runnel::op_status;
using runnel::testing::explore;
using runnel::testing::wait_idle;
using test::on_seeds;
using test::require;
using test::stopwatch;

constexpr const char* lock_reason = "sync.Mutex.Lock";

}  // namespace

TEST_CASE("a context of the library limits a wait", "[wait_group][context]") {
    on_seeds([] {
        const stopwatch since;
        runnel::wait_group wg;
        wg.add(1);
        const runnel::cancel_context ctx = runnel::with_cancel(runnel::background());
        runnel::wait_group canceler;
        canceler.go([&] {
            runnel::sleep_for(1h);
            ctx.cancel();
        });
        require(wg.wait(ctx) == op_status::canceled, "wait is cancelled");
        since.require_passed(1h, "wait ends at the cancellation");
        canceler.wait();
        const runnel::cancel_context late = runnel::with_timeout(runnel::background(), 2ms);
        require(wg.wait(late) == op_status::timeout, "wait times out");
        since.require_passed(1h + 2ms, "wait ends at the deadline");
        wg.done();
        require(wg.wait(late) == op_status::timeout, "a context that is done wins");
        require(wg.wait(runnel::background()) == op_status::ok, "wait succeeds once all are done");
        since.require_passed(1h + 2ms, "neither of these waits takes time");
    });
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
        require(test::parked(lock_reason) == 1, "the first waits");
        runnel::sleep_for(1ms);  // now it is out of patience
        m.unlock();
        if (!m.try_lock()) {  // the waiter was faster than we are
            wg.wait();
            require(order == std::vector<int>{0}, "the first has had it");
            return;
        }
        wait_idle();
        if (order.empty()) {
            ++starved;
            // The loser went back to the front: newcomers are behind it.
            contend(1);
            contend(2);
            require(test::parked(lock_reason) == 3, "all three wait");
            m.unlock();
            if (m.try_lock()) {
                // The second is handed the mutex, too, and has waited for less: that ends starvation.
                require(order.size() >= 2, "two have had it before we can take it");
                m.unlock();
            }
            wg.wait();
            require(order == std::vector<int>{0, 1, 2}, "all have had it in order");
        } else {
            m.unlock();
            wg.wait();
        }
        // The last one has ended starvation.
        m.lock();
        m.unlock();
        require(m.try_lock(), "it is free at the end");
        m.unlock();
    });
    CHECK(starved > 0);
}

TEST_CASE("try_acquire never waits, and fails if anybody does; acquire obeys its context",
          "[C-326]") {
    on_seeds([] {
        const stopwatch since;
        runnel::semaphore s(2);
        require(s.acquire(runnel::background(), 1) == op_status::ok, "one can be acquired");
        require(s.try_acquire(1), "a second can be acquired");
        require(!s.try_acquire(1), "there is no third");
        s.release(2);
        require(s.try_acquire(1), "one can be acquired again");

        // One is free, but somebody waits for two.
        runnel::wait_group wg;
        wg.go([&] {
            require(s.acquire(runnel::background(), 2) == op_status::ok, "two can be acquired");
            since.require_passed(2ms, "they are acquired as they come free");
        });
        wait_idle();
        require(!s.try_acquire(1), "try_acquire does not pass one that waits");
        const auto soon = runnel::with_timeout(runnel::background(), 2ms);
        require(s.acquire(soon, 1) == op_status::timeout, "acquire does not pass one that waits");
        since.require_passed(2ms, "acquire ends at its context's deadline");
        s.release(1);
        wg.wait();
        const auto later = runnel::with_timeout(runnel::background(), 2ms);
        require(s.acquire(later, 1) == op_status::timeout, "acquire times out while none is free");
        since.require_passed(4ms, "acquire ends at its context's deadline");
        s.release(2);
        require(s.try_acquire(2), "both are free again");
    });
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
        require(test::parked(lock_reason) == 5, "five wait for the mutex");
        runnel::sleep_for(1ms);
        contend(5);  // comes as the mutex comes free, before or behind any of them
        m.unlock();
        wg.wait();
        for (int i = 0; i <= 5; ++i) {
            if (order.at(static_cast<std::size_t>(i)) == 5) place_of_newcomer.insert(i);
        }
        std::erase(order, 5);
        require(order == std::vector<int>{0, 1, 2, 3, 4}, "the five get the mutex in order");

        order.clear();
        for (int i = 0; i < 5; ++i) {
            wg.go([&, i] {
                std::unique_lock held(m);
                cv.wait(held);
                order.push_back(i);
            });
            wait_idle();
        }
        require(test::parked("sync.Cond.Wait") == 5, "five wait for the condition");
        runnel::sleep_for(1ms);
        for (std::size_t i = 0; i < 5; ++i) {
            cv.notify_one();
            wait_idle();
            const std::lock_guard guard(m);
            require(order.size() == i + 1, "notify_one wakes one more");
        }
        wg.wait();
        require(order == std::vector<int>{0, 1, 2, 3, 4}, "the five are woken in order");
    });
    CHECK(place_of_newcomer.size() > 1);
}
