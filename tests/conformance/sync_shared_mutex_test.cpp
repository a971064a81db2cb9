// tests/conformance/sync_shared_mutex_test.cpp — readers and writers.
// SPDX-License-Identifier: BSL-1.0
#include <atomic>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <vector>

#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/sync.hpp>
#include <runnel/time.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

using namespace std::chrono_literals;

namespace {

constexpr const char* read_reason = "sync.RWMutex.RLock";
constexpr const char* write_reason = "sync.RWMutex.Lock";

// All readers are inside before any of them leaves.
void read_in_parallel(test::expectations& expected, int readers) {
    runnel::shared_mutex m;
    auto locked = runnel::make_chan<bool>();
    auto leave = runnel::make_chan<bool>();
    auto done = runnel::make_chan<bool>();
    for (int i = 0; i < readers; ++i) {
        runnel::go([&, locked, leave, done] {
            m.lock_shared();
            locked.send(true);
            leave.recv();
            m.unlock_shared();
            done.send(true);
        });
    }
    for (int i = 0; i < readers; ++i) locked.recv();
    expected.check(!m.try_lock(), "read-held");
    for (int i = 0; i < readers; ++i) leave.send(true);
    for (int i = 0; i < readers; ++i) done.recv();
    expected.check(m.try_lock(), "free at the end");
}

void compute() {
    static std::atomic<int> sink{0};
    for (int i = 0; i < 100; ++i) sink.fetch_add(1, std::memory_order_relaxed);
}

// Never a reader with a writer, never two writers.
void hammer(test::expectations& expected, int readers, int rounds) {
    runnel::shared_mutex m;
    std::atomic<int> activity{0};
    runnel::wait_group wg;
    const auto read = [&] {
        for (int i = 0; i < rounds; ++i) {
            m.lock_shared();
            const int n = activity.fetch_add(1) + 1;
            expected.check(n >= 1 && n < 10000, "readers only");
            compute();
            activity.fetch_sub(1);
            m.unlock_shared();
        }
    };
    const auto write = [&] {
        for (int i = 0; i < rounds; ++i) {
            m.lock();
            expected.check(activity.fetch_add(10000) == 0, "alone");
            compute();
            activity.fetch_sub(10000);
            m.unlock();
        }
    };
    wg.go(write);
    for (int i = 0; i < readers / 2; ++i) wg.go(read);
    wg.go(write);
    for (int i = readers / 2; i < readers; ++i) wg.go(read);
    wg.wait();
}

}  // namespace

TEST_CASE("several readers hold it together", "[C-213]") {
    test::expectations expected;
    test::on_workers([&] {
        for (const int readers : {1, 3, 4, 10}) read_in_parallel(expected, readers);
    });
    expected.verify();
}

TEST_CASE("what may be tried in which state", "[C-214]") {
    runnel::shared_mutex m;
    m.lock();
    CHECK_FALSE(m.try_lock());
    CHECK_FALSE(m.try_lock_shared());
    m.unlock();
    CHECK(m.try_lock());
    m.unlock();
    CHECK(m.try_lock_shared());
    CHECK(m.try_lock_shared());
    CHECK_FALSE(m.try_lock());
    m.unlock_shared();
    m.unlock_shared();
    CHECK(m.try_lock());
    m.unlock();
}

TEST_CASE("readers and writers in a crowd", "[C-215]") {
    test::expectations expected;
    const auto before = runnel::max_procs();
    for (const std::size_t procs : {1U, 4U, 10U}) {
        runnel::set_max_procs(procs);
        runnel::run([&] {
            for (const int readers : {1, 3, 5, 10}) hammer(expected, readers, test::scale(300));
        });
    }
    runnel::set_max_procs(before);
    expected.verify();
}

TEST_CASE("a read lock may be taken through a guard, twice, and keeps writers out", "[C-216]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::shared_mutex m;
        auto writing = runnel::make_chan<bool>(1);
        auto read_again = runnel::make_chan<bool>(1);
        runnel::wait_group wg;
        for (int i = 0; i < test::scale(20); ++i) {
            std::shared_lock first(m);
            std::shared_lock second(m);
            wg.go([&] {
                m.lock();
                writing.send(true);
                read_again.recv();
                m.unlock();
            });
            expected.check(test::wait_parked(1, write_reason), "the writer waits for both");
            first.unlock();
            expected.check(writing.len() == 0, "one is left");
            second.unlock();
            writing.recv();
            expected.check(!m.try_lock_shared(), "the writer keeps readers out");
            read_again.send(true);
            wg.wait();
        }
    });
    expected.verify();
}

