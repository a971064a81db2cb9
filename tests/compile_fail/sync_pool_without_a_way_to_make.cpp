// expect-error: no matching (function|constructor) .*pool<
// tests/compile_fail/sync_pool_without_a_way_to_make.cpp — an empty pool has to make a value.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/pool.hpp>

struct made_of_int {
    explicit made_of_int(int) {}
};

void use() {
    runnel::pool<made_of_int> good([] { return made_of_int(1); });
    static_cast<void>(good.get());
#ifdef RUNNEL_EXPECT_FAIL
    runnel::pool<made_of_int> bad;
#endif
}
