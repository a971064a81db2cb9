// tests/latch_test.cpp — a latch opens once, for all.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/latch.hpp>

#include <atomic>
#include <memory>
#include <thread>
#include <type_traits>

#include <runnel/go.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"
#include "sync_support.hpp"

namespace {

using namespace std::chrono_literals;

static_assert(!std::is_copy_constructible_v<runnel::latch>);
static_assert(!std::is_move_constructible_v<runnel::latch>);

constinit runnel::latch global_latch(1);

TEST_CASE("a latch opens with its last count", "[latch]") {
    CHECK_FALSE(global_latch.try_wait());
    CHECK_FALSE(global_latch.wait_for(0ms));
    global_latch.count_down();
    CHECK(global_latch.try_wait());
    global_latch.wait();
    CHECK(global_latch.wait_for(-1h));
    CHECK(global_latch.wait_until(runnel::clock::now()));

    const runnel::latch open(0);
    CHECK(open.try_wait());
    open.wait();
}

TEST_CASE("counting beyond zero throws and changes nothing", "[latch]") {
    runnel::latch l(2);
    CHECK_THROWS_AS(l.count_down(3), runnel::negative_counter);
    CHECK_THROWS_WITH(l.count_down(3), "negative latch counter");
    CHECK_THROWS_AS(l.count_down(-1), runnel::negative_counter);
    l.count_down(0);
    l.count_down(2);
    CHECK(l.try_wait());
    CHECK_THROWS_AS(l.count_down(), runnel::negative_counter);
    CHECK(l.try_wait());
    CHECK_THROWS_AS(runnel::latch(-1), runnel::negative_counter);
    CHECK_THROWS_AS(runnel::latch(runnel::latch::max() + 1), runnel::panic);
    runnel::latch large(runnel::latch::max());
    large.count_down(runnel::latch::max());
    CHECK(large.try_wait());
}

TEST_CASE("all who wait go on when it opens, and see what was done", "[latch]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::latch l(3);
        runnel::wait_group wg;
        int written[3] = {};
        std::atomic<int> back{0};
        for (int i = 0; i < 4; ++i) {
            wg.go([&] {
                l.wait();
                expected.check_eq(written[0] + written[1] + written[2], 6, "all is written");
                ++back;
            });
        }
        expected.check(test::wait_parked(4, "latch wait"), "all park");
        for (int i = 0; i < 3; ++i) {
            expected.check_eq(back.load(), 0, "closed");
            wg.go([&, i] {
                written[i] = i + 1;
                l.count_down();
            });
        }
        wg.wait();
        expected.check_eq(back.load(), 4, "open");
    });
    expected.verify();
}

TEST_CASE("arrive_and_wait makes a meeting point", "[latch]") {
    test::expectations expected;
    test::on_workers([&] {
        constexpr int count = 8;
        runnel::latch l(count + 1);
        runnel::wait_group wg;
        std::atomic<int> arrived{0};
        for (int i = 0; i < count; ++i) {
            wg.go([&] {
                ++arrived;
                l.arrive_and_wait();
                expected.check_eq(arrived.load(), count, "nobody goes on alone");
            });
        }
        std::thread thread([&] { l.arrive_and_wait(); });
        wg.wait();
        runnel::blocking([&] { thread.join(); });
    });
    expected.verify();
}

TEST_CASE("a timed wait for a latch gives up, never early", "[latch]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::latch l(1);
        const test::stopwatch watch;
        expected.check(!l.wait_for(3ms), "closed");
        expected.check(watch.elapsed() >= 3ms, "not early");
        expected.check(!l.wait_until(std::chrono::system_clock::now() + 1ms), "another clock");
        runnel::wait_group wg;
        wg.go([&] { expected.check(l.wait_for(1h), "opens in time"); });
        expected.check(test::wait_parked(1, "latch wait"), "parks");
        l.count_down();
        wg.wait();
    });
    expected.verify();
}

TEST_CASE("a latch may be freed when wait returns", "[latch]") {
    test::expectations expected;
    test::on_workers([&] {
        const int rounds = test::scale(5000);
        for (int i = 0; i < rounds; ++i) {
            auto l = std::make_unique<runnel::latch>(2);
            for (int k = 0; k < 2; ++k) runnel::go([p = l.get()] { p->count_down(); });
            if (i % 3 == 0) runnel::yield();
            l->wait();
        }
        expected.check(true, "nothing was touched afterwards");
    });
    expected.verify();
}

}  // namespace
