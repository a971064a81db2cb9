// tests/runtime_test.cpp — run() and its end, runtimes of one's own, and how many processors they use.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/runtime.hpp>

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <runnel/blocking.hpp>
#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/mutex.hpp>
#include <runnel/select.hpp>
#include <runnel/thread_lock.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::chan;
using runnel::make_chan;

void compute_for(std::chrono::milliseconds d) {
    const auto end = std::chrono::steady_clock::now() + d;
    while (std::chrono::steady_clock::now() < end) {
    }
}

bool starts_with(const std::string& text, const std::string& start) {
    return text.compare(0, start.size(), start) == 0;
}

// ---- 1. what run gives back ----

TEST_CASE("run returns what its main goroutine returns", "[runtime][run]") {
    CHECK(runnel::run([] { return 42; }) == 42);
    CHECK(runnel::run([] { return std::string(10'000, 'x'); }).size() == 10'000);
    CHECK(*runnel::run([] { return std::make_unique<int>(7); }) == 7);
    CHECK(runnel::run([] { return test::move_only(3); }).value == 3);
    int here = 0;
    int& there = runnel::run([&]() -> int& { return here; });
    CHECK(&there == &here);
    static_assert(std::is_void_v<decltype(runnel::run([] {}))>);
    bool called = false;
    runnel::run([&] { called = true; });
    CHECK(called);
}

TEST_CASE("run takes any callable, by reference and without copying it", "[runtime][run]") {
    struct pinned_down {
        pinned_down() = default;
        pinned_down(const pinned_down&) = delete;
        pinned_down& operator=(const pinned_down&) = delete;
        int operator()() { return ++calls; }
        int calls = 0;
    } f;
    CHECK(runnel::run(f) == 1);
    CHECK(runnel::run(f) == 2);
    CHECK(runnel::run(std::move(f)) == 3);

    struct once_only {
        std::unique_ptr<int> p = std::make_unique<int>(5);
        int operator()() && { return *std::exchange(p, nullptr); }
    };
    CHECK(runnel::run(once_only()) == 5);
}

TEST_CASE("run rethrows the exception of its main goroutine", "[runtime][run]") {
    CHECK_THROWS_AS(runnel::run([] { throw std::out_of_range("far out"); }), std::out_of_range);
    CHECK_THROWS_WITH(runnel::run([]() -> int { throw std::runtime_error("words"); }), "words");
    CHECK_THROWS_AS(runnel::run([] { throw 5; }), int);
    // And the next run is as good as the first.
    CHECK(runnel::run([] { return 1; }) == 1);
}

TEST_CASE("the main goroutine of a run is a goroutine", "[runtime][run]") {
    CHECK_FALSE(runnel::in_goroutine());
    CHECK(runnel::run([] { return runnel::in_goroutine(); }));
    CHECK(runnel::run([] { return runnel::goroutine_id(); }) > 0);
    CHECK_FALSE(runnel::in_goroutine());
}

// ---- 2. again, at once, and within ----

TEST_CASE("run may be called a thousand times", "[runtime][run][bug-33]") {
    long sum = 0;
    const std::size_t before = runnel::stats().workers;
    const int rounds = test::scale(1000);
    for (int i = 0; i < rounds; ++i) {
        sum += runnel::run([i] {
            const auto ch = make_chan<int>();
            runnel::go([=] { ch.send(i); });
            runnel::go([=] { make_chan<int>().recv(); });  // left behind
            return *ch.recv();
        });
    }
    CHECK(sum == static_cast<long>(rounds) * (rounds - 1) / 2);
    CHECK(runnel::num_goroutine() == 0);
    CHECK(runnel::stats().workers <= before + 64);
}

TEST_CASE("several threads may call run at once", "[runtime][run]") {
    std::atomic<long> sum{0};
    std::vector<std::thread> threads;
    const int rounds = test::scale(200);
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < rounds; ++i) {
                sum += runnel::run([] {
                    runnel::wait_group wg;
                    std::atomic<int> n{0};
                    for (int k = 0; k < 5; ++k) wg.go([&] { ++n; });
                    wg.wait();
                    return n.load();
                });
            }
        });
    }
    for (auto& t : threads) t.join();
    CHECK(sum == 4L * rounds * 5);
}

TEST_CASE("run works inside a goroutine", "[runtime][run]") {
    test::expectations expected;
    test::on_workers([&] {
        const int r = runnel::run([] {
            const auto ch = make_chan<int>();
            runnel::go([=] { ch.send(runnel::run([] { return 20; })); });
            return *ch.recv() + 1;
        });
        expected.check_eq(r, 21, "result from two runs deep");
        bool caught = false;
        try {
            runnel::run([] { throw std::runtime_error("inner"); });
        } catch (const std::runtime_error&) {
            caught = true;
        }
        expected.check(caught, "an inner run's exception");
    });
    expected.verify();
}

