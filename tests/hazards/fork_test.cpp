// tests/hazards/fork_test.cpp — a child of fork() has no runtime, and is told so instead of hanging.
// SPDX-License-Identifier: BSL-1.0
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <runnel/blocking.hpp>
#include <runnel/chan.hpp>
#include <runnel/future.hpp>
#include <runnel/go.hpp>
#include <runnel/io.hpp>
#include <runnel/net.hpp>
#include <runnel/runtime.hpp>
#include <runnel/thread_lock.hpp>
#include <runnel/time.hpp>

#include "support/catch.hpp"
#include "support/connections.hpp"
#include "support/descriptors.hpp"
#include "support/support.hpp"

extern char** environ;

namespace {

using namespace std::chrono_literals;

// Forks on the present goroutine or thread, and says how the child ended.
int forked(const std::function<void()>& in_child) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::alarm(20);  // a child that hangs
        in_child();
        ::_exit(50);
    }
    return runnel::blocking([child] {
        int status = 0;
        while (::waitpid(child, &status, 0) < 0) {
        }
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    });
}

void keep_busy() {
    // Other threads that hold the runtime's locks every now and then.
    for (int i = 0; i < 4; ++i) {
        runnel::go([] {
            const auto ch = runnel::make_chan<int>(1);
            for (;;) {
                ch.send(1);
                runnel::yield();
                ch.recv();
            }
        });
    }
}

template <class F>
int fork_in_a_goroutine(F in_child) {
    runnel::set_max_procs(3);
    return runnel::run([&] {
        keep_busy();
        return runnel::async([&] { return forked(in_child); }).get();
    });
}

CHILD_SCENARIO(child_ends_by_itself) {
    return fork_in_a_goroutine([] { ::_exit(11); });
}
CHILD_SCENARIO(child_becomes_another_program) {
    return fork_in_a_goroutine([] { ::execl("/bin/sh", "sh", "-c", "exit 12", nullptr); });
}
CHILD_SCENARIO(child_exits) {
    return fork_in_a_goroutine([] { std::exit(13); });
}
CHILD_SCENARIO(child_parks) {
    return fork_in_a_goroutine([] { runnel::make_chan<int>().recv(); });
}
CHILD_SCENARIO(child_sleeps) {
    return fork_in_a_goroutine([] { runnel::sleep_for(1ms); });
}
CHILD_SCENARIO(child_starts_a_goroutine) {
    return fork_in_a_goroutine([] { runnel::go([] {}); });
}
CHILD_SCENARIO(child_runs) {
    return fork_in_a_goroutine([] { runnel::run([] {}); });
}
CHILD_SCENARIO(child_makes_a_runtime) {
    return fork_in_a_goroutine([] { runnel::runtime().run([] {}); });
}
// Returns from its goroutine, whose worker's loop is below it.
CHILD_SCENARIO(child_goes_on) {
    runnel::set_max_procs(2);
    return runnel::run([] {
        const auto result = runnel::make_chan<int>(1);
        runnel::go([=] {
            const pid_t child = ::fork();
            if (child == 0) return;
            result.send(runnel::blocking([child] {
                int status = 0;
                ::waitpid(child, &status, 0);
                return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            }));
        });
        return *result.recv();
    });
}
CHILD_SCENARIO(child_leaves_blocking) {
    runnel::set_max_procs(2);
    return runnel::run([] {
        const pid_t child = runnel::blocking([] { return ::fork(); });
        if (child == 0) ::_exit(51);
        return runnel::blocking([child] {
            int status = 0;
            ::waitpid(child, &status, 0);
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        });
    });
}
CHILD_SCENARIO(child_of_a_thread_runs) {
    runnel::run([] {});
    keep_busy();
    return forked([] { runnel::run([] {}); });
}
CHILD_SCENARIO(child_of_a_fresh_process_runs) {
    // No runtime yet: the child may have one of its own.
    const pid_t child = ::fork();
    if (child == 0) ::_exit(runnel::run([] { return runnel::async([] { return 14; }).get(); }));
    int status = 0;
    ::waitpid(child, &status, 0);
    return WEXITSTATUS(status) + runnel::run([] { return 1; });
}
// What programs that are started by a fork have blocked, for a main thread that had blocked SIGUSR2 alone.
void block_only(int signal) {
    sigset_t one;
    ::sigemptyset(&one);
    ::sigaddset(&one, signal);
    ::pthread_sigmask(SIG_SETMASK, &one, nullptr);
}
void become_one_that_shows_its_mask() {
    ::execl("/bin/grep", "grep", "^SigBlk", "/proc/self/status", nullptr);
}
CHILD_SCENARIO(child_shows_its_mask) {
    block_only(SIGUSR2);
    return fork_in_a_goroutine(become_one_that_shows_its_mask);
}
CHILD_SCENARIO(child_of_blocking_shows_its_mask) {
    block_only(SIGUSR2);
    return runnel::run(
        [] { return runnel::blocking([] { return forked(become_one_that_shows_its_mask); }); });
}
CHILD_SCENARIO(child_of_a_goroutines_thread_shows_its_mask) {
    block_only(SIGUSR2);
    return runnel::run([] {
        return runnel::blocking([] {
            int status = 0;
            std::thread([&] { status = forked(become_one_that_shows_its_mask); }).join();
            return status;
        });
    });
}
CHILD_SCENARIO(child_of_the_main_thread_shows_its_mask) {
    runnel::run([] {});
    block_only(SIGUSR2);
    return forked(become_one_that_shows_its_mask);
}
CHILD_SCENARIO(child_of_a_changed_mask_shows_it) {
    return runnel::run([] {
        const runnel::thread_lock pin;
        block_only(SIGUSR2);
        return forked(become_one_that_shows_its_mask);
    });
}
CHILD_SCENARIO(spawns_a_program) {
    return runnel::run([] {
        keep_busy();
        return runnel::blocking([] {
            char shell[] = "/bin/sh";
            char option[] = "-c";
            char command[] = "exit 15";
            char* argv[] = {shell, option, command, nullptr};
            pid_t child = -1;
            ::posix_spawn(&child, shell, nullptr, nullptr, argv, environ);
            int status = 0;
            ::waitpid(child, &status, 0);
            return WEXITSTATUS(status);
        });
    });
}

