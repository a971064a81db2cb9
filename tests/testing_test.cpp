// tests/testing_test.cpp — simulated programs: their schedule, their time, and what is said of their faults.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/testing.hpp>

#include <signal.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <runnel/io.hpp>
#include <runnel/net.hpp>
#include <runnel/runnel.hpp>
#include <runnel/trace.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::make_chan;
using runnel::testing::explore;
using runnel::testing::simulate;
using runnel::testing::simulation_options;
using runnel::testing::simulation_report;
using runnel::testing::wait_idle;

template <class F>
std::string failure_of(F&& f) {
    try {
        f();
    } catch (const std::exception& e) {
        return e.what();
    }
    return "";
}

// ---- 1. running ----

TEST_CASE("simulate returns what the function returns", "[testing][C-372]") {
    static int place = 0;
    CHECK(simulate(1, [] { return 42; }) == 42);
    CHECK(&simulate(1, []() -> int& { return place; }) == &place);
    CHECK(*simulate(1, [] { return std::make_unique<int>(7); }) == 7);
    bool ran = false;
    simulate(1, [&] { ran = true; });
    CHECK(ran);
}

TEST_CASE("all goroutines have ended when simulate returns", "[testing]") {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        int ended = 0;
        simulate(seed, [&] {
            for (int i = 0; i < 10; ++i) {
                runnel::go([&] {
                    for (int k = 0; k < 3; ++k) runnel::yield();
                    ++ended;
                });
            }
        });
        REQUIRE(ended == 10);
    }
}

TEST_CASE("everything runs on the calling thread, and nothing of it is left behind", "[testing]") {
    const auto thread = std::this_thread::get_id();
    bool same = true;
    CHECK_FALSE(runnel::in_goroutine());
    simulate(3, [&] {
        same = same && runnel::in_goroutine();
        runnel::wait_group wg;
        for (int i = 0; i < 5; ++i) {
            wg.go([&] {
                runnel::yield();
                same = same && std::this_thread::get_id() == thread;
            });
        }
        wg.wait();
    });
    CHECK(same);
    CHECK_FALSE(runnel::in_goroutine());
    CHECK(runnel::run([] { return runnel::async([] { return 5; }).get(); }) == 5);
}

TEST_CASE("numbers of goroutines begin with one in each simulation", "[testing]") {
    for (int i = 0; i < 2; ++i) {
        std::uint64_t main = 0;
        std::uint64_t child = 0;
        simulate(1, [&] {
            main = runnel::goroutine_id();
            runnel::go([&] { child = runnel::goroutine_id(); });
        });
        CHECK(main == 1);
        CHECK(child == 2);
    }
}

// ---- 2. schedules ----

/// Five goroutines that note their turns.
std::string turns(std::uint64_t seed, simulation_report* report = nullptr) {
    std::string order;
    simulate(
        seed,
        [&] {
            runnel::wait_group wg;
            for (char c = 'a'; c < 'f'; ++c) {
                wg.go([&, c] {
                    for (int i = 0; i < 3; ++i) {
                        order += c;
                        runnel::yield();
                    }
                });
            }
            wg.wait();
        },
        {}, report);
    return order;
}

TEST_CASE("the same seed makes the same run, another one another", "[testing]") {
    std::set<std::string> different;
    std::set<std::uint64_t> traces;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        simulation_report first;
        simulation_report again;
        const std::string order = turns(seed, &first);
        REQUIRE(turns(seed, &again) == order);
        REQUIRE(first.trace == again.trace);
        REQUIRE(first.steps == again.steps);
        different.insert(order);
        traces.insert(first.trace);
    }
    CHECK(different.size() > 30);
    CHECK(traces.size() >= different.size());
}

TEST_CASE("every order of two senders and every ready case of a select is met", "[testing]") {
    std::set<int> first;
    std::set<std::size_t> chosen;
    explore(200, [&] {
        const auto ch = make_chan<int>();
        runnel::go([=] { ch.send(1); });
        runnel::go([=] { ch.send(2); });
        first.insert(*ch.recv());
        ch.recv();
        const auto a = make_chan<int>(1);
        const auto b = make_chan<int>(1);
        a.send(1);
        b.send(1);
        chosen.insert(runnel::select(runnel::recv(a), runnel::recv(b)));
    });
    CHECK(first == std::set<int>{1, 2});
    CHECK(chosen == std::set<std::size_t>{0, 1});
}

