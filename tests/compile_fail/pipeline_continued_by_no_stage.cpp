// expect-error: a_stage_takes_a_context_and_a_channel_and_returns_one
// tests/compile_fail/pipeline_continued_by_no_stage.cpp — a pipeline is continued by stages.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/pipeline.hpp>

void use(const runnel::context& ctx, const runnel::recv_chan<int>& in) {
    for (int v : runnel::from(ctx, in) | runnel::take(3)) static_cast<void>(v);
#ifdef RUNNEL_EXPECT_FAIL
    for (int v : runnel::from(ctx, in) | [](int n) { return n + 1; }) static_cast<void>(v);
#endif
}
