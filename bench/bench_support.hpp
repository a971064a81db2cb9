// bench/bench_support.hpp — what all benchmarks share.
// SPDX-License-Identifier: BSL-1.0
//
//   A benchmark is named <workload>/<contender>/<workers>. One iteration does `operations` of them, starting
//   what it needs; results are verified outside the timed part. Times are real ones.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdio>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>

#include <runnel/runnel.hpp>

namespace bench {

/// Runs `body` as the main goroutine with the benchmark's number of workers.
template <class F>
void run_with_workers(const benchmark::State& state, F body) {
    const std::size_t before = runnel::set_max_procs(static_cast<std::size_t>(state.range(0)));
    runnel::run(body);
    runnel::set_max_procs(before);
}

inline void verify(benchmark::State& state, bool right) {
    if (!right) state.SkipWithError("wrong result");
}

/// What C++ programmers write today: a queue under a mutex with two condition variables. Capacity 0 is a
/// rendezvous: a push returns when its value has been taken.
template <class T>
class blocking_queue {
public:
    explicit blocking_queue(std::size_t capacity) : capacity_(capacity) {}

    void push(T value) {
        std::unique_lock lock(mutex_);
        room_.wait(lock, [&] { return values_.size() < (capacity_ == 0 ? 1 : capacity_); });
        values_.push_back(std::move(value));
        some_.notify_one();
        if (capacity_ == 0) {
            const std::size_t mine = ++pushed_;
            taken_.wait(lock, [&] { return popped_ >= mine; });
        }
    }

    T pop() {
        std::unique_lock lock(mutex_);
        some_.wait(lock, [&] { return !values_.empty(); });
        T value = std::move(values_.front());
        values_.pop_front();
        room_.notify_one();
        if (capacity_ == 0) {
            ++popped_;
            taken_.notify_all();
        }
        return value;
    }

private:
    const std::size_t capacity_;
    std::mutex mutex_;
    std::condition_variable room_;
    std::condition_variable some_;
    std::condition_variable taken_;
    std::deque<T> values_;
    std::size_t pushed_ = 0;
    std::size_t popped_ = 0;
};

/// Resident memory of this process in bytes.
inline double resident_bytes() {
    long pages = 0;
    long total = 0;
    if (std::FILE* f = std::fopen("/proc/self/statm", "r")) {
        if (std::fscanf(f, "%ld %ld", &total, &pages) != 2) pages = 0;
        std::fclose(f);
    }
    return static_cast<double>(pages) * 4096.0;
}

}  // namespace bench
