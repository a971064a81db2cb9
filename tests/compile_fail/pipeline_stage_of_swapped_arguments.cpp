// expect-error: a_stage_is_given_a_context_and_channels_to_receive_from
// tests/compile_fail/pipeline_stage_of_swapped_arguments.cpp — the context comes first.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/pipeline.hpp>

void use(const runnel::context& ctx, const runnel::chan<int>& in) {
    static_cast<void>(ctx);
    static_cast<void>(in);
    runnel::transform(ctx, in, [](int v) { return v; });
#ifdef RUNNEL_EXPECT_FAIL
    runnel::transform(in, ctx, [](int v) { return v; });
#endif
}
