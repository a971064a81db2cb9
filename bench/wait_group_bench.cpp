// bench/wait_group_bench.cpp — counting up and down, and waiting.
// SPDX-License-Identifier: BSL-1.0
#include "bench_support.hpp"

namespace {

// An operation is one add, done and wait, by the only task there is.
const auto uncontended = []<class C>(benchmark::State& state, C) {
    constexpr int rounds = 10'000;
    typename C::wait_group wg;
    for (auto _ : state) {
        for (int i = 0; i < rounds; ++i) {
            wg.add();
            wg.done();
            wg.wait();
        }
    }
    state.SetItemsProcessed(state.iterations() * rounds);
};

// An operation is one add and done, by four tasks at once on the same counter.
const auto contended = []<class C>(benchmark::State& state, C) {
    constexpr int tasks = 4;
    constexpr int rounds = 20'000;
    int ended = 0;
    for (auto _ : state) {
        typename C::wait_group wg;
        typename C::task_group group;
        wg.add();
        for (int t = 0; t < tasks; ++t) {
            group.go([&] {
                for (int i = 0; i < rounds; ++i) {
                    wg.add();
                    wg.done();
                }
            });
        }
        group.wait();
        wg.done();
        wg.wait();  // goes on only if the counter is right
        ++ended;
    }
    bench::verify(state, ended == state.iterations());
    state.SetItemsProcessed(state.iterations() * tasks * rounds);
};

}  // namespace

int main(int argc, char** argv) {
    bench::add("waitgroup", uncontended, {1});
    bench::add("waitgroup_contended", contended, {1, 2});
    return bench::run(argc, argv);
}
