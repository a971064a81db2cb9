// tests/barrier_test.cpp — phases, completion, those who drop out, misuse.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/barrier.hpp>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <vector>

#include <runnel/go.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

static_assert(!std::is_copy_constructible_v<runnel::barrier<>>);
static_assert(!std::is_move_constructible_v<runnel::barrier<>>);
static_assert(!std::is_copy_constructible_v<runnel::barrier<>::arrival_token>);
static_assert(std::is_nothrow_move_constructible_v<runnel::barrier<>::arrival_token>);

TEST_CASE("nobody goes on before all have arrived, phase after phase", "[barrier]") {
    test::expectations expected;
    test::on_workers([&] {
        constexpr int count = 6;
        constexpr int phases = 20;
        runnel::barrier b(count);
        runnel::wait_group wg;
        std::atomic<int> arrived{0};
        for (int i = 0; i < count; ++i) {
            wg.go([&] {
                for (int p = 1; p <= phases; ++p) {
                    ++arrived;
                    b.arrive_and_wait();
                    expected.check(arrived >= p * count, "all have arrived");
                    b.arrive_and_wait();
                    expected.check(arrived <= (p + 1) * count, "nobody is a phase ahead");
                }
            });
        }
        wg.wait();
        expected.check_eq(arrived.load(), count * phases, "all phases");
    });
    expected.verify();
}

TEST_CASE("the completion runs once a phase, after the last arrival and before any goes on",
          "[barrier]") {
    test::expectations expected;
    test::on_workers([&] {
        constexpr int count = 4;
        int sum = 0;  // written by arrivals and read by the completion, without a lock
        int values[count] = {};
        int completions = 0;
        runnel::barrier b(count, [&]() noexcept {
            sum = 0;
            for (const int v : values) sum += v;
            ++completions;
        });
        runnel::wait_group wg;
        for (int i = 0; i < count; ++i) {
            wg.go([&, i] {
                for (int p = 1; p <= 10; ++p) {
                    values[i] = p;
                    b.arrive_and_wait();
                    expected.check_eq(sum, count * p, "the sum of this phase");
                    expected.check_eq(completions, 2 * p - 1, "completed once");
                    b.arrive_and_wait();
                }
            });
        }
        wg.wait();
        expected.check_eq(completions, 20, "all phases");
    });
    expected.verify();
}

TEST_CASE("arriving and waiting may be apart", "[barrier]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::barrier b(3);
        auto token = b.arrive();
        runnel::wait_group wg;
        std::atomic<bool> back{false};
        wg.go([&] {
            b.arrive_and_wait();
            back = true;
        });
        expected.check(test::wait_parked(1, "barrier wait"), "one is missing");
        expected.check(!back, "not back");
        static_cast<void>(b.arrive());
        wg.wait();
        b.wait(std::move(token));  // of a phase that is over: returns at once
        auto all = b.arrive(3);
        b.wait(std::move(all));
        expected.check(back, "back");
    });
    expected.verify();
}

TEST_CASE("who drops out is not expected any more", "[barrier]") {
    test::expectations expected;
    test::on_workers([&] {
        int completions = 0;
        runnel::barrier b(2, [&]() noexcept { ++completions; });
        runnel::wait_group wg;
        wg.go([&] {
            b.arrive_and_wait();
            b.arrive_and_drop();
        });
        for (int i = 0; i < 5; ++i) b.arrive_and_wait();
        wg.wait();
        expected.check_eq(completions, 5, "the other goes on alone");
        b.arrive_and_drop();
        expected.check_eq(completions, 6, "the last phase");
        bool threw = false;
        try {
            b.arrive_and_wait();
        } catch (const runnel::panic&) {
            threw = true;
        }
        expected.check(threw, "nobody is expected");
    });
    expected.verify();
}

TEST_CASE("too many arrivals throw and change nothing", "[barrier]") {
    runnel::barrier b(2);
    CHECK_THROWS_AS(b.arrive(3), runnel::panic);
    CHECK_THROWS_AS(b.arrive(0), runnel::panic);
    CHECK_THROWS_AS(b.arrive(-1), runnel::panic);
    b.wait(b.arrive(2));
    CHECK_THROWS_AS(runnel::barrier(-1), runnel::panic);
    CHECK_THROWS_AS(runnel::barrier(0).arrive_and_wait(), runnel::panic);
}

TEST_CASE("a completion that throws reaches the last to arrive, and the phase is complete",
          "[barrier]") {
    test::expectations expected;
    test::on_workers([&] {
        std::atomic<int> caught{0};
        std::atomic<int> returned{0};
        runnel::barrier b(3, [] { throw std::runtime_error("completion"); });
        runnel::wait_group wg;
        for (int i = 0; i < 3; ++i) {
            wg.go([&] {
                try {
                    b.arrive_and_wait();
                    ++returned;
                } catch (const std::runtime_error&) {
                    ++caught;
                }
            });
        }
        wg.wait();
        expected.check_eq(caught.load(), 1, "one");
        expected.check_eq(returned.load(), 2, "the others go on");
    });
    expected.verify();
}

TEST_CASE("threads and goroutines meet", "[barrier]") {
    test::expectations expected;
    test::on_workers([&] {
        const int phases = test::scale(200);
        runnel::barrier b(4);
        std::atomic<int> arrived{0};
        const auto go_through = [&] {
            for (int p = 1; p <= phases; ++p) {
                ++arrived;
                b.arrive_and_wait();
                expected.check(arrived >= 4 * p, "together");
            }
        };
        std::thread first(go_through);
        std::thread second(go_through);
        runnel::wait_group wg;
        wg.go(go_through);
        wg.go(go_through);
        wg.wait();
        runnel::blocking([&] {
            first.join();
            second.join();
        });
    });
    expected.verify();
}

TEST_CASE("a barrier may be freed when the last phase's waits have returned", "[barrier]") {
    test::expectations expected;
    test::on_workers([&] {
        const int rounds = test::scale(3000);
        for (int i = 0; i < rounds; ++i) {
            auto b = std::make_unique<runnel::barrier<>>(2);
            runnel::go([p = b.get()] { static_cast<void>(p->arrive()); });
            b->arrive_and_wait();
        }
        expected.check(true, "nothing was touched afterwards");
    });
    expected.verify();
}

}  // namespace
