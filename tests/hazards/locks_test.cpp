// tests/hazards/locks_test.cpp — the standard's locks held across a park delay others, but stop nothing.
// SPDX-License-Identifier: BSL-1.0
//
//   Nobody should do this: the lock belongs to a thread, and the goroutine may go on on another. But
//   somebody will, and a worker that sleeps in the kernel meanwhile loses its place to another, on which
//   the goroutine that holds the lock can go on.
#include <atomic>
#include <chrono>
#include <mutex>

#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/runtime.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;

#if !RUNNEL_TEST_TSAN  // which rightly says that a thread unlocks what another has locked

TEST_CASE("a std::mutex held across a park stops nobody for good", "[hazards][locks]") {
    const test::procs one(1);
    int counter = 0;
    runnel::run([&] {
        std::mutex m;
        runnel::wait_group wg;
        for (int i = 0; i < 5; ++i) {
            wg.go([&] {
                const std::lock_guard guard(m);
                const int seen = counter;
                runnel::sleep_for(1ms);
                runnel::yield();
                counter = seen + 1;
            });
        }
        wg.wait();
    });
    CHECK(counter == 5);
}

#endif

// libc++abi takes another goroutine of the same thread for a recursion, and aborts.
#if !defined(_LIBCPP_VERSION)

TEST_CASE("a local static whose initialiser parks stops nobody for good", "[hazards][locks]") {
    const test::procs one(1);
    static std::atomic<int> made{0};
    struct made_slowly {
        int value;
        made_slowly() : value(++made) {
            runnel::sleep_for(1ms);
            runnel::yield();
        }
    };
    std::atomic<int> sum{0};
    runnel::run([&] {
        runnel::wait_group wg;
        for (int i = 0; i < 5; ++i) {
            wg.go([&] {
                static made_slowly s;
                sum += s.value;
            });
        }
        wg.wait();
    });
    CHECK(made == 1);
    CHECK(sum == 5);
}

#endif

TEST_CASE("std::call_once whose function parks stops nobody for good", "[hazards][locks]") {
    if (test::under_tsan) {
        SUCCEED("its variables belong to the thread: two goroutines race for them");
        return;
    }
    const test::procs one(1);
    std::once_flag flag;
    std::atomic<int> calls{0};
    runnel::run([&] {
        runnel::wait_group wg;
        for (int i = 0; i < 5; ++i) {
            wg.go([&] {
                std::call_once(flag, [&] {
                    runnel::sleep_for(1ms);
                    ++calls;
                });
            });
        }
        wg.wait();
    });
    CHECK(calls == 1);
}

}  // namespace
