// bench/contenders/one_tbb.hpp — oneTBB: tasks that cannot wait for anything but their children.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <utility>

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

namespace bench {

class tbb_group {
public:
    template <class F>
    void go(F f) {
        tasks_.run(std::move(f));
    }
    void wait() { tasks_.wait(); }

private:
    oneapi::tbb::task_group tasks_;
};

struct with_one_tbb {
    static constexpr const char* name = "one_tbb";
    static constexpr int few(int n) { return n; }
    static constexpr int most_tasks = 1'000'000;
    static constexpr int most_workers = 2;

    template <class F>
    static void run(std::size_t workers, F body) {
        const oneapi::tbb::global_control limit(
            oneapi::tbb::global_control::max_allowed_parallelism, workers);
        oneapi::tbb::task_arena arena(static_cast<int>(workers));
        arena.execute(body);
    }

    using task_group = tbb_group;
};

}  // namespace bench
