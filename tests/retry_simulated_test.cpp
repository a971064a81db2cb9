// tests/retry_simulated_test.cpp — the pauses between attempts, in virtual time.
// SPDX-License-Identifier: BSL-1.0
#include <chrono>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

#include <runnel/testing.hpp>

#include <runnel/context.hpp>
#include <runnel/mutex.hpp>
#include <runnel/retry.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/simulated.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::background;
using runnel::retry;
using runnel::retry_policy;
using test::on_seeds;
using test::require;
using test::stopwatch;

TEST_CASE("each pause is longer, up to the longest", "[retry]") {
    on_seeds([] {
        const retry_policy policy{
            .attempts = 6, .first_delay = 1s, .max_delay = 5s, .factor = 2, .jitter = 0};
        const stopwatch since;
        std::vector<std::chrono::nanoseconds> times;
        try {
            retry(background(), policy, [&] {
                times.push_back(since.passed());
                throw std::runtime_error("always");
            });
        } catch (const std::runtime_error&) {
            times.push_back(since.passed());
        }
        require(times == std::vector<std::chrono::nanoseconds>{0s, 1s, 3s, 7s, 12s, 17s, 17s},
                "1, 2, 4, 5, 5 seconds; none after the last");
    });
}

TEST_CASE("those who fail together do not try again together", "[retry]") {
    on_seeds([] {
        const retry_policy policy{.attempts = 2, .first_delay = 10s, .jitter = 1};
        const stopwatch since;
        runnel::mutex m;
        std::vector<std::chrono::nanoseconds> times;  // guarded by m
        runnel::wait_group wg;
        for (int i = 0; i < 5; ++i) {
            wg.go([&] {
                bool failed = false;
                retry(background(), policy, [&] {
                    if (!std::exchange(failed, true)) throw std::runtime_error("once");
                    const std::lock_guard guard(m);
                    times.push_back(since.passed());
                });
            });
        }
        wg.wait();
        for (std::size_t i = 1; i < times.size(); ++i) {
            require(times[i] > times[i - 1], "each at a time of its own");
        }
        require(times.size() == 5 && times.back() <= 10s, "within the pause");
    });
}

TEST_CASE("a deadline before the next attempt ends it at once", "[retry]") {
    on_seeds([] {
        const auto ctx = runnel::with_timeout(background(), 5s);
        const retry_policy policy{.first_delay = 2s, .jitter = 0};
        const stopwatch since;
        std::error_code code;
        int calls = 0;
        try {
            retry(ctx, policy, [&]() -> int {
                ++calls;
                throw std::runtime_error("always");
            });
        } catch (const std::system_error& e) {
            code = e.code();
        }
        require(code == runnel::errc::deadline_exceeded, "the deadline's");
        require(calls == 2, "at 0 and 2 seconds; the third would be at 6");
        since.require_passed(2s, "without waiting for it");
    });
}

}  // namespace
