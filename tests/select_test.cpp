// tests/select_test.cpp — select: cases, handlers, sets known at run time.
// SPDX-License-Identifier: BSL-1.0
#include <any>
#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <runnel/context.hpp>
#include <runnel/go.hpp>
#include <runnel/select.hpp>
#include <runnel/time.hpp>

#include "conformance/chan_helpers.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

using namespace std::chrono_literals;
using runnel::make_chan;

TEST_CASE("a receive case takes each form of handler", "[select]") {
    auto c = make_chan<int>(8);
    std::string seen;
    for (int i = 1; i <= 6; ++i) c.send(i);
    REQUIRE(runnel::select(runnel::recv(
                c, [&](std::optional<int> v) { (seen += "o") += std::to_string(*v); })) == 0);
    runnel::select(
        runnel::recv(c, [&](int v, bool ok) { (seen += ok ? "b" : "x") += std::to_string(v); }));
    runnel::select(runnel::recv(c, [&](int v) { (seen += "v") += std::to_string(v); }));
    runnel::select(runnel::recv(c, [&] { seen += "n"; }));
    std::optional<int> out;
    runnel::select(runnel::recv(c, out));
    (seen += "r") += std::to_string(*out);
    runnel::select(runnel::recv(c));
    REQUIRE(seen == "o1b2v3nr5");
    REQUIRE(c.len() == 0);
    c.close();
    seen.clear();
    runnel::select(runnel::recv(c, [&](std::optional<int> v) { seen += v ? "x" : "o"; }));
    runnel::select(runnel::recv(
        c, [&](int v, bool ok) { (seen += ok ? "x" : "b") += ok ? "" : std::to_string(v); }));
    runnel::select(runnel::recv(c, [&](int v) { (seen += "v") += std::to_string(v); }));
    runnel::select(runnel::recv(c, out));
    REQUIRE(seen == "ob0v0");
    REQUIRE_FALSE(out);
}

TEST_CASE("a send case moves its value only if it runs", "[select][C-10]") {
    auto c = make_chan<std::unique_ptr<int>>(1);
    auto d = make_chan<int>(1);
    d.send(1);
    auto p = std::make_unique<int>(7);
    c.send(nullptr);
    REQUIRE(runnel::select(runnel::send(c, std::move(p)), runnel::recv(d)) == 1);
    REQUIRE(p != nullptr);
    REQUIRE(runnel::select(runnel::send(c, std::move(p)), runnel::otherwise()) == 1);
    REQUIRE(p != nullptr);
    c.recv();
    bool handled = false;
    REQUIRE(runnel::select(runnel::send(c, std::move(p), [&] { handled = true; })) == 0);
    REQUIRE(p == nullptr);
    REQUIRE(handled);
    REQUIRE(**c.recv() == 7);
    auto strings = make_chan<std::string>(1);
    REQUIRE(runnel::select(runnel::send(strings, "literal")) == 0);
    REQUIRE(*strings.recv() == "literal");
}

TEST_CASE("a handler runs with no lock held: it may use the same channels and select again",
          "[select]") {
    auto c = make_chan<int>(2);
    c.send(1);
    int inner = 0;
    runnel::select(runnel::recv(c, [&](int v) {
        c.send(v + 1);
        runnel::select(runnel::recv(c, [&](int w) {
            inner = w;
            c.close();
        }));
    }));
    REQUIRE(inner == 2);
    REQUIRE_THROWS_AS(c.send(1), runnel::closed_channel);
}

TEST_CASE("a handler's exception propagates and leaves the channels usable", "[select]") {
    auto c = make_chan<int>(1);
    c.send(1);
    const auto failing = [&] {
        runnel::select(runnel::recv(c, [](int) { throw std::runtime_error("handler"); }));
    };
    REQUIRE_THROWS_WITH(failing(), "handler");
    REQUIRE(c.len() == 0);
    c.send(2);
    REQUIRE(*c.recv() == 2);
}

TEST_CASE("otherwise runs when nothing else can, timeout when nothing could in time", "[select]") {
    auto c = make_chan<int>();
    bool ran = false;
    REQUIRE(runnel::select(runnel::recv(c), runnel::otherwise([&] { ran = true; })) == 1);
    REQUIRE(ran);
    REQUIRE(runnel::select(runnel::otherwise()) == 0);
    test::expectations expect;
    test::on_workers([&] {
        const auto began = runnel::clock::now();
        bool struck = false;
        const auto i = runnel::select(runnel::recv(c), runnel::timeout(1h),
                                      runnel::timeout(2ms, [&] { struck = true; }));
        expect.check_eq(i, 2U, "the earlier timeout strikes");
        expect.check(struck, "its handler runs");
        expect.check(runnel::clock::now() - began >= 2ms, "not early");
        expect.check_eq(runnel::select(runnel::timeout(0ms)), 0U, "zero strikes at once");
        expect.check_eq(runnel::select(runnel::recv(c), runnel::timeout(-1s)), 1U, "negative, too");
    });
    expect.verify();
}

TEST_CASE("a context's case runs when the context is done", "[select][context]") {
    test::expectations expect;
    test::on_workers([&] {
        auto c = make_chan<int>();
        auto ctx = runnel::with_cancel(runnel::background());
        runnel::go([&ctx] { ctx.cancel(); });
        bool ran = false;
        const auto i = runnel::select(runnel::recv(c), runnel::done(ctx, [&] { ran = true; }));
        expect.check(i == 1 && ran, "done");
        expect.check_eq(runnel::select(runnel::done(runnel::background()), runnel::otherwise()), 1U,
                        "background is never done");
    });
    expect.verify();
}

TEST_CASE("in order, the first ready case goes", "[select]") {
    auto a = make_chan<int>(100);
    auto b = make_chan<int>(100);
    for (int i = 0; i < 100; ++i) {
        a.send(i);
        b.send(i);
    }
    for (int i = 0; i < 50; ++i) {
        REQUIRE(runnel::select(runnel::in_order, runnel::recv(a), runnel::recv(b)) == 0);
    }
    std::vector<runnel::select_case> cases;
    cases.push_back(runnel::recv(b));
    cases.push_back(runnel::recv(a));
    for (int i = 0; i < 50; ++i) REQUIRE(runnel::select(runnel::in_order, cases) == 0);
}

