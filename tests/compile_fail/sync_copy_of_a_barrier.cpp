// expect-error: deleted .*barrier
// tests/compile_fail/sync_copy_of_a_barrier.cpp — those who wait know a barrier by its place.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/barrier.hpp>

void use() {
    runnel::barrier<> b(1);
    b.arrive_and_wait();
#ifdef RUNNEL_EXPECT_FAIL
    runnel::barrier<> copy = b;
#endif
}
