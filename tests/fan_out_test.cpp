// tests/fan_out_test.cpp — fan_out, parallel_transform, ordered_transform.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/fan_out.hpp>

#include <algorithm>
#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include <runnel/fan_in.hpp>

#include "pipeline_support.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using runnel::background;
using runnel::context;
using runnel::fan_out;
using runnel::ordered_transform;
using runnel::parallel_transform;
using runnel::recv_chan;

static_assert(
    std::is_same_v<decltype(fan_out(background(), recv_chan<int>(), 2, [](int) { return 1.5; })),
                   std::vector<recv_chan<double>>>);

/// What is called by several at once, and how many those were at most.
class crowd {
public:
    void enter() {
        const int now = ++inside_;
        int seen = most_.load();
        while (seen < now && !most_.compare_exchange_weak(seen, now)) {
        }
    }
    void leave() { --inside_; }
    int inside() const { return inside_; }
    int most() const { return most_; }

private:
    std::atomic<int> inside_{0};
    std::atomic<int> most_{0};
};

std::vector<int> sorted(std::vector<int> values) {
    std::sort(values.begin(), values.end());
    return values;
}

TEST_CASE("fan_out keeps what all stages keep", "[fan_out]") {
    test::expectations expected;
    test::check_stage(expected, 1, [](const context& ctx, recv_chan<int> in) {
        return fan_out(ctx, in, 1, [](int v) { return v; }).front();
    });
    test::check_stage(expected, 3 + 3 + 1, [](const context& ctx, recv_chan<int> in) {
        return runnel::fan_in(ctx, fan_out(ctx, in, 3, [](int v) { return v; }));
    });
}
TEST_CASE("parallel_transform keeps what all stages keep", "[fan_out][parallel_transform]") {
    test::expectations expected;
    test::check_stage(expected, 4, [](const context& ctx, recv_chan<int> in) {
        return parallel_transform(ctx, in, 4, [](int v) { return std::to_string(v); });
    });
}
TEST_CASE("ordered_transform keeps what all stages keep", "[fan_out][ordered_transform]") {
    test::expectations expected;
    test::check_stage(expected, 4, [](const context& ctx, recv_chan<int> in) {
        return ordered_transform(ctx, in, 4, [](int v) { return std::to_string(v); });
    });
}

TEST_CASE("every element goes to one of the channels", "[fan_out]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        const auto outs = fan_out(background(), test::numbers(100), 4, [](int v) { return v; });
        expected.check_eq(outs.size(), 4, "four channels");
        auto all = test::all_of(runnel::fan_in(background(), outs));
        expected.check(sorted(all) == test::count_to(100), "each once");
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("a failing function closes its own channel, and the others go on", "[fan_out]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        const auto in = runnel::make_chan<int>();
        const auto outs = fan_out(background(), in, 2, [](int v) {
            if (v < 0) throw std::runtime_error("negative");
            return v;
        });
        in.send(-1);
        std::size_t failed = 2;
        expected.check(test::eventually([&] {
                           for (std::size_t i = 0; i < 2; ++i) {
                               try {
                                   if (outs[i].try_recv().status() == runnel::op_status::closed)
                                       return false;
                               } catch (const std::runtime_error&) {
                                   failed = i;
                                   return true;
                               }
                           }
                           return false;
                       }),
                       "one is closed with the exception");
        in.send(5);
        expected.check(outs[1 - failed].recv() == 5, "the other one goes on");
        in.close();
        expected.check(!outs[1 - failed].recv(), "to the end");
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("so many call the function at once, and no more", "[fan_out]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto check = [&](const char* what, auto start) {
            crowd c;
            const auto go_on = runnel::make_chan<runnel::unit>();
            const auto out = start([&c, go_on](int v) {
                c.enter();
                go_on.recv();
                c.leave();
                return v;
            });
            expected.check(test::eventually([&] { return c.inside() == 3; }), what);
            for (int i = 0; i < 100; ++i) runnel::yield();
            go_on.close();
            expected.check(sorted(test::all_of(out)) == test::count_to(20), "all come out");
            expected.check_eq(c.most(), 3, "at once");
        };
        check("parallel",
              [](auto f) { return parallel_transform(background(), test::numbers(20), 3, f); });
        check("ordered",
              [](auto f) { return ordered_transform(background(), test::numbers(20), 3, f); });
    });
    expected.verify();
}