TEST_CASE("a set known at run time owns its handlers and values, and may be used again",
          "[select][dynamic]") {
    std::vector<runnel::chan<int>> channels;
    std::vector<runnel::select_case> cases;
    std::vector<int> got(16, 0);
    for (std::size_t i = 0; i < got.size(); ++i) {
        channels.push_back(make_chan<int>(1));
        cases.push_back(runnel::recv(channels[i], [&got, i](int v) { got[i] += v; }));
    }
    auto sink = make_chan<std::unique_ptr<int>>(1);
    cases.push_back(runnel::send(sink, std::make_unique<int>(9)));
    REQUIRE(runnel::select(cases) == got.size());
    REQUIRE(**sink.recv() == 9);
    cases.pop_back();
    for (int round = 0; round < 3; ++round) {
        for (std::size_t i = 0; i < got.size(); ++i) {
            channels[i].send(1);
            REQUIRE(runnel::select(cases) == i);
        }
    }
    for (const int n : got) REQUIRE(n == 3);
    cases.push_back(runnel::otherwise());
    REQUIRE(runnel::select(cases) == got.size());
    cases.back() = runnel::timeout(1ms);
    REQUIRE(runnel::select(cases) == got.size());
}

TEST_CASE("65536 cases work", "[select][dynamic][C-85]") {
    test::expectations expect;
    const int n = test::under_sanitizer ? 4096 : 65536;
    test::on_workers([&] {
        std::vector<runnel::chan<int>> channels;
        std::vector<runnel::select_case> cases;
        for (int i = 0; i < n; ++i) {
            channels.push_back(make_chan<int>());
            cases.push_back(runnel::recv(channels.back()));
        }
        const auto at = static_cast<std::size_t>(n / 3);
        runnel::go([c = channels[at]] {
            test::wait_parked(1, "select");
            c.send(1);
        });
        expect.check_eq(runnel::select(cases), at, "the one that was sent to");
        for (const auto& c : channels) {
            if (c.try_send(1) != runnel::op_status::would_block) {
                expect.check(false, "a waiter was left behind");
            }
        }
    });
    expect.verify();
}

TEST_CASE("select on a channel closed with an error throws it", "[select][close]") {
    auto c = make_chan<int>();
    c.close(std::make_exception_ptr(std::runtime_error("broken")));
    REQUIRE_THROWS_WITH(runnel::select(runnel::recv(c)), "broken");
    REQUIRE_THROWS_WITH(runnel::select(runnel::recv(c), runnel::otherwise()), "broken");
}

TEST_CASE("threads select like goroutines do", "[select][threads]") {
    auto a = make_chan<int>();
    auto b = make_chan<int>();
    const int n = test::scale(3000);
    std::thread sender([&] {
        for (int i = 0; i < n; ++i) runnel::select(runnel::send(a, 1), runnel::send(b, 1));
    });
    runnel::go([=] {
        for (int i = 0; i < n; ++i) runnel::select(runnel::send(a, 1), runnel::send(b, 1));
    });
    auto half = runnel::async([=] {
        int sum = 0;
        for (int i = 0; i < n; ++i) {
            runnel::select(runnel::recv(a, [&](int v) { sum += v; }),
                           runnel::recv(b, [&](int v) { sum += v; }));
        }
        return sum;
    });
    int sum = 0;
    for (int i = 0; i < n; ++i) {
        runnel::select(runnel::recv(a, [&](int v) { sum += v; }),
                       runnel::recv(b, [&](int v) { sum += v; }), runnel::timeout(1h));
    }
    sender.join();
    REQUIRE(sum == n);
    REQUIRE(half.get() == n);
    REQUIRE(runnel::select(runnel::recv(a), runnel::timeout(1ms)) == 1);
}

TEST_CASE("a throwing move in a select reaches its own side", "[select]") {
    using value = test::throws_on_move;
    test::expectations expect;
    test::on_workers([&] {
        auto c = make_chan<value>();
        auto other = make_chan<int>();
        auto got = runnel::async([=] {
            int v = 0;
            runnel::select(runnel::recv(c,
                                        [&](value x) {
                                            value::disarm();
                                            v = x.value;
                                        }),
                           runnel::recv(other));
            return v;
        });
        expect.check(test::wait_parked(1, "select"), "parks");
        value v(1);
        value::arm(1);
        bool threw = false;
        try {
            c.send(std::move(v));
        } catch (const test::move_failed&) {
            threw = true;
        }
        value::disarm();
        expect.check(threw, "the sender throws");
        c.send(value(5));
        expect.check_eq(got.get(), 5, "the select went on waiting");
    });
    expect.verify();
}

// ---- handlers ----

TEST_CASE("a handler may take its value in any way that C++ passes arguments",
          "[select][handler]") {
    const auto ch = make_chan<std::unique_ptr<int>>(1);
    int sum = 0;
    const auto next = [&](int v) { ch.send(std::make_unique<int>(v)); };
    next(1);
    runnel::select(runnel::recv(ch, [&](std::unique_ptr<int> p) { sum += *p; }));
    next(2);
    runnel::select(runnel::recv(ch, [&](std::unique_ptr<int>&& p) { sum += *p; }));
    next(4);
    runnel::select(runnel::recv(ch, [&](const std::unique_ptr<int>& p) { sum += *p; }));
    next(8);
    runnel::select(runnel::recv(ch, [&](std::optional<std::unique_ptr<int>> p) { sum += **p; }));
    next(16);
    runnel::select(runnel::recv(ch, [&](std::optional<std::unique_ptr<int>>&& p) { sum += **p; }));
    next(32);
    runnel::select(
        runnel::recv(ch, [&](const std::optional<std::unique_ptr<int>>& p) { sum += **p; }));
    next(64);
    runnel::select(runnel::recv(ch, [&](std::unique_ptr<int> p, bool ok) { sum += ok ? *p : 0; }));
    next(128);
    // Where several forms would do, the optional comes first.
    runnel::select(runnel::recv(ch, [&](auto p) {
        static_assert(std::is_same_v<decltype(p), std::optional<std::unique_ptr<int>>>);
        sum += **p;
    }));
    next(256);
    std::shared_ptr<int> shared;
    runnel::select(runnel::recv(ch, [&](std::shared_ptr<int> p) { shared = std::move(p); }));
    sum += *shared;
    CHECK(sum == 511);
}

namespace {

int heard_by_function = 0;
void hear(int v) { heard_by_function += v; }

}  // namespace

