// tests/guide_interview_test.cpp — the answers of docs/guide/interview.md, run.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/testing.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <shared_mutex>
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

// ---- 1. concepts ----

// [q1]
int play(std::size_t procs, int rounds) {
    runnel::runtime_options options;
    options.max_procs = procs;
    runnel::runtime rt(options);
    return rt.run([rounds] {
        auto ping = runnel::make_chan<int>();
        auto pong = runnel::make_chan<int>();
        runnel::go([=] {
            for (int ball : ping) pong.send(ball + 1);
        });
        int ball = 0;
        for (int i = 0; i < rounds; ++i) {
            ping.send(ball);
            ball = pong.recv().value();
        }
        ping.close();
        return ball;
    });
}
// [/q1]

TEST_CASE("Q1: what is concurrent works on one processor, too", "[guide][interview]") {
    CHECK(play(1, 100) == 100);
    CHECK(play(2, 100) == 100);
}

// [q2]
std::size_t exist_at_once(int n) {
    auto gate = runnel::make_chan<unit>();
    runnel::latch all_here(n);
    runnel::wait_group wg;
    for (int i = 0; i < n; ++i) {
        wg.go([&all_here, gate] {
            all_here.count_down();
            gate.recv();
        });
    }
    all_here.wait();
    const std::size_t there = runnel::num_goroutine();
    gate.close();
    wg.wait();
    return there;
}
// [/q2]

TEST_CASE("Q2: a hundred goroutines exist at once", "[guide][interview]") {
    everywhere([] { require(exist_at_once(100) >= 101, "all of them, and this one"); });
}

// [q3]
bool finishes(std::chrono::milliseconds takes, bool waited_for) {
    std::atomic<bool> finished{false};
    runnel::run([&] {
        auto slow = runnel::async([&finished, takes] {
            runnel::sleep_for(takes);
            finished = true;
        });
        if (waited_for) slow.wait();
    });
    return finished;
}
// [/q3]

TEST_CASE("Q3: when run returns, those who wait never run again", "[guide][interview]") {
    for (const std::size_t n : test::worker_counts()) {
        const test::procs workers(n);
        CHECK(finishes(1ms, true));
        CHECK_FALSE(finishes(1h, false));
    }
}

// ---- 2. channels ----

// [q4]
std::string meet_or_store() {
    auto unbuffered = runnel::make_chan<int>();
    auto buffered = runnel::make_chan<int>(1);
    const auto send_now = [](const auto& ch) { return ch.try_send(42) == runnel::op_status::ok; };
    std::string seen = send_now(unbuffered) ? "met" : "nobody there";
    seen += send_now(buffered) ? ", stored" : ", full";
    seen += send_now(buffered) ? ", stored" : ", full";
    return seen;
}
// [/q4]

TEST_CASE("Q4: an unbuffered send needs a receiver, a buffered one room", "[guide][interview]") {
    everywhere([] { require(meet_or_store() == "nobody there, stored, full", "in this order"); });
}

// [q5]
std::string use_of_a_closed_channel() {
    auto ch = runnel::make_chan<int>(1);
    ch.send(1);
    ch.close();
    std::string seen = std::to_string(ch.recv().value());  // what was in it still comes
    if (!ch.recv()) seen += ", closed";
    try {
        ch.send(2);
    } catch (const runnel::closed_channel& e) {
        seen += std::string(", ") + e.what();
    }
    return seen;
}
// [/q5]

TEST_CASE("Q5: a send on a closed channel throws", "[guide][interview]") {
    everywhere([] {
        require(use_of_a_closed_channel() == "1, closed, send on closed channel", "in this order");
    });
}

// [q6]
int sum_of(const recv_chan<int>& ch) {
    int sum = 0;
    while (std::optional<int> v = ch.recv()) sum += *v;  // the same as: for (int v : ch) sum += v;
    return sum;
}

std::string what_is_in(const recv_chan<int>& ch) {
    const auto v = ch.try_recv();  // takes the value if there is one: keep it
    if (v) return std::to_string(*v);
    return v.status() == runnel::op_status::closed ? "closed" : "nothing yet";
}
// [/q6]

