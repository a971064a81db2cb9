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

// The same by four tasks at once. In every tenth round a task gives way while it holds the lock, and again
// when it has let go: left alone, it ends its rounds before the next one comes, and hardly any task finds
// the mutex taken.
const auto contended = []<class C>(benchmark::State& state, C) {
    constexpr int tasks = 4;
    constexpr int rounds = C::few(20'000);
    typename C::mutex mutex;
    long count = 0;
    long taken = 0;
    for (auto _ : state) {
        typename C::task_group group;
        for (int t = 0; t < tasks; ++t) {
            group.go([&] {
                for (int i = 0; i < rounds; ++i) {
                    const bool give_way = i % 10 == 0;
                    const bool free = mutex.try_lock();
                    if (!free) mutex.lock();
                    taken += free ? 0 : 1;
                    benchmark::DoNotOptimize(++count);
                    if (give_way) C::yield();
                    mutex.unlock();
                    if (give_way) C::yield();
                }
            });
        }
        group.wait();
    }
    const auto all = state.iterations() * tasks * rounds;
    bench::verify(state, count == all);
    state.counters["taken_percent"] = 100.0 * static_cast<double>(taken) / static_cast<double>(all);
    state.SetItemsProcessed(all);
};

}  // namespace

int main(int argc, char** argv) {
    bench::add("mutex_uncontended", uncontended, {1});
    bench::add("mutex_contended", contended, {1, 2});
    return bench::run(argc, argv);
}
