// tests/conformance/sync_pool_test.cpp — pools.
// SPDX-License-Identifier: BSL-1.0
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include <runnel/go.hpp>
#include <runnel/sync.hpp>
#include <runnel/thread_lock.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

TEST_CASE("an empty pool has nothing; the own value comes first, then the head of the list",
          "[C-241]") {
    test::expectations expected;
    runnel::run([&] {
        const runnel::thread_lock pin;  // one worker's shard
        runnel::pool<std::string> p;
        expected.check_eq(p.get(), "", "nothing");
        p.put("a");
        p.put("b");
        expected.check_eq(p.get(), "a", "the own one");
        expected.check_eq(p.get(), "b", "the list");
        expected.check_eq(p.get(), "", "nothing");
        for (int i = 0; i < 100; ++i) p.put("c");
        int found = 0;
        while (p.get() == "c") ++found;
        // Go keeps them until two garbage collections have passed; here a bound stands for that.
        expected.check(found >= 1 && found <= 100, "some of them");
    });
    expected.verify();
}

TEST_CASE("a new value is made only if nothing is pooled", "[C-242]") {
    int made = 0;
    runnel::pool<int> p([&] { return ++made; });
    CHECK(p.get() == 1);
    CHECK(p.get() == 2);
    p.put(42);
    CHECK(p.get() == 42);
    CHECK(p.get() == 3);
}

TEST_CASE("a pool does not keep what it is given for ever", "[C-243]") {
    const long before = test::counted::live();
    const auto p = std::make_unique<runnel::pool<test::counted>>();
    for (int i = 0; i < 5000; ++i) p->put(test::counted(i));
    CHECK(test::counted::live() - before < 5000);
    p->clear();
    CHECK(test::counted::live() == before);
}

TEST_CASE("what many put and get at once comes out once each", "[C-244]") {
    test::expectations expected;
    test::on_workers([&] {
        const int rounds = test::scale(5000);
        runnel::pool<std::unique_ptr<int>> p([] { return std::make_unique<int>(0); });
        runnel::wait_group wg;
        for (int g = 0; g < 10; ++g) {
            wg.go([&, g] {
                for (int i = 0; i < rounds; ++i) {
                    p.put(std::make_unique<int>(0));
                    auto v = p.get();
                    // Whoever gets a value owns it: nobody changes it meanwhile.
                    expected.check(v != nullptr && *v == 0, "an own value");
                    *v = g + 1;
                    if (i % 32 == 0) runnel::yield();
                    expected.check(*v == g + 1, "an own value");
                    *v = 0;
                    p.put(std::move(v));
                }
            });
        }
        wg.wait();
    });
    expected.verify();
}