// The address sanitizer's allocator may have been locked by a thread that the child does not have.
constexpr bool child_may_allocate = !test::under_asan;
const std::vector<std::string> without_leak_check = {"ASAN_OPTIONS=detect_leaks=0"};

TEST_CASE("a forked child may end, or become another program", "[hazards][fork]") {
    const std::pair<const char*, int> cases[] = {
        {"child_ends_by_itself", 11}, {"child_becomes_another_program", 12},
        {"child_exits", 13},          {"child_of_a_fresh_process_runs", 15},
        {"spawns_a_program", 15},
    };
    for (const auto& [scenario, status] : cases) {
        if (!child_may_allocate && std::string_view(scenario) == "child_exits") continue;
        INFO(scenario);
        const auto r = test::run_scenario(scenario, without_leak_check);
        INFO("stderr: " << r.err);
        CHECK(r.status == status);
        CHECK(r.err.empty());
    }
}

TEST_CASE("a program that a forked child becomes has the signal mask from before the runtime",
          "[hazards][fork][signals]") {
    for (const char* scenario :
         {"child_shows_its_mask", "child_of_blocking_shows_its_mask",
          "child_of_a_goroutines_thread_shows_its_mask", "child_of_the_main_thread_shows_its_mask",
          "child_of_a_changed_mask_shows_it"}) {
        INFO(scenario);
        const auto r = test::run_scenario(scenario, without_leak_check);
        INFO("stderr: " << r.err);
        CHECK(r.status == 0);
        CHECK(r.out == "SigBlk:\t0000000000000800\n");
    }
}

