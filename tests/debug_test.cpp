// tests/debug_test.cpp — dumps and lists of goroutines.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/debug.hpp>

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <runnel/blocking.hpp>
#include <runnel/chan.hpp>
#include <runnel/condition_variable.hpp>
#include <runnel/go.hpp>
#include <runnel/mutex.hpp>
#include <runnel/runtime.hpp>
#include <runnel/select.hpp>
#include <runnel/semaphore.hpp>
#include <runnel/shared_mutex.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;

std::string dumped() {
    char* text = nullptr;
    std::size_t size = 0;
    std::FILE* out = ::open_memstream(&text, &size);
    if (out == nullptr) return "no memory";  // on any thread: no assertions here
    runnel::debug::dump(out);
    std::fclose(out);
    std::string result(text, size);
    std::free(text);
    return result;
}

const runnel::goroutine_info* find(const std::vector<runnel::goroutine_info>& all,
                                   std::uint64_t id) {
    for (const auto& g : all) {
        if (g.id == id) return &g;
    }
    return nullptr;
}

TEST_CASE("without goroutines there is nothing to list", "[debug]") {
    REQUIRE(test::eventually([] { return runnel::num_goroutine() == 0; }));
    CHECK(runnel::debug::goroutines().empty());
    CHECK(dumped().empty());
}

TEST_CASE("a parked goroutine is listed with what it waits for and where it was created",
          "[debug]") {
    const auto ch = runnel::make_chan<int>();
    std::atomic<std::uint64_t> id{0};
    std::atomic<std::uint64_t> parent{0};
    runnel::run([&] {
        parent = runnel::goroutine_id();
        runnel::go([&] {
            id = runnel::goroutine_id();
            ch.recv();
        });
        test::wait_parked(1, "chan receive");
        // It is ours to look, on a goroutine and on a thread.
        const auto all = runnel::debug::goroutines();
        const std::string text = dumped();
        ch.send(1);
        test::expectations expected;
        const auto* g = find(all, id);
        expected.check(g != nullptr, "listed");
        if (g != nullptr) {
            expected.check(g->state == "waiting", "state: " + g->state);
            expected.check(g->wait_reason == "chan receive", "reason: " + g->wait_reason);
            expected.check(g->waiting_for != nullptr, "an object");
            expected.check(test::contains(g->created_at, "debug_test.cpp:"), g->created_at);
            expected.check_eq(g->parent, parent.load(), "parent");
            expected.check_eq(g->name, "goroutine " + std::to_string(id), "its name");
            expected.check(g->waiting_seconds >= 0 && g->waiting_seconds < 100, "a short wait");
        }
        const auto* main = find(all, parent);
        expected.check(main != nullptr && main->state == "running", "main runs");
        expected.check(main != nullptr && main->wait_reason.empty(), "and waits for nothing");
        expected.check(main != nullptr && main->name == "main", "and is called main");
        const std::string line = "goroutine " + std::to_string(id) + " [chan receive, ";
        expected.check(test::contains(text, line), text);
        expected.check(test::contains(text, "s] on 0x"), text);
        expected.check(test::contains(text, "debug_test.cpp:"), text);
        expected.check(test::contains(text, " by goroutine " + std::to_string(parent)), text);
        expected.check(test::contains(text, "goroutine " + std::to_string(parent) + " [running]"),
                       text);
        expected.verify();
    });
}

TEST_CASE("a run's main goroutine is called so, and no other", "[debug]") {
    test::expectations expected;
    const auto mains = [] {
        std::size_t n = 0;
        for (const auto& g : runnel::debug::goroutines()) n += g.name == "main" ? 1 : 0;
        return n;
    };
    test::on_workers([&] {
        expected.check_eq(mains(), 1, "the run's");
        runnel::run([&] { expected.check_eq(mains(), 2, "and that of a run inside it"); });
        expected.check_eq(mains(), 1, "the run's alone");
    });
    std::atomic<std::size_t> seen{99};
    // Control blocks are used again, at once by the same worker.
    runnel::runtime_options options;
    options.max_procs = 1;
    runnel::runtime one(options);
    one.run([] {});
    one.go([&] {
        for (int i = 0; i < 300; ++i) runnel::go([] { runnel::sleep_for(1h); });
        seen = mains();
    });
    CHECK(test::eventually([&] { return seen == 0; }));
    expected.verify();
}

