// tests/guide_chapters_test.cpp — the code of the chapters in docs/guide, each run for what its chapter says of it.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/testing.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
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

// ---- 2. concurrency ----

int primes_between(int first, int last) {
    int found = 0;
    for (int n = std::max(first, 2); n < last; ++n) {
        bool prime = true;
        for (int d = 2; prime && d * d <= n; ++d) prime = n % d != 0;
        found += prime ? 1 : 0;
    }
    return found;
}

// [parallelism]
int count_primes(std::size_t procs) {
    runnel::runtime_options options;
    options.max_procs = procs;
    runnel::runtime rt(options);
    return rt.run([] {
        auto low = runnel::async(primes_between, 0, 5'000);
        auto high = runnel::async(primes_between, 5'000, 10'000);
        return low.get() + high.get();
    });
}
// [/parallelism]

TEST_CASE("two tasks are two tasks on one processor and on two", "[guide][concurrency]") {
    CHECK(count_primes(1) == 1229);
    CHECK(count_primes(2) == 1229);
}

struct order {
    int id;
};
std::atomic<int> processed{0};

void process(const order& o) {
    runnel::sleep_for(2s);
    processed += o.id;
}

// [one-by-one]
void one_by_one(const std::vector<order>& orders) {
    for (const order& o : orders) process(o);
}
// [/one-by-one]

// [at-once]
void at_once(const std::vector<order>& orders) {
    runnel::wait_group wg;
    for (const order& o : orders) {
        wg.go([&o] { process(o); });
    }
    wg.wait();
}
// [/at-once]

TEST_CASE("five orders of two seconds take ten, or two", "[guide][concurrency]") {
    const std::vector<order> orders{{1}, {2}, {3}, {4}, {5}};
    on_seeds([&] {
        processed = 0;
        const stopwatch first;
        one_by_one(orders);
        first.require_passed(10s, "one by one");
        const stopwatch second;
        at_once(orders);
        second.require_passed(2s, "at once");
        require(processed == 30, "each was processed twice");
    });
}

// ---- 4. goroutines ----

// [goroutine]
void concurrent(std::atomic<int>& done) {
    runnel::wait_group wg;
    for (int i = 1; i <= 3; ++i) {
        wg.go([&done, i] { done += i; });
    }
    wg.wait();
}
// [/goroutine]

std::string greeting(const std::string& name) {
    if (name.empty()) throw std::invalid_argument("nobody to greet");
    return "hello " + name;
}

// [goroutine-result]
std::string greet_both(const std::string& a, const std::string& b) {
    auto first = runnel::async(greeting, a);
    auto second = runnel::async(greeting, b);
    return first.get() + ", " + second.get();
}
// [/goroutine-result]

// [goroutine-capture]
runnel::future<std::size_t> length_of(const std::string& text) {
    return runnel::async([text] { return text.size(); });
}
// [/goroutine-capture]

TEST_CASE("goroutines are waited for, and give results", "[guide][goroutines]") {
    everywhere([] {
        std::atomic<int> done{0};
        concurrent(done);
        require(done == 6, "all three have ended");
        require(greet_both("Ada", "Bob") == "hello Ada, hello Bob", "both results");
        require(error_of([] { return greet_both("", "Bob"); }) == "nobody to greet", "rethrown");
        auto length = length_of(std::string(100, 'x'));  // the argument is gone after this line
        require(length.get() == 100, "its own copy");
    });
}

[[gnu::noinline]] int depth(int n) {
    const std::array<int, 16> some{n};
    return n == 0 ? some[0] : 1 + depth(some[0] - 1);
}

// [goroutine-stack]
int recurse(int levels) {
    runnel::runtime_options options;
    options.stack_size = 16 << 20;
    runnel::runtime rt(options);
    return rt.run([levels] { return depth(levels); });
}
// [/goroutine-stack]

TEST_CASE("a runtime of one's own has the stacks that one asks for", "[guide][goroutines]") {
    CHECK(recurse(10'000) == 10'000);
}

// ---- 5. channels ----

// [unbuffered]
int hand_over() {
    auto ch = runnel::make_chan<int>();
    runnel::go([ch] { ch.send(42); });
    return ch.recv().value();
}
// [/unbuffered]

// [buffered]
bool fourth_would_wait() {
    auto ch = runnel::make_chan<int>(3);
    ch.send(1);
    ch.send(2);
    ch.send(3);
    return ch.try_send(4) == runnel::op_status::would_block;
}
// [/buffered]

// [closing]
int sum_of_all() {
    auto ch = runnel::make_chan<int>();
    runnel::go([ch] {
        for (int i = 0; i < 5; ++i) ch.send(i);
        ch.close();
    });
    int sum = 0;
    for (int v : ch) sum += v;
    return sum;
}
// [/closing]

// [close-with-error]
int sum_until(const recv_chan<int>& numbers) {
    int sum = 0;
    for (int v : numbers) sum += v;  // throws what the channel was closed with
    return sum;
}
// [/close-with-error]

// [move-only]
int through_a_channel() {
    auto ch = runnel::make_chan<std::unique_ptr<int>>();
    runnel::go([ch] { ch.send(std::make_unique<int>(7)); });
    const std::unique_ptr<int> mine = ch.recv().value();
    return *mine;
}
// [/move-only]

TEST_CASE("channels hand over, buffer, close and move", "[guide][channels]") {
    everywhere([] {
        require(hand_over() == 42, "the value");
        require(fourth_would_wait(), "three places");
        require(sum_of_all() == 10, "all that came before the close");
        require(through_a_channel() == 7, "moved, not copied");
        const auto ch = runnel::make_chan<int>(2);
        ch.send(1);
        ch.close(std::make_exception_ptr(std::runtime_error("the disk is gone")));
        require(error_of([&] { return sum_until(ch); }) == "the disk is gone", "with its error");
        require(ch.len() == 0, "after what was in it");
    });
}

// ---- 6. select ----

// [select]
std::string first_news(const recv_chan<int>& mail, const recv_chan<int>& phone) {
    std::string news;
    runnel::select(
        runnel::recv(mail, [&](int from) { news = "mail from " + std::to_string(from); }),
        runnel::recv(phone, [&](int from) { news = "call from " + std::to_string(from); }),
        runnel::timeout(1s, [&] { news = "nothing"; }));
    return news;
}
// [/select]

// [select-timeout]
std::string in_time(const recv_chan<int>& ch) {
    std::string result;
    runnel::select(runnel::recv(ch, [&](int v) { result = std::to_string(v); }),
                   runnel::timeout(5s, [&] { result = "too late"; }));
    return result;
}
// [/select-timeout]

// [select-nonblocking]
std::string look(const recv_chan<int>& ch) {
    std::string seen;
    runnel::select(runnel::recv(ch, [&](int v) { seen = std::to_string(v); }),
                   runnel::otherwise([&] { seen = "nothing there"; }));
    return seen;
}
// [/select-nonblocking]

// [select-send]
bool offer(const runnel::send_chan<int>& ch, int v) {
    return runnel::select(runnel::send(ch, v), runnel::otherwise()) == 0;
}
// [/select-send]

// [select-context]
std::string wait_for(const runnel::context& ctx, const recv_chan<int>& ch) {
    std::string result;
    runnel::select(runnel::recv(ch, [&](int v) { result = std::to_string(v); }),
                   runnel::done(ctx, [&] { result = ctx.err().message(); }));
    return result;
}
// [/select-context]

TEST_CASE("select takes what can be done", "[guide][select]") {
    on_seeds([] {
        const auto mail = runnel::make_chan<int>(1);
        const auto phone = runnel::make_chan<int>(1);
        const stopwatch since;
        require(first_news(mail, phone) == "nothing", "the time limit");
        since.require_passed(1s, "the time limit");
        phone.send(7);
        require(first_news(mail, phone) == "call from 7", "the one that is ready");
        require(look(mail) == "nothing there", "no waiting");
        require(offer(mail, 8) && !offer(mail, 9), "one place");
        require(look(mail) == "8", "what is there");
        require(offer(mail, 9) && in_time(mail) == "9", "in time");
        since.require_passed(1s, "a value that is there");
        require(in_time(mail) == "too late", "the limit");
        since.require_passed(6s, "the limit");

        const auto ctx = runnel::with_timeout(runnel::background(), 5s);
        phone.send(3);
        require(wait_for(ctx, phone) == "3", "a value");
        require(wait_for(ctx, phone) == "context deadline exceeded", "no value");
        since.require_passed(11s, "the context's limit");
    });
}

// [select-monitor]
struct tally {
    int readings = 0;
    int errors = 0;
};

tally monitor(recv_chan<int> data, recv_chan<std::string> errors, const recv_chan<unit>& done) {
    tally seen;
    for (bool more = true; more;) {
        runnel::select(runnel::recv(data,
                                    [&](std::optional<int> v) {
                                        if (v) ++seen.readings;
                                        if (!v) data = {};  // closed: as nil it is never ready
                                    }),
                       runnel::recv(errors,
                                    [&](std::optional<std::string> e) {
                                        if (e) ++seen.errors;
                                        if (!e) errors = {};
                                    }),
                       runnel::recv(done, [&] { more = false; }));
    }
    return seen;
}
// [/select-monitor]

TEST_CASE("a monitor does not spin on a channel that was closed", "[guide][select]") {
    everywhere([] {
        const auto data = runnel::make_chan<int>();
        const auto errors = runnel::make_chan<std::string>();
        const auto done = runnel::make_chan<unit>();
        auto seen = runnel::async([=] { return monitor(data, errors, done); });
        data.send(1);
        data.send(2);
        data.close();
        errors.send("warm");
        errors.close();
        done.close();
        const tally t = seen.get();
        require(t.readings == 2 && t.errors == 1, "each once");
    });
}

// ---- 7. wait groups ----

std::size_t vowels_in(const std::string& word) {
    return static_cast<std::size_t>(std::count_if(word.begin(), word.end(), [](char c) {
        return std::string("aeiou").find(c) != std::string::npos;
    }));
}

// [wait-group]
std::vector<std::size_t> count_vowels(const std::vector<std::string>& words) {
    std::vector<std::size_t> counts(words.size());
    runnel::wait_group wg;
    for (std::size_t i = 0; i < words.size(); ++i) {
        wg.go([&counts, &words, i] { counts[i] = vowels_in(words[i]); });
    }
    wg.wait();
    return counts;
}
// [/wait-group]

void deliver(const runnel::context& ctx, const std::string& to) {
    static_cast<void>(ctx.done().recv_for(1s));
    if (ctx.err()) throw std::system_error(ctx.err());
    if (to.find('@') == std::string::npos) throw std::runtime_error("no address");
}

// [group]
void deliver_all(const runnel::context& ctx, const std::vector<std::string>& addresses) {
    runnel::group deliveries(ctx);
    for (const std::string& to : addresses) {
        deliveries.go([&deliveries, &to] { deliver(deliveries.context(), to); });
    }
    deliveries.wait();  // throws the first failure
}
// [/group]

TEST_CASE("a wait group waits for all, a group for all or the first failure", "[guide][wait]") {
    everywhere([] {
        require(count_vowels({"narrow", "channel", "two"}) == std::vector<std::size_t>{2, 2, 1},
                "in their places");
    });
    on_seeds([] {
        const stopwatch since;
        deliver_all(runnel::background(), {"ann@here", "cid@there"});
        since.require_passed(1s, "all at once");
        require(error_of([] {
                    deliver_all(runnel::background(), {"ann@here", "bob"});
                    return 0;
                }) == "no address",
                "the failure");
    });
}

// ---- 8. done channel ----

// [done-channel]
void work_until(const recv_chan<unit>& done, std::atomic<int>& rounds) {
    for (bool more = true; more;) {
        ++rounds;
        runnel::select(runnel::recv(done, [&] { more = false; }), runnel::timeout(500ms));
    }
}
// [/done-channel]

// [shutdown]
bool shut_down(const runnel::chan<unit>& done, runnel::wait_group& workers) {
    done.close();
    return workers.wait_for(5s);
}
// [/shutdown]

TEST_CASE("closing done stops all workers at once", "[guide][done]") {
    on_seeds([] {
        const auto done = runnel::make_chan<unit>();
        std::atomic<int> rounds{0};
        runnel::wait_group workers;
        for (int i = 0; i < 3; ++i) workers.go([&] { work_until(done, rounds); });
        const stopwatch since;
        runnel::sleep_for(2750ms);
        require(shut_down(done, workers), "within the time limit");
        since.require_passed(2750ms, "no worker finishes its pause");
        require(rounds == 3 * 6, "every half a second, three of them");
    });
}

// ---- 9. for-select ----

// [for-select]
struct counts {
    int checks = 0;
    int ticks = 0;
};

counts watch_over(const recv_chan<unit>& done, recv_chan<std::string> checks) {
    counts n;
    runnel::ticker ticker(10s);
    for (bool more = true; more;) {
        runnel::select(runnel::recv(checks,
                                    [&](std::optional<std::string> name) {
                                        if (name) ++n.checks;
                                        if (!name) checks = {};
                                    }),
                       runnel::recv(ticker.chan(), [&] { ++n.ticks; }),
                       runnel::recv(done, [&] { more = false; }));
    }
    return n;
}
// [/for-select]

TEST_CASE("a loop around a select serves requests and the clock until told to stop",
          "[guide][for-select]") {
    on_seeds([] {
        const auto done = runnel::make_chan<unit>();
        const auto checks = runnel::make_chan<std::string>();
        auto result = runnel::async([=] { return watch_over(done, checks); });
        checks.send("disk");
        checks.send("memory");
        checks.close();
        runnel::sleep_for(35s);
        done.close();
        const counts n = result.get();
        require(n.checks == 2 && n.ticks == 3, "each once");
    });
}

// ---- 10. worker pool ----

int square(int n) {
    if (n < 0) throw std::domain_error("negative");
    return n * n;
}

// [pool-by-hand]
void worker_pool(const recv_chan<int>& tasks, const runnel::send_chan<int>& results, int workers) {
    runnel::wait_group wg;
    for (int i = 0; i < workers; ++i) {
        wg.go([&] {
            for (int task : tasks) results.send(square(task));
        });
    }
    wg.wait();
    results.close();
}
// [/pool-by-hand]

// [pool]
int sum_of_squares(const runnel::context& ctx, const std::vector<int>& tasks, int& failed) {
    runnel::worker_pool<int, int> pool(ctx, 5, square);
    for (int task : tasks) pool.jobs().send(task);
    pool.close();
    int sum = 0;
    for (auto& result : pool.results()) {
        if (result) sum += result.value();
        if (!result) ++failed;  // result.error() is what square threw
    }
    return sum;
}
// [/pool]

// [pool-map]
std::vector<int> squares(const runnel::context& ctx, const std::vector<int>& tasks) {
    return runnel::parallel_map(ctx, tasks, 5, square);
}
// [/pool-map]

TEST_CASE("a pool does every task once, and survives those that fail", "[guide][pool]") {
    everywhere([] {
        const auto tasks = test::numbers(50);
        const auto results = runnel::make_chan<int>();
        runnel::wait_group pool;
        pool.go([&] { worker_pool(tasks, results, 5); });
        int sum = 0;
        for (int r : results) sum += r;
        pool.wait();
        require(sum == 40425, "the squares of 0 to 49");

        int failed = 0;
        require(sum_of_squares(runnel::background(), {1, 2, -1, 3}, failed) == 14, "the others");
        require(failed == 1, "one failure");
        require(squares(runnel::background(), {3, 1, 2}) == std::vector<int>{9, 1, 4}, "in order");
    });
}

// ---- 11. pipeline ----

// [stage-by-hand]
recv_chan<int> squared(const runnel::context& ctx, const recv_chan<int>& in) {
    auto out = runnel::make_chan<int>();
    runnel::go([=] {
        while (auto n = in.recv(ctx)) {
            if (out.send(ctx, *n * *n) != runnel::op_status::ok) break;
        }
        out.close();
    });
    return out;
}
// [/stage-by-hand]

// [pipeline]
std::vector<int> even_squares(const runnel::context& ctx, std::vector<int> numbers) {
    std::vector<int> found;
    for (int n : runnel::from(ctx, runnel::generate(ctx, std::move(numbers))) |
                     runnel::transform([](int v) { return v * v; }) |
                     runnel::filter([](int v) { return v % 2 == 0; })) {
        found.push_back(n);
    }
    return found;
}
// [/pipeline]

// [pipeline-early]
int first_square_above(int limit) {
    const auto ctx = runnel::with_cancel(runnel::background());
    const auto numbers = runnel::generate(ctx, [n = 0]() mutable { return std::optional(++n); });
    for (int n : squared(ctx, numbers)) {
        if (n > limit) return n;  // ctx goes out of scope: both stages end
    }
    return 0;
}
// [/pipeline-early]

// [pipeline-error]
int sum_of_lengths(const runnel::context& ctx, std::vector<std::string> words) {
    auto lengths = runnel::from(ctx, runnel::generate(ctx, std::move(words))) |
                   runnel::transform([](const std::string& word) {
                       if (word.empty()) throw std::invalid_argument("an empty word");
                       return static_cast<int>(word.size());
                   });
    int sum = 0;
    for (int n : lengths) sum += n;  // throws it
    return sum;
}
// [/pipeline-error]

TEST_CASE("a pipeline gives all, some, or the error", "[guide][pipeline]") {
    everywhere([] {
        const auto ctx = runnel::with_cancel(runnel::background());
        require(even_squares(ctx, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}) ==
                    std::vector<int>{4, 16, 36, 64, 100},
                "the guide's numbers");
        require(first_square_above(50) == 64, "and nobody is left (the simulation would say)");
        require(sum_of_lengths(ctx, {"a", "bc"}) == 3, "without an error");
        require(error_of([&] { return sum_of_lengths(ctx, {"a", "", "bc"}); }) == "an empty word",
                "the error");
    });
}

// ---- 12. fan-out, fan-in ----

// [fan-out]
std::vector<int> primes_up_to(const runnel::context& ctx, std::vector<int> numbers) {
    std::vector<int> found;
    const auto in = runnel::generate(ctx, std::move(numbers));
    for (int n : runnel::parallel_transform(
             ctx, in, 4, [](int v) { return primes_between(v, v + 1) == 1 ? v : 0; })) {
        if (n != 0) found.push_back(n);
    }
    return found;
}
// [/fan-out]

// [fan-two-steps]
int sum_of_four(const runnel::context& ctx, const recv_chan<int>& in) {
    const auto outputs = runnel::fan_out(ctx, in, 4, square);
    int sum = 0;
    for (int n : runnel::fan_in(ctx, outputs)) sum += n;
    return sum;
}
// [/fan-two-steps]

TEST_CASE("fan-out and fan-in lose nothing, and keep no order", "[guide][fan]") {
    everywhere([] {
        const auto ctx = runnel::with_cancel(runnel::background());
        std::vector<int> numbers;
        for (int n = 1; n <= 30; ++n) numbers.push_back(n);
        std::vector<int> found = primes_up_to(ctx, numbers);
        std::sort(found.begin(), found.end());
        require(found == std::vector<int>{2, 3, 5, 7, 11, 13, 17, 19, 23, 29}, "the primes");
        require(sum_of_four(ctx, test::numbers(20)) == 2470, "the squares of 0 to 19");
    });
}

// ---- 13. confinement ----

// [confined-copy]
runnel::future<std::vector<int>> doubled(const std::vector<int>& data) {
    return runnel::async([own = data]() mutable {
        for (int& n : own) n *= 2;
        return own;
    });
}
// [/confined-copy]

// [confined-move]
recv_chan<std::vector<int>> rows(int count) {
    auto out = runnel::make_chan<std::vector<int>>();
    runnel::go([out, count] {
        for (int i = 1; i <= count; ++i) {
            std::vector<int> row(static_cast<std::size_t>(i), i);
            out.send(std::move(row));  // the receiver's from here on
        }
        out.close();
    });
    return out;
}
// [/confined-move]

TEST_CASE("what only one goroutine has needs no lock", "[guide][confinement]") {
    everywhere([] {
        std::vector<int> data{1, 2, 3};
        auto result = doubled(data);
        for (int& n : data) n = -n;  // at the same time
        require(result.get() == std::vector<int>{2, 4, 6}, "the copy");
        std::size_t size = 0;
        for (const std::vector<int>& row : rows(3)) size += row.size();
        require(size == 6, "all rows");
    });
}

// ---- 15. context ----

std::string slow_call(const std::string& user) {
    runnel::sleep_for(user == "ann" || user == "bob" ? 1s : 10s);
    if (user == "bob") throw std::runtime_error("no such user");
    return user + "'s data";
}

// [fetch]
std::string fetch(const runnel::context& parent, const std::string& user) {
    const auto ctx = runnel::with_timeout(parent, 5s);
    auto result = runnel::make_chan<std::string>(1);
    runnel::go([result, user] {
        try {
            result.send(slow_call(user));
        } catch (const std::exception&) {
            result.close(std::current_exception());
        }
    });
    auto data = result.recv(ctx);
    if (!data) throw std::system_error(ctx.err());
    return std::move(*data);
}
// [/fetch]

// [fetch-errors]
std::string try_fetch(const runnel::context& ctx, const std::string& user) {
    try {
        return fetch(ctx, user);
    } catch (const std::system_error& e) {
        if (e.code() == runnel::errc::deadline_exceeded) return "too slow";
        if (e.code() == runnel::errc::canceled) return "not wanted any more";
        throw;
    }
}
// [/fetch-errors]

TEST_CASE("a call with a deadline gives data, an error, or up", "[guide][context]") {
    on_seeds([] {
        const stopwatch since;
        require(try_fetch(runnel::background(), "ann") == "ann's data", "in time");
        since.require_passed(1s, "its time");
        require(try_fetch(runnel::background(), "cid") == "too slow", "the deadline");
        since.require_passed(6s, "the deadline");
        const auto ctx = runnel::with_cancel(runnel::background());
        auto waiting = runnel::async([&] { return try_fetch(ctx, "dora"); });
        runnel::testing::wait_idle();
        ctx.cancel();
        require(waiting.get() == "not wanted any more", "cancelled");
        since.require_passed(6s, "at once");
        runnel::sleep_for(11s);  // the late answers come, and keep nobody
    });
}

TEST_CASE("the caller gets what the call threw", "[guide][context]") {
    on_seeds([] {
        const stopwatch since;
        require(error_of([] { return try_fetch(runnel::background(), "bob"); }) == "no such user",
                "the call's own error");
        since.require_passed(1s, "as soon as there is one");
    });
}

// [context-kinds]
std::vector<std::string> kinds() {
    const runnel::context root = runnel::background();
    const auto cancelled = runnel::with_cancel(root);
    const auto limited = runnel::with_timeout(cancelled, 5s);
    const auto dated = runnel::with_deadline(limited, runnel::clock::now() + 10s);  // 5 s, in fact
    cancelled.cancel(std::make_error_code(std::errc::no_space_on_device));
    return {root.err().message(), limited.err().message(), dated.cause().message()};
}
// [/context-kinds]

// [context-value]
const runnel::context_key<std::string> request_id{"request-id"};

std::string log_line(const runnel::context& ctx, const std::string& text) {
    const std::string* id = ctx.value(request_id);
    return (id != nullptr ? *id : "no request") + ": " + text;
}
// [/context-value]

TEST_CASE("contexts pass on cancellation, deadlines and values", "[guide][context]") {
    everywhere([] {
        const std::vector<std::string> seen = kinds();
        require(seen[0] == std::error_code().message(), "the root is never done");
        require(seen[1] == "context canceled", "from above");
        require(seen[2] == std::make_error_code(std::errc::no_space_on_device).message(), "why");
        const auto ctx = runnel::with_value(runnel::background(), request_id, "abc-123");
        require(log_line(ctx, "begun") == "abc-123: begun", "its value");
        require(log_line(runnel::background(), "begun") == "no request: begun", "none");
    });
}

// ---- 16. next steps ----

// [chat]
using room = runnel::broadcast<std::string>;

room::subscription join(room& lobby) {
    // With sixteen messages unread it misses the next.
    return lobby.subscribe(16, runnel::slow_subscriber::drop_newest);
}

void member(room::subscription messages, int& seen) {
    for (const std::string& text : messages) seen += static_cast<int>(text.size());
}
// [/chat]

TEST_CASE("each member of a room sees every message", "[guide][next]") {
    everywhere([] {
        room lobby;
        int ann = 0;
        int bob = 0;
        runnel::wait_group members;
        members.go([s = join(lobby), &ann]() mutable { member(std::move(s), ann); });
        members.go([s = join(lobby), &bob]() mutable { member(std::move(s), bob); });
        lobby.publish("hello");
        lobby.publish("bye");
        lobby.close();
        members.wait();
        require(ann == 8 && bob == 8, "both messages");

        room crowded;
        const room::subscription sleeper = join(crowded);
        for (int i = 0; i < 20; ++i) crowded.publish("hello");
        require(sleeper.dropped() == 4 && sleeper.chan().len() == 16, "and holds up nobody");
    });
}

}  // namespace