TEST_CASE("Q6: a receive says whether the channel is closed", "[guide][interview]") {
    everywhere([] {
        const auto ch = runnel::make_chan<int>(2);
        require(what_is_in(ch) == "nothing yet", "open, though empty");
        ch.send(1);
        ch.send(2);
        ch.close();
        require(what_is_in(ch) == "1", "closed, but not empty");
        require(sum_of(ch) == 2, "the rest");
        require(what_is_in(ch) == "closed", "now it is");
    });
}

// ---- 3. select ----

// [q7]
std::string first_of_all(const recv_chan<int>& in, const runnel::send_chan<int>& out) {
    std::string done;
    runnel::select(runnel::recv(in,
                                [&](std::optional<int> v) {
                                    done = v ? "received " + std::to_string(*v) : "closed";
                                }),
                   runnel::send(out, 42, [&] { done = "sent"; }),
                   runnel::timeout(1s, [&] { done = "timeout"; }));
    return done;
}
// [/q7]

TEST_CASE("Q7: select does one of several things, whichever is possible", "[guide][interview]") {
    on_seeds([] {
        const auto in = runnel::make_chan<int>(1);
        const auto out = runnel::make_chan<int>(1);
        const stopwatch since;
        require(first_of_all(in, out) == "sent", "there is room");
        require(first_of_all(in, out) == "timeout", "there is none");
        since.require_passed(1s, "it waited");
        in.send(7);
        require(first_of_all(in, out) == "received 7", "there is a value");
        in.close();
        require(first_of_all(in, out) == "closed", "and there will be none");
    });
}

// [q8]
std::optional<int> within_a_second(const recv_chan<int>& ch) {
    const auto v = ch.recv_for(1s);
    if (!v) return std::nullopt;  // v.status(): timeout, or closed
    return *v;
}

std::optional<int> before_the_deadline(const runnel::context& ctx, const recv_chan<int>& ch) {
    const auto v = ch.recv(ctx);  // ctx: with_timeout(parent, 1s)
    if (!v) return std::nullopt;
    return *v;
}
// [/q8]

TEST_CASE("Q8: a receive has a limit of its own, or its context's", "[guide][interview]") {
    on_seeds([] {
        const auto ch = runnel::make_chan<int>(1);
        ch.send(1);
        const stopwatch since;
        require(within_a_second(ch) == 1, "in time");
        require(!within_a_second(ch), "nothing came");
        const auto ctx = runnel::with_timeout(runnel::background(), 1s);
        require(!before_the_deadline(ctx, ch), "nothing came");
        since.require_passed(2s, "both limits");
    });
}

// ---- 4. synchronisation ----

// [q9]
int all_of_them(int n) {
    std::atomic<int> through{0};
    runnel::wait_group wg;
    for (int i = 0; i < n; ++i) {
        wg.go([&through] { ++through; });
    }
    wg.wait();
    return through;
}
// [/q9]

TEST_CASE("Q9: a wait group waits for all it was given", "[guide][interview]") {
    everywhere([] { require(all_of_them(50) == 50, "all"); });
}

// [q10]
class settings {
public:
    std::string get() const {
        const std::shared_lock guard(mutex_);  // together with other readers
        return value_;
    }
    void set(std::string value) {
        const std::lock_guard guard(mutex_);  // alone
        value_ = std::move(value);
    }

private:
    mutable runnel::shared_mutex mutex_;
    std::string value_ = "old";
};
// [/q10]

TEST_CASE("Q10: readers share the lock, and a writer has it alone", "[guide][interview]") {
    everywhere([] {
        settings s;
        runnel::wait_group wg;
        std::atomic<int> torn{0};
        for (int i = 0; i < 4; ++i) {
            wg.go([&s, &torn] {
                const std::string v = s.get();
                if (v != "old" && v != "a new one") ++torn;
            });
        }
        wg.go([&s] { s.set("a new one"); });
        wg.wait();
        require(torn == 0 && s.get() == "a new one", "whole values");

        runnel::shared_mutex m;
        const std::shared_lock held(m);
        auto reader =
            runnel::async([&m] { return std::shared_lock(m, std::try_to_lock).owns_lock(); });
        require(reader.get(), "another reader");
        auto writer =
            runnel::async([&m] { return std::unique_lock(m, std::try_to_lock).owns_lock(); });
        require(!writer.get(), "a writer");
    });
}

