// tests/blocking_test.cpp — calls that block their thread do not stop the goroutines behind them.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/blocking.hpp>

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/io.hpp>
#include <runnel/runtime.hpp>
#include <runnel/thread_lock.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "hazards/migrate.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;

class pipe_of_bytes {
public:
    pipe_of_bytes() {
        if (::pipe(ends_) != 0) throw std::runtime_error("no pipe can be had");
    }
    ~pipe_of_bytes() {
        ::close(ends_[0]);
        ::close(ends_[1]);
    }
    pipe_of_bytes(const pipe_of_bytes&) = delete;
    pipe_of_bytes& operator=(const pipe_of_bytes&) = delete;
    char read() const {
        char c = 0;
        while (::read(ends_[0], &c, 1) != 1) {
        }
        return c;
    }
    void write(char c) const {
        while (::write(ends_[1], &c, 1) != 1) {
        }
    }

    int read_end() const noexcept { return ends_[0]; }

private:
    int ends_[2] = {-1, -1};
};

TEST_CASE("blocking returns what its function returns", "[blocking]") {
    test::expectations expected;
    test::on_workers([&] {
        expected.check_eq(runnel::blocking([] { return 42; }), 42, "a value");
        expected.check_eq(*runnel::blocking([] { return std::make_unique<int>(4); }), 4,
                          "move-only");
        int here = 0;
        int& there = runnel::blocking([&]() -> int& { return here; });
        expected.check(&there == &here, "a reference");
        bool ran = false;
        runnel::blocking([&] { ran = true; });
        expected.check(ran, "nothing");
    });
    expected.verify();
    CHECK(runnel::blocking([] { return 1; }) == 1);  // on a thread it just calls
}

TEST_CASE("blocking lets its function's exception through", "[blocking]") {
    test::expectations expected;
    test::on_workers([&] {
        for (int i = 0; i < 100; ++i) {
            try {
                runnel::blocking([] { throw std::runtime_error("from the system"); });
                expected.check(false, "thrown");
            } catch (const std::runtime_error& e) {
                expected.check(e.what() == std::string("from the system"), "the same exception");
            }
            runnel::yield();
            expected.check(runnel::in_goroutine(), "a goroutine again");
        }
    });
    expected.verify();
    CHECK_THROWS_AS(runnel::blocking([] { throw 1; }), int);
}

TEST_CASE("the goroutine stays on its thread while it blocks", "[blocking]") {
    test::expectations expected;
    test::on_workers([&] {
        const long before = test::thread_number();
        const long inside = runnel::blocking([] { return test::thread_number(); });
        expected.check_eq(inside, before, "the same thread");
    });
    expected.verify();
}

TEST_CASE("others run while every worker is inside blocking", "[blocking]") {
    test::expectations expected;
    test::on_workers([&] {
        const std::size_t n = 2 * runnel::max_procs() + 1;
        const pipe_of_bytes pipe;
        runnel::wait_group wg;
        std::atomic<std::size_t> inside{0};
        for (std::size_t i = 0; i < n; ++i) {
            wg.go([&] {
                runnel::blocking([&] {
                    ++inside;
                    pipe.read();
                });
            });
        }
        // We run all the while, and so do those whom we start.
        expected.check(test::eventually([&] { return inside == n; }), "all are inside");
        expected.check_eq(runnel::stats().blocking, n, "as the figures say");
        expected.check_eq(runnel::async([] { return 5; }).get(), 5, "a new goroutine");
        for (std::size_t i = 0; i < n; ++i) pipe.write('x');
        wg.wait();
        expected.check_eq(runnel::stats().blocking, 0U, "none is left");
    });
    expected.verify();
}

/// In a runtime of so many workers as many goroutines are inside blocking(), or more, while its main one waits. The last
/// of them writes to the pipe that `wait` gets, when nothing else goes on.
template <class Wait>
void wait_beside_blocked(std::uint32_t workers, std::uint32_t more, Wait wait) {
    runnel::runtime rt({.max_procs = workers, .deadlock_detection = false});
    const pipe_of_bytes out;
    const pipe_of_bytes told;
    rt.run([&] {
        const std::uint32_t n = workers + more;
        runnel::wait_group wg;
        std::atomic<std::uint32_t> inside{0};
        for (std::uint32_t i = 0; i < n; ++i) {
            wg.go([&] {
                runnel::blocking([&] {
                    if (++inside == n) {
                        test::eventually([] { return test::monitors_sleep_for_good(); });
                        told.write('x');
                    }
                    out.read();
                });
            });
        }
        wait(told);
        for (std::uint32_t i = 0; i < n; ++i) out.write('x');
        wg.wait();
    });
}

