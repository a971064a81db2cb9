// expect-error: no matching (function|constructor) .*pool<
// tests/compile_fail/sync_pool_of_another_type.cpp — what makes values makes such as the pool has.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/pool.hpp>
#include <string>

void use() {
    runnel::pool<std::string> good([] { return "text"; });
    static_cast<void>(good.get());
#ifdef RUNNEL_EXPECT_FAIL
    runnel::pool<std::string> bad([] { return 5; });
#endif
}
