// bench/rows/fork_join.cpp — tasks that wait for their children.
// SPDX-License-Identifier: BSL-1.0
#include "../bench.hpp"

namespace {

using C = bench::contender;

// Every call is a task.
void fib_spawn(int n, long& result, long& calls) {
    if (n < 2) {
        result = n;
        calls = 1;
        return;
    }
    long a = 0, b = 0, calls_a = 0, calls_b = 0;
    C::task_group children;
    children.go([n, &a, &calls_a] { fib_spawn(n - 1, a, calls_a); });
    children.go([n, &b, &calls_b] { fib_spawn(n - 2, b, calls_b); });
    children.wait();
    result = a + b;
    calls = calls_a + calls_b + 1;
}

// Every other call is a task; the caller does the rest itself.
void fib_fork(int n, long& result, long& calls) {
    if (n < 2) {
        result = n;
        calls = 1;
        return;
    }
    long a = 0, b = 0, calls_a = 0, calls_b = 0;
    C::task_group child;
    child.go([n, &a, &calls_a] { fib_fork(n - 1, a, calls_a); });
    fib_fork(n - 2, b, calls_b);
    child.wait();
    result = a + b;
    calls = calls_a + calls_b + 1;
}

constexpr long fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

// An operation is one call of fib(25); threads compute fib(10), since all callers are there at once.
template <class F>
void recursion(benchmark::State& state, F f) {
    constexpr int n = C::few(1000) == 1000 ? 25 : 10;
    long calls = 0;
    bool right = true;
    for (auto _ : state) {
        long result = 0;
        f(n, result, calls);
        right = right && result == fib(n);
    }
    bench::verify(state, right);
    state.SetItemsProcessed(state.iterations() * calls);
}

const bench::rows registered([] {
    bench::row("fib_spawn", {1, 2}, [](benchmark::State& state) { recursion(state, fib_spawn); });
    bench::row("fib_fork", {1, 2}, [](benchmark::State& state) { recursion(state, fib_fork); });
});

}  // namespace
