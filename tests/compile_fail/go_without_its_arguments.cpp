// expect-error: runnel::go: the function cannot be called with these arguments
// tests/compile_fail/go_without_its_arguments.cpp — a function that needs arguments gets them, or does not compile.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/go.hpp>

void use() {
    const auto f = [](int) {};
    runnel::go(f, 1);
#ifdef RUNNEL_EXPECT_FAIL
    runnel::go(f);
#endif
}
