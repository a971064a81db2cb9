// expect-error: the function is called without arguments
// tests/compile_fail/wait_group_function_with_arguments.cpp — a function's arguments are given to go.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/wait_group.hpp>

void use(runnel::wait_group& wg) {
    wg.go([](int) {}, 1);
#ifdef RUNNEL_EXPECT_FAIL
    wg.go([](int) {});
#endif
}