TEST_CASE("a run inside a goroutine ends with the run around it", "[runtime][end]") {
    std::atomic<long> turns{0};
    std::atomic<bool> inner_returned{false};
    for (const bool from_blocking : {false, true}) {
        INFO("from blocking: " << from_blocking);
        turns = 0;
        runnel::run([&] {
            runnel::go([&] {
                const auto inner = [&] {
                    runnel::run([&] {
                        runnel::go([&] {
                            for (;;) {
                                ++turns;
                                runnel::yield();
                            }
                        });
                        for (;;) runnel::yield();
                    });
                    inner_returned = true;
                };
                from_blocking ? runnel::blocking(inner) : inner();
            });
            while (turns < 10) runnel::yield();
        });
        const long at_end = turns;
        // Goroutines that come after get their turns, those do not.
        for (int i = 0; i < 50; ++i) runnel::run([] { runnel::sleep_for(200us); });
        CHECK(turns == at_end);
        CHECK_FALSE(inner_returned);
    }
    CHECK(runnel::num_goroutine() == 0);
}

TEST_CASE("a run on another runtime ends with the run around it", "[runtime][end]") {
    runnel::runtime other;
    std::atomic<long> turns{0};
    runnel::run([&] {
        runnel::go([&] {
            other.run([&] {
                for (;;) {
                    ++turns;
                    runnel::yield();
                }
            });
        });
        while (turns < 10) runnel::yield();
    });
    const long at_end = turns;
    for (int i = 0; i < 50; ++i) other.run([] { runnel::sleep_for(200us); });
    CHECK(turns == at_end);
    CHECK(other.num_goroutine() == 0);
}

// ---- 3. the end of a run ----

// Says when it is destroyed: an abandoned goroutine is not unwound.
struct says_goodbye {
    std::atomic<int>* count;
    ~says_goodbye() { ++*count; }
};

// [C-384]
TEST_CASE("parked goroutines end with their run, without being unwound", "[runtime][end]") {
    std::atomic<int> unwound{0};
    std::atomic<bool> went_on{false};
    const auto ch = make_chan<int>();
    test::on_workers([&] {
        for (int i = 0; i < 10; ++i) {
            runnel::go([&] {
                const says_goodbye g{&unwound};
                ch.recv();
                went_on = true;
            });
        }
        test::wait_parked(10, "chan receive");
    });
    // A later run's value is not for them.
    CHECK(runnel::run([&] {
              runnel::go([&] { ch.send(8); });
              return *ch.recv();
          }) == 8);
    CHECK(ch.try_send(1) == runnel::op_status::would_block);
    ch.close();
    runnel::run([] { runnel::sleep_for(1ms); });
    CHECK_FALSE(went_on);
    CHECK(unwound == 0);
    CHECK(runnel::num_goroutine() == 0);
    CHECK(test::parked() == 0);
}

TEST_CASE("abandoned senders, selects and lock waiters take nothing", "[runtime][end]") {
    const auto numbers = make_chan<int>();
    const auto buffered = make_chan<int>(1);
    const auto selected = make_chan<int>();
    runnel::mutex m;
    m.lock();
    buffered.send(1);
    runnel::run([&] {
        runnel::go([&] { numbers.send(5); });
        runnel::go([&] { buffered.send(2); });
        runnel::go([&] { runnel::select(runnel::recv(selected), runnel::send(numbers, 6)); });
        runnel::go([&] { m.lock(); });
        runnel::go([&] { selected.recv_for(1h); });
        test::wait_parked(5);
    });
    CHECK(numbers.try_recv().status() == runnel::op_status::would_block);
    CHECK(buffered.recv() == 1);
    CHECK(buffered.try_recv().status() == runnel::op_status::would_block);
    CHECK(selected.try_send(1) == runnel::op_status::would_block);
    m.unlock();
    CHECK(m.try_lock());
    m.unlock();
}

TEST_CASE("runnable goroutines of a run that has ended never start", "[runtime][end]") {
    std::atomic<int> started{0};
    runnel::runtime_options options;
    options.max_procs = 1;
    runnel::runtime one(options);
    int seen_at_end = -1;
    one.run([&] {
        for (int i = 0; i < 1000; ++i) runnel::go([&] { ++started; });
        seen_at_end = started;
    });
    const int at_end = started;
    one.run([] {
        for (int i = 0; i < 10; ++i) runnel::sleep_for(100us);
    });
    CHECK(seen_at_end == 0);
    CHECK(started == at_end);
    CHECK(one.num_goroutine() == 0);
}

