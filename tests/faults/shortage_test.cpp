// tests/faults/shortage_test.cpp — no memory, no thread: the call that asked says so, and nothing else happens.
// SPDX-License-Identifier: BSL-1.0
#include <array>
#include <atomic>
#include <memory>
#include <new>
#include <string>
#include <system_error>

#include <runnel/runnel.hpp>

#include "support/catch.hpp"
#include "support/faults.hpp"
#include "support/support.hpp"

namespace {

// Starts goroutines until `n` have been started; the others were refused, and `f` is not called for them.
template <class F>
int start(runnel::wait_group& wg, int n, F f) {
    int refused = 0;
    for (int started = 0; started < n;) {
        try {
            wg.go(f);
            ++started;
        } catch (const std::bad_alloc&) {
            ++refused;
        } catch (const std::system_error& e) {
            if (e.code() != std::errc::resource_unavailable_try_again) throw;
            ++refused;
        }
    }
    return refused;
}

bool has_struck(const char* fault) { return test::fault_count_of(fault).strikes > 0; }

TEST_CASE("what cannot be started is refused, and the rest runs", "[faults]") {
    INFO("RUNNEL_FAULT=" << test::fault_seed());
    const test::procs limit(8);
    const int n = test::scale(20'000);
    std::atomic<int> ran{0};
    std::atomic<int> parked{0};
    int refused = 0;
    std::size_t left = 0;
    const auto held = std::make_shared<int>(7);
    {
        const test::faults armed(test::harmless | test::shortage, test::fault_seed());
        // run() itself may be refused its first thread, or its main goroutine.
        for (bool done = false; !done;) {
            try {
                runnel::run([&] {
                    runnel::wait_group wg;
                    const auto gate = runnel::make_chan<int>();
                    const std::array<char, 400> large{};
                    refused += start(wg, n / 10, [&, held, large] {
                        ran += 1 + large[0];
                        ++parked;
                        gate.recv();
                    });
                    refused += start(wg, n, [&, held] { ran += *held - 6; });
                    while (parked != n / 10) runnel::yield();
                    gate.close();
                    wg.wait();
                    while (runnel::num_goroutine() != 1) runnel::yield();
                    left = runnel::num_goroutine() - 1;
                });
                done = true;
            } catch (const std::system_error&) {
                ++refused;
            } catch (const std::bad_alloc&) {
                ++refused;
            }
        }
        // That has started few threads, perhaps all of them: more runtimes, until one could not be.
        for (int i = 0; i < 200 && !has_struck("start_thread.none_left"); ++i) {
            try {
                runnel::runtime rt;
                rt.run([] {});
            } catch (const std::system_error&) {
                ++refused;
            } catch (const std::bad_alloc&) {
                ++refused;
            }
        }
    }
    CHECK(ran == n + n / 10);
    CHECK(left == 0);
    CHECK(held.use_count() == 1);
    if (n < 2000) return;  // too little for each of them to have struck
    CHECK(refused > 0);
    for (const char* name : {"start_thread.none_left", "goroutine_pool.no_memory",
                             "spawn.no_memory", "stack_pool.no_memory"}) {
        INFO(name);
        CHECK(has_struck(name));
    }
}

}  // namespace