TEST_CASE("timers of one moment strike in every order", "[testing][C-375]") {
    std::set<std::string> orders;
    explore(300, [&] {
        std::string order;
        for (const char c : {'a', 'b', 'c'}) {
            runnel::after_func(1s, [&order, c] { order += c; });
        }
        runnel::sleep_for(2s);
        orders.insert(order);
    });
    CHECK(orders.size() == 6);
}

// ---- 3. time ----

TEST_CASE("sleeping costs nothing, and the clocks show it", "[testing][C-371]") {
    const auto real = std::chrono::steady_clock::now();
    simulate(1, [] {
        const auto steady = runnel::clock::now();
        const auto system = std::chrono::system_clock::now();
        runnel::sleep_for(24h * 365);
        if (runnel::clock::now() - steady != 24h * 365) throw std::logic_error("steady");
        if (std::chrono::system_clock::now() - system != 24h * 365)
            throw std::logic_error("system");
    });
    CHECK(std::chrono::steady_clock::now() - real < 1h);
}

TEST_CASE("time stands still while anybody can run", "[testing][C-371]") {
    const auto seen = explore(100, [] {
        const auto start = runnel::clock::now();
        std::vector<int> order;
        runnel::wait_group wg;
        for (int i = 5; i > 0; --i) {
            wg.go([&, i] {
                runnel::sleep_for(i * 1ms);
                for (int k = 0; k < 50; ++k) runnel::yield();
                if (runnel::clock::now() - start != i * 1ms) throw std::logic_error("time went by");
                order.push_back(i);
            });
        }
        wg.wait();
        if (order != std::vector<int>{1, 2, 3, 4, 5}) throw std::logic_error("not in order");
    });
    CHECK(seen.seeds > 0);
}

TEST_CASE("tickers, limits and deadlines keep virtual time to the nanosecond", "[testing]") {
    const auto seen = explore(50, [] {
        const auto start = runnel::clock::now();
        runnel::ticker ticks(10ms);
        for (int i = 1; i <= 1000; ++i) {
            if (*ticks.chan().recv() - start != i * 10ms) throw std::logic_error("tick");
        }
        ticks.stop();
        const auto ch = make_chan<int>();
        const auto before = runnel::clock::now();
        if (ch.recv_for(3min).status() != runnel::op_status::timeout)
            throw std::logic_error("limit");
        if (runnel::clock::now() - before != 3min) throw std::logic_error("limit's time");
        const auto ctx = runnel::with_timeout(runnel::background(), 1h);
        ctx.done().recv();
        if (ctx.err() != runnel::errc::deadline_exceeded) throw std::logic_error("deadline");
        if (runnel::clock::now() - before != 1h + 3min) throw std::logic_error("deadline's time");
    });
    CHECK(seen.seeds > 0);
}

TEST_CASE("timers have the values that they are due at, read early or late", "[testing][C-373]") {
    const auto seen = explore(50, [] {
        const auto start = runnel::clock::now();
        const auto is = [&](auto tp, runnel::duration d) {
            if (tp != start + d) throw std::logic_error("another time");
        };
        is(*runnel::after(0s).recv(), 0s);
        is(*runnel::after(-5s).recv(), 0s);
        bool called = false;
        runnel::after_func(0s, [&] { called = true; });
        wait_idle();
        if (!called) throw std::logic_error("a function that is due is not called");
        is(runnel::clock::now(), 0s);  // none of it has let time go on

        runnel::timer early(1s);
        is(*early.chan().recv(), 1s);
        runnel::timer late(1s);
        runnel::sleep_for(5s);
        is(*late.chan().recv(), 2s);
        is(runnel::clock::now(), 6s);
        late.reset(0s);
        is(*late.chan().recv(), 6s);
        late.reset(1s);
        late.reset(3s);
        is(*late.chan().recv(), 9s);
    });
    CHECK(seen.seeds > 0);
}