TEST_CASE("running goroutines are waited for until they park, yield or end", "[runtime][end]") {
    runnel::runtime_options options;
    options.max_procs = 4;
    runnel::runtime rt(options);
    for (int kind = 0; kind < 3; ++kind) {
        INFO("0 ends, 1 yields, 2 parks: " << kind);
        std::atomic<bool> running{false};
        std::atomic<bool> computed{false};
        std::atomic<bool> went_on{false};
        const auto ch = make_chan<int>(1);
        rt.run([&] {
            runnel::go([&] {
                running = true;
                compute_for(30ms);
                computed = true;
                if (kind == 0) return;
                if (kind == 1) runnel::yield();
                if (kind == 2) make_chan<int>().recv();
                went_on = true;
            });
            while (!running) runnel::yield();
        });
        CHECK(computed);
        // Yielding may return at once, but only before the end.
        const bool at_end = went_on;
        rt.run([] { runnel::sleep_for(1ms); });
        CHECK(went_on == at_end);
    }
}

TEST_CASE("other runs, and goroutines outside any, go on when a run ends", "[runtime][end]") {
    const auto stop = make_chan<runnel::unit>();
    const auto ended = make_chan<int>();
    std::atomic<long> outside{0};
    runnel::go([&] {
        while (stop.try_recv().status() == runnel::op_status::would_block) {
            ++outside;
            runnel::yield();
        }
        ended.send(1);
    });
    std::atomic<bool> other_is_up{false};
    std::atomic<bool> leave{false};
    std::thread other([&] {
        runnel::run([&] {
            other_is_up = true;
            while (!leave) runnel::yield();
        });
    });
    REQUIRE(test::eventually([&] { return other_is_up.load(); }));
    for (int i = 0; i < 20; ++i) runnel::run([] { runnel::go([] { make_chan<int>().recv(); }); });
    const long so_far = outside;
    CHECK(test::eventually([&] { return outside > so_far + 10; }));
    leave = true;
    other.join();
    // And go still works.
    runnel::go([&] { ended.send(2); });
    CHECK(ended.recv() == 2);
    stop.close();
    CHECK(ended.recv() == 1);
}

// The worker must not say that it runs goroutines of the run whose last one it has just thrown away, while
// it goes on with one of another run: that run could not end.
TEST_CASE("a run does not wait for a goroutine of another that threw its own away",
          "[runtime][end]") {
    runnel::runtime_options options;
    options.max_procs = 1;
    runnel::runtime one(options);
    std::atomic<long> turns{0};
    std::atomic<bool> up{false};
    std::atomic<bool> computed{false};
    one.go([&] {
        while (!up) runnel::yield();
        // As soon as the others have had no turn between two of ours, they have been thrown away.
        for (long last = turns - 1; last != turns;) {
            last = turns;
            runnel::yield();
        }
        compute_for(400ms);
        computed = true;
    });
    one.run([&] {
        for (int i = 0; i < 5; ++i) {
            runnel::go([&] {
                for (;;) {
                    ++turns;
                    runnel::yield();
                }
            });
        }
        up = true;
        for (int i = 0; i < 1000; ++i) runnel::yield();
    });
    CHECK_FALSE(computed);
    CHECK(test::eventually([&] { return computed.load(); }));
}

// Heads of the global queue that belong to ended runs are thrown away; what stands behind them is not.
TEST_CASE("goroutines between those of ended runs are not lost", "[runtime][end]") {
    const int rounds = test::scale(100);
    long made = 0;
    std::atomic<long> ran{0};
    for (int r = 0; r < rounds; ++r) {
        std::thread others([&] {
            for (int i = 0; i < 100; ++i) runnel::go([&] { ++ran; });
        });
        for (int k = 0; k < 5; ++k) {
            runnel::run([] {
                for (int i = 0; i < 40; ++i) runnel::go([] { runnel::yield(); });
            });
        }
        others.join();
        made += 100;
    }
    CHECK(test::eventually([&] { return ran == made; }));
    CHECK(test::eventually([] { return runnel::num_goroutine() == 0; }));
}

TEST_CASE("a goroutine inside blocking is not waited for, and ends when it comes back",
          "[runtime][end]") {
    std::atomic<int> stage{0};
    const std::size_t blocking_before = runnel::stats().blocking;
    runnel::run([&] {
        runnel::go([&] {
            runnel::blocking([&] {
                stage = 1;
                while (stage != 2) std::this_thread::yield();
                runnel::go([&] { stage = 100; });  // of a run that has ended: never runs
                stage = 3;
            });
            stage = 4;
        });
        while (stage != 1) runnel::yield();
    });
    CHECK(stage == 1);
    CHECK(runnel::num_goroutine() == 0);
    stage = 2;
    CHECK(test::eventually([&] { return stage == 3; }));
    CHECK(test::eventually([&] { return runnel::stats().blocking == blocking_before; }));
    for (int i = 0; i < 10; ++i) runnel::run([] { runnel::sleep_for(200us); });
    CHECK(stage == 3);
    CHECK(runnel::num_goroutine() == 0);
    CHECK(runnel::debug::goroutines().empty());
}

// ---- 4. drain and stop_grace ----

