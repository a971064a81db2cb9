// expect-error: the_function_is_called_without_arguments
// tests/compile_fail/sync_once_func_with_arguments.cpp — which of the arguments would it be called with?
// SPDX-License-Identifier: BSL-1.0
#include <runnel/once.hpp>

void use() {
    const auto good = runnel::once_func([] {});
    good();
#ifdef RUNNEL_EXPECT_FAIL
    const auto bad = runnel::once_func([](int) {});
#endif
}
