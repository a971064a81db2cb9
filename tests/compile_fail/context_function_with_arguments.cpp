// expect-error: runnel::after_func: the function is called without arguments
// tests/compile_fail/context_function_with_arguments.cpp — nothing is passed to after_func's function.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/context.hpp>

void use(const runnel::context& ctx) {
    runnel::after_func(ctx, [] {});
#ifdef RUNNEL_EXPECT_FAIL
    runnel::after_func(ctx, [](int) {});
#endif
}
