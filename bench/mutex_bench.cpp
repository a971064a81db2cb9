// bench/mutex_bench.cpp — a counter under a lock.
// SPDX-License-Identifier: BSL-1.0
#include <mutex>

#include "bench_support.hpp"

namespace {

// An operation is one lock and unlock, by the only task there is.
const auto uncontended = []<class C>(benchmark::State& state, C) {
    constexpr int rounds = 10'000;
    typename C::mutex mutex;
    long count = 0;
    for (auto _ : state) {
        for (int i = 0; i < rounds; ++i) {
            const std::lock_guard lock(mutex);
            benchmark::DoNotOptimize(++count);
        }
    }
    bench::verify(state, count == state.iterations() * rounds);
    state.SetItemsProcessed(state.iterations() * rounds);
};

// The same by four tasks at once.
const auto contended = []<class C>(benchmark::State& state, C) {
    constexpr int tasks = 4;
    constexpr int rounds = 20'000;
    typename C::mutex mutex;
    long count = 0;
    for (auto _ : state) {
        typename C::task_group group;
        for (int t = 0; t < tasks; ++t) {
            group.go([&] {
                for (int i = 0; i < rounds; ++i) {
                    const std::lock_guard lock(mutex);
                    benchmark::DoNotOptimize(++count);
                }
            });
        }
        group.wait();
    }
    bench::verify(state, count == state.iterations() * tasks * rounds);
    state.SetItemsProcessed(state.iterations() * tasks * rounds);
};

}  // namespace

int main(int argc, char** argv) {
    bench::add("mutex_uncontended", uncontended, {1});
    bench::add("mutex_contended", contended, {1, 2});
    return bench::run(argc, argv);
}
