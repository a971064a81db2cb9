// tests/condition_variable_test.cpp — who is woken, when, and by what.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/condition_variable.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

#include <runnel/go.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"
#include "sync_support.hpp"

namespace {

using namespace std::chrono_literals;

static_assert(!std::is_copy_constructible_v<runnel::condition_variable>);
static_assert(!std::is_move_constructible_v<runnel::condition_variable>);

constinit runnel::condition_variable global_condition;

constexpr const char* wait_reason = "sync.Cond.Wait";

TEST_CASE("a notification without a waiter is lost", "[condition_variable]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::mutex m;
        global_condition.notify_one();
        global_condition.notify_all();
        std::unique_lock held(m);
        expected.check(global_condition.wait_for(held, 2ms) == std::cv_status::timeout, "lost");
        expected.check(held.owns_lock(), "locked again");
    });
    expected.verify();
}

TEST_CASE("notify_one wakes one waiter, and nothing else wakes any", "[condition_variable]") {
    test::expectations expected;
    test::on_workers([&] {
        constexpr int count = 5;
        runnel::mutex m;
        runnel::condition_variable cv;
        runnel::wait_group wg;
        int woken = 0;  // guarded by m
        for (int i = 0; i < count; ++i) {
            wg.go([&] {
                std::unique_lock held(m);
                cv.wait(held);  // without a predicate: there are no spurious wake-ups
                expected.check(held.owns_lock() && !m.try_lock(), "locked again");
                ++woken;
            });
        }
        expected.check(test::wait_parked(count, wait_reason), "all park");
        for (int i = 1; i <= count; ++i) {
            cv.notify_one();
            expected.check(test::eventually([&] {
                               const std::lock_guard guard(m);
                               return woken == i;
                           }),
                           "one more");
            expected.check_eq(test::parked(wait_reason), static_cast<std::size_t>(count - i),
                              "the others stay");
        }
        wg.wait();
    });
    expected.verify();
}

TEST_CASE("waiters are woken in the order in which they came", "[condition_variable]") {
    test::expectations expected;
    test::on_workers([&] {
        constexpr int count = 8;
        runnel::mutex m;
        runnel::condition_variable cv;
        runnel::wait_group wg;
        std::vector<int> order;  // guarded by m
        for (int i = 0; i < count; ++i) {
            wg.go([&, i] {
                std::unique_lock held(m);
                cv.wait(held);
                order.push_back(i);
            });
            expected.check(test::wait_parked(static_cast<std::size_t>(i) + 1, wait_reason),
                           "parks");
        }
        for (int i = 0; i < count; ++i) {
            cv.notify_one();
            expected.check(test::eventually([&] {
                               const std::lock_guard guard(m);
                               return order.size() == static_cast<std::size_t>(i) + 1;
                           }),
                           "woken");
        }
        wg.wait();
        for (int i = 0; i < count; ++i) {
            expected.check_eq(order.at(static_cast<std::size_t>(i)), i, "order");
        }
    });
    expected.verify();
}

TEST_CASE("notify_all wakes all who wait, and none who come later", "[condition_variable]") {
    test::expectations expected;
    test::on_workers([&] {
        constexpr int count = 50;
        runnel::mutex m;
        runnel::condition_variable cv;
        runnel::wait_group wg;
        for (int round = 0; round < 3; ++round) {
            for (int i = 0; i < count; ++i) {
                wg.go([&] {
                    std::unique_lock held(m);
                    cv.wait(held);
                });
            }
            expected.check(test::wait_parked(count, wait_reason), "all park");
            cv.notify_all();
            wg.wait();
            std::unique_lock held(m);
            expected.check(cv.wait_for(held, 1ms) == std::cv_status::timeout, "later: not woken");
        }
    });
    expected.verify();
}

