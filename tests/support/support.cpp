// tests/support/support.cpp — main(), the watchdog, and the bodies behind support.hpp.
// SPDX-License-Identifier: BSL-1.0
//
//   Environment  RUNNEL_TEST_TIMEOUT  seconds a test case may take before the watchdog dumps all
//                                     goroutines and aborts (60)
//                RUNNEL_TEST_DEADLINE seconds the whole executable may take; CTest sets it a little
//                                     below its own limit, so that a dump comes first
//                RUNNEL_TEST_PROCS, RUNNEL_TEST_SCALE, RUNNEL_SEED: see support.hpp

// Catch2 v2 has its runner in the header. Our own handlers below replace its signal handlers: a
// fault may happen on a worker's thread, where Catch2's reporters must not run.
#define CATCH_CONFIG_RUNNER
#define CATCH_CONFIG_NO_POSIX_SIGNALS

#include "support/support.hpp"

#if __has_include(<catch2/catch_session.hpp>)
#include <catch2/catch_session.hpp>
#include <catch2/catch_test_case_info.hpp>
#include <catch2/reporters/catch_reporter_event_listener.hpp>
#include <catch2/reporters/catch_reporter_registrars.hpp>
#endif

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>

namespace test {
namespace {

long env_number(const char* name, long otherwise) {
    const char* text = std::getenv(name);
    if (text == nullptr || *text == '\0') return otherwise;
    char* end = nullptr;
    const long value = std::strtol(text, &end, 10);
    if (*end != '\0' || value <= 0) {
        std::fprintf(stderr, "%s=%s is no positive number\n", name, text);
        std::exit(2);
    }
    return value;
}

// ---- seed ----

std::atomic<bool> seed_used{false};

// ---- the running test case, for the watchdog and the signal handler ----

struct current_case {
    std::mutex lock;
    std::condition_variable changed;
    bool done = false;                              // guarded by lock
    bool running = false;                           // guarded by lock
    std::chrono::steady_clock::time_point since{};  // guarded by lock
    char name[256] = "";  // written by the test's thread; the fault handler reads it as it is
};

// Immortal: the watchdog and a fault handler may look at it while static objects are destroyed.
current_case& current() {
    static current_case& instance = *new current_case;
    return instance;
}

void say_hang(const char* what, long seconds) {
    std::fflush(stdout);
    std::fprintf(stderr, "\n*** watchdog: %s has run for more than %ld s", what, seconds);
    std::fprintf(stderr, "\n*** test case: %s\n", current().name);
    if (seed_used) {
        std::fprintf(stderr, "*** repeat with RUNNEL_SEED=%llu\n",
                     static_cast<unsigned long long>(seed()));
    }
    std::fflush(stderr);
    // Should the dump itself hang (a lock that is never given back), this ends it.
    ::alarm(20);
    runnel::debug::dump(stderr);
    std::fflush(stderr);
    std::abort();
}

void watch(std::chrono::seconds per_case, std::chrono::seconds all) {
    current_case& now = current();
    const auto end = std::chrono::steady_clock::now() + all;
    std::unique_lock held(now.lock);
    while (!now.done) {
        now.changed.wait_for(held, std::chrono::milliseconds(500));
        const auto time = std::chrono::steady_clock::now();
        if (now.running && time - now.since > per_case) {
            held.unlock();
            say_hang("this test case", per_case.count());
        }
        if (!now.done && time > end) {
            held.unlock();
            say_hang("this executable", all.count());
        }
    }
}

class watchdog {
public:
    watchdog() {
        // Made before both threads look at it: the thread sanitizer does not see g++'s guard.
        current();
        // Signals are for the tests' own threads; only the alarm above may end this one.
        sigset_t all;
        sigset_t before;
        sigfillset(&all);
        sigdelset(&all, SIGALRM);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        thread_ = std::thread(watch, std::chrono::seconds(env_number("RUNNEL_TEST_TIMEOUT", 60)),
                              std::chrono::seconds(env_number("RUNNEL_TEST_DEADLINE", 1'000'000)));
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }
    watchdog(const watchdog&) = delete;
    watchdog& operator=(const watchdog&) = delete;
    ~watchdog() {
        {
            std::lock_guard held(current().lock);
            current().done = true;
        }
        current().changed.notify_all();
        thread_.join();
    }

private:
    std::thread thread_;
};

// ---- a fault names its test case ----

void write_text(const char* text) {
    [[maybe_unused]] const auto n = ::write(STDERR_FILENO, text, std::strlen(text));
}

void on_fault(int signal_number) {
    write_text("\n*** a fatal signal (");
    write_text(signal_number == SIGABRT ? "abort" : "fault");
    write_text(") came in test case: ");
    write_text(current().name);
    write_text("\n");
    // SA_RESETHAND: returning repeats the fault with its default action.
}

void install_fault_handler() {
    if (under_sanitizer) return;  // their own reports say more
    struct sigaction action = {};
    action.sa_handler = on_fault;
    action.sa_flags = static_cast<int>(SA_ONSTACK | SA_RESETHAND);
    for (int s : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) sigaction(s, &action, nullptr);
}

// ---- Catch2 tells us where it is ----

#if __has_include(<catch2/catch_session.hpp>)
using listener_base = Catch::EventListenerBase;
#else
using listener_base = Catch::TestEventListenerBase;
#endif

class case_listener : public listener_base {
public:
    using listener_base::listener_base;

