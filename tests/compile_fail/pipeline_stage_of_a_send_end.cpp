// expect-error: a_stage_is_given_a_context_and_channels_to_receive_from
// tests/compile_fail/pipeline_stage_of_a_send_end.cpp — what can only be sent on is no input.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/pipeline.hpp>

void use(const runnel::context& ctx, const runnel::chan<int>& in) {
    static_cast<void>(ctx);
    static_cast<void>(in);
    runnel::or_done(ctx, in);
#ifdef RUNNEL_EXPECT_FAIL
    runnel::or_done(ctx, runnel::send_chan<int>(in));
#endif
}