TEST_CASE("a waiter that finds the mutex held stays out until it is free", "[condition_variable]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::mutex m;
        runnel::condition_variable cv;
        runnel::wait_group wg;
        std::atomic<bool> back{false};
        wg.go([&] {
            std::unique_lock held(m);
            cv.wait(held);
            back = true;
        });
        expected.check(test::wait_parked(1, wait_reason), "parks");
        m.lock();
        cv.notify_one();
        expected.check(test::wait_parked(1, "sync.Mutex.Lock"), "woken, it waits for the mutex");
        expected.check(!back, "not back");
        m.unlock();
        wg.wait();
    });
    expected.verify();
}

TEST_CASE("waiting hands the mutex to whoever waits for it", "[condition_variable]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::mutex m;
        runnel::condition_variable cv;
        runnel::wait_group wg;
        std::unique_lock held(m);
        bool ready = false;
        wg.go([&] {
            const std::lock_guard guard(m);
            ready = true;
            cv.notify_one();
        });
        expected.check(test::wait_parked(1, "sync.Mutex.Lock"), "the other one waits for us");
        // Longer than a waiter's patience: it is handed the mutex as we park.
        runnel::sleep_for(2ms);
        cv.wait(held, [&] { return ready; });
        expected.check(held.owns_lock() && ready, "it came true");
        held.unlock();
        wg.wait();
    });
    expected.verify();
}

TEST_CASE("timed waits time out, never early", "[condition_variable]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::mutex m;
        runnel::condition_variable cv;
        std::unique_lock held(m);
        const test::stopwatch watch;
        expected.check(cv.wait_for(held, 5ms) == std::cv_status::timeout, "nobody notifies");
        expected.check(watch.elapsed() >= 5ms, "not early");
        expected.check(cv.wait_until(held, runnel::clock::now() + 1ms) == std::cv_status::timeout,
                       "a time point");
        expected.check(
            cv.wait_until(held, std::chrono::system_clock::now() + 1ms) == std::cv_status::timeout,
            "of another clock");
        expected.check(cv.wait_for(held, -1h) == std::cv_status::timeout, "a time that is past");
        expected.check(!cv.wait_for(held, 1ms, [] { return false; }), "never true");
        expected.check(cv.wait_for(held, 1h, [] { return true; }), "true at once");
        expected.check(!cv.wait_until(held, runnel::clock::now() + 1ms, [] { return false; }),
                       "never true");
        bool asked = false;
        expected.check(cv.wait_for(held, 1ms, [&] { return std::exchange(asked, true); }),
                       "true when time is up counts");
        expected.check(held.owns_lock(), "locked all the time");
    });
    expected.verify();
}

TEST_CASE("timed waits end with a notification", "[condition_variable]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::mutex m;
        runnel::condition_variable cv;
        runnel::wait_group wg;
        bool ready = false;  // guarded by m
        wg.go([&] {
            std::unique_lock held(m);
            expected.check(cv.wait_for(held, 1h) == std::cv_status::no_timeout, "notified");
            ready = true;
            cv.notify_all();
        });
        expected.check(test::wait_parked(1, wait_reason), "parks");
        std::unique_lock held(m);
        cv.notify_one();
        expected.check(cv.wait_for(held, 1h, [&] { return ready; }), "came true");
        held.unlock();
        wg.wait();
    });
    expected.verify();
}

TEST_CASE("a notification goes past waiters that have timed out", "[condition_variable]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::mutex m;
        runnel::condition_variable cv;
        runnel::wait_group wg;
        std::atomic<bool> timed_out{false};
        std::atomic<bool> woken{false};
        wg.go([&] {
            std::unique_lock held(m);
            expected.check(cv.wait_for(held, 20ms) == std::cv_status::timeout, "times out");
            timed_out = true;
        });
        expected.check(
            test::eventually([&] { return timed_out || test::parked(wait_reason) == 1; }), "parks");
        wg.go([&] {
            std::unique_lock held(m);
            cv.wait(held);
            woken = true;
        });
        expected.check(test::eventually([&] { return timed_out.load(); }), "timed out");
        expected.check(test::wait_parked(1, wait_reason), "the second parks");
        cv.notify_one();
        wg.wait();
        expected.check(woken, "the second got it");
    });
    expected.verify();
}