TEST_CASE("who polls for what time brings is not waited for for ever", "[testing]") {
    const auto seen = explore(20, [] {
        bool done = false;
        runnel::go([&] {
            runnel::sleep_for(1s);
            done = true;
        });
        while (!done) runnel::yield();
        const auto ch = make_chan<int>(1);
        runnel::go([=] {
            runnel::sleep_for(1s);
            ch.send(1);
        });
        while (!ch.try_recv()) {
        }
    });
    CHECK(seen.seeds > 0);
}

// ---- 4. what is reported ----

TEST_CASE("a deadlock is an exception that tells who waits for what", "[testing][C-376]") {
    const auto locked_twice = [] {
        runnel::mutex m;
        const std::lock_guard once(m);
        const auto ch = make_chan<int>();
        runnel::go([=] { ch.send(1); });
        m.lock();
    };
    CHECK_THROWS_AS(simulate(1, locked_twice), runnel::testing::deadlock);
    const std::string what = failure_of([&] { simulate(1, locked_twice); });
    INFO(what);
    CHECK(what.rfind("all goroutines are asleep - deadlock!\n", 0) == 0);
    CHECK(test::contains(what, "goroutine 1 [sync.Mutex.Lock] on 0x"));
    CHECK(test::contains(what, "goroutine 2 [chan send] on 0x"));
    CHECK(test::contains(what, "testing_test.cpp:"));
    CHECK(test::contains(what, " by goroutine 1\n"));
    // The next simulation is none the worse.
    CHECK(simulate(1, [] { return 1; }) == 1);
}

TEST_CASE("a goroutine that waits for ever when the function has returned is a leak",
          "[testing][C-374][C-376]") {
    const auto forgets = [] { runnel::go([ch = make_chan<int>()] { ch.recv(); }); };
    CHECK_THROWS_AS(simulate(1, forgets), runnel::testing::leaked_goroutines);
    CHECK(test::contains(failure_of([&] { simulate(1, forgets); }), "goroutine 2 [chan receive]"));
    // Time stops with the function: what only time could end is one, too.
    const auto sleeps = [] { runnel::go([] { runnel::sleep_for(1s); }); };
    CHECK_THROWS_AS(simulate(1, sleeps), runnel::testing::leaked_goroutines);
    const auto ticks = [] {
        runnel::go([] {
            const runnel::ticker t(1s);
            for (;;) t.chan().recv();
        });
    };
    CHECK_THROWS_AS(simulate(1, ticks), runnel::testing::leaked_goroutines);
}

TEST_CASE("an exception of any goroutine ends the simulation as it is", "[testing][C-382]") {
    CHECK_THROWS_AS(simulate(1, [] { throw std::out_of_range("main's"); }), std::out_of_range);
    const auto child = [] {
        runnel::go([] { throw 17; });
        make_chan<int>().recv();
    };
    CHECK_THROWS_AS(simulate(1, child), int);
    CHECK_THROWS_AS(
        simulate(1, [] { return 1 + *simulate(1, [] { return std::make_unique<int>(1); }); }),
        runnel::testing::simulation_error);
}

TEST_CASE("nothing of an exception is kept once it was caught", "[testing]") {
    const auto resource = std::make_shared<int>(1);
    struct failure {
        std::shared_ptr<int> holds;
    };
    CHECK_THROWS_AS(simulate(1, [&] { throw failure{resource}; }), failure);
    CHECK(resource.use_count() == 1);
}

TEST_CASE("a program without an end is given up after its steps", "[testing]") {
    simulation_options options;
    options.most_steps = 5000;
    const auto endless = [] {
        for (;;) runnel::yield();
    };
    CHECK_THROWS_AS(simulate(1, endless, options), runnel::testing::endless);
    const auto busy = [] {
        const auto ch = make_chan<int>(1);
        for (;;) static_cast<void>(ch.try_recv());
    };
    CHECK_THROWS_AS(simulate(1, busy, options), runnel::testing::endless);
}

