// expect-error: parallel_work_is_given_a_context_a_range_a_number_and_a_function
// tests/compile_fail/parallel_for_without_a_number.cpp — so many at once is to be said.
// SPDX-License-Identifier: BSL-1.0
#include <vector>

#include <runnel/parallel.hpp>

void use(const runnel::context& ctx, const runnel::chan<int>& in) {
    static_cast<void>(ctx);
    static_cast<void>(in);
    runnel::parallel_for(ctx, std::vector<int>{1}, 2, [](int) {});
#ifdef RUNNEL_EXPECT_FAIL
    runnel::parallel_for(ctx, std::vector<int>{1}, [](int) {});
#endif
}
