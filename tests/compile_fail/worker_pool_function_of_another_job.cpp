// expect-error: runnel::worker_pool: the function is called with a job
// tests/compile_fail/worker_pool_function_of_another_job.cpp — a pool's function takes its jobs.
// SPDX-License-Identifier: BSL-1.0
#include <string>

#include <runnel/worker_pool.hpp>

void use(const runnel::context& ctx) {
    runnel::worker_pool<int, int> fits{ctx, 2, [](int v) { return v; }};
#ifdef RUNNEL_EXPECT_FAIL
    runnel::worker_pool<int, int> other{ctx, 2, [](const std::string& s) { return s.size(); }};
#endif
}
