// expect-error: recv_takes_a_channel_or_its_receiving_end_and_a_handler_of_its_values
// tests/compile_fail/select_receives_on_a_ticker.cpp — a ticker is no channel but has one.
// SPDX-License-Identifier: BSL-1.0
#include <chrono>
#include <runnel/select.hpp>
#include <runnel/time.hpp>

void use() {
    runnel::ticker ticks{std::chrono::seconds(1)};
    runnel::select(runnel::recv(ticks.chan()));
#ifdef RUNNEL_EXPECT_FAIL
    runnel::select(runnel::recv(ticks));
#endif
}
