// bench/yield_bench.cpp — tasks that give way to each other.
// SPDX-License-Identifier: BSL-1.0
#include <atomic>

#include "bench_support.hpp"

namespace {

// An operation is one yield.
template <int Tasks, int Yields>
struct yield_in {
    template <class C>
    void operator()(benchmark::State& state, C) const {
        constexpr int tasks = Tasks;
        // Many tasks take turns for long enough that starting them counts little.
        constexpr int yields = Tasks > 2 ? Yields : C::few(Yields);
        std::atomic<long> made{0};
        for (auto _ : state) {
            typename C::task_group group;
            for (int t = 0; t < tasks; ++t) {
                group.go([&] {
                    long mine = 0;
                    for (; mine < yields; ++mine) C::yield();
                    made += mine;
                });
            }
            group.wait();
        }
        const auto expected = state.iterations() * tasks * yields;
        bench::verify(state, made == expected);
        state.SetItemsProcessed(expected);
    }
};

}  // namespace

int main(int argc, char** argv) {
    bench::add("yield", yield_in<2, 50'000>(), {1});
    bench::add("yield_1000", yield_in<1000, 200>(), {1, 2});
    return bench::run(argc, argv);
}
