// expect-error: a_stage_is_given_a_context_and_channels_to_receive_from
// tests/compile_fail/pipeline_parallel_stage_without_a_context.cpp — every stage has a context.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/pipeline.hpp>

void use(const runnel::context& ctx, const runnel::chan<int>& in) {
    static_cast<void>(ctx);
    static_cast<void>(in);
    runnel::parallel_transform(ctx, in, 2, [](int v) { return v; });
#ifdef RUNNEL_EXPECT_FAIL
    runnel::parallel_transform(in, 2, [](int v) { return v; }, 1);
#endif
}
