// expect-error: a_time_needs_a_unit_as_in_5ms
// tests/compile_fail/select_timeout_without_a_unit.cpp — a time limit says of what.
// SPDX-License-Identifier: BSL-1.0
#include <chrono>
#include <runnel/select.hpp>

void use() {
    runnel::select(runnel::timeout(std::chrono::milliseconds(5)));
#ifdef RUNNEL_EXPECT_FAIL
    runnel::select(runnel::timeout(5));
#endif
}