TEST_CASE("main may end by goexit", "[testing]") {
    bool other = false;
    simulate(1, [&] {
        runnel::go([&] { other = true; });
        runnel::goexit();
    });
    CHECK(other);
    CHECK_THROWS_AS(simulate(1, []() -> int { runnel::goexit(); }), runnel::testing::deadlock);
}

TEST_CASE("what belongs to simulations only is refused elsewhere", "[testing]") {
    CHECK_THROWS_AS(wait_idle(), runnel::testing::simulation_error);
    runnel::run([] {
        CHECK_THROWS_AS(simulate(1, [] {}), runnel::testing::simulation_error);
        CHECK_THROWS_AS(wait_idle(), runnel::testing::simulation_error);
    });
}

CHILD_SCENARIO(woken_from_outside) {
    const auto ch = make_chan<int>();
    std::atomic<bool> waits{false};
    std::thread outsider([&] {
        while (!waits) std::this_thread::yield();
        ch.send(1);
    });
    simulate(1, [&] {
        runnel::go([&] { ch.recv(); });
        wait_idle();
        waits = true;
        for (;;) runnel::yield();
    });
    return 0;
}
TEST_CASE("a goroutine of a simulation is not woken from outside it", "[testing][C-378][C-380]") {
    const auto r = test::run_scenario("woken_from_outside");
    CHECK(r.status == 128 + SIGABRT);
    CHECK(test::contains(r.err, "a goroutine of a simulation was woken from outside it"));
}

// ---- 5. exploring ----

void lost_update() {
    int n = 0;
    runnel::mutex m;
    runnel::wait_group wg;
    for (int i = 0; i < 2; ++i) {
        wg.go([&] {
            m.lock();
            const int seen = n;
            m.unlock();
            m.lock();
            n = seen + 1;
            m.unlock();
        });
    }
    wg.wait();
    if (n != 2) throw std::logic_error("an update was lost");
}

void opposite_order() {
    runnel::mutex a;
    runnel::mutex b;
    runnel::wait_group wg;
    wg.go([&] {
        const std::lock_guard first(a);
        const std::lock_guard second(b);
    });
    wg.go([&] {
        const std::lock_guard first(b);
        const std::lock_guard second(a);
    });
    wg.wait();
}

// Who asks first may be answered after the asker has gone.
void leaked_goroutine() {
    const auto answers = make_chan<int>();
    for (int i = 0; i < 2; ++i) {
        runnel::go([=] { runnel::select(runnel::send(answers, i), runnel::timeout(1h)); });
    }
    static_cast<void>(answers.recv());
}

TEST_CASE("a lost update, a leak and locks in opposite order are found soon, and again",
          "[testing]") {
    struct bug {
        void (*program)();
        const char* text;
    };
    for (const bug b : {bug{lost_update, "an update was lost"}, bug{leaked_goroutine, "[select]"},
                        bug{opposite_order, "asleep - deadlock!"}}) {
        std::uint64_t seed = 0;
        std::string what;
        try {
            explore(300, b.program);
        } catch (const runnel::testing::exploration_failed& e) {
            seed = e.seed();
            what = e.what();
            CHECK_THROWS(std::rethrow_if_nested(e));
        }
        INFO(what);
        REQUIRE(seed != 0);
        CHECK(test::contains(what, b.text));
        CHECK(test::contains(what, "RUNNEL_SEED=" + std::to_string(seed)));
        CHECK(test::contains(failure_of([&] { simulate(seed, b.program); }), b.text));
    }
}

CHILD_SCENARIO(explores_a_lost_update) {
    const auto seen = explore(300, [] {
        std::printf("%s", ".");
        std::fflush(stdout);
        lost_update();
    });
    return seen.seeds == 1 ? 5 : 6;
}
TEST_CASE("RUNNEL_SEED runs one seed alone", "[testing]") {
    std::uint64_t bad = 0;
    try {
        explore(300, lost_update);
    } catch (const runnel::testing::exploration_failed& e) {
        bad = e.seed();
    }
    REQUIRE(bad != 0);
    const auto r =
        test::run_scenario("explores_a_lost_update", {"RUNNEL_SEED=" + std::to_string(bad)});
    CHECK(r.out == ".");
    CHECK(r.status != 5);
    CHECK(r.status != 6);
    CHECK(test::contains(r.err, "an update was lost"));
    const auto good = test::run_scenario("explores_a_lost_update", {"RUNNEL_SEED=1"});
    CHECK(good.out == ".");
}

