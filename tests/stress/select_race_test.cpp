// tests/stress/select_race_test.cpp — selects that several wakers, closers and other selects race for.
// SPDX-License-Identifier: BSL-1.0
//
//   Hunted: a select that two channels wake, and that so takes two values or reports the wrong case;
//   a case number that is guessed from a flag which close sets, too; an entry that stays in a
//   channel's queue after its select has returned, and whose stack the next sender or closer writes to;
//   a poll of one channel after another that finds none ready though one always was; two selects
//   that lock the same channels in opposite order.

#include <array>
#include <memory>
#include <runnel/chan.hpp>
#include <runnel/select.hpp>
#include <string>
#include <vector>

#include "conformance/chan_helpers.hpp"
#include "support/support.hpp"

using namespace std::chrono_literals;
using runnel::chan;
using runnel::make_chan;
using runnel::op_status;

namespace {

/// Fills the stack below its caller, lets others run, and counts what has changed.
[[gnu::noinline]] int use_stack_again(int depth) {
    volatile unsigned char area[2048];
    for (auto& byte : area) byte = 0xa5;
    runnel::yield();
    int damaged = depth > 0 ? use_stack_again(depth - 1) : 0;
    for (const auto& byte : area) damaged += byte == 0xa5 ? 0 : 1;
    return damaged;
}

}  // namespace

