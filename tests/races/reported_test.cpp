// tests/races/reported_test.cpp — programs in which one edge is missing: the thread sanitizer must report each.
// SPDX-License-Identifier: BSL-1.0
//
//   RACE(name) is a program with `mended`. As a child process it is run, on one worker and then on two, with
//   mended == false and must be reported: the exit status is the sanitizer's, and the report names it. Here
//   it is run with mended == true, which is the same program with the edge, and nothing may be reported:
//   so that edge is all that is missing.
//
//     races_reported_test --list-tests            what there is
//     races_reported_test write_after_send        one of them
//     races_reported_test --scenario write_after_send      its race alone, for the report itself
#include <atomic>
#include <cstdio>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>
#include <thread>

#include <runnel/runnel.hpp>

#include "races/steps.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

using namespace std::chrono_literals;
using runnel::make_chan;
using runnel::unit;
using test::beside;
using test::plain;
using test::steps;

namespace {

using program = void (*)(bool mended);

/// More workers than are needed: a thread that a goroutine makes later is ordered after what that one did,
/// and the monitor may ask for one at any time.
void start_workers() {
    constexpr int n = 6;
    std::atomic<int> there{0};
    runnel::wait_group wg;
    for (int i = 0; i < n; ++i) {
        wg.go([&] {
            runnel::blocking([&] {
                there.fetch_add(1, std::memory_order_relaxed);
                while (there.load(std::memory_order_relaxed) < n) std::this_thread::yield();
            });
        });
    }
    wg.wait();
}

constexpr const char* end_mark = "*** came to its end";

int race(program p) {
    for (const std::size_t n : {1U, 2U}) {
        const test::procs workers(n);
        runnel::run([p] {
            start_workers();
            p(false);
        });
        std::fprintf(stderr, "%s\n", end_mark);
    }
    return 0;
}

void must_report(const char* name, program p) {
    // Two reports of one race, if it is found on one worker and on two.
    const auto r =
        test::run_scenario(name, {"TSAN_OPTIONS=halt_on_error=0:exitcode=66:history_size=7:"
                                  "suppress_equal_stacks=0:suppress_equal_addresses=0"});
    INFO(r.err);
    CHECK(r.status == 66);
    std::string_view rest = r.err;
    for (const char* workers : {"one worker", "two workers"}) {
        INFO(workers);
        const auto end = rest.find(end_mark);
        REQUIRE(end != std::string_view::npos);
        const std::string_view report = rest.substr(0, end);
        CHECK(test::contains(report, "WARNING: ThreadSanitizer: data race"));
        CHECK(test::contains(report, name));
        rest.remove_prefix(end + 1);
    }
    for (const std::size_t n : {1U, 2U}) {
        const test::procs limit(n);
        runnel::run([p] {
            for (int i = 0; i < test::scale(200); ++i) p(true);
        });
    }
}

}  // namespace