    void testCaseStarting(const Catch::TestCaseInfo& info) override {
        current_case& now = current();
        std::lock_guard held(now.lock);
        std::snprintf(now.name, sizeof now.name, "%s", info.name.c_str());
        now.running = true;
        now.since = std::chrono::steady_clock::now();
    }

    void testCaseEnded(const Catch::TestCaseStats& stats) override {
        if (stats.totals.assertions.failed > 0 && seed_used) {
            std::fprintf(stderr, "*** repeat with RUNNEL_SEED=%llu\n",
                         static_cast<unsigned long long>(seed()));
        }
        current_case& now = current();
        std::lock_guard held(now.lock);
        now.running = false;
    }
};
CATCH_REGISTER_LISTENER(case_listener)

// ---- scenarios ----

std::map<std::string, int (*)(), std::less<>>& scenarios() {
    static auto& instance = *new std::map<std::string, int (*)(), std::less<>>;
    return instance;
}

int run_registered(std::string_view name) {
    // A scenario may be meant to abort: no core file for that.
    const struct rlimit none = {};
    setrlimit(RLIMIT_CORE, &none);
    const auto found = scenarios().find(name);
    if (found == scenarios().end()) {
        std::fprintf(stderr, "no scenario of this name: %.*s\n", static_cast<int>(name.size()),
                     name.data());
        return 125;
    }
    return found->second();
}

}  // namespace

// ---- 1. worker counts ----

std::vector<std::size_t> worker_counts() {
    const char* text = std::getenv("RUNNEL_TEST_PROCS");
    if (text == nullptr || *text == '\0') return {1, 2, 8};
    std::vector<std::size_t> counts;
    std::istringstream in(text);
    for (std::string item; std::getline(in, item, ',');) {
        const int n = std::atoi(item.c_str());
        if (n < 1) {
            std::fprintf(stderr, "RUNNEL_TEST_PROCS=%s is no list like 1,2,8\n", text);
            std::exit(2);
        }
        counts.push_back(static_cast<std::size_t>(n));
    }
    return counts;
}

// ---- 2. expectations ----

void expectations::check(bool held, std::string what) {
    std::lock_guard guard(lock_);
    ++recorded_;
    // The first failures tell the story; a loop that goes wrong must not fill memory.
    if (!held && failures_.size() < 50) failures_.push_back(std::move(what));
}

std::string expectations::take_report() {
    std::lock_guard guard(lock_);
    std::string report;
    if (recorded_ == 0 && !verified_) report = "nothing was recorded";
    for (const std::string& failure : failures_) report += "\n  did not hold: " + failure;
    failures_.clear();
    recorded_ = 0;
    verified_ = true;
    return report;
}

void expectations::verify() {
    const std::string report = take_report();
    INFO("expectations: " << report);
    REQUIRE(report.empty());
}

expectations::~expectations() {
    if (std::uncaught_exceptions() > 0)
        return;  // the test has failed already, for a reason of its own
    const std::string report = take_report();
    INFO("expectations: " << report);
    CHECK(report.empty());
}

// ---- 3. waiting ----

std::size_t parked(std::string_view reason) {
    std::size_t n = 0;
    for (const auto& g : runnel::debug::goroutines()) {
        if (g.state == "waiting" && (reason.empty() || g.wait_reason == reason)) ++n;
    }
    return n;
}

bool wait_parked(std::size_t n, std::string_view reason) {
    return eventually([=] { return parked(reason) >= n; });
}

// ---- 4. loop counts and seeds ----

int scale(int n) {
    static const long percent = env_number("RUNNEL_TEST_SCALE", under_tsan   ? 3
                                                                : under_asan ? 10
                                                                             : 100);
    const long long scaled = static_cast<long long>(n) * percent / 100;
    return static_cast<int>(std::clamp<long long>(scaled, 1, INT_MAX));
}

std::uint64_t seed() {
    static const std::uint64_t value = [] {
        seed_used = true;
        if (const char* text = std::getenv("RUNNEL_SEED"); text != nullptr && *text != '\0') {
            return static_cast<std::uint64_t>(std::strtoull(text, nullptr, 10));
        }
        std::random_device device;
        return (static_cast<std::uint64_t>(device()) << 32) | device();
    }();
    return value;
}

// ---- 6. child processes ----

namespace {

std::string own_path() {
    char path[PATH_MAX];
    const auto n = ::readlink("/proc/self/exe", path, sizeof path);
    if (n <= 0) throw std::runtime_error("no /proc/self/exe");
    return std::string(path, static_cast<std::size_t>(n));
}

/// The present environment with `more` laid over it.
std::vector<std::string> environment_with(const std::vector<std::string>& more) {
    std::vector<std::string> all;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text = *entry;
        const std::string_view name = text.substr(0, text.find('=') + 1);
        const bool replaced = std::any_of(more.begin(), more.end(), [&](const std::string& m) {
            return std::string_view(m).substr(0, name.size()) == name;
        });
        if (!replaced) all.emplace_back(text);
    }
    all.insert(all.end(), more.begin(), more.end());
    return all;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> out;
    for (std::string& t : texts) out.push_back(t.data());
    out.push_back(nullptr);
    return out;
}

struct pipe_ends {
    int read_end = -1;
    int write_end = -1;
    pipe_ends() {
        int fds[2];
        if (::pipe2(fds, O_CLOEXEC) != 0) throw std::runtime_error("pipe2 failed");
        read_end = fds[0];
        write_end = fds[1];
    }
    pipe_ends(const pipe_ends&) = delete;
    pipe_ends& operator=(const pipe_ends&) = delete;
    ~pipe_ends() {
        ::close(read_end);
        close_write();
    }
    void close_write() {
        if (write_end >= 0) ::close(std::exchange(write_end, -1));
    }
};

/// Reads both pipes to their ends; false once `end` has passed.
bool drain(pipe_ends& out, pipe_ends& err, process_result& result,
           std::chrono::steady_clock::time_point end) {
    std::array<pollfd, 2> fds{pollfd{out.read_end, POLLIN, 0}, pollfd{err.read_end, POLLIN, 0}};
    int open = 2;
    while (open > 0) {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        if (left.count() <= 0) return false;
        if (::poll(fds.data(), fds.size(), static_cast<int>(left.count())) < 0) continue;
        for (std::size_t i = 0; i < fds.size(); ++i) {
            if (fds[i].fd < 0 || fds[i].revents == 0) continue;
            std::array<char, 4096> buffer;
            const auto n = ::read(fds[i].fd, buffer.data(), buffer.size());
            if (n > 0) {
                (i == 0 ? result.out : result.err)
                    .append(buffer.data(), static_cast<std::size_t>(n));
            } else if (n == 0) {
                fds[i].fd = -1;
                --open;
            }
        }
    }
    return true;
}

}  // namespace

