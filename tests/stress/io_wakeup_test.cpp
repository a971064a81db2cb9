// tests/stress/io_wakeup_test.cpp — what comes in the moment in which a worker falls asleep in the poller.
// SPDX-License-Identifier: BSL-1.0
//
//   The interleaving hunted: the last worker has looked everywhere and is about to sleep in epoll, or is about to come
//   back from it; meanwhile a descriptor becomes ready, a thread makes a goroutine runnable, arms an early timer, or
//   gives the descriptor up. If any of these is missed nothing ever goes on. A stall is a failure, not a hang.
#include <atomic>
#include <chrono>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <runnel/chan.hpp>
#include <runnel/context.hpp>
#include <runnel/detail/config.hpp>
#include <runnel/go.hpp>
#include <runnel/io.hpp>
#include <runnel/runtime.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/descriptors.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::op_status;

constexpr auto stall = 20s;

// Mostly as long as a worker searches before it sleeps, sometimes much longer.
class pauses {
public:
    explicit pauses(std::uint64_t salt) : random_(test::seed() ^ salt) {}
    std::uint32_t next() {
        const auto r = static_cast<std::uint32_t>(random_());
        if (r % 64 == 0) {
            std::this_thread::sleep_for(std::chrono::microseconds(r / 64 % 200));
        } else if (r % 2 == 0) {
            for (std::uint32_t i = r / 2 % 4000; i > 0; --i) runnel::detail::cpu_relax();
        }
        return r;
    }

private:
    std::mt19937_64 random_;
};

// Reads one byte; false if it does not come.
bool read_one(const test::descriptor& from) {
    while (from.take().empty()) {
        if (runnel::io::wait_readable(from.get(), runnel::clock::now() + stall) != op_status::ok) {
            return false;
        }
    }
    return true;
}

TEST_CASE("a thread and a goroutine pass a byte to and fro", "[stress][io][bug-03]") {
    for (const std::size_t n : test::worker_counts()) {
        INFO("max_procs = " << n << ", seed " << test::seed());
        const test::procs p(n);
        const auto pair = test::make_socket_pair();
        const int rounds = test::scale(20'000);
        std::atomic<int> stalled{0};
        runnel::wait_group wg;
        wg.go([&] {
            pauses pause(n);
            for (int i = 0; i < rounds; ++i) {
                if (!read_one(pair.a)) {
                    ++stalled;
                    break;
                }
                if (i % 8 == 0) pause.next();
                pair.a.put();
            }
        });
        pauses pause(n + 50);
        for (int i = 0; i < rounds && stalled == 0; ++i) {
            pair.b.put();
            if (!read_one(pair.b)) ++stalled;
            pause.next();
        }
        wg.wait();
        CHECK(stalled == 0);
        runnel::io::forget(pair.a.get());
        runnel::io::forget(pair.b.get());
    }
}

TEST_CASE("threads wake goroutines by everything there is while workers sleep in the poller",
          "[stress][io][bug-16]") {
    for (const std::size_t n : test::worker_counts()) {
        INFO("max_procs = " << n << ", seed " << test::seed());
        const test::procs p(n);
        const auto pipe = test::make_pipe();
        const auto work = runnel::make_chan<int>();
        const auto done = runnel::make_chan<int>(8);
        runnel::wait_group wg;
        std::atomic<int> stalled{0};
        std::atomic<bool> ended{false};
        wg.go([&] {
            while (read_one(pipe.a) && !ended) done.send(1);
        });
        wg.go([&] {
            for (const int v : work) done.send(v);
        });
        pauses pause(n + 7);
        const int rounds = test::scale(15'000);
        for (int i = 0; i < rounds && stalled == 0; ++i) {
            switch (pause.next() / 128 % 4) {
                case 0:
                    pipe.b.put();
                    break;
                case 1:
                    work.send(2);
                    break;
                case 2:
                    runnel::after_func(std::chrono::microseconds(i % 50), [&] { done.send(3); });
                    break;
                default:
                    runnel::go([&] { done.send(4); });
                    break;
            }
            if (!done.recv_for(stall)) ++stalled;
        }
        CHECK(stalled == 0);
        work.close();
        ended = true;
        pipe.b.put();
        wg.wait();
        runnel::io::forget(pipe.a.get());
    }
}

TEST_CASE("a wait ends once, by readiness, deadline, context or close", "[stress][io]") {
    for (const std::size_t n : test::worker_counts()) {
        INFO("max_procs = " << n << ", seed " << test::seed());
        const test::procs p(n);
        const int rounds = test::scale(4'000);
        std::atomic<int> wrong{0};
        std::atomic<int> ends[5] = {};
        runnel::run([&] {
            pauses pause(n + 9);
            for (int i = 0; i < rounds; ++i) {
                const auto pipe = test::make_pipe();
                auto ctx = runnel::with_cancel(runnel::background());
                runnel::wait_group wg;
                const int readers = 1 + i % 3;
                for (int k = 0; k < readers; ++k) {
                    wg.go([&, k] {
                        const auto soon = runnel::clock::now() + std::chrono::microseconds(i % 40);
                        const op_status s = k == 0   ? runnel::io::wait_readable(pipe.a.get(), ctx)
                                            : k == 1 ? runnel::io::wait_readable(pipe.a.get(), soon)
                                                     : runnel::io::wait_readable(pipe.a.get());
                        ++ends[static_cast<int>(s)];
                        if (s == op_status::would_block || (k != 0 && s == op_status::canceled) ||
                            (k != 1 && s == op_status::timeout)) {
                            ++wrong;
                        }
                    });
                }
                const std::uint32_t r = pause.next();
                if (r % 2 == 0) pipe.b.put();
                pause.next();
                if (r % 3 == 0) ctx.cancel();
                pause.next();
                if (r % 5 == 0) {
                    runnel::io::forget(pipe.a.get());
                    pipe.b.put();
                } else {
                    pipe.b.put();
                }
                wg.wait();
                runnel::io::forget(pipe.a.get());
            }
        });
        CHECK(wrong == 0);
        CHECK(ends[static_cast<int>(op_status::ok)] > 0);
    }
}

}  // namespace