TEST_CASE("a deadline comes though every worker is inside blocking",
          "[blocking][time][all_blocked]") {
    const auto [workers, more] = GENERATE(std::pair(1U, 0U), std::pair(2U, 1U), std::pair(4U, 0U));
    bool received = true;
    wait_beside_blocked(workers, more, [&](const pipe_of_bytes&) {
        received = runnel::make_chan<int>().recv_for(200ms).has_value();
    });
    CHECK_FALSE(received);
}

TEST_CASE("I/O wakes its goroutine though every worker is inside blocking",
          "[blocking][io][all_blocked]") {
    const auto [workers, more] = GENERATE(std::pair(1U, 0U), std::pair(2U, 1U), std::pair(4U, 0U));
    auto waited = runnel::op_status::canceled;
    wait_beside_blocked(workers, more, [&](const pipe_of_bytes& told) {
        waited = runnel::io::wait_readable(told.read_end());
    });
    CHECK(waited == runnel::op_status::ok);
}

// In a process without the watchdog's thread: the monitor goes on to look for a deadlock beside that.
CHILD_SCENARIO(thread_waits_when_all_are_blocked) {
    runnel::set_max_procs(1);
    runnel::run([] {
        const pipe_of_bytes told;
        std::atomic<bool> inside{false};
        std::atomic<bool> through{false};
        runnel::wait_group wg;
        wg.go([&] {
            runnel::blocking([&] {
                inside = true;
                while (runnel::detail::the_poller.waiters() == 0) std::this_thread::yield();
                told.write('x');
                while (!through) std::this_thread::yield();
            });
        });
        const auto waited = runnel::blocking([&] {
            // Nobody comes by after us.
            while (!inside || !test::monitors_sleep_for_good()) std::this_thread::yield();
            return runnel::io::wait_readable(told.read_end());
        });
        through = true;
        std::printf("%s", waited == runnel::op_status::ok ? "ok" : "failed");
        wg.wait();
    });
    return 0;
}

TEST_CASE("a call inside blocking may wait for I/O though every worker is there",
          "[blocking][io][thread_waits_unkept]") {
    CHECK(test::run_scenario("thread_waits_when_all_are_blocked").out == "ok");
}

TEST_CASE("a pinned goroutine may wait for I/O on the only worker", "[blocking][io][all_blocked]") {
    auto waited = runnel::op_status::canceled;
    wait_beside_blocked(1, 0, [&](const pipe_of_bytes& told) {
        const runnel::thread_lock pin;
        waited = runnel::io::wait_readable(told.read_end());
    });
    CHECK(waited == runnel::op_status::ok);
}

TEST_CASE("a goroutine inside blocking is listed as such", "[blocking]") {
    const pipe_of_bytes pipe;
    runnel::wait_group wg;
    std::uint64_t id = 0;
    std::atomic<bool> inside{false};
    wg.go([&] {
        id = runnel::goroutine_id();
        runnel::blocking([&] {
            inside = true;
            pipe.read();
        });
    });
    REQUIRE(test::eventually([&] { return inside.load(); }));
    bool listed = false;
    for (const auto& g : runnel::debug::goroutines()) {
        if (g.id == id) listed = g.state == "blocking" && g.wait_reason == "blocking";
    }
    pipe.write('x');
    wg.wait();
    CHECK(listed);
}

// [C-130] Nobody says blocking() here: the monitor takes the places over.
TEST_CASE("system calls without blocking do not stop the others for long", "[blocking][C-130]") {
    test::expectations expected;
    test::on_workers([&] {
        const std::size_t n = runnel::max_procs();
        std::atomic<bool> stop{false};
        std::atomic<std::size_t> inside{0};
        runnel::wait_group wg;
        for (std::size_t i = 0; i < n; ++i) {
            wg.go([&] {
                ++inside;
                while (!stop) ::usleep(1000);
            });
        }
        // Only another thread than theirs can run this, and we have to come back here at all.
        const bool all = test::eventually([&] { return inside == n; });
        expected.check(all, "all sleep in the kernel");
        for (int i = 0; i < 5; ++i) {
            expected.check_eq(runnel::async([i] { return i; }).get(), i, "a goroutine runs");
        }
        stop = true;
        wg.wait();
        expected.check(runnel::stats().handovers > 0, "places were handed over");
    });
    expected.verify();
    // The extra workers retire.
    CHECK(test::eventually([] { return runnel::stats().active_workers == 0; }));
}

