// tests/conformance/sync_wait_group_test.cpp — wait groups.
// SPDX-License-Identifier: BSL-1.0
#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/sync.hpp>
#include <runnel/time.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

using namespace std::chrono_literals;

namespace {

constexpr const char* wait_reason = "sync.WaitGroup.Wait";

// Sixteen goroutines count `first` down and then wait for `second`, which the test holds.
void meet_twice(test::expectations& expected, runnel::wait_group& first,
                runnel::wait_group& second) {
    constexpr int count = 16;
    first.add(count);
    second.add(count);
    auto exited = runnel::make_chan<bool>(count);
    for (int i = 0; i < count; ++i) {
        runnel::go([&, exited] {
            first.done();
            second.wait();
            exited.send(true);
        });
    }
    first.wait();
    for (int i = 0; i < count; ++i) {
        expected.check(exited.len() == 0, "nobody is through before the last done");
        second.done();
    }
    for (int i = 0; i < count; ++i)
        expected.check(exited.recv().value_or(false), "all are through");
}

}  // namespace

TEST_CASE("wait returns after the last done only, and two groups make a barrier, again and again",
          "[C-192]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::wait_group first;
        runnel::wait_group second;
        for (int i = 0; i < 8; ++i) meet_twice(expected, first, second);
    });
    expected.verify();
}

TEST_CASE("a counter below zero is a panic that can be survived, and the counter is as before",
          "[C-193][C-396]") {
    runnel::wait_group wg;
    wg.add(1);
    wg.done();
    CHECK_THROWS_AS(wg.done(), runnel::negative_counter);
    CHECK_THROWS_AS(wg.done(), runnel::panic);
    CHECK_THROWS_WITH(wg.add(-5), "negative WaitGroup counter");
    // Go leaves it at -1, so that this add would make it zero. Here it has not changed.
    wg.add(1);
    CHECK_FALSE(wg.wait_for(0ms));
    wg.done();
    CHECK(wg.wait_for(0ms));
    wg.wait();
}

TEST_CASE("a group may be used again as soon as its waits have returned", "[C-194][C-195]") {
    test::expectations expected;
    test::on_workers([&] {
        // Those who waited have returned, though those who counted down may not have: that is no
        // misuse, and is never taken for one.
        const int rounds = test::scale(2000);
        runnel::wait_group wg;
        int failures = 0;
        for (int i = 0; i < rounds; ++i) {
            try {
                wg.add(2);
            } catch (const runnel::panic&) {
                ++failures;
            }
            for (int k = 0; k < 2; ++k) runnel::go([&wg] { wg.done(); });
            if (i % 2 == 0) runnel::yield();
            wg.wait();
        }
        expected.check_eq(failures, 0, "add after wait");
    });
    expected.verify();
}

TEST_CASE("after wait both side effects are there: no wait returns early", "[C-196]") {
    test::expectations expected;
    test::on_workers([&] {
        const int rounds = test::scale(1000);
        for (int i = 0; i < rounds; ++i) {
            runnel::wait_group wg;
            std::atomic<int> n{0};
            wg.add(1);
            runnel::go([&] {
                ++n;
                wg.done();
            });
            wg.add(1);
            runnel::go([&] {
                ++n;
                wg.done();
            });
            wg.wait();
            expected.check_eq(n.load(), 2, "both have run");
        }
    });
    expected.verify();
}

TEST_CASE("a group works wherever it lies in an object", "[C-197]") {
    struct odd {
        char before;
        runnel::wait_group wg;
        char after;
    };
    static_assert(offsetof(odd, wg) % alignof(runnel::wait_group) == 0);
    test::expectations expected;
    test::on_workers([&] {
        const auto o = std::make_unique<odd>();
        o->wg.add(1);
        runnel::go([&] { o->wg.done(); });
        o->wg.wait();
        expected.check(o->wg.wait_for(0ms), "zero");
    });
    expected.verify();
}

TEST_CASE("go adds, runs and is done at the end, by goexit too", "[C-198]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::wait_group wg;
        std::atomic<int> n{0};
        wg.go([&] { ++n; });
        wg.wait();
        expected.check_eq(n.load(), 1, "it has run");
        wg.go([&] {
            ++n;
            runnel::goexit();
        });
        wg.wait();
        expected.check_eq(n.load(), 2, "it has ended");
    });
    expected.verify();
}

TEST_CASE("a function that throws is done, too, if the program survives it", "[C-199]") {
    // On purpose unlike Go, where a panic ends the program anyway.
    std::atomic<int> panics{0};
    runnel::runtime_options options;
    options.on_panic = [&](std::exception_ptr, const runnel::goroutine_info&) { ++panics; };
    runnel::runtime rt(std::move(options));
    rt.run([&] {
        runnel::wait_group wg;
        for (int i = 0; i < 10; ++i) wg.go([] { throw std::runtime_error("on purpose"); });
        wg.wait();
        test::eventually([&] { return panics == 10; });
    });
    CHECK(panics == 10);
}

TEST_CASE("while the counter is above zero, members may add more", "[C-200]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::wait_group wg;
        std::atomic<int> ran{0};
        wg.go([&] {
            for (int i = 0; i < 10; ++i) {
                wg.go([&] {
                    wg.add(1);
                    runnel::go([&] {
                        ++ran;
                        wg.done();
                    });
                    ++ran;
                });
            }
            ++ran;
        });
        wg.wait();
        expected.check_eq(ran.load(), 21, "all levels");
    });
    expected.verify();
}

TEST_CASE("several may wait at once, and all see what was done", "[C-201]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::wait_group wg;
        runnel::wait_group waiters;
        std::array<int, 4> written{};
        wg.add(4);
        for (int w = 0; w < 8; ++w) {
            waiters.go([&] {
                wg.wait();
                for (const int v : written) expected.check_eq(v, 1, "written before done");
            });
        }
        expected.check(test::wait_parked(8, wait_reason), "all park");
        for (std::size_t i = 0; i < 4; ++i) {
            runnel::go([&, i] {
                written[i] = 1;
                wg.done();
            });
        }
        waiters.wait();
    });
    expected.verify();
}

TEST_CASE("a group cannot be copied or moved", "[C-202]") {
    CHECK_FALSE(std::is_copy_constructible_v<runnel::wait_group>);
    CHECK_FALSE(std::is_move_constructible_v<runnel::wait_group>);
    CHECK_FALSE(std::is_copy_assignable_v<runnel::wait_group>);
    CHECK_FALSE(std::is_move_assignable_v<runnel::wait_group>);
}
