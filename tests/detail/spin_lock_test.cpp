// tests/detail/spin_lock_test.cpp — exclusion by the runtime's locks.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/detail/spin_lock.hpp>

#include <atomic>
#include <thread>
#include <vector>

#include <runnel/detail/word_lock.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

// Locks are taken here, and given back elsewhere: more than the analysis can follow.
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wthread-safety-analysis"
#endif

namespace {

using runnel::detail::counted_spin_lock;
using runnel::detail::spin_guard;
using runnel::detail::spin_lock;
using runnel::detail::word_lock;

constinit spin_lock global_lock;

TEST_CASE("a spin lock is one byte and needs no construction at run time", "[spin_lock]") {
    CHECK(sizeof(spin_lock) == 1);
    CHECK(global_lock.try_lock());
    CHECK_FALSE(global_lock.try_lock());
    global_lock.unlock();
    CHECK(global_lock.try_lock());
    global_lock.unlock();
}

template <class Lock>
void hammer(int threads) {
    Lock lock;
    long counter = 0;
    std::atomic<int> inside{0};
    std::atomic<int> crowded{0};
    const int rounds = test::scale(100'000);
    std::vector<std::thread> all;
    for (int t = 0; t < threads; ++t) {
        all.emplace_back([&] {
            for (int i = 0; i < rounds; ++i) {
                lock.lock();
                if (++inside != 1) ++crowded;
                ++counter;
                --inside;
                lock.unlock();
            }
        });
    }
    for (auto& t : all) t.join();
    CHECK(crowded == 0);
    CHECK(counter == static_cast<long>(threads) * rounds);
}

TEST_CASE("spin locks exclude, with more threads than cores", "[spin_lock]") {
    hammer<spin_lock>(2);
    hammer<spin_lock>(8);
    hammer<counted_spin_lock>(2);
    hammer<counted_spin_lock>(8);
    hammer<word_lock<std::uint32_t>>(2);
    hammer<word_lock<std::uint64_t>>(8);
}

TEST_CASE("a lock that nobody waited for has counted nothing", "[spin_lock]") {
    counted_spin_lock lock;
    for (int i = 0; i < 3; ++i) {
        lock.lock();
        lock.unlock();
    }
    CHECK(lock.waits() == 0);
}

// A switch does so: the far side releases what the near side took.
TEST_CASE("a spin lock may be released by another thread", "[spin_lock]") {
    spin_lock lock;
    int value = 0;
    lock.lock();
    std::thread other([&] {
        value = 1;
        lock.unlock();
    });
    lock.lock();
    CHECK(value == 1);
    lock.unlock();
    other.join();
}

TEST_CASE("whoever waits goes on though the holder sleeps", "[spin_lock]") {
    spin_lock lock;
    lock.lock();
    std::atomic<int> through{0};
    std::vector<std::thread> waiting;
    for (int i = 0; i < 4; ++i) {
        waiting.emplace_back([&] {
            const spin_guard guard(lock);
            ++through;
        });
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    CHECK(through == 0);
    lock.unlock();
    for (auto& t : waiting) t.join();
    CHECK(through == 4);
}

TEST_CASE("other bits of a word lock's word change under the lock", "[spin_lock]") {
    word_lock<std::uint64_t> lock;
    const int rounds = test::scale(100'000);
    long guarded = 0;
    std::vector<std::thread> all;
    for (int t = 0; t < 2; ++t) {
        all.emplace_back([&] {
            for (int i = 0; i < rounds; ++i) {
                lock.lock();
                ++guarded;
                lock.unlock();
            }
        });
        all.emplace_back([&] {
            for (int i = 0; i < rounds; ++i) lock.word.fetch_add(std::uint64_t{1} << 32);
        });
    }
    for (auto& t : all) t.join();
    CHECK(guarded == 2L * rounds);
    CHECK(lock.word == (static_cast<std::uint64_t>(2 * rounds) << 32));
}

}  // namespace