TEST_CASE("goroutines that compute do not stop the others for long", "[blocking][C-101]") {
    const std::size_t before = runnel::set_max_procs(1);
    test::expectations expected;
    runnel::run([&] {
        std::atomic<bool> stop{false};
        runnel::wait_group wg;
        for (int i = 0; i < 3; ++i) {
            wg.go([&] {
                while (!stop) {
                }
            });
        }
        for (int i = 0; i < 5; ++i) {
            expected.check_eq(runnel::async([i] { return i; }).get(), i, "a goroutine runs");
            runnel::sleep_for(1ms);
        }
        stop = true;
        wg.wait();
    });
    runnel::set_max_procs(before);
    expected.verify();
    CHECK(test::eventually([] { return runnel::stats().active_workers == 0; }));
}

TEST_CASE("inside blocking, runnel's operations work as on a thread", "[blocking]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto ping = runnel::make_chan<int>();
        const auto pong = runnel::make_chan<int>();
        runnel::go([=] {
            for (int v : ping) pong.send(v + 1);
        });
        const int sum = runnel::blocking([&] {
            int s = 0;
            for (int i = 0; i < 50; ++i) {
                ping.send(i);
                s += *pong.recv();
                runnel::yield();
            }
            runnel::sleep_for(1ms);
            expected.check(!runnel::in_goroutine(), "not a goroutine");
            expected.check_eq(runnel::async([] { return 7; }).get(), 7, "async");
            expected.check_eq(runnel::blocking([] { return 8; }), 8, "blocking in blocking");
            return s;
        });
        ping.close();
        expected.check_eq(sum, 50 * 49 / 2 + 50, "sum");
        expected.check(runnel::in_goroutine(), "a goroutine again");
    });
    expected.verify();
}

// [C-131]
TEST_CASE("many short blocking calls beside goroutines that talk", "[blocking][C-131]") {
    test::expectations expected;
    test::on_workers([&] {
        const int rounds = test::scale(2000);
        std::atomic<long> blocked{0};
        std::atomic<long> talked{0};
        runnel::wait_group wg;
        for (int i = 0; i < 8; ++i) {
            wg.go([&] {
                for (int k = 0; k < rounds; ++k) {
                    runnel::blocking([&] { blocked += ::getppid() >= 0 ? 1 : 0; });
                }
            });
        }
        const auto ch = runnel::make_chan<int>();
        wg.go([&] {
            for (int k = 0; k < rounds; ++k) ch.send(k);
            ch.close();
        });
        wg.go([&] {
            for (int v : ch) talked += v >= 0 ? 1 : 0;
        });
        wg.wait();
        expected.check_eq(blocked.load(), 8L * rounds, "blocking calls");
        expected.check_eq(talked.load(), rounds, "messages");
    });
    expected.verify();
}

TEST_CASE("the threads of blocking calls are used again by later ones", "[blocking]") {
    constexpr int burst = 50;
    runnel::runtime_options options;
    options.max_procs = 2;
    runnel::runtime rt(options);
    const auto block_all = [] {
        std::atomic<int> inside{0};
        runnel::wait_group wg;
        for (int i = 0; i < burst; ++i) {
            wg.go([&] {
                runnel::blocking([&] {
                    ++inside;
                    while (inside < burst) std::this_thread::sleep_for(100us);
                });
            });
        }
        wg.wait();
    };
    rt.run(block_all);
    const std::size_t after_one = rt.stats().workers;
    CHECK(after_one >= burst);
    const int rounds = test::scale(50);
    for (int i = 0; i < rounds; ++i) rt.run(block_all);
    // One at a time may be started for want of one that is on its way to sleep.
    CHECK(rt.stats().workers <= after_one + 5);
}

TEST_CASE("blocking while pinned keeps the thread", "[blocking]") {
    test::expectations expected;
    test::on_workers([&] {
        const runnel::thread_lock pin;
        const long here = test::thread_number();
        for (int i = 0; i < 20; ++i) {
            expected.check_eq(runnel::blocking([] { return test::thread_number(); }), here,
                              "inside");
            runnel::yield();
            expected.check_eq(test::thread_number(), here, "after");
        }
    });
    expected.verify();
}

}  // namespace
