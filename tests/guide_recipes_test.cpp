// tests/guide_recipes_test.cpp — the answers of docs/recipes.md, run.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/testing.hpp>

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <runnel/net.hpp>
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

// ---- 1. starting and waiting ----

int twice(int n) {
    if (n < 0) throw std::domain_error("negative");
    return 2 * n;
}

// [all]
void do_all(const std::vector<std::function<void()>>& jobs) {
    runnel::wait_group wg;
    for (const auto& job : jobs) wg.go([&job] { job(); });
    wg.wait();
}
// [/all]

// [all-results]
std::vector<int> double_all(const std::vector<int>& numbers) {
    return runnel::parallel_map(runnel::background(), numbers, 8, twice);
}
// [/all-results]

// [all-or-nothing]
int sum_or_first_error(const std::vector<int>& numbers) {
    std::atomic<int> sum{0};
    runnel::group work;
    for (int n : numbers) {
        work.go([&work, &sum, n] {
            if (!work.context().err()) sum += twice(n);
        });
    }
    work.wait();
    return sum;
}
// [/all-or-nothing]

// [semaphore]
int download(runnel::semaphore& slots, int n) {
    slots.acquire();
    struct at_end {
        runnel::semaphore& held;
        ~at_end() { held.release(); }
    } const give_back{slots};
    return twice(n);
}
// [/semaphore]

// [give-up-waiting]
std::string patience(runnel::future<int> answer) {
    return answer.wait_for(2s) ? std::to_string(answer.get()) : "too slow; it goes on without us";
}
// [/give-up-waiting]

TEST_CASE("recipes: start, wait, limit, give up", "[guide][recipes]") {
    everywhere([] {
        std::atomic<int> done{0};
        do_all({[&] { ++done; }, [&] { ++done; }});
        require(done == 2, "both");
        require(double_all({1, 2, 3}) == std::vector<int>{2, 4, 6}, "in order");
        require(sum_or_first_error({1, 2, 3}) == 12, "all");
        require(error_of([] { return sum_or_first_error({1, -1, 3}); }) == "negative", "the error");
        runnel::semaphore slots(2);
        require(download(slots, 4) == 8 && slots.try_acquire(2), "given back");
    });
    on_seeds([] {
        const auto after = [](std::chrono::seconds d) {
            return runnel::async([d] {
                runnel::sleep_for(d);
                return 7;
            });
        };
        require(patience(after(1s)) == "7", "in time");
        require(test::contains(patience(after(3s)), "too slow"), "not in time");
        runnel::sleep_for(2s);
    });
}

// ---- 2. time and cancellation ----

// [time-limit]
std::string ask(const runnel::context& parent, const recv_chan<std::string>& server) {
    const auto ctx = runnel::with_timeout(parent, 5s);
    const auto answer = server.recv(ctx);
    if (answer.status() == runnel::op_status::closed) return "the server has gone";
    return answer ? *answer : ctx.err().message();
}
// [/time-limit]

// [owner]
class running_sum {
public:
    explicit running_sum(const recv_chan<int>& in) {
        work_.go([this, in] {
            while (auto v = in.recv(work_.context())) sum_ += *v;
        });
    }
    int now() const { return sum_; }

private:
    std::atomic<int> sum_{0};
    runnel::group work_;  // the last member: gone first, and its goroutine with it
};
// [/owner]

// [retry]
int fetch(const runnel::context& ctx, const std::function<int()>& unreliable) {
    runnel::retry_policy policy;
    policy.attempts = 4;
    policy.first_delay = 100ms;  // then 200 ms, 400 ms
    policy.jitter = 0;
    return runnel::retry(ctx, policy, unreliable);
}
// [/retry]

// [rate-limit]
void send_slowly(const runnel::context& ctx, int messages, const std::function<void(int)>& send) {
    runnel::rate_limiter limiter(100ms, 3);  // one each 100 ms, three at once
    for (int i = 0; i < messages; ++i) {
        if (limiter.wait(ctx) != runnel::op_status::ok) return;
        send(i);
    }
}
// [/rate-limit]

// [periodic]
void every_minute(const runnel::context& ctx, const std::function<void()>& job) {
    runnel::ticker minute(1min);
    for (bool more = true; more;) {
        runnel::select(runnel::done(ctx, [&] { more = false; }),
                       runnel::recv(minute.chan(), [&] { job(); }));
    }
}
// [/periodic]

// [later]
class session {
public:
    explicit session(std::function<void()> expire)
        : timer_(runnel::after_func(30s, std::move(expire))) {}
    void touch() { timer_.reset(30s); }

private:
    runnel::timer timer_;
};
// [/later]

