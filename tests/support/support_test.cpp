// tests/support/support_test.cpp — the test support itself: a broken helper would hide broken tests.
// SPDX-License-Identifier: BSL-1.0
#include "support/support.hpp"

#include <csignal>
#include <memory>

#include "support/catch.hpp"

namespace {

CHILD_SCENARIO(says_hello) {
    std::printf("out\n");
    std::fprintf(stderr, "err %s\n", std::getenv("RUNNEL_SUPPORT_TEST"));
    return 7;
}

CHILD_SCENARIO(aborts) { std::abort(); }

TEST_CASE("a scenario's status, output and environment come back", "[support]") {
    const auto said = test::run_scenario("says_hello", {"RUNNEL_SUPPORT_TEST=set"});
    CHECK(said.status == 7);
    CHECK(said.out == "out\n");
    CHECK(said.err == "err set\n");

    const auto aborted = test::run_scenario("aborts");
    CHECK(aborted.status == 128 + SIGABRT);

    CHECK(test::run_scenario("of_no_such_name").status == 125);
}

TEST_CASE("on_workers runs once for each worker count and puts the old one back", "[support]") {
    const auto before = runnel::max_procs();
    std::vector<std::size_t> seen;
    test::on_workers([&] { seen.push_back(runnel::max_procs()); });
    CHECK(seen == test::worker_counts());
    CHECK(runnel::max_procs() == before);
}

TEST_CASE("on_workers hands an exception to the test", "[support]") {
    CHECK_THROWS_AS(test::on_workers([] { throw test::move_failed(); }), test::move_failed);
}

TEST_CASE("a false expectation fails its test", "[support][!shouldfail]") {
    test::expectations expected;
    expected.check(true, "holds");
    expected.check_eq(1, 2U, "one is two");
    expected.verify();
}

TEST_CASE("a false expectation fails its test without verify too", "[support][!shouldfail]") {
    test::expectations expected;
    expected.check(false, "does not hold");
}

TEST_CASE("expectations of which none was recorded fail their test", "[support][!shouldfail]") {
    test::expectations expected;
    expected.verify();
}

TEST_CASE("expectations may be recorded on any thread", "[support]") {
    test::expectations expected;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] { expected.check_eq(std::string("a"), "a", "equal texts"); });
    }
    for (auto& t : threads) t.join();
    expected.verify();
}

TEST_CASE("eventually ends with its predicate or at its limit", "[support]") {
    int calls = 0;
    CHECK(test::eventually([&] { return ++calls > 100; }));
    CHECK_FALSE(test::eventually([] { return false; }, std::chrono::milliseconds(20)));
}

TEST_CASE("the element types notice what they are made to notice", "[support]") {
    const long live = test::counted::live();
    {
        test::counted a(1);
        const test::counted b(std::move(a));
        CHECK(b.value == 1);
        CHECK(test::counted::live() == live + 2);
    }
    CHECK(test::counted::live() == live);

    test::throws_on_move first(5);
    test::throws_on_move::arm(2);
    test::throws_on_move second(std::move(first));
    CHECK_THROWS_AS(test::throws_on_move(std::move(second)), test::move_failed);
    CHECK(second.value == 5);
    CHECK_FALSE(test::throws_on_move::armed());

    const auto big = std::make_unique<test::big64k>(7U);
    CHECK(big->intact());
    big->words[100] = 0;
    CHECK_FALSE(big->intact());

    CHECK(test::over_aligned(3).aligned());
}

TEST_CASE("loop counts never shrink to nothing", "[support]") {
    CHECK(test::scale(1) == 1);
    CHECK(test::scale(1000) >= 1);
}

}  // namespace
