// tests/once_test.cpp — one call, its result and its exception; captures that go.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/once.hpp>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

static_assert(!std::is_copy_constructible_v<runnel::once>);
static_assert(!std::is_move_constructible_v<runnel::once>);

constinit runnel::once global_once;

TEST_CASE("the first call runs the function, later ones do nothing", "[once]") {
    int calls = 0;
    CHECK_FALSE(global_once.is_done());
    global_once.call([&] { ++calls; });
    CHECK(global_once.is_done());
    global_once.call([&] { ++calls; });
    global_once.call([&] { calls += 100; });
    CHECK(calls == 1);
}

TEST_CASE("callers that come meanwhile wait for the first, and see what it did", "[once]") {
    test::expectations expected;
    test::on_workers([&] {
        constexpr int count = 10;
        runnel::once o;
        auto go_on = runnel::make_chan<runnel::unit>();
        runnel::wait_group wg;
        int calls = 0;
        std::atomic<int> back{0};
        for (int i = 0; i < count; ++i) {
            wg.go([&] {
                o.call([&] {
                    go_on.recv();
                    ++calls;
                });
                expected.check_eq(calls, 1, "it has run");
                ++back;
            });
        }
        expected.check(test::wait_parked(count - 1, "sync.Once"), "the others wait");
        expected.check(!o.is_done() && back == 0, "not done");
        go_on.send();
        wg.wait();
        expected.check_eq(back.load(), count, "all are back");
    });
    expected.verify();
}

TEST_CASE("an exception goes to the first caller, and it counts as done", "[once]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::once o;
        auto go_on = runnel::make_chan<runnel::unit>();
        std::atomic<int> caught{0};
        std::atomic<int> returned{0};
        runnel::wait_group wg;
        for (int i = 0; i < 4; ++i) {
            wg.go([&] {
                try {
                    o.call([&] {
                        go_on.recv();
                        throw std::runtime_error("once");
                    });
                    ++returned;
                } catch (const std::runtime_error&) {
                    ++caught;
                }
            });
        }
        expected.check(test::wait_parked(3, "sync.Once"), "the others wait");
        go_on.send();
        wg.wait();
        expected.check_eq(caught.load(), 1, "the first");
        expected.check_eq(returned.load(), 3, "the others");
        o.call([&] { expected.check(false, "not again"); });
    });
    expected.verify();
}

TEST_CASE("a function that calls goexit counts as done", "[once]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::once o;
        runnel::wait_group wg;
        wg.go([&] {
            o.call([] { runnel::goexit(); });
            expected.check(false, "this goroutine has ended");
        });
        wg.wait();
        o.call([&] { expected.check(false, "not again"); });
        expected.check(o.is_done(), "done");
    });
    expected.verify();
}

TEST_CASE("a once may be freed when all calls have returned", "[once]") {
    test::expectations expected;
    test::on_workers([&] {
        const int rounds = test::scale(3000);
        for (int i = 0; i < rounds; ++i) {
            runnel::wait_group wg;
            std::atomic<int> calls{0};
            auto o = std::make_shared<runnel::once>();
            for (int k = 0; k < 3; ++k) {
                wg.go([o, &calls] { o->call([&] { ++calls; }); });
            }
            o.reset();
            wg.wait();
            expected.check_eq(calls.load(), 1, "one call");
        }
    });
    expected.verify();
}

TEST_CASE("once_func runs its function once, for all copies", "[once]") {
    int calls = 0;
    const auto f = runnel::once_func([&] { ++calls; });
    const auto g = f;
    f();
    g();
    f();
    CHECK(calls == 1);
    static_assert(std::is_same_v<decltype(f()), void>);
    // What the function returns does not matter.
    runnel::once_func([] { return 1; })();
}

TEST_CASE("once_func throws the same exception at every call", "[once]") {
    int calls = 0;
    const auto f = runnel::once_func([&] {
        ++calls;
        throw std::runtime_error("the same");
    });
    const std::exception* first = nullptr;
    for (int i = 0; i < 3; ++i) {
        try {
            f();
            FAIL("it has to throw");
        } catch (const std::exception& e) {
            CHECK(e.what() == std::string("the same"));
            if (first == nullptr) first = &e;
            CHECK(first == &e);
        }
    }
    CHECK(calls == 1);
}

TEST_CASE("once_value computes its value once", "[once]") {
    int calls = 0;
    const auto value = runnel::once_value([&] {
        ++calls;
        return std::string("computed");
    });
    const auto copy = value;
    CHECK(value() == "computed");
    CHECK(copy() == "computed");
    CHECK(&value() == &copy());
    CHECK(calls == 1);

    const auto unique = runnel::once_value([] { return std::make_unique<int>(7); });
    CHECK(*unique() == 7);
    int target = 3;
    const auto reference = runnel::once_value([&]() -> int& { return target; });
    reference() = 4;
    CHECK(target == 4);
    CHECK(&reference() == &target);
    const auto without_default = runnel::once_value([] { return test::move_only(5); });
    CHECK(without_default().value == 5);
}

TEST_CASE("once_value throws the same exception at every call", "[once]") {
    int calls = 0;
    const auto value = runnel::once_value([&]() -> int {
        ++calls;
        throw std::logic_error("no value");
    });
    CHECK_THROWS_AS(value(), std::logic_error);
    CHECK_THROWS_WITH(value(), "no value");
    CHECK(calls == 1);
}

TEST_CASE("the function and its captures are destroyed after the call", "[once]") {
    const long before = test::counted::live();
    const auto f = runnel::once_func([c = test::counted(1)] { static_cast<void>(c); });
    const auto v = runnel::once_value([c = test::counted(2)] { return c.value; });
    const auto t = runnel::once_func([c = test::counted(3)] { throw std::runtime_error("x"); });
    CHECK(test::counted::live() == before + 3);
    f();
    CHECK(test::counted::live() == before + 2);
    CHECK(v() == 2);
    CHECK(test::counted::live() == before + 1);
    CHECK_THROWS(t());
    CHECK(test::counted::live() == before);
    CHECK_THROWS(t());
}

TEST_CASE("once_func and once_value after a goexit neither run again nor hang", "[once]") {
    test::expectations expected;
    test::on_workers([&] {
        std::atomic<int> calls{0};
        const auto f = runnel::once_func([&] {
            ++calls;
            runnel::goexit();
        });
        const auto v = runnel::once_value([&]() -> int {
            ++calls;
            runnel::goexit();
        });
        runnel::wait_group wg;
        wg.go([&] { f(); });
        wg.go([&] { static_cast<void>(v()); });
        wg.wait();
        f();
        bool threw = false;
        try {
            static_cast<void>(v());
        } catch (const runnel::panic&) {
            threw = true;
        }
        expected.check(threw, "there is no value");
        expected.check_eq(calls.load(), 2, "not again");
    });
    expected.verify();
}

TEST_CASE("threads and goroutines ask for one value at once", "[once]") {
    test::expectations expected;
    test::on_workers([&] {
        const int rounds = test::scale(200);
        for (int i = 0; i < rounds; ++i) {
            std::atomic<int> calls{0};
            const auto value = runnel::once_value([&] {
                ++calls;
                runnel::yield();
                return 42;
            });
            const auto ask = [&, value] { expected.check_eq(value(), 42, "the value"); };
            std::thread thread(ask);
            runnel::wait_group wg;
            for (int k = 0; k < 3; ++k) wg.go(ask);
            wg.wait();
            runnel::blocking([&] { thread.join(); });
            expected.check_eq(calls.load(), 1, "one call");
        }
    });
    expected.verify();
}

}  // namespace
