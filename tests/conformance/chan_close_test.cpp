// tests/conformance/chan_close_test.cpp — closing channels.
// SPDX-License-Identifier: BSL-1.0
#include <thread>
#include <vector>

#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/select.hpp>
#include <runnel/sync.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

using namespace std::chrono_literals;
using runnel::make_chan;
using runnel::op_status;

namespace {

enum class form { plain, assign, try_, limited, one_case, two_cases };
constexpr form forms[] = {form::plain,   form::assign,   form::try_,
                          form::limited, form::one_case, form::two_cases};

/// One receive in the given form: the value, or nothing if it says "closed".
std::optional<int> receive(form f, const runnel::chan<int>& c) {
    std::optional<int> v;
    int plain = 0;
    switch (f) {
        case form::plain:
            return c.recv();
        case form::assign:
            return c >> plain ? std::optional<int>(plain) : std::nullopt;
        case form::try_:
            if (auto r = c.try_recv()) return *r;
            return std::nullopt;
        case form::limited:
            if (auto r = c.recv_for(1h)) return *r;
            return std::nullopt;
        case form::one_case:
            runnel::select(runnel::recv(c, v));
            return v;
        case form::two_cases:
            runnel::select(runnel::recv(make_chan<int>()), runnel::recv(c, v));
            return v;
    }
    return v;
}

}  // namespace

TEST_CASE("a closed and drained channel yields nothing at once, any number of times",
          "[C-37][C-31]") {
    for (const form f : forms) {
        for (const std::size_t capacity : {0U, 1U, 2U}) {
            auto c = make_chan<int>(capacity);
            c.close();
            for (int i = 0; i < 3; ++i) REQUIRE_FALSE(receive(f, c));
            REQUIRE(c.try_recv().status() == op_status::closed);
            REQUIRE(runnel::select(runnel::recv(c), runnel::otherwise()) == 0);
        }
    }
}

TEST_CASE("values buffered before the close still arrive", "[C-38][C-43]") {
    for (const form f : forms) {
        auto c = make_chan<int>(2);
        c.send(7);
        c.close();
        REQUIRE(receive(f, c) == 7);
        REQUIRE_FALSE(receive(f, c));
    }
    for (std::size_t n = 0; n < 200; ++n) {
        auto c = make_chan<int>(n);
        for (std::size_t i = 0; i < n; ++i) c.send(static_cast<int>(i));
        c.close();
        int wanted = 0;
        for (int v : c) REQUIRE(v == wanted++);
        REQUIRE(wanted == static_cast<int>(n));
    }
}

TEST_CASE("a send on a closed channel throws, whether it may park or not", "[C-39][C-41][C-387]") {
    for (const std::size_t capacity : {0U, 2U}) {
        auto c = make_chan<int>(capacity);
        c.close();
        REQUIRE_THROWS_AS(c.send(1), runnel::closed_channel);
        REQUIRE_THROWS_WITH(c.send(1), "send on closed channel");
        REQUIRE_THROWS_AS(c << 1, runnel::closed_channel);
        REQUIRE_THROWS_AS(c.try_send(1), runnel::closed_channel);
        REQUIRE_THROWS_AS(c.send_for(1, 1ms), runnel::closed_channel);
        REQUIRE_THROWS_AS(runnel::select(runnel::send(c, 1)), runnel::closed_channel);
        REQUIRE_THROWS_AS(runnel::select(runnel::send(c, 1), runnel::otherwise()),
                          runnel::closed_channel);
        REQUIRE_FALSE(c.recv());
        REQUIRE(c.len() == 0);
    }
}

TEST_CASE("closing twice and closing nil are told apart, and one class catches all misuse",
          "[C-40][C-41]") {
    auto c = make_chan<int>();
    c.close();
    REQUIRE_THROWS_AS(c.close(), runnel::closed_channel);
    REQUIRE_THROWS_WITH(c.close(), "close of closed channel");
    REQUIRE_THROWS_WITH(runnel::chan<int>().close(), "close of nil channel");
    int caught = 0;
    for (int i = 0; i < 3; ++i) {
        try {
            if (i == 0) c.send(1);
            if (i == 1) c.close();
            if (i == 2) runnel::chan<int>().close();
        } catch (const runnel::panic&) {
            ++caught;
        }
    }
    REQUIRE(caught == 3);
}