TEST_CASE("drain waits for the others, and not longer than needed", "[runtime][drain]") {
    std::atomic<int> ended{0};
    const auto start = std::chrono::steady_clock::now();
    runnel::run(
        [&] {
            for (int i = 0; i < 20; ++i) {
                runnel::go([&, i] {
                    runnel::sleep_for(std::chrono::milliseconds(i % 5));
                    runnel::go([&] { ++ended; });
                });
            }
        },
        runnel::run_options{.drain = 1h});
    CHECK(ended == 20);
    CHECK(std::chrono::steady_clock::now() - start < 1min);
}

TEST_CASE("drain gives up after its time", "[runtime][drain]") {
    const auto ch = make_chan<int>();
    const auto start = std::chrono::steady_clock::now();
    runnel::run([&] { runnel::go([&] { ch.recv(); }); }, runnel::run_options{.drain = 30ms});
    CHECK(std::chrono::steady_clock::now() - start >= 30ms);
    CHECK(ch.try_send(1) == runnel::op_status::would_block);
}

TEST_CASE("drain works for a run inside a goroutine", "[runtime][drain]") {
    test::expectations expected;
    test::on_workers([&] {
        std::atomic<int> ended{0};
        runnel::run(
            [&] {
                runnel::go([&] {
                    runnel::sleep_for(1ms);
                    ++ended;
                });
            },
            runnel::run_options{.drain = 1h});
        expected.check_eq(ended.load(), 1, "ended");
    });
    expected.verify();
}

TEST_CASE("the exception of the main goroutine comes after the drain", "[runtime][drain]") {
    std::atomic<bool> ended{false};
    const auto throwing = [&] {
        runnel::go([&] {
            runnel::sleep_for(2ms);
            ended = true;
        });
        throw std::runtime_error("main");
    };
    CHECK_THROWS_WITH(runnel::run(throwing, runnel::run_options{.drain = 1h}), "main");
    CHECK(ended);
}

CHILD_SCENARIO(never_parks) {
    std::printf("flushed");
    runnel::runtime_options options;
    options.stop_grace = 50ms;
    options.max_procs = 2;
    runnel::runtime rt(options);
    std::atomic<bool> up{false};
    const int r = rt.run([&] {
        runnel::go([&] {
            up = true;
            for (;;) compute_for(1ms);
        });
        while (!up) runnel::yield();
        return 9;
    });
    std::printf("not reached");
    return r;
}
TEST_CASE("a goroutine that does not park within stop_grace is dumped, and the process exits",
          "[runtime][end]") {
    const auto r = test::run_scenario("never_parks");
    INFO("stderr: " << r.err);
    CHECK(r.status == 9);
    CHECK(r.out == "flushed");
    CHECK(starts_with(r.err, "runnel: a goroutine did not park within stop_grace"));
    CHECK(test::contains(r.err, "[running], created at "));
    CHECK(test::contains(r.err, "runtime_test.cpp:"));
}

// The same at the end of the process, which has no run to come to an end.
CHILD_SCENARIO(main_returns_beside_one_that_never_parks) {
    std::printf("flushed");
    runnel::runtime_options options;
    options.stop_grace = 50ms;
    auto& rt = *new runnel::runtime(options);
    auto& up = *new std::atomic<bool>{false};
    rt.go([&] {
        up = true;
        for (;;) compute_for(1ms);
    });
    while (!up) std::this_thread::yield();
    return 8;
}
TEST_CASE("main returns beside a goroutine that does not park: it is dumped, the status is kept",
          "[runtime][end][exit]") {
    const auto r = test::run_scenario("main_returns_beside_one_that_never_parks");
    INFO("stderr: " << r.err);
    CHECK(r.status == 8);
    CHECK(r.out == "flushed");
    CHECK(starts_with(r.err, "runnel: a goroutine did not park within stop_grace"));
    CHECK(test::contains(r.err, "[running], created at "));
}

// ---- 5. runtimes of one's own ----

TEST_CASE("inside a runtime's goroutines, go means that runtime", "[runtime]") {
    runnel::runtime_options options;
    options.max_procs = 3;
    runnel::runtime rt(options);
    CHECK(rt.max_procs() == 3);
    const auto procs = make_chan<std::size_t>();
    rt.go([=] {
        procs.send(runnel::max_procs());
        runnel::go([=] {
            runnel::go([=](std::size_t more) { procs.send(runnel::max_procs() + more); }, 10U);
            runnel::blocking([=] { runnel::go([=] { procs.send(runnel::max_procs()); }); });
        });
    });
    std::size_t sum = 0;
    for (int i = 0; i < 3; ++i) sum += *procs.recv();
    CHECK(sum == 3 + 13 + 3);
    CHECK(rt.run([] { return runnel::max_procs(); }) == 3);
    CHECK(rt.stats().goroutines_started >= 5);
    CHECK(test::eventually([&] { return rt.num_goroutine() == 0; }));
}

