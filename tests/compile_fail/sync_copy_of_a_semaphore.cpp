// expect-error: deleted .*semaphore
// tests/compile_fail/sync_copy_of_a_semaphore.cpp — those who wait know a semaphore by its place.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/semaphore.hpp>

void use() {
    runnel::semaphore s(1);
    s.acquire();
#ifdef RUNNEL_EXPECT_FAIL
    runnel::semaphore copy = s;
#endif
}
