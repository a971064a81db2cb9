// tests/conformance/go_scheduling_test.cpp — nobody starves, and idle processors come to help.
// SPDX-License-Identifier: BSL-1.0
#include <sched.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <future>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <runnel/blocking.hpp>
#include <runnel/chan.hpp>
#include <runnel/debug.hpp>
#include <runnel/go.hpp>
#include <runnel/runtime.hpp>
#include <runnel/select.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;

// Nothing here is a measurement: what must happen has a minute for it.
constexpr auto a_minute = 60s;

// ---- 1. progress beside those who never stop ----

// [C-91]
TEST_CASE("a goroutine that polls with yield does not keep a sleeper from running", "[C-91]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto done = runnel::make_chan<int>(1);
        runnel::go([=] {
            runnel::sleep_for(10ms);
            done.send(1);
        });
        const auto end = steady::now() + a_minute;
        bool got = false;
        while (!got && steady::now() < end) {
            got = runnel::select(runnel::recv(done), runnel::otherwise()) == 0;
            if (!got) runnel::yield();
        }
        expected.check(got, "the sleeper ran");
    });
    expected.verify();
}

// Two goroutines that wake one another for ever.
struct hot_pair {
    runnel::chan<int> a;
    runnel::chan<int> b;
    explicit hot_pair(std::size_t capacity)
        : a(runnel::make_chan<int>(capacity)), b(runnel::make_chan<int>(capacity)) {
        runnel::go([a = a, b = b] {
            for (int v : a) b.send(v);
            b.close();
        });
        runnel::go([a = a, b = b] {
            for (int v : b) {
                if (a.len() == 0 && v < 0) break;
                try {
                    a.send(v);
                } catch (const runnel::closed_channel&) {
                    break;
                }
            }
        });
        a.send(1);
    }
    ~hot_pair() { a.close(); }
    hot_pair(const hot_pair&) = delete;
    hot_pair& operator=(const hot_pair&) = delete;
};

// [C-97]
TEST_CASE("a pair that talks all the time does not delay timers for ever", "[C-97]") {
    test::expectations expected;
    test::on_workers([&] {
        for (const std::size_t capacity : {0U, 1U}) {
            const hot_pair pair(capacity);
            const auto start = steady::now();
            for (int i = 0; i < 5; ++i) runnel::after(20ms).recv();
            runnel::sleep_for(1ms);
            expected.check(steady::now() - start >= 100ms, "not early");
            expected.check(steady::now() - start < a_minute, "not for ever");
        }
    });
    expected.verify();
}

// [C-98]
TEST_CASE("nor do goroutines that make system calls and have timers of their own", "[C-98]") {
    test::expectations expected;
    test::on_workers([&] {
        std::atomic<bool> stop{false};
        runnel::wait_group wg;
        for (int i = 0; i < 4; ++i) {
            wg.go([&, i] {
                const auto never = runnel::make_chan<int>();
                while (!stop) {
                    if (i % 2 == 0) {
                        ::usleep(1);
                    } else {
                        runnel::blocking([] { ::usleep(1); });
                    }
                    runnel::select(runnel::recv(never), runnel::timeout(20us));
                }
            });
        }
        for (int i = 0; i < 3; ++i) runnel::after(20ms).recv();
        stop = true;
        wg.wait();
        expected.check(true, "came here");
    });
    expected.verify();
}

// [C-99]
TEST_CASE("a busy processor looks at the clock itself", "[C-99]") {
    const test::procs one(1);
    CHECK(runnel::run([] {
              const hot_pair pair(1);
              std::atomic<int> fired{0};
              for (int i = 0; i < 10; ++i) {
                  runnel::after_func(1us, [&] { ++fired; });
                  const auto end = steady::now() + a_minute;
                  while (fired <= i && steady::now() < end) runnel::yield();
              }
              return fired.load();
          }) == 10);
}

// [C-100] [C-101] C++ has no preemption: whoever computes keeps its thread, and the others get another.
TEST_CASE("goroutines that compute without end delay the others, but do not stop them",
          "[C-100][C-101][C-102]") {
    test::expectations expected;
    test::on_workers([&] {
        std::atomic<bool> stop{false};
        runnel::wait_group hogs;
        const std::size_t n = runnel::max_procs() + 1;
        for (std::size_t i = 0; i < n; ++i) {
            hogs.go([&] {
                while (!stop) {
                }
            });
        }
        runnel::wait_group wg;
        std::atomic<int> done{0};
        for (int i = 0; i < 4; ++i) {
            wg.go([&] {
                for (int k = 0; k < 3; ++k) {
                    runnel::sleep_for(100us);
                    runnel::yield();
                }
                ++done;
            });
        }
        wg.wait();
        expected.check_eq(done.load(), 4, "all came through");
        stop = true;
        hogs.wait();
    });
    expected.verify();
}

