// expect-error: runnel::singleflight: each caller gets a copy of the value
// tests/compile_fail/group_shared_value_of_move_only.cpp — a shared call's value is copied.
// SPDX-License-Identifier: BSL-1.0
#include <memory>

#include <runnel/singleflight.hpp>

void use() {
    runnel::singleflight<int, std::shared_ptr<int>> shared;
    shared.run(1, [] { return std::make_shared<int>(1); });
#ifdef RUNNEL_EXPECT_FAIL
    runnel::singleflight<int, std::unique_ptr<int>> unique;
#endif
}
