// expect-error: deleted .*latch
// tests/compile_fail/sync_copy_of_a_latch.cpp — those who wait know a latch by its place.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/latch.hpp>
#include <utility>

void use() {
    runnel::latch l(1);
    l.arrive_and_wait();
#ifdef RUNNEL_EXPECT_FAIL
    runnel::latch moved = std::move(l);
#endif
}
