// expect-error: runnel::timeout: the handler is called without arguments
// tests/compile_fail/select_timeout_handler_with_arguments.cpp — nothing comes with a time limit.
// SPDX-License-Identifier: BSL-1.0
#include <chrono>
#include <runnel/select.hpp>

void use() {
    runnel::select(runnel::timeout(std::chrono::milliseconds(5), [] {}));
#ifdef RUNNEL_EXPECT_FAIL
    runnel::select(runnel::timeout(std::chrono::milliseconds(5), [](int) {}));
#endif
}
