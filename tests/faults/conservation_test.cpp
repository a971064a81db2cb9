// tests/faults/conservation_test.cpp — nothing is lost and nothing comes twice, whatever is late, early or elsewhere.
// SPDX-License-Identifier: BSL-1.0
//
//   On 1, 2, 3, 8 and 64 workers, with delays at every point, goroutines that are woken elsewhere, thieves that come
//   first, places that are taken, threads that wake for no reason and timers that are served late. What is sent is
//   received, left in the buffer or refused; what is made is destroyed; permits, locks and counts come out even.
//   RUNNEL_FAULT=seed chooses what strikes.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <random>
#include <shared_mutex>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <runnel/runnel.hpp>

#include "support/catch.hpp"
#include "support/faults.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::op_status;
using random_numbers = std::mt19937_64;

constexpr std::size_t workers[] = {1, 2, 3, 8, 64};

random_numbers numbers_for(int who) {
    return random_numbers(test::fault_seed() * 1000 + static_cast<std::uint64_t>(who));
}
std::chrono::microseconds some_time(random_numbers& r) {
    return std::chrono::microseconds(r() % 200);
}

// Runs `work` on every number of workers, under all that a program must not notice.
template <class Work>
void under_faults(int rounds, Work work) {
    for (const std::size_t n : workers) {
        INFO("RUNNEL_FAULT=" << test::fault_seed() << ", " << n << " workers");
        test::expectations expected;
        const test::procs limit(n);
        {
            const test::faults armed(test::harmless, test::fault_seed());
            runnel::run([&] {
                work(test::scale(rounds), expected);
                expected.check(test::eventually([] { return runnel::num_goroutine() == 1; }),
                               "all goroutines have ended");
            });
        }
        expected.verify();
    }
}

// ---- 1. channels ----

struct account {
    std::atomic<long> offered{0};
    std::atomic<long> sent{0};
    std::atomic<long> refused{0};
    std::atomic<long> received{0};
    std::atomic<long> sum_sent{0};
    std::atomic<long> sum_received{0};

    void was_sent(bool ok, int value) {
        ++(ok ? sent : refused);
        if (ok) sum_sent += value;
    }
    void was_received(const test::counted& c) {
        ++received;
        sum_received += c.value;
    }
};

// Every way to send, one after the other; some are refused.
void send_in_every_way(const runnel::chan<test::counted>& ch, const runnel::chan<int>& never,
                       account& a, int rounds, int who) {
    random_numbers random = numbers_for(who);
    const auto ctx = runnel::with_cancel(runnel::background());
    for (int i = 0; i < rounds; ++i) {
        const int value = static_cast<int>(random() % 1000);
        ++a.offered;
        switch (random() % 7) {
            case 0:
                ch.send(test::counted(value));
                a.was_sent(true, value);
                break;
            case 1:
                a.was_sent(ch.try_send(test::counted(value)) == op_status::ok, value);
                break;
            case 2:
                a.was_sent(ch.send_for(test::counted(value), some_time(random)) == op_status::ok,
                           value);
                break;
            case 3: {
                const auto limited = runnel::with_timeout(ctx, some_time(random));
                a.was_sent(ch.send(limited, test::counted(value)) == op_status::ok, value);
                break;
            }
            case 4:
                a.was_sent(
                    runnel::select(runnel::send(ch, test::counted(value)), runnel::recv(never),
                                   runnel::timeout(some_time(random))) == 0,
                    value);
                break;
            case 5: {
                const auto which =
                    runnel::select(runnel::recv(never), runnel::send(ch, test::counted(value)),
                                   runnel::otherwise());
                a.was_sent(which == 1, value);
                break;
            }
            default:
                // The same channel twice: exactly one of them.
                runnel::select(runnel::send(ch, test::counted(value)),
                               runnel::send(ch, test::counted(value)));
                a.was_sent(true, value);
        }
    }
}

