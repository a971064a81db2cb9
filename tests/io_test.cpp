// tests/io_test.cpp — waiting for descriptors: readiness, directions, limits, forgetting, and who watches.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/io.hpp>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <sys/resource.h>

#include <runnel/blocking.hpp>
#include <runnel/chan.hpp>
#include <runnel/context.hpp>
#include <runnel/future.hpp>
#include <runnel/go.hpp>
#include <runnel/runtime.hpp>
#include <runnel/select.hpp>
#include <runnel/thread_lock.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/descriptors.hpp"
#include "support/support.hpp"

// errno on both sides of what may park
#include <runnel/errno.hpp>

namespace {

using namespace std::chrono_literals;
using runnel::op_status;
using runnel::io::wait_readable;
using runnel::io::wait_writable;
using test::make_pipe;
using test::make_socket_pair;

constexpr const char* wait_reason = "IO wait";

bool nobody_waits() {
    return test::eventually([] { return runnel::detail::the_poller.waiters() == 0; });
}

// ---- readiness ----

TEST_CASE("what is ready is told at once", "[io]") {
    const auto p = make_pipe();
    CHECK(wait_writable(p.b.get()) == op_status::ok);
    REQUIRE(p.b.put());
    CHECK(wait_readable(p.a.get()) == op_status::ok);
    test::expectations expected;
    test::on_workers([&] {
        expected.check(wait_readable(p.a.get()) == op_status::ok, "on a goroutine, too");
        expected.check(wait_readable(p.a.get()) == op_status::ok, "and as often as one asks");
    });
    expected.verify();
}

TEST_CASE("a goroutine parks until something can be read", "[io][C-370]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto p = make_pipe();
        const auto got = runnel::make_chan<std::string>();
        runnel::wait_group wg;
        wg.go([&] {
            for (std::string c; c != ".";) {
                errno = 0;
                c = p.a.take();
                if (!c.empty()) {
                    got.send(c);
                    continue;
                }
                expected.check(errno == EAGAIN, "nothing is there");
                expected.check(wait_readable(p.a.get()) == op_status::ok, "it comes");
            }
        });
        for (const char c : std::string("runnel.")) {
            expected.check(test::wait_parked(1, wait_reason), "parks");
            p.b.put(c);
            expected.check_eq(got.recv().value_or(""), std::string(1, c), "reads what was written");
        }
        wg.wait();
    });
    expected.verify();
    CHECK(nobody_waits());
}

TEST_CASE("a goroutine parks until something can be written", "[io]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto p = make_pipe();
        p.b.fill();
        runnel::wait_group wg;
        wg.go([&] { expected.check(wait_writable(p.b.get()) == op_status::ok, "there is room"); });
        expected.check(test::wait_parked(1, wait_reason), "parks");
        p.a.drain();
        wg.wait();
    });
    expected.verify();
}

TEST_CASE("a thread blocks until something can be read", "[io]") {
    const auto p = make_pipe();
    op_status got = op_status::would_block;
    std::thread reader([&] { got = wait_readable(p.a.get()); });
    REQUIRE(test::eventually([] { return runnel::detail::the_poller.waiters() == 1; }));
    REQUIRE(p.b.put());
    reader.join();
    CHECK(got == op_status::ok);
    CHECK(nobody_waits());
}

TEST_CASE("a pinned goroutine blocks its thread alone", "[io]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto p = make_pipe();
        runnel::wait_group wg;
        wg.go([&] {
            const runnel::thread_lock pin;
            expected.check(wait_readable(p.a.get()) == op_status::ok, "reads");
        });
        expected.check(test::wait_parked(1, wait_reason), "waits");
        p.b.put();
        wg.wait();
    });
    expected.verify();
}

TEST_CASE("the end of a stream and a reader that has gone are told", "[io]") {
    test::expectations expected;
    test::on_workers([&] {
        auto p = make_pipe();
        auto q = make_pipe();
        q.b.fill();
        runnel::wait_group wg;
        wg.go([&] { expected.check(wait_readable(p.a.get()) == op_status::ok, "the end"); });
        wg.go([&] { expected.check(wait_writable(q.b.get()) == op_status::ok, "no reader"); });
        expected.check(test::wait_parked(2, wait_reason), "both park");
        p.b.close();
        q.a.close();
        wg.wait();
    });
    expected.verify();
}

