// tests/go_test.cpp — starting goroutines, yielding, goexit, panics, and what a goroutine says of itself.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/go.hpp>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <runnel/chan.hpp>
#include <runnel/error.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "hazards/migrate.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::chan;
using runnel::make_chan;

bool starts_with(const std::string& text, const std::string& start) {
    return text.compare(0, start.size(), start) == 0;
}

// Once those of the test before have ended: a value they sent last may have come earlier.
std::size_t settled_goroutines() {
    REQUIRE(test::eventually([] { return runnel::num_goroutine() == 0; }));
    return 0;
}

// ---- 1. callables and arguments ----

int doubled(int n) { return 2 * n; }
std::atomic<int> global_sum{0};
void add_to_global(int a, int b) { global_sum += a + b; }

TEST_CASE("go takes functions, lambdas, members and objects, with arguments", "[go]") {
    test::on_workers([] {
        runnel::wait_group wg;
        global_sum = 0;
        wg.add(6);
        runnel::go([&] { wg.done(); });
        runnel::go(
            [&](int a, int b) {
                add_to_global(a, b);
                wg.done();
            },
            1, 2);
        struct object {
            runnel::wait_group* wg;
            void add(int n) {
                global_sum += n;
                wg->done();
            }
            void operator()() const {
                global_sum += 100;
                wg->done();
            }
        } o{&wg};
        runnel::go(&object::add, &o, 10);
        runnel::go(o);
        runnel::go(std::bind(&object::add, o, 1000));
        const std::function<void()> f = [&] { wg.done(); };
        runnel::go(f);
        wg.wait();
    });
    CHECK(global_sum == 1113);
    const auto done = make_chan<int>();
    runnel::go(add_to_global, 3, 4);
    runnel::go([=](int (*f)(int)) { done.send(f(4)); }, doubled);
    CHECK(done.recv() == 8);
    CHECK(test::eventually([] { return global_sum == 1120; }));
}

TEST_CASE("callable and arguments are copied as std::thread's are", "[go]") {
    const auto out = make_chan<std::string>();
    std::string text = "before";
    int n = 1;
    runnel::go(
        [=](std::string s, int& by_reference) {
            by_reference = 7;
            out.send(s);
        },
        text, std::ref(n));
    text = "after";
    CHECK(out.recv() == "before");
    CHECK(n == 7);
    // An array decays to a pointer.
    runnel::go([=](const char* s) { out.send(s); }, "literal");
    CHECK(out.recv() == "literal");
}

TEST_CASE("callables and arguments may be move-only, large or over-aligned", "[go]") {
    const auto out = make_chan<int>();
    runnel::go([=, p = std::make_unique<int>(5)] { out.send(*p); });
    CHECK(out.recv() == 5);
    runnel::go([=](std::unique_ptr<int> p) { out.send(*p); }, std::make_unique<int>(6));
    CHECK(out.recv() == 6);
    runnel::go([=, big = std::array<int, 1000>{1, 2, 3}] { out.send(big[2]); });
    CHECK(out.recv() == 3);
    runnel::go([=, a = test::over_aligned(9)] { out.send(a.aligned() ? a.value : -1); });
    CHECK(out.recv() == 9);
    // It is called as an rvalue, once.
    struct once_only {
        chan<int> out;
        void operator()() && { out.send(10); }
    };
    runnel::go(once_only{out});
    CHECK(out.recv() == 10);
}

TEST_CASE("callable and arguments are destroyed when the goroutine has ended", "[go]") {
    const long before = test::counted::live();
    test::on_workers([] {
        runnel::wait_group wg;
        for (int i = 0; i < 100; ++i) {
            wg.add(1);
            runnel::go([&wg, c = test::counted(i)](const test::counted&) { wg.done(); },
                       test::counted(i));
            wg.add(1);
            runnel::go([&wg, c = test::counted(i), big = std::array<char, 500>{}] {
                wg.add(big[0]);
                wg.done();
            });
        }
        wg.wait();
    });
    CHECK(test::eventually([&] { return test::counted::live() == before; }));
}