TEST_CASE("close releases every parked receiver", "[C-42][C-44]") {
    test::expectations expect;
    test::on_workers([&] {
        for (const std::size_t capacity : {0U, 1U, 5U}) {
            auto c = make_chan<int>(capacity);
            const std::size_t n = 100;
            std::vector<runnel::future<bool>> waiting;
            for (std::size_t i = 0; i < n; ++i) {
                waiting.push_back(runnel::async([c, i] {
                    return receive(i % 2 == 0 ? form::plain : form::two_cases, c).has_value();
                }));
            }
            expect.check(test::wait_parked(n / 2, "chan receive"), "parked");
            expect.check(test::wait_parked(n / 2, "select"), "parked");
            c.close();
            for (auto& w : waiting) expect.check(!w.get(), "closed");
        }
    });
    expect.verify();
}

TEST_CASE("close releases every parked sender, and each throws", "[C-44][C-387][C-388]") {
    test::expectations expect;
    test::on_workers([&] {
        for (const std::size_t capacity : {0U, 1U, 5U}) {
            auto c = make_chan<int>(capacity);
            for (std::size_t i = 0; i < capacity; ++i) c.send(-1);
            const std::size_t n = 100;
            std::vector<runnel::future<bool>> waiting;
            for (std::size_t i = 0; i < n; ++i) {
                waiting.push_back(runnel::async([c, i] {
                    try {
                        if (i % 2 == 0) {
                            c.send(1);
                        } else {
                            runnel::select(runnel::send(c, 1), runnel::recv(make_chan<int>()));
                        }
                        return false;
                    } catch (const runnel::closed_channel&) {
                        return true;
                    }
                }));
            }
            expect.check(test::wait_parked(n / 2, "chan send"), "parked");
            expect.check(test::wait_parked(n / 2, "select"), "parked");
            c.close();
            for (auto& w : waiting) expect.check(w.get(), "throws");
            // What was buffered before is not lost.
            for (std::size_t i = 0; i < capacity; ++i) expect.check_eq(*c.recv(), -1, "kept");
            expect.check(!c.recv(), "then closed");
        }
    });
    expect.verify();
}

TEST_CASE("a channel is never seen both empty and open around a close", "[C-45][C-47][C-48]") {
    test::expectations expect;
    test::on_workers([&] {
        const int rounds = test::scale(10000);
        for (int i = 0; i < rounds; ++i) {
            auto c = make_chan<int>(1);
            c.send(1);
            auto looker = runnel::async([c] { return c.try_recv().status(); });
            c.close();
            c.recv();
            if (looker.get() == op_status::would_block) expect.check(false, "empty and open");
        }
        expect.check(true, "done");
    });
    expect.verify();
}

TEST_CASE("a range ends at close; leaving it early leaves the channel usable", "[C-46]") {
    auto c = make_chan<int>(10);
    for (int i = 0; i < 5; ++i) c.send(i);
    int evaluated = 0;
    const auto once = [&] {
        ++evaluated;
        return c;
    };
    for (int v : once()) {
        if (v == 2) break;
    }
    REQUIRE(evaluated == 1);
    REQUIRE(*c.recv() == 3);
    c.close();
    int last = -1;
    for (int& v : c) {
        last = v;
        v = 0;
    }
    REQUIRE(last == 4);
}

TEST_CASE("a close races a send: the value is received, kept or refused, never lost", "[C-150]") {
    test::expectations expect;
    test::on_workers([&] {
        const int rounds = test::scale(3000);
        for (int i = 0; i < rounds; ++i) {
            auto c = make_chan<test::counted>(static_cast<std::size_t>(i % 3));
            std::atomic<int> sent{0};
            std::atomic<int> refused{0};
            runnel::wait_group wg;
            for (int s = 0; s < 2; ++s) {
                wg.go([&] {
                    try {
                        c.send(test::counted(1));
                        ++sent;
                    } catch (const runnel::closed_channel&) {
                        ++refused;
                    }
                });
            }
            int got = 0;
            wg.go([&] { c.close(); });
            while (c.recv()) ++got;
            wg.wait();
            if (got != sent || sent + refused != 2) expect.check(false, "lost or doubled");
        }
        expect.check(true, "done");
    });
    expect.verify();
    REQUIRE(test::counted::live() == 0);
}