// [C-112] Go's words for what a goroutine waits for
TEST_CASE("each kind of wait has its reason", "[debug][C-112]") {
    // Static: those who never go on hold handles, where the leak sanitizer does not look.
    static const auto ch = runnel::make_chan<int>();
    static const auto go_on = runnel::make_chan<int>();
    const auto full = runnel::make_chan<int>();
    runnel::mutex m;
    m.lock();
    runnel::shared_mutex written;
    written.lock();
    runnel::shared_mutex read;
    read.lock_shared();
    runnel::semaphore sem(1);
    sem.acquire();
    runnel::wait_group wg;
    wg.add(1);
    runnel::condition_variable cv;
    runnel::mutex cv_mutex;
    std::map<std::string, std::size_t> reasons;
    runnel::run([&] {
        runnel::go([&] { ch.recv(); });
        runnel::go([&] { full.send(1); });
        runnel::go([&] { runnel::chan<int>().recv(); });
        runnel::go([&] { runnel::chan<int>().send(1); });
        runnel::go([&] { runnel::select(runnel::recv(ch), runnel::recv(go_on)); });
        runnel::go([&] { runnel::select(); });
        runnel::go([&] { runnel::sleep_for(1h); });
        runnel::go([&] { wg.wait(); });
        runnel::go([&] { m.lock(); });
        runnel::go([&] { written.lock_shared(); });
        runnel::go([&] { read.lock(); });
        runnel::go([&] { sem.acquire(); });
        runnel::go([&] {
            std::unique_lock held(cv_mutex);
            cv.wait(held);
        });
        runnel::go([&] { runnel::async([] { runnel::make_chan<int>().recv(); }).get(); });
        test::wait_parked(15);
        for (const auto& g : runnel::debug::goroutines()) {
            if (g.state == "waiting") ++reasons[g.wait_reason];
        }
    });
    const std::map<std::string, std::size_t> expected = {{"chan receive", 2},
                                                         {"chan send", 1},
                                                         {"chan receive (nil chan)", 1},
                                                         {"chan send (nil chan)", 1},
                                                         {"select", 1},
                                                         {"select (no cases)", 1},
                                                         {"sleep", 1},
                                                         {"sync.WaitGroup.Wait", 1},
                                                         {"sync.Mutex.Lock", 1},
                                                         {"sync.RWMutex.RLock", 1},
                                                         {"sync.RWMutex.Lock", 1},
                                                         {"semacquire", 1},
                                                         {"sync.Cond.Wait", 1},
                                                         {"future wait", 1}};
    CHECK(reasons == expected);
}

/// Of the first that waits to receive, as the dump tells it; -1: not at all.
double dumped_wait(const std::string& text) {
    static constexpr std::string_view before = "[chan receive, ";
    const std::size_t at = text.find(before);
    if (at == std::string::npos) return -1;
    std::size_t end = 0;
    const int number = std::stoi(text.substr(at + before.size()), &end);
    const std::string unit = text.substr(at + before.size() + end, 4);
    if (unit == " ms]") return number / 1000.0;
    return unit.starts_with(" s]") ? number : -1;
}