process_result run_self(const std::vector<std::string>& args, const std::vector<std::string>& env) {
    const std::string path = own_path();
    std::vector<std::string> argv_texts{path};
    argv_texts.insert(argv_texts.end(), args.begin(), args.end());
    std::vector<std::string> env_texts = environment_with(env);

    pipe_ends out;
    pipe_ends err;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out.write_end, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, err.write_end, STDERR_FILENO);
    pid_t child = -1;
    // posix_spawn, not fork: the runtime's threads are running.
    const int failed = ::posix_spawn(&child, path.c_str(), &actions, nullptr,
                                     pointers(argv_texts).data(), pointers(env_texts).data());
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) throw std::runtime_error("posix_spawn: " + std::string(std::strerror(failed)));
    out.close_write();
    err.close_write();

    process_result result;
    const long limit = std::max(1L, env_number("RUNNEL_TEST_TIMEOUT", 60) * 3 / 4);
    if (!drain(out, err, result, std::chrono::steady_clock::now() + std::chrono::seconds(limit))) {
        ::kill(child, SIGKILL);
        result.err += "\n*** killed after " + std::to_string(limit) + " s\n";
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) throw std::runtime_error("waitpid failed");
    }
    result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return result;
}

process_result run_scenario(std::string_view name, const std::vector<std::string>& env) {
    return run_self({"--scenario", std::string(name)}, env);
}

detail::scenario::scenario(const char* name, int (*code)()) {
    if (!scenarios().emplace(name, code).second) {
        std::fprintf(stderr, "two scenarios of one name: %s\n", name);
        std::abort();
    }
}

bool monitors_sleep_for_good() {
    bool any = false;
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
        std::ifstream comm(task.path() / "comm");
        std::string name;
        std::getline(comm, name);
        if (name != "runnel-monitor") continue;
        any = true;
        // The number of the call and its arguments, of which the fourth is the limit.
        std::ifstream call(task.path() / "syscall");
        std::string number, word, operation, expected, limit;
        call >> number >> word >> operation >> expected >> limit;
        if (number != std::to_string(SYS_futex) || limit != "0x0") return false;
    }
    return any;
}

}  // namespace test

int main(int argc, char** argv) {
    if (argc == 3 && std::string_view(argv[1]) == "--scenario") {
        return test::run_registered(argv[2]);
    }
    test::install_fault_handler();
    const test::watchdog watching;
    return Catch::Session().run(argc, argv);
}
