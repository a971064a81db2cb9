// tests/stress/runtime_ends_test.cpp — runs that end while everybody else goes on.
// SPDX-License-Identifier: BSL-1.0
//
//   Hunted: a worker that still touches something of a run whose run() has returned (a lock that is
//   released on the far side of a switch, a waiter on the caller's stack); a wake-up or a value given to a
//   goroutine that will never run again; a run that waits for a goroutine of another one.
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include <runnel/chan.hpp>
#include <runnel/condition_variable.hpp>
#include <runnel/go.hpp>
#include <runnel/mutex.hpp>
#include <runnel/runtime.hpp>
#include <runnel/select.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;

// What a run's goroutines wait on lives on the caller's heap and is freed as soon as run() has returned: the
// address sanitizer sees whoever comes late, and so does a plain build, by the pattern.
struct run_owned {
    runnel::mutex m;
    runnel::condition_variable cv;
    runnel::wait_group wg;
    runnel::chan<int> ch = runnel::make_chan<int>();
};

TEST_CASE("what a run's goroutines waited on may be freed when run has returned",
          "[stress][end][bug-35]") {
    const std::size_t before = runnel::set_max_procs(4);
    const int rounds = test::scale(3'000);
    const auto neighbours_stop = std::make_shared<std::atomic<bool>>(false);
    // Others keep the workers busy with goroutines outside of any run.
    for (int i = 0; i < 3; ++i) {
        runnel::go([=] {
            while (!*neighbours_stop) runnel::yield();
        });
    }
    for (int i = 0; i < rounds; ++i) {
        auto owned = std::make_unique<run_owned>();
        run_owned* o = owned.get();
        runnel::run([o, i] {
            o->wg.add(1);
            for (int k = 0; k < 2; ++k) {
                runnel::go([o] { o->m.lock(); });
                runnel::go([o] { o->wg.wait(); });
                runnel::go([o] {
                    std::unique_lock held(o->m);
                    o->cv.wait(held);
                });
                runnel::go([o] {
                    for (;;) {
                        if (!o->m.try_lock_for(20us)) continue;
                        runnel::yield();
                        o->m.unlock();
                    }
                });
                runnel::go([o] { runnel::select(runnel::recv(o->ch), runnel::send(o->ch, 1)); });
            }
            if (i % 2 == 0) runnel::yield();
        });
        std::memset(static_cast<void*>(&o->m), 0x55, sizeof o->m);
        std::memset(static_cast<void*>(&o->cv), 0x55, sizeof o->cv);
        std::memset(static_cast<void*>(&o->wg), 0x55, sizeof o->wg);
        // Nobody may change it any more.
        if (i % 16 == 0) std::this_thread::sleep_for(100us);
        const auto* bytes = reinterpret_cast<const unsigned char*>(&o->m);
        bool intact = true;
        for (std::size_t b = 0; b < sizeof o->m; ++b) intact = intact && bytes[b] == 0x55;
        if (!intact) FAIL("a mutex was touched after the end of its run");
        ::new (static_cast<void*>(&o->m)) runnel::mutex;
        ::new (static_cast<void*>(&o->cv)) runnel::condition_variable;
        ::new (static_cast<void*>(&o->wg)) runnel::wait_group;
    }
    *neighbours_stop = true;
    runnel::set_max_procs(before);
    CHECK(test::eventually([] { return runnel::num_goroutine() == 0; }));
}

TEST_CASE("threads send and receive while runs end around their channel", "[stress][end][bug-35]") {
    const std::size_t before = runnel::set_max_procs(3);
    const auto ch = runnel::make_chan<int>();
    std::atomic<bool> stop{false};
    std::atomic<long> sent{0};
    std::atomic<long> taken{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 2; ++t) {
        threads.emplace_back([&] {
            while (!stop) {
                if (ch.send_for(1, 1ms) == runnel::op_status::ok) ++sent;
            }
        });
        threads.emplace_back([&] {
            while (!stop) {
                if (ch.recv_for(1ms)) ++taken;
            }
        });
    }
    const int rounds = test::scale(2'000);
    for (int i = 0; i < rounds; ++i) {
        runnel::run([&, i] {
            for (int k = 0; k < 4; ++k) {
                runnel::go([&] {
                    for (;;) {
                        if (ch.recv()) ++taken;
                    }
                });
                runnel::go([&] {
                    for (;;) {
                        ch.send(1);
                        ++sent;
                    }
                });
            }
            if (i % 3 == 0) runnel::sleep_for(20us);
        });
    }
    stop = true;
    for (auto& t : threads) t.join();
    runnel::set_max_procs(before);
    // Each goroutine that was left behind may have had one hand-over that nobody counted; but the channel
    // itself is as good as new.
    const long difference = sent - taken;
    CHECK(std::abs(difference) <= 4L * rounds);
    CHECK(runnel::run([&] {
              runnel::go([&] { ch.send(7); });
              return *ch.recv();
          }) == 7);
    CHECK(ch.try_recv().status() == runnel::op_status::would_block);
    CHECK(runnel::num_goroutine() == 0);
}

TEST_CASE("many runs at once, each with leftovers and inner runs", "[stress][end]") {
    const std::size_t before = runnel::set_max_procs(4);
    const int rounds = test::scale(400);
    std::atomic<long> results{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < rounds; ++i) {
                results += runnel::run([&, t, i] {
                    const auto ch = runnel::make_chan<int>();
                    for (int k = 0; k < 3; ++k) {
                        runnel::go([=] { ch.recv(); });
                        runnel::go([] {
                            for (;;) runnel::yield();
                        });
                        runnel::go([=] {
                            runnel::run([=] {
                                runnel::go([] { runnel::sleep_for(1h); });
                                if ((t + i + k) % 2 == 0) return;
                                runnel::make_chan<int>().recv();
                            });
                        });
                    }
                    runnel::yield();
                    return 1;
                });
            }
        });
    }
    for (auto& t : threads) t.join();
    runnel::set_max_procs(before);
    CHECK(results == 4L * rounds);
    CHECK(test::eventually([] { return runnel::num_goroutine() == 0; }));
    CHECK(runnel::debug::goroutines().empty());
    CHECK(test::eventually([] { return runnel::stats().active_workers == 0; }));
}

TEST_CASE("runtimes come and go beside one another", "[stress][end]") {
    const int rounds = test::scale(60);
    std::vector<std::thread> threads;
    std::atomic<long> sum{0};
    for (int t = 0; t < 3; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < rounds; ++i) {
                runnel::runtime_options options;
                options.max_procs = 2;
                options.stack_size = 64 << 10;
                runnel::runtime rt(options);
                const auto ch = runnel::make_chan<int>();
                for (int k = 0; k < 5; ++k) {
                    rt.go([=] { ch.send(1); });
                    rt.go([=] { runnel::sleep_for(1h); });
                }
                for (int k = 0; k < 5; ++k) sum += *ch.recv();
            }
        });
    }
    for (auto& t : threads) t.join();
    CHECK(sum == 3L * rounds * 5);
}

}  // namespace