// The turns of two pairs of goroutines that share a processor for a tenth of a second, and have long and short ones.
std::pair<long, long> turns_of_two_pairs() {
    std::atomic<bool> stop{false};
    long hog_turns = 0;
    long light_turns = 0;
    runnel::run([&] {
        runnel::wait_group wg;
        const auto pair = [&](long& turns, int work) {
            const auto token = runnel::make_chan<int>();
            for (int i = 0; i < 2; ++i) {
                wg.go([&, token, work] {
                    for (;;) {
                        const auto v = token.recv();
                        if (!v) return;
                        for (int w = 0; w < work; ++w) asm volatile("");
                        ++turns;
                        if (stop) {
                            token.close();
                            return;
                        }
                        token.send(*v);
                    }
                });
            }
            return token;
        };
        const auto hogs = pair(hog_turns, 100'000);
        const auto lights = pair(light_turns, 100);
        hogs.send(1);
        lights.send(1);
        runnel::sleep_for(100ms);
        stop = true;
        wg.wait();
    });
    return {hog_turns, light_turns};
}

// [C-103] A chain of wake-ups is cut after a while, so that others get their turns. Whoever is on a thread that is
// stopped, as a fault may for the whole tenth of a second, gets none: hence several.
TEST_CASE("of two pairs on one processor neither starves the other", "[C-103]") {
    const test::procs one(1);
    std::string seen;
    bool fair = false;
    for (int i = 0; i < 4 && !fair; ++i) {
        const auto [hogs, lights] = turns_of_two_pairs();
        seen += std::to_string(hogs) + " and " + std::to_string(lights) + "; ";
        fair = hogs > 3 && lights > hogs / 4;
    }
    INFO("turns " << seen);
    CHECK(fair);
}

// [C-104]
TEST_CASE("a pair that talks does not starve what a thread has started", "[C-104]") {
    const test::procs one(1);
    std::atomic<bool> ran{false};
    std::thread starter;
    runnel::run([&] {
        const hot_pair pair(0);
        starter = std::thread([&] { runnel::go([&] { ran = true; }); });
        // We sleep on a timer all the while: the pair has the processor to itself.
        const auto end = steady::now() + a_minute;
        while (!ran && steady::now() < end) runnel::sleep_for(500us);
    });
    starter.join();
    CHECK(ran);
}

// A goroutine that starts its like and ends: none of them ever parks.
struct endless_chain {
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> links{0};
    runnel::chan<runnel::unit> stopped = runnel::make_chan<runnel::unit>();

    void next() {
        runnel::go([this] {
            links.fetch_add(1, std::memory_order_relaxed);
            if (stop) {
                stopped.close();
            } else {
                next();
            }
        });
    }
};

// [C-104]
TEST_CASE("nor do goroutines that never park, but start others", "[C-104]") {
    const test::procs one(1);
    // Go looks at what comes from elsewhere each 61st time; here as there it may take another round.
    constexpr std::uint64_t enough = 1000;
    std::vector<std::uint64_t> waited;
    std::thread starter;
    runnel::run([&] {
        endless_chain others;
        others.next();
        const auto ended = runnel::make_chan<runnel::unit>();
        starter = std::thread([&, ended] {
            for (int i = 0; i < 100; ++i) {
                std::promise<std::uint64_t> ran;
                auto when = ran.get_future();
                runnel::go([&] { ran.set_value(others.links); });
                const std::uint64_t started = others.links;
                const std::uint64_t at = when.get();
                waited.push_back(at > started ? at - started : 0);
            }
            ended.close();
        });
        ended.recv();
        others.stop = true;
        others.stopped.recv();
    });
    starter.join();
    REQUIRE(waited.size() == 100);
    for (const std::uint64_t links : waited) CHECK(links < enough);
}

// [C-109]
TEST_CASE("a main that yields does not starve one that waits behind a spinning goroutine",
          "[C-109]") {
    test::expectations expected;
    test::on_workers([&] {
        std::atomic<bool> stop{false};
        std::atomic<bool> ran{false};
        runnel::wait_group wg;
        wg.go([&] {
            // Queued here, where we spin.
            wg.go([&] { ran = true; });
            while (!stop) {
            }
        });
        const auto end = steady::now() + a_minute;
        while (!ran && steady::now() < end) runnel::yield();
        expected.check(ran, "it ran");
        stop = true;
        wg.wait();
    });
    expected.verify();
}

// ---- 2. parallelism ----

// They spin on one another: each must run at the same time as all others.
void all_at_once(int n, test::expectations& expected) {
    const int rounds = 3;
    const auto done = runnel::make_chan<bool>();
    std::atomic<int> arrived{0};
    for (int i = 0; i < n; ++i) {
        runnel::go([&, n] {
            for (int r = 1; r <= rounds; ++r) {
                ++arrived;
                while (arrived < r * n) std::this_thread::yield();
            }
            done.send(true);
        });
    }
    for (int i = 0; i < n; ++i) expected.check(*done.recv(), "arrived");
}

// [C-94] [C-95]
TEST_CASE("goroutines run in parallel on all processors, without help", "[C-94][C-95]") {
    test::expectations expected;
    for (const int n : {2, 4}) {
        const test::procs p(static_cast<std::size_t>(n));
        const int rounds = test::scale(100);
        runnel::run([&] {
            for (int i = 0; i < rounds; ++i) {
                all_at_once(n - 1, expected);
                // The others have just gone to sleep, or are about to.
                if (i % 2 == 0) runnel::sleep_for(100us);
                // From within another goroutine.
                runnel::async([&] { all_at_once(n - 1, expected); }).get();
            }
        });
        // From a thread, to sleeping workers.
        for (int i = 0; i < rounds; ++i) all_at_once(n, expected);
    }
    expected.verify();
}

// ---- 3. while everything changes ----

// [C-96] [C-112] [C-123]
TEST_CASE("goroutines that start one another do not block snapshots and changes of processors",
          "[C-96][C-112][C-123]") {
    test::expectations expected;
    const std::size_t before = runnel::max_procs();
    runnel::run([&] {
        std::atomic<bool> stop{false};
        std::atomic<int> chains{4};
        struct chain {
            std::atomic<bool>* stop;
            std::atomic<int>* chains;
            void operator()() const {
                if (*stop) {
                    --*chains;
                } else {
                    runnel::go(*this);
                }
            }
        };
        for (int i = 0; i < 4; ++i) runnel::go(chain{&stop, &chains});
        const int rounds = test::scale(200);
        for (int i = 0; i < rounds; ++i) {
            runnel::set_max_procs(1 + static_cast<std::size_t>(i) % 4);
            expected.check(runnel::debug::goroutines().size() < 1000, "a plausible list");
            expected.check(runnel::stats().goroutines >= 1, "plausible figures");
            runnel::yield();
        }
        stop = true;
        while (chains != 0) runnel::yield();
    });
    runnel::set_max_procs(before);
    expected.verify();
}

// [C-119]
TEST_CASE("the figures of a scripted load are plausible", "[C-119]") {
    runnel::runtime_options options;
    options.max_procs = 1;
    runnel::runtime one(options);
    std::atomic<bool> inside{false};
    std::atomic<bool> leave{false};
    std::atomic<bool> left{false};
    one.run([&] {
        const auto gate = runnel::make_chan<int>();
        for (int i = 0; i < 10; ++i) runnel::go([=] { gate.recv(); });
        runnel::go([&] {
            runnel::blocking([&] {
                inside = true;
                while (!leave) std::this_thread::yield();
                left = true;
            });
        });
        while (!inside || runnel::stats().runnable != 0) runnel::yield();
        for (int i = 0; i < 5; ++i) runnel::go([] {});
        const auto s = runnel::stats();
        test::expectations expected;
        expected.check_eq(s.goroutines, 17U, "that exist");
        expected.check_eq(s.goroutines_started, 17U, "started");
        expected.check_eq(s.runnable, 5U, "runnable");
        expected.check_eq(s.blocking, 1U, "blocking");
        expected.check(s.workers >= 2, "threads");
        leave = true;
        while (!left) runnel::yield();
        gate.close();
        expected.verify();
    });
}

// [C-120]
CHILD_SCENARIO(prints_procs_on_one_cpu) {
    cpu_set_t all;
    CPU_ZERO(&all);
    ::sched_getaffinity(0, sizeof all, &all);
    cpu_set_t one;
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        if (CPU_ISSET(cpu, &all)) {
            CPU_SET(cpu, &one);
            break;
        }
    }
    ::sched_setaffinity(0, sizeof one, &one);
    std::printf("%zu %zu", runnel::max_procs(), runnel::num_cpu());
    return 0;
}
TEST_CASE("the affinity of the process bounds max_procs", "[C-120]") {
    CHECK(test::run_scenario("prints_procs_on_one_cpu", {"RUNNEL_MAXPROCS="}).out == "1 1");
}

}  // namespace
