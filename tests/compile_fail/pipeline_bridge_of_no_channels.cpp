// expect-error: runnel::bridge: the elements of the channel are channels
// tests/compile_fail/pipeline_bridge_of_no_channels.cpp — a bridge goes over channels of channels.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/pipeline.hpp>

void use(const runnel::context& ctx, const runnel::chan<int>& in) {
    static_cast<void>(ctx);
    static_cast<void>(in);
    runnel::bridge(ctx, runnel::make_chan<runnel::recv_chan<int>>());
#ifdef RUNNEL_EXPECT_FAIL
    runnel::bridge(ctx, in);
#endif
}
