// tests/support/simulated.hpp — what simulated tests share: seeds, a sentence on failure, virtual time.
// SPDX-License-Identifier: BSL-1.0
//
//   Only for tests that are listed with SIMULATES.
#pragma once

#include <runnel/testing.hpp>

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "support/catch.hpp"

namespace test {

/// Requires inside a simulation what `what` says: the exception ends that run, and is reported with its seed.
inline void require(bool held, std::string_view what) {
    if (!held) throw std::runtime_error("not so: " + std::string(what));
}

/// Simulates `f` with the seeds 1 to `n`, or with RUNNEL_SEED alone; the first that fails fails the test.
template <class F>
void on_seeds(F&& f, std::uint64_t n = 50,
              runnel::detail::source_place place = runnel::detail::source_place::here()) {
    CHECK(runnel::testing::explore(n, f, {}, place).seeds > 0);
}

/// Virtual time since it was made. Nothing but waiting takes any, so a test may ask for the nanosecond.
class stopwatch {
public:
    std::chrono::nanoseconds passed() const { return std::chrono::steady_clock::now() - start_; }

    /// That so much has passed, no more and no less.
    void require_passed(std::chrono::nanoseconds d, std::string_view what) const {
        if (passed() == d) return;
        throw std::runtime_error("not so: " + std::string(what) + ": after " +
                                 std::to_string(passed().count()) + " ns instead of " +
                                 std::to_string(d.count()));
    }

    std::chrono::steady_clock::time_point start() const { return start_; }

private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace test
