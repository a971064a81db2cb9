// expect-error: runnel::generate: the function returns a std::optional, empty at the end
// tests/compile_fail/pipeline_generator_without_an_end.cpp — a generator says when it ends; repeat never does.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/pipeline.hpp>

void use(const runnel::context& ctx) {
    runnel::repeat(ctx, [] { return 1; });
#ifdef RUNNEL_EXPECT_FAIL
    runnel::generate(ctx, [] { return 1; });
#endif
}
