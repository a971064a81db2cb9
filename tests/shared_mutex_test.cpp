// tests/shared_mutex_test.cpp — readers, writers, whose turn it is, time limits and misuse.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/shared_mutex.hpp>

#include <atomic>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/latch.hpp>
#include <runnel/mutex.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"
#include "sync_support.hpp"

namespace {

using namespace std::chrono_literals;

static_assert(!std::is_copy_constructible_v<runnel::shared_mutex>);
static_assert(!std::is_move_constructible_v<runnel::shared_mutex>);
static_assert(std::is_trivially_destructible_v<runnel::shared_mutex>);

constinit runnel::shared_mutex global_mutex;

constexpr const char* read_reason = "sync.RWMutex.RLock";
constexpr const char* write_reason = "sync.RWMutex.Lock";

TEST_CASE("the standard's guards work with a shared_mutex", "[shared_mutex]") {
    {
        const std::shared_lock first(global_mutex);
        const std::shared_lock second(global_mutex, std::try_to_lock);
        CHECK(second.owns_lock());
        CHECK_FALSE(global_mutex.try_lock());
    }
    {
        const std::unique_lock writer(global_mutex, 1ms);
        CHECK(writer.owns_lock());
        CHECK_FALSE(std::shared_lock(global_mutex, 1ms).owns_lock());
        CHECK_FALSE(std::unique_lock(global_mutex, runnel::clock::now() + 1ms).owns_lock());
    }
    runnel::mutex other;
    const std::scoped_lock both(global_mutex, other);
    CHECK_FALSE(global_mutex.try_lock_shared());
}

TEST_CASE("what can be tried, while it is free, read-held or write-held", "[shared_mutex]") {
    runnel::shared_mutex m;
    REQUIRE(m.try_lock());
    CHECK_FALSE(m.try_lock());
    CHECK_FALSE(m.try_lock_shared());
    m.unlock();
    REQUIRE(m.try_lock_shared());
    REQUIRE(m.try_lock_shared());
    CHECK_FALSE(m.try_lock());
    m.unlock_shared();
    CHECK_FALSE(m.try_lock());
    m.unlock_shared();
    REQUIRE(m.try_lock());
    m.unlock();
}

TEST_CASE("unlocking what is not so locked throws and changes nothing", "[shared_mutex]") {
    runnel::shared_mutex m;
    const auto free_throws = [&] {
        CHECK_THROWS_WITH(m.unlock(), "unlock of unlocked RWMutex");
        CHECK_THROWS_WITH(m.unlock_shared(), "RUnlock of unlocked RWMutex");
        CHECK_THROWS_AS(m.unlock(), runnel::unlock_of_unlocked);
        CHECK_THROWS_AS(m.unlock_shared(), runnel::unlock_of_unlocked);
    };
    free_throws();
    m.lock();
    CHECK_THROWS_AS(m.unlock_shared(), runnel::unlock_of_unlocked);
    CHECK_FALSE(m.try_lock_shared());
    m.unlock();
    free_throws();
    m.lock_shared();
    CHECK_THROWS_AS(m.unlock(), runnel::unlock_of_unlocked);
    CHECK_FALSE(m.try_lock());
    m.unlock_shared();
    free_throws();
    CHECK(m.try_lock());
    m.unlock();
}

TEST_CASE("readers hold it together", "[shared_mutex]") {
    test::expectations expected;
    test::on_workers([&] {
        constexpr int count = 10;
        runnel::shared_mutex m;
        runnel::latch all_inside(count);
        runnel::wait_group wg;
        for (int i = 0; i < count; ++i) {
            wg.go([&] {
                m.lock_shared();
                // Nobody leaves before all have come.
                all_inside.arrive_and_wait();
                m.unlock_shared();
            });
        }
        wg.wait();
        expected.check(m.try_lock(), "free at the end");
    });
    expected.verify();
}

TEST_CASE("a waiting writer keeps new readers out, and gets it when the old ones leave",
          "[shared_mutex]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::shared_mutex m;
        runnel::wait_group wg;
        std::atomic<bool> written{false};
        m.lock_shared();
        m.lock_shared();
        wg.go([&] {
            m.lock();
            written = true;
            m.unlock();
        });
        expected.check(test::wait_parked(1, write_reason), "the writer parks");
        expected.check(!m.try_lock_shared(), "no new reader");
        expected.check(!m.try_lock_shared_for(1ms), "nor a patient one");
        wg.go([&] {
            m.lock_shared();
            expected.check(written, "the reader comes after the writer");
            m.unlock_shared();
        });
        expected.check(test::wait_parked(1, read_reason), "the reader parks");
        m.unlock_shared();
        expected.check(!written, "one reader is left");
        m.unlock_shared();
        wg.wait();
        expected.check(m.try_lock(), "free at the end");
    });
    expected.verify();
}

