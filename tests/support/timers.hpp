// tests/support/timers.hpp — how many timers are armed.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>

#include <runnel/time.hpp>

namespace test {

inline std::size_t armed_timers() { return runnel::detail::this_scheduler().timer_count(); }

/// Counts from where it was made: the timers of goroutines that an earlier run left behind stay armed.
class timers_since {
public:
    std::size_t count() const { return armed_timers() - before_; }

private:
    std::size_t before_ = armed_timers();
};

}  // namespace test
