// expect-error: deleted .*runtime
// tests/compile_fail/go_copies_a_runtime.cpp — a runtime owns its threads.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/runtime.hpp>

void use() {
    runnel::runtime rt;
#ifdef RUNNEL_EXPECT_FAIL
    runnel::runtime copy(rt);
#endif
}
