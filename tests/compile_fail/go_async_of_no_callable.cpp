// expect-error: the_function_cannot_be_called_with_these_arguments
// tests/compile_fail/go_async_of_no_callable.cpp — async needs something that can be called.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/go.hpp>

void use() {
    runnel::async([] { return 1; }).get();
#ifdef RUNNEL_EXPECT_FAIL
    runnel::async(5).get();
#endif
}