TEST_CASE("exploring a program without faults tells what was seen", "[testing]") {
    const auto seen = explore(200, [] {
        const auto ch = make_chan<int>(1);
        runnel::wait_group wg;
        for (int i = 0; i < 3; ++i) wg.go([&, i] { ch.send(i); });
        int sum = 0;
        for (int i = 0; i < 3; ++i) sum += *ch.recv();
        wg.wait();
        if (sum != 3) throw std::logic_error("sum");
    });
    CHECK(seen.seeds == 200);
    CHECK(seen.schedules > 50);
    CHECK(seen.schedules <= 200);
    CHECK(seen.steps > 200 * 5);
}

// ---- 6. waiting for the others ----

TEST_CASE("wait_idle returns when all others wait, and before time goes on", "[testing][C-372]") {
    const auto seen = explore(100, [] {
        int n = 0;
        const auto ch = make_chan<int>();
        for (int i = 0; i < 3; ++i) {
            runnel::go([&] {
                for (int k = 0; k < 5; ++k) runnel::yield();
                ++n;
                ch.recv();
                ++n;
            });
        }
        const auto start = runnel::clock::now();
        wait_idle();
        if (n != 3) throw std::logic_error("others could still run");
        wait_idle();
        ch.close();
        wait_idle();
        if (n != 6) throw std::logic_error("the closed channel has not been noticed");
        runnel::go([&] {
            runnel::sleep_for(1s);
            n = 100;
        });
        wait_idle();
        if (n != 6 || runnel::clock::now() != start) throw std::logic_error("time went on");
        runnel::sleep_for(1s);
        wait_idle();
        if (n != 100) throw std::logic_error("time did not go on");
    });
    CHECK(seen.seeds > 0);
}

// ---- 7. every part of the library ----

TEST_CASE("what blocks a thread elsewhere is a step like others", "[testing]") {
    int in_region = 0;
    simulate(1, [&] {
        const runnel::thread_lock pin;
        runnel::go([&] { ++in_region; });
        in_region += runnel::blocking([] { return 10; });
        const auto ch = make_chan<int>();
        runnel::go([=] { ch.send(1); });
        ch.recv();  // pinned, and yet others run
    });
    CHECK(in_region == 11);
}

TEST_CASE("run inside a simulation is one more run", "[testing]") {
    CHECK(simulate(1, [] {
              return runnel::run([] {
                  runnel::go([] { make_chan<int>().recv(); });  // ends with its run
                  runnel::sleep_for(1h);
                  return 9;
              });
          }) == 9);
}

TEST_CASE("a simulated program has no second runtime", "[testing]") {
    CHECK_THROWS_AS(simulate(1, [] { const runnel::runtime another; }), runnel::panic);
}

TEST_CASE("a simulated program leaves no trace", "[testing]") {
    CHECK_THROWS_WITH(simulate(1, [] { runnel::trace::start("/dev/null"); }),
                      "trace::start: a simulated program leaves no trace");
    CHECK_NOTHROW(runnel::trace::start("/dev/null"));  // none goes on
    CHECK_NOTHROW(runnel::trace::stop());
}

TEST_CASE("a simulated program does no I/O", "[testing]") {
    CHECK_THROWS_AS(simulate(1, [] { runnel::io::wait_readable(0); }), runnel::panic);
    CHECK_THROWS_WITH(simulate(1, [] { runnel::io::wait_writable(1); }),
                      "I/O inside a simulation: what comes when would not be the seed's");
    CHECK_THROWS_AS(simulate(1, [] { runnel::net::listen("127.0.0.1:0"); }), runnel::panic);
    CHECK_THROWS_AS(simulate(1, [] { runnel::net::dial("127.0.0.1:1"); }), runnel::panic);
    // Not even with what was made outside.
    auto l = runnel::net::listen("127.0.0.1:0");
    CHECK_THROWS_AS(simulate(1, [&] { l.accept(); }), runnel::panic);
}

