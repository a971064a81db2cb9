// expect-error: the_function_is_called_without_arguments
// tests/compile_fail/run_of_a_function_with_arguments.cpp — a main function takes nothing.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/runtime.hpp>

void use() {
    runnel::run([] {});
#ifdef RUNNEL_EXPECT_FAIL
    runnel::run([](int) {});
#endif
}
