// tests/stress/runtime_many_test.cpp — very many goroutines parked at once.
// SPDX-License-Identifier: BSL-1.0
//
//   RUNNEL_TEST_MANY sets their number: a hundred thousand by default, a million in the slow test. What is
//   shown is that it works with no setting of the system changed; what it costs is printed.
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/runtime.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;

std::size_t number() {
    if (const char* text = std::getenv("RUNNEL_TEST_MANY"); text != nullptr) {
        return static_cast<std::size_t>(std::strtoul(text, nullptr, 10));
    }
    // g++'s thread sanitizer knows 8128 fibers, and no more than that.
    return test::under_tsan ? 3'000 : test::under_asan ? 10'000 : 100'000;
}

std::size_t resident_bytes() {
    std::ifstream in("/proc/self/statm");
    std::size_t all = 0;
    std::size_t resident = 0;
    in >> all >> resident;
    return resident * 4096;
}

TEST_CASE("very many goroutines park, and all of them come back", "[stress][many]") {
    const std::size_t n = number();
    const std::size_t before = resident_bytes();
    const auto start = std::chrono::steady_clock::now();
    std::chrono::steady_clock::time_point parked{};
    std::chrono::steady_clock::time_point released{};
    std::size_t during = 0;
    std::size_t existed = 0;
    const long sum = runnel::run([&] {
        const auto gate = runnel::make_chan<int>();
        std::atomic<long> through{0};
        std::atomic<std::size_t> arrived{0};
        runnel::wait_group wg;
        for (std::size_t i = 0; i < n; ++i) {
            wg.go([&] {
                ++arrived;
                gate.recv();
                ++through;
            });
        }
        while (arrived < n || runnel::stats().runnable != 0) runnel::sleep_for(1ms);
        parked = std::chrono::steady_clock::now();
        during = resident_bytes();
        existed = runnel::num_goroutine();
        gate.close();
        wg.wait();
        released = std::chrono::steady_clock::now();
        return through.load();
    });
    CHECK(existed == n + 1);
    CHECK(sum == static_cast<long>(n));
    const auto ms = [](auto d) {
        return static_cast<double>(
                   std::chrono::duration_cast<std::chrono::microseconds>(d).count()) /
               1000.0;
    };
    std::printf("%zu goroutines: %zu bytes each, %.1f ms to park, %.1f ms to release\n", n,
                during > before ? (during - before) / n : 0, ms(parked - start),
                ms(released - parked));
}

TEST_CASE("very many sleepers wake", "[stress][many]") {
    const std::size_t n = number() / 10;
    CHECK(runnel::run([&] {
              runnel::wait_group wg;
              std::atomic<std::size_t> woken{0};
              for (std::size_t i = 0; i < n; ++i) {
                  wg.go([&, i] {
                      runnel::sleep_for(std::chrono::microseconds(i % 50'000));
                      ++woken;
                  });
              }
              wg.wait();
              return woken.load();
          }) == n);
}

}  // namespace