TEST_CASE("a handler may be anything that can be called", "[select][handler]") {
    const auto ch = make_chan<int>(1);
    const auto out = make_chan<int>(1);
    ch.send(1);
    runnel::select(runnel::recv(ch, hear));
    ch.send(2);
    runnel::select(runnel::recv(ch, &hear));
    CHECK(heard_by_function == 3);

    ch.send(3);
    std::function<void(int)> f = hear;
    runnel::select(runnel::recv(ch, f));
    CHECK(heard_by_function == 6);

    ch.send(4);
    runnel::select(runnel::recv(ch, std::ref(f)));
    CHECK(heard_by_function == 10);

    ch.send(5);
    int calls = 0;
    runnel::select(runnel::recv(ch, [calls, &heard = heard_by_function](int v) mutable {
        ++calls;
        heard += v + calls;
    }));
    CHECK(heard_by_function == 16);

    // Only movable, and one whose result nobody wants.
    ch.send(6);
    auto owned = std::make_unique<int>(100);
    runnel::select(runnel::recv(ch, [p = std::move(owned)](int v) { return *p += v; }),
                   runnel::send(runnel::chan<int>{}, 1, [q = std::make_unique<int>(1)] {}));

    std::vector<runnel::select_case> cases;
    auto counter = std::make_unique<int>(0);
    int* count = counter.get();
    cases.push_back(runnel::send(out, 7, [c = std::move(counter)] { ++*c; }));
    cases.push_back(runnel::timeout(1h, [q = std::make_unique<int>(1)] {}));
    CHECK(runnel::select(cases) == 0);
    CHECK(*count == 1);
    CHECK(out.recv() == 7);
}

TEST_CASE("values that cannot be made by default have three forms of handler",
          "[select][handler]") {
    const auto ch = make_chan<test::move_only>(1);
    int sum = 0;
    ch.send(test::move_only(1));
    runnel::select(runnel::recv(ch, [&](std::optional<test::move_only> v) { sum += v->value; }));
    ch.send(test::move_only(2));
    std::optional<test::move_only> out;
    runnel::select(runnel::recv(ch, out));
    sum += out->value;
    ch.send(test::move_only(4));
    runnel::select(runnel::recv(ch, [&] { sum += 4; }));
    CHECK(sum == 7);
    CHECK(ch.len() == 0);
    ch.close();
    runnel::select(runnel::recv(ch, [&](std::optional<test::move_only> v) { sum += v ? 0 : 8; }));
    runnel::select(runnel::recv(ch, out));
    CHECK(sum == 15);
    CHECK_FALSE(out);
}

TEST_CASE("an element that is itself an optional is told from a closed channel",
          "[select][handler]") {
    const auto ch = make_chan<std::optional<int>>(2);
    ch.send(std::nullopt);
    ch.send(5);
    std::string seen;
    const auto tell = [&](std::optional<std::optional<int>> v) {
        seen += !v ? "closed " : !*v ? "empty " : std::to_string(**v) + " ";
    };
    runnel::select(runnel::recv(ch, tell));
    runnel::select(runnel::recv(ch, tell));
    ch.close();
    runnel::select(runnel::recv(ch, tell));
    CHECK(seen == "empty 5 closed ");
    std::optional<int> plain = 3;
    runnel::select(runnel::recv(ch, [&](std::optional<int> v) { plain = v; }));
    CHECK_FALSE(plain);
}

TEST_CASE("a handler of an element that takes anything gets the value, not an optional",
          "[select][handler]") {
    const auto ch = make_chan<std::any>(1);
    int sum = 0;
    const auto number = [](const std::any& v) {
        const int* n = std::any_cast<int>(&v);
        return n != nullptr ? *n : -1000;
    };
    ch.send(1);
    runnel::select(runnel::recv(ch, [&](std::any v) { sum += number(v); }));
    ch.send(2);
    runnel::select(runnel::recv(ch, [&](std::any&& v) { sum += number(v); }));
    ch.send(4);
    runnel::select(runnel::recv(ch, [&](const std::any& v) { sum += number(v); }));
    ch.send(8);
    runnel::select(runnel::recv(ch, [&](std::any v, bool ok) { sum += ok ? number(v) : -1000; }));
    // The other forms are what they are for any element.
    ch.send(16);
    runnel::select(runnel::recv(ch, [&](std::optional<std::any> v) { sum += number(*v); }));
    ch.send(32);
    runnel::select(runnel::recv(ch, [&](const std::optional<std::any>& v) { sum += number(*v); }));
    ch.send(64);
    runnel::select(runnel::recv(ch, [&](auto v) { sum += number(*v); }));
    CHECK(sum == 127);
    ch.close();
    bool empty = false;
    runnel::select(runnel::recv(ch, [&](std::any v) { empty = !v.has_value(); }));
    CHECK(empty);
}

TEST_CASE("only the chosen case's handler runs, and it runs once", "[select][handler]") {
    const auto ready = make_chan<int>(1);
    const auto full = make_chan<int>(1);
    const auto empty = make_chan<int>();
    full.send(0);
    for (std::size_t at = 0; at < 3; ++at) {
        ready.send(1);
        std::array<int, 6> ran{};
        std::vector<runnel::select_case> cases;
        cases.push_back(runnel::recv(empty, [&] { ++ran[0]; }));
        cases.push_back(runnel::send(full, 1, [&] { ++ran[1]; }));
        cases.insert(cases.begin() + static_cast<std::ptrdiff_t>(at),
                     runnel::recv(ready, [&] { ++ran[2]; }));
        cases.push_back(runnel::timeout(1h, [&] { ++ran[3]; }));
        cases.push_back(runnel::otherwise([&] { ++ran[4]; }));
        CHECK(runnel::select(cases) == at);
        CHECK(ran == std::array<int, 6>{0, 0, 1, 0, 0, 0});
    }
    CHECK(full.len() == 1);
}

TEST_CASE("a handler sees the select committed: it may send, receive, close and park",
          "[select][handler]") {
    test::expectations expect;
    test::on_workers([&] {
        const auto in = make_chan<int>();
        const auto out = make_chan<int>();
        test::crew crew;
        std::atomic<int> nested{0};
        crew.go([&] {
            runnel::select(runnel::recv(in,
                                        [&](int v) {
                                            out.send(v + 1);  // parks with the select's frame below
                                            nested = *in.recv();
                                            runnel::select(runnel::send(out, v + 2, [&] {
                                                runnel::select(runnel::recv(in), runnel::recv(out));
                                                out.close();
                                            }));
                                        }),
                           runnel::recv(out));
        });
        in.send(1);
        expect.check_eq(out.recv().value_or(0), 2, "sent by the handler");
        in.send(10);
        expect.check_eq(out.recv().value_or(0), 3, "sent by the select in the handler");
        in.send(11);
        expect.check(!out.recv(), "closed by the handler of the handler");
        crew.join();
        expect.check_eq(nested.load(), 10, "received by the handler");
    });
    expect.verify();
}