TEST_CASE("recipes: limits, owners, retries, rates, clocks", "[guide][recipes]") {
    everywhere([] {
        const auto in = runnel::make_chan<int>();
        const running_sum sum(in);
        in.send(3);
        in.send(4);  // when this one is received the other was added
        require(sum.now() == 3 || sum.now() == 7, "what it had by then");
    });
    on_seeds([] {
        const stopwatch since;
        const auto server = runnel::make_chan<std::string>(1);
        require(ask(runnel::background(), server) == "context deadline exceeded", "no answer");
        since.require_passed(5s, "the limit");
        server.send("yes");
        require(ask(runnel::background(), server) == "yes", "an answer");
        server.close();
        require(ask(runnel::background(), server) == "the server has gone", "it says so");
    });
    on_seeds([] {
        const stopwatch since;
        int calls = 0;
        const auto unreliable = [&] {
            if (++calls < 3) throw std::runtime_error("try again");
            return 42;
        };
        require(fetch(runnel::background(), unreliable) == 42 && calls == 3, "the third time");
        since.require_passed(300ms, "both pauses");
    });
    on_seeds([] {
        const stopwatch since;
        int sent = 0;
        send_slowly(runnel::background(), 8, [&](int) { ++sent; });
        require(sent == 8, "all");
        since.require_passed(500ms, "three at once, then five more");
    });
    on_seeds([] {
        int runs = 0;
        const auto ctx = runnel::with_timeout(runnel::background(), 210s);
        every_minute(ctx, [&] { ++runs; });
        require(runs == 3, "after one, two and three minutes");
    });
    on_seeds([] {
        const stopwatch since;
        std::atomic<int> expired{0};
        session s([&] { ++expired; });
        runnel::sleep_for(20s);
        s.touch();
        runnel::sleep_for(20s);
        require(expired == 0, "touched");
        runnel::sleep_for(11s);
        require(expired == 1, "30 s after that");
    });
}

// ---- 3. several at once ----

// [first-of]
int fastest(const runnel::context& ctx, const std::vector<std::chrono::seconds>& replicas) {
    std::vector<std::function<int(const runnel::context&)>> calls;
    for (const auto takes : replicas) {
        calls.push_back([takes](const runnel::context& replica) {
            static_cast<void>(replica.done().recv_for(takes));
            if (replica.err()) throw std::system_error(replica.err());
            return static_cast<int>(takes.count());
        });
    }
    return runnel::first_of(ctx, calls);  // the others are cancelled, and waited for
}
// [/first-of]

// [any-number]
std::size_t whichever(const std::vector<recv_chan<int>>& channels, std::optional<int>& value) {
    std::vector<runnel::select_case> cases;
    for (const auto& ch : channels) {
        cases.push_back(runnel::recv(ch, [&value](std::optional<int> v) { value = v; }));
    }
    return runnel::select(cases);
}
// [/any-number]

// [priority]
void urgent_first(recv_chan<int> urgent, recv_chan<int> others, std::vector<int>& done) {
    const auto serve = [&done](recv_chan<int>& from) {
        return runnel::recv(from, [&](std::optional<int> job) {
            if (job) done.push_back(*job);
            if (!job) from = {};  // closed: nil from now on, which is never ready
        });
    };
    while (urgent || others) runnel::select(runnel::in_order, serve(urgent), serve(others));
}
// [/priority]

// [pause]
int sum_while_running(recv_chan<int> numbers, const recv_chan<bool>& run) {
    const recv_chan<int> source = numbers;
    int sum = 0;
    for (bool more = true; more;) {
        runnel::select(runnel::recv(numbers,
                                    [&](std::optional<int> v) {
                                        sum += v.value_or(0);
                                        more = v.has_value();
                                    }),
                       runnel::recv(run, [&](bool running, bool open) {
                           more = open;
                           numbers = running ? source : recv_chan<int>();  // nil: never ready
                       }));
    }
    return sum;
}
// [/pause]

// [drop-if-full]
bool offer(const runnel::send_chan<int>& queue, int v) {
    return queue.try_send(v) == runnel::op_status::ok;
}
// [/drop-if-full]

// [merge]
int sum_of_both(const runnel::context& ctx, const recv_chan<int>& a, const recv_chan<int>& b) {
    int sum = 0;
    for (int v : runnel::fan_in(ctx, a, b)) sum += v;
    return sum;
}
// [/merge]

