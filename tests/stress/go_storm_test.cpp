// tests/stress/go_storm_test.cpp — spawning, stealing, timed waits and blocking calls, all at once.
// SPDX-License-Identifier: BSL-1.0
//
//   Hunted: a goroutine that is in two queues at once, or in none. Rings overflow into the global queue
//   while thieves take their halves; timers make goroutines runnable on workers that are being robbed;
//   places change hands in the middle. A goroutine that runs twice faults or upsets the sums; one that is
//   lost leaves the wait group waiting.
#include <atomic>
#include <chrono>
#include <random>
#include <thread>
#include <vector>

#include <runnel/blocking.hpp>
#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/runtime.hpp>
#include <runnel/select.hpp>
#include <runnel/thread_lock.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;

// Each node starts two children, at once or after a yield: deep and wide, and far more than a ring holds.
struct tree {
    runnel::wait_group* wg;
    std::atomic<long>* nodes;
    int depth;
    void operator()() const {
        ++*nodes;
        if (depth > 0) {
            wg->add(2);
            runnel::go(tree{wg, nodes, depth - 1});
            if (depth % 3 == 0) runnel::yield();
            runnel::go(tree{wg, nodes, depth - 1});
        }
        wg->done();
    }
};

TEST_CASE("trees of goroutines from goroutines and threads", "[stress][spawn]") {
    const int depth = test::under_sanitizer ? 8 : 14;
    test::expectations expected;
    test::on_workers([&] {
        runnel::wait_group wg;
        std::atomic<long> nodes{0};
        std::vector<std::thread> threads;
        wg.add(4);
        for (int t = 0; t < 2; ++t) {
            threads.emplace_back([&] { runnel::go(tree{&wg, &nodes, depth}); });
            runnel::go(tree{&wg, &nodes, depth});
        }
        wg.wait();
        for (auto& t : threads) t.join();
        expected.check_eq(nodes.load(), 4L * ((2L << depth) - 1), "every node once");
    });
    expected.verify();
    CHECK(test::eventually([] { return runnel::num_goroutine() == 0; }));
}

TEST_CASE("one goroutine fills the queue faster than anybody empties it", "[stress][spawn]") {
    test::expectations expected;
    test::on_workers([&] {
        const int n = test::scale(50'000);
        std::atomic<long> sum{0};
        runnel::wait_group wg;
        for (int i = 0; i < n; ++i) wg.go([&, i] { sum += i; });
        wg.wait();
        expected.check_eq(sum.load(), static_cast<long>(n) * (n - 1) / 2, "each once");
    });
    expected.verify();
}

TEST_CASE("timed waits beside thieves", "[stress][timers][bug-29]") {
    test::expectations expected;
    test::on_workers([&] {
        const int rounds = test::scale(5'000);
        std::atomic<long> sent{0};
        std::atomic<long> received{0};
        const auto ch = runnel::make_chan<int>();
        runnel::wait_group wg;
        for (int g = 0; g < 16; ++g) {
            wg.go([&, g] {
                std::mt19937_64 random(test::seed() + static_cast<std::uint64_t>(g));
                for (int i = 0; i < rounds; ++i) {
                    const auto d = std::chrono::microseconds(random() % 60);
                    switch (random() % 4) {
                        case 0:
                            runnel::sleep_for(d);
                            break;
                        case 1:
                            if (ch.send_for(1, d) == runnel::op_status::ok) ++sent;
                            break;
                        case 2:
                            if (ch.recv_for(d)) ++received;
                            break;
                        default: {
                            int got = 0;
                            const auto which =
                                runnel::select(runnel::recv(ch, [&](int v) { got = v; }),
                                               runnel::send(ch, 1), runnel::timeout(d));
                            if (which == 0) received += got;
                            if (which == 1) ++sent;
                        }
                    }
                }
            });
        }
        wg.wait();
        expected.check_eq(received.load(), sent.load(), "what was sent was received");
    });
    expected.verify();
}

TEST_CASE("everything at once, while the number of processors changes", "[stress]") {
    test::expectations expected;
    const std::size_t before = runnel::max_procs();
    runnel::run([&] {
        const int rounds = test::scale(400);
        std::atomic<bool> stop{false};
        runnel::wait_group wg;
        std::atomic<long> done{0};
        const auto ring = runnel::make_chan<int>(4);
        for (int g = 0; g < 12; ++g) {
            wg.go([&, g] {
                for (int i = 0; i < rounds; ++i) {
                    switch ((g + i) % 6) {
                        case 0:
                            runnel::yield();
                            break;
                        case 1:
                            runnel::sleep_for(10us);
                            break;
                        case 2:
                            runnel::blocking([] { std::this_thread::yield(); });
                            break;
                        case 3: {
                            const runnel::thread_lock pin;
                            ring.send(1);
                            ring.recv();
                            break;
                        }
                        case 4:
                            runnel::async([] { runnel::yield(); }).get();
                            break;
                        default:
                            ring.send(i);
                            ring.recv();
                    }
                    ++done;
                }
            });
        }
        runnel::wait_group others;
        others.go([&] {
            for (std::size_t n = 1; !stop; n = n % 8 + 1) {
                runnel::set_max_procs(n);
                runnel::sleep_for(50us);
            }
        });
        wg.wait();
        stop = true;
        others.wait();
        expected.check_eq(done.load(), 12L * rounds, "all came through");
    });
    runnel::set_max_procs(before);
    expected.verify();
    CHECK(test::eventually([] { return runnel::stats().active_workers == 0; }));
    CHECK(runnel::num_goroutine() == 0);
}

}  // namespace
