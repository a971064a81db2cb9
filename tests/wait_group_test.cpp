// tests/wait_group_test.cpp — counting, waiting, goroutines that are counted, misuse.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/wait_group.hpp>

#include <array>
#include <atomic>
#include <limits>
#include <memory>
#include <thread>
#include <type_traits>
#include <vector>

#include <runnel/go.hpp>
#include <runnel/time.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"
#include "sync_support.hpp"

namespace {

using namespace std::chrono_literals;

static_assert(!std::is_copy_constructible_v<runnel::wait_group>);
static_assert(!std::is_move_constructible_v<runnel::wait_group>);
static_assert(std::is_trivially_destructible_v<runnel::wait_group>);

constinit runnel::wait_group global_group;

constexpr const char* wait_reason = "sync.WaitGroup.Wait";

TEST_CASE("a wait with nothing to wait for returns at once", "[wait_group]") {
    global_group.wait();
    CHECK(global_group.wait_for(0ms));
    CHECK(global_group.wait_for(-1h));
    CHECK(global_group.wait_until(runnel::clock::now()));
    CHECK(global_group.wait(test::endless_context()) == runnel::op_status::ok);
}

TEST_CASE("wait returns after the last done, with all that was done before", "[wait_group]") {
    test::expectations expected;
    test::on_workers([&] {
        constexpr std::size_t count = 100;
        runnel::wait_group wg;
        std::array<int, count> results{};
        for (int round = 1; round <= 5; ++round) {
            wg.add(count);
            for (std::size_t i = 0; i < count; ++i) {
                runnel::go([&, i, round] {
                    results[i] += round;
                    wg.done();
                });
            }
            wg.wait();
            bool all = true;
            for (const int r : results) all = all && r == round * (round + 1) / 2;
            expected.check(all, "all results are there");
        }
    });
    expected.verify();
}

TEST_CASE("a goroutine that waits is parked and says so", "[wait_group]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::wait_group wg;
        runnel::wait_group waiters;
        std::atomic<int> back{0};
        wg.add(2);
        for (int i = 0; i < 3; ++i) {
            waiters.go([&] {
                wg.wait();
                ++back;
            });
        }
        // Not main, which is about to wait for the waiters.
        expected.check(test::wait_parked(3, wait_reason), "all wait at once");
        wg.done();
        expected.check_eq(test::parked(wait_reason), 3U, "one is missing");
        expected.check_eq(back.load(), 0, "none is back");
        wg.done();
        waiters.wait();
        expected.check_eq(back.load(), 3, "all are back");
    });
    expected.verify();
}

TEST_CASE("a counter below zero throws and leaves the counter as it was", "[wait_group]") {
    runnel::wait_group wg;
    CHECK_THROWS_AS(wg.done(), runnel::negative_counter);
    CHECK_THROWS_WITH(wg.done(), "negative WaitGroup counter");
    CHECK_THROWS_AS(wg.add(-1), runnel::panic);
    CHECK(wg.wait_for(0ms));
    wg.add(2);
    CHECK_THROWS_AS(wg.add(-3), runnel::negative_counter);
    CHECK_THROWS_AS(wg.add(std::numeric_limits<std::ptrdiff_t>::min()), runnel::negative_counter);
    CHECK_FALSE(wg.wait_for(0ms));
    wg.add(-2);
    CHECK(wg.wait_for(0ms));
    wg.add(0);
    CHECK(wg.wait_for(0ms));
}

TEST_CASE("a counter that is too large throws and leaves the counter as it was", "[wait_group]") {
    runnel::wait_group wg;
    wg.add(1);
    CHECK_THROWS_AS(wg.add(0x7fffffff), runnel::panic);
    CHECK_THROWS_AS(wg.add(std::ptrdiff_t{1} << 40), runnel::panic);
    wg.done();
    CHECK(wg.wait_for(0ms));
    wg.add(0x7fffffff);
    wg.add(-0x7fffffff);
    CHECK(wg.wait_for(0ms));
}

TEST_CASE("go counts the goroutine until it has ended and its callable is gone", "[wait_group]") {
    test::expectations expected;
    test::on_workers([&] {
        const long before = test::counted::live();
        runnel::wait_group wg;
        std::atomic<int> sum{0};
        for (int i = 0; i < 20; ++i) {
            wg.go([&sum, value = test::counted(i)] {
                runnel::yield();
                sum += value.value;
            });
            wg.go([&sum](test::counted a, int b) { sum += a.value - b; }, test::counted(i), i);
            wg.go([&sum](test::move_only m) { sum += m.value; }, test::move_only(1));
            wg.go([&sum, p = std::make_unique<int>(i)] { sum -= *p; });
        }
        wg.wait();
        expected.check_eq(sum.load(), 20, "all have run");
        expected.check_eq(test::counted::live(), before, "their callables are destroyed");
    });
    expected.verify();
}

struct accumulator {
    int sum = 0;
    void add(int n) { sum += n; }
};

TEST_CASE("go takes whatever can be called", "[wait_group]") {
    test::expectations expected;
    test::on_workers([&] {
        accumulator a;
        runnel::wait_group wg;
        wg.go(&accumulator::add, &a, 5);
        wg.wait();
        expected.check_eq(a.sum, 5, "a member function");
        wg.go(&accumulator::add, std::ref(a), 6);
        wg.wait();
        expected.check_eq(a.sum, 11, "by reference");
    });
    expected.verify();
    runnel::wait_group wg;
    void (*nothing)() = nullptr;
    CHECK_THROWS_AS(wg.go(nothing), runnel::panic);
    CHECK(wg.wait_for(0ms));
}

