// tests/guide_practices_test.cpp — the good and the bad forms of docs/guide/practices.md: the good ones hold, the bad ones fail.
// SPDX-License-Identifier: BSL-1.0
//
//   What ends a program is run in a process of its own. The data race is in races/reported_test.cpp, where the thread
//   sanitizer has to report it.
#include <runnel/testing.hpp>

#include <csignal>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <runnel/runnel.hpp>

#include "guide_support.hpp"

namespace {

using namespace std::chrono_literals;
using guide::error_of;
using guide::everywhere;
using runnel::recv_chan;
using runnel::unit;
using test::on_seeds;
using test::require;
using test::stopwatch;

// ---- 1. best practices ----

// [context-bad]
int next_without(const recv_chan<int>& data) {
    return data.recv().value_or(0);  // nobody can stop it
}
// [/context-bad]

// [context-good]
int next(const runnel::context& parent, const recv_chan<int>& data) {
    const auto ctx = runnel::with_timeout(parent, 5s);
    const auto v = data.recv(ctx);
    if (v.status() == runnel::op_status::closed) return 0;
    if (!v) throw std::system_error(ctx.err());
    return *v;
}
// [/context-good]

TEST_CASE("what takes a context can be stopped, what takes none cannot", "[guide][practices]") {
    on_seeds([] {
        const auto silent = runnel::make_chan<int>();
        const stopwatch since;
        require(error_of([&] { return next(runnel::background(), silent); }) ==
                    "context deadline exceeded",
                "stopped");
        since.require_passed(5s, "by its deadline");
    });
    CHECK_THROWS_AS(runnel::testing::simulate(1, [] { next_without(runnel::make_chan<int>()); }),
                    runnel::testing::deadlock);
}

// [report-bad]
void report_or_hang(const runnel::chan<std::string>& errors) {
    runnel::go([errors] { errors.send("disk full"); });  // unbuffered, and nobody listens
}
// [/report-bad]

// [report-good]
void report(const runnel::chan<std::string>& errors, std::atomic<int>& dropped) {
    if (errors.try_send("disk full") != runnel::op_status::ok) ++dropped;
}
// [/report-good]

TEST_CASE("a report that nobody reads hangs, or is dropped and counted", "[guide][practices]") {
    CHECK_THROWS_AS(
        runnel::testing::simulate(1, [] { report_or_hang(runnel::make_chan<std::string>()); }),
        runnel::testing::leaked_goroutines);
    everywhere([] {
        const auto errors = runnel::make_chan<std::string>(2);
        std::atomic<int> dropped{0};
        for (int i = 0; i < 5; ++i) report(errors, dropped);
        require(errors.len() == 2 && dropped == 3, "two kept, three counted");
    });
}

// [close-good]
recv_chan<int> produce(int n) {
    auto out = runnel::make_chan<int>();
    runnel::go([out, n] {
        for (int i = 0; i < n; ++i) out.send(i);
        out.close();
    });
    return out;
}
// [/close-good]

// [close-bad]
template <class Channel>
concept can_be_closed = requires(Channel c) { c.close(); };
static_assert(can_be_closed<runnel::send_chan<int>>);
static_assert(!can_be_closed<recv_chan<int>>);  // the receiver's mistake does not compile
// [/close-bad]

TEST_CASE("who sends closes, and a receiver cannot", "[guide][practices]") {
    everywhere([] {
        int sum = 0;
        for (int n : produce(5)) sum += n;
        require(sum == 10, "all, and the end");
    });
}

void takes(std::chrono::seconds d, std::atomic<int>& done) {
    runnel::sleep_for(d);
    ++done;
}

// [wait-bad]
int done_after_a_sleep(std::atomic<int>& done) {
    for (int i = 1; i <= 10; ++i) {
        runnel::go([&done, i] { takes(std::chrono::seconds(i), done); });
    }
    runnel::sleep_for(5500ms);  // hopefully enough
    return done;
}
// [/wait-bad]

// [wait-good]
int done_after_a_wait(std::atomic<int>& done) {
    runnel::wait_group wg;
    for (int i = 1; i <= 10; ++i) {
        wg.go([&done, i] { takes(std::chrono::seconds(i), done); });
    }
    wg.wait();
    return done;
}
// [/wait-good]

TEST_CASE("a sleep hopes that all are through, a wait group knows", "[guide][practices]") {
    on_seeds([] {
        std::atomic<int> hoped{0};
        require(done_after_a_sleep(hoped) == 5, "half of them");
        runnel::sleep_for(5s);  // the others refer to `hoped`
        std::atomic<int> known{0};
        const stopwatch since;
        require(done_after_a_wait(known) == 10, "all");
        since.require_passed(10s, "as long as the slowest");
    });
}

// [limit-good]
std::vector<int> process_all(const runnel::context& ctx, const std::vector<int>& items,
                             int (*process)(int)) {
    return runnel::parallel_map(ctx, items, runnel::num_cpu(), process);
}
// [/limit-good]

// [limit-bad]
void one_goroutine_each(const std::vector<int>& items, int (*process)(int)) {
    runnel::wait_group wg;
    for (int item : items) {
        wg.go([process, item] { process(item); });  // a million items: a million at once
    }
    wg.wait();
}
// [/limit-bad]

std::atomic<int> at_work{0};
std::atomic<int> most_at_work{0};

int gauge(int item) {
    const int n = ++at_work;
    for (int seen = most_at_work; seen < n && !most_at_work.compare_exchange_weak(seen, n);) {
    }
    runnel::sleep_for(1ms);
    --at_work;
    return 2 * item;
}

TEST_CASE("a limit on workers is a limit on what is under way", "[guide][practices]") {
    on_seeds([] {
        std::vector<int> items;
        for (int i = 0; i < 20; ++i) items.push_back(i);
        most_at_work = 0;
        one_goroutine_each(items, gauge);
        require(most_at_work == 20, "all at once");
        most_at_work = 0;
        const std::vector<int> results = process_all(runnel::background(), items, gauge);
        require(std::cmp_less_equal(most_at_work.load(), runnel::num_cpu()), "no more than that");
        require(results.size() == 20 && results[19] == 38, "each in its place");
    });
}

// ---- 2. anti-patterns ----

int risky(int n) {
    if (n == 3) throw std::runtime_error("three is too many");
    return n;
}

}  // namespace