TEST_CASE("recipes: the first, any, the urgent, none, both", "[guide][recipes]") {
    on_seeds([] {
        const stopwatch since;
        require(fastest(runnel::background(), {3s, 1s, 2s}) == 1, "the fastest");
        since.require_passed(1s, "the others were cancelled");
    });
    everywhere([] {
        std::vector<recv_chan<int>> channels;
        for (int i = 0; i < 5; ++i) channels.push_back(runnel::make_chan<int>());
        const auto full = runnel::make_chan<int>(1);
        full.send(9);
        channels.push_back(full);
        std::optional<int> value;
        require(whichever(channels, value) == 5 && value == 9, "the sixth");
        full.close();
        require(whichever(channels, value) == 5 && !value, "the sixth is closed");

        std::vector<int> done;
        urgent_first(test::numbers(2), test::numbers(3), done);
        require(done == std::vector<int>{0, 1, 0, 1, 2}, "the urgent ones first, and all");

        const auto numbers = runnel::make_chan<int>();
        const auto run = runnel::make_chan<bool>();
        auto sum = runnel::async([=] { return sum_while_running(numbers, run); });
        numbers.send(1);
        run.send(false);
        require(numbers.try_send(100) == runnel::op_status::would_block, "paused");
        run.send(true);
        numbers.send(2);
        run.close();
        require(sum.get() == 3, "without the hundred");
        require(sum_while_running(test::numbers(4), {}) == 6, "to the end, if nobody pauses it");

        const auto queue = runnel::make_chan<int>(1);
        require(offer(queue, 1) && !offer(queue, 2), "one place");
        require(sum_of_both(runnel::background(), test::numbers(4), test::numbers(3)) == 9, "both");
    });
}

// ---- 4. sharing ----

// [once]
const auto load_configuration = runnel::once_value([] { return std::string("threads = 2"); });

const std::string& configuration() { return load_configuration(); }
// [/once]

// [singleflight]
class price_list {
public:
    explicit price_list(std::function<int(const std::string&)> look_up)
        : look_up_(std::move(look_up)) {}
    int price(const std::string& article) {
        return calls_.run(article, [&] { return look_up_(article); }).value;
    }

private:
    std::function<int(const std::string&)> look_up_;
    runnel::singleflight<std::string, int> calls_;
};
// [/singleflight]

// [condition]
class work_stack {
public:
    void push(int v) {
        {
            const std::lock_guard guard(mutex_);
            values_.push_back(v);
        }
        not_empty_.notify_one();
    }
    int pop() {
        std::unique_lock held(mutex_);
        not_empty_.wait(held, [this] { return !values_.empty(); });
        const int v = values_.back();
        values_.pop_back();
        return v;
    }

private:
    runnel::mutex mutex_;
    runnel::condition_variable not_empty_;
    std::vector<int> values_;
};
// [/condition]

// [broadcast]
void print_all(runnel::broadcast<std::string>::subscription news, std::vector<std::string>& seen) {
    for (const std::string& text : news) seen.push_back(text);
}
// [/broadcast]

// [watch]
int last_seen(runnel::watch<int>::watcher progress) {
    int percent = 0;
    while (const auto p = progress.recv()) percent = *p;  // never one twice; some may be missed
    return percent;
}
// [/watch]

// [reuse]
std::size_t render(runnel::pool<std::string>& buffers, int n) {
    std::string buffer = buffers.get();
    buffer.clear();
    for (int i = 0; i < n; ++i) buffer += std::to_string(i);
    const std::size_t size = buffer.size();
    buffers.put(std::move(buffer));
    return size;
}
// [/reuse]

TEST_CASE("recipes: once, together, guarded, told", "[guide][recipes]") {
    everywhere([] {
        const std::string* first = &configuration();
        auto other = runnel::async([] { return &configuration(); });
        require(other.get() == first && *first == "threads = 2", "made once");

        std::atomic<int> calls{0};
        auto gate = runnel::make_chan<unit>();
        price_list prices([&, gate](const std::string&) {
            ++calls;
            gate.recv();
            return 42;
        });
        std::atomic<int> sum{0};
        runnel::wait_group wg;
        wg.go([&] { sum += prices.price("lamp"); });
        require(test::eventually([&] { return calls == 1; }), "the first has called");
        wg.go([&] { sum += prices.price("lamp"); });
        gate.close();
        wg.wait();
        require(sum == 84 && calls <= 2, "both have it");

        work_stack stack;
        auto popped = runnel::async([&] { return stack.pop(); });
        stack.push(5);
        require(popped.get() == 5, "as soon as there is one");

        runnel::broadcast<std::string> news(8);
        std::vector<std::string> seen;
        wg.go([s = news.subscribe(), &seen]() mutable { print_all(std::move(s), seen); });
        news.publish("one");
        news.publish("two");
        news.close();
        runnel::watch<int> progress(0);
        auto last = runnel::async([w = progress.subscribe()] { return last_seen(w); });
        progress.set(50);
        progress.set(100);
        progress.close();
        wg.wait();
        require(seen == std::vector<std::string>{"one", "two"}, "all of it");
        require(last.get() == 100, "the latest");

        runnel::pool<std::string> buffers;
        require(render(buffers, 12) == 14 && render(buffers, 3) == 3, "clean each time");
    });
}

