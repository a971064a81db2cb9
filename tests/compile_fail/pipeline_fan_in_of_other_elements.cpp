// expect-error: runnel::fan_in: the channels have the same element type
// tests/compile_fail/pipeline_fan_in_of_other_elements.cpp — one channel has one type.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/pipeline.hpp>

void use(const runnel::context& ctx, const runnel::chan<int>& in) {
    static_cast<void>(ctx);
    static_cast<void>(in);
    runnel::fan_in(ctx, in, in);
#ifdef RUNNEL_EXPECT_FAIL
    runnel::fan_in(ctx, in, runnel::make_chan<long>());
#endif
}
