// bench/rows/pipelines.cpp — the pattern library's stages; in Go they are written by hand, as its guides write them.
// SPDX-License-Identifier: BSL-1.0
//
//   Every stage heeds a context, on both sides. Channels are unbuffered.
#include <optional>

#include <runnel/pipeline.hpp>

#include "../bench.hpp"

namespace {

using C = bench::contender;

constexpr long numbers = C::few(1'000'000);

long squared(long n) { return n * n; }
bool is_odd(long n) { return n % 2 != 0; }
long plus_one(long n) { return n + 1; }

runnel::recv_chan<long> source(const runnel::context& ctx) {
    return runnel::generate(
        ctx, [n = 0L]() mutable { return n < numbers ? std::optional(n++) : std::nullopt; });
}

// Of the odd numbers below `numbers`, the squares, each plus one.
long expected_sum() {
    long sum = 0;
    for (long n = 1; n < numbers; n += 2) sum += plus_one(squared(n));
    return sum;
}

template <class MakeLast>
void sum_of_pipeline(benchmark::State& state, long expected, MakeLast make_last) {
    bool right = true;
    for (auto _ : state) {
        const auto ctx = runnel::with_cancel(runnel::background());
        long sum = 0;
        for (const long n : make_last(ctx, source(ctx))) sum += n;
        right = right && sum == expected;
    }
    bench::verify(state, right);
    state.SetItemsProcessed(state.iterations() * numbers);
}

// Four stages: a source, a transform, a filter, a transform. An operation is one number of the source. Neighbours
// share a goroutine: there is one channel between the source and them, and one to the caller.
void pipeline_4(benchmark::State& state) {
    sum_of_pipeline(state, expected_sum(), [](const auto& ctx, auto in) {
        return (runnel::from(ctx, in) | runnel::transform(squared) | runnel::filter(is_odd) |
                runnel::transform(plus_one))
            .chan();
    });
}

// The same, each stage with a goroutine and a channel of its own, as in Go.
void pipeline_4_apart(benchmark::State& state) {
    sum_of_pipeline(state, expected_sum(), [](const auto& ctx, auto in) {
        return runnel::transform(
            ctx, runnel::filter(ctx, runnel::transform(ctx, in, squared), is_odd), plus_one);
    });
}

// A source, four workers with a channel each, and their results in one channel. An operation is one number.
void fan_out_4(benchmark::State& state) {
    long expected = 0;
    for (long n = 0; n < numbers; ++n) expected += squared(n);
    sum_of_pipeline(state, expected, [](const auto& ctx, auto in) {
        return runnel::fan_in(ctx, runnel::fan_out(ctx, in, 4, squared));
    });
}

const bench::rows registered([] {
    bench::row("pipeline_4", {1, 2}, pipeline_4);
    bench::row("pipeline_4_apart", {1, 2}, pipeline_4_apart);
    bench::row("fan_out_4", {1, 2}, fan_out_4);
});

}  // namespace