TEST_CASE("rt.go takes arguments, and runs on that runtime from wherever it is called",
          "[runtime]") {
    runnel::runtime_options options;
    options.max_procs = 5;
    runnel::runtime rt(options);
    const auto results = make_chan<std::size_t>(2);
    rt.go([=](std::unique_ptr<std::size_t> p) { results.send(*p * runnel::max_procs()); },
          std::make_unique<std::size_t>(2));
    CHECK(results.recv() == 10U);
    runnel::run([&] { rt.go([=] { results.send(runnel::max_procs()); }); });
    CHECK(results.recv() == 5U);
}

TEST_CASE("no two goroutines of the process share an id", "[runtime]") {
    constexpr std::size_t each = 40;  // more than a worker takes at a time
    runnel::runtime a;
    runnel::runtime b;
    const auto ids = make_chan<std::uint64_t>();
    std::set<std::uint64_t> seen;
    for (std::size_t i = 0; i < each; ++i) {
        const auto note = [=] { ids.send(runnel::goroutine_id()); };
        a.go(note);
        b.go([=] {
            note();
            runnel::go(note);
        });
        runnel::go(note);
    }
    for (std::size_t i = 0; i < 4 * each; ++i) seen.insert(*ids.recv());
    CHECK(seen.size() == 4 * each);
    CHECK(!seen.contains(0));
}

TEST_CASE("channels, select and locks work across runtimes", "[runtime]") {
    runnel::runtime a;
    runnel::runtime b;
    const auto ping = make_chan<int>();
    const auto pong = make_chan<int>();
    const int rounds = test::scale(2000);
    a.go([=] {
        for (int i = 0; i < rounds; ++i) {
            ping.send(i);
            pong.recv();
        }
        ping.close();
    });
    const long sum = b.run([=] {
        long s = 0;
        for (bool open = true; open;) {
            runnel::select(runnel::recv(ping,
                                        [&](int v, bool ok) {
                                            open = ok;
                                            if (ok) {
                                                s += v;
                                                pong.send(v);
                                            }
                                        }),
                           runnel::timeout(1h));
        }
        return s;
    });
    CHECK(sum == static_cast<long>(rounds) * (rounds - 1) / 2);

    runnel::mutex m;
    runnel::wait_group wg;
    int counter = 0;
    const int each = test::scale(2000);
    for (runnel::runtime* rt : {&a, &b, &a, &b}) {
        wg.add(1);
        rt->go([&] {
            for (int i = 0; i < each; ++i) {
                const std::lock_guard guard(m);
                ++counter;
            }
            wg.done();
        });
    }
    wg.wait();
    CHECK(counter == 4 * each);
}

TEST_CASE("a runtime's destructor ends its goroutines and its threads", "[runtime]") {
    const auto ch = make_chan<int>();
    std::atomic<int> up{0};
    const auto start = std::chrono::steady_clock::now();
    {
        runnel::runtime rt;
        rt.go([&] {
            ++up;
            ch.recv();
        });
        rt.go([&] {
            const runnel::thread_lock pin;
            ++up;
            ch.recv();
        });
        rt.go([&] {
            const runnel::thread_lock pin;
            ++up;
            runnel::sleep_for(1h);
        });
        rt.go([&] {
            ++up;
            for (;;) runnel::yield();
        });
        REQUIRE(test::eventually([&] { return up == 4; }));
    }
    // Well below stop_grace, which is how long it would wait for a thread that cannot end.
    CHECK(std::chrono::steady_clock::now() - start < 4s);
    CHECK(ch.try_send(1) == runnel::op_status::would_block);
}

TEST_CASE("runtimes can be made and unmade again and again", "[runtime][bug-33]") {
    long sum = 0;
    const int rounds = test::scale(100);
    for (int i = 0; i < rounds; ++i) {
        runnel::runtime_options options;
        options.max_procs = 2;
        runnel::runtime rt(options);
        sum += rt.run([] {
            const auto ch = make_chan<int>();
            runnel::go([=] { ch.send(1); });
            return *ch.recv();
        });
    }
    CHECK(sum == rounds);
}

TEST_CASE("a stack size of one's own is there to be used", "[runtime]") {
    struct deep {
        static int down(int n) {
            volatile char block[4096];
            block[0] = static_cast<char>(n);
            return n == 0 ? block[0] : down(n - 1) + (block[0] != 0 ? 1 : 0);
        }
    };
    runnel::runtime_options options;
    options.stack_size = 16U << 20;
    runnel::runtime rt(options);
    CHECK(rt.run([] { return deep::down(2000) > 0; }));
}

// ---- 6. on_panic ----

