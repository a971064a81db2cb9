// tests/thread_lock_test.cpp — a goroutine that stays on its thread.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/thread_lock.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <type_traits>
#include <vector>

#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/mutex.hpp>
#include <runnel/runtime.hpp>
#include <runnel/select.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "hazards/migrate.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;

static_assert(!std::is_copy_constructible_v<runnel::thread_lock>);
static_assert(!std::is_move_constructible_v<runnel::thread_lock>);

// [C-125]
TEST_CASE("a pinned goroutine stays on its thread through every kind of wait",
          "[thread_lock][C-125]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto ch = runnel::make_chan<int>();
        runnel::mutex m;
        runnel::wait_group wg;
        wg.add(1);
        runnel::go([&] {
            const runnel::thread_lock pin;
            const long here = test::thread_number();
            const auto check = [&](const char* after) {
                expected.check(test::thread_number() == here, after);
            };
            for (int i = 0; i < 30; ++i) {
                ch.send(i);
                check("send");
                ch.recv();
                check("receive");
                runnel::yield();
                check("yield");
                runnel::sleep_for(50us);
                check("sleep");
                m.lock();
                check("lock");
                m.unlock();
                runnel::select(runnel::recv(runnel::chan<int>()), runnel::timeout(50us));
                check("select");
                ch.recv_for(10us);
                check("receive with a limit");
                runnel::async([] {}).get();
                check("future");
            }
            ch.close();
            wg.done();
        });
        for (int v : ch) {
            m.lock();
            ch.send_for(v, 1h);
            runnel::yield();
            m.unlock();
        }
        wg.wait();
    });
    expected.verify();
}

TEST_CASE("nothing else runs on the thread of a pinned goroutine", "[thread_lock]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto ch = runnel::make_chan<int>();
        std::atomic<long> its_thread{0};
        runnel::wait_group wg;
        wg.go([&] {
            const runnel::thread_lock pin;
            its_thread = test::thread_number();
            ch.recv();  // sleeps here for the whole test
            its_thread = 0;
        });
        expected.check(test::eventually([&] { return its_thread != 0; }), "pinned");
        for (int i = 0; i < 20; ++i) {
            wg.go([&] {
                for (int k = 0; k < 50; ++k) {
                    expected.check(test::thread_number() != its_thread.load(), "another thread");
                    runnel::yield();
                }
            });
        }
        for (int k = 0; k < 50; ++k) runnel::yield();
        ch.send(1);
        wg.wait();
    });
    expected.verify();
}

// [C-124]
TEST_CASE("pins nest", "[thread_lock][C-124]") {
    test::expectations expected;
    const std::size_t before = runnel::set_max_procs(2);
    runnel::run([&] {
        std::optional<runnel::thread_lock> outer;
        outer.emplace();
        const long here = test::thread_number();
        {
            const runnel::thread_lock inner;
            runnel::sleep_for(100us);
            expected.check_eq(test::thread_number(), here, "with both");
        }
        for (int i = 0; i < 20; ++i) {
            runnel::sleep_for(100us);
            expected.check_eq(test::thread_number(), here, "with the outer one");
        }
        outer.reset();
        test::migrate();  // would never return
        expected.check(test::thread_number() != here, "free again");
    });
    runnel::set_max_procs(before);
    expected.verify();
}

TEST_CASE("a pin outside a goroutine does nothing", "[thread_lock]") {
    const runnel::thread_lock on_a_thread;
    CHECK(runnel::run([] { return 1; }) == 1);
    CHECK(runnel::run([] {
              return runnel::blocking([] {
                  const runnel::thread_lock inside_blocking;
                  return 2;
              });
          }) == 2);
}