TEST_CASE("selects nest in handlers as deep as the stack", "[select][handler]") {
    test::expectations expect;
    test::on_workers([&] {
        const auto ch = make_chan<int>(1);
        int deepest = 0;
        const std::function<void(int)> down = [&](int n) {
            deepest = n;
            if (n == 100) return;
            ch.send(n + 1);
            runnel::select(runnel::recv(ch, down), runnel::timeout(1h));
        };
        down(0);
        expect.check_eq(deepest, 100, "selects in selects");
    });
    expect.verify();
}

TEST_CASE("an exception of any handler propagates after the select has committed",
          "[select][handler]") {
    struct failure {};
    const auto a = make_chan<int>(1);
    const auto fail = [] { throw failure{}; };
    a.send(1);
    CHECK_THROWS_AS(runnel::select(runnel::recv(a, fail)), failure);
    CHECK(a.len() == 0);
    CHECK_THROWS_AS(runnel::select(runnel::send(a, 5, fail)), failure);
    CHECK(a.recv() == 5);
    CHECK_THROWS_AS(runnel::select(runnel::recv(a), runnel::otherwise(fail)), failure);
    CHECK_THROWS_AS(runnel::select(runnel::recv(a), runnel::timeout(1ms, fail)), failure);
    std::vector<runnel::select_case> cases;
    cases.push_back(runnel::send(a, 6, fail));
    CHECK_THROWS_AS(runnel::select(cases), failure);
    CHECK(a.recv() == 6);
    a.send(7);
    CHECK(runnel::select(runnel::recv(a), runnel::otherwise(fail)) == 0);

    test::expectations expect;
    test::on_workers([&] {
        const auto ch = make_chan<int>();
        std::atomic<bool> caught{false};
        test::crew crew;
        expect.check(test::start_blocked(crew, test::place::goroutine,
                                         [&] {
                                             caught = test::throws<failure>([&] {
                                                 runnel::select(runnel::recv(ch, fail),
                                                                runnel::timeout(1h));
                                             });
                                         }),
                     "parked");
        ch.send(1);
        crew.join();
        expect.check(caught, "thrown to the one that was parked");
    });
    expect.verify();
}

// ---- values to send ----

TEST_CASE("the value of a send is evaluated once and converted once",
          "[select][send][C-75][C-77]") {
    const auto ch = make_chan<std::string>(1);
    int evaluated = 0;
    const auto text = [&] {
        ++evaluated;
        return "text";
    };
    CHECK(runnel::select(runnel::send(ch, text())) == 0);
    CHECK(evaluated == 1);
    CHECK(runnel::select(runnel::send(ch, text()), runnel::otherwise()) == 1);
    CHECK(evaluated == 2);
    CHECK(ch.recv() == "text");

    std::string kept = "kept";
    const std::string fixed = "fixed";
    CHECK(runnel::select(runnel::send(ch, kept)) == 0);
    CHECK(kept == "kept");
    CHECK(ch.recv() == "kept");
    CHECK(runnel::select(runnel::send(ch, fixed)) == 0);
    CHECK(ch.recv() == "fixed");

    // A fault while the operands are evaluated: nothing is sent, nothing is received.
    const auto other = make_chan<int>(1);
    other.send(1);
    struct failure {};
    const auto fail = []() -> std::string { throw failure{}; };
    CHECK_THROWS_AS(runnel::select(runnel::recv(other), runnel::send(ch, fail())), failure);
    CHECK(ch.len() == 0);
    CHECK(other.len() == 1);
}

TEST_CASE("values that are not sent are destroyed once, by their owner",
          "[select][send][dynamic]") {
    const long before = test::counted::live();
    {
        const auto full = make_chan<test::counted>(1);
        const auto room = make_chan<test::counted>(1);
        full.send(test::counted(1));
        std::vector<runnel::select_case> cases;
        for (int i = 0; i < 10; ++i) cases.push_back(runnel::send(full, test::counted(i)));
        cases.push_back(runnel::send(room, test::counted(10)));
        CHECK(test::counted::live() == before + 12);
        CHECK(runnel::select(cases) == 10);
        CHECK(room.recv()->value == 10);
        cases.clear();
        CHECK(test::counted::live() == before + 1);
        CHECK(runnel::select(runnel::send(full, test::counted(2)), runnel::timeout(1ms)) == 1);
        CHECK(test::counted::live() == before + 1);
    }
    CHECK(test::counted::live() == before);
}

TEST_CASE("values move no more often than their way needs", "[select][send][handler]") {
    using test::counted;
    const auto ch = make_chan<counted>(1);
    const auto moves_of = [](auto f) {
        const long before = counted::moves();
        f();
        return counted::moves() - before;
    };
    const auto moves_to = [&](auto handler) {
        ch.send(counted(1));
        return moves_of([&] { runnel::select(runnel::recv(ch, handler)); });
    };
    // Out of the buffer, and into a parameter that is no reference.
    CHECK(moves_to([](std::optional<counted>&&) {}) == 1);
    CHECK(moves_to([](counted&&) {}) == 1);
    CHECK(moves_to([](const counted&, bool) {}) == 1);
    CHECK(moves_to([](std::optional<counted>) {}) == 2);
    CHECK(moves_to([](counted) {}) == 2);
    CHECK(moves_to([](counted, bool) {}) == 2);

    // Into the buffer; before that into a case that owns its value.
    CHECK(moves_of([&] { runnel::select(runnel::send(ch, counted(1))); }) == 1);
    ch.recv();
    std::vector<runnel::select_case> cases;
    CHECK(moves_of([&] { cases.push_back(runnel::send(ch, counted(1))); }) == 1);
    CHECK(moves_of([&] { runnel::select(cases); }) == 1);
    CHECK(ch.recv()->value == 1);
}

TEST_CASE("a parked send case that loses keeps its value", "[select][send]") {
    test::expectations expect;
    test::on_workers([&] {
        for (test::place where : test::places) {
            const std::string name = test::name_of(where);
            const auto out = make_chan<std::unique_ptr<int>>();
            const auto in = make_chan<int>();
            auto p = std::make_unique<int>(3);
            std::atomic<std::size_t> chosen{9};
            test::crew crew;
            expect.check(test::start_blocked(crew, where,
                                             [&] {
                                                 chosen = runnel::select(
                                                     runnel::send(out, std::move(p)),
                                                     runnel::recv(in), runnel::timeout(1h));
                                             }),
                         name + ": blocked");
            in.send(1);
            crew.join();
            expect.check_eq(chosen.load(), 1, name + ": the receive was chosen");
            expect.check(p && *p == 3, name + ": the value was not moved");
            expect.check(out.try_recv().status() == runnel::op_status::would_block,
                         name + ": nobody waits on the other channel any more");

            expect.check(test::start_blocked(crew, where,
                                             [&] {
                                                 chosen = runnel::select(
                                                     runnel::send(out, std::move(p)),
                                                     runnel::recv(in), runnel::timeout(1h));
                                             }),
                         name + ": blocked again");
            expect.check_eq(**out.recv(), 3, name + ": the value arrives");
            crew.join();
            expect.check(chosen == 0 && !p, name + ": the send was chosen");
        }
    });
    expect.verify();
}

