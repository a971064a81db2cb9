// tests/local_test.cpp — goroutine-local values.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/local.hpp>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/runtime.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "hazards/migrate.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;

runnel::local<int> number;
runnel::local<std::string> text;
runnel::local<test::counted> counted_local;

TEST_CASE("a local is made by its default constructor at first use", "[local]") {
    struct starts_at_five {
        int value = 5;
    };
    static runnel::local<starts_at_five> v;
    test::expectations expected;
    test::on_workers([&] {
        expected.check_eq(v->value, 5, "from the constructor");
        v->value = 6;
        expected.check_eq((*v).value, 6, "kept");
        expected.check(&v.get() == &*v, "the same object");
        expected.check_eq(runnel::async([] { return v->value; }).get(), 5, "another's");
    });
    expected.verify();
}

TEST_CASE("each goroutine and each thread has its own", "[local]") {
    test::expectations expected;
    *number = 1000;
    test::on_workers([&] {
        runnel::wait_group wg;
        for (int i = 1; i <= 50; ++i) {
            wg.go([&, i] {
                expected.check_eq(*number, 0, "fresh");
                *number = i;
                *text = std::to_string(i);
                for (int k = 0; k < 10; ++k) {
                    runnel::yield();
                    expected.check_eq(*number, i, "its own after a yield");
                    expected.check(*text == std::to_string(i), "the other one too");
                }
            });
        }
        wg.wait();
        std::thread([&] { expected.check_eq(*number, 0, "a thread's"); }).join();
    });
    expected.verify();
    CHECK(*number == 1000);
    *number = 0;
}

TEST_CASE("a local moves with its goroutine to another thread", "[local]") {
    const std::size_t before = runnel::set_max_procs(2);
    test::expectations expected;
    const int rounds = test::scale(50);
    runnel::run([&] {
        *number = 77;
        const int* where = &*number;
        for (int i = 0; i < rounds; ++i) {
            test::migrate();
            expected.check(&*number == where, "the same object");
            expected.check_eq(*number, 77, "the same value");
        }
    });
    runnel::set_max_procs(before);
    expected.verify();
}

TEST_CASE("inside blocking a local is still the goroutine's", "[local]") {
    CHECK(runnel::run([] {
              *number = 5;
              runnel::blocking([] {
                  *number += 1;
                  *text = "made inside";
              });
              return *text + std::to_string(*number);
          }) == "made inside6");
}

TEST_CASE("locals are destroyed when their goroutine ends, the latest first", "[local]") {
    const long live = test::counted::live();
    test::on_workers([] {
        runnel::wait_group wg;
        for (int i = 0; i < 100; ++i) {
            wg.go([i] {
                counted_local->value = i;
                runnel::yield();
                if (i % 2 == 0) runnel::goexit();
            });
        }
        wg.wait();
    });
    CHECK(test::eventually([] { return runnel::num_goroutine() == 0; }));
    CHECK(test::counted::live() == live);

    static std::string order;
    struct first {
        ~first() { order += '1'; }
    };
    struct second {
        ~second() { order += '2'; }
    };
    static runnel::local<first> a;
    static runnel::local<second> b;
    runnel::run([&] {
        a.get();
        b.get();
    });
    CHECK(order == "21");
}

/// Waits for another goroutine.
void park_once() {
    const auto woken = runnel::make_chan<runnel::unit>();
    runnel::go([woken] { woken.send(); });
    woken.recv();
}

TEST_CASE("a local's destructor may park, and use other locals", "[local]") {
    static std::atomic<int> seen{0};
    static runnel::local<int> other;
    struct parks {
        int mine = 3;
        ~parks() {
            park_once();
            *other += mine;  // made anew if it was destroyed already
            seen = *other;
        }
    };
    static runnel::local<parks> p;
    runnel::wait_group wg;
    wg.go([] { p->mine = 4; });
    wg.wait();
    CHECK(test::eventually([] { return seen == 4; }));
    CHECK(test::eventually([] { return runnel::num_goroutine() == 0; }));
}

TEST_CASE("a local's constructor may park and throw", "[local]") {
    static std::atomic<int> made{0};
    struct throws_first {
        throws_first() {
            if (runnel::in_goroutine()) park_once();
            if (made++ == 0) throw std::runtime_error("not yet");
        }
        int value = 1;
    };
    static runnel::local<throws_first> v;
    CHECK(runnel::run([] {
              try {
                  v.get();
                  return 0;
              } catch (const std::runtime_error&) {
                  return v->value + 1;
              }
          }) == 2);
}

TEST_CASE("the locals of a thread are destroyed with it", "[local]") {
    const long live = test::counted::live();
    std::thread([] { counted_local->value = 1; }).join();
    CHECK(test::counted::live() == live);
}

// A thread_local that is older than the thread's first local outlives it.
TEST_CASE("a local that a thread_local's destructor makes is destroyed, too", "[local]") {
    struct last_user {
        int unused = 0;
        ~last_user() { counted_local->value = 2; }
    };
    const long live = test::counted::live();
    std::thread([] {
        static thread_local last_user user;
        user.unused = 1;
        counted_local->value = 1;
    }).join();
    CHECK(test::counted::live() == live);
}

CHILD_SCENARIO(local_of_main) {
    struct says_goodbye {
        ~says_goodbye() {
            runnel::sleep_for(1ms);
            std::puts("goodbye");
        }
    };
    static runnel::local<says_goodbye> v;
    v.get();
    return runnel::run([] {
        std::puts("main");
        return 0;
    });
}
TEST_CASE("the main thread's locals are destroyed at exit", "[local]") {
    const auto r = test::run_scenario("local_of_main");
    CHECK(r.status == 0);
    CHECK(r.out == "main\ngoodbye\n");
}

TEST_CASE("a goroutine's block that is used again has no old locals", "[local][bug-14]") {
    const int rounds = test::scale(1000);
    test::expectations expected;
    test::on_workers([&] {
        for (int i = 0; i < rounds; ++i) {
            runnel::async([&] {
                expected.check_eq(*number, 0, "fresh");
                *number = 9;
            }).get();
        }
    });
    expected.verify();
}

TEST_CASE("many locals", "[local]") {
    std::vector<std::unique_ptr<runnel::local<int>>> many;
    for (int i = 0; i < 100; ++i) many.push_back(std::make_unique<runnel::local<int>>());
    test::expectations expected;
    test::on_workers([&] {
        for (std::size_t i = 0; i < many.size(); ++i) **many[i] = static_cast<int>(i);
        runnel::yield();
        for (std::size_t i = 0; i < many.size(); ++i)
            expected.check_eq(**many[i], i, "each its own");
    });
    expected.verify();
}

}  // namespace