void receive_in_every_way(const runnel::chan<test::counted>& ch, const runnel::chan<int>& never,
                          account& a, int who) {
    random_numbers random = numbers_for(who);
    for (;;) {
        switch (random() % 4) {
            case 0: {
                const auto got = ch.recv();
                if (!got) return;
                a.was_received(*got);
                break;
            }
            case 1: {
                const auto got = ch.recv_for(some_time(random));
                if (got) a.was_received(*got);
                break;
            }
            case 2: {
                bool open = true;
                runnel::select(runnel::recv(never),
                               runnel::recv(ch,
                                            [&](test::counted v, bool ok) {
                                                open = ok;
                                                if (ok) a.was_received(v);
                                            }),
                               runnel::timeout(some_time(random)));
                if (!open) return;
                break;
            }
            default: {
                const auto got = ch.try_recv();
                if (got) a.was_received(*got);
                runnel::yield();
            }
        }
    }
}

TEST_CASE("what is sent is received, buffered or refused", "[faults]") {
    for (const std::size_t capacity : {0U, 1U, 7U}) {
        INFO("capacity " << capacity);
        const long live = test::counted::live();
        under_faults(150, [&](int rounds, test::expectations& expected) {
            const auto ch = runnel::make_chan<test::counted>(capacity);
            const auto never = runnel::make_chan<int>();
            account a;
            runnel::wait_group senders;
            runnel::wait_group receivers;
            for (int i = 0; i < 3; ++i) {
                senders.go([&, i] { send_in_every_way(ch, never, a, rounds, i); });
                receivers.go([&, i] { receive_in_every_way(ch, never, a, 100 + i); });
            }
            std::thread foreign([&] { send_in_every_way(ch, never, a, rounds, 50); });
            senders.wait();
            foreign.join();
            ch.close();
            receivers.wait();
            expected.check_eq(a.sent + a.refused, a.offered.load(), "each was sent or refused");
            expected.check_eq(a.received.load(), a.sent.load(), "each that was sent was received");
            expected.check_eq(a.sum_received.load(), a.sum_sent.load(), "and was what was sent");
            expected.check_eq(ch.len(), std::size_t{0}, "the buffer is empty");
        });
        CHECK(test::counted::live() == live);
    }
}

TEST_CASE("what is left in a channel that is closed early is destroyed with it", "[faults]") {
    const long live = test::counted::live();
    under_faults(40, [&](int rounds, test::expectations& expected) {
        for (int round = 0; round < rounds; ++round) {
            auto ch = runnel::make_chan<test::counted>(3);
            std::atomic<long> sent{0};
            std::atomic<long> received{0};
            runnel::wait_group wg;
            for (int i = 0; i < 4; ++i) {
                wg.go([&, i] {
                    try {
                        for (int k = 0; k < 3; ++k) {
                            ch.send(test::counted(i));
                            ++sent;
                        }
                    } catch (const runnel::closed_channel&) {
                    }
                });
            }
            wg.go([&] {
                for (int k = 0; k < 5 && ch.recv(); ++k) ++received;
            });
            wg.go([&] { ch.close(); });
            wg.wait();
            long left = 0;
            while (ch.recv()) ++left;
            expected.check_eq(received + left, sent.load(), "received or left in the buffer");
        }
    });
    CHECK(test::counted::live() == live);
}

// ---- 2. locks, permits, counts ----

