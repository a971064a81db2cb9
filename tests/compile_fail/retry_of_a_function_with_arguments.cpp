// expect-error: runnel::retry: the function is called without arguments, or with a context
// tests/compile_fail/retry_of_a_function_with_arguments.cpp — what is tried again is called alike.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/retry.hpp>

void use(const runnel::context& ctx, const runnel::chan<int>& in) {
    static_cast<void>(ctx);
    static_cast<void>(in);
    runnel::retry(ctx, [] { return 1; });
#ifdef RUNNEL_EXPECT_FAIL
    runnel::retry(ctx, [](int v) { return v; });
#endif
}