TEST_CASE("arguments are destroyed on their goroutine, after the call", "[go]") {
    struct notes_id {
        chan<std::uint64_t> out;
        bool armed = true;
        explicit notes_id(chan<std::uint64_t> c) : out(std::move(c)) {}
        notes_id(notes_id&& o) noexcept
            : out(std::move(o.out)), armed(std::exchange(o.armed, false)) {}
        ~notes_id() {
            if (armed) out.send(runnel::goroutine_id());  // parks, in a destructor
        }
    };
    const auto ids = make_chan<std::uint64_t>();
    runnel::go([ids](notes_id) { ids.send(runnel::goroutine_id()); }, notes_id(ids));
    const auto first = ids.recv();
    CHECK(first == ids.recv());
    CHECK(*first != 0);
}

// [C-183] [C-399]
TEST_CASE("an empty function is refused by go itself", "[go][C-183][C-399]") {
    const auto before = settled_goroutines();
    void (*none)() = nullptr;
    void (*none_of_int)(int) = nullptr;
    void (test::counted::*no_member)() = nullptr;
    CHECK_THROWS_AS(runnel::go(none), runnel::panic);
    CHECK_THROWS_WITH(runnel::go(none_of_int, 1), "go of nil func value");
    CHECK_THROWS_WITH(runnel::go(std::function<void()>()), "go of nil func value");
    CHECK_THROWS_WITH(runnel::go(no_member, test::counted()), "go of nil func value");
    CHECK_THROWS_AS(runnel::async(std::function<int()>()), runnel::panic);
    CHECK(runnel::num_goroutine() == before);
}

TEST_CASE("if a copy throws, go throws it and nothing has started", "[go]") {
    struct throws_on_copy {
        throws_on_copy() = default;
        throws_on_copy(const throws_on_copy&) { throw std::runtime_error("copy"); }
        void operator()() const { std::abort(); }
    };
    const throws_on_copy f;
    const auto before = settled_goroutines();
    const long live = test::counted::live();
    for (int i = 0; i < 1000; ++i) {
        CHECK_THROWS_WITH(runnel::go(f), "copy");
        CHECK_THROWS_WITH(
            runnel::go([](const test::counted&, const throws_on_copy&) { std::abort(); },
                       test::counted(1), f),
            "copy");
    }
    CHECK(runnel::num_goroutine() == before);
    CHECK(test::counted::live() == live);
    // The control blocks are there for others.
    CHECK(runnel::run([&] {
              for (int i = 0; i < 100; ++i) {
                  try {
                      runnel::go(f);
                  } catch (const std::runtime_error&) {
                  }
              }
              return runnel::num_goroutine();
          }) == before + 1);
}

TEST_CASE("a copy that parks does not confuse go", "[go]") {
    // Declared not to throw, which is no promise not to park.
    struct parks_on_copy {
        int value = 0;
        explicit parks_on_copy(int v) : value(v) {}
        parks_on_copy(const parks_on_copy& o) noexcept : value(o.value) {
            if (runnel::in_goroutine()) test::migrate();
        }
    };
    const std::size_t before = runnel::set_max_procs(3);
    const int rounds = test::scale(100);
    std::atomic<int> sum{0};
    runnel::run([&] {
        runnel::wait_group wg;
        const parks_on_copy one(1);
        for (int i = 0; i < rounds; ++i) {
            wg.add(1);
            runnel::go(
                [&wg, &sum](const parks_on_copy& p) {
                    sum += p.value;
                    wg.done();
                },
                one);
        }
        wg.wait();
    });
    runnel::set_max_procs(before);
    CHECK(sum == rounds);
}

// ---- 2. from anywhere ----

TEST_CASE("without run, go and channels work from any thread", "[go]") {
    const auto ch = make_chan<int>();
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([=] {
            for (int i = 0; i < 50; ++i) runnel::go([=] { ch.send(i); });
        });
    }
    int sum = 0;
    for (int i = 0; i < 200; ++i) sum += *ch.recv();
    for (auto& t : threads) t.join();
    CHECK(sum == 4 * 49 * 50 / 2);
    runnel::wait_group wg;
    for (int i = 0; i < 100; ++i) wg.go([] { runnel::yield(); });
    wg.wait();
    runnel::yield();  // gives the thread's processor away
    CHECK_FALSE(runnel::in_goroutine());
    CHECK(runnel::goroutine_id() == 0);
}