TEST_CASE("unlocking what is not locked so throws, where Go dies", "[C-217]") {
    const auto refuses = [](auto wrong) { CHECK_THROWS_AS(wrong(), runnel::unlock_of_unlocked); };
    runnel::shared_mutex m;
    refuses([&] { m.unlock(); });
    refuses([&] { m.unlock_shared(); });
    m.lock();
    m.unlock();
    refuses([&] { m.unlock(); });
    m.lock_shared();
    refuses([&] { m.unlock(); });
    m.unlock_shared();
    refuses([&] { m.unlock_shared(); });
    m.lock();
    refuses([&] { m.unlock_shared(); });
    m.unlock();
    CHECK(m.try_lock());
    m.unlock();
}

TEST_CASE("once a writer waits new readers queue behind it, and readers go before the next writer",
          "[C-218][C-220][C-391][C-392]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::shared_mutex m;
        runnel::wait_group wg;
        runnel::mutex order_lock;
        std::string order;  // guarded by order_lock
        const auto note = [&](char c) {
            const std::lock_guard guard(order_lock);
            order += c;
        };
        auto writer_may_leave = runnel::make_chan<runnel::unit>();
        m.lock_shared();
        wg.go([&] {
            m.lock();
            note('1');
            writer_may_leave.recv();
            m.unlock();
        });
        expected.check(test::wait_parked(1, write_reason), "a writer waits for the reader");
        expected.check(!m.try_lock_shared(), "a waiting writer refuses new readers");
        m.unlock_shared();
        expected.check(test::eventually([&] {
                           const std::lock_guard guard(order_lock);
                           return order == "1";
                       }),
                       "the writer has it");
        wg.go([&] {
            m.lock();
            note('2');
            m.unlock();
        });
        expected.check(test::wait_parked(1, write_reason), "a second writer waits");
        for (std::size_t i = 1; i <= 3; ++i) {
            wg.go([&] {
                m.lock_shared();
                note('R');
                m.unlock_shared();
            });
            expected.check(test::wait_parked(i, read_reason), "readers come after it");
        }
        writer_may_leave.send();
        wg.wait();
        expected.check_eq(order, "1RRR2", "the readers go first");
    });
    expected.verify();
}

TEST_CASE("a stream of readers delays a writer by one batch for each writer before it", "[C-219]") {
    test::expectations expected;
    test::on_workers([&] {
        constexpr int writers = 4;
        runnel::shared_mutex m;
        runnel::wait_group readers;
        std::atomic<bool> stop{false};
        for (int i = 0; i < 6; ++i) {
            readers.go([&] {
                while (!stop) {
                    m.lock_shared();
                    runnel::yield();
                    m.unlock_shared();
                }
            });
        }
        runnel::wait_group wg;
        std::atomic<int> written{0};
        for (int w = 0; w < writers; ++w) {
            wg.go([&] {
                for (int i = 0; i < test::scale(200); ++i) {
                    m.lock();
                    ++written;
                    m.unlock();
                }
            });
        }
        const bool in_time = wg.wait_for(20s);
        stop = true;
        wg.wait();
        readers.wait();
        expected.check(in_time, "the writers are not starved");
        expected.check_eq(written.load(), writers * test::scale(200), "all of them");
    });
    expected.verify();
}

TEST_CASE("what a writer wrote is seen by a reader that takes the fast way", "[C-222]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::shared_mutex m;
        int a = 0;  // both guarded by m
        int b = 0;
        runnel::wait_group wg;
        const int rounds = test::scale(5000);
        wg.go([&] {
            for (int i = 1; i <= rounds; ++i) {
                const std::lock_guard guard(m);
                a = i;
                b = -i;
            }
        });
        for (int r = 0; r < 3; ++r) {
            wg.go([&] {
                for (int i = 0; i < rounds; ++i) {
                    const std::shared_lock guard(m);
                    if (a + b != 0) expected.check(false, "torn");
                }
            });
        }
        wg.wait();
        expected.check_eq(a, rounds, "the last one");
    });
    expected.verify();
}
