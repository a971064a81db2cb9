// tests/hazards/resources_test.cpp — when there is no memory or no thread left, somebody is told.
// SPDX-License-Identifier: BSL-1.0
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <new>
#include <string>
#include <system_error>

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>

#include <runnel/blocking.hpp>
#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/runtime.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

#if !RUNNEL_TEST_ASAN && !RUNNEL_TEST_TSAN  // they take this name, and most of the address space

namespace {
std::atomic<int> threads_left{1 << 30};
}

// In place of the C library's: fails when no thread is left.
extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes,
                              void* (*entry)(void*), void* arg) noexcept {
    if (threads_left.fetch_sub(1) <= 0) return EAGAIN;
    using function = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
    static const auto real = reinterpret_cast<function>(::dlsym(RTLD_NEXT, "pthread_create"));
    return real(thread, attributes, entry, arg);
}

namespace {

using namespace std::chrono_literals;

// ---- 1. threads ----

template <class F>
bool refused(F f) {
    try {
        f();
        return false;
    } catch (const std::system_error& e) {
        return e.code() == std::errc::resource_unavailable_try_again;
    }
}

CHILD_SCENARIO(no_thread_at_all) {
    threads_left = 0;
    if (!refused([] { runnel::run([] {}); })) return 1;
    if (!refused([] { runnel::go([] {}); })) return 2;
    threads_left = 1;  // the monitor's, but no worker's
    if (!refused([] { runnel::run([] {}); })) return 3;
    threads_left = 100;
    return runnel::run([] { return runnel::async([] { return 40; }).get(); });
}
TEST_CASE("run and go say so when no thread can be had, and work later", "[hazards][resources]") {
    const auto r = test::run_scenario("no_thread_at_all");
    INFO("stderr: " << r.err);
    CHECK(r.status == 40);
}

CHILD_SCENARIO(one_worker_only) {
    threads_left = 2;
    runnel::set_max_procs(8);
    const int sum = runnel::run([] {
        runnel::wait_group wg;
        std::atomic<int> n{0};
        for (int i = 0; i < 1000; ++i) {
            wg.go([&] {
                runnel::yield();
                ++n;
            });
        }
        wg.wait();
        return n.load();
    });
    threads_left = 100;
    // Now they can be had: all eight must come.
    return sum == 1000 && runnel::run([] {
               std::atomic<int> here{0};
               runnel::wait_group wg;
               for (int i = 0; i < 8; ++i) {
                   wg.go([&] {
                       ++here;
                       while (here < 8) ::usleep(100);
                   });
               }
               wg.wait();
               return true;
           })
               ? 41
               : 1;
}
TEST_CASE("with too few threads the workers there are do the work", "[hazards][resources]") {
    const auto r = test::run_scenario("one_worker_only");
    INFO("stderr: " << r.err);
    CHECK(r.status == 41);
}

// Sleeps until nothing wakes the default runtime's monitor by itself.
void wait_until_unwatched() {
    runnel::detail::scheduler& s = runnel::detail::default_scheduler();
    while (!s.monitor_asleep_) ::usleep(1000);
}

CHILD_SCENARIO(refused_until_there_is_one) {
    threads_left = 1;  // the monitor's, but no worker's
    for (int i = 0; i < 3; ++i) {
        if (!refused([] { runnel::run([] {}); })) return 1;
        if (i == 0) wait_until_unwatched();
        threads_left = 0;
    }
    threads_left = 100;
    return runnel::run([] { return 45; });
}
TEST_CASE("as long as there is no worker at all, every call says so", "[hazards][resources]") {
    const auto r = test::run_scenario("refused_until_there_is_one");
    INFO("stderr: " << r.err);
    CHECK(r.status == 45);
}

CHILD_SCENARIO(no_thread_for_a_while) {
    // The only worker blocks, the monitor has gone to sleep for good, since nobody is inside run() and so no
    // deadlock is looked for, and a thread starts a goroutine.
    runnel::set_max_procs(1);
    std::atomic<bool> blocked{false};
    std::atomic<bool> ran{false};
    runnel::go([&] {
        runnel::blocking([&] {
            blocked = true;
            while (!ran) ::usleep(1000);
        });
    });
    while (!blocked) ::usleep(1000);
    wait_until_unwatched();
    threads_left = 0;
    runnel::go([&] { ran = true; });
    while (threads_left == 0) ::usleep(1000);  // it was asked for, and refused
    threads_left = 100;
    while (runnel::num_goroutine() != 0) ::usleep(1000);
    return 46;
}
TEST_CASE("a thread that cannot be had is asked for again while there is work",
          "[hazards][resources]") {
    const auto r = test::run_scenario("no_thread_for_a_while");
    INFO("stderr: " << r.err);
    CHECK(r.status == 46);
}

// ---- 2. memory ----

std::size_t mapped_now() {
    std::ifstream in("/proc/self/statm");
    std::size_t pages = 0;
    in >> pages;
    return pages * 4096;
}

void leave_room_for(std::size_t bytes) {
    const rlim_t limit = mapped_now() + bytes;
    const struct rlimit r = {limit, limit};
    ::setrlimit(RLIMIT_AS, &r);
}

// Each takes a MiB until it is let go.
struct large_callable {
    runnel::chan<int> gate;
    char block[1 << 20];
    void operator()() const { gate.recv(); }
};
CHILD_SCENARIO(no_memory_for_go) {
    return runnel::run([] {
        static large_callable f;
        leave_room_for(40U << 20);
        int thrown = 0;
        for (int round = 0; round < 3; ++round) {
            f.gate = runnel::make_chan<int>();
            std::size_t started = 0;
            try {
                for (; started < 1000; ++started) runnel::go(f);
            } catch (const std::bad_alloc&) {
                ++thrown;
            }
            if (runnel::num_goroutine() != started + 1) return 1;
            // Once they have ended there is room again.
            f.gate.close();
            for (int i = 0; runnel::num_goroutine() != 1; ++i) {
                if (i == 10'000'000) return 2;
                runnel::yield();
            }
        }
        return thrown == 3 ? 42 : 3;
    });
}
TEST_CASE("go throws bad_alloc when there is no memory, and loses nothing",
          "[hazards][resources]") {
    const auto r = test::run_scenario("no_memory_for_go");
    INFO("stderr: " << r.err);
    CHECK(r.status == 42);
}

CHILD_SCENARIO(no_memory_for_stacks) {
    runnel::set_max_procs(1);
    return runnel::run([] {
        leave_room_for(300U << 20);
        for (int round = 0; round < 3; ++round) {
            const auto ch = runnel::make_chan<int>();
            int started = 0;
            int ended = 0;
            try {
                for (;; ++started) {
                    runnel::go([&, ch] {
                        ch.recv();
                        ++ended;
                    });
                    // Some start now, some only when no more can be had; each finds a stack.
                    if (started % 3 == 0) runnel::yield();
                }
            } catch (const std::bad_alloc&) {
            }
            if (started < 100 || started > 2000) return 1;
            ch.close();
            while (ended != started) runnel::yield();
        }
        return 44;
    });
}
TEST_CASE("go throws bad_alloc when there is no room for a stack, and who has started can park",
          "[hazards][resources]") {
    const auto r = test::run_scenario("no_memory_for_stacks");
    INFO("stderr: " << r.err);
    CHECK(r.status == 44);
}

CHILD_SCENARIO(many_stacks_without_guards) {
    // As many mappings as the system allows are not enough for two a stack: guards must not need them.
    runnel::set_max_procs(1);
    return runnel::run([] {
        const auto ch = runnel::make_chan<int>();
        runnel::wait_group wg;
        constexpr int n = 70'000;
        for (int i = 0; i < n; ++i) {
            wg.go([=] { ch.recv(); });
            if (i % 100 == 0) runnel::yield();
        }
        test::eventually([] { return runnel::stats().runnable == 0; });
        ch.close();
        wg.wait();
        return 43;
    });
}
TEST_CASE("more parked goroutines than the process may have mappings", "[hazards][resources]") {
    const auto r = test::run_scenario("many_stacks_without_guards");
    INFO("stderr: " << r.err);
    CHECK(r.status == 43);
}

}  // namespace