TEST_CASE("all kinds of waits are simulated", "[testing]") {
    const auto seen = explore(200, [] {
        runnel::wait_group wg;
        runnel::mutex m;
        runnel::condition_variable cv;
        runnel::shared_mutex sm;
        runnel::semaphore permits(2);
        runnel::latch started(3);
        runnel::barrier together(3);
        runnel::once first;
        int initialised = 0;
        int value = 0;
        int inside = 0;
        bool go_on = false;
        for (int i = 0; i < 3; ++i) {
            wg.go([&] {
                first.call([&] {
                    runnel::yield();
                    ++initialised;
                });
                if (initialised != 1) throw std::logic_error("once");
                started.count_down();
                {
                    permits.acquire();
                    if (++inside > 2) throw std::logic_error("semaphore");
                    runnel::yield();
                    --inside;
                    permits.release();
                }
                together.arrive_and_wait();
                {
                    std::unique_lock held(m);
                    cv.wait(held, [&] { return go_on; });
                }
                {
                    const std::unique_lock held(sm);
                    const int before = value;
                    runnel::yield();
                    value = before + 1;
                }
                const std::shared_lock held(sm);
                if (value < 1) throw std::logic_error("shared mutex");
            });
        }
        started.wait();
        {
            const std::lock_guard held(m);
            go_on = true;
        }
        cv.notify_all();
        wg.wait();
        if (value != 3) throw std::logic_error("lost update");

        runnel::group g;
        g.go([&] { g.context().done().recv(); });
        g.go([] { throw std::runtime_error("first failure"); });
        try {
            g.wait();
            throw std::logic_error("group");
        } catch (const std::runtime_error&) {
        }
        auto f = runnel::async([] { return 4; });
        if (f.get() != 4) throw std::logic_error("async");
    });
    CHECK(seen.seeds > 0);
}

TEST_CASE("who waits for a mutex is idle, and time goes on for him who holds it",
          "[testing][C-377]") {
    const auto seen = explore(50, [] {
        runnel::mutex m;
        runnel::condition_variable cv;
        bool told = false;
        int waits = 0;
        runnel::wait_group wg;
        wg.go([&] {
            const std::lock_guard held(m);
            runnel::sleep_for(1h);
        });
        wait_idle();
        wg.go([&] {
            ++waits;
            const std::lock_guard held(m);
        });
        wg.go([&] {
            ++waits;
            std::unique_lock held(m);
            cv.wait(held, [&] { return told; });
        });
        wait_idle();
        if (waits != 2) throw std::logic_error("others could still run");
        m.lock();
        told = true;
        m.unlock();
        cv.notify_one();
        wg.wait();
    });
    CHECK(seen.seeds > 0);
}

TEST_CASE("objects belong to no simulation: they may be used in one after the other",
          "[testing][C-379]") {
    runnel::wait_group wg;
    runnel::mutex m;
    const auto ch = make_chan<int>(1);
    int n = 0;
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
        simulate(seed, [&] {
            for (int i = 0; i < 3; ++i) {
                wg.go([&] {
                    const std::lock_guard held(m);
                    ++n;
                });
            }
            wg.wait();
            ch.send(n);
        });
        CHECK(ch.recv() == n);  // outside, when it is over
    }
    CHECK(n == 30);
}

TEST_CASE("several threads simulate at once", "[testing]") {
    std::vector<std::thread> threads;
    test::expectations expected;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            for (std::uint64_t seed = 0; seed < 50; ++seed) {
                expected.check_eq(simulate(seed,
                                           [t] {
                                               const auto ch = make_chan<int>();
                                               runnel::go([=] {
                                                   runnel::sleep_for(1h);
                                                   ch.send(t);
                                               });
                                               return *ch.recv();
                                           }),
                                  t, "its own value");
            }
        });
    }
    for (std::thread& t : threads) t.join();
    expected.verify();
}

}  // namespace