TEST_CASE("recipes: those who ask at the same time share one call", "[guide][recipes]") {
    on_seeds([] {
        int calls = 0;
        price_list prices([&](const std::string&) {
            ++calls;
            runnel::sleep_for(1s);
            return 42;
        });
        runnel::wait_group wg;
        for (int i = 0; i < 10; ++i)
            wg.go([&] { require(prices.price("lamp") == 42, "the price"); });
        wg.wait();
        require(calls == 1, "for all ten");
    });
}

// ---- 5. pipelines ----

// [batches]
std::vector<std::size_t> sizes_of_batches(const runnel::context& ctx, const recv_chan<int>& rows) {
    std::vector<std::size_t> sizes;
    for (const std::vector<int>& batch : runnel::batch(ctx, rows, 100, 50ms)) {
        sizes.push_back(batch.size());
    }
    return sizes;
}
// [/batches]

// [keep-order]
std::vector<int> in_order(const runnel::context& ctx, std::vector<int> numbers) {
    std::vector<int> results;
    for (int n : runnel::from(ctx, runnel::generate(ctx, std::move(numbers))) |
                     runnel::ordered_transform(4, twice)) {
        results.push_back(n);
    }
    return results;
}
// [/keep-order]

// [own-stage]
recv_chan<int> differences(const runnel::context& ctx, const recv_chan<int>& in) {
    return runnel::stage<int>(ctx, [in](const runnel::emitter<int>& emit) {
        std::optional<int> last;
        while (auto v = in.recv(emit.context())) {
            if (last && !emit(*v - *last)) return;
            last = *v;
        }
    });
}
// [/own-stage]

// [debounce]
int searches(const runnel::context& ctx, const recv_chan<std::string>& typed, std::string& last) {
    int count = 0;
    for (const std::string& text : runnel::debounce(ctx, typed, 300ms)) {
        last = text;
        ++count;
    }
    return count;
}
// [/debounce]

TEST_CASE("recipes: batches, order, stages, quiet", "[guide][recipes]") {
    everywhere([] {
        const auto ctx = runnel::with_cancel(runnel::background());
        require(in_order(ctx, {5, 1, 4}) == std::vector<int>{10, 2, 8}, "as they came");
        require(error_of([&] { return in_order(ctx, {5, -1, 4}).size(); }) == "negative", "or not");
        std::vector<int> steps;
        for (int d : differences(ctx, runnel::generate(ctx, {1, 4, 9, 16}))) steps.push_back(d);
        require(steps == std::vector<int>{3, 5, 7}, "of neighbours");
    });
    on_seeds([] {
        const auto ctx = runnel::with_cancel(runnel::background());
        const auto rows = runnel::make_chan<int>();
        auto sizes = runnel::async([&] { return sizes_of_batches(ctx, rows); });
        for (int i = 0; i < 130; ++i) rows.send(i);
        runnel::sleep_for(1s);
        rows.send(1);
        rows.close();
        require(sizes.get() == std::vector<std::size_t>{100, 30, 1}, "full, late, last");

        const auto typed = runnel::make_chan<std::string>();
        std::string last;
        auto count = runnel::async([&] { return searches(ctx, typed, last); });
        for (const char* text : {"r", "ru", "run"}) {
            typed.send(text);
            runnel::sleep_for(100ms);
        }
        runnel::sleep_for(1s);
        typed.send("runnel");
        typed.close();
        require(count.get() == 2 && last == "runnel", "when the typing pauses");
    });
}

// ---- 6. the world outside ----

// [from-a-thread]
int from_a_thread() {
    auto numbers = runnel::make_chan<int>(16);
    std::thread producer([numbers] {
        for (int i = 0; i < 100; ++i) numbers.send(i);  // waits as a thread does
        numbers.close();
    });
    auto sum = runnel::async([numbers] {
        int all = 0;
        for (int n : numbers) all += n;  // waits as a goroutine does
        return all;
    });
    runnel::blocking([&producer] { producer.join(); });
    return sum.get();
}
// [/from-a-thread]