TEST_CASE("how long a goroutine has waited is told truly", "[debug]") {
    const auto ch = runnel::make_chan<int>();
    const auto start = std::chrono::steady_clock::now();
    std::atomic<std::uint64_t> id{0};
    runnel::go([&] {
        id = runnel::goroutine_id();
        ch.recv();
    });
    REQUIRE(test::wait_parked(1, "chan receive"));
    const auto seconds_since = [&](auto point) {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - point).count();
    };
    const auto parked = std::chrono::steady_clock::now();
    REQUIRE(test::eventually([&] { return seconds_since(parked) > 0.05; }));
    const std::string early = dumped();
    const double early_limit = seconds_since(start) + 0.1;
    // Nothing runs meanwhile, and no clock of the runtime's ticks.
    REQUIRE(test::eventually([&] { return seconds_since(start) > 1.2; }));
    const auto all = runnel::debug::goroutines();
    const std::string text = dumped();
    const double since_start = seconds_since(start);
    ch.send(1);
    INFO(early);
    if (early_limit < 1) CHECK(dumped_wait(early) >= 0.04);
    CHECK(dumped_wait(early) >= 0);
    CHECK(dumped_wait(early) <= early_limit);
    const auto* g = find(all, id);
    REQUIRE(g != nullptr);
    CHECK(g->waiting_seconds <= since_start + 0.1);
    CHECK(g->waiting_seconds >= 0.5);
    CHECK(test::contains(text, "[chan receive, 1 s]"));
}

TEST_CASE("runnable and blocking goroutines are listed as such", "[debug]") {
    // Those of the tests before have ended: all runtimes are listed.
    REQUIRE(test::eventually([] { return runnel::num_goroutine() == 0; }));
    runnel::runtime_options options;
    options.max_procs = 1;
    runnel::runtime one(options);
    std::atomic<bool> inside{false};
    std::atomic<bool> leave{false};
    std::atomic<bool> left{false};
    std::vector<runnel::goroutine_info> all;
    one.run([&] {
        runnel::go([&] {
            runnel::blocking([&] {
                inside = true;
                while (!leave) std::this_thread::yield();
                left = true;
            });
        });
        while (!inside) runnel::yield();
        runnel::go([] {});
        all = runnel::debug::goroutines();
        leave = true;
        while (!left) runnel::yield();
    });
    std::multiset<std::string> states;
    for (const auto& g : all) states.insert(g.state);
    CHECK(states == std::multiset<std::string>{"blocking", "runnable", "running"});
}

// [C-112] [C-190]
TEST_CASE("lists and dumps are sound while goroutines start and end", "[debug][C-112]") {
    test::expectations expected;
    std::atomic<bool> stop{false};
    std::atomic<long> looks{0};
    std::atomic<long> listed{0};
    std::vector<std::thread> lookers;
    for (int t = 0; t < 2; ++t) {
        lookers.emplace_back([&] {
            while (!stop || looks < 10) {
                std::set<std::uint64_t> seen;
                for (const auto& g : runnel::debug::goroutines()) {
                    expected.check(seen.insert(g.id).second, "listed once");
                    expected.check(g.id != 0, "has a number");
                    expected.check(!g.state.empty(), "has a state");
                    ++listed;
                }
                static_cast<void>(dumped());
                ++looks;
            }
        });
    }
    const int rounds = test::scale(300);
    test::on_workers([&] {
        // On a busy machine the lookers may come late.
        for (int i = 0; i < rounds || listed == 0; ++i) {
            const auto ch = runnel::make_chan<int>();
            for (int k = 0; k < 20; ++k) runnel::go([=] { ch.send(k); });
            for (int k = 0; k < 20; ++k) ch.recv();
        }
    });
    stop = true;
    for (auto& t : lookers) t.join();
    expected.verify();
}

constexpr int many = test::under_tsan ? 1010 : 1500;

long lines_with(const std::string& text, std::string_view part) {
    std::istringstream lines(text);
    std::string line;
    long n = 0;
    while (std::getline(lines, line)) n += test::contains(line, part) ? 1 : 0;
    return n;
}

