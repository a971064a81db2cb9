// tests/hazards/stack_test.cpp — deep recursion works, too deep recursion is named, and nothing else is.
// SPDX-License-Identifier: BSL-1.0
#include <alloca.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <runnel/blocking.hpp>
#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/runtime.hpp>
#include <runnel/thread_lock.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;

std::atomic<int> bottomless{1 << 30};

/// Uses about half a KiB of stack a level.
__attribute__((noinline)) int down(int levels) {
    volatile char frame[448];
    frame[0] = static_cast<char>(levels);
    if (levels <= 0) return frame[0];
    return down(levels - 1) + (frame[0] != 0 ? 1 : 0);
}

// ---- 1. deep ----

// [C-122]
TEST_CASE("recursion may use most of a stack, again and again", "[hazards][stack][C-122]") {
    const int levels = test::under_sanitizer ? 50 : 350;
    test::expectations expected;
    test::on_workers([&] {
        runnel::wait_group wg;
        for (int i = 0; i < 50; ++i) {
            wg.go([&] {
                for (int k = 0; k < 3; ++k) {
                    expected.check(down(levels) > 0, "came back");
                    runnel::yield();
                }
            });
        }
        wg.wait();
    });
    expected.verify();
}

// [C-121]
TEST_CASE("a frame larger than a page fits", "[hazards][stack][C-121]") {
    CHECK(runnel::run([] {
              volatile char frame[100'000];
              for (char volatile& c : frame) c = 1;
              int sum = 0;
              for (char volatile& c : frame) sum += c;
              return sum;
          }) == 100'000);
}

// ---- 2. too deep ----

CHILD_SCENARIO(overflow_fresh) {
    runnel::go([] { bottomless = down(bottomless); });
    runnel::make_chan<int>().recv_for(1h);
    return 0;
}
CHILD_SCENARIO(overflow_main) {
    return runnel::run([] { return down(bottomless); });
}
CHILD_SCENARIO(overflow_after_parks) {
    runnel::go([] {
        for (int i = 0; i < 100; ++i) runnel::yield();
        runnel::sleep_for(2ms);
        bottomless = down(bottomless);
    });
    runnel::make_chan<int>().recv_for(1h);
    return 0;
}
CHILD_SCENARIO(overflow_pinned) {
    runnel::go([] {
        const runnel::thread_lock pin;
        runnel::sleep_for(1ms);
        bottomless = down(bottomless);
    });
    runnel::make_chan<int>().recv_for(1h);
    return 0;
}
CHILD_SCENARIO(overflow_in_blocking) {
    runnel::go([] { runnel::blocking([] { bottomless = down(bottomless); }); });
    runnel::make_chan<int>().recv_for(1h);
    return 0;
}
CHILD_SCENARIO(overflow_on_a_used_stack) {
    runnel::run([] {
        runnel::wait_group wg;
        for (int i = 0; i < 200; ++i) wg.go([] { runnel::yield(); });
        wg.wait();
        runnel::go([] {
            std::printf("%llu", static_cast<unsigned long long>(runnel::goroutine_id()));
            std::fflush(stdout);
            bottomless = down(bottomless);
        });
        runnel::make_chan<int>().recv_for(1h);
    });
    return 0;
}
// One large frame must not step over the guard: that is what -fstack-clash-protection is for.
CHILD_SCENARIO(overflow_by_one_frame) {
    runnel::go([] {
        const auto size = static_cast<std::size_t>(bottomless.load()) >> 10;  // 1 MiB
        auto* block = static_cast<volatile char*>(alloca(size));
        block[0] = 1;
        bottomless = block[0];
    });
    runnel::make_chan<int>().recv_for(1h);
    return 0;
}

#if !RUNNEL_TEST_ASAN && !RUNNEL_TEST_TSAN  // they report it themselves, in their way

// Without a number given, the scenario prints that of its goroutine.
void check_overflow(const char* scenario, const char* goroutine) {
    INFO(scenario);
    const auto r = test::run_scenario(scenario);
    INFO("stderr: " << r.err);
    CHECK(r.status == 128 + SIGSEGV);
    const std::string number = goroutine != nullptr ? goroutine : r.out;
    REQUIRE(!number.empty());
    const std::string head =
        "runnel: goroutine stack overflow [goroutine " + number + ", created at ";
    CHECK(r.err.compare(0, head.size(), head) == 0);
    CHECK(test::contains(r.err, "stack_test.cpp:"));
    CHECK(test::contains(r.err, "fault address 0x"));
}

// [C-122]
TEST_CASE("a goroutine that runs out of stack is named", "[hazards][stack][C-122]") {
    check_overflow("overflow_fresh", "1");
    check_overflow("overflow_main", "1");
    check_overflow("overflow_after_parks", "1");
    check_overflow("overflow_pinned", "1");
    check_overflow("overflow_in_blocking", "1");
    check_overflow("overflow_on_a_used_stack", nullptr);
}

TEST_CASE("a frame larger than the guard is found out, too", "[hazards][stack]") {
    check_overflow("overflow_by_one_frame", "1");
}

// As a kernel without MADV_GUARD_INSTALL answers.
bool without_guard_advice() {
    constexpr unsigned guard_install = 102;
    sock_filter code[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 3),
                          BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[2])),
                          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, guard_install, 0, 1),
                          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
                          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    sock_fprog program{sizeof code / sizeof code[0], code};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}
