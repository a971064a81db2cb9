// expect-error: recv_takes_a_channel_or_its_receiving_end_and_a_handler_of_its_values
// tests/compile_fail/select_handler_of_another_type.cpp — a handler takes what the channel carries.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/select.hpp>
#include <string>

void use() {
    auto ch = runnel::make_chan<int>(1);
    runnel::select(runnel::recv(ch, [](int) {}));
#ifdef RUNNEL_EXPECT_FAIL
    runnel::select(runnel::recv(ch, [](std::string) {}));
#endif
}