TEST_CASE("on_panic gets what leaves a goroutine, and the program goes on", "[runtime][panic]") {
    std::atomic<int> calls{0};
    std::string what;
    runnel::goroutine_info who;
    std::uint64_t id = 0;
    const auto reported = make_chan<runnel::unit>();
    runnel::runtime_options options;
    options.on_panic = [&](std::exception_ptr error, const runnel::goroutine_info& info) {
        ++calls;
        try {
            std::rethrow_exception(error);
        } catch (const std::exception& e) {
            what = e.what();
        } catch (int n) {
            what = std::to_string(n);
        }
        who = info;
        reported.send();
    };
    runnel::runtime rt(options);
    std::atomic<int> unwound{0};
    rt.go([&] {
        const says_goodbye g{&unwound};
        id = runnel::goroutine_id();
        throw std::runtime_error("left the goroutine");
    });
    const auto line = __LINE__ - 5;
    reported.recv();
    CHECK(what == "left the goroutine");
    CHECK(who.id == id);
    CHECK(test::contains(who.created_at, "runtime_test.cpp:" + std::to_string(line)));
    CHECK(unwound == 1);

    rt.go([] { throw 17; });
    reported.recv();
    CHECK(what == "17");

    // Neither goexit nor an exception of run's main goroutine is a panic.
    rt.go([] { runnel::goexit(); });
    CHECK_THROWS_WITH(rt.run([] { throw std::runtime_error("main"); }), "main");
    CHECK(test::eventually([&] { return rt.num_goroutine() == 0; }));
    CHECK(calls == 2);
}

// ---- 7. processors ----

TEST_CASE("an impossible stack is refused", "[runtime]") {
    CHECK_THROWS_AS(runnel::runtime(runnel::runtime_options{.stack_size = SIZE_MAX}),
                    std::invalid_argument);
}

TEST_CASE("set_max_procs returns the old value and takes effect", "[runtime][procs]") {
    const std::size_t before = runnel::max_procs();
    CHECK(runnel::set_max_procs(3) == before);
    CHECK(runnel::max_procs() == 3);
    CHECK(runnel::set_max_procs(0) == 3);
    CHECK(runnel::set_max_procs(-1) == 3);
    CHECK(runnel::max_procs() == 3);
    CHECK_THROWS_AS(runnel::set_max_procs(1'000'000), std::invalid_argument);
    CHECK(runnel::set_max_procs(before) == 3);
    CHECK(runnel::stats().max_procs == before);
    CHECK(runnel::num_cpu() >= 1);
}

// [C-94] they wait for one another without parking, so all of them must run at once
TEST_CASE("max_procs goroutines run at once, and no more after it was lowered",
          "[runtime][procs]") {
    const std::size_t before = runnel::max_procs();
    for (const int procs : {4, 2, 1, 3}) {
        runnel::set_max_procs(static_cast<std::size_t>(procs));
        runnel::run([&] {
            std::atomic<int> here{0};
            runnel::wait_group wg;
            for (int i = 0; i < procs; ++i) {
                wg.go([&] {
                    ++here;
                    while (here < procs) std::this_thread::yield();
                });
            }
            wg.wait();
        });
        // Nobody holds a place once nothing runs.
        CHECK(test::eventually([] { return runnel::stats().active_workers == 0; }));
    }
    runnel::set_max_procs(before);
}

TEST_CASE("set_max_procs works while goroutines run", "[runtime][procs]") {
    const std::size_t before = runnel::max_procs();
    std::atomic<bool> stop{false};
    std::atomic<long> done{0};
    runnel::run([&] {
        runnel::wait_group wg;
        for (int i = 0; i < 8; ++i) {
            wg.go([&] {
                const auto ch = make_chan<int>(1);
                while (!stop) {
                    ch.send(1);
                    runnel::yield();
                    ch.recv();
                    ++done;
                }
            });
        }
        const int rounds = test::scale(300);
        for (int i = 0; i < rounds; ++i) {
            runnel::set_max_procs(static_cast<std::size_t>(1 + i % 9));
            const long so_far = done;
            while (done < so_far + 20) runnel::yield();
        }
        stop = true;
        wg.wait();
    });
    runnel::set_max_procs(before);
    CHECK(done > 0);
}

CHILD_SCENARIO(prints_max_procs) {
    std::printf("%zu %zu\n", runnel::max_procs(), runnel::num_cpu());
    return 0;
}
TEST_CASE("max_procs starts as RUNNEL_MAXPROCS says, else as the usable processors",
          "[runtime][procs]") {
    CHECK(starts_with(test::run_scenario("prints_max_procs", {"RUNNEL_MAXPROCS=7"}).out, "7 "));
    const auto plain = test::run_scenario("prints_max_procs", {"RUNNEL_MAXPROCS="});
    for (const char* nonsense :
         {"RUNNEL_MAXPROCS=0", "RUNNEL_MAXPROCS=-3", "RUNNEL_MAXPROCS=many"}) {
        CHECK(test::run_scenario("prints_max_procs", {nonsense}).out == plain.out);
    }
    std::size_t procs = 0;
    std::size_t cpus = 0;
    REQUIRE(std::sscanf(plain.out.c_str(), "%zu %zu", &procs, &cpus) == 2);
    CHECK(procs >= 1);
    CHECK(procs <= cpus);
    CHECK(cpus <= std::max(1U, std::thread::hardware_concurrency()));
}

