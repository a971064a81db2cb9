// bench/contenders/runnel.hpp — goroutines, channels, and what else runnel has.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include <runnel/runnel.hpp>

namespace bench {

struct with_runnel {
    static constexpr const char* name = "runnel";
    static constexpr int few(int n) { return n; }
    static constexpr int most_tasks = 1'000'000;
    static constexpr int most_workers = 16;

    /// Runs `body` as the main goroutine.
    template <class F>
    static void run(std::size_t workers, F body) {
        const std::size_t before = runnel::set_max_procs(workers);
        runnel::run(body);
        runnel::set_max_procs(before);
    }

    static std::map<std::string, std::uint64_t> counters() {
        const runnel::runtime_stats s = runnel::stats();
        return {{"steals", s.steals},
                {"wakes", s.wakes},
                {"idles", s.idles},
                {"lock_waits", s.lock_waits}};
    }

    using task_group = runnel::wait_group;
    using wait_group = runnel::wait_group;
    using mutex = runnel::mutex;
    using shared_mutex = runnel::shared_mutex;
    using condition_variable = runnel::condition_variable;
    using once = runnel::once;
    using thread_lock = runnel::thread_lock;

    template <class F>
    static void go(F f) {
        runnel::go(std::move(f));
    }
    static void yield() noexcept { runnel::yield(); }
    static void sleep_for(std::chrono::microseconds d) { runnel::sleep_for(d); }

    template <class T>
    static runnel::chan<T> make_chan(std::size_t capacity) {
        return runnel::make_chan<T>(capacity);
    }
};

}  // namespace bench
