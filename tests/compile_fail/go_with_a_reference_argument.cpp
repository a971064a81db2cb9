// expect-error: the_function_cannot_be_called_with_these_arguments
// tests/compile_fail/go_with_a_reference_argument.cpp — arguments are copied: a reference must be wrapped.
// SPDX-License-Identifier: BSL-1.0
#include <functional>
#include <runnel/go.hpp>

void use() {
    int n = 0;
    runnel::go([](int& i) { ++i; }, std::ref(n));
#ifdef RUNNEL_EXPECT_FAIL
    runnel::go([](int& i) { ++i; }, n);
#endif
}
