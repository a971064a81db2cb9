// expect-error: the_variable_cannot_take_what_the_channel_carries
// tests/compile_fail/receive_into_another_type.cpp — what is received can be assigned to the variable.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/chan.hpp>
#include <string>

void use() {
    auto ch = runnel::make_chan<std::string>(1);
    std::string text;
    ch >> text;
#ifdef RUNNEL_EXPECT_FAIL
    int number = 0;
    ch >> number;
#endif
}
