// expect-error: a_stage_is_given_a_context_and_channels_to_receive_from
// tests/compile_fail/pipeline_stage_of_no_channel.cpp — a stage receives from a channel.
// SPDX-License-Identifier: BSL-1.0
#include <vector>

#include <runnel/pipeline.hpp>

void use(const runnel::context& ctx, const runnel::chan<int>& in) {
    static_cast<void>(ctx);
    static_cast<void>(in);
    runnel::take(ctx, in, 3);
#ifdef RUNNEL_EXPECT_FAIL
    runnel::take(ctx, std::vector<int>{1, 2, 3}, 3);
#endif
}
