// bench/rows/spawn.cpp — starting tasks and waiting for them.
// SPDX-License-Identifier: BSL-1.0
#include <atomic>

#include "../bench.hpp"

namespace {

using C = bench::contender;

// An operation is one empty task, started and waited for in batches of a thousand.
void spawn_join(benchmark::State& state) {
    constexpr int batch = C::few(1000);
    std::atomic<long> ended{0};
    for (auto _ : state) {
        C::task_group tasks;
        for (int i = 0; i < batch; ++i) {
            tasks.go([&] { ended.fetch_add(1, std::memory_order_relaxed); });
        }
        tasks.wait();
    }
    bench::verify(state, ended == state.iterations() * batch);
    state.SetItemsProcessed(state.iterations() * batch);
}

const bench::rows registered([] { bench::row("spawn_join", {1, 2}, spawn_join); });

}  // namespace
