// expect-error: deleted .*future
// tests/compile_fail/copy_of_a_future.cpp — a future is the only owner of its result.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/future.hpp>
#include <utility>

void use() {
    auto f = runnel::async([] { return 1; });
    auto moved = std::move(f);
    moved.wait();
#ifdef RUNNEL_EXPECT_FAIL
    auto copy = moved;
#endif
}
