// expect-error: runnel::watch: each watcher gets a copy
// tests/compile_fail/watch_of_move_only.cpp — each gets one.
// SPDX-License-Identifier: BSL-1.0
#include <memory>

#include <runnel/watch.hpp>

void use(const runnel::context& ctx, const runnel::chan<int>& in) {
    static_cast<void>(ctx);
    static_cast<void>(in);
    runnel::watch<int> number(1);
#ifdef RUNNEL_EXPECT_FAIL
    runnel::watch<std::unique_ptr<int>> pointer(nullptr);
#endif
}