// ---- time ----

TEST_CASE("a timeout is not early, and a ready case goes before a timeout of nothing",
          "[select][timeout]") {
    test::expectations expect;
    const auto ready = make_chan<int>(1);
    const auto check = [&](const std::string& name) {
        const auto never = make_chan<int>();
        const auto start = runnel::clock::now();
        expect.check_eq(runnel::select(runnel::recv(never), runnel::timeout(20ms)), 1,
                        name + ": the timeout strikes");
        expect.check(runnel::clock::now() - start >= 20ms, name + ": not early");
        for (int i = 0; i < 50; ++i) {
            ready.send(1);
            expect.check_eq(runnel::select(runnel::timeout(0ms), runnel::recv(ready)), 1,
                            name + ": the ready one goes");
            ready.send(1);
            expect.check_eq(runnel::select(runnel::timeout(-1h), runnel::recv(ready)), 1,
                            name + ": the ready one goes");
        }
        expect.check_eq(runnel::select(runnel::timeout(1h), runnel::otherwise()), 1,
                        name + ": otherwise waits for nothing");
        expect.check_eq(runnel::select(runnel::otherwise(), runnel::timeout(0ms)), 0,
                        name + ": otherwise comes before a timeout of nothing");
        expect.check_eq(runnel::select(runnel::send(never, 1), runnel::send(runnel::chan<int>{}, 1),
                                       runnel::timeout(runnel::clock::now() + 1ms)),
                        2, name + ": a point in time");
    };
    check("thread");
    test::on_workers([&] { check("goroutine"); });
    expect.verify();
}

TEST_CASE("a timeout that is kept counts from the start of each select",
          "[select][timeout][dynamic]") {
    const auto never = make_chan<int>();
    std::vector<runnel::select_case> cases;
    cases.push_back(runnel::recv(never));
    cases.push_back(runnel::timeout(20ms));
    auto kept = runnel::timeout(20ms);
    const auto point = runnel::clock::now() + 20ms;
    auto fixed = runnel::timeout(point);
    for (int round = 0; round < 3; ++round) {
        auto start = runnel::clock::now();
        CHECK(runnel::select(cases) == 1);
        CHECK(runnel::clock::now() - start >= 20ms);
        start = runnel::clock::now();
        CHECK(runnel::select(kept, runnel::recv(never)) == 0);
        CHECK(runnel::clock::now() - start >= 20ms);
        // A point in time passes once.
        CHECK(runnel::select(fixed, runnel::timeout(10s)) == 0);
        CHECK(runnel::clock::now() >= point);
    }
}

TEST_CASE("the longest timeout never strikes", "[select][timeout]") {
    test::expectations expect;
    test::on_workers([&] {
        for (test::place where : test::places) {
            const auto ch = make_chan<int>();
            std::atomic<std::size_t> chosen{9};
            test::crew crew;
            expect.check(
                test::start_blocked(crew, where,
                                    [&] {
                                        chosen = runnel::select(
                                            runnel::timeout(std::chrono::hours::max()),
                                            runnel::timeout(runnel::clock::duration::max()),
                                            runnel::timeout(runnel::clock::time_point::max()),
                                            runnel::recv(ch));
                                    }),
                "blocked");
            ch.send(1);
            crew.join();
            expect.check_eq(chosen.load(), 3, "the value comes first");
        }
    });
    expect.verify();
}

TEST_CASE("a select of timeouts alone sleeps, with others and without", "[select][timeout]") {
    // Nothing but the deadline can end it: whoever lets it go must not look back at its frame.
    test::expectations expect;
    test::on_workers([&] {
        test::crew crew;
        std::atomic<int> struck{0};
        const int rounds = test::scale(200) + 5;
        for (int g = 0; g < 20; ++g) {
            crew.go([&] {
                for (int i = 0; i < rounds; ++i) {
                    if (runnel::select(runnel::timeout(1us), runnel::recv(runnel::chan<int>{}),
                                       runnel::timeout(1h)) == 0) {
                        ++struck;
                    }
                    std::vector<runnel::select_case> cases;
                    cases.push_back(runnel::timeout(1us, [&] { ++struck; }));
                    runnel::select(cases);
                }
            });
        }
        crew.join();
        expect.check_eq(struck.load(), 40 * rounds, "each struck once");
    });
    expect.verify();
}

TEST_CASE("a value that comes just as the timeout strikes goes somewhere", "[select][timeout]") {
    test::expectations expect;
    test::on_workers([&] {
        const auto ch = make_chan<int>();
        const int rounds = test::scale(1000) + 20;
        test::crew crew;
        std::atomic<int> received{0};
        crew.go([&] {
            for (int got = 0; got < rounds;) {
                got += runnel::select(runnel::recv(ch), runnel::timeout(5us)) == 0 ? 1 : 0;
                received = got;
            }
        });
        int sent = 0;
        while (sent < rounds) {
            if (runnel::select(runnel::timeout(7us), runnel::send(ch, 1)) == 1) ++sent;
        }
        crew.join();
        expect.check_eq(received.load(), sent, "received as often as sent");
    });
    expect.verify();
}

// ---- choice ----

