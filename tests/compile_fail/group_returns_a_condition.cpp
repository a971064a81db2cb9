// expect-error: a failure is a std::error_code, not a condition
// tests/compile_fail/group_returns_a_condition.cpp — what could not be told from success is not taken for it.
// SPDX-License-Identifier: BSL-1.0
#include <system_error>

#include <runnel/group.hpp>

void use(runnel::group& g) {
    g.go([] { return std::make_error_code(std::errc::io_error); });
    g.go([] { return std::errc::io_error; });
#ifdef RUNNEL_EXPECT_FAIL
    g.go([] { return std::make_error_condition(std::errc::io_error); });
#endif
}
