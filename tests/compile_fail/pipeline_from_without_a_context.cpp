// expect-error: a_pipeline_begins_with_a_context_and_a_channel_to_receive_from
// tests/compile_fail/pipeline_from_without_a_context.cpp — a pipeline has a context.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/pipeline.hpp>

void use(const runnel::context& ctx, const runnel::chan<int>& in) {
    static_cast<void>(ctx);
    static_cast<void>(in);
    static_cast<void>(runnel::from(ctx, in));
#ifdef RUNNEL_EXPECT_FAIL
    static_cast<void>(runnel::from(in));
#endif
}