TEST_CASE("when a writer unlocks, the readers that came meanwhile go before the next writer",
          "[shared_mutex]") {
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
        m.lock();
        wg.go([&] {
            m.lock();
            note('W');
            m.unlock();
        });
        expected.check(test::wait_parked(1, write_reason), "the second writer parks");
        for (std::size_t i = 1; i <= 3; ++i) {
            wg.go([&] {
                m.lock_shared();
                note('R');
                m.unlock_shared();
            });
            expected.check(test::wait_parked(i, read_reason), "a reader parks");
        }
        m.unlock();
        wg.wait();
        expected.check_eq(order, "RRRW", "order");
    });
    expected.verify();
}

TEST_CASE("readers that come while readers are let in wait for the next writer", "[shared_mutex]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::shared_mutex m;
        runnel::wait_group wg;
        auto leave = runnel::make_chan<runnel::unit>();
        std::atomic<int> readers{0};
        std::atomic<bool> written{false};
        m.lock();
        wg.go([&] {
            m.lock();
            written = true;
            m.unlock();
        });
        expected.check(test::wait_parked(1, write_reason), "the second writer parks");
        wg.go([&] {
            m.lock_shared();
            ++readers;
            leave.recv();
            m.unlock_shared();
        });
        expected.check(test::wait_parked(1, read_reason), "a reader parks");
        m.unlock();
        expected.check(test::eventually([&] { return readers == 1; }), "the reader goes first");
        expected.check(!m.try_lock_shared(), "but no other: the writer is waiting");
        wg.go([&] {
            m.lock_shared();
            expected.check(written, "after the writer");
            m.unlock_shared();
        });
        expected.check(test::wait_parked(1, read_reason), "the late reader parks");
        expected.check(!written, "the writer waits for the first reader");
        leave.send();
        wg.wait();
    });
    expected.verify();
}

TEST_CASE("writers are served in the order in which they came", "[shared_mutex]") {
    test::expectations expected;
    test::on_workers([&] {
        constexpr int count = 6;
        runnel::shared_mutex m;
        runnel::wait_group wg;
        std::vector<int> order;  // guarded by m
        m.lock();
        for (int i = 0; i < count; ++i) {
            wg.go([&, i] {
                m.lock();
                order.push_back(i);
                m.unlock();
            });
            expected.check(test::wait_parked(static_cast<std::size_t>(i) + 1, write_reason),
                           "parks");
        }
        m.unlock();
        wg.wait();
        for (int i = 0; i < count; ++i) {
            expected.check_eq(order.at(static_cast<std::size_t>(i)), i, "order");
        }
    });
    expected.verify();
}

TEST_CASE("a writer that gives up lets in the readers behind it", "[shared_mutex]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::shared_mutex m;
        runnel::wait_group wg;
        m.lock_shared();
        std::atomic<bool> gave_up{false};
        wg.go([&] {
            expected.check(!m.try_lock_for(30ms), "a reader holds it");
            gave_up = true;
        });
        expected.check(test::eventually([&] { return gave_up || test::parked(write_reason) == 1; }),
                       "the writer parks");
        wg.go([&] {
            m.lock_shared();  // behind the writer, if that has not given up yet
            m.unlock_shared();
        });
        wg.wait();  // though the first reader stays
        expected.check(m.try_lock_shared(), "others may read as well");
        m.unlock_shared();
        expected.check(!m.try_lock(), "the first reader stays");
        m.unlock_shared();
        expected.check(m.try_lock(), "free at the end");
        m.unlock();
        // And the fast way is back.
        m.lock_shared();
        expected.check(m.try_lock_shared(), "shared again");
        m.unlock_shared();
        m.unlock_shared();
    });
    expected.verify();
}

TEST_CASE("timed locks give up, never early", "[shared_mutex]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::shared_mutex m;
        m.lock();
        const test::stopwatch first;
        expected.check(!m.try_lock_for(3ms), "write-held: no writer");
        expected.check(first.elapsed() >= 3ms, "not early");
        const test::stopwatch second;
        expected.check(!m.try_lock_shared_for(3ms), "write-held: no reader");
        expected.check(second.elapsed() >= 3ms, "not early");
        expected.check(!m.try_lock_until(runnel::clock::now() + 1ms), "a time point");
        expected.check(!m.try_lock_shared_until(runnel::clock::now() + 1ms), "a time point");
        expected.check(!m.try_lock_for(0ms) && !m.try_lock_shared_for(0ms), "zero tries once");
        expected.check(!m.try_lock_for(-1h) && !m.try_lock_shared_for(-1h), "so does less");
        m.unlock();
        expected.check(m.try_lock_shared_for(0ms), "free");
        m.unlock_shared();
        expected.check(m.try_lock_for(1h), "free");

        runnel::wait_group wg;
        wg.go([&] {
            const bool got = m.try_lock_shared_for(1h);
            expected.check(got, "a reader in time");
            if (got) m.unlock_shared();
        });
        wg.go([&] {
            const bool got = m.try_lock_for(1h);
            expected.check(got, "a writer in time");
            if (got) m.unlock();
        });
        expected.check(test::wait_parked(1, read_reason), "parks");
        expected.check(test::wait_parked(1, write_reason), "parks");
        m.unlock();
        wg.wait();
    });
    expected.verify();
}