TEST_CASE("the choice is even over ready cases of every kind and place", "[select][choice]") {
    test::expectations expect;
    const int rounds = 10000;
    // What is ready, by place: r(eceive), s(end), c(losed), - (not ready), n(il).
    for (const std::string kinds :
         {"rs", "r--s", "--rr", "nrns", "cc--rs", "ssss", "rrrrrrrr", "r-------c", "-s-r-c-r"}) {
        const auto full = make_chan<int>(1);
        full.send(0);
        const auto shut = make_chan<int>();
        shut.close();
        const auto pool = make_chan<int>(2 * static_cast<std::size_t>(rounds));
        for (int i = 0; i < rounds; ++i) pool.send(i);
        std::vector<runnel::select_case> cases;
        int ready = 0;
        for (char kind : kinds) {
            if (kind == 'r') cases.push_back(runnel::recv(pool));
            if (kind == 's') cases.push_back(runnel::send(pool, 1));
            if (kind == 'c') cases.push_back(runnel::recv(shut));
            if (kind == '-') cases.push_back(runnel::send(full, 1));
            if (kind == 'n') cases.push_back(runnel::recv(runnel::chan<int>{}));
            ready += kind == 'r' || kind == 's' || kind == 'c' ? 1 : 0;
        }
        std::vector<int> count(kinds.size(), 0);
        for (int i = 0; i < rounds; ++i) ++count[runnel::select(cases)];
        for (std::size_t i = 0; i < kinds.size(); ++i) {
            const bool is_ready = kinds[i] != '-' && kinds[i] != 'n';
            const int even = is_ready ? rounds / ready : 0;
            expect.check(
                std::abs(count[i] - even) <= (is_ready ? test::eight_sigma(rounds, ready) : 0),
                kinds + ": case " + std::to_string(i) + " ran " + std::to_string(count[i]) +
                    " times");
        }
    }
    expect.verify();
}

TEST_CASE("in order, later cases go only if earlier ones cannot", "[select][choice]") {
    const auto a = make_chan<int>(1);
    const auto b = make_chan<int>(1);
    const auto shut = make_chan<int>();
    shut.close();
    for (int i = 0; i < 100; ++i) {
        CHECK(runnel::select(runnel::in_order, runnel::recv(a), runnel::send(b, i),
                             runnel::recv(shut)) == 1);
        CHECK(runnel::select(runnel::in_order, runnel::recv(a), runnel::send(b, i),
                             runnel::recv(shut)) == 2);
        a.send(i);
        CHECK(runnel::select(runnel::in_order, runnel::recv(a), runnel::recv(b),
                             runnel::recv(shut)) == 0);
        CHECK(runnel::select(runnel::in_order, runnel::otherwise(), runnel::recv(b)) == 1);
        CHECK(runnel::select(runnel::in_order, runnel::otherwise(), runnel::recv(b)) == 0);
        CHECK(runnel::select(runnel::in_order, runnel::timeout(1ms), runnel::recv(b)) == 0);
    }
    test::expectations expect;
    test::on_workers([&] {
        const auto c = make_chan<int>();
        std::atomic<std::size_t> chosen{9};
        test::crew crew;
        expect.check(test::start_blocked(crew, test::place::goroutine,
                                         [&] {
                                             std::vector<runnel::select_case> cases;
                                             cases.push_back(runnel::recv(runnel::chan<int>{}));
                                             cases.push_back(runnel::recv(c));
                                             cases.push_back(runnel::recv(c));
                                             chosen = runnel::select(runnel::in_order, cases);
                                         }),
                     "parked");
        c.send(1);
        crew.join();
        expect.check_eq(chosen.load(), 1, "the first of the two");
    });
    expect.verify();
}

// ---- parked ----

TEST_CASE("closing any of its channels ends a parked select with that case", "[select][close]") {
    test::expectations expect;
    test::on_workers([&] {
        for (test::place where : test::places) {
            for (std::size_t which = 0; which < 4; ++which) {
                const std::string name =
                    std::string(test::name_of(where)) + ", case " + std::to_string(which);
                const std::array<runnel::chan<int>, 4> c{make_chan<int>(), make_chan<int>(),
                                                         make_chan<int>(), make_chan<int>()};
                std::atomic<std::size_t> chosen{9};
                std::atomic<int> value{7};
                std::atomic<bool> refused{false};
                test::crew crew;
                expect.check(
                    test::start_blocked(
                        crew, where,
                        [&] {
                            try {
                                chosen = runnel::select(
                                    runnel::recv(c[0],
                                                 [&](int v, bool ok) { value = ok ? -1 : v; }),
                                    runnel::send(c[1], 1),
                                    runnel::recv(c[2],
                                                 [&](std::optional<int> v) { value = v ? -1 : 0; }),
                                    runnel::send(c[3], 1, [&] { value = -1; }));
                            } catch (const runnel::closed_channel&) {
                                refused = true;
                            }
                        }),
                    name + ": blocked");
                c[which].close();
                crew.join();
                if (which % 2 == 0) {
                    expect.check_eq(chosen.load(), which, name + ": chosen");
                    expect.check_eq(value.load(), 0, name + ": no value");
                } else {
                    expect.check(refused, name + ": a send throws");
                    expect.check_eq(value.load(), 7, name + ": no handler ran");
                }
                for (std::size_t i = 0; i < 4; ++i) {
                    if (i == which) continue;
                    const auto left = i % 2 == 0 ? c[i].try_send(1) : c[i].try_recv().status();
                    expect.check(left == runnel::op_status::would_block,
                                 name + ": nothing is left behind in " + std::to_string(i));
                }
            }
        }
    });
    expect.verify();
}

TEST_CASE("a select keeps its channels while it waits", "[select][life]") {
    test::expectations expect;
    const long before = test::counted::live();
    test::on_workers([&] {
        auto ch = make_chan<test::counted>();
        const runnel::send_chan<test::counted> sender = ch;
        auto only_here = make_chan<test::counted>(1);
        test::crew crew;
        std::atomic<int> got{0};
        expect.check(
            test::start_blocked(
                crew, test::place::goroutine,
                [&got, c = std::exchange(ch, {}), o = std::exchange(only_here, {})]() mutable {
                    std::vector<runnel::select_case> cases;
                    cases.push_back(runnel::recv(std::exchange(o, {})));
                    cases.push_back(runnel::recv(std::exchange(c, {}),
                                                 [&](test::counted v) { got = v.value; }));
                    runnel::select(cases);
                }),
            "parked");
        sender.send(test::counted(4));
        crew.join();
        expect.check_eq(got.load(), 4, "received");
    });
    expect.verify();
    CHECK(test::counted::live() == before);
}

