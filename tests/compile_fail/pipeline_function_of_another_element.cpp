// expect-error: runnel::transform: the function is called with the channel's element
// tests/compile_fail/pipeline_function_of_another_element.cpp — a stage's function takes what comes.
// SPDX-License-Identifier: BSL-1.0
#include <string>

#include <runnel/pipeline.hpp>

void use(const runnel::context& ctx, const runnel::recv_chan<std::string>& words) {
    runnel::transform(ctx, words, [](const std::string& w) { return w.size(); });
#ifdef RUNNEL_EXPECT_FAIL
    runnel::transform(ctx, words, [](int n) { return n; });
#endif
}
