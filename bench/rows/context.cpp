// bench/rows/context.cpp — cancellation. Of the contenders only runnel and Go have it.
// SPDX-License-Identifier: BSL-1.0
#include <deque>

#include "../bench.hpp"

namespace {

// An operation is one context that can be cancelled, made, and cancelled when it goes.
void with_cancel(benchmark::State& state) {
    constexpr int rounds = 1000;
    long canceled = 0;
    const runnel::context root = runnel::background();
    for (auto _ : state) {
        for (int i = 0; i < rounds; ++i) {
            runnel::cancel_context ctx = runnel::with_cancel(root);
            ctx.cancel();
            canceled += ctx.err() ? 1 : 0;
        }
    }
    bench::verify(state, canceled == state.iterations() * rounds);
    state.SetItemsProcessed(state.iterations() * rounds);
}

// The same below one that can be cancelled, too.
void nested(benchmark::State& state) {
    constexpr int rounds = 1000;
    long canceled = 0;
    const runnel::cancel_context parent = runnel::with_cancel(runnel::background());
    for (auto _ : state) {
        for (int i = 0; i < rounds; ++i) {
            runnel::cancel_context ctx = runnel::with_cancel(parent);
            ctx.cancel();
            canceled += ctx.err() ? 1 : 0;
        }
    }
    bench::verify(state, canceled == state.iterations() * rounds);
    state.SetItemsProcessed(state.iterations() * rounds);
}

// A thousand children are made and cancelled by their parent; an operation is one child.
void tree_cancel_1000(benchmark::State& state) {
    constexpr int children = 1000;
    long canceled = 0;
    for (auto _ : state) {
        runnel::cancel_context parent = runnel::with_cancel(runnel::background());
        std::deque<runnel::cancel_context> all;
        for (int i = 0; i < children; ++i) all.push_back(runnel::with_cancel(parent));
        parent.cancel();
        for (const auto& ctx : all) canceled += ctx.err() ? 1 : 0;
    }
    bench::verify(state, canceled == state.iterations() * children);
    state.SetItemsProcessed(state.iterations() * children);
}

const bench::rows registered([] {
    bench::row("context_with_cancel", {1}, with_cancel);
    bench::row("context_with_cancel_nested", {1}, nested);
    bench::row("context_tree_cancel_1000", {1}, tree_cancel_1000);
});

}  // namespace
