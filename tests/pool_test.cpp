// tests/pool_test.cpp — what comes out of a pool, what it keeps, and for how long.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/pool.hpp>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include <runnel/go.hpp>
#include <runnel/thread_lock.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

static_assert(!std::is_copy_constructible_v<runnel::pool<int>>);
static_assert(!std::is_move_constructible_v<runnel::pool<int>>);
static_assert(std::is_default_constructible_v<runnel::pool<int>>);
static_assert(!std::is_default_constructible_v<runnel::pool<test::move_only>>);

TEST_CASE("an empty pool makes a new value", "[pool]") {
    runnel::pool<int> zeros;
    CHECK(zeros.get() == 0);
    int made = 0;
    runnel::pool<int> counted([&] { return ++made; });
    CHECK(counted.get() == 1);
    CHECK(counted.get() == 2);
    counted.put(10);
    CHECK(counted.get() == 10);
    CHECK(counted.get() == 3);
    CHECK(made == 3);
}

TEST_CASE("values come back: the own one first, then the latest", "[pool]") {
    runnel::pool<std::string> p;
    p.put("a");
    p.put("b");
    p.put("c");
    CHECK(p.get() == "a");
    CHECK(p.get() == "c");
    CHECK(p.get() == "b");
    CHECK(p.get().empty());
    for (int i = 0; i < 3; ++i) {
        p.put("x");
        CHECK(p.get() == "x");
    }
}

TEST_CASE("values may be move-only, over-aligned or large", "[pool]") {
    runnel::pool<std::unique_ptr<int>> pointers([] { return std::make_unique<int>(1); });
    pointers.put(std::make_unique<int>(2));
    CHECK(*pointers.get() == 2);
    CHECK(*pointers.get() == 1);
    runnel::pool<test::move_only> moves([] { return test::move_only(3); });
    moves.put(test::move_only(4));
    CHECK(moves.get().value == 4);
    CHECK(moves.get().value == 3);
    runnel::pool<test::over_aligned> aligned;
    aligned.put(test::over_aligned(5));
    const test::over_aligned back = aligned.get();
    CHECK(back.value == 5);
    CHECK(back.aligned());
    const auto large = std::make_unique<runnel::pool<test::big64k>>();
    large->put(test::big64k(7));
    CHECK(std::make_unique<test::big64k>(large->get())->value() == 7);
}

TEST_CASE("a pool keeps a bounded number of values and destroys the rest", "[pool]") {
    const long before = test::counted::live();
    {
        runnel::pool<test::counted> p;
        for (int i = 0; i < 10'000; ++i) p.put(test::counted(i));
        const long kept = test::counted::live() - before;
        CHECK(kept > 0);
        CHECK(kept <= 1000);
        p.clear();
        CHECK(test::counted::live() == before);
        p.put(test::counted(1));
        p.put(test::counted(2));
    }
    CHECK(test::counted::live() == before);
}

TEST_CASE("a move that throws loses no other value", "[pool]") {
    runnel::pool<test::throws_on_move> p;
    p.put(test::throws_on_move(1));
    test::throws_on_move::arm(1);
    CHECK_THROWS_AS(p.get(), test::move_failed);
    test::throws_on_move::disarm();
    CHECK(p.get().value == 1);
    test::throws_on_move second(2);
    test::throws_on_move::arm(2);  // the first move makes the argument
    CHECK_THROWS_AS(p.put(std::move(second)), test::move_failed);
    test::throws_on_move::disarm();
    CHECK(p.get().value == 0);
    p.put(test::throws_on_move(3));
    CHECK(p.get().value == 3);
}

TEST_CASE("what making a value throws reaches the caller", "[pool]") {
    runnel::pool<int> p([]() -> int { throw std::runtime_error("none"); });
    CHECK_THROWS_AS(p.get(), std::runtime_error);
    p.put(1);
    CHECK(p.get() == 1);
}

TEST_CASE("a value put by one is found by another", "[pool]") {
    runnel::pool<int> p;
    std::thread([&] { p.put(5); }).join();
    CHECK(p.get() == 5);
    test::expectations expected;
    test::on_workers([&] {
        runnel::pool<int> shared;
        runnel::wait_group wg;
        wg.go([&] {
            const runnel::thread_lock pin;
            shared.put(7);
        });
        wg.wait();
        expected.check_eq(runnel::blocking([&] { return shared.get(); }), 7, "found");
    });
    expected.verify();
}

TEST_CASE("each value comes out once", "[pool]") {
    test::expectations expected;
    test::on_workers([&] {
        const int rounds = test::scale(5000);
        std::atomic<int> made{0};
        runnel::pool<std::unique_ptr<std::atomic<int>>> p([&] {
            ++made;
            return std::make_unique<std::atomic<int>>(0);
        });
        const auto work = [&] {
            for (int i = 0; i < rounds; ++i) {
                auto v = p.get();
                expected.check(v != nullptr && v->fetch_add(1) == 0, "nobody else has it");
                if (i % 16 == 0) runnel::yield();
                v->fetch_sub(1);
                p.put(std::move(v));
            }
        };
        std::thread thread(work);
        runnel::wait_group wg;
        for (int g = 0; g < 6; ++g) wg.go(work);
        wg.wait();
        runnel::blocking([&] { thread.join(); });
        expected.check(made <= 7, "no more than there were at once");
    });
    expected.verify();
}

}  // namespace
