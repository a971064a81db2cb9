// expect-error: runnel::broadcast: each subscriber gets a copy of the value
// tests/compile_fail/broadcast_of_move_only.cpp — each gets one.
// SPDX-License-Identifier: BSL-1.0
#include <memory>

#include <runnel/broadcast.hpp>

void use(const runnel::context& ctx, const runnel::chan<int>& in) {
    static_cast<void>(ctx);
    static_cast<void>(in);
    runnel::broadcast<int> numbers;
#ifdef RUNNEL_EXPECT_FAIL
    runnel::broadcast<std::unique_ptr<int>> pointers;
#endif
}
