// expect-error: the function is called with an element of the range, or with a context and an element
// tests/compile_fail/parallel_function_of_another_element.cpp — the function takes what the range has.
// SPDX-License-Identifier: BSL-1.0
#include <string>
#include <vector>

#include <runnel/parallel.hpp>

void use(const runnel::context& ctx, const std::vector<std::string>& words) {
    runnel::parallel_for(ctx, words, 2, [](const std::string&) {});
#ifdef RUNNEL_EXPECT_FAIL
    runnel::parallel_for(ctx, words, 2, [](int) {});
#endif
}