TEST_CASE("goroutines start goroutines, to any depth", "[go]") {
    test::expectations expected;
    const int depth = test::scale(10'000);
    test::on_workers([&] {
        const auto end = make_chan<int>();
        struct chain {
            chan<int> end;
            int left;
            void operator()() const {
                if (left == 0) {
                    end.send(1);
                } else {
                    runnel::go(chain{end, left - 1});
                }
            }
        };
        runnel::go(chain{end, depth});
        expected.check(end.recv() == 1, "the last of the chain");
    });
    expected.verify();
}

// ---- 3. yield ----

// A goroutine for each call.
int recursion(int depth, std::atomic<std::size_t>& most) {
    if (depth == 0) return 1;
    int leaves[2];
    runnel::wait_group wg;
    for (int& n : leaves) wg.go([&] { n = recursion(depth - 1, most); });
    wg.wait();
    const std::size_t alive = runnel::num_goroutine();
    for (std::size_t seen = most; alive > seen && !most.compare_exchange_weak(seen, alive);) {
    }
    return leaves[0] + leaves[1];
}

TEST_CASE("a recursion of goroutines runs depth first", "[go]") {
    // Of 2^14 calls as many wait as the recursion is deep, not nearly all of them.
    const test::procs workers(1);
    std::atomic<std::size_t> most{0};
    int leaves = 0;
    runnel::run([&] { leaves = recursion(13, most); });
    CHECK(leaves == 1 << 13);
    CHECK(most > 13);
    CHECK(most < 1000);
}

TEST_CASE("new goroutines without end do not keep an older one from running", "[go]") {
    for (const bool has_parked : {false, true}) {
        INFO("has parked: " << has_parked);
        const test::procs workers(1);
        std::atomic<bool> ran{false};
        std::function<void()> grow = [&] {
            if (ran) return;
            runnel::go(grow);   // comes second, as the newest in the ring
            runnel::go([] {});  // comes first
        };
        runnel::run([&] {
            const auto ch = make_chan<int>();
            runnel::wait_group wg;
            wg.go([&] {
                if (has_parked) ch.recv();
                ran = true;
            });
            if (has_parked) {
                runnel::yield();  // it parks
                ch.send(1);
            }
            runnel::go([] {});  // takes its place as the next one
            runnel::go(grow);
            wg.wait();
        });
        CHECK(ran);
    }
}

TEST_CASE("yield lets others run, on one processor in turn", "[go][yield]") {
    const std::size_t before = runnel::set_max_procs(1);
    std::string order;
    std::mutex order_mutex;
    // On a busy machine the only place may change hands, and with it the order: then once more.
    for (int attempt = 0; attempt < 100; ++attempt) {
        const std::uint64_t handovers = runnel::stats().handovers;
        order.clear();
        runnel::run([&] {
            runnel::wait_group wg;
            for (const char c : {'a', 'b', 'c'}) {
                wg.go([&, c] {
                    for (int i = 0; i < 3; ++i) {
                        {
                            const std::lock_guard guard(order_mutex);
                            order += c;
                        }
                        runnel::yield();
                    }
                });
            }
            wg.wait();
        });
        if (runnel::stats().handovers == handovers) break;
    }
    runnel::set_max_procs(before);
    CHECK(order.size() == 9);
    for (std::size_t i = 3; i < order.size(); ++i) {
        INFO(order);
        CHECK(order[i] == order[i - 3]);
    }
}

TEST_CASE("yield on a goroutine that is alone returns", "[go][yield]") {
    CHECK(runnel::run([] {
        for (int i = 0; i < 10'000; ++i) runnel::yield();
        return true;
    }));
}

// ---- 4. identity ----

TEST_CASE("goroutine ids are unique and stay", "[go][id]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto ids = make_chan<std::uint64_t>(1000);
        runnel::wait_group wg;
        for (int i = 0; i < 1000; ++i) {
            wg.go([&] {
                const auto id = runnel::goroutine_id();
                runnel::yield();
                expected.check(runnel::goroutine_id() == id, "the same after a yield");
                const auto inside = runnel::blocking([] { return runnel::goroutine_id(); });
                expected.check(inside == id, "the same inside blocking");
                ids.send(id);
            });
        }
        wg.wait();
        ids.close();
        std::set<std::uint64_t> seen;
        for (const auto id : ids) seen.insert(id);
        expected.check_eq(seen.size(), 1000U, "different ids");
        expected.check(seen.count(0) == 0, "none is 0");
    });
    expected.verify();
}