TEST_CASE("a file is always ready", "[io][C-366]") {
    const test::descriptor file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    REQUIRE(file.get() >= 0);
    CHECK(wait_readable(file.get()) == op_status::ok);
    CHECK(wait_writable(file.get()) == op_status::ok);
}

TEST_CASE("all who wait for one descriptor are woken", "[io]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto p = make_pipe();
        runnel::wait_group wg;
        std::atomic<int> readers{0};
        for (int i = 0; i < 5; ++i) {
            wg.go([&] {
                while (p.a.take().empty()) {
                    expected.check(wait_readable(p.a.get()) == op_status::ok, "woken");
                }
                ++readers;
            });
        }
        expected.check(test::wait_parked(5, wait_reason), "all park");
        expected.check(::write(p.b.get(), "12345", 5) == 5, "five at once");
        wg.wait();
        expected.check_eq(readers.load(), 5, "each got one");
    });
    expected.verify();
}

// An event may be delivered after what it told of has been read.
TEST_CASE("an event that is out of date ends no wait", "[io]") {
    using runnel::detail::descriptor;
    test::expectations expected;
    test::on_workers([&] {
        const auto p = make_pipe();
        const auto full = make_pipe();
        full.b.fill();
        auto reader = runnel::async([&] { return wait_readable(p.a.get()); });
        auto writer = runnel::async([&] { return wait_writable(full.b.get()); });
        expected.check(test::wait_parked(2, wait_reason), "they park");
        for (const int fd : {p.a.get(), full.b.get()}) {
            runnel::detail::poll_event late{};
            late.events = EPOLLIN | EPOLLOUT;
            late.data.u64 = descriptor::key(fd, runnel::detail::the_descriptors.at(fd).life());
            runnel::detail::on_descriptor_event(late);
        }
        expected.check(test::wait_parked(2, wait_reason), "and again");
        p.b.put();
        full.a.drain();
        expected.check(reader.get() == op_status::ok, "what came after it");
        expected.check(writer.get() == op_status::ok, "what came after it");
    });
    expected.verify();
    CHECK(nobody_waits());
}

TEST_CASE("a descriptor that is not open is an error", "[io]") {
    const auto fails_with = [](int fd, std::errc e) {
        try {
            static_cast<void>(wait_readable(fd));
        } catch (const std::system_error& error) {
            return error.code() == e;
        }
        return false;
    };
    int closed = -1;
    {
        const auto p = make_pipe();
        closed = p.a.get();
    }
    CHECK(fails_with(-1, std::errc::bad_file_descriptor));
    CHECK(fails_with(closed, std::errc::bad_file_descriptor));
    CHECK(fails_with(0x7fffffff, std::errc::too_many_files_open));
    runnel::io::forget(-1);
    runnel::io::forget(0x7fffffff);
}

// ---- directions ----

// The other direction of a connection is none of theirs.
TEST_CASE("what can be read wakes no writer, and the other way round", "[io][bug-37]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto p = make_socket_pair();
        p.a.fill();
        runnel::wait_group wg;
        std::atomic<int> woken{0};
        wg.go([&] {
            expected.check(wait_writable(p.a.get()) == op_status::ok, "room at last");
            ++woken;
        });
        expected.check(test::wait_parked(1, wait_reason), "the writer parks");
        for (int i = 0; i < 10; ++i) {
            wg.go([&] { expected.check(wait_readable(p.a.get()) == op_status::ok, "read"); });
            expected.check(test::wait_parked(2, wait_reason), "a reader parks");
            p.b.put();
            expected.check(test::eventually([] { return test::parked(wait_reason) == 1; }),
                           "it goes, alone");
            expected.check_eq(p.a.take(), std::string("x"), "what it was told of");
        }
        expected.check_eq(woken.load(), 0, "the writer is not woken by any of it");

        wg.go([&] {
            expected.check(wait_readable(p.a.get()) == op_status::ok, "read in the end");
            ++woken;
        });
        expected.check(test::wait_parked(2, wait_reason), "a reader parks again");
        p.b.drain();
        expected.check(test::eventually([&] { return woken == 1; }), "the writer goes on");
        expected.check_eq(test::parked(wait_reason), 1U, "the reader does not");
        p.b.put();
        wg.wait();
    });
    expected.verify();
}

// ---- limits ----

