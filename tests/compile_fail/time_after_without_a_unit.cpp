// expect-error: a_time_needs_a_unit_as_in_5ms
// tests/compile_fail/time_after_without_a_unit.cpp — a time says of what.
// SPDX-License-Identifier: BSL-1.0
#include <chrono>
#include <runnel/time.hpp>

void use() {
    static_cast<void>(runnel::after(std::chrono::milliseconds(5)).len());
#ifdef RUNNEL_EXPECT_FAIL
    static_cast<void>(runnel::after(5).len());
#endif
}