#define RACE(name)                                                      \
    static void name(bool mended);                                      \
    CHILD_SCENARIO(name) { return race(name); }                         \
    TEST_CASE(#name, "[races][reported]") { must_report(#name, name); } \
    static void name([[maybe_unused]] bool mended)

// ---- 1. channels ----

RACE(write_after_send) {
    static plain x;
    steps s;
    auto c = make_chan<int>();
    beside(
        [&] {
            if (mended) x = 1;
            c.send(0);
            if (!mended) x = 1;
            s.reached(1);
        },
        [&] {
            c.recv();
            if (!mended) s.await(1);
            ++x;
        });
}

RACE(write_after_buffered_send) {
    static plain x;
    steps s;
    auto c = make_chan<int>(1);
    beside(
        [&] {
            if (mended) x = 1;
            c.send(0);
            if (!mended) x = 1;
            s.reached(1);
        },
        [&] {
            c.recv();
            s.await(1);
            ++x;
        });
}

RACE(write_after_close) {
    static plain x;
    steps s;
    auto c = make_chan<int>();
    beside(
        [&] {
            if (mended) x = 1;
            c.close();
            if (!mended) x = 1;
            s.reached(1);
        },
        [&] {
            c.recv();
            s.await(1);
            ++x;
        });
}

RACE(thread_writes_after_send) {
    static plain x;
    steps s;
    auto c = make_chan<int>(1);
    std::thread t([&] {
        if (mended) x = 1;
        c.send(0);
        if (!mended) x = 1;
        s.reached(1);
    });
    c.recv();
    s.await(1);
    ++x;
    t.join();
}

// A buffered receive is not ordered before its own send's end, an unbuffered one is.
RACE(buffered_receive_and_its_own_send) {
    static plain x;
    steps s;
    auto c = make_chan<int>(mended ? 0 : 1);
    beside(
        [&] {
            s.await(1);
            x = 1;
            c.recv();
            s.reached(2);
        },
        [&] {
            s.reached(1);
            c.send(0);
            s.await(2);
            ++x;
        });
}

// The same when the receiver comes first, and the value goes past the buffer.
RACE(waiting_receive_and_its_own_send) {
    static plain x;
    steps s;
    auto c = make_chan<int>(mended ? 0 : 1);
    beside(
        [&] {
            x = 1;
            s.reached(1);
            c.recv();
            s.reached(2);
        },
        [&] {
            s.await(1);
            runnel::sleep_for(1ms);
            c.send(0);
            s.await(2);
            ++x;
        });
}

// With a buffer of two the first receive happens before the third send's end, not before the second's.
RACE(send_one_too_early) {
    static plain x;
    steps s;
    auto c = make_chan<int>(2);
    beside(
        [&] {
            s.await(1);
            x = 1;
            c.recv();
            s.reached(2);
        },
        [&] {
            c.send(0);
            s.reached(1);
            c.send(0);
            if (mended) c.send(0);
            s.await(2);
            ++x;
        });
}

RACE(send_one_too_early_for_a_waiting_receive) {
    static plain x;
    steps s;
    auto c = make_chan<int>(2);
    beside(
        [&] {
            x = 1;
            s.reached(1);
            c.recv();
            s.reached(2);
        },
        [&] {
            s.await(1);
            runnel::sleep_for(1ms);
            c.send(0);
            c.send(0);
            if (mended) c.send(0);
            s.await(2);
            ++x;
        });
}

// A receive from an unbounded channel orders no send.
RACE(receive_from_an_unbounded_channel) {
    static plain x;
    steps s;
    auto c = mended ? make_chan<int>(1) : make_chan<int>(runnel::unbounded);
    beside(
        [&] {
            s.await(1);
            x = 1;
            c.recv();
            s.reached(2);
        },
        [&] {
            c.send(0);
            s.reached(1);
            s.await(2);
            c.send(0);
            ++x;
        });
}

RACE(two_receivers_of_one_channel) {
    static plain x;
    steps s;
    auto c = make_chan<int>(2);
    auto next = make_chan<unit>(1);
    c.send(0);
    c.send(0);
    beside(
        [&] {
            c.recv();
            ++x;
            if (mended) next.send();
            s.reached(1);
        },
        [&] {
            c.recv();
            s.await(1);
            if (mended) next.recv();
            ++x;
        });
}

RACE(case_that_was_not_chosen) {
    static plain x;
    steps s;
    auto a = make_chan<int>(1);
    auto b = make_chan<int>(1);
    beside(
        [&] {
            x = 1;
            a.send(0);
            s.reached(1);
        },
        [&] {
            s.await(1);
            if (!mended) b.send(0);
            runnel::select(runnel::in_order, runnel::recv(b), runnel::recv(a));
            ++x;
        });
}

RACE(otherwise_was_chosen) {
    static plain x;
    steps s;
    auto c = make_chan<int>(1);
    beside(
        [&] {
            x = 1;
            if (mended) c.send(0);
            s.reached(1);
        },
        [&] {
            s.await(1);
            runnel::select(runnel::recv(c), runnel::otherwise());
            ++x;
        });
}

RACE(try_send_that_failed) {
    static plain x;
    steps s;
    auto c = make_chan<int>(mended ? 2 : 1);
    c.send(0);
    beside(
        [&] {
            x = 1;
            c.try_send(0);
            s.reached(1);
        },
        [&] {
            s.await(1);
            while (c.try_recv()) {
            }
            ++x;
        });
}

RACE(receive_that_timed_out) {
    static plain x;
    steps s;
    auto c = make_chan<int>(1);
    beside(
        [&] {
            x = 1;
            if (mended) c.send(0);
            s.reached(1);
        },
        [&] {
            s.await(1);
            c.recv_for(1ms);
            ++x;
        });
}

RACE(send_on_a_closed_channel) {
    static plain x;
    steps s;
    auto c = make_chan<int>(1);
    beside(
        [&] {
            x = 1;
            c.close();
            s.reached(1);
        },
        [&] {
            s.await(1);
            try {
                c.send(0);
            } catch (const runnel::closed_channel&) {
            }
            if (mended) c.recv();
            ++x;
        });
}

RACE(len_of_a_channel) {
    static plain x;
    auto c = make_chan<int>(1);
    beside(
        [&] {
            x = 1;
            c.send(0);
        },
        [&] {
            while (c.len() == 0) runnel::yield();
            if (mended) c.recv();
            ++x;
        });
}

// ---- 2. goroutines and runs ----

RACE(write_after_go) {
    static plain x;
    steps s;
    runnel::wait_group wg;
    if (mended) x = 1;
    wg.go([&] {
        s.await(1);
        ++x;
    });
    if (!mended) x = 1;
    s.reached(1);
    wg.wait();
}

RACE(end_of_a_goroutine) {
    static plain x;
    const std::size_t before = runnel::num_goroutine();
    auto done = make_chan<unit>(1);
    runnel::go([=] {
        x = 1;
        if (mended) done.send();
    });
    while (runnel::num_goroutine() > before) runnel::yield();
    if (mended) done.recv();
    ++x;
}

RACE(figures_of_the_runtime) {
    static plain x;
    steps s;
    auto c = make_chan<unit>(1);
    beside(
        [&] {
            x = 1;
            c.send();
            s.reached(1);
        },
        [&] {
            s.await(1);
            static_cast<void>(runnel::stats());
            static_cast<void>(runnel::debug::goroutines());
            static_cast<void>(c.cap());
            if (mended) c.recv();
            ++x;
        });
}

RACE(goroutine_outside_the_run) {
    static plain x;
    steps s;
    const auto write = [&s] {
        x = 1;
        s.reached(1);
    };
    if (!mended) runnel::go(write);
    runnel::run([&] {
        if (mended) runnel::go(write);
        s.await(1);
    });
    ++x;
}

// What is inside blocking() goes on when its run has ended.
RACE(blocking_outlives_its_run) {
    static plain x;
    auto& s = *new steps;  // for good: whoever is left behind looks at it
    runnel::run([&] {
        runnel::go([&s, mended] {
            if (mended) x = 1;
            runnel::blocking([&s, mended] {
                s.reached(1);
                s.await(2);
                if (!mended) x = 1;
                s.reached(3);
            });
        });
        s.await(1);
    });
    s.reached(2);
    s.await(3);
    ++x;
}

RACE(future_of_one_that_only_started_another) {
    static plain x;
    steps s;
    runnel::wait_group wg;
    auto f = runnel::async([&] {
        wg.go([&] {
            x = 1;
            s.reached(1);
        });
        if (mended) wg.wait();
    });
    f.get();
    s.await(1);
    ++x;
    wg.wait();
}

RACE(wait_for_a_future_that_timed_out) {
    static plain x;
    steps s;
    auto f = runnel::async([&, mended] {
        x = 1;
        s.reached(1);
        if (!mended) s.await(2);
    });
    s.await(1);
    if (mended) {
        f.wait();
    } else {
        f.wait_for(1ms);
    }
    ++x;
    s.reached(2);
    f.get();
}

// ---- 3. locks ----

RACE(two_mutexes) {
    static plain x;
    steps s;
    runnel::mutex a;
    runnel::mutex b;
    beside(
        [&] {
            const std::lock_guard guard(a);
            ++x;
            s.reached(1);
        },
        [&] {
            s.await(1);
            const std::lock_guard guard(mended ? a : b);
            ++x;
        });
}

RACE(write_after_unlock) {
    static plain x;
    steps s;
    runnel::mutex m;
    beside(
        [&] {
            {
                const std::lock_guard guard(m);
                if (mended) x = 1;
            }
            if (!mended) x = 1;
            s.reached(1);
        },
        [&] {
            s.await(1);
            const std::lock_guard guard(m);
            ++x;
        });
}

RACE(try_lock_that_failed) {
    static plain x;
    steps s;
    runnel::mutex m;
    beside(
        [&] {
            const std::lock_guard guard(m);
            x = 1;
            s.reached(1);
            if (!mended) s.await(2);
        },
        [&] {
            s.await(1);
            const std::unique_lock guard =
                mended ? std::unique_lock(m) : std::unique_lock(m, std::try_to_lock);
            ++x;
            s.reached(2);
        });
}

RACE(write_under_a_shared_lock) {
    static plain x;
    steps s;
    runnel::shared_mutex m;
    const auto both_inside = [&](int mine, int other) {
        const std::shared_lock guard(m);
        s.await(mine);
        ++x;
        s.reached(mine + 1);
        s.await(other);
    };
    if (!mended) {
        beside([&] { both_inside(0, 2); }, [&] { both_inside(1, 2); });
        return;
    }
    const auto alone = [&] {
        const std::unique_lock guard(m);
        ++x;
    };
    beside(alone, alone);
}

RACE(semaphore_of_two) {
    static plain x;
    steps s;
    runnel::semaphore places(mended ? 1 : 2);
    beside(
        [&] {
            places.acquire();
            ++x;
            s.reached(1);
            if (!mended) s.await(2);
            places.release();
        },
        [&] {
            s.await(1);
            places.acquire();
            ++x;
            s.reached(2);
            places.release();
        });
}

// The lock comes too late: the waiter has read it before.
RACE(condition_changed_without_the_lock) {
    static plain
        fresh[3];  // the sanitizer remembers few accesses of each: here the first one counts
    plain& x = fresh[runnel::max_procs()];
    if (mended) x = 0;
    steps s;
    runnel::mutex m;
    runnel::condition_variable changed;
    beside(
        [&] {
            s.await(1);
            if (!mended) x = 1;
            {
                const std::lock_guard guard(m);
                if (mended) x = 1;
            }
            changed.notify_one();
        },
        [&] {
            std::unique_lock held(m);
            changed.wait(held, [&] {
                const bool there = x.get() != 0;
                s.reached(1);
                return there;
            });
        });
}

RACE(notification_that_nobody_waits_for) {
    static plain x;
    steps s;
    runnel::mutex m;
    runnel::condition_variable changed;
    beside(
        [&] {
            std::unique_lock held(m, std::defer_lock);
            if (mended) held.lock();
            x = 1;
            changed.notify_all();
            s.reached(1);
        },
        [&] {
            s.await(1);
            const std::unique_lock held(m);
            ++x;
        });
}

RACE(write_after_once) {
    static plain x;
    steps s;
    runnel::once once;
    beside(
        [&] {
            once.call([&] {
                if (mended) x = 1;
            });
            if (!mended) x = 1;
            s.reached(1);
        },
        [&] {
            s.await(1);
            once.call([] {});
            ++x;
        });
}

// ---- 4. counters ----

RACE(write_after_done) {
    static plain x;
    steps s;
    runnel::wait_group wg;
    wg.add();
    beside(
        [&] {
            if (mended) x = 1;
            wg.done();
            if (!mended) x = 1;
            s.reached(1);
        },
        [&] {
            wg.wait();
            s.await(1);
            ++x;
        });
}

RACE(members_of_a_wait_group) {
    static plain x;
    steps s;
    runnel::mutex m;
    runnel::wait_group wg;
    for (int i = 0; i < 2; ++i) {
        wg.go([&, i] {
            s.await(i);
            std::unique_lock held(m, std::defer_lock);
            if (mended) held.lock();
            ++x;
            s.reached(i + 1);
        });
    }
    wg.wait();
}

RACE(latch_that_is_one_short) {
    static plain x;
    steps s;
    runnel::latch open(mended ? 2 : 1);
    beside(
        [&] {
            x = 1;
            if (mended) open.count_down();
            s.reached(1);
        },
        [&] {
            s.await(1);
            open.count_down();
            open.wait();
            ++x;
        });
}

RACE(barrier_that_is_one_short) {
    static plain x;
    steps s;
    runnel::barrier<> phase(mended ? 2 : 1);
    beside(
        [&] {
            x = 1;
            if (mended) static_cast<void>(phase.arrive());
            s.reached(1);
        },
        [&] {
            s.await(1);
            phase.arrive_and_wait();
            ++x;
        });
}

// ---- 5. compositions ----

RACE(members_of_a_group) {
    static plain x;
    steps s;
    runnel::mutex m;
    runnel::group g;
    for (int i = 0; i < 2; ++i) {
        g.go([&, i] {
            s.await(i);
            std::unique_lock held(m, std::defer_lock);
            if (mended) held.lock();
            ++x;
            s.reached(i + 1);
        });
    }
    g.wait();
}

RACE(singleflight_of_two_keys) {
    static plain x;
    steps s;
    runnel::mutex m;
    runnel::singleflight<int, int> flights;
    const auto fly = [&](int key) {
        flights.run(key, [&, key] {
            s.await(key);
            {
                std::unique_lock held(m, std::defer_lock);
                if (mended) held.lock();
                ++x;
            }
            s.reached(key + 1);
            s.await(2);  // both calls run: the table's own lock orders only what ended before
            return 0;
        });
    };
    beside([&] { fly(0); }, [&] { fly(1); });
}

RACE(write_after_put) {
    steps s;
    runnel::pool<std::unique_ptr<int>> values([] { return std::make_unique<int>(0); });
    beside(
        [&] {
            auto p = values.get();
            int* kept = p.get();
            if (mended) *kept = 1;
            values.put(std::move(p));
            if (!mended) *kept = 1;
            s.reached(1);
        },
        [&] {
            s.await(1);
            auto p = values.get();
            ++*p;
        });
}

// ---- 6. contexts and time ----

RACE(value_changed_after_cancel) {
    static plain x;
    static const runnel::context_key<plain*> where{"where"};
    steps s;
    auto stop = runnel::with_cancel(runnel::background());
    const runnel::context ctx = runnel::with_value(stop, where, &x);
    beside(
        [&] {
            if (mended) x = 1;
            stop.cancel();
            if (!mended) x = 1;
            s.reached(1);
        },
        [&, ctx] {
            s.await(1);
            if (ctx.err()) ++**ctx.value(where);
        });
}

RACE(stop_of_a_function_that_runs) {
    static plain x;
    steps s;
    auto done = make_chan<unit>(1);
    auto ctx = runnel::with_cancel(runnel::background());
    auto handle = runnel::after_func(ctx, [&s, done, mended] {
        x = 1;
        if (mended) done.send();
        s.reached(1);
    });
    ctx.cancel();
    s.await(1);
    handle.stop();
    if (mended) done.recv();
    ++x;
}

RACE(stop_of_a_timer_that_fired) {
    static plain x;
    steps s;
    auto done = make_chan<unit>(1);
    auto t = runnel::after_func(0ms, [&s, done, mended] {
        x = 1;
        if (mended) done.send();
        s.reached(1);
    });
    s.await(1);
    t.stop();
    if (mended) done.recv();
    ++x;
}

RACE(write_after_reset) {
    static plain x;
    steps s;
    auto done = make_chan<unit>(1);
    auto t = runnel::after_func(1h, [&s, done] {
        s.await(1);
        ++x;
        done.send();
    });
    if (mended) x = 1;
    t.reset(0ms);
    if (!mended) x = 1;
    s.reached(1);
    done.recv();
}

// ---- 7. what has nothing to do with the library ----

RACE(relaxed_flag) {
    static plain x;
    std::atomic<bool> there{false};
    beside(
        [&] {
            x = 1;
            there.store(true, mended ? std::memory_order_release : std::memory_order_relaxed);
        },
        [&] {
            while (!there.load(mended ? std::memory_order_acquire : std::memory_order_relaxed)) {
                runnel::yield();
            }
            ++x;
        });
}

// docs/guide/practices.md shows these two.
// [count-bad]
static int unguarded_count(int n) {
    int counter = 0;
    runnel::wait_group wg;
    for (int i = 0; i < n; ++i) {
        wg.go([&counter] { ++counter; });
    }
    wg.wait();
    return counter;
}
// [/count-bad]

// [count-good]
static int guarded_count(int n) {
    std::atomic<int> counter{0};
    runnel::wait_group wg;
    for (int i = 0; i < n; ++i) {
        wg.go([&counter] { ++counter; });
    }
    wg.wait();
    return counter;
}
// [/count-good]

// So many that some come one after the other.
RACE(unguarded) {
    const int counted = mended ? guarded_count(100) : unguarded_count(100);
    if (mended && counted != 100) throw std::runtime_error("it counted wrong");
}