TEST_CASE("a select that send, receive and close reach at once runs exactly one case",
          "[stress][select][close][bug-09]") {
    // Four partners, one for each case, start together. Whoever is chosen, the case, its value and what the
    // partners saw must agree; the others must be as if the select had never been.
    INFO("RUNNEL_SEED=" << test::seed());
    test::expectations expect;
    test::on_workers([&] {
        test::random_numbers random(3);
        test::time_box box(2500ms, test::scale(40'000) + 100);
        std::array<int, 4> chosen_count{};
        while (box.next()) {
            const auto a = make_chan<std::unique_ptr<int>>();
            const auto b = make_chan<std::unique_ptr<int>>();
            const auto shut = make_chan<int>();
            const auto nil = chan<int>{};
            const bool threads = random.below(20) == 0;
            std::atomic<std::size_t> chosen{9};
            std::atomic<int> value{0};
            auto mine = std::make_unique<int>(50);
            test::crew selecting;
            const auto where = [&] {
                return threads && random.coin() ? test::place::thread : test::place::goroutine;
            };
            selecting.start(where(), [&, in_order = random.coin(), deep = random.coin()] {
                std::vector<runnel::select_case> cases;
                cases.push_back(runnel::recv(
                    a, [&](std::optional<std::unique_ptr<int>> p) { value = p ? **p : -1; }));
                cases.push_back(runnel::send(b, std::move(mine), [&] { value = 50; }));
                cases.push_back(runnel::recv(shut, [&](int, bool ok) { value = ok ? -1 : 7; }));
                cases.push_back(runnel::recv(nil));
                if (deep) cases.push_back(runnel::timeout(1h));
                chosen = in_order ? runnel::select(runnel::in_order, cases) : runnel::select(cases);
            });
            std::atomic<bool> went{false};
            std::atomic<int> got{0};
            std::atomic<bool> stop{false};
            test::crew partners;
            partners.start(where(), [&, seed = random.next()] {
                test::random_numbers r(seed);
                r.dawdle();
                auto p = std::make_unique<int>(1);
                while (!stop && !went) {
                    if (r.coin()) {
                        went = a.try_send(std::move(p)) == op_status::ok;
                    } else {
                        went = a.send_for(std::move(p), 20us) == op_status::ok;
                    }
                    runnel::yield();
                }
                if (went == static_cast<bool>(p)) value = -2;
            });
            partners.start(where(), [&, seed = random.next()] {
                test::random_numbers r(seed);
                r.dawdle();
                while (!stop && got == 0) {
                    if (r.coin()) {
                        if (auto p = b.try_recv()) got = **p;
                    } else {
                        runnel::select(runnel::recv(b, [&](std::unique_ptr<int> p) { got = *p; }),
                                       runnel::timeout(20us));
                    }
                    runnel::yield();
                }
            });
            partners.start(where(), [&, seed = random.next()] {
                test::random_numbers r(seed);
                for (int i = 0; i < 3; ++i) r.dawdle();
                shut.close();
            });
            selecting.join();
            stop = true;
            partners.join();
            const std::size_t c = chosen;
            const bool agrees = c == 0   ? went && got == 0 && value == 1
                                : c == 1 ? !went && got == 50 && value == 50
                                : c == 2 ? !went && got == 0 && value == 7
                                         : false;
            if (!agrees) expect.check(false, "case " + std::to_string(c) + " does not agree");
            if (c < 4) ++chosen_count[c];
            if (a.try_send(nullptr) == op_status::ok || b.try_recv()) {
                expect.check(false, "something was left in a queue");
            }
        }
        expect.check(chosen_count[0] + chosen_count[1] + chosen_count[2] > 0, "rounds were made");
        expect.check_eq(chosen_count[3], 0, "nil is never chosen");
    });
    expect.verify();
}

TEST_CASE("a closer and a sender race for a select's frame, which is gone when it has returned",
          "[stress][select][close][bug-07]") {
    // The select returns because of one channel while the others are closed and sent to. Its stack is
    // used again at once: an entry left in a queue would be written to there.
    INFO("RUNNEL_SEED=" << test::seed());
    test::expectations expect;
    test::on_workers([&] {
        test::time_box box(2000ms, test::scale(40'000) + 100);
        int rounds = 0;
        struct round_channels {
            std::array<chan<int>, 3> c;
        };
        const auto work = make_chan<round_channels>();
        const auto work_too = make_chan<round_channels>();
        const auto done = make_chan<int>(2);
        test::crew crew;
        crew.thread([&] {
            for (const auto& w : work) {
                w.c[1].close();
                done.send(0);
            }
        });
        crew.go([&] {
            for (const auto& w : work_too) {
                done.send(w.c[2].send_for(5, 0ms) == op_status::ok ? 1 : 0);
            }
        });
        while (box.next()) {
            ++rounds;
            const round_channels w{{make_chan<int>(1), make_chan<int>(), make_chan<int>()}};
            if (rounds % 4 == 0) w.c[0].send(1);
            work.send(w);
            work_too.send(w);
            int value = 0;
            const auto select_once = [&] {
                return runnel::select(
                    runnel::recv(w.c[0], [&](int v) { value = v; }),
                    runnel::recv(w.c[1], [&](int, bool ok) { value = ok ? -1 : 2; }),
                    runnel::recv(w.c[2], [&](int v) { value = v; }));
            };
            const std::size_t chosen = select_once();
            if (use_stack_again(1) != 0) expect.check(false, "the stack was written to");
            const int sent = done.recv().value_or(0) + done.recv().value_or(0);
            const bool agrees = chosen == 0 ? value == 1 : chosen == 1 ? value == 2 : value == 5;
            if (!agrees) expect.check(false, "case and value do not belong together");
            if (sent != (chosen == 2 ? 1 : 0)) expect.check(false, "a value was lost or made up");
        }
        work.close();
        work_too.close();
        crew.join();
        expect.check(rounds > 0, "rounds were made");
    });
    expect.verify();
}

TEST_CASE("a select with otherwise sees one moment of all its channels, from any thread",
          "[stress][select][C-67][C-68]") {
    // c1 holds a value. c2 is filled, or closed, before c1 is drained: at each moment one of them is
    // ready, so a select over both, in either order, has no reason for its default.
    test::expectations expect;
    test::on_workers([&] {
        struct pair {
            chan<int> first;
            chan<int> second;
        };
        const auto to_look_at = make_chan<pair>();
        const auto looked = make_chan<std::size_t>();
        test::crew crew;
        for (int i = 0; i < 2; ++i) {
            crew.start(i == 0 ? test::place::goroutine : test::place::thread, [&] {
                int turn = 0;
                for (const auto& p : to_look_at) {
                    if (++turn % 3 == 0) {
                        std::vector<runnel::select_case> cases;
                        cases.push_back(runnel::otherwise());
                        cases.push_back(runnel::recv(p.second));
                        cases.push_back(runnel::recv(p.first));
                        looked.send(runnel::select(runnel::in_order, cases) == 0 ? 2U : 0U);
                    } else {
                        looked.send(runnel::select(runnel::recv(p.first), runnel::recv(p.second),
                                                   runnel::otherwise()));
                    }
                }
            });
        }
        test::time_box box(2500ms, test::scale(100'000) + 100);
        int rounds = 0;
        int missed = 0;
        while (box.next()) {
            ++rounds;
            const bool by_close = rounds % 2 == 0;
            const pair p{make_chan<int>(1), make_chan<int>(by_close ? 0 : 1)};
            p.first.send(1);
            to_look_at.send(p);
            if (by_close) {
                p.second.close();
            } else {
                p.second.send(1);
            }
            runnel::select(runnel::recv(p.first), runnel::otherwise());
            if (*looked.recv() == 2) ++missed;
        }
        to_look_at.close();
        crew.join();
        expect.check(rounds > 0, "rounds were made");
        expect.check_eq(missed, 0, "defaults taken though a channel was ready");
    });
    expect.verify();
}

TEST_CASE("selects over the same channels in every order and direction come to an end",
          "[stress][select][C-88]") {
    // Each goroutine sends and receives as often as every other, over channels that it lists in an order of
    // its own, some of them twice. Nobody is left over: what one sends another receives.
    INFO("RUNNEL_SEED=" << test::seed());
    test::expectations expect;
    test::on_workers([&] {
        const int each = test::scale(20'000) + 100;
        constexpr int sides = 3;
        std::array<chan<int>, 4> c{make_chan<int>(), make_chan<int>(1), make_chan<int>(),
                                   make_chan<int>(3)};
        std::atomic<long> sent_sum{0};
        std::atomic<long> received_sum{0};
        test::crew senders;
        test::crew receivers;
        for (int g = 0; g < sides; ++g) {
            const auto where = g == 2 ? test::place::thread : test::place::goroutine;
            senders.start(where, [&, g] {
                test::random_numbers random(100 + static_cast<std::uint64_t>(g));
                long sum = 0;
                for (int i = 0; i < each; ++i) {
                    const auto p = static_cast<std::size_t>(random.below(4));
                    const auto q = static_cast<std::size_t>(random.below(4));
                    // The last value goes by a channel at random: receivers listen to all.
                    runnel::select(runnel::send(c[p], i), runnel::send(c[q], i),
                                   runnel::send(c[p], i));
                    sum += i;
                }
                sent_sum += sum;
            });
            receivers.start(where, [&, g] {
                test::random_numbers random(200 + static_cast<std::uint64_t>(g));
                long sum = 0;
                const auto add = [&](int v) { sum += v; };
                for (int i = 0; i < each; ++i) {
                    const auto p = static_cast<std::size_t>(random.below(4));
                    runnel::select(runnel::recv(c[p], add), runnel::recv(c[(p + 3) % 4], add),
                                   runnel::recv(c[(p + 1) % 4], add), runnel::recv(c[p], add),
                                   runnel::recv(c[(p + 2) % 4], add));
                }
                received_sum += sum;
            });
        }
        senders.join();
        receivers.join();
        expect.check_eq(received_sum.load(), sent_sum.load(), "sum of the values");
        for (const auto& x : c) expect.check_eq(x.len(), 0, "nothing is left");
    });
    expect.verify();
}

TEST_CASE("plain and selecting operations of goroutines and threads on four channels all end",
          "[stress][select][C-69]") {
    test::expectations expect;
    test::on_workers([&] {
        const int n = test::scale(10'000) + 50;
        const std::array<chan<int>, 4> c{make_chan<int>(), make_chan<int>(), make_chan<int>(2),
                                         make_chan<int>(3)};
        test::crew crew;
        for (std::size_t k = 0; k < 4; ++k) {
            crew.start(k % 2 == 0 ? test::place::goroutine : test::place::thread, [&, k] {
                for (int i = 0; i < n; ++i) c[k].send(i);
            });
            crew.start(k % 3 == 0 ? test::place::goroutine : test::place::thread, [&, k] {
                for (int i = 0; i < n; ++i) c[k].recv();
            });
        }
        for (test::place where : test::places) {
            crew.start(where, [&] {
                auto open = c;
                std::array<int, 4> left{n, n, n, n};
                for (int i = 0; i < 4 * n; ++i) {
                    const std::size_t k =
                        runnel::select(runnel::send(open[3], 0), runnel::send(open[2], 0),
                                       runnel::send(open[0], 0), runnel::send(open[1], 0));
                    const std::size_t at = std::array<std::size_t, 4>{3, 2, 0, 1}[k];
                    if (--left[at] == 0) open[at] = nullptr;
                }
            });
            crew.start(where, [&] {
                std::array<int, 4> left{n, n, n, n};
                auto open = c;
                for (int i = 0; i < 4 * n; ++i) {
                    std::vector<runnel::select_case> cases;
                    for (const auto& x : open) cases.push_back(runnel::recv(x));
                    const std::size_t k = runnel::select(cases);
                    if (--left[k] == 0) open[k] = nullptr;
                }
            });
        }
        crew.join();
        for (const auto& x : c) expect.check_eq(x.len(), 0, "all passed");
    });
    expect.verify();
}

TEST_CASE("entries come and go in the queues of shared channels without harm",
          "[stress][select][timed]") {
    // Many short selects over a few channels, nearly all of which give up; a trickle of values that
    // must each reach somebody.
    INFO("RUNNEL_SEED=" << test::seed());
    test::expectations expect;
    test::on_workers([&] {
        const std::array<chan<std::unique_ptr<int>>, 3> c{make_chan<std::unique_ptr<int>>(),
                                                          make_chan<std::unique_ptr<int>>(1),
                                                          make_chan<std::unique_ptr<int>>()};
        const int values = test::scale(50'000) + 50;
        std::vector<std::atomic<int>> seen(static_cast<std::size_t>(values));
        std::atomic<bool> stop{false};
        test::crew takers;
        for (int g = 0; g < 6; ++g) {
            takers.start(g == 5 ? test::place::thread : test::place::goroutine, [&, g] {
                test::random_numbers random(300 + static_cast<std::uint64_t>(g));
                const auto take = [&](std::optional<std::unique_ptr<int>> p) {
                    if (p) ++seen[static_cast<std::size_t>(**p)];
                };
                while (!stop) {
                    const auto p = static_cast<std::size_t>(random.below(3));
                    runnel::select(runnel::recv(c[p], take), runnel::recv(c[(p + 1) % 3], take),
                                   runnel::recv(c[p], take),
                                   runnel::timeout(std::chrono::microseconds(random.below(30))));
                }
            });
        }
        test::random_numbers random(4);
        for (int i = 0; i < values; ++i) {
            auto p = std::make_unique<int>(i);
            const auto at = static_cast<std::size_t>(random.below(3));
            while (p) {
                runnel::select(runnel::send(c[at], std::move(p)),
                               runnel::timeout(std::chrono::microseconds(random.below(30))));
            }
        }
        // What the buffered channel still holds is taken before the takers are told to stop.
        expect.check(test::eventually([&] { return c[1].len() == 0; }), "the buffer is empty");
        stop = true;
        takers.join();
        int wrong = 0;
        for (const auto& n : seen) wrong += n == 1 ? 0 : 1;
        expect.check_eq(wrong, 0, "values lost or doubled");
        for (const auto& x : c) {
            expect.check(x.cap() == 1 || x.try_send(nullptr) == op_status::would_block,
                         "nobody is left in a queue");
            expect.check(!x.try_recv(), "nothing is left in a channel");
        }
    });
    expect.verify();
}