// [C-110] [C-111]
TEST_CASE("num_goroutine counts those that exist now", "[go][C-110][C-111]") {
    settled_goroutines();
    test::expectations expected;
    test::on_workers([&] {
        expected.check_eq(runnel::num_goroutine(), 1U, "main alone");
        const auto stop = make_chan<int>();
        for (int i = 0; i < 100; ++i) runnel::go([=] { stop.recv(); });
        expected.check_eq(runnel::num_goroutine(), 101U, "with a hundred");
        test::wait_parked(100, "chan receive");
        expected.check_eq(runnel::debug::goroutines().size(), 101U, "as listed");
        stop.close();
        expected.check(test::eventually([] { return runnel::num_goroutine() == 1; }), "gone");
    });
    expected.verify();
    CHECK(runnel::num_goroutine() == 0);
}

// ---- 5. goexit ----

struct counts_down {
    std::atomic<int>* count;
    ~counts_down() { --*count; }
};

// [C-172] [C-397]
TEST_CASE("goexit runs destructors and ends the goroutine without error", "[go][goexit][C-172]") {
    test::expectations expected;
    test::on_workers([&] {
        std::atomic<int> alive{3};
        std::atomic<bool> wrong{false};
        runnel::wait_group wg;
        wg.add(1);
        runnel::go([&] {
            const counts_down last{&alive};
            struct done_at_end {
                runnel::wait_group& wg;
                ~done_at_end() { wg.done(); }
            } done{wg};
            const counts_down first{&alive};
            try {
                const counts_down inner{&alive};
                runnel::goexit();
            } catch (const std::exception&) {
                wrong = true;  // it is no error
            }
            wrong = true;
        });
        wg.wait();
        expected.check(test::eventually([&] { return alive == 0; }), "destructors have run");
        expected.check(!wrong, "nothing after goexit has run");
        expected.check(test::eventually([] { return runnel::num_goroutine() == 1; }), "gone");
    });
    expected.verify();
}