TEST_CASE("one goroutine may lock it and another unlock it", "[shared_mutex]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::shared_mutex m;
        runnel::wait_group wg;
        m.lock_shared();
        wg.go([&] { m.unlock_shared(); });
        m.lock();
        wg.wait();
        wg.go([&] { m.unlock(); });
        m.lock_shared();
        wg.wait();
        m.unlock_shared();
        expected.check(m.try_lock(), "free at the end");
    });
    expected.verify();
}

// Readers add 1, writers 10000, to what is inside.
void hammer(test::expectations& expected, int readers, int rounds) {
    runnel::shared_mutex m;
    runnel::wait_group wg;
    std::atomic<int> activity{0};
    long written = 0;  // guarded by m
    const auto read = [&](int i) {
        const int n = activity.fetch_add(1) + 1;
        expected.check(n >= 1 && n < 10000, "a reader sees readers only");
        if (i % 8 == 0) runnel::yield();
        activity.fetch_sub(1);
        m.unlock_shared();
    };
    const auto write = [&](int i) {
        expected.check(activity.fetch_add(10000) == 0, "a writer is alone");
        ++written;
        if (i % 8 == 0) runnel::yield();
        activity.fetch_sub(10000);
        m.unlock();
    };
    std::atomic<long> writes{0};
    for (int w = 0; w < 2; ++w) {
        wg.go([&, w] {
            for (int i = 0; i < rounds; ++i) {
                if ((i + w) % 3 == 0) {
                    if (!m.try_lock_for(std::chrono::microseconds(i % 40))) continue;
                } else {
                    m.lock();
                }
                write(i);
                ++writes;
            }
        });
    }
    for (int r = 0; r < readers; ++r) {
        wg.go([&, r] {
            for (int i = 0; i < rounds; ++i) {
                switch ((i + r) % 4) {
                    case 0:
                        if (m.try_lock_shared()) read(i);
                        break;
                    case 1:
                        if (m.try_lock_shared_for(std::chrono::microseconds(i % 40))) read(i);
                        break;
                    default:
                        m.lock_shared();
                        read(i);
                }
            }
        });
    }
    wg.wait();
    expected.check_eq(written, writes.load(), "no write is lost");
    expected.check(m.try_lock(), "free at the end");
}

TEST_CASE("never a reader with a writer, never two writers", "[shared_mutex]") {
    test::expectations expected;
    test::on_workers([&] {
        for (int readers : {1, 3, 10}) hammer(expected, readers, test::scale(1000));
    });
    expected.verify();
}

TEST_CASE("threads and goroutines share it", "[shared_mutex]") {
    test::expectations expected;
    test::on_workers([&] {
        const int rounds = test::scale(2000);
        runnel::shared_mutex m;
        long value = 0;  // guarded by m
        const auto work = [&](int who) {
            for (int i = 0; i < rounds; ++i) {
                if (i % 4 == who % 4) {
                    const std::lock_guard guard(m);
                    ++value;
                } else {
                    const std::shared_lock guard(m);
                    const long seen = value;
                    if (seen < 0 || value != seen) expected.check(false, "stable while it is read");
                }
            }
        };
        std::vector<std::thread> threads;
        for (int t = 0; t < 2; ++t) threads.emplace_back(work, t);
        runnel::wait_group wg;
        for (int g = 0; g < 3; ++g) wg.go(work, g);
        wg.wait();
        runnel::blocking([&] {
            for (auto& t : threads) t.join();
        });
        const long per_worker = (rounds + 3) / 4;
        expected.check(value <= 5 * per_worker && value >= 5 * (rounds / 4), "no write is lost");
    });
    expected.verify();
}

TEST_CASE("a stream of readers does not starve a writer, nor writers a reader", "[shared_mutex]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::shared_mutex m;
        runnel::wait_group wg;
        std::atomic<bool> stop{false};
        const auto read_on = [&] {
            while (!stop) {
                const std::shared_lock guard(m);
                runnel::yield();
            }
        };
        for (int r = 0; r < 4; ++r) wg.go(read_on);
        for (int i = 0; i < 20; ++i) {
            const std::lock_guard guard(m);
        }
        stop = true;
        wg.wait();

        stop = false;
        const auto write_on = [&] {
            while (!stop) {
                const std::lock_guard guard(m);
                runnel::yield();
            }
        };
        for (int w = 0; w < 3; ++w) wg.go(write_on);
        for (int i = 0; i < 20; ++i) {
            const std::shared_lock guard(m);
        }
        stop = true;
        wg.wait();
        expected.check(m.try_lock(), "all came to their end");
    });
    expected.verify();
}

}  // namespace