TEST_CASE("locks exclude, permits stay what they were, turns are taken", "[faults]") {
    under_faults(150, [](int rounds, test::expectations& expected) {
        runnel::mutex m;
        runnel::shared_mutex rw;
        runnel::semaphore permits(3);
        runnel::condition_variable changed;
        long counter = 0;  // guarded by m
        int turn = 0;      // guarded by m
        long written = 0;  // guarded by rw
        std::atomic<int> inside{0};
        std::atomic<long> expected_counter{0};
        std::atomic<long> expected_written{0};
        runnel::wait_group wg;
        constexpr int bodies = 5;
        for (int g = 0; g < bodies; ++g) {
            wg.go([&, g] {
                random_numbers random = numbers_for(g);
                const auto root = runnel::with_cancel(runnel::background());
                for (int i = 0; i < rounds; ++i) {
                    switch (random() % 6) {
                        case 0:
                            if (std::unique_lock held(m, std::try_to_lock); held) {
                                ++counter;
                                ++expected_counter;
                            }
                            break;
                        case 1: {
                            const std::lock_guard held(m);
                            const long before = counter;
                            runnel::yield();
                            counter = before + 1;
                            ++expected_counter;
                            break;
                        }
                        case 2: {
                            const std::lock_guard held(rw);
                            const long before = written;
                            runnel::yield();
                            written = before + 1;
                            ++expected_written;
                            break;
                        }
                        case 3: {
                            const std::shared_lock held(rw);
                            const long before = written;
                            runnel::yield();
                            expected.check(written == before, "no writer beside a reader");
                            break;
                        }
                        case 4: {
                            const auto limited = runnel::with_timeout(root, some_time(random));
                            const bool got = i % 2 == 0
                                                 ? permits.acquire(limited, 2) == op_status::ok
                                                 : permits.try_acquire(2);
                            if (!got) break;
                            expected.check((inside += 2) <= 3, "no more than the permits");
                            runnel::yield();
                            inside -= 2;
                            permits.release(2);
                            break;
                        }
                        default: {
                            permits.acquire();
                            expected.check(++inside <= 3, "no more than the permits");
                            --inside;
                            permits.release();
                        }
                    }
                }
            });
            wg.go([&, g] {
                for (int i = 0; i < rounds / 4; ++i) {
                    std::unique_lock held(m);
                    changed.wait(held, [&] { return turn == g; });
                    turn = (turn + 1) % bodies;
                    changed.notify_all();
                }
            });
        }
        wg.wait();
        expected.check_eq(counter, expected_counter.load(), "the mutex excludes");
        expected.check_eq(written, expected_written.load(), "the writers exclude one another");
        expected.check(permits.try_acquire(3), "all permits are back");
        permits.release(3);
    });
}

TEST_CASE("every member of a group ends, once, with its context", "[faults]") {
    under_faults(40, [](int rounds, test::expectations& expected) {
        for (int round = 0; round < rounds; ++round) {
            random_numbers random = numbers_for(round);
            std::atomic<int> ended{0};
            std::atomic<int> cleaned{0};
            runnel::context inside;
            {
                const auto ctx =
                    runnel::with_timeout(runnel::background(), some_time(random) + 1us);
                inside = ctx;
                runnel::after_func(ctx, [&] { ++cleaned; });
                runnel::wait_group wg;
                for (int i = 0; i < 6; ++i) {
                    wg.go([&, ctx = runnel::context(ctx)] {
                        const auto child = runnel::with_cancel(ctx);
                        ctx.done().recv();
                        child.done().recv();
                        ++ended;
                    });
                }
                if (round % 2 == 0) ctx.cancel();
                wg.wait();
            }
            expected.check_eq(ended.load(), 6, "all came through");
            expected.check(inside.err() != std::error_code(), "and the context says why");
            expected.check(test::eventually([&] { return cleaned == 1; }), "after_func ran once");
        }
    });
}

// ---- 3. time ----

TEST_CASE("a timer fires once or is stopped, and no sleep is early", "[faults]") {
    under_faults(100, [](int rounds, test::expectations& expected) {
        std::atomic<int> fired{0};
        std::atomic<int> stopped{0};
        runnel::wait_group wg;
        for (int g = 0; g < 4; ++g) {
            wg.go([&, g] {
                random_numbers random = numbers_for(g);
                for (int i = 0; i < rounds; ++i) {
                    auto t = runnel::after_func(some_time(random), [&] { ++fired; });
                    const auto d = some_time(random);
                    const auto began = runnel::clock::now();
                    runnel::sleep_for(d);
                    expected.check(runnel::clock::now() - began >= d, "no sleep is early");
                    if (t.stop()) ++stopped;
                }
            });
        }
        wg.wait();
        expected.check(test::eventually([&] { return fired + stopped == 4 * rounds; }),
                       "each fired or was stopped");
        expected.check_eq(fired + stopped, 4 * rounds, "and not both");
    });
}