// [q11]
int count_with_a_mutex(int n) {
    int counter = 0;
    runnel::mutex mutex;
    runnel::wait_group wg;
    for (int i = 0; i < n; ++i) {
        wg.go([&] {
            const std::lock_guard guard(mutex);
            ++counter;
        });
    }
    wg.wait();
    return counter;
}

int count_with_an_atomic(int n) {
    std::atomic<int> counter{0};
    runnel::wait_group wg;
    for (int i = 0; i < n; ++i) {
        wg.go([&] { ++counter; });
    }
    wg.wait();
    return counter;
}
// [/q11]

TEST_CASE("Q11: a mutex or an atomic counts right", "[guide][interview]") {
    everywhere([] {
        require(count_with_a_mutex(200) == 200, "with a mutex");
        require(count_with_an_atomic(200) == 200, "with an atomic");
    });
}

// ---- 5. patterns ----

// [q12]
std::vector<int> pooled(const runnel::context& ctx, const std::vector<int>& jobs) {
    runnel::worker_pool<int, int> pool(ctx, runnel::num_cpu(), [](int job) { return job * 10; });
    for (int job : jobs) pool.jobs().send(job);
    pool.close();
    std::vector<int> results;
    for (auto& result : pool.results()) results.push_back(result.value());
    return results;
}
// [/q12]

TEST_CASE("Q12: a pool does every job once", "[guide][interview]") {
    everywhere([] {
        std::vector<int> results = pooled(runnel::background(), {1, 2, 3, 4});
        std::sort(results.begin(), results.end());
        require(results == std::vector<int>{10, 20, 30, 40}, "each once");
    });
}

// [q13]
int work(const recv_chan<unit>& done, const recv_chan<int>& tasks) {
    int sum = 0;
    for (bool more = true; more;) {
        runnel::select(runnel::recv(done, [&] { more = false; }),
                       runnel::recv(tasks, [&](std::optional<int> task) {
                           sum += task.value_or(0);
                           more = task.has_value();  // closed: it would be ready for ever
                       }));
    }
    return sum;
}
// [/q13]

TEST_CASE("Q13: a worker ends when done is closed, or its tasks are", "[guide][interview]") {
    everywhere([] {
        require(work(runnel::make_chan<unit>(), test::numbers(4)) == 6, "all tasks");
        const auto done = runnel::make_chan<unit>();
        const auto tasks = runnel::make_chan<int>();
        auto result = runnel::async([=] { return work(done, tasks); });
        tasks.send(3);
        tasks.send(4);
        done.close();
        require(result.get() == 7, "what it had done by then");
    });
}

// [q14]
int pipeline(const runnel::context& ctx) {
    int sum = 0;
    for (int n : runnel::from(ctx, runnel::generate(ctx, {1, 2, 3, 4})) |
                     runnel::transform([](int v) { return v * v; })) {
        sum += n;
    }
    return sum;
}
// [/q14]

// [q15]
int fan_out_and_in(const runnel::context& ctx, const recv_chan<int>& in) {
    const auto outputs = runnel::fan_out(ctx, in, 4, [](int v) { return v * v; });
    int sum = 0;
    for (int n : runnel::fan_in(ctx, outputs)) sum += n;
    return sum;
}
// [/q15]

TEST_CASE("Q14, Q15: stages one after the other, and beside each other", "[guide][interview]") {
    everywhere([] {
        const auto ctx = runnel::with_cancel(runnel::background());
        require(pipeline(ctx) == 30, "1 + 4 + 9 + 16");
        require(fan_out_and_in(ctx, test::numbers(5)) == 30, "0 + 1 + 4 + 9 + 16");
    });
}

// ---- 6. contexts ----

// [q16]
const runnel::context_key<std::string> user{"user"};

std::string handle(const runnel::context& ctx, const recv_chan<std::string>& answers) {
    const auto answer = answers.recv(ctx);
    if (answer.status() == runnel::op_status::closed) return "nobody answers";
    if (!answer) return ctx.err().message();
    const std::string* who = ctx.value(user);
    return *answer + " for " + (who != nullptr ? *who : "anybody");
}
// [/q16]

