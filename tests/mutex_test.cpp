// tests/mutex_test.cpp — exclusion, order, time limits and misuse of runnel::mutex.
// SPDX-License-Identifier: BSL-1.0
//
//   Time limits to the nanosecond, and starvation: mutex_simulated_test.cpp.
#include <runnel/mutex.hpp>

#include <atomic>
#include <mutex>
#include <stdexcept>
#include <string>
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

static_assert(!std::is_copy_constructible_v<runnel::mutex>);
static_assert(!std::is_move_constructible_v<runnel::mutex>);
static_assert(!std::is_copy_assignable_v<runnel::mutex>);
static_assert(std::is_trivially_destructible_v<runnel::mutex>);

// Usable before anything has run, and after everything has ended.
constinit runnel::mutex global_mutex;

constexpr const char* lock_reason = "sync.Mutex.Lock";

TEST_CASE("a mutex needs no construction at run time and is small", "[mutex]") {
    global_mutex.lock();
    CHECK_FALSE(global_mutex.try_lock());
    global_mutex.unlock();
    CHECK(sizeof(runnel::mutex) <= 24);
}

TEST_CASE("try_lock succeeds on a free mutex and fails on a held one", "[mutex]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::mutex m;
        expected.check(m.try_lock(), "free");
        expected.check(!m.try_lock(), "held by ourselves");
        runnel::wait_group wg;
        wg.go([&] { expected.check(!m.try_lock(), "held by another goroutine"); });
        wg.wait();
        m.unlock();
        expected.check(m.try_lock(), "free again");
        m.unlock();
    });
    expected.verify();
}

TEST_CASE("unlocking a mutex that is not locked throws and changes nothing", "[mutex]") {
    runnel::mutex m;
    CHECK_THROWS_AS(m.unlock(), runnel::unlock_of_unlocked);
    CHECK_THROWS_WITH(m.unlock(), "unlock of unlocked mutex");
    REQUIRE(m.try_lock());
    CHECK_FALSE(m.try_lock());
    m.unlock();
    CHECK_THROWS_AS(m.unlock(), runnel::panic);
}

TEST_CASE("the standard's guards work with a mutex", "[mutex]") {
    runnel::mutex a;
    runnel::mutex b;
    {
        const std::lock_guard guard(a);
        CHECK_FALSE(a.try_lock());
    }
    {
        const std::scoped_lock both(a, b);
        CHECK_FALSE(a.try_lock());
        CHECK_FALSE(b.try_lock());
    }
    std::unique_lock timed(a, 1ms);
    CHECK(timed.owns_lock());
    CHECK_FALSE(std::unique_lock(a, 1ms).owns_lock());
    CHECK_FALSE(std::unique_lock(a, std::chrono::system_clock::now() + 1ms).owns_lock());
    timed.unlock();
    CHECK(a.try_lock());
    a.unlock();
}

TEST_CASE("an exception leaves no mutex locked behind a guard", "[mutex]") {
    runnel::mutex m;
    const auto throws_inside = [&] {
        const std::lock_guard guard(m);
        throw std::runtime_error("inside");
    };
    CHECK_THROWS_AS(throws_inside(), std::runtime_error);
    CHECK(m.try_lock());
    m.unlock();
}

TEST_CASE("a goroutine that waits for a mutex is parked and says so", "[mutex]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::mutex m;
        runnel::wait_group wg;
        std::atomic<bool> got{false};
        m.lock();
        wg.go([&] {
            m.lock();
            got = true;
            m.unlock();
        });
        expected.check(test::wait_parked(1, lock_reason), "the second one parks");
        expected.check(!got, "and has not got it");
        m.unlock();
        wg.wait();
        expected.check(got, "it gets it in the end");
    });
    expected.verify();
}

TEST_CASE("waiters get a mutex in the order in which they came", "[mutex]") {
    test::expectations expected;
    test::on_workers([&] {
        constexpr int count = 8;
        runnel::mutex m;
        runnel::wait_group wg;
        std::vector<int> order;  // guarded by m
        m.lock();
        for (int i = 0; i < count; ++i) {
            wg.go([&, i] {
                m.lock();
                order.push_back(i);
                m.unlock();
            });
            expected.check(test::wait_parked(static_cast<std::size_t>(i) + 1, lock_reason),
                           "parks");
        }
        m.unlock();
        wg.wait();
        for (int i = 0; i < count; ++i) {
            expected.check_eq(order.at(static_cast<std::size_t>(i)), i, "first come, first served");
        }
    });
    expected.verify();
}

TEST_CASE("one goroutine may lock a mutex and another unlock it", "[mutex]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::mutex m;
        m.lock();
        runnel::wait_group wg;
        wg.go([&] { m.unlock(); });
        m.lock();
        wg.wait();
        expected.check(!m.try_lock(), "we have it");
        m.unlock();
    });
    expected.verify();
}