TEST_CASE("a runtime of more processors than there may be threads is refused", "[runtime][procs]") {
    for (const std::size_t n : {std::size_t{10'000}, std::size_t{1} << 32, ~std::size_t{0}}) {
        runnel::runtime_options options;
        options.max_procs = n;
        CHECK_THROWS_AS(runnel::runtime(options), std::invalid_argument);
        CHECK_THROWS_AS(runnel::set_max_procs(n), std::invalid_argument);
    }
    runnel::runtime_options options;
    options.max_procs = 9999;
    runnel::runtime most(options);
    CHECK(most.run([] { return runnel::max_procs(); }) == 9999);
}

// [C-117]
TEST_CASE("a runtime of a thousand processors works", "[runtime][procs]") {
    runnel::runtime_options options;
    options.max_procs = 1024;
    runnel::runtime rt(options);
    CHECK(rt.run([] {
        runnel::wait_group wg;
        std::atomic<int> n{0};
        for (int i = 0; i < 2000; ++i) wg.go([&] { ++n; });
        wg.wait();
        return n.load();
    }) == 2000);
}

// ---- 8. figures ----

TEST_CASE("stats tell what goes on", "[runtime][stats]") {
    runnel::runtime_options options;
    options.max_procs = 2;
    runnel::runtime rt(options);
    const auto ch = make_chan<int>();
    std::atomic<bool> let_go{false};
    std::atomic<bool> inside{false};
    rt.go([&] {
        runnel::blocking([&] {
            inside = true;
            while (!let_go) std::this_thread::yield();
        });
    });
    REQUIRE(test::eventually([&] { return inside.load(); }));
    rt.go([&] { ch.recv(); });  // on another worker
    rt.go([&] { ch.recv_for(1h); });
    REQUIRE(test::eventually([&] {
        const auto s = rt.stats();
        return s.timers == 1 && s.runnable == 0 && s.active_workers == 0;
    }));
    const auto s = rt.stats();
    CHECK(s.max_procs == 2);
    CHECK(s.goroutines == 3);
    CHECK(s.goroutines_started == 3);
    CHECK(s.runnable == 0);
    CHECK(s.workers >= 2);
    CHECK(s.blocking == 1);
    CHECK(s.idles >= 1);
    let_go = true;
    ch.send(1);
    ch.send(1);
    CHECK(test::eventually([&] { return rt.num_goroutine() == 0; }));
    CHECK(rt.stats().timers == 0);
    CHECK(rt.stats().blocking == 0);
}

TEST_CASE("stats count what is stolen", "[runtime][stats]") {
    runnel::runtime_options options;
    options.max_procs = 2;
    runnel::runtime rt(options);
    // Who starts them does not let go of its worker: so another one takes them.
    CHECK(test::eventually([&] {
        rt.run([] {
            std::atomic<int> ran{0};
            for (int i = 0; i < 10; ++i) runnel::go([&] { ++ran; });
            while (ran != 10) {
            }
        });
        return rt.stats().steals > 0;
    }));
}

TEST_CASE("stats count the waits for a lock that all share", "[runtime][stats]") {
    runnel::runtime rt;
    std::atomic<bool> enough{false};
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
        threads.emplace_back([&] {
            while (!enough) rt.go([] {});
        });
    }
    CHECK(test::eventually([&] { return rt.stats().lock_waits > 0; }));
    enough = true;
    for (auto& t : threads) t.join();
    CHECK(test::eventually([&] { return rt.num_goroutine() == 0; }));
}

// With sleepers parked, and a worker thread for each of the eight places.
CHILD_SCENARIO(nothing_runs) {
    runnel::set_max_procs(8);
    for (int i = 0; i < 1000; ++i) {
        runnel::go([i] {
            compute_for(1ms);
            runnel::sleep_for(1h + i * 1ms);
        });
    }
    while (runnel::stats().timers != 1000) std::this_thread::yield();
    std::this_thread::sleep_for(300ms);
    const auto used = [] {
        timespec t{};
        ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
        return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
    };
    const auto before = used();
    std::this_thread::sleep_for(1s);
    const auto spent = used() - before;
    std::printf("%ld us", static_cast<long>(spent / 1us));
    return spent < 20ms ? 0 : 1;
}
TEST_CASE("no processor time is used while nothing runs", "[runtime][stats]") {
    if (test::under_sanitizer) {
        SUCCEED("its own threads use some");
        return;
    }
    const auto r = test::run_scenario("nothing_runs");
    INFO(r.out);
    CHECK(r.status == 0);
}

// ---- 9. the end of the process ----

// Every access after the destructor is seen, since the object's memory stays.
struct global_object {
    std::atomic<bool> alive{true};
    std::atomic<long> touched{0};
    std::atomic<long> touched_dead{0};
    void touch() { (alive ? touched : touched_dead)++; }
    ~global_object() {
        alive = false;
        // Whoever still runs has time to come by.
        std::this_thread::sleep_for(20ms);
        if (touched_dead != 0) ::_exit(99);
    }
};
global_object& the_global() {
    static global_object o;
    return o;
}

int leave_running_goroutines() {
    std::atomic<int>& up = *new std::atomic<int>{0};
    global_object& o = the_global();  // before the runtime, so destroyed after it has stopped
    for (int i = 0; i < 4; ++i) {
        runnel::go([&] {
            ++up;
            for (;;) {
                o.touch();
                runnel::yield();
            }
        });
        runnel::go([&] { make_chan<int>().recv(); });
    }
    while (up < 4 || o.touched < 1000) std::this_thread::yield();
    return 4;
}
CHILD_SCENARIO(main_returns_with_goroutines) { return leave_running_goroutines(); }
CHILD_SCENARIO(exit_on_a_thread) { std::exit(leave_running_goroutines() + 1); }
CHILD_SCENARIO(exit_in_a_goroutine) {
    leave_running_goroutines();
    return runnel::run([]() -> int {
        runnel::go([] { std::exit(6); });
        return *make_chan<int>().recv();
    });
}
CHILD_SCENARIO(exit_in_blocking) {
    leave_running_goroutines();
    return runnel::run([]() -> int {
        runnel::blocking([] { std::exit(7); });
        return 1;
    });
}

int leave_goroutines_that_use_a_late_static() {
    std::atomic<int>& up = *new std::atomic<int>{0};
    for (int i = 0; i < 4; ++i) {
        runnel::go([&] {
            ++up;
            for (;;) {
                the_global()
                    .touch();  // made after the runtime, which has long been prepared for exit
                runnel::yield();
            }
        });
    }
    while (up < 4 || the_global().touched < 1000) std::this_thread::yield();
    return 8;
}
CHILD_SCENARIO(main_returns_before_a_late_static) {
    return leave_goroutines_that_use_a_late_static();
}
CHILD_SCENARIO(exit_in_a_goroutine_before_a_late_static) {
    return runnel::run([]() -> int {
        leave_goroutines_that_use_a_late_static();
        runnel::go([] { std::exit(9); });
        return *make_chan<int>().recv();
    });
}
CHILD_SCENARIO(exit_in_blocking_before_a_late_static) {
    return runnel::run([]() -> int {
        leave_goroutines_that_use_a_late_static();
        runnel::blocking([] { std::exit(10); });
        return 1;
    });
}
// The first goroutine is not main's, but it starts one later.
CHILD_SCENARIO(main_returns_after_another_thread_began) {
    std::thread([] { runnel::go([] {}); }).join();
    return leave_goroutines_that_use_a_late_static() + 3;
}
// Ending main's thread ends nothing else.
CHILD_SCENARIO(main_thread_ends_first) {
    leave_goroutines_that_use_a_late_static();
    std::thread([] {
        const long so_far = the_global().touched;
        while (the_global().touched < so_far + 1000) std::this_thread::yield();
        ::_exit(12);
    }).detach();
    ::pthread_exit(nullptr);
}
TEST_CASE("no goroutine runs while static objects are destroyed", "[runtime][exit]") {
    int expected = 4;
    for (const char* scenario :
         {"main_returns_with_goroutines", "exit_on_a_thread", "exit_in_a_goroutine",
          "exit_in_blocking", "main_returns_before_a_late_static",
          "exit_in_a_goroutine_before_a_late_static", "exit_in_blocking_before_a_late_static",
          "main_returns_after_another_thread_began", "main_thread_ends_first"}) {
        INFO(scenario);
        const auto r = test::run_scenario(scenario);
        INFO("stderr: " << r.err);
        CHECK(r.status == expected);
        CHECK(r.err.empty());
        ++expected;
    }
}

// What is printed to stderr goes to stdout, by a thread that then wakes who waits.
CHILD_SCENARIO(waits_in_a_static_destructor) {
    static runnel::wait_group wg;
    static const struct waits {
        ~waits() {
            wg.wait();
            std::puts("woken after all");
            std::fflush(stdout);
        }
    } last;
    wg.add();
    runnel::run([] {});
    int ends[2];
    if (::pipe(ends) != 0 || ::dup2(ends[1], STDERR_FILENO) < 0) return 1;
    std::thread([in = ends[0]] {
        char text[256];
        const ssize_t n = ::read(in, text, sizeof text);
        std::fwrite(text, 1, n > 0 ? static_cast<std::size_t>(n) : 0, stdout);
        wg.done();
    }).detach();
    return 0;
}
TEST_CASE("a thread that waits after the end says so", "[runtime][exit]") {
    const auto r = test::run_scenario("waits_in_a_static_destructor");
    CHECK(r.status == 0);
    CHECK(r.out ==
          "runnel: a thread waits (sync.WaitGroup.Wait) though main has returned, and goroutines "
          "run no "
          "more\nwoken after all\n");
}

}  // namespace