TEST_CASE("a dump lists all goroutines, however many", "[debug]") {
    const auto ch = runnel::make_chan<int>();
    std::string text;
    runnel::run([&] {
        for (int i = 0; i < many; ++i) runnel::go([&] { ch.recv(); });
        test::wait_parked(static_cast<std::size_t>(many), "chan receive");
        text = dumped();
        ch.close();
    });
    CHECK(std::count(text.begin(), text.end(), '\n') == many + 1);
    CHECK(lines_with(text, "[chan receive, ") == many);
}

CHILD_SCENARIO(many_in_deadlock) {
    return runnel::run([] {
        const auto ch = runnel::make_chan<int>();
        for (int i = 0; i < many; ++i) runnel::go([&] { ch.recv(); });
        return *ch.recv();
    });
}
TEST_CASE("the dump of a fatal report is cut short", "[debug]") {
    const auto r = test::run_scenario("many_in_deadlock");
    CHECK(r.status == 2);
    CHECK(lines_with(r.err, "[chan receive") == 1000);
    CHECK(test::contains(r.err, "and " + std::to_string(many + 1 - 1000) + " more\n"));
}

CHILD_SCENARIO(dumps_to_nowhere_in_particular) {
    return runnel::run([] {
        runnel::debug::dump();
        return 0;
    });
}
TEST_CASE("a dump goes to stderr if nothing else is said", "[debug]") {
    const auto r = test::run_scenario("dumps_to_nowhere_in_particular");
    CHECK(r.status == 0);
    CHECK(r.out.empty());
    CHECK(r.err.starts_with("goroutine "));
    CHECK(test::contains(r.err, " [running], created at "));
}

// ---- RUNNEL_DEBUG ----

CHILD_SCENARIO(quits) {
    return runnel::run([] {
        runnel::go([] { runnel::make_chan<int>().recv(); });
        test::wait_parked(1, "chan receive");
        ::kill(::getpid(), SIGQUIT);
        runnel::sleep_for(50ms);
        std::puts("went on");
        return 0;
    });
}
// [C-185]
TEST_CASE("RUNNEL_DEBUG=dump-on-sigquit makes SIGQUIT print all goroutines", "[debug][C-185]") {
    const auto asked = test::run_scenario("quits", {"RUNNEL_DEBUG=dump-on-sigquit"});
    CHECK(asked.status == 0);
    CHECK(asked.out == "went on\n");
    CHECK(test::contains(asked.err, "SIGQUIT"));
    CHECK(test::contains(asked.err, "[chan receive"));
    CHECK(test::contains(asked.err, "] on 0x"));
    CHECK(test::contains(asked.err, "debug_test.cpp:"));
    const auto plain = test::run_scenario("quits", {"RUNNEL_DEBUG="});
    CHECK(plain.status == 128 + SIGQUIT);
    CHECK(plain.err.empty());
}

CHILD_SCENARIO(panics_beside_others) {
    return runnel::run([] {
        runnel::go([] { runnel::make_chan<int>().recv(); });
        test::wait_parked(1, "chan receive");
        runnel::go([] { throw std::runtime_error("the panic"); });
        return *runnel::make_chan<int>().recv();
    });
}
TEST_CASE("RUNNEL_DEBUG=dump-on-panic follows a panic by all goroutines", "[debug]") {
    const auto asked =
        test::run_scenario("panics_beside_others", {"RUNNEL_DEBUG=other,dump-on-panic"});
    CHECK(asked.status == 128 + SIGABRT);
    CHECK(asked.err.find("runnel: panic: the panic [goroutine ") == 0);
    CHECK(test::contains(asked.err, "[chan receive"));
    const auto plain = test::run_scenario("panics_beside_others", {"RUNNEL_DEBUG=dump-on-panics"});
    CHECK(plain.status == 128 + SIGABRT);
    CHECK_FALSE(test::contains(plain.err, "[chan receive"));
}

}  // namespace