// [C-175] [C-176]
TEST_CASE("exceptions caught on the way do not stop a goexit", "[go][goexit][C-175][C-176]") {
    const int rounds = test::scale(20'000);
    std::atomic<int> handlers{0};
    std::atomic<bool> wrong{false};
    test::on_workers([&] {
        runnel::wait_group wg;
        for (int i = 0; i < rounds / 3 + 1; ++i) {
            wg.go([&] {
                struct throws_inside {
                    std::atomic<int>& handlers;
                    ~throws_inside() {
                        try {
                            throw std::runtime_error("caught at once");
                        } catch (const std::runtime_error&) {
                            ++handlers;
                        }
                        runnel::yield();  // parks while it unwinds
                    }
                } t{handlers};
                try {
                    runnel::goexit();
                } catch (...) {
                    ++handlers;
                    throw;
                }
                wrong = true;
            });
        }
        wg.wait();
    });
    CHECK(handlers == static_cast<int>(test::worker_counts().size()) * 2 * (rounds / 3 + 1));
    CHECK_FALSE(wrong);
}

TEST_CASE("goexit works from deep within, inside a handler and inside blocking", "[go][goexit]") {
    struct deep {
        static int down(int n) {
            volatile char frame[64];
            frame[0] = 0;
            if (n > 0) return down(n - 1) + frame[0];
            if (runnel::in_goroutine()) runnel::goexit();
            return 0;
        }
    };
    test::on_workers([] {
        runnel::wait_group wg;
        std::atomic<int> alive{3};
        wg.go([&] {
            const counts_down c{&alive};
            deep::down(200);
        });
        wg.go([&] {
            const counts_down c{&alive};
            try {
                throw std::runtime_error("being handled");
            } catch (const std::runtime_error&) {
                runnel::goexit();
            }
        });
        wg.go([&] {
            const counts_down c{&alive};
            runnel::blocking([] { runnel::goexit(); });
        });
        wg.wait();
        while (alive != 0) runnel::yield();
        while (runnel::num_goroutine() != 1) runnel::yield();
    });
    CHECK(runnel::num_goroutine() == 0);
}

TEST_CASE("goexit outside a goroutine is a panic", "[go][goexit]") {
    CHECK_THROWS_AS(runnel::goexit(), runnel::panic);
    CHECK_THROWS_WITH(runnel::goexit(), "goexit outside a goroutine");
}

CHILD_SCENARIO(goexit_swallowed) {
    return runnel::run([] {
        runnel::go([] {
            try {
                runnel::goexit();
            } catch (...) {
            }
        });
        make_chan<int>().recv();
        return 0;
    });
}
TEST_CASE("a goexit that is swallowed ends the program with a report", "[go][goexit]") {
    const auto r = test::run_scenario("goexit_swallowed");
    CHECK(r.status == 128 + SIGABRT);
    CHECK(r.err == "runnel: fatal: goexit was swallowed by a catch (...) that does not rethrow\n");
}

// ---- 6. panics ----

void throws_with(const std::string& what) { throw std::runtime_error(what); }

#define PANIC_SCENARIO(name, ...)              \
    CHILD_SCENARIO(name) {                     \
        runnel::run([] {                       \
            runnel::go([]() { __VA_ARGS__; }); \
            make_chan<int>().recv_for(1h);     \
        });                                    \
        return 0;                              \
    }                                          \
    static_assert(true)

PANIC_SCENARIO(panic_of_std, throw std::runtime_error("disk on fire"));
PANIC_SCENARIO(panic_of_runnel, make_chan<int>().close(); chan<int>().close());
PANIC_SCENARIO(panic_of_text, throw "just words");
PANIC_SCENARIO(panic_of_string, throw std::string("words of its own"));
PANIC_SCENARIO(panic_of_int, throw 5);
PANIC_SCENARIO(goexit_in_noexcept, []() noexcept { runnel::goexit(); }());
PANIC_SCENARIO(panic_after_parking, runnel::sleep_for(1ms); runnel::yield();
               throw std::runtime_error("later"));
PANIC_SCENARIO(panic_in_blocking,
               runnel::blocking([] { throw std::runtime_error("in a system call"); }));
PANIC_SCENARIO(panic_in_noexcept, []() noexcept { throws_with("too far"); }());
PANIC_SCENARIO(panic_of_long_text, throw std::runtime_error(std::string(5000, 'x')));
PANIC_SCENARIO(terminate_called, std::terminate());

// [C-177]
TEST_CASE("an exception that leaves a goroutine is reported and ends the program",
          "[go][panic][C-177]") {
    const std::pair<const char*, std::string> cases[] = {
        {"panic_of_std", "disk on fire"},
        {"panic_of_runnel", "close of nil channel"},
        {"panic_of_text", "just words"},
        {"panic_of_int", "int"},
        {"panic_after_parking", "later"},
        {"panic_in_blocking", "in a system call"},
        {"panic_in_noexcept", "too far"},
        {"panic_of_long_text", std::string(5000, 'x')},
        {"terminate_called", "terminate called"},
        {"panic_of_string", "words of its own"},
        {"goexit_in_noexcept", "goexit called below a noexcept function"},
    };
    for (const auto& [scenario, what] : cases) {
        INFO(scenario);
        const auto r = test::run_scenario(scenario);
        INFO("stderr: " << r.err);
        CHECK(r.status == 128 + SIGABRT);
        const std::string head = "runnel: panic: " + what + " [goroutine 2, created at ";
        CHECK(starts_with(r.err, head));
        const std::string rest = r.err.substr(std::min(head.size(), r.err.size()));
        const std::string place = rest.substr(0, rest.find('\n'));
        CHECK(test::contains(place, "go_test.cpp:"));
        CHECK(place.back() == ']');
    }
}

CHILD_SCENARIO(panic_of_go_with_arguments) {
    runnel::run([] {
        runnel::go(throws_with, std::string("by argument"));
        make_chan<int>().recv_for(1h);
    });
    return 0;
}
TEST_CASE("the place of go(f, args…) is a code address in this program", "[go][panic]") {
    const auto r = test::run_scenario("panic_of_go_with_arguments");
    CHECK(r.status == 128 + SIGABRT);
    CHECK(starts_with(r.err, "runnel: panic: by argument [goroutine 2, created at "));
    CHECK(test::contains(r.err, "go_test+0x"));
}

// [C-181]
struct cannot_be_printed : std::exception {
    const char* what() const noexcept override {
        helper();
        return "";
    }
    static void helper() { throw std::runtime_error("inner"); }
};
CHILD_SCENARIO(what_fails) {
    runnel::go([] { throw cannot_be_printed(); });
    make_chan<int>().recv_for(1h);
    return 0;
}
struct has_no_what : std::exception {
    const char* what() const noexcept override { return nullptr; }
};
CHILD_SCENARIO(what_is_null) {
    runnel::go([] { throw has_no_what(); });
    make_chan<int>().recv_for(1h);
    return 0;
}
TEST_CASE("an exception that cannot be printed is reported all the same", "[go][panic][C-181]") {
    auto r = test::run_scenario("what_fails");
    CHECK(r.status == 128 + SIGABRT);
    CHECK(starts_with(r.err,
                      "runnel: panic: what() of the exception failed [goroutine 1, created at "));
    // The standard library's own report, which comes after ours, does not survive this one.
    r = test::run_scenario("what_is_null");
    CHECK(r.status != 0);
    CHECK(starts_with(r.err, "runnel: panic:  [goroutine 1, created at "));
}

// [C-182]
CHILD_SCENARIO(what_yields) {
    struct yields : std::exception {
        const char* what() const noexcept override {
            for (int i = 0; i < 100; ++i) runnel::yield();
            runnel::sleep_for(5ms);
            return "printed in the end";
        }
    };
    runnel::run([] {
        for (int i = 0; i < 3; ++i) {
            runnel::go([] {
                for (;;) runnel::yield();
            });
        }
        runnel::go([] { throw yields(); });
        make_chan<int>().recv_for(1h);
    });
    return 0;
}
TEST_CASE("what() may yield and sleep", "[go][panic][C-182]") {
    const auto r = test::run_scenario("what_yields");
    CHECK(r.status == 128 + SIGABRT);
    CHECK(starts_with(r.err, "runnel: panic: printed in the end [goroutine "));
}

// [C-179]
CHILD_SCENARIO(many_panic_while_main_returns) {
    runnel::set_max_procs(4);
    return runnel::run([] {
        for (int i = 0; i < 20; ++i) {
            runnel::go([] { throw std::runtime_error("one of many"); });
        }
        runnel::yield();
        return 0;
    });
}
TEST_CASE("of many panics at once one is reported whole, though main returns",
          "[go][panic][C-179]") {
    int reported = 0;
    for (int i = 0; i < 10; ++i) {
        const auto r = test::run_scenario("many_panic_while_main_returns");
        INFO("stderr: " << r.err);
        // Main may return before any of them has run.
        if (r.status == 0) {
            CHECK(r.err.empty());
            continue;
        }
        ++reported;
        CHECK(r.status == 128 + SIGABRT);
        CHECK(starts_with(r.err, "runnel: panic: one of many [goroutine "));
        const auto first = r.err.find("runnel: panic:");
        CHECK(r.err.find("runnel: panic:", first + 1) == std::string::npos);
    }
    CHECK(reported > 0);
}

// [C-174]
CHILD_SCENARIO(panic_during_goexit) {
    runnel::go([] {
        struct throws_out {
            ~throws_out() noexcept(false) {
                if (std::uncaught_exceptions() > 0) throw std::runtime_error("while leaving");
            }
        } t;
        runnel::goexit();
    });
    make_chan<int>().recv_for(1h);
    return 0;
}
TEST_CASE("an exception that escapes while a goexit unwinds ends the program",
          "[go][panic][C-174]") {
    const auto r = test::run_scenario("panic_during_goexit");
    CHECK(r.status == 128 + SIGABRT);
    CHECK(test::contains(r.err, "runnel: panic: "));
    CHECK(test::contains(r.err, "[goroutine 1, created at "));
}

}  // namespace