TEST_CASE("a handler may let go of its channel; a case kept elsewhere has it still",
          "[select][life]") {
    const long before = test::counted::live();
    const auto one_buffered = [] {
        auto ch = make_chan<test::counted>(2);
        ch.send(test::counted(1));
        ch.send(test::counted(2));
        return ch;
    };
    // The only handle goes in the handler, with what is buffered.
    auto ch = one_buffered();
    int got = 0;
    REQUIRE(runnel::select(runnel::recv(ch, [&](test::counted v) {
                ch = nullptr;
                got = v.value;
            })) == 0);
    REQUIRE(got == 1);
    REQUIRE(test::counted::live() == before);
    // The handle is a temporary.
    REQUIRE(runnel::select(
                runnel::recv(one_buffered(), [&](test::counted v) { got = v.value + 10; })) == 0);
    REQUIRE(got == 11);
    REQUIRE(test::counted::live() == before);
    // The case has gone elsewhere: moved, copied, into a set.
    ch = one_buffered();
    auto made = runnel::recv(ch, [&](test::counted v) { got = v.value + 20; });
    auto copied = made;
    auto moved = std::move(made);
    std::vector<runnel::select_case> cases;
    cases.push_back(runnel::recv(ch, [&](test::counted v) { got = v.value + 30; }));
    ch = nullptr;
    REQUIRE(runnel::select(moved) == 0);
    REQUIRE(got == 21);
    REQUIRE(runnel::select(cases) == 0);
    REQUIRE(got == 32);
    REQUIRE(runnel::select(copied, runnel::otherwise([&] { got = 40; })) == 1);
    REQUIRE(got == 40);
}

TEST_CASE("one operation and an otherwise, in either order: the operation goes if it can",
          "[select][otherwise]") {
    auto ch = make_chan<int>(1);
    const runnel::chan<int> nil;
    std::string seen;
    std::optional<int> out;
    const auto other = [&] { return runnel::otherwise([&] { seen += 'o'; }); };
    // Nothing there, no room, no channel.
    REQUIRE(runnel::select(runnel::recv(ch, [&] { seen += 'r'; }), other()) == 1);
    REQUIRE(runnel::select(other(), runnel::recv(ch, out)) == 0);
    REQUIRE(runnel::select(other(), runnel::send(nil, 1, [&] { seen += 's'; })) == 0);
    REQUIRE(runnel::select(runnel::in_order, other(), runnel::recv(nil, [&] { seen += 'r'; })) ==
            0);
    REQUIRE(seen == "oooo");
    REQUIRE(!out);
    seen.clear();
    // A value and room.
    REQUIRE(runnel::select(other(), runnel::send(ch, 5, [&] { seen += 's'; })) == 1);
    REQUIRE(runnel::select(runnel::send(ch, 6, [&] { seen += 's'; }), other()) == 1);
    REQUIRE(runnel::select(runnel::in_order, runnel::recv(ch, out), other()) == 0);
    REQUIRE(out == 5);
    REQUIRE(seen == "so");
    seen.clear();
    // Closed.
    ch.close();
    REQUIRE(runnel::select(other(),
                           runnel::recv(ch, [&](int, bool ok) { seen += ok ? 'r' : 'c'; })) == 1);
    REQUIRE(seen == "c");
    REQUIRE_THROWS_AS(runnel::select(runnel::send(ch, 7), other()), runnel::closed_channel);
    REQUIRE(seen == "c");
}

TEST_CASE("a channel may stand in a select in both directions and several times", "[select]") {
    test::expectations expect;
    test::on_workers([&] {
        for (test::place where : test::places) {
            const auto ch = make_chan<int>();
            for (int round = 0; round < 20; ++round) {
                std::atomic<std::size_t> chosen{9};
                int got = 0;
                test::crew crew;
                expect.check(test::start_blocked(crew, where,
                                                 [&] {
                                                     chosen = runnel::select(
                                                         runnel::send(ch, 1), runnel::recv(ch),
                                                         runnel::send(ch, 2), runnel::recv(ch));
                                                 }),
                             "blocked: it does not serve itself");
                if (round % 2 == 0) {
                    got = ch.recv().value_or(0);
                } else {
                    ch.send(5);
                }
                crew.join();
                const std::size_t c = chosen;
                expect.check(round % 2 == 0 ? (c == 0 && got == 1) || (c == 2 && got == 2)
                                            : c == 1 || c == 3,
                             "the case and the value belong together");
                expect.check(ch.try_recv().status() == runnel::op_status::would_block &&
                                 ch.try_send(1) == runnel::op_status::would_block,
                             "nothing is left behind");
            }
        }
    });
    expect.verify();
}

TEST_CASE("cases of a run-time set may be moved, replaced and erased", "[select][dynamic]") {
    const auto a = make_chan<int>(1);
    const auto b = make_chan<int>(1);
    std::string seen;
    std::vector<runnel::select_case> cases;
    cases.push_back(runnel::recv(a, [&](int v) { (seen += "a") += std::to_string(v); }));
    cases.push_back(runnel::recv(b, [&](int v) { (seen += "b") += std::to_string(v); }));
    std::swap(cases[0], cases[1]);
    a.send(1);
    CHECK(runnel::select(cases) == 1);
    b.send(2);
    CHECK(runnel::select(cases) == 0);
    runnel::select_case kept = std::move(cases[1]);
    cases.erase(cases.begin() + 1);
    a.send(3);
    cases.push_back(runnel::otherwise([&] { seen += "o"; }));
    CHECK(runnel::select(cases) == 1);
    cases[1] = std::move(kept);
    CHECK(runnel::select(std::move(cases)) == 1);
    std::optional<int> out;
    cases.clear();
    cases.push_back(runnel::recv(b, out));
    cases.push_back(runnel::recv(runnel::recv_chan<int>(a)));
    b.send(4);
    CHECK(runnel::select(runnel::in_order, cases) == 0);
    CHECK(out == 4);
    CHECK(seen == "a1b2oa3");
}

TEST_CASE("a send that was copied into its case is sent each time", "[select][dynamic]") {
    const auto texts = make_chan<std::string>(3);
    const std::string text(40, 'x');
    std::vector<runnel::select_case> cases(2);  // of no channel
    cases[1] = runnel::send(texts, text);
    for (int i = 0; i < 3; ++i) CHECK(runnel::select(cases) == 1);
    CHECK(runnel::select(cases[0], cases[1], runnel::otherwise()) == 2);
    for (int i = 0; i < 3; ++i) CHECK(texts.recv() == text);
}

TEST_CASE("a send whose value has gone is not sent again", "[select][dynamic]") {
    const auto boxes = make_chan<std::unique_ptr<int>>(3);
    const auto texts = make_chan<std::string>(3);
    const std::string text(40, 'x');
    const auto closed = make_chan<int>();
    closed.close();
    std::vector<runnel::select_case> cases;
    cases.push_back(runnel::send(boxes, std::make_unique<int>(1)));
    cases.push_back(runnel::send(texts, std::string(text)));
    for (auto& one : cases) {
        // What is not chosen stays.
        CHECK(runnel::select(runnel::in_order, runnel::recv(closed), one) == 0);
        CHECK(runnel::select(one) == 0);
        CHECK_THROWS_AS(runnel::select(one), runnel::panic);
    }
    auto kept = runnel::send(texts, text);
    CHECK(runnel::select(kept) == 0);
    CHECK_THROWS_AS(runnel::select(kept), runnel::panic);
    CHECK(**boxes.recv() == 1);
    CHECK(texts.recv() == text);
    CHECK(texts.recv() == text);
    CHECK(boxes.len() + texts.len() == 0);
}

