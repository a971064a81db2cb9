// expect-error: runnel::stage: the function is called with an emitter of the stage.s results
// tests/compile_fail/pipeline_stage_function_without_an_emitter.cpp — a stage of one's own emits.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/pipeline.hpp>

void use(const runnel::context& ctx, const runnel::chan<int>& in) {
    static_cast<void>(ctx);
    static_cast<void>(in);
    runnel::stage<int>(ctx, [](auto& emit) { emit(1); });
#ifdef RUNNEL_EXPECT_FAIL
    runnel::stage<int>(ctx, [] {});
#endif
}
