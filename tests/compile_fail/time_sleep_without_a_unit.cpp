// expect-error: no matching function for call to .*sleep_for
// tests/compile_fail/time_sleep_without_a_unit.cpp — a duration has a unit.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/time.hpp>

void use() {
    runnel::sleep_for(std::chrono::milliseconds(5));
#ifdef RUNNEL_EXPECT_FAIL
    runnel::sleep_for(5);
#endif
}
