// tests/detail/thread_parker_test.cpp — one thread's place to sleep.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/detail/thread_parker.hpp>

#include <signal.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::detail::deadline_after;
using runnel::detail::thread_parker;

TEST_CASE("a wake-up before the sleep is remembered, once", "[thread_parker]") {
    thread_parker p;
    p.unpark();
    p.unpark();
    CHECK(p.park());
    const auto start = runnel::clock::now();
    CHECK_FALSE(p.park(deadline_after(5ms)));
    CHECK(runnel::clock::now() - start >= 5ms);
}

TEST_CASE("a deadline that has passed does not lose a wake-up", "[thread_parker]") {
    thread_parker p;
    CHECK_FALSE(p.park(runnel::clock::now() - 1h));
    CHECK_FALSE(p.park(runnel::clock::time_point::min()));
    p.unpark();
    CHECK(p.park(runnel::clock::now() - 1h));
}

TEST_CASE("a sleeper is woken by another thread", "[thread_parker]") {
    thread_parker here;
    thread_parker there;
    std::atomic<int> turns{0};
    const int rounds = test::scale(20'000);
    std::thread other([&] {
        for (int i = 0; i < rounds; ++i) {
            there.park();
            ++turns;
            here.unpark();
        }
    });
    int wrong = 0;
    for (int i = 0; i < rounds; ++i) {
        there.unpark();
        here.park();
        if (turns != i + 1) ++wrong;
    }
    other.join();
    CHECK(wrong == 0);
}

TEST_CASE("what the waker wrote before is seen after", "[thread_parker]") {
    const int rounds = test::scale(5'000);
    int wrong = 0;
    for (int i = 0; i < rounds; ++i) {
        thread_parker p;
        int plain = 0;
        std::thread waker([&] {
            plain = 1;
            p.unpark();
        });
        p.park();
        if (plain != 1) ++wrong;
        waker.join();
        if (i >= 200 && i % 10 != 0) ++i;
    }
    CHECK(wrong == 0);
}

// The sleeper may free the parker as soon as it is awake.
TEST_CASE("a parker may be destroyed by whoever it woke", "[thread_parker]") {
    const int rounds = test::scale(5'000);
    std::atomic<thread_parker*> current{nullptr};
    std::thread waker([&] {
        for (int i = 0; i < rounds; ++i) {
            thread_parker* p = nullptr;
            while ((p = current.exchange(nullptr)) == nullptr) std::this_thread::yield();
            p->unpark();
        }
    });
    for (int i = 0; i < rounds; ++i) {
        auto p = std::make_unique<thread_parker>();
        current = p.get();
        p->park();
    }
    waker.join();
    CHECK(current == nullptr);
}

// [C-133]
TEST_CASE("signals neither wake a sleeper nor make it late", "[thread_parker][C-133]") {
    struct sigaction action = {};
    struct sigaction before = {};
    action.sa_handler = [](int) {};
    action.sa_flags = 0;  // without SA_RESTART: system calls are interrupted
    REQUIRE(::sigaction(SIGUSR1, &action, &before) == 0);
    std::atomic<bool> stop{false};
    std::atomic<pthread_t> sleeper{};
    std::atomic<int> early{0};
    std::atomic<int> lost{0};
    std::atomic<int> ready{0};
    thread_parker p;
    std::thread sleeping([&] {
        sleeper = ::pthread_self();
        ready = 1;
        for (int i = 0; i < 20; ++i) {
            const auto start = runnel::clock::now();
            if (p.park(start + 3ms)) ++lost;
            if (runnel::clock::now() - start < 3ms) ++early;
        }
        ready = 2;
        if (!p.park()) ++lost;
        stop = true;
    });
    while (ready == 0) std::this_thread::yield();
    std::thread storm([&] {
        while (!stop) {
            ::pthread_kill(sleeper, SIGUSR1);
            std::this_thread::sleep_for(50us);
        }
    });
    while (ready != 2) std::this_thread::sleep_for(1ms);
    p.unpark();
    storm.join();
    sleeping.join();
    ::sigaction(SIGUSR1, &before, nullptr);
    CHECK(early == 0);
    CHECK(lost == 0);
}

}  // namespace