TEST_CASE("parallel results come in the order of their ends", "[fan_out][parallel_transform]") {
    test::expectations expected;
    test::on_workers([&] {
        std::vector<runnel::chan<runnel::unit>> gates;
        for (int i = 0; i < 3; ++i) gates.push_back(runnel::make_chan<runnel::unit>(1));
        const auto out = parallel_transform(background(), test::numbers(3), 3, [&gates](int v) {
            gates[static_cast<unsigned>(v)].recv();
            return v;
        });
        for (const int v : {2, 0, 1}) {
            gates[static_cast<unsigned>(v)].send();
            expected.check(out.recv() == v, "the one that has ended");
        }
        expected.check(!out.recv(), "closed");
    });
    expected.verify();
}

TEST_CASE("ordered results come in the order of the elements", "[fan_out][ordered_transform]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        std::vector<runnel::chan<runnel::unit>> gates;
        for (int i = 0; i < 3; ++i) gates.push_back(runnel::make_chan<runnel::unit>(1));
        std::atomic<int> ended{0};
        const auto out = ordered_transform(background(), test::numbers(3), 3, [&](int v) {
            gates[static_cast<unsigned>(v)].recv();
            ++ended;
            return v;
        });
        gates[2].send();
        gates[1].send();
        expected.check(test::eventually([&] { return ended == 2; }), "the later ones have ended");
        for (int i = 0; i < 100; ++i) runnel::yield();
        expected.check(out.try_recv().status() == runnel::op_status::would_block, "they wait");
        gates[0].send();
        expected.check(test::all_of(out) == test::count_to(3), "in order");
        const int n = test::scale(2000);
        for (const std::size_t workers : {1U, 2U, 7U}) {
            expected.check(test::all_of(ordered_transform(background(), test::numbers(n), workers,
                                                          [](int v) {
                                                              if (v % 3 == 0) runnel::yield();
                                                              return v;
                                                          })) == test::count_to(n),
                           "many");
        }
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("after a failure what is in hand comes out, then the exception",
          "[fan_out][parallel_transform]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        const auto in = runnel::make_chan<int>();
        const auto go_on = runnel::make_chan<runnel::unit>();
        const auto out = parallel_transform(background(), in, 3, [go_on](int v) {
            if (v < 0) throw std::runtime_error("negative");
            go_on.recv();
            return v;
        });
        std::vector<int> in_hand{1};
        in.send(1);
        in.send(-1);
        expected.check(test::eventually([&] {
                           if (in.try_send(2) == runnel::op_status::ok) {
                               in_hand.push_back(2);  // by the third, before it was told
                               return false;
                           }
                           return test::parked("chan receive") >= in_hand.size();
                       }),
                       "nobody receives any more");
        go_on.close();
        std::vector<int> seen;
        std::string said;
        try {
            for (const int v : out) seen.push_back(v);
        } catch (const std::runtime_error& e) {
            said = test::words_of(e);
        }
        expected.check(sorted(seen) == in_hand, "what was in hand");
        expected.check_eq(said, "negative", "then the exception");
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("an ordered failure comes after all before it, and nothing after it",
          "[fan_out][ordered_transform]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        for (int failing = 0; failing < 12; ++failing) {
            std::vector<int> seen;
            std::string said;
            const auto out = ordered_transform(background(), test::numbers(12), 4, [=](int v) {
                if (v % 3 == 0) runnel::yield();
                if (v == failing) throw std::runtime_error("failing");
                return v;
            });
            try {
                for (const int v : out) seen.push_back(v);
            } catch (const std::runtime_error& e) {
                said = test::words_of(e);
            }
            expected.check(seen == test::count_to(failing), "all before it");
            expected.check_eq(said, "failing", "then it");
        }
        const auto in = runnel::make_chan<int>(20);
        for (int i = 0; i < 20; ++i) in.send(i);
        in.close(std::make_exception_ptr(std::runtime_error("broken input")));
        const auto out = ordered_transform(background(), in, 4, [](int v) { return v; });
        for (int i = 0; i < 20; ++i) expected.check(out.recv() == i, "all before the exception");
        expected.check_eq(test::error_at_end(out), "broken input", "of the input");
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("an element whose move throws leaves no gap in the order",
          "[fan_out][ordered_transform]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        for (const std::size_t n : {1U, 2U, 5U}) {
            for (int nth = 1; nth <= 20; ++nth) {
                const auto in = runnel::make_chan<test::throws_on_move>(8);
                for (int i = 0; i < 8; ++i) in.send(test::throws_on_move(i));
                in.close();
                test::throws_on_move::arm(nth);
                const auto out = ordered_transform(background(), in, n,
                                                   [](test::throws_on_move m) { return m.value; });
                int got = 0;
                bool failed = false;
                try {
                    while (const auto v = out.recv()) expected.check_eq(*v, got++, "in order");
                } catch (const test::move_failed&) {
                    failed = true;
                }
                expected.check(failed != test::throws_on_move::armed(), "told if one failed");
                expected.check(failed || got == 8, "all of them else");
                test::throws_on_move::disarm();
            }
        }
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("goexit in a shared function costs its element alone", "[fan_out]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        const auto f = [](int v) {
            if (v == 5) runnel::goexit();
            return v;
        };
        std::vector<int> others;
        for (int i = 0; i < 30; ++i) {
            if (i != 5) others.push_back(i);
        }
        expected.check(sorted(test::all_of(
                           parallel_transform(background(), test::numbers(30), 3, f))) == others,
                       "parallel");
        expected.check(
            test::all_of(ordered_transform(background(), test::numbers(30), 3, f)) == others,
            "ordered");
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("move-only elements, results and functions", "[fan_out]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto boxes = [] {
            const auto in = runnel::make_chan<test::move_only>(10);
            for (int i = 0; i < 10; ++i) in.send(test::move_only(i));
            in.close();
            return in;
        };
        const auto f = [] {
            return [own = std::make_unique<int>(1)](test::move_only v) {
                return std::make_unique<int>(v.value + *own);
            };
        };
        int sum = 0;
        for (auto& p : parallel_transform(background(), boxes(), 3, f())) sum += *p;
        for (auto& p : ordered_transform(background(), boxes(), 3, f())) sum += *p;
        for (const auto& out : fan_out(background(), boxes(), 1, f())) {
            for (auto& p : out) sum += *p;
        }
        expected.check_eq(sum, 3 * 55, "sum");
    });
    expected.verify();
}

TEST_CASE("a shared function is destroyed before the output is closed", "[fan_out]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto alive = std::make_shared<int>(0);
        const auto f = [&] { return [alive](int v) { return v + *alive; }; };
        static_cast<void>(
            test::all_of(parallel_transform(background(), test::numbers(10), 3, f())));
        expected.check_eq(alive.use_count(), 1, "parallel");
        static_cast<void>(test::all_of(ordered_transform(background(), test::numbers(10), 3, f())));
        expected.check_eq(alive.use_count(), 1, "ordered");
    });
    expected.verify();
}

TEST_CASE("no goroutine is too few", "[fan_out]") {
    const auto f = [](int v) { return v; };
    for (const int n : {0, -1}) {
        CHECK_THROWS_AS(fan_out(background(), recv_chan<int>(), n, f), std::invalid_argument);
        CHECK_THROWS_AS(parallel_transform(background(), recv_chan<int>(), n, f),
                        std::invalid_argument);
        CHECK_THROWS_AS(ordered_transform(background(), recv_chan<int>(), n, f),
                        std::invalid_argument);
    }
}

}  // namespace
