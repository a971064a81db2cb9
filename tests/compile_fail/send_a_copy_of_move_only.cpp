// expect-error: a_value_that_cannot_be_copied_is_sent_with_std_move
// tests/compile_fail/send_a_copy_of_move_only.cpp — a move-only value is sent by moving it.
// SPDX-License-Identifier: BSL-1.0
#include <memory>
#include <runnel/chan.hpp>
#include <utility>

void use() {
    auto ch = runnel::make_chan<std::unique_ptr<int>>(1);
    auto value = std::make_unique<int>(1);
    ch.send(std::move(value));
#ifdef RUNNEL_EXPECT_FAIL
    ch.send(value);
#endif
}