TEST_CASE("a forked child that uses the runtime ends with a message", "[hazards][fork]") {
    if (!child_may_allocate) {
        SUCCEED("not with the address sanitizer");
        return;
    }
    for (const char* scenario : {"child_parks", "child_sleeps", "child_starts_a_goroutine",
                                 "child_runs", "child_makes_a_runtime", "child_goes_on",
                                 "child_leaves_blocking", "child_of_a_thread_runs"}) {
        INFO(scenario);
        const auto r = test::run_scenario(scenario, without_leak_check);
        INFO("stderr: " << r.err);
        CHECK(r.status == 7);
        CHECK(r.err ==
              "runnel: the runtime does not survive fork(): only exec or _exit may follow in the "
              "child\n");
    }
}

// The epoll is one for both: what a child takes out of it would be gone for its parent, too.
TEST_CASE("a child that forgets a descriptor does not stop its parent's events",
          "[hazards][fork][io]") {
    test::expectations expected;
    runnel::run([&] {
        const auto p = test::make_pipe();
        auto reader = runnel::async([&] { return runnel::io::wait_readable(p.a.get()); });
        expected.check(test::wait_parked(1, "IO wait"), "parks");
        expected.check_eq(forked([&] {
                              runnel::io::forget(p.a.get());
                              ::_exit(7);
                          }),
                          7, "the child");
        p.b.put();
        expected.check(reader.get() == runnel::op_status::ok, "its event comes");
        runnel::io::forget(p.a.get());
    });
    expected.verify();
}

// What a child closes, by name or as its copies are destroyed, stays its parent's.
void a_child_closes_its_copies(test::expectations& expected) {
    namespace net = runnel::net;
    const auto path =
        std::filesystem::temp_directory_path() / ("runnel-fork-" + std::to_string(::getpid()));
    auto l = net::listen("unix:" + path.string());
    test::connection c = test::connect_to(l);
    test::connection d = test::make_connection();
    auto reading = runnel::async([&] { return test::take(d.a); });
    auto accepting = runnel::async([&] { return l.accept(); });
    expected.check(test::wait_parked(2, "IO wait"), "they park");
    expected.check_eq(forked([&] {
                          c.b.close();
                          d.a.close();
                          for (net::stream* s : {&c.a, &c.b, &d.a, &d.b}) {
                              const net::stream copy(std::move(*s));
                          }
                          l.close();
                          const net::listener copy(std::move(l));
                          ::_exit(7);
                      }),
                      7, "the child");
    expected.check(std::filesystem::is_socket(path), "the file is there");
    c.b.write("over");
    expected.check_eq(test::take(c.a), std::string("over"), "what was open is open");
    d.b.write("read");
    expected.check_eq(reading.get(), std::string("read"), "its event comes");
    c.a = net::dial("unix:" + path.string());
    expected.check(accepting.get().is_open(), "somebody listens");
    l.close();
    expected.check(!std::filesystem::exists(path), "and removes the file in the end");
}
TEST_CASE("a child that closes its copies of connections takes nothing from its parent",
          "[hazards][fork][net]") {
    test::expectations expected;
    runnel::run([&] { a_child_closes_its_copies(expected); });
    expected.verify();
}
// A listener without a runtime: nothing is told of a fork.
CHILD_SCENARIO(child_closes_a_listener_of_a_fresh_process) {
    const auto path =
        std::filesystem::temp_directory_path() / ("runnel-fork-" + std::to_string(::getpid()));
    auto l = runnel::net::listen("unix:" + path.string());
    const pid_t child = ::fork();
    if (child == 0) {
        l.close();
        ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    const bool stays = std::filesystem::is_socket(path);
    l.close();
    std::printf("%s\n", stays && !std::filesystem::exists(path) ? "the parent's" : "lost");
    return status;
}
TEST_CASE("a child that closes its copy of a listener leaves the socket's file",
          "[hazards][fork][net]") {
    const auto r = test::run_scenario("child_closes_a_listener_of_a_fresh_process");
    CHECK(r.out == "the parent's\n");
    CHECK(r.err == "");
    CHECK(r.status == 0);
}

}  // namespace
