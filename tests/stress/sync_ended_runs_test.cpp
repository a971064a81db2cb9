// tests/stress/sync_ended_runs_test.cpp — those who waited when their run ended are passed over.
// SPDX-License-Identifier: BSL-1.0
//
//   Parked goroutines end with their run, without being unwound: their waiters stay in the queues of
//   primitives that live on. What is passed on later must go to the living.
#include <chrono>
#include <memory>
#include <mutex>
#include <thread>

#include <runnel/go.hpp>
#include <runnel/sync.hpp>
#include <runnel/time.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

using namespace std::chrono_literals;

namespace {

/// Ends a run in which `waits` has parked, once or several times, for `reason`.
template <class F>
void park_and_end(const char* reason, F waits, std::size_t times = 1) {
    bool parked = false;
    runnel::run([&] {
        for (std::size_t i = 0; i < times; ++i) runnel::go([waits] { waits(); });
        parked = test::wait_parked(times, reason);
    });
    REQUIRE(parked);
}

}  // namespace

TEST_CASE("an ended goroutine gets no mutex", "[stress][sync][runs]") {
    const auto m = std::make_unique<runnel::mutex>();
    m->lock();
    park_and_end("sync.Mutex.Lock", [p = m.get()] { p->lock(); }, 3);
    std::thread living([&] {
        m->lock();
        m->unlock();
    });
    m->unlock();
    living.join();
    CHECK(m->try_lock());

    // A starving queue, whose first is gone.
    park_and_end("sync.Mutex.Lock", [p = m.get()] { p->lock(); });
    runnel::sleep_for(2ms);
    m->unlock();
    CHECK(m->try_lock());
    m->unlock();
}

TEST_CASE("an ended goroutine gets no notification", "[stress][sync][runs]") {
    struct {
        runnel::mutex m;
        runnel::condition_variable cv;
    } s;
    park_and_end(
        "sync.Cond.Wait",
        [&s] {
            std::unique_lock held(s.m);
            s.cv.wait(held);
        },
        2);
    runnel::run([&] {
        runnel::wait_group wg;
        wg.go([&] {
            std::unique_lock held(s.m);
            s.cv.wait(held);
        });
        static_cast<void>(test::wait_parked(1, "sync.Cond.Wait"));
        s.cv.notify_one();
        wg.wait();
    });
    CHECK(s.m.try_lock());
    s.m.unlock();
}

TEST_CASE("an ended goroutine gets no permit", "[stress][sync][runs]") {
    runnel::semaphore s(2);
    s.acquire(2);
    park_and_end("semacquire", [&s] { s.acquire(2); });
    park_and_end("semacquire", [&s] { s.acquire(1); });
    std::thread living([&] { s.acquire(1); });
    s.release(1);
    living.join();
    CHECK_FALSE(s.try_acquire(1));
    s.release(2);
    CHECK(s.try_acquire(2));
}

TEST_CASE("an ended writer keeps no reader out, an ended reader no writer",
          "[stress][sync][runs]") {
    runnel::shared_mutex m;
    m.lock_shared();
    park_and_end("sync.RWMutex.Lock", [&m] { m.lock(); }, 2);
    CHECK(m.try_lock_shared());
    m.lock_shared();
    m.unlock_shared();
    m.unlock_shared();
    m.unlock_shared();
    REQUIRE(m.try_lock());
    park_and_end("sync.RWMutex.RLock", [&m] { m.lock_shared(); }, 3);
    park_and_end("sync.RWMutex.Lock", [&m] { m.lock(); });
    m.unlock();
    CHECK(m.try_lock());
    m.unlock();
    CHECK(m.try_lock_shared());
    m.unlock_shared();
}

TEST_CASE("readers behind an ended writer go on when somebody comes", "[stress][sync][runs]") {
    runnel::shared_mutex m;
    m.lock_shared();
    park_and_end("sync.RWMutex.Lock", [&m] { m.lock(); });
    std::thread reader([&] {
        m.lock_shared();
        m.unlock_shared();
    });
    reader.join();
    m.unlock_shared();
    CHECK(m.try_lock());
    m.unlock();
}

TEST_CASE("an ended goroutine is not waited for", "[stress][sync][runs]") {
    runnel::wait_group wg;
    wg.add(1);
    park_and_end("sync.WaitGroup.Wait", [&wg] { wg.wait(); }, 2);
    std::thread living([&] { wg.wait(); });
    wg.done();
    living.join();
    CHECK(wg.wait_for(0ms));

    runnel::latch l(1);
    park_and_end("latch wait", [&l] { l.wait(); });
    l.count_down();
    CHECK(l.try_wait());
    l.wait();

    runnel::barrier b(3);
    park_and_end("barrier wait", [&b] { b.arrive_and_wait(); });
    std::thread other([&] { b.arrive_and_wait(); });
    b.arrive_and_wait();
    other.join();
}

TEST_CASE("timed waits of ended goroutines are passed over, too", "[stress][sync][runs]") {
    runnel::mutex m;
    m.lock();
    park_and_end("sync.Mutex.Lock", [&m] { static_cast<void>(m.try_lock_for(1h)); }, 2);
    park_and_end("sync.Mutex.Lock", [&m] { static_cast<void>(m.try_lock_for(5ms)); });
    runnel::sleep_for(10ms);  // its deadline comes after its end
    m.unlock();
    CHECK(m.try_lock());
    m.unlock();

    runnel::semaphore s(1);
    s.acquire();
    park_and_end("semacquire", [&s] { static_cast<void>(s.try_acquire_for(1h)); });
    s.release();
    CHECK(s.try_acquire());
}
