// tests/select_test.cpp — select: cases, handlers, sets known at run time.
// SPDX-License-Identifier: BSL-1.0
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <runnel/context.hpp>
#include <runnel/go.hpp>
#include <runnel/select.hpp>
#include <runnel/time.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

using namespace std::chrono_literals;
using runnel::make_chan;

TEST_CASE("a receive case takes each form of handler", "[select]") {
    auto c = make_chan<int>(8);
    std::string seen;
    for (int i = 1; i <= 6; ++i) c.send(i);
    REQUIRE(runnel::select(runnel::recv(c, [&](std::optional<int> v) {
                seen += "o" + std::to_string(*v);
            })) == 0);
    runnel::select(runnel::recv(c, [&](int v, bool ok) { seen += (ok ? "b" : "x") + std::to_string(v); }));
    runnel::select(runnel::recv(c, [&](int v) { seen += "v" + std::to_string(v); }));
    runnel::select(runnel::recv(c, [&] { seen += "n"; }));
    std::optional<int> out;
    runnel::select(runnel::recv(c, out));
    seen += "r" + std::to_string(*out);
    runnel::select(runnel::recv(c));
    REQUIRE(seen == "o1b2v3nr5");
    REQUIRE(c.len() == 0);
    c.close();
    seen.clear();
    runnel::select(runnel::recv(c, [&](std::optional<int> v) { seen += v ? "x" : "o"; }));
    runnel::select(runnel::recv(c, [&](int v, bool ok) { seen += ok ? "x" : "b" + std::to_string(v); }));
    runnel::select(runnel::recv(c, [&](int v) { seen += "v" + std::to_string(v); }));
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
            runnel::select(runnel::recv(c, [&](value x) {
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
