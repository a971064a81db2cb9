// expect-error: runnel::group: the function is called without arguments
// tests/compile_fail/group_function_with_arguments.cpp — nothing is passed to a group's function.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/group.hpp>

void use() {
    runnel::group g;
    g.go([] {});
#ifdef RUNNEL_EXPECT_FAIL
    g.go([](int) {});
#endif
}
