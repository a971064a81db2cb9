// expect-error: runnel::go: the function cannot be called with these arguments
// tests/compile_fail/go_of_no_callable.cpp — what cannot be called cannot be a goroutine.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/go.hpp>

void use() {
    runnel::go([] {});
#ifdef RUNNEL_EXPECT_FAIL
    runnel::go(5);
#endif
}
