// expect-error: the_function_cannot_be_called_with_these_arguments
// tests/compile_fail/wait_group_with_wrong_arguments.cpp — a wait group's function takes what it is given.
// SPDX-License-Identifier: BSL-1.0
#include <string>

#include <runnel/wait_group.hpp>

void use(runnel::wait_group& wg) {
    wg.go([](const std::string&) {}, "text");
#ifdef RUNNEL_EXPECT_FAIL
    wg.go([](const std::string&) {}, 1);
#endif
}
