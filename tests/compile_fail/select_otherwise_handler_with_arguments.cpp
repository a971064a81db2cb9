// expect-error: runnel::otherwise: the handler is called without arguments
// tests/compile_fail/select_otherwise_handler_with_arguments.cpp — nothing comes with a default.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/select.hpp>

void use() {
    runnel::select(runnel::otherwise([] {}));
#ifdef RUNNEL_EXPECT_FAIL
    runnel::select(runnel::otherwise([](int) {}));
#endif
}
