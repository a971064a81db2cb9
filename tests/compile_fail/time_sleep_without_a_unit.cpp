// expect-error: a_time_needs_a_unit_as_in_5ms
// tests/compile_fail/time_sleep_without_a_unit.cpp — a duration has a unit.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/time.hpp>

void use() {
    runnel::sleep_for(std::chrono::milliseconds(5));
#ifdef RUNNEL_EXPECT_FAIL
    runnel::sleep_for(5);
#endif
}
