// tests/support/timers.hpp — how many timers are armed.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>

#include <runnel/time.hpp>

namespace test {

/// Counts from where it was made: the timers of goroutines that an earlier run left behind stay armed.
class timers_since {
public:
    std::size_t count() const { return armed() - before_; }

private:
    static std::size_t armed() { return runnel::detail::this_scheduler().timer_count(); }

    std::size_t before_ = armed();
};

}  // namespace test