// [panic-bad]
CHILD_SCENARIO(panic_ends_the_program) {
    return runnel::run([] {
        runnel::go([] { risky(3); });
        runnel::sleep_for(1min);
        return 0;
    });
}
// [/panic-bad]

namespace {

// [panic-good]
std::string contained(int n) {
    auto result = runnel::async([n] { return risky(n); });
    try {
        return std::to_string(result.get());
    } catch (const std::exception& e) {
        return e.what();
    }
}
// [/panic-good]

// [panic-hook]
int panics_of(int goroutines) {
    std::atomic<int> panics{0};
    auto reported = runnel::make_chan<unit>(static_cast<std::size_t>(goroutines));
    runnel::runtime_options options;
    options.on_panic = [&](std::exception_ptr, const runnel::goroutine_info&) {
        ++panics;
        reported.send();
    };
    runnel::runtime rt(options);
    for (int i = 0; i < goroutines; ++i) rt.go([] { risky(3); });
    for (int i = 0; i < goroutines; ++i) reported.recv();
    return panics;
}
// [/panic-hook]

TEST_CASE("an exception that nobody catches ends the program, with the goroutine's name",
          "[guide][practices]") {
    const auto r = test::run_scenario("panic_ends_the_program");
    INFO(r.err);
    CHECK(r.status == 128 + SIGABRT);
    CHECK(test::contains(r.err, "runnel: panic: three is too many [goroutine 2, created at "));
    CHECK(test::contains(r.err, "guide_practices_test.cpp:"));
    everywhere([] {
        require(contained(2) == "2", "the result");
        require(contained(3) == "three is too many", "the exception, where it is waited for");
    });
    CHECK(panics_of(3) == 3);
}

// [close-twice-bad]
std::string close_twice() {
    auto ch = runnel::make_chan<int>();
    ch.close();
    try {
        ch.close();
    } catch (const runnel::closed_channel& e) {
        return e.what();
    }
    return "closed twice";
}
// [/close-twice-bad]

// [close-twice-good]
class stopper {
public:
    void stop() {
        once_.call([this] { done_.close(); });
    }
    recv_chan<unit> done() const { return done_; }

private:
    const runnel::chan<unit> done_ = runnel::make_chan<unit>();
    runnel::once once_;
};
// [/close-twice-good]

TEST_CASE("the second close throws; a once, or an owner, closes once", "[guide][practices]") {
    everywhere([] {
        require(close_twice() == "close of closed channel", "an exception, and no more");
        stopper s;
        runnel::wait_group wg;
        for (int i = 0; i < 10; ++i) wg.go([&s] { s.stop(); });
        wg.wait();
        require(!s.done().recv(), "closed");
        const auto ctx = runnel::with_cancel(runnel::background());
        ctx.cancel();
        ctx.cancel();  // a context may be cancelled as often as one likes
        require(ctx.err() == runnel::errc::canceled, "cancelled");
    });
}

}  // namespace