TEST_CASE("a context limits a wait", "[condition_variable]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::mutex m;
        runnel::condition_variable cv;
        runnel::wait_group wg;
        std::unique_lock held(m);

        const test::manual_context canceled;
        canceled.cancel();
        expected.check(cv.wait(held, canceled) == runnel::op_status::canceled, "done before");
        const test::manual_context expired;
        expired.expire();
        expected.check(cv.wait(held, expired) == runnel::op_status::timeout, "expired before");
        expected.check(cv.wait(held, canceled, [] { return true; }) == runnel::op_status::ok,
                       "a true condition counts");
        expected.check(cv.wait(held, canceled, [] { return false; }) == runnel::op_status::canceled,
                       "a false one does not");

        const test::manual_context later;
        wg.go([&] {
            expected.check(test::wait_parked(1, wait_reason), "parks");
            later.cancel();
        });
        expected.check(cv.wait(held, later) == runnel::op_status::canceled, "cancelled meanwhile");
        expected.check(held.owns_lock(), "locked again");
        wg.wait();

        const test::manual_context never;
        wg.go([&] {
            expected.check(test::wait_parked(1, wait_reason), "parks");
            const std::lock_guard guard(m);
            cv.notify_one();
        });
        expected.check(cv.wait(held, never) == runnel::op_status::ok, "notified");
        wg.go([&] {
            expected.check(test::wait_parked(1, wait_reason), "parks");
            cv.notify_one();
        });
        expected.check(cv.wait(held, test::endless_context()) == runnel::op_status::ok, "notified");
        held.unlock();
        wg.wait();
    });
    expected.verify();
}

TEST_CASE("waiting without the mutex throws", "[condition_variable]") {
    runnel::mutex m;
    runnel::condition_variable cv;
    std::unique_lock held(m, std::defer_lock);
    CHECK_THROWS_AS(cv.wait(held), runnel::unlock_of_unlocked);
    std::unique_lock<runnel::mutex> nothing;
    CHECK_THROWS_AS(cv.wait(nothing), runnel::unlock_of_unlocked);
    // What the lock claims to hold has been unlocked behind its back.
    held.lock();
    m.unlock();
    CHECK_THROWS_AS(cv.wait(held), runnel::unlock_of_unlocked);
    held.release();
    CHECK(m.try_lock());
    m.unlock();
}

TEST_CASE("it may be destroyed once all waiters have been notified", "[condition_variable]") {
    test::expectations expected;
    test::on_workers([&] {
        const int rounds = test::scale(300);
        for (int i = 0; i < rounds; ++i) {
            runnel::mutex m;
            runnel::wait_group wg;
            auto cv = std::make_unique<runnel::condition_variable>();
            wg.go([&] {
                std::unique_lock held(m);
                cv->wait(held);
            });
            wg.go([&] {
                std::unique_lock held(m);
                expected.check(cv->wait_for(held, 1h) == std::cv_status::no_timeout, "notified");
            });
            expected.check(test::wait_parked(2, wait_reason), "both park");
            m.lock();
            cv->notify_all();
            cv.reset();  // they wait for the mutex still
            m.unlock();
            wg.wait();
        }
    });
    expected.verify();
}

TEST_CASE("threads and goroutines play ping-pong", "[condition_variable]") {
    test::expectations expected;
    test::on_workers([&] {
        const int rounds = test::scale(500);
        runnel::mutex m;
        runnel::condition_variable cv;
        int turn = 0;  // guarded by m
        const auto play = [&](int me) {
            for (int i = 0; i < rounds; ++i) {
                std::unique_lock held(m);
                cv.wait(held, [&] { return turn % 2 == me; });
                ++turn;
                cv.notify_one();
            }
        };
        std::thread thread(play, 0);
        runnel::wait_group wg;
        wg.go(play, 1);
        wg.wait();
        runnel::blocking([&] { thread.join(); });
        expected.check_eq(turn, 2 * rounds, "every turn was taken");
    });
    expected.verify();
}

}  // namespace
