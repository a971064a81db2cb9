// tests/warnings_test.cpp — what a user's functions and operators return is dropped without a warning.
// SPDX-License-Identifier: BSL-1.0
//
//   Compiled with -Werror: a warning inside the library's templates is one that users cannot mend.
#include <runnel/runnel.hpp>

#include <atomic>
#include <chrono>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;

std::atomic<int> calls{0};

struct [[nodiscard]] result {
    int value = 0;
};

result call() {
    ++calls;
    return {1};
}
result call_with(int n) {
    ++calls;
    return {n};
}
struct caller {
    [[nodiscard]] int operator()() const { return ++calls; }
};

/// Assigning to it is not to be ignored either.
struct assigned {
    int value = 0;
    assigned() = default;
    assigned(int v) : value(v) {}  // NOLINT: converts
    assigned(const assigned&) = default;
    [[nodiscard]] assigned& operator=(const assigned& o) {
        value = o.value;
        return *this;
    }
    ~assigned() {}  // NOLINT: not trivial, so that a receive keeps what it replaces
};
struct assigned_from_int {
    int value = 0;
    [[nodiscard]] result operator=(int v) {  // NOLINT: what an operator= may return
        value = v;
        return {v};
    }
};

TEST_CASE("what a goroutine's function returns is dropped", "[warnings]") {
    calls = 0;
    runnel::go(call);
    runnel::go(call_with, 1);
    runnel::go(caller());
    runnel::wait_group wg;
    wg.go(call);
    wg.go(call_with, 1);
    wg.go(caller());
    {
        runnel::group g;
        g.go(call);
        g.go(caller());
        g.wait();
    }
    runnel::async(call);
    runnel::async(call_with, 1);
    runnel::async(caller());
    runnel::after_func(0ms, call);
    runnel::after_func(0ms, caller());
    const auto ctx = runnel::with_cancel(runnel::background());
    runnel::after_func(ctx, call);
    runnel::after_func(ctx, caller());
    ctx.cancel();
    wg.wait();
    CHECK(test::eventually([] { return calls == 15; }));
    {
        runnel::runtime own;
        own.go(call);
        own.go(call_with, 1);
        CHECK(test::eventually([] { return calls == 17; }));
    }
}

TEST_CASE("what a function that is called in passing returns is dropped", "[warnings]") {
    calls = 0;
    runnel::once first;
    first.call(call);
    const auto once = runnel::once_func(caller());
    once();
    runnel::barrier meeting(1, call);
    meeting.arrive_and_wait();
    runnel::watch<int> shown(0);
    shown.update([](int&) { return call(); });
    const auto ch = runnel::make_chan<int>(1);
    runnel::select(runnel::send(ch, 1, call));
    runnel::select(runnel::recv(ch, [](int n) { return call_with(n); }));
    runnel::select(runnel::recv(ch), runnel::otherwise(call));
    runnel::select(runnel::recv(ch), runnel::timeout(0ms, caller()));
    CHECK(calls == 8);
}

TEST_CASE("what the functions of stages and pools return is dropped where it is not wanted",
          "[warnings]") {
    calls = 0;
    const auto ctx = runnel::with_cancel(runnel::background());
    CHECK_FALSE(runnel::stage<int>(ctx, [](const runnel::emitter<int>&) { return call(); }).recv());
    const std::vector<int> numbers{1, 2, 3};
    runnel::parallel_for(ctx, numbers, 2, call_with);
    CHECK(runnel::outcome<void>::of(call));
    runnel::worker_pool<int, void> pool(ctx, 1, call_with);
    pool.jobs().send(1);
    pool.close();
    CHECK(pool.results().recv());
    CHECK_FALSE(runnel::any_of_done());
    CHECK(calls == 6);
}

TEST_CASE("an assignment that a receive makes is dropped", "[warnings]") {
    const auto ch = runnel::make_chan<assigned>(1);
    assigned kept(5);
    ch.send(1);
    CHECK(ch >> kept);
    CHECK(kept.value == 1);
    const auto numbers = runnel::make_chan<int>(1);
    assigned_from_int other;
    numbers.send(2);
    CHECK(numbers >> other);
    CHECK(other.value == 2);
    runnel::watch<assigned> shown(assigned(0));
    shown.set(3);
    CHECK(shown.get().value == 3);
    CHECK(runnel::parallel_reduce(
              runnel::background(), std::vector<int>{1, 2, 3}, 2, assigned(0),
              [](const assigned& a, const assigned& b) { return assigned(a.value + b.value); })
              .value == 6);
}

}  // namespace