CHILD_SCENARIO(overflow_without_guard_advice) {
    if (!without_guard_advice()) return 77;
    runnel::go([] { bottomless = down(bottomless); });
    runnel::make_chan<int>().recv_for(1h);
    return 0;
}
TEST_CASE("an older kernel's guards stop an overflow, too", "[hazards][stack]") {
    if (test::run_scenario("overflow_without_guard_advice").status == 77) {
        WARN("system calls cannot be filtered here");
        SUCCEED();
        return;
    }
    check_overflow("overflow_without_guard_advice", "1");
}

// Locked memory cannot have guards by advice.
CHILD_SCENARIO(overflow_with_locked_memory) {
    struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
    if (::setrlimit(RLIMIT_MEMLOCK, &unlimited) != 0) return 77;
    if (::mlockall(MCL_FUTURE) != 0) return 77;
    runnel::go([] { bottomless = down(bottomless); });
    runnel::make_chan<int>().recv_for(1h);
    return 0;
}
TEST_CASE("guards are there in locked memory, too", "[hazards][stack]") {
    if (test::run_scenario("overflow_with_locked_memory").status == 77) {
        WARN("memory cannot be locked here");
        SUCCEED();
        return;
    }
    check_overflow("overflow_with_locked_memory", "1");
}

#endif

// ---- 3. other faults ----

int* volatile nowhere = nullptr;
// A fault of the processor, which no sanitizer finds first.
__attribute__((noinline, no_sanitize("address", "undefined"))) int read_nowhere() {
    return *nowhere;
}

CHILD_SCENARIO(fault_in_a_goroutine) {
    return runnel::run([] { return read_nowhere(); });
}
CHILD_SCENARIO(fault_on_a_thread) {
    runnel::run([] {});
    return read_nowhere();
}
CHILD_SCENARIO(fault_with_a_handler) {
    struct sigaction action = {};
    action.sa_sigaction = [](int, siginfo_t* info, void*) {
        ::_exit(info->si_addr == nullptr ? 33 : 34);
    };
    action.sa_flags = static_cast<int>(SA_SIGINFO | SA_ONSTACK);
    ::sigaction(SIGSEGV, &action, nullptr);
    return runnel::run([] { return read_nowhere(); });
}
CHILD_SCENARIO(fault_with_a_plain_handler) {
    struct sigaction action = {};
    action.sa_handler = [](int) { ::_exit(35); };
    ::sigaction(SIGSEGV, &action, nullptr);
    return runnel::run([] { return read_nowhere(); });
}
CHILD_SCENARIO(fault_with_a_handler_for_once) {
    struct sigaction action = {};
    action.sa_handler = [](int) {
        // Comes back to the fault, which is the default action's then.
        if (::write(STDERR_FILENO, "once\n", 5) != 5) ::_exit(36);
    };
    action.sa_flags = static_cast<int>(SA_RESETHAND | SA_ONSTACK);
    ::sigaction(SIGSEGV, &action, nullptr);
    return runnel::run([] { return read_nowhere(); });
}
CHILD_SCENARIO(signal_is_left_alone) {
    struct sigaction before = {};
    struct sigaction after = {};
    ::sigaction(SIGSEGV, nullptr, &before);
    runnel::run([] {});
    ::sigaction(SIGSEGV, nullptr, &after);
    return before.sa_handler == after.sa_handler ? 0 : 1;
}

TEST_CASE("other faults are what they were", "[hazards][stack]") {
    for (const char* scenario : {"fault_in_a_goroutine", "fault_on_a_thread"}) {
        INFO(scenario);
        const auto r = test::run_scenario(scenario);
        CHECK_FALSE(test::contains(r.err, "goroutine stack overflow"));
        CHECK(r.status != 0);
        if (!test::under_sanitizer) CHECK(r.status == 128 + SIGSEGV);
    }
}

TEST_CASE("a handler that was there before gets faults that are not the runtime's",
          "[hazards][stack]") {
    CHECK(test::run_scenario("fault_with_a_handler").status == 33);
    CHECK(test::run_scenario("fault_with_a_plain_handler").status == 35);
}

TEST_CASE("a handler that was there for a single fault is called for one, and that is the last",
          "[hazards][stack]") {
    const auto r = test::run_scenario("fault_with_a_handler_for_once");
    CHECK(test::contains(r.err, "once"));
    CHECK_FALSE(test::contains(r.err, "once\nonce"));
    CHECK(r.status != 0);
    if (!test::under_sanitizer) CHECK(r.status == 128 + SIGSEGV);
}

TEST_CASE("RUNNEL_NO_SIGSEGV leaves the signal alone", "[hazards][stack]") {
    CHECK(test::run_scenario("signal_is_left_alone", {"RUNNEL_NO_SIGSEGV=1"}).status == 0);
    CHECK(test::run_scenario("signal_is_left_alone", {"RUNNEL_NO_SIGSEGV=0"}).status == 1);
    CHECK(test::run_scenario("signal_is_left_alone").status == 1);
}

}  // namespace
