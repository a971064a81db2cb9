// bench/spawn_bench.cpp — starting tasks and waiting for them, yielding, and a hundred thousand parked ones.
// SPDX-License-Identifier: BSL-1.0
#include "bench_support.hpp"

namespace {

// Batches of a thousand empty goroutines, each waited for by a wait group.
void spawn_join_runnel(benchmark::State& state) {
    constexpr int batches = 50;
    constexpr int batch = 1000;
    std::atomic<int> done{0};
    for (auto _ : state) {
        bench::run_with_workers(state, [&] {
            runnel::wait_group wg;
            for (int b = 0; b < batches; ++b) {
                wg.add(batch);
                for (int i = 0; i < batch; ++i) {
                    runnel::go([&] {
                        done.fetch_add(1, std::memory_order_relaxed);
                        wg.done();
                    });
                }
                wg.wait();
            }
        });
    }
    bench::verify(state, done == static_cast<int>(state.iterations()) * batches * batch);
    state.SetItemsProcessed(state.iterations() * batches * batch);
}

void spawn_join_threads(benchmark::State& state) {
    constexpr int batch = 100;
    std::atomic<int> done{0};
    for (auto _ : state) {
        std::vector<std::thread> threads;
        threads.reserve(batch);
        for (int i = 0; i < batch; ++i) {
            threads.emplace_back([&] { done.fetch_add(1, std::memory_order_relaxed); });
        }
        for (auto& t : threads) t.join();
    }
    bench::verify(state, done == static_cast<int>(state.iterations()) * batch);
    state.SetItemsProcessed(state.iterations() * batch);
}

// Two that give way to each other.
void yield_runnel(benchmark::State& state) {
    constexpr int yields = 100'000;
    for (auto _ : state) {
        bench::run_with_workers(state, [&] {
            runnel::wait_group wg;
            for (int g = 0; g < 2; ++g) {
                wg.go([] {
                    for (int i = 0; i < yields; ++i) runnel::yield();
                });
            }
            wg.wait();
        });
    }
    state.SetItemsProcessed(state.iterations() * 2 * yields);
}

void yield_threads(benchmark::State& state) {
    constexpr int yields = 5'000;
    for (auto _ : state) {
        std::vector<std::thread> threads;
        for (int g = 0; g < 2; ++g) {
            threads.emplace_back([] {
                for (int i = 0; i < yields; ++i) std::this_thread::yield();
            });
        }
        for (auto& t : threads) t.join();
    }
    state.SetItemsProcessed(state.iterations() * 2 * yields);
}

// Started, parked on one channel, and released by closing it.
void parked_runnel(benchmark::State& state) {
    constexpr int goroutines = 100'000;
    double bytes = 0;
    for (auto _ : state) {
        bench::run_with_workers(state, [&] {
            const double before = bench::resident_bytes();
            auto gate = runnel::make_chan<runnel::unit>();
            runnel::wait_group wg;
            runnel::latch here(goroutines);
            for (int i = 0; i < goroutines; ++i) {
                wg.go([&, gate] {
                    here.count_down();
                    gate.recv();
                });
            }
            here.wait();
            bytes = std::max(bytes, (bench::resident_bytes() - before) / goroutines);
            gate.close();
            wg.wait();
        });
    }
    state.counters["bytes_each"] = bytes;  // of the first round: later ones use its stacks again
    state.SetItemsProcessed(state.iterations() * goroutines);
}

void parked_threads(benchmark::State& state) {
    constexpr int count = 2'000;  // a hundred thousand threads are more than a machine has
    double bytes = 0;
    for (auto _ : state) {
        const double before = bench::resident_bytes();
        std::mutex mutex;
        std::condition_variable gate;
        bool open = false;
        std::atomic<int> here{0};
        std::vector<std::thread> threads;
        threads.reserve(count);
        for (int i = 0; i < count; ++i) {
            threads.emplace_back([&] {
                ++here;
                std::unique_lock lock(mutex);
                gate.wait(lock, [&] { return open; });
            });
        }
        while (here != count) std::this_thread::yield();
        bytes = std::max(bytes, (bench::resident_bytes() - before) / count);
        {
            const std::lock_guard lock(mutex);
            open = true;
        }
        gate.notify_all();
        for (auto& t : threads) t.join();
    }
    state.counters["bytes_each"] = bytes;
    state.SetItemsProcessed(state.iterations() * count);
}

}  // namespace

BENCHMARK(spawn_join_runnel)->Name("spawn_join/runnel")->Arg(1)->Arg(2)->UseRealTime();
BENCHMARK(spawn_join_threads)->Name("spawn_join/std_thread")->Arg(2)->UseRealTime();
BENCHMARK(yield_runnel)->Name("yield/runnel")->Arg(1)->Arg(2)->UseRealTime();
BENCHMARK(yield_threads)->Name("yield/std_thread")->Arg(2)->UseRealTime();
BENCHMARK(parked_runnel)->Name("parked_100k/runnel")->Arg(2)->UseRealTime();
BENCHMARK(parked_threads)->Name("parked_100k/std_thread")->Arg(2)->UseRealTime();
