// tests/conformance/sync_condition_variable_test.cpp — condition variables.
// SPDX-License-Identifier: BSL-1.0
#include <atomic>
#include <mutex>
#include <type_traits>
#include <vector>

#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/sync.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

constexpr const char* wait_reason = "sync.Cond.Wait";

}  // namespace

TEST_CASE("each notify_one wakes exactly one, and without a waiter it is lost", "[C-223]") {
    test::expectations expected;
    test::on_workers([&] {
        constexpr int count = 10;
        runnel::mutex m;
        runnel::condition_variable cv;
        auto running = runnel::make_chan<bool>(count);
        auto awake = runnel::make_chan<bool>(count);
        runnel::wait_group wg;  // each unlocks the mutex after it has told that it is awake
        cv.notify_one();
        for (int i = 0; i < count; ++i) {
            wg.go([&, running, awake] {
                std::unique_lock held(m);
                running.send(true);
                cv.wait(held);
                awake.send(true);
            });
        }
        for (int i = 0; i < count; ++i) running.recv();
        expected.check(test::wait_parked(count, wait_reason), "all wait");
        for (int n = count; n > 0; --n) {
            expected.check(awake.len() == 0, "nobody wakes by itself");
            {
                const std::lock_guard guard(m);
                cv.notify_one();
            }
            awake.recv();
            expected.check(awake.len() == 0, "only one wakes");
            expected.check_eq(test::parked(wait_reason), static_cast<std::size_t>(n - 1),
                              "the rest");
        }
        cv.notify_one();
        wg.wait();
    });
    expected.verify();
}

TEST_CASE("waiters are woken generation by generation, in the order in which they came",
          "[C-224]") {
    test::expectations expected;
    test::on_workers([&] {
        const int count = test::scale(100);
        runnel::mutex m;
        runnel::condition_variable cv;
        auto running = runnel::make_chan<bool>(static_cast<std::size_t>(count));
        auto awake = runnel::make_chan<int>(static_cast<std::size_t>(count));
        runnel::wait_group wg;  // each unlocks the mutex after it has told that it is awake
        for (int i = 0; i < count; ++i) {
            wg.go([&, running, awake, i] {
                std::unique_lock held(m);
                running.send(true);
                cv.wait(held);
                awake.send(i);
            });
            if (i > 0) {
                const auto a = awake.recv();
                expected.check_eq(a.value_or(-1), i - 1, "the one before");
            }
            running.recv();
            const std::lock_guard guard(m);
            cv.notify_one();
        }
        expected.check_eq(awake.recv().value_or(-1), count - 1, "the last");
        wg.wait();
    });
    expected.verify();
}

TEST_CASE("notify_all wakes all who are there, each once a round", "[C-225]") {
    test::expectations expected;
    test::on_workers([&] {
        constexpr int count = 200;
        runnel::mutex m;
        runnel::condition_variable cv;
        auto running = runnel::make_chan<int>(count);
        auto awake = runnel::make_chan<int>(count);
        bool exit = false;  // guarded by m
        runnel::wait_group wg;
        for (int i = 0; i < count; ++i) {
            wg.go([&, i] {
                std::unique_lock held(m);
                while (!exit) {
                    running.send(i);
                    cv.wait(held);
                    awake.send(i);
                }
            });
        }
        for (int round = 0; round < count / 10; ++round) {
            for (int i = 0; i < count; ++i) running.recv();
            if (round == count / 10 - 1) {
                const std::lock_guard guard(m);
                exit = true;
            }
            expected.check(awake.len() == 0, "nobody wakes by itself");
            {
                const std::lock_guard guard(m);
                cv.notify_all();
            }
            std::vector<bool> seen(count, false);
            for (int i = 0; i < count; ++i) {
                const auto who = static_cast<std::size_t>(awake.recv().value_or(0));
                expected.check(!seen[who], "once each");
                seen[who] = true;
            }
        }
        expected.check(running.len() == 0, "none waits again");
        wg.wait();
        cv.notify_all();
    });
    expected.verify();
}

TEST_CASE("a newcomer does not steal the wake-up of one that waits already", "[C-226][bug-15]") {
    test::expectations expected;
    test::on_workers([&] {
        const int rounds = test::scale(1000);
        for (int round = 0; round < rounds; ++round) {
            runnel::mutex m;
            runnel::condition_variable cv;
            auto waiting = runnel::make_chan<runnel::unit>();
            auto finished = runnel::make_chan<runnel::unit>(2);
            bool ready = false;  // guarded by m
            runnel::go([&, waiting, finished] {
                std::unique_lock held(m);
                waiting.send();
                cv.wait(held);
                finished.send();
            });
            waiting.recv();
            // It holds the mutex until it waits.
            m.lock();
            m.unlock();
            runnel::go([&, finished] {
                std::unique_lock held(m);
                if (!ready) cv.wait(held);
                finished.send();
            });
            {
                const std::lock_guard guard(m);
                ready = true;
                cv.notify_all();
            }
            const auto first = finished.recv_for(std::chrono::seconds(30));
            const auto second = finished.recv_for(std::chrono::seconds(30));
            expected.check(first && second, "both are woken");
            if (!first || !second) return;
            // They may still be about to unlock the mutex.
            m.lock();
            m.unlock();
        }
    });
    expected.verify();
}

TEST_CASE("a wait returns with the mutex locked, and only if notified", "[C-227]") {
    test::expectations expected;
    test::on_workers([&] {
        // Three who take turns by a plain number: no predicate is asked again after a wait.
        runnel::mutex m;
        runnel::condition_variable cv;
        int x = 0;  // guarded by m
        runnel::wait_group wg;
        wg.go([&] {
            std::unique_lock held(m);
            x = 1;
            cv.wait(held);
            expected.check_eq(x, 2, "after the second");
            x = 3;
            cv.notify_one();
        });
        wg.go([&] {
            std::unique_lock held(m);
            while (x != 1) {
                held.unlock();
                runnel::yield();
                held.lock();
            }
            x = 2;
            cv.notify_one();
        });
        wg.go([&] {
            std::unique_lock held(m);
            while (x != 2 && x != 3) {
                held.unlock();
                runnel::yield();
                held.lock();
            }
            if (x == 2) cv.wait(held);
            expected.check_eq(x, 3, "after the first");
        });
        wg.wait();
        expected.check_eq(x, 3, "at the end");
    });
    expected.verify();
}

TEST_CASE("a condition variable cannot be copied", "[C-228]") {
    CHECK_FALSE(std::is_copy_constructible_v<runnel::condition_variable>);
    CHECK_FALSE(std::is_move_constructible_v<runnel::condition_variable>);
}

TEST_CASE("the mutex need not be held to notify", "[C-229]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::mutex m;
        runnel::condition_variable cv;
        runnel::wait_group wg;
        for (int i = 0; i < 3; ++i) {
            wg.go([&] {
                std::unique_lock held(m);
                cv.wait(held);
            });
        }
        expected.check(test::wait_parked(3, wait_reason), "all park");
        cv.notify_one();
        expected.check(test::eventually([] { return test::parked(wait_reason) == 2; }), "one");
        cv.notify_all();
        wg.wait();
    });
    expected.verify();
}