// [C-93]
TEST_CASE("a pinned goroutine may end, by return, by exception and by goexit",
          "[thread_lock][C-93]") {
    test::expectations expected;
    test::on_workers([&] {
        for (int i = 0; i < 30; ++i) {
            runnel::async([] {
                const runnel::thread_lock pin;
                runnel::yield();
            }).get();
            bool caught = false;
            try {
                runnel::async([] {
                    const runnel::thread_lock pin;
                    throw 1;
                }).get();
            } catch (int) {
                caught = true;
            }
            expected.check(caught, "the exception");
            runnel::wait_group wg;
            wg.go([] {
                const runnel::thread_lock pin;
                runnel::goexit();
            });
            // The pin that lives in the goroutine's own callable is the last to go.
            wg.go([pin = std::make_shared<std::optional<runnel::thread_lock>>()] {
                pin->emplace();
                runnel::yield();
            });
            wg.wait();
        }
    });
    expected.verify();
    CHECK(test::eventually([] { return runnel::stats().active_workers == 0; }));
}

// [C-92]
TEST_CASE("a pinned goroutine that polls does not keep a sleeper from running",
          "[thread_lock][C-92]") {
    test::expectations expected;
    test::on_workers([&] {
        std::atomic<bool> woken{false};
        runnel::go([&] {
            runnel::sleep_for(5ms);
            woken = true;
        });
        const runnel::thread_lock pin;
        const auto end = std::chrono::steady_clock::now() + 60s;
        while (!woken && std::chrono::steady_clock::now() < end) runnel::yield();
        expected.check(woken, "the sleeper ran");
    });
    expected.verify();
}

// [C-128]
TEST_CASE("many pin and unpin at once while the processors change", "[thread_lock][C-128]") {
    test::expectations expected;
    const std::size_t before = runnel::max_procs();
    runnel::run([&] {
        const int rounds = test::scale(200);
        std::atomic<bool> stop{false};
        runnel::wait_group wg;
        std::atomic<long> passed{0};
        const auto token = runnel::make_chan<int>(1);
        for (int i = 0; i < 6; ++i) {
            wg.go([&] {
                for (int k = 0; k < rounds; ++k) {
                    const runnel::thread_lock pin;
                    const long here = test::thread_number();
                    token.send(k);
                    runnel::yield();
                    token.recv();
                    expected.check_eq(test::thread_number(), here, "thread");
                    ++passed;
                }
            });
        }
        runnel::wait_group changer;
        changer.go([&] {
            for (std::size_t n = 1; !stop; ++n) {
                runnel::set_max_procs(1 + n % 4);
                runnel::yield();
            }
        });
        wg.wait();
        stop = true;
        changer.wait();
        expected.check_eq(passed.load(), 6L * rounds, "all rounds");
    });
    runnel::set_max_procs(before);
    expected.verify();
}

TEST_CASE("more pinned goroutines than processors all go on", "[thread_lock]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto ring_size = 12;
        std::vector<runnel::chan<int>> ring;
        for (int i = 0; i <= ring_size; ++i) ring.push_back(runnel::make_chan<int>());
        for (std::size_t i = 0; i < static_cast<std::size_t>(ring_size); ++i) {
            runnel::go([in = ring[i], out = ring[i + 1]] {
                const runnel::thread_lock pin;
                for (int v : in) out.send(v + 1);
                out.close();
            });
        }
        const int rounds = test::scale(50);
        for (int i = 0; i < rounds; ++i) {
            ring.front().send(i);
            expected.check_eq(*ring.back().recv(), i + ring_size, "through the ring");
        }
        ring.front().close();
        expected.check(!ring.back().recv(), "closed");
    });
    expected.verify();
}

TEST_CASE("the thread of a pinned goroutine is free once its run has ended", "[thread_lock]") {
    runnel::runtime rt;
    rt.run([] {});
    const int rounds = test::scale(50) + 5;
    for (int i = 0; i < rounds; ++i) {
        rt.run([] {
            for (int k = 0; k < 4; ++k) {
                runnel::go([] {
                    const runnel::thread_lock pin;
                    runnel::make_chan<int>().recv();
                });
            }
            test::wait_parked(4, "chan receive");
        });
    }
    // Otherwise each would have kept one.
    CHECK(rt.stats().workers < static_cast<std::size_t>(4 * rounds));
    CHECK(test::eventually([&] { return rt.stats().active_workers == 0; }));
}

}  // namespace
