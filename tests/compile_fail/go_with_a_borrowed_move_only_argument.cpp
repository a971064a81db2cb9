// expect-error: runnel::go: what cannot be copied is given with std::move
// tests/compile_fail/go_with_a_borrowed_move_only_argument.cpp — a move-only argument must be moved in.
// SPDX-License-Identifier: BSL-1.0
#include <memory>
#include <utility>

#include <runnel/go.hpp>

void use() {
    const auto f = [](std::unique_ptr<int>) {};
    auto p = std::make_unique<int>(1);
    runnel::go(f, std::move(p));
#ifdef RUNNEL_EXPECT_FAIL
    runnel::go(f, p);
#endif
}
