// expect-error: the_function_cannot_be_called_with_these_arguments
// tests/compile_fail/go_with_wrong_arguments.cpp — the arguments must be the function's.
// SPDX-License-Identifier: BSL-1.0
#include <string>

#include <runnel/go.hpp>

void use() {
    const auto f = [](int, const std::string&) {};
    runnel::go(f, 1, "text");
#ifdef RUNNEL_EXPECT_FAIL
    runnel::go(f, "text", 1);
#endif
}
