// expect-error: deleted|cannot bind|no matching|no viable
// tests/compile_fail/sync_barrier_token_used_twice.cpp — an arrival is waited for once.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/barrier.hpp>
#include <utility>

void use() {
    runnel::barrier<> b(1);
    auto token = b.arrive();
#ifdef RUNNEL_EXPECT_FAIL
    b.wait(token);
#endif
    b.wait(std::move(token));
}