TEST_CASE("a deadline ends a wait, and not before its time", "[io][C-355]") {
    test::expectations expected;
    const auto p = make_pipe();
    const auto try_it = [&] {
        for (const auto d : {1ns, 1000ns, 1000'000ns, 20'000'000ns}) {
            const auto until = runnel::clock::now() + d;
            expected.check(wait_readable(p.a.get(), until) == op_status::timeout, "strikes");
            expected.check(runnel::clock::now() >= until, "not early");
        }
        const auto past = runnel::clock::now() - 1s;
        expected.check(wait_readable(p.a.get(), past) == op_status::timeout, "looks once");
        expected.check(wait_writable(p.b.get(), past) == op_status::ok, "and may be lucky");
    };
    test::on_workers(try_it);
    try_it();  // on a thread
    expected.verify();
    CHECK(nobody_waits());
}

TEST_CASE("a deadline that does not strike is as good as none", "[io]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto p = make_pipe();
        auto reader =
            runnel::async([&] { return wait_readable(p.a.get(), runnel::clock::now() + 1h); });
        expected.check(test::wait_parked(1, wait_reason), "parks");
        p.b.put();
        expected.check(reader.get() == op_status::ok, "reads");
    });
    expected.verify();
}

TEST_CASE("a context ends a wait", "[io][C-367]") {
    test::expectations expected;
    const auto p = make_pipe();
    test::on_workers([&] {
        auto ctx = runnel::with_cancel(runnel::background());
        auto reader = runnel::async([&] { return wait_readable(p.a.get(), ctx); });
        expected.check(test::wait_parked(1, wait_reason), "parks");
        ctx.cancel();
        expected.check(reader.get() == op_status::canceled, "canceled");
        expected.check(wait_writable(p.b.get(), ctx) == op_status::canceled,
                       "one that is done wins over what is ready");
        const auto soon = runnel::with_timeout(runnel::background(), 1ms);
        expected.check(wait_readable(p.a.get(), soon) == op_status::timeout, "its deadline");
        expected.check(
            wait_readable(p.a.get(), runnel::with_timeout(ctx, 1h)) == op_status::canceled,
            "its parent");
        expected.check(wait_writable(p.b.get(), runnel::background()) == op_status::ok, "ready");
    });
    expected.verify();
    CHECK(nobody_waits());
}

// ---- forgetting ----

TEST_CASE("forgetting a descriptor wakes all who wait for it", "[io][bug-39]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto p = make_socket_pair();
        p.a.fill();
        constexpr int each = 4;
        runnel::wait_group wg;
        for (int i = 0; i < each; ++i) {
            wg.go([&] { expected.check(wait_readable(p.a.get()) == op_status::closed, "reads"); });
            wg.go([&] { expected.check(wait_writable(p.a.get()) == op_status::closed, "writes"); });
        }
        expected.check(test::wait_parked(2 * each, wait_reason), "all park");
        std::thread blocked(
            [&] { expected.check(wait_readable(p.a.get()) == op_status::closed, "a thread"); });
        expected.check(
            test::eventually([] { return runnel::detail::the_poller.waiters() == 2 * each + 1; }),
            "it waits");
        runnel::io::forget(p.a.get());
        wg.wait();
        runnel::blocking([&] { blocked.join(); });

        // It may be waited for again.
        auto again = runnel::async([&] { return wait_readable(p.a.get()); });
        expected.check(test::wait_parked(1, wait_reason), "parks");
        p.b.put();
        expected.check(again.get() == op_status::ok, "reads");
        runnel::io::forget(p.a.get());
    });
    expected.verify();
    CHECK(nobody_waits());
}

// As after close(): the number is used again, while a copy of the old descriptor lives on in a child process.
TEST_CASE("what becomes of a closed descriptor is nothing to the next owner of its number",
          "[io][bug-38]") {
    test::expectations expected;
    test::on_workers([&] {
        auto old = make_pipe();
        const int number = old.a.get();
        auto reader = runnel::async([&] { return wait_readable(number); });
        expected.check(test::wait_parked(1, wait_reason), "parks");
        const test::descriptor copy(::dup(number));
        const std::uint32_t life = runnel::detail::the_descriptors.at(number).life();
        runnel::io::forget(number);
        expected.check(reader.get() == op_status::closed, "it was given up");
        const auto next = make_pipe();
        expected.check(::dup3(next.a.get(), number, O_CLOEXEC) == number, "the same number");

        reader = runnel::async([&] { return wait_readable(number); });
        expected.check(test::wait_parked(1, wait_reason), "parks");
        old.b.put();
        // An event that had been fetched before it was given up, and comes only now.
        runnel::detail::poll_event late{};
        late.events = EPOLLIN;
        late.data.u64 = runnel::detail::descriptor::key(number, life);
        runnel::detail::on_descriptor_event(late);
        expected.check(!reader.wait_for(20ms), "it is not woken by either");
        next.b.put();
        expected.check(reader.get() == op_status::ok, "but by its own");
        runnel::io::forget(number);
    });
    expected.verify();
}