// ---- 4. goroutines and threads ----

TEST_CASE("goroutines that change threads, keep theirs or block it all come through", "[faults]") {
    under_faults(60, [](int rounds, test::expectations& expected) {
        std::atomic<long> done{0};
        const auto ring = runnel::make_chan<int>(2);
        runnel::wait_group wg;
        for (int g = 0; g < 6; ++g) {
            wg.go([&, g] {
                for (int i = 0; i < rounds; ++i) {
                    switch ((g + i) % 5) {
                        case 0:
                            runnel::yield();
                            break;
                        case 1: {
                            const runnel::thread_lock pinned;
                            const auto id = std::this_thread::get_id();
                            runnel::sleep_for(10us);
                            expected.check(id == std::this_thread::get_id(), "the thread is kept");
                            break;
                        }
                        case 2:
                            runnel::blocking([] { std::this_thread::yield(); });
                            break;
                        case 3:
                            expected.check_eq(runnel::async([i] {
                                                  runnel::yield();
                                                  return i;
                                              }).get(),
                                              i, "the result");
                            break;
                        default:
                            try {
                                throw i;
                            } catch (const int& caught) {
                                ring.send(1);
                                ring.recv();
                                expected.check_eq(caught, i, "the exception is still ours");
                            }
                    }
                    ++done;
                }
            });
        }
        wg.wait();
        expected.check_eq(done.load(), 6L * rounds, "all came through");
    });
}

// ---- 5. and all of it was under faults ----

TEST_CASE("every point was visited, and every fault struck", "[faults]") {
    if (test::scale(100) < 100 || std::getenv("RUNNEL_FAULT_ONLY") != nullptr) {
        SUCCEED("too little was done for that");
        return;
    }
    // The monitor comes by every 10 ms only, and all the above may take less than half a second.
    {
        const test::faults armed(test::harmless, test::fault_seed());
        runnel::run([] {
            std::atomic<bool> over{false};
            runnel::wait_group wg;
            for (int i = 0; i < 4; ++i) {
                wg.go([&] {
                    while (!over) runnel::yield();
                });
            }
            CHECK(test::eventually(
                [] { return test::fault_count_of("monitor.take_place").strikes > 0; }));
            over = true;
            wg.wait();
        });
    }
    for (const test::fault_count& c : test::fault_counts()) {
        std::printf("%-32s %10llu visits %10llu strikes\n", c.name.c_str(),
                    static_cast<unsigned long long>(c.visits),
                    static_cast<unsigned long long>(c.strikes));
    }
    for (const char* name : {"scheduler.elsewhere",
                             "scheduler.pick_nothing",
                             "scheduler.steal_first",
                             "scheduler.steal_warm",
                             "scheduler.stay_away",
                             "scheduler.keeper_early",
                             "scheduler.timers_late",
                             "goroutine.preempted",
                             "monitor.take_place",
                             "futex_wait.interrupted",
                             "futex_wait.woken",
                             "futex_wake",
                             "scheduler.ready",
                             "scheduler.idle.listed",
                             "scheduler.idle.announced",
                             "scheduler.idle.before_sleep",
                             "scheduler.wake.reserved",
                             "run_queue.steal.before_commit",
                             "sleeper.claim",
                             "sleeper.wake",
                             "sleeper.before_arm",
                             "sleeper.armed",
                             "timer_queue.arm",
                             "timer_queue.cancel",
                             "timer_queue.before_fire",
                             "mutex.unlock",
                             "shared_mutex.leave",
                             "condition_variable.unlock",
                             "countdown.subtract",
                             "context.decided",
                             "stack_pool.allocate",
                             "spawn.construct"}) {
        INFO(name);
        CHECK(test::fault_count_of(name).strikes > 0);
    }
}

}  // namespace