// [deadlock-bad]
CHILD_SCENARIO(nobody_sends) {
    return runnel::run([] {
        auto ch = runnel::make_chan<int>();
        return ch.recv().value();
    });
}
// [/deadlock-bad]

namespace {

// [deadlock-good]
int somebody_sends() {
    auto ch = runnel::make_chan<int>();
    runnel::go([ch] { ch.send(42); });
    return ch.recv().value();
}
// [/deadlock-good]

TEST_CASE("a deadlock is reported, and ends the program", "[guide][practices]") {
    const auto r = test::run_scenario("nobody_sends");
    INFO(r.err);
    CHECK(r.status == 2);
    CHECK(test::contains(r.err, "runnel: all goroutines are asleep - deadlock!\n"));
    CHECK(test::contains(r.err, "chan receive"));
    everywhere([] { require(somebody_sends() == 42, "the value"); });
}

// [needless-bad]
int add_by_goroutine(int a, int b) {
    auto result = runnel::make_chan<int>();
    runnel::go([=] { result.send(a + b); });
    return result.recv().value();
}
// [/needless-bad]

// [needless-good]
int add(int a, int b) { return a + b; }
// [/needless-good]

TEST_CASE("a goroutine that is waited for at once is a call with a detour", "[guide][practices]") {
    runnel::testing::simulation_report detour;
    const int by_goroutine =
        runnel::testing::simulate(1, [] { return add_by_goroutine(1, 2); }, {}, &detour);
    runnel::testing::simulation_report call;
    const int directly = runnel::testing::simulate(1, [] { return add(1, 2); }, {}, &call);
    CHECK(by_goroutine == 3);
    CHECK(directly == 3);
    CHECK(detour.steps > call.steps);
}

// ---- 3. what only C++ gets wrong ----

// [dangling-good]
recv_chan<std::string> shout(std::string text) {
    auto out = runnel::make_chan<std::string>(1);
    runnel::go([out, own = std::move(text)] { out.send(own + "!"); });
    return out;
}
// [/dangling-good]

// [scope-good]
int sum_in_two_halves(const std::vector<int>& numbers) {
    int left = 0;
    int right = 0;
    runnel::group halves;  // made last: gone, with its goroutines, before what they refer to
    const auto middle = numbers.begin() + static_cast<std::ptrdiff_t>(numbers.size() / 2);
    halves.go([&left, &numbers, middle] {
        for (auto n = numbers.begin(); n != middle; ++n) left += *n;
    });
    halves.go([&right, &numbers, middle] {
        for (auto n = middle; n != numbers.end(); ++n) right += *n;
    });
    halves.wait();
    return left + right;
}
// [/scope-good]

// [blocking-good]
std::string read_file(const char* path) {
    return runnel::blocking([path] {
        std::string text;
        if (std::FILE* f = std::fopen(path, "r")) {
            for (int c; (c = std::getc(f)) != EOF;) text += static_cast<char>(c);
            std::fclose(f);
        }
        return text;
    });
}
// [/blocking-good]

// [local-good]
struct indent {
    int depth = 0;
};
const runnel::local<indent> my_indent;

int depth_after(int calls) {
    for (int i = 0; i < calls; ++i) {
        ++my_indent->depth;
        runnel::yield();  // may wake on another thread: a thread_local would be another one
    }
    return my_indent->depth;
}
// [/local-good]

TEST_CASE("lifetimes, blocking calls and values of one's own", "[guide][practices]") {
    everywhere([] {
        require(shout("stop").recv().value() == "stop!", "its own copy");
        require(sum_in_two_halves({1, 2, 3, 4, 5}) == 15, "both halves");
        auto a = runnel::async([] { return depth_after(3); });
        auto b = runnel::async([] { return depth_after(5); });
        require(a.get() == 3 && b.get() == 5, "each its own");
    });
    test::expectations expected;
    test::on_workers(
        [&] { expected.check(!read_file("/proc/self/status").empty(), "what the file says"); });
    expected.verify();
}

}  // namespace