// Not what the documentation asks for, but survived.
TEST_CASE("a number that was closed without a word can be waited for again", "[io]") {
    test::expectations expected;
    test::on_workers([&] {
        for (int i = 0; i < 3; ++i) {
            const auto p = make_pipe();
            auto reader = runnel::async([&] { return wait_readable(p.a.get()); });
            expected.check(test::wait_parked(1, wait_reason), "parks");
            p.b.put();
            expected.check(reader.get() == op_status::ok, "reads");
        }
    });
    expected.verify();
}

// ---- who watches ----

TEST_CASE("goroutines that compute or yield do not keep I/O waiting", "[io]") {
    test::expectations expected;
    test::on_workers([&] {
        const bool yields[] = {true, false};
        for (const bool yields_too : yields) {
            const auto p = make_pipe();
            std::atomic<bool> read{false};
            runnel::wait_group wg;
            wg.go([&] {
                expected.check(wait_readable(p.a.get()) == op_status::ok, "reads");
                read = true;
            });
            expected.check(test::wait_parked(1, wait_reason), "parks");
            const std::size_t n = runnel::max_procs();
            std::atomic<std::size_t> running{0};
            for (std::size_t i = 0; i < n; ++i) {
                wg.go([&] {
                    if (++running == n) p.b.put();
                    while (!read) {
                        if (yields_too) runnel::yield();
                    }
                });
            }
            wg.wait();
        }
    });
    expected.verify();
}

TEST_CASE("timers strike while workers sleep in the poller", "[io][C-132]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto p = make_pipe();
        runnel::wait_group wg;
        wg.go([&] { expected.check(wait_readable(p.a.get()) == op_status::ok, "reads"); });
        expected.check(test::wait_parked(1, wait_reason), "parks");
        // An earlier one each time, armed by a thread while the keeper sleeps until a later one.
        std::atomic<int> struck{0};
        std::vector<runnel::timer> later;
        runnel::blocking([&] {
            for (int i = 0; i < 10; ++i) {
                later.push_back(runnel::after_func(1h, [] {}));
                runnel::after_func(1ms, [&] { ++struck; });
                expected.check(test::eventually([&] { return struck == i + 1; }), "strikes");
            }
        });
        for (runnel::timer& t : later) t.stop();
        p.b.put();
        wg.wait();
    });
    expected.verify();
}

TEST_CASE("a goroutine of another runtime is woken, whoever sleeps in the poller", "[io]") {
    test::expectations expected;
    const auto p = make_pipe();
    const auto q = make_pipe();
    {
        auto first = std::make_unique<runnel::runtime>(runnel::runtime_options{.max_procs = 1});
        runnel::runtime second{runnel::runtime_options{.max_procs = 1}};
        std::atomic<int> woken{0};
        const auto reader_of = [&](const test::descriptor_pair& pair) {
            return [&] {
                expected.check(wait_readable(pair.a.get()) == op_status::ok, "woken");
                ++woken;
            };
        };
        const auto waiters = [] { return runnel::detail::the_poller.waiters(); };
        first->go(reader_of(p));
        expected.check(test::eventually([&] { return waiters() == 1; }), "waits");
        second.go(reader_of(q));
        expected.check(test::eventually([&] { return waiters() == 2; }), "waits");
        p.b.put();
        expected.check(test::eventually([&] { return woken == 1; }), "the first");
        // Whose worker slept in the poller is gone.
        first.reset();
        q.b.put();
        expected.check(test::eventually([&] { return woken == 2; }), "the second");
    }
    expected.verify();
}

