// expect-error: runnel::go: what cannot be copied is given with std::move
// tests/compile_fail/go_of_a_borrowed_move_only_callable.cpp — a move-only callable must be moved in.
// SPDX-License-Identifier: BSL-1.0
#include <memory>
#include <utility>

#include <runnel/go.hpp>

void use() {
    auto f = [p = std::make_unique<int>(1)] { ++*p; };
    runnel::go(std::move(f));
#ifdef RUNNEL_EXPECT_FAIL
    runnel::go(f);
#endif
}