// [blocking]
std::uintmax_t size_on_disk(const std::filesystem::path& file) {
    return runnel::blocking([&file] { return std::filesystem::file_size(file); });
}
// [/blocking]

// [start-program]
int run_program(std::vector<std::string> command) {
    std::vector<char*> words;
    for (std::string& word : command) words.push_back(word.data());
    words.push_back(nullptr);
    posix_spawnattr_t attributes;
    ::posix_spawnattr_init(&attributes);
    sigset_t nothing;
    ::sigemptyset(&nothing);
    ::posix_spawnattr_setsigmask(&attributes, &nothing);  // what the program has blocked
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    pid_t child = 0;
    const int error = ::posix_spawnp(&child, words[0], nullptr, &attributes, words.data(), environ);
    ::posix_spawnattr_destroy(&attributes);
    if (error != 0) throw std::system_error(error, std::generic_category(), command[0]);
    return runnel::blocking([child] {
        int status = 0;
        while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
        }
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    });
}
// [/start-program]

#if defined(__cpp_lib_jthread)
// [stop-token]
int run_until_cancelled(const runnel::context& ctx) {
    std::atomic<int> rounds{0};
    std::thread old_code([stop = ctx.stop_token(), &rounds] {
        do {
            ++rounds;
        } while (!stop.stop_requested());
    });
    runnel::blocking([&] { old_code.join(); });
    return rounds;
}
// [/stop-token]
#endif

// [local]
struct request {
    std::string id = "none";
};
const runnel::local<request> current_request;

std::string handle(const std::string& id) {
    current_request->id = id;
    runnel::yield();
    return current_request->id;  // this goroutine's, on whatever thread it is now
}
// [/local]

// [echo]
std::string echo_once(const std::string& text) {
    runnel::net::listener listener = runnel::net::listen("127.0.0.1:0");
    runnel::group server;
    server.go([&listener, &server] {
        runnel::net::stream client = listener.accept(server.context());
        std::string bytes(1024, '\0');
        while (const std::size_t n = client.read_some(std::as_writable_bytes(std::span(bytes)))) {
            client.write(std::string_view(bytes).substr(0, n));
        }
    });
    runnel::net::stream s = runnel::net::dial(listener.local_endpoint().to_string());
    s.write(text);
    s.shutdown();
    std::string answer(text.size(), '\0');
    s.read(std::as_writable_bytes(std::span(answer)));
    server.wait();
    return answer;
}
// [/echo]

TEST_CASE("recipes: threads, libraries, tokens, locals, sockets", "[guide][recipes]") {
    test::expectations expected;
    test::on_workers([&] {
        expected.check_eq(from_a_thread(), 4950, "all that the thread has sent");
        expected.check(size_on_disk("/proc/self/exe") > 0, "its result");
        expected.check_eq(run_program({"sh", "-c", "exit 3"}), 3, "its exit status");
        expected.check_eq(run_program({"grep", "-q", "SigBlk:.0*$", "/proc/self/status"}), 0,
                          "it has blocked no signal");
        expected.check_eq(error_of([] { run_program({"/no/such/program"}); }),
                          "/no/such/program: No such file or directory", "there is none");
        auto a = runnel::async(handle, std::string("a"));
        auto b = runnel::async(handle, std::string("b"));
        expected.check(a.get() == "a" && b.get() == "b", "each its own");
        expected.check_eq(echo_once("hello"), "hello", "what came back");
#if defined(__cpp_lib_jthread)
        const auto ctx = runnel::with_cancel(runnel::background());
        auto rounds = runnel::async([&ctx] { return run_until_cancelled(ctx); });
        ctx.cancel();
        expected.check(rounds.get() >= 1, "it has run, and ended");
#endif
    });
    expected.verify();
}

// ---- 7. tests ----

// [test-time]
TEST_CASE("recipes: an hour passes in no time", "[guide][recipes]") {
    const auto seen = runnel::testing::explore(20, [] {
        const auto start = runnel::clock::now();
        const auto ctx = runnel::with_timeout(runnel::background(), 1h);
        const auto silent = runnel::make_chan<int>();
        require(silent.recv(ctx).status() == runnel::op_status::timeout, "it ends");
        require(runnel::clock::now() - start == 1h, "after an hour, to the nanosecond");
    });
    CHECK(seen.seeds > 0);
}
// [/test-time]

}  // namespace