TEST_CASE("a thousand pipes pass a byte round", "[io]") {
    test::expectations expected;
    test::on_workers([&] {
        const int n = test::scale(500);
        std::vector<test::descriptor_pair> pipes;
        for (int i = 0; i < n; ++i) pipes.push_back(make_pipe());
        runnel::wait_group wg;
        const int rounds = 3;
        for (int i = 0; i < n; ++i) {
            wg.go([&, i] {
                for (int round = 0; round < rounds; ++round) {
                    std::string c;
                    while ((c = pipes[static_cast<std::size_t>(i)].a.take()).empty()) {
                        if (wait_readable(pipes[static_cast<std::size_t>(i)].a.get()) !=
                            op_status::ok) {
                            expected.check(false, "ready");
                            return;
                        }
                    }
                    pipes[static_cast<std::size_t>((i + 1) % n)].b.put(c[0]);
                }
            });
        }
        pipes[0].b.put('r');
        wg.wait();
        expected.check_eq(pipes[0].a.take(), std::string("r"), "it has come round");
        for (const auto& p : pipes) runnel::io::forget(p.a.get());
    });
    expected.verify();
    CHECK(nobody_waits());
}

// ---- shortage ----

// The undefined-behaviour sanitizer opens pipes to look at the exception, where there is no descriptor left.
#if !RUNNEL_TEST_ASAN
CHILD_SCENARIO(no_descriptor_left) {
    const auto p = make_pipe();
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    const rlimit before = limit;
    limit.rlim_cur = static_cast<rlim_t>(p.b.get()) + 1;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    try {
        wait_readable(p.a.get(), runnel::clock::now() + 1h);
        return 1;
    } catch (const std::system_error& e) {
        if (e.code() != std::errc::too_many_files_open) return 2;
    }
    ::setrlimit(RLIMIT_NOFILE, &before);
    return wait_readable(p.a.get(), runnel::clock::now() + 1ms) == op_status::timeout ? 0 : 3;
}

TEST_CASE("a process without a descriptor left is told, and goes on", "[io]") {
    const auto r = test::run_scenario("no_descriptor_left");
    CHECK(r.status == 0);
    CHECK(r.err == "");
}
#endif

// ---- deadlock ----

CHILD_SCENARIO(io_is_no_deadlock) {
    const auto p = make_pipe();
    std::thread writer([&p] {
        std::this_thread::sleep_for(300ms);
        p.b.put();
    });
    const int status = runnel::run([&p] {
        runnel::wait_group wg;
        wg.go([&] { wait_readable(p.a.get()); });
        wg.wait();
        std::puts("read");
        return 0;
    });
    writer.join();
    return status;
}
CHILD_SCENARIO(io_of_a_pipe_alone_is_no_deadlock) {
    return runnel::run([] {
        const auto p = make_pipe();
        // Nobody else is there, as far as anybody could know but the kernel.
        if (::fork() == 0) {
            ::usleep(300'000);
            static_cast<void>(!::write(p.b.get(), "x", 1));
            ::_exit(0);
        }
        wait_readable(p.a.get());
        std::puts("read");
        return 0;
    });
}
CHILD_SCENARIO(deadlock_after_io) {
    return runnel::run([] {
        const auto p = make_pipe();
        runnel::wait_group wg;
        wg.go([&] { wait_readable(p.a.get()); });
        p.b.put();
        wg.wait();
        std::puts("read");
        std::fflush(stdout);
        runnel::select();
        return 0;
    });
}
CHILD_SCENARIO(deadlock_though_an_ended_run_waits_for_io) {
    const auto p = make_pipe();
    runnel::run([&] {
        runnel::go([&] { wait_readable(p.a.get()); });
        static_cast<void>(
            test::eventually([] { return runnel::detail::the_poller.waiters() == 1; }));
    });
    return runnel::run([] {
        runnel::select();
        return 0;
    });
}

TEST_CASE("who waits for I/O is no part of a deadlock", "[io][C-169][C-170]") {
    for (const char* name : {"io_is_no_deadlock", "io_of_a_pipe_alone_is_no_deadlock"}) {
        const auto r = test::run_scenario(name);
        CHECK(r.status == 0);
        CHECK(r.out == "read\n");
        CHECK(r.err == "");
    }
    const auto later = test::run_scenario("deadlock_after_io");
    CHECK(later.status == 2);
    CHECK(later.out == "read\n");
    CHECK(test::contains(later.err, "all goroutines are asleep - deadlock!"));
    const auto left = test::run_scenario("deadlock_though_an_ended_run_waits_for_io");
    CHECK(left.status == 2);
    CHECK(test::contains(left.err, "all goroutines are asleep - deadlock!"));
}

}  // namespace
