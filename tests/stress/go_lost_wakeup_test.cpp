// tests/stress/go_lost_wakeup_test.cpp — work that comes in the moment in which the last worker falls asleep.
// SPDX-License-Identifier: BSL-1.0
//
//   The interleaving hunted: a worker has looked everywhere and is about to sleep; a foreign thread queues a
//   goroutine and sees, or does not see, that somebody is about to sleep. If each misses the other nothing
//   ever runs again. Pauses of all lengths in between hit every stage of falling asleep and waking up:
//   spinning, announced, listed, second look, futex. A stall is a failure, not a hang.
#include <atomic>
#include <chrono>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <runnel/chan.hpp>
#include <runnel/detail/config.hpp>
#include <runnel/go.hpp>
#include <runnel/runtime.hpp>
#include <runnel/thread_lock.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;

constexpr auto stall = 20s;
// On a machine that is busy with other things a round takes a hundred times as long: then fewer do.
constexpr auto enough = 8s;

// Mostly as long as a worker searches before it sleeps, sometimes much longer.
class pauses {
public:
    explicit pauses(std::uint64_t salt) : random_(test::seed() ^ salt) {}
    void next() {
        const auto r = static_cast<std::uint32_t>(random_());
        if (r % 64 == 0) {
            std::this_thread::sleep_for(std::chrono::microseconds(r / 64 % 200));
        } else if (r % 2 == 0) {
            for (std::uint32_t i = r / 2 % 4000; i > 0; --i) runnel::detail::cpu_relax();
        }
    }

private:
    std::mt19937_64 random_;
};

TEST_CASE("a thread's goroutines start however deep the workers sleep", "[stress][wakeup]") {
    for (const std::size_t n : test::worker_counts()) {
        INFO("max_procs = " << n << ", seed " << test::seed());
        const test::procs p(n);
        pauses pause(n);
        const int rounds = test::scale(33'000);
        std::atomic<int> ran{0};
        int stalled = 0;
        const auto last = runnel::clock::now() + enough;
        for (int i = 1; i <= rounds && stalled == 0 && runnel::clock::now() < last; ++i) {
            runnel::go([&] { ++ran; });
            const auto end = runnel::clock::now() + stall;
            while (ran < i) {
                if (runnel::clock::now() > end) {
                    ++stalled;
                    break;
                }
                std::this_thread::yield();
            }
            pause.next();
        }
        CHECK(stalled == 0);
    }
}

TEST_CASE("a thread and a goroutine wake one another", "[stress][wakeup][bug-03]") {
    for (const std::size_t n : test::worker_counts()) {
        INFO("max_procs = " << n << ", seed " << test::seed());
        const test::procs p(n);
        pauses here(n);
        const auto ping = runnel::make_chan<int>();
        const auto pong = runnel::make_chan<int>();
        runnel::go([=] {
            pauses there(n + 100);
            for (int v : ping) {
                there.next();
                pong.send(v + 1);
            }
            pong.close();
        });
        const int rounds = test::scale(33'000);
        int wrong = 0;
        const auto last = runnel::clock::now() + enough;
        for (int i = 0; i < rounds && wrong == 0 && runnel::clock::now() < last; ++i) {
            if (ping.send_for(i, stall) != runnel::op_status::ok) ++wrong;
            const auto v = pong.recv_for(stall);
            if (!v || *v != i + 1) ++wrong;
            here.next();
        }
        ping.close();
        CHECK(pong.recv_for(stall).status() == runnel::op_status::closed);
        CHECK(wrong == 0);
    }
}

TEST_CASE("several threads feed several goroutines", "[stress][wakeup]") {
    for (const std::size_t n : test::worker_counts()) {
        INFO("max_procs = " << n << ", seed " << test::seed());
        const test::procs p(n);
        const auto work = runnel::make_chan<int>();
        const auto done = runnel::make_chan<int>(1000);
        for (int g = 0; g < 3; ++g) {
            runnel::go([=] {
                for (int v : work) done.send(v);
            });
        }
        const int each = test::scale(10'000);
        std::vector<std::thread> producers;
        std::atomic<int> stalled{0};
        for (int t = 0; t < 3; ++t) {
            producers.emplace_back([&, t] {
                pauses pause(static_cast<std::uint64_t>(t) * 1000 + n);
                for (int i = 0; i < each; ++i) {
                    if (work.send_for(i, stall) != runnel::op_status::ok) ++stalled;
                    if (i % 4 == 0) pause.next();
                }
            });
        }
        long sum = 0;
        for (int i = 0; i < 3 * each && stalled == 0; ++i) {
            const auto v = done.recv_for(stall);
            if (!v) {
                ++stalled;
            } else {
                sum += *v;
            }
        }
        for (auto& t : producers) t.join();
        work.close();
        CHECK(stalled == 0);
        CHECK(sum == 3L * each * (each - 1) / 2);
    }
}

// The keeper of the next deadline falls asleep while an earlier one is set from outside.
TEST_CASE("a timer that a thread sets fires though all workers sleep", "[stress][wakeup][bug-16]") {
    for (const std::size_t n : test::worker_counts()) {
        INFO("max_procs = " << n << ", seed " << test::seed());
        const test::procs p(n);
        pauses pause(n + 7);
        std::mt19937_64 random(test::seed());
        const int rounds = test::scale(3'000);
        int stalled = 0;
        const auto fired = runnel::make_chan<int>(8);
        for (int i = 0; i < rounds && stalled == 0; ++i) {
            // A later one is there already, or one that is taken back.
            auto later = runnel::after_func(std::chrono::milliseconds(50), [] {});
            runnel::after_func(std::chrono::microseconds(random() % 300), [=] { fired.send(i); });
            if (i % 3 == 0) later.stop();
            pause.next();
            if (!fired.recv_for(stall)) ++stalled;
            if (i % 3 == 1) later.stop();
        }
        CHECK(stalled == 0);
    }
}

TEST_CASE("a pinned goroutine is woken however deep its thread sleeps", "[stress][wakeup]") {
    const test::procs p(2);
    pauses pause(11);
    const auto ping = runnel::make_chan<int>();
    const auto pong = runnel::make_chan<int>();
    runnel::go([=] {
        const runnel::thread_lock pin;
        for (;;) {
            const auto v = ping.recv_for(stall);
            if (!v) break;
            pong.send(*v);
        }
        pong.close();
    });
    const int rounds = test::scale(10'000);
    int wrong = 0;
    for (int i = 0; i < rounds && wrong == 0; ++i) {
        if (ping.send_for(i, stall) != runnel::op_status::ok) ++wrong;
        const auto v = pong.recv_for(stall);
        if (!v || *v != i) ++wrong;
        if (i % 8 == 0) pause.next();
    }
    ping.close();
    CHECK(pong.recv_for(stall).status() == runnel::op_status::closed);
    CHECK(wrong == 0);
}

}  // namespace