TEST_CASE("a member may add more, and start more members", "[wait_group]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::wait_group wg;
        std::atomic<int> nodes{0};
        struct tree {
            runnel::wait_group& wg;
            std::atomic<int>& nodes;
            void grow(int depth) const {
                ++nodes;
                for (int i = 0; depth > 0 && i < 2; ++i) {
                    wg.go([t = *this, depth] { t.grow(depth - 1); });
                }
            }
        };
        const tree t{wg, nodes};
        wg.go([&] { t.grow(8); });
        wg.wait();
        expected.check_eq(nodes.load(), 511, "the whole tree");
    });
    expected.verify();
}

TEST_CASE("a goroutine that throws or calls goexit is done, too", "[wait_group]") {
    std::atomic<int> panics{0};
    runnel::runtime_options options;
    options.on_panic = [&](std::exception_ptr, const runnel::goroutine_info&) { ++panics; };
    runnel::runtime rt(std::move(options));
    rt.run([&] {
        runnel::wait_group wg;
        wg.go([] { throw std::runtime_error("thrown on purpose"); });
        wg.go([] { runnel::goexit(); });
        wg.wait();
        // done comes before the report of the panic.
        test::eventually([&] { return panics == 1; });
    });
    CHECK(panics == 1);
}

struct throws_when_copied {
    throws_when_copied() = default;
    throws_when_copied(const throws_when_copied&) { throw std::runtime_error("copy"); }
    void operator()() const {}
};

TEST_CASE("a goroutine that cannot be started is not counted", "[wait_group]") {
    runnel::wait_group wg;
    const throws_when_copied callable;
    CHECK_THROWS_AS(wg.go(callable), std::runtime_error);
    CHECK(wg.wait_for(0ms));
}

TEST_CASE("a timed wait gives up, never early", "[wait_group]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::wait_group wg;
        wg.add(1);
        const test::stopwatch watch;
        expected.check(!wg.wait_for(5ms), "not done");
        expected.check(watch.elapsed() >= 5ms, "not early");
        expected.check(!wg.wait_until(runnel::clock::now() + 1ms), "a time point");
        expected.check(!wg.wait_until(std::chrono::system_clock::now() + 1ms), "of another clock");
        expected.check(!wg.wait_for(0ms), "zero looks once");
        runnel::wait_group waiters;
        waiters.go([&] { expected.check(wg.wait_for(1h), "done in time"); });
        expected.check(test::wait_parked(1, wait_reason), "parks");
        // Who gave up before has left nothing behind: adding is still allowed.
        wg.add(1);
        wg.done();
        wg.done();
        waiters.wait();
        wg.add(1);
        expected.check(!wg.wait_for(1ms), "used again");
        wg.done();
        expected.check(wg.wait_for(0ms), "done");
    });
    expected.verify();
}

TEST_CASE("a context limits a wait", "[wait_group]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::wait_group wg;
        const test::manual_context canceled;
        canceled.cancel();
        expected.check(wg.wait(canceled) == runnel::op_status::canceled, "a done context wins");
        const test::manual_context expired;
        expired.expire();
        expected.check(wg.wait(expired) == runnel::op_status::timeout, "so does an expired one");
        const test::manual_context ctx;
        expected.check(wg.wait(ctx) == runnel::op_status::ok, "nothing to wait for");

        wg.add(1);
        runnel::wait_group waiters;
        std::atomic<bool> back{false};
        waiters.go([&] {
            expected.check(wg.wait(ctx) == runnel::op_status::canceled, "cancelled meanwhile");
            back = true;
        });
        const test::manual_context other;
        waiters.go([&] { expected.check(wg.wait(other) == runnel::op_status::ok, "done"); });
        waiters.go([&] {
            expected.check(wg.wait(test::endless_context()) == runnel::op_status::ok, "done");
        });
        expected.check(test::wait_parked(3, wait_reason), "all park");
        ctx.cancel();
        expected.check(test::eventually([&] { return back.load(); }), "one leaves");
        expected.check_eq(test::parked(wait_reason), 2U, "the others stay");
        wg.done();
        waiters.wait();
    });
    expected.verify();
}

TEST_CASE("a thread may wait for goroutines, and goroutines for threads", "[wait_group]") {
    runnel::wait_group wg;
    std::atomic<int> sum{0};
    for (int i = 0; i < 10; ++i) wg.go([&] { ++sum; });
    wg.wait();
    CHECK(sum == 10);

    test::expectations expected;
    test::on_workers([&] {
        runnel::wait_group group;
        group.add(2);
        std::thread first([&] { group.done(); });
        std::thread second([&] { group.done(); });
        group.wait();
        runnel::blocking([&] {
            first.join();
            second.join();
        });
        expected.check(group.wait_for(0ms), "done");
    });
    expected.verify();
}

TEST_CASE("a group on the heap may be freed when wait returns", "[wait_group]") {
    test::expectations expected;
    test::on_workers([&] {
        const int rounds = test::scale(5000);
        for (int i = 0; i < rounds; ++i) {
            auto wg = std::make_unique<runnel::wait_group>();
            wg->add(2);
            for (int k = 0; k < 2; ++k) runnel::go([g = wg.get()] { g->done(); });
            if (i % 3 == 0) runnel::yield();
            wg->wait();
        }
        expected.check(true, "nothing was touched afterwards");
    });
    expected.verify();
}

}  // namespace
