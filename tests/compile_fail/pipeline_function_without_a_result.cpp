// expect-error: runnel::transform: the function returns a value
// tests/compile_fail/pipeline_function_without_a_result.cpp — what transform gives is something.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/pipeline.hpp>

void use(const runnel::context& ctx, const runnel::chan<int>& in) {
    static_cast<void>(ctx);
    static_cast<void>(in);
    runnel::transform(ctx, in, [](int v) { return v; });
#ifdef RUNNEL_EXPECT_FAIL
    runnel::transform(ctx, in, [](int) {});
#endif
}
