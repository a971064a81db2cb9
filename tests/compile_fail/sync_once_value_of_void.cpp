// expect-error: the_function_is_called_without_arguments_and_returns_a_value
// tests/compile_fail/sync_once_value_of_void.cpp — a function without a value is for once_func.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/once.hpp>

void use() {
    const auto value = runnel::once_value([] { return 1; });
    static_cast<void>(value());
    const auto function = runnel::once_func([] {});
    function();
#ifdef RUNNEL_EXPECT_FAIL
    const auto nothing = runnel::once_value([] {});
#endif
}
