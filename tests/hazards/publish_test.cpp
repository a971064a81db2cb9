// tests/hazards/publish_test.cpp — everyday work while every synchronisation point may be delayed.
// SPDX-License-Identifier: BSL-1.0
//
//   Built with the fault points: at each the thread may give its processor away, spin or sleep, which
//   opens the windows between "visible" and "ready". A goroutine that could be seen before its registers
//   are saved, or a wake-up that fell between a look and a sleep, shows as a fault, a hang or a wrong sum.
#include <atomic>
#include <chrono>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <runnel/runnel.hpp>

#include "support/catch.hpp"
#include "support/faults.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;

struct arm_points : test::faults {
    arm_points() : faults(test::delays, test::fault_seed()) {}
};

void with_workers(int rounds, void (*work)(int rounds, test::expectations&)) {
    INFO("seed " << test::seed());
    for (const std::size_t n : {2U, 4U, 8U}) {
        test::expectations expected;
        const test::procs limit(n);
        {
            const arm_points a;
            runnel::run([&] { work(test::scale(rounds), expected); });
        }
        expected.verify();
    }
}

TEST_CASE("unbuffered channels under delays", "[hazards][publish][bug-11]") {
    with_workers(3000, [](int rounds, test::expectations& expected) {
        const auto ch = runnel::make_chan<int>();
        const auto sums = runnel::make_chan<long>(4);
        runnel::wait_group senders;
        for (int s = 0; s < 4; ++s) {
            senders.go([&] {
                for (int i = 1; i <= rounds; ++i) ch.send(i);
            });
            runnel::go([=] {
                long sum = 0;
                for (int v : ch) sum += v;
                sums.send(sum);
            });
        }
        senders.wait();
        ch.close();
        long sum = 0;
        for (int i = 0; i < 4; ++i) sum += *sums.recv();
        expected.check_eq(sum, 4L * rounds * (rounds + 1) / 2, "everything arrived once");
    });
}

TEST_CASE("yields and spawns under delays", "[hazards][publish][bug-11]") {
    with_workers(300, [](int rounds, test::expectations& expected) {
        std::atomic<long> turns{0};
        runnel::wait_group wg;
        for (int g = 0; g < 20; ++g) {
            wg.go([&, rounds] {
                for (int i = 0; i < rounds; ++i) {
                    runnel::yield();
                    if (i % 10 == 0) wg.go([&] { ++turns; });
                }
            });
        }
        wg.wait();
        expected.check_eq(turns.load(), 20L * ((rounds + 9) / 10), "all ran");
    });
}

TEST_CASE("selects, deadlines and close under delays", "[hazards][publish]") {
    with_workers(1000, [](int rounds, test::expectations& expected) {
        const auto a = runnel::make_chan<int>();
        const auto b = runnel::make_chan<int>(2);
        std::atomic<long> sent{0};
        std::atomic<long> received{0};
        runnel::wait_group senders;
        runnel::wait_group receivers;
        for (int g = 0; g < 3; ++g) {
            senders.go([&] {
                for (int i = 1; i <= rounds; ++i) {
                    const auto which =
                        runnel::select(runnel::send(a, i), runnel::send(b, i),
                                       runnel::timeout(std::chrono::microseconds(50 + i % 200)));
                    if (which < 2) sent += i;
                }
            });
            receivers.go([&] {
                bool a_open = true;
                bool b_open = true;
                while (a_open || b_open) {
                    runnel::select(runnel::recv(a_open ? a : runnel::chan<int>(),
                                                [&](int v, bool ok) {
                                                    a_open = ok;
                                                    received += v;
                                                }),
                                   runnel::recv(b_open ? b : runnel::chan<int>(),
                                                [&](int v, bool ok) {
                                                    b_open = ok;
                                                    received += v;
                                                }),
                                   runnel::timeout(100us));
                }
            });
        }
        senders.wait();
        a.close();
        b.close();
        receivers.wait();
        expected.check_eq(received.load(), sent.load(), "what was sent was received");
    });
}

TEST_CASE("locks, conditions and sleeps under delays", "[hazards][publish][bug-23]") {
    with_workers(500, [](int rounds, test::expectations& expected) {
        runnel::mutex m;
        runnel::condition_variable changed;
        int counter = 0;
        int turn = 0;
        runnel::wait_group wg;
        for (int g = 0; g < 4; ++g) {
            wg.go([&, g, rounds] {
                for (int i = 0; i < rounds; ++i) {
                    std::unique_lock held(m);
                    changed.wait(held, [&] { return turn == g; });
                    turn = (turn + 1) % 4;
                    ++counter;
                    changed.notify_all();
                    if (i % 50 == 0) {
                        held.unlock();
                        runnel::sleep_for(20us);
                    }
                }
            });
        }
        wg.wait();
        expected.check_eq(counter, 4 * rounds, "all turns");
    });
}

TEST_CASE("a foreign thread wakes idle workers under delays", "[hazards][publish]") {
    for (const std::size_t n : {1U, 2U, 4U}) {
        const test::procs limit(n);
        const int rounds = test::scale(2000);
        long sum = 0;
        {
            const arm_points a;
            const auto ping = runnel::make_chan<int>();
            const auto pong = runnel::make_chan<int>();
            runnel::go([=] {
                for (int v : ping) pong.send(v + 1);
                pong.close();
            });
            for (int i = 0; i < rounds; ++i) {
                ping.send(i);
                sum += *pong.recv();
                if (i % 7 == 0) std::this_thread::sleep_for(std::chrono::microseconds(i % 150));
            }
            ping.close();
            pong.recv();
        }
        CHECK(sum == static_cast<long>(rounds) * (rounds - 1) / 2 + rounds);
    }
}

TEST_CASE("runs end under delays", "[hazards][publish]") {
    const int rounds = test::scale(300);
    const auto numbers = runnel::make_chan<int>();
    long sum = 0;
    for (int i = 0; i < rounds; ++i) {
        const arm_points a;
        runnel::run([&] {
            // Left behind in every state there is.
            for (int k = 0; k < 3; ++k) {
                runnel::go([&] { numbers.recv(); });
                runnel::go([&] { numbers.send(-1'000'000); });
                runnel::go([] { runnel::sleep_for(50us); });
                runnel::go([] {
                    for (;;) runnel::yield();
                });
            }
            runnel::yield();
        });
        sum += runnel::run([&] {
            runnel::go([&, i] { numbers.send(i); });
            return *numbers.recv();
        });
    }
    CHECK(sum == static_cast<long>(rounds) * (rounds - 1) / 2);
}

TEST_CASE("the points that matter were visited", "[hazards][publish]") {
    {
        const arm_points a;
        runnel::run([] {
            for (int i = 0; i < 100; ++i) runnel::sleep_for(1us);
        });
    }
    for (const char* name :
         {"scheduler.ready", "scheduler.idle.listed", "scheduler.idle.announced",
          "scheduler.idle.before_sleep", "scheduler.wake.reserved", "run_queue.steal.before_commit",
          "sleeper.wake", "sleeper.claim", "sleeper.before_arm", "timer_queue.arm"}) {
        INFO(name);
        CHECK(test::fault_count_of(name).visits > 0);
    }
}

}  // namespace