TEST_CASE("Q16: a context carries a deadline and values", "[guide][interview]") {
    on_seeds([] {
        const auto answers = runnel::make_chan<std::string>(1);
        answers.send("42");
        const auto limited = runnel::with_timeout(runnel::background(), 5s);
        const auto ctx = runnel::with_value(limited, user, "ann");
        require(handle(ctx, answers) == "42 for ann", "the answer");
        require(handle(ctx, answers) == "context deadline exceeded", "no answer");
        answers.close();
        require(handle(runnel::background(), answers) == "nobody answers", "nor will there be");
    });
}

// [q17]
std::error_code after_its_scope() {
    runnel::context kept;
    {
        const auto ctx = runnel::with_timeout(runnel::background(), 5s);
        kept = ctx;  // another handle; ctx stays the owner
    }
    return kept.err();
}

std::error_code without_an_owner() {
    const runnel::context kept = runnel::with_timeout(runnel::background(), 5s);
    return kept.err();  // nobody can cancel it any more: only its deadline ends it
}
// [/q17]

TEST_CASE("Q17: the owner of a context cancels it at the end of its scope", "[guide][interview]") {
    everywhere([] {
        require(after_its_scope() == runnel::errc::canceled, "cancelled");
        require(!without_an_owner(), "not cancelled");
    });
}

// ---- 7. performance ----

// [q18]
int most_at_once(int jobs, int limit) {
    std::atomic<int> now{0};
    std::atomic<int> most{0};
    runnel::group downloads;
    downloads.set_limit(limit);
    for (int i = 0; i < jobs; ++i) {
        downloads.go([&] {  // waits while as many run as the limit allows
            const int n = ++now;
            for (int seen = most; seen < n && !most.compare_exchange_weak(seen, n);) {
            }
            runnel::sleep_for(1ms);
            --now;
        });
    }
    downloads.wait();
    return most;
}
// [/q18]

TEST_CASE("Q18: a group has no more goroutines than its limit", "[guide][interview]") {
    everywhere([] { require(most_at_once(20, 3) <= 3, "the limit"); });
    on_seeds([] {
        const stopwatch since;
        require(most_at_once(20, 4) == 4, "and as many as that");
        since.require_passed(5ms, "four at a time");
    });
}

// [q19]
void leaks() {
    auto ch = runnel::make_chan<int>();
    runnel::go([ch] { ch.send(42); });  // nobody will ever receive
}

void does_not_leak() {
    auto ch = runnel::make_chan<int>(1);
    runnel::go([ch] { ch.send(42); });
}
// [/q19]

// [q19-found]
TEST_CASE("Q19: a simulation names who is left behind", "[guide][interview]") {
    CHECK_THROWS_AS(runnel::testing::simulate(1, leaks), runnel::testing::leaked_goroutines);
    CHECK_NOTHROW(runnel::testing::simulate(1, does_not_leak));
}
// [/q19-found]

// [q20]
class mutex_counter {
public:
    void add(int n) {
        const std::lock_guard guard(mutex_);
        value_ += n;
    }
    int value() const {
        const std::lock_guard guard(mutex_);
        return value_;
    }

private:
    mutable runnel::mutex mutex_;
    int value_ = 0;
};

int owner_of_a_counter(const recv_chan<int>& additions) {
    int value = 0;  // nobody else can name it
    for (int n : additions) value += n;
    return value;
}
// [/q20]

TEST_CASE("Q20: state behind a mutex, or with an owner who is sent to", "[guide][interview]") {
    everywhere([] {
        mutex_counter shared;
        const auto additions = runnel::make_chan<int>();
        auto owner = runnel::async([=] { return owner_of_a_counter(additions); });
        runnel::wait_group wg;
        for (int i = 1; i <= 20; ++i) {
            wg.go([&, i] {
                shared.add(i);
                additions.send(i);
            });
        }
        wg.wait();
        additions.close();
        require(shared.value() == 210 && owner.get() == 210, "both");
    });
}

}  // namespace
