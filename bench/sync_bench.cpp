// bench/sync_bench.cpp — mutexes and wait groups.
// SPDX-License-Identifier: BSL-1.0
#include "bench_support.hpp"

namespace {

void mutex_uncontended_runnel(benchmark::State& state) {
    constexpr int rounds = 100'000;
    long count = 0;
    for (auto _ : state) {
        bench::run_with_workers(state, [&] {
            runnel::mutex m;
            for (int i = 0; i < rounds; ++i) {
                const std::lock_guard guard(m);
                ++count;
                benchmark::DoNotOptimize(count);
            }
        });
    }
    bench::verify(state, count == state.iterations() * rounds);
    state.SetItemsProcessed(state.iterations() * rounds);
}

void mutex_uncontended_threads(benchmark::State& state) {
    constexpr int rounds = 100'000;
    long count = 0;
    for (auto _ : state) {
        std::mutex m;
        for (int i = 0; i < rounds; ++i) {
            const std::lock_guard guard(m);
            ++count;
            benchmark::DoNotOptimize(count);
        }
    }
    bench::verify(state, count == state.iterations() * rounds);
    state.SetItemsProcessed(state.iterations() * rounds);
}

// Four tasks and one counter.
void mutex_contended_runnel(benchmark::State& state) {
    constexpr int rounds = 50'000;
    long count = 0;
    for (auto _ : state) {
        bench::run_with_workers(state, [&] {
            runnel::mutex m;
            runnel::wait_group wg;
            for (int g = 0; g < 4; ++g) {
                wg.go([&] {
                    for (int i = 0; i < rounds; ++i) {
                        const std::lock_guard guard(m);
                        ++count;
                    }
                });
            }
            wg.wait();
        });
    }
    bench::verify(state, count == state.iterations() * 4 * rounds);
    state.SetItemsProcessed(state.iterations() * 4 * rounds);
}

void mutex_contended_threads(benchmark::State& state) {
    constexpr int rounds = 50'000;
    long count = 0;
    for (auto _ : state) {
        std::mutex m;
        std::vector<std::thread> threads;
        for (int g = 0; g < 4; ++g) {
            threads.emplace_back([&] {
                for (int i = 0; i < rounds; ++i) {
                    const std::lock_guard guard(m);
                    ++count;
                }
            });
        }
        for (auto& t : threads) t.join();
    }
    bench::verify(state, count == state.iterations() * 4 * rounds);
    state.SetItemsProcessed(state.iterations() * 4 * rounds);
}

// add and done, with nobody waiting.
void wait_group_runnel(benchmark::State& state) {
    constexpr int rounds = 100'000;
    for (auto _ : state) {
        bench::run_with_workers(state, [&] {
            runnel::wait_group wg;
            for (int i = 0; i < rounds; ++i) {
                wg.add();
                wg.done();
            }
            wg.wait();
        });
    }
    state.SetItemsProcessed(state.iterations() * rounds);
}

/// A counter under a mutex, with a condition variable for whoever waits.
class thread_wait_group {
public:
    void add() {
        const std::lock_guard guard(mutex_);
        ++count_;
    }
    void done() {
        const std::lock_guard guard(mutex_);
        if (--count_ == 0) zero_.notify_all();
    }
    void wait() {
        std::unique_lock lock(mutex_);
        zero_.wait(lock, [&] { return count_ == 0; });
    }

private:
    std::mutex mutex_;
    std::condition_variable zero_;
    int count_ = 0;
};

void wait_group_threads(benchmark::State& state) {
    constexpr int rounds = 100'000;
    for (auto _ : state) {
        thread_wait_group wg;
        for (int i = 0; i < rounds; ++i) {
            wg.add();
            wg.done();
        }
        wg.wait();
    }
    state.SetItemsProcessed(state.iterations() * rounds);
}

}  // namespace

BENCHMARK(mutex_uncontended_runnel)->Name("mutex_uncontended/runnel")->Arg(1)->UseRealTime();
BENCHMARK(mutex_uncontended_threads)->Name("mutex_uncontended/std_thread")->Arg(1)->UseRealTime();
BENCHMARK(mutex_contended_runnel)->Name("mutex_contended/runnel")->Arg(1)->Arg(2)->UseRealTime();
BENCHMARK(mutex_contended_threads)->Name("mutex_contended/std_thread")->Arg(2)->UseRealTime();
BENCHMARK(wait_group_runnel)->Name("waitgroup/runnel")->Arg(1)->UseRealTime();
BENCHMARK(wait_group_threads)->Name("waitgroup/std_thread")->Arg(1)->UseRealTime();
