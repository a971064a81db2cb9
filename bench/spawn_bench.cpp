// bench/spawn_bench.cpp — starting tasks and waiting for them.
// SPDX-License-Identifier: BSL-1.0
#include <atomic>

#include "bench_support.hpp"

namespace {

// An operation is one empty task, started and waited for in batches of a thousand.
const auto spawn_join = []<class C>(benchmark::State& state, C) {
    constexpr int batch = C::few(1000);
    std::atomic<long> ended{0};
    for (auto _ : state) {
        typename C::task_group tasks;
        for (int i = 0; i < batch; ++i) {
            tasks.go([&] { ended.fetch_add(1, std::memory_order_relaxed); });
        }
        tasks.wait();
    }
    bench::verify(state, ended == state.iterations() * batch);
    state.SetItemsProcessed(state.iterations() * batch);
};

}  // namespace

int main(int argc, char** argv) {
    bench::add("spawn_join", spawn_join, {1, 2});
    return bench::run(argc, argv);
}
