// expect-error: the_function_is_called_without_arguments
// tests/compile_fail/sync_once_call_with_arguments.cpp — what is done once takes nothing.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/once.hpp>

void use() {
    runnel::once o;
    o.call([] {});
#ifdef RUNNEL_EXPECT_FAIL
    o.call([](int) {});
#endif
}
