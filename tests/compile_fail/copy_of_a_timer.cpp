// expect-error: deleted .*timer
// tests/compile_fail/copy_of_a_timer.cpp — a timer has one owner.
// SPDX-License-Identifier: BSL-1.0
#include <chrono>
#include <runnel/time.hpp>
#include <utility>

void use() {
    runnel::timer t{std::chrono::seconds(1)};
    auto moved = std::move(t);
    moved.stop();
#ifdef RUNNEL_EXPECT_FAIL
    auto copy = moved;
#endif
}