#elif RUNNEL_TEST_ASAN

namespace {

using namespace std::chrono_literals;

// Root has no such limit.
bool limit_threads(rlim_t most) {
    if (::getuid() == 0 && ::setresuid(65534, 65534, 65534) != 0) return false;
    const struct rlimit few = {most, most};
    return ::setrlimit(RLIMIT_NPROC, &few) == 0;
}

CHILD_SCENARIO(threads_run_out_beside_thieves) {
    if (!limit_threads(5)) return 77;
    try {
        runnel::set_max_procs(64);
        const auto end = runnel::clock::now() + 3s;
        runnel::run([&] {
            while (runnel::clock::now() < end) {
                runnel::wait_group wg;
                for (int i = 0; i < 50; ++i) wg.go([] { runnel::yield(); });
                wg.wait();
            }
        });
    } catch (const std::system_error&) {
        return 77;  // not even the first
    }
    return 44;
}
TEST_CASE("a worker without a thread stays where thieves look", "[hazards][resources]") {
    const auto r = test::run_scenario("threads_run_out_beside_thieves",
                                      {"ASAN_OPTIONS=detect_leaks=0"});  // needs a thread itself
    INFO("stderr: " << r.err);
    if (r.status == 77) WARN("threads cannot be limited here");
    CHECK((r.status == 44 || r.status == 77));
}

}  // namespace

#else

TEST_CASE("resources run out only without the thread sanitizer", "[hazards][resources]") {
    SUCCEED();
}

#endif