TEST_CASE("a timed lock gives up, never early", "[mutex]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::mutex m;
        m.lock();
        const test::stopwatch watch;
        expected.check(!m.try_lock_for(5ms), "held");
        expected.check(watch.elapsed() >= 5ms, "not early");
        expected.check(!m.try_lock_for(0ms), "zero tries once");
        expected.check(!m.try_lock_for(-1h), "so does less");
        expected.check(!m.try_lock_until(runnel::clock::now() + 1ms), "a time point");
        expected.check(!m.try_lock_until(runnel::clock::now() - 1h), "a time point that is past");
        expected.check(!m.try_lock_until(std::chrono::system_clock::now() + 1ms),
                       "of another clock");
        m.unlock();
        expected.check(m.try_lock_for(0ms), "free: zero is enough");
        m.unlock();
        expected.check(m.try_lock_for(1h), "free: no waiting");
        m.unlock();
    });
    expected.verify();
}

TEST_CASE("a timed lock that is served in time succeeds", "[mutex]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::mutex m;
        m.lock();
        runnel::wait_group wg;
        wg.go([&] {
            const bool got = m.try_lock_for(1h);
            expected.check(got, "served");
            if (got) m.unlock();
        });
        wg.go([&] {
            const bool got = m.try_lock_for(std::chrono::hours::max());
            expected.check(got, "the longest duration is for ever");
            if (got) m.unlock();
        });
        expected.check(test::wait_parked(2, lock_reason), "both park");
        m.unlock();
        wg.wait();
    });
    expected.verify();
}

TEST_CASE("without starvation a running goroutine may overtake a woken one", "[mutex]") {
    test::expectations expected;
    const auto before = runnel::set_max_procs(1);
    runnel::run([&] {
        runnel::mutex m;
        runnel::wait_group wg;
        m.lock();
        const auto start = runnel::clock::now();
        wg.go([&] {
            m.lock();
            m.unlock();
        });
        runnel::yield();
        m.unlock();
        const bool overtook = m.try_lock();
        // On a busy machine a millisecond may pass before the unlock: then it was handed over.
        expected.check(overtook || runnel::clock::now() - start > 1ms, "no switch was needed");
        if (overtook) m.unlock();
        wg.wait();
    });
    runnel::set_max_procs(before);
    expected.verify();
}

TEST_CASE("a mutex excludes, however it is locked", "[mutex]") {
    test::expectations expected;
    test::on_workers([&] {
        const int rounds = test::scale(2000);
        runnel::mutex m;
        runnel::wait_group wg;
        long counter = 0;  // guarded by m
        std::atomic<long> taken{0};
        std::atomic<int> inside{0};
        const auto critical = [&] {
            expected.check(inside.fetch_add(1) == 0, "alone");
            ++counter;
            ++taken;
            if (counter % 16 == 0) runnel::yield();
            inside.fetch_sub(1);
            m.unlock();
        };
        for (int g = 0; g < 6; ++g) {
            wg.go([&, g] {
                for (int i = 0; i < rounds; ++i) {
                    switch ((g + i) % 3) {
                        case 0:
                            m.lock();
                            critical();
                            break;
                        case 1:
                            if (m.try_lock()) critical();
                            break;
                        default:
                            if (m.try_lock_for(std::chrono::microseconds(i % 50))) critical();
                    }
                }
            });
        }
        wg.wait();
        expected.check_eq(counter, taken.load(), "no increment is lost");
        expected.check(counter >= 2L * rounds, "every lock() counted");
        expected.check(m.try_lock(), "free at the end");
        m.unlock();
    });
    expected.verify();
}

TEST_CASE("threads and goroutines exclude each other", "[mutex]") {
    test::expectations expected;
    test::on_workers([&] {
        const int rounds = test::scale(2000);
        runnel::mutex m;
        long counter = 0;  // guarded by m
        std::vector<std::thread> threads;
        for (int t = 0; t < 2; ++t) {
            threads.emplace_back([&] {
                for (int i = 0; i < rounds; ++i) {
                    const std::lock_guard guard(m);
                    ++counter;
                }
            });
        }
        runnel::wait_group wg;
        for (int g = 0; g < 3; ++g) {
            wg.go([&] {
                for (int i = 0; i < rounds; ++i) {
                    const std::lock_guard guard(m);
                    ++counter;
                    if (i % 64 == 0) runnel::yield();
                }
            });
        }
        wg.wait();
        runnel::blocking([&] {
            for (auto& t : threads) t.join();
        });
        expected.check_eq(counter, 5L * rounds, "no increment is lost");
    });
    expected.verify();
}

}  // namespace