TEST_CASE("values are converted into a send's case as into a parameter", "[select]") {
    struct shape {
        virtual ~shape() = default;
    };
    struct square : shape {};
    const auto shapes = make_chan<std::unique_ptr<shape>>(1);
    CHECK(runnel::select(runnel::send(shapes, std::make_unique<square>())) == 0);
    CHECK(dynamic_cast<square*>(shapes.recv()->get()) != nullptr);
    const auto lists = make_chan<std::vector<int>>(1);
    CHECK(runnel::select(runnel::send(lists, {1, 2, 3})) == 0);
    CHECK(lists.recv() == std::vector<int>{1, 2, 3});
    const auto can_send = [](auto ch, auto value) { return requires { runnel::send(ch, value); }; };
    CHECK(can_send(lists, std::vector<int>()));
    CHECK_FALSE(can_send(lists, 5));
    CHECK_FALSE(can_send(shapes, static_cast<square*>(nullptr)));
}

/// Can be made of an optional of itself.
struct of_optional {
    int value = 0;
    of_optional() = default;
    of_optional(int v) : value(v) {}                                         // NOLINT: converts
    of_optional(std::optional<of_optional> v) : value(v ? v->value : -1) {}  // NOLINT: likewise
};
int seen_by_function = 0;
void see(of_optional v) { seen_by_function = v.value; }

TEST_CASE("a handler of a type that an optional becomes gets what it says it takes", "[select]") {
    const auto ch = make_chan<of_optional>(1);
    int got = 0;
    const auto feed = [&](int n) { ch.send(n); };
    feed(1);
    runnel::select(runnel::recv(ch, [&](of_optional v) { got = v.value; }));
    CHECK(got == 1);
    feed(2);
    runnel::select(runnel::recv(ch, [&](const of_optional& v) mutable noexcept { got = v.value; }));
    CHECK(got == 2);
    feed(3);
    runnel::select(runnel::recv(ch, [&](of_optional v, bool ok) { got = ok ? v.value : 0; }));
    CHECK(got == 3);
    feed(4);
    runnel::select(runnel::recv(ch, [&](std::optional<of_optional> v) { got = v->value; }));
    CHECK(got == 4);
    feed(5);
    runnel::select(runnel::recv(ch, see));
    CHECK(seen_by_function == 5);
    ch.close();
    bool none = false;
    runnel::select(runnel::recv(ch, [&](const std::optional<of_optional>& v) { none = !v; }));
    CHECK(none);
    runnel::select(runnel::recv(ch, [&](of_optional v) { got = v.value; }));
    CHECK(got == 0);  // T{}, not what an empty optional becomes
}

TEST_CASE("what a handler returns is dropped", "[select]") {
    struct [[nodiscard]] result {};
    const auto ch = make_chan<int>(1);
    const auto done = make_chan<runnel::unit>(1);
    int calls = 0;
    const auto drop = [&] {
        ++calls;
        return result();
    };
    CHECK(runnel::select(runnel::send(ch, 1, drop)) == 0);
    CHECK(runnel::select(runnel::send(done, drop)) == 0);
    CHECK(runnel::select(runnel::recv(ch, drop)) == 0);
    CHECK(runnel::select(runnel::recv(ch), runnel::otherwise(drop)) == 1);
    CHECK(runnel::select(runnel::recv(ch), runnel::timeout(0s, drop)) == 1);
    CHECK(calls == 5);
}

TEST_CASE("a unit channel and one-way ends stand in selects", "[select]") {
    const auto u = make_chan<runnel::unit>(1);
    const auto c = make_chan<int>(1);
    const runnel::send_chan<int> in = c;
    const runnel::recv_chan<int> out = c;
    CHECK(runnel::select(runnel::send(u)) == 0);
    int sent = 0;
    const auto count = [&] { ++sent; };
    for (int i = 0; i < 5; ++i) {
        CHECK(u.recv());
        switch (i) {
            case 0:
                runnel::select(runnel::send(u, {}));
                break;
            case 1:
                runnel::select(runnel::send(u, runnel::unit{}));
                break;
            case 2:
                runnel::select(runnel::send(u, {}, count));
                break;
            case 3:
                runnel::select(runnel::send(u, runnel::unit{}, count));
                break;
            default:
                runnel::select(runnel::send(u, count));
        }
        CHECK(u.len() == 1);
    }
    CHECK(sent == 3);
    CHECK(runnel::select(runnel::send(runnel::send_chan<runnel::unit>(u)), runnel::send(in, 3)) ==
          1);
    int got = 0;
    CHECK(runnel::select(runnel::recv(out, [&](int v) { got = v; }), runnel::send(u)) == 0);
    CHECK(got == 3);
    CHECK(runnel::select(runnel::recv(runnel::recv_chan<runnel::unit>(u)), runnel::otherwise()) ==
          0);
    CHECK(runnel::select(runnel::recv(runnel::recv_chan<int>{}),
                         runnel::send(runnel::send_chan<int>{}, 1), runnel::otherwise()) == 2);
}

TEST_CASE("a wide select of threads and goroutines is woken by each of its channels",
          "[select][dynamic][threads]") {
    test::expectations expect;
    test::on_workers([&] {
        for (test::place where : test::places) {
            const std::size_t n = 300;
            std::vector<runnel::chan<int>> channels;
            for (std::size_t i = 0; i < n; ++i) channels.push_back(make_chan<int>());
            test::crew crew;
            const auto chosen = make_chan<std::size_t>();
            const std::size_t rounds = test::under_tsan ? 20 : 100;
            crew.start(where, [&] {
                std::vector<runnel::select_case> cases;
                for (const auto& c : channels) cases.push_back(runnel::recv(c));
                for (std::size_t r = 0; r < rounds; ++r) chosen.send(runnel::select(cases));
            });
            for (std::size_t r = 0; r < rounds; ++r) {
                const std::size_t at = (r * 97 + 13) % n;
                channels[at].send(1);
                expect.check_eq(chosen.recv().value_or(n), at, "the one that was sent to");
            }
            crew.join();
        }
    });
    expect.verify();
}
