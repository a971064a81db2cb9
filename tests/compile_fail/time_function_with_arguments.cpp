// expect-error: runnel::after_func: the function is called without arguments
// tests/compile_fail/time_function_with_arguments.cpp — nothing is passed to after_func's function.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/time.hpp>

void use() {
    runnel::after_func(std::chrono::seconds(1), [] {});
#ifdef RUNNEL_EXPECT_FAIL
    runnel::after_func(std::chrono::seconds(1), [](int) {});
#endif
}
