// expect-error: the function is called by several goroutines at once: as const, so it cannot be mutable
// tests/compile_fail/pipeline_mutable_shared_function.cpp — what several call at once has no state of its own.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/pipeline.hpp>

void use(const runnel::context& ctx, const runnel::recv_chan<int>& in) {
    runnel::transform(ctx, in, [n = 0](int v) mutable { return v + n++; });
#ifdef RUNNEL_EXPECT_FAIL
    runnel::parallel_transform(ctx, in, 4, [n = 0](int v) mutable { return v + n++; });
#endif
}
