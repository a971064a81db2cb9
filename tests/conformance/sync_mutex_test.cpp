// tests/conformance/sync_mutex_test.cpp — mutexes.
// SPDX-License-Identifier: BSL-1.0
#include <atomic>
#include <mutex>
#include <type_traits>

#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/sync.hpp>
#include <runnel/time.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"
#include "support/undisturbed.hpp"

using namespace std::chrono_literals;

namespace {

constexpr const char* lock_reason = "sync.Mutex.Lock";

constinit runnel::mutex never_constructed;

// Lock and try_lock in turn, some of which fail.
void hammer(runnel::mutex& m, int rounds) {
    for (int i = 0; i < rounds; ++i) {
        if (i % 3 == 0) {
            if (m.try_lock()) m.unlock();
            continue;
        }
        m.lock();
        m.unlock();
    }
}

// Computes without giving the worker away.
void compute_for(std::chrono::microseconds d) {
    const auto end = runnel::clock::now() + d;
    while (runnel::clock::now() < end) {
    }
}

// With the mutex held by the caller and one waiter in its queue: keeps it until that waiter has lost a
// race for it after waiting longer than it is patient. Then the mutex is starving, held by the caller, and the
// waiter first in the queue. False if the waiter won: then the caller does not hold the mutex.
bool starve_first_waiter(runnel::mutex& m, const std::atomic<bool>& got) {
    runnel::sleep_for(2ms);
    m.unlock();
    if (!m.try_lock()) return false;
    // Either it has had the mutex before our try_lock, or it finds the mutex taken and queues again.
    const bool starving = test::eventually([&] {
                              runnel::yield();
                              return got || test::parked(lock_reason) >= 1;
                          }) &&
                          !got;
    if (!starving) m.unlock();
    return starving;
}

}  // namespace

TEST_CASE("try_lock tells held from free, and a crowd of lockers comes to its end", "[C-204]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::mutex m;
        m.lock();
        expected.check(!m.try_lock(), "held");
        m.unlock();
        expected.check(m.try_lock(), "free");
        m.unlock();
        const int rounds = test::scale(1000);
        runnel::wait_group wg;
        for (int i = 0; i < 10; ++i) wg.go([&] { hammer(m, rounds); });
        wg.wait();
        expected.check(m.try_lock(), "free at the end");
    });
    expected.verify();
}

TEST_CASE("unlocking an unlocked mutex throws, where Go dies", "[C-205]") {
    runnel::mutex m;
    CHECK_THROWS_AS(m.unlock(), runnel::unlock_of_unlocked);
    m.lock();
    m.unlock();
    CHECK_THROWS_WITH(m.unlock(), "unlock of unlocked mutex");
    CHECK(m.try_lock());
    m.unlock();
}

TEST_CASE("whoever locks again at once does not starve another", "[C-206]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::mutex m;
        std::atomic<bool> stop{false};
        runnel::wait_group hog;
        hog.go([&] {
            while (!stop) {
                m.lock();
                compute_for(100us);
                m.unlock();
            }
        });
        runnel::wait_group other;
        std::atomic<int> acquired{0};
        other.go([&] {
            for (int i = 0; i < 10; ++i) {
                runnel::sleep_for(100us);
                m.lock();
                m.unlock();
                ++acquired;
            }
        });
        const bool in_time = other.wait_for(test::under_sanitizer ? 40s : 10s);
        stop = true;
        other.wait();
        hog.wait();
        expected.check(in_time, "ten times in ten seconds");
        expected.check_eq(acquired.load(), 10, "ten times");
    });
    expected.verify();
}

TEST_CASE("a mutex is not tied to a goroutine", "[C-208][C-394]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::mutex m;
        m.lock();
        auto done = runnel::make_chan<runnel::unit>();
        runnel::go([&, done] {
            m.unlock();
            done.send();
        });
        done.recv();
        expected.check(m.try_lock(), "unlocked by another");
    });
    expected.verify();
}

TEST_CASE("a mutex needs no construction at run time", "[C-209]") {
    never_constructed.lock();
    CHECK_FALSE(never_constructed.try_lock());
    never_constructed.unlock();
    CHECK(std::is_trivially_destructible_v<runnel::mutex>);
}

TEST_CASE("an unlock that hands the mutex over lets its new owner run at once", "[C-210][C-139]") {
    const test::undisturbed in_order;
    test::expectations expected;
    const auto before = runnel::set_max_procs(1);
    runnel::run([&] {
        constexpr int rounds = 20;
        int starved = 0;
        int ran_first = 0;
        for (int i = 0; i < rounds; ++i) {
            runnel::mutex m;
            runnel::wait_group wg;
            std::atomic<bool> got{false};
            m.lock();
            wg.go([&] {
                m.lock();
                got = true;
                m.unlock();
            });
            expected.check(test::wait_parked(1, lock_reason), "parks");
            if (starve_first_waiter(m, got)) {
                ++starved;
                m.unlock();
                if (got) ++ran_first;
            }
            wg.wait();
        }
        expected.check(starved > rounds / 2, "one worker: the unlocker is faster");
        // Another thread may take over a worker that the system has stopped.
        expected.check(3 * ran_first >= 2 * starved, "before unlock has returned");
    });
    runnel::set_max_procs(before);
    expected.verify();
}

TEST_CASE("a crowd that works inside and outside comes to its end", "[C-211]") {
    test::expectations expected;
    test::on_workers([&] {
        const int rounds = test::scale(500);
        runnel::mutex m;
        long inside = 0;  // guarded by m
        runnel::wait_group wg;
        for (int g = 0; g < 12; ++g) {
            wg.go([&, g] {
                for (int i = 0; i < rounds; ++i) {
                    // Short and long holds, in and out of the range in which spinning helps.
                    const std::lock_guard guard(m);
                    ++inside;
                    if (g % 4 == 0) compute_for(2us);
                    if (g % 4 == 1 && i % 16 == 0) runnel::yield();
                }
            });
        }
        wg.wait();
        expected.check_eq(inside, 12L * rounds, "every time");
    });
    expected.verify();
}
