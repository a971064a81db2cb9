// tests/conformance/select_test.cpp — select.
// SPDX-License-Identifier: BSL-1.0
#include <array>
#include <cmath>
#include <map>
#include <random>
#include <vector>

#include <runnel/go.hpp>
#include <runnel/select.hpp>
#include <runnel/sync.hpp>
#include <runnel/time.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

using namespace std::chrono_literals;
using runnel::make_chan;

TEST_CASE("an empty select parks for ever, one with default alone does not", "[C-57][C-58]") {
    test::expectations expect;
    test::on_workers([&] {
        runnel::go([] { runnel::select(); });
        expect.check(test::wait_parked(1, "select (no cases)"), "parks");
        std::vector<runnel::select_case> none;
        runnel::go([] {
            std::vector<runnel::select_case> cases;
            runnel::select(cases);
        });
        expect.check(test::wait_parked(2, "select (no cases)"), "parks");
        expect.check_eq(runnel::select(runnel::otherwise()), 0U, "default");
    });
    expect.verify();
}

TEST_CASE("a ready case is never passed over for default", "[C-59][C-60][C-61]") {
    auto full = make_chan<int>(1);
    auto room = make_chan<int>(1);
    auto shut = make_chan<int>();
    auto never = make_chan<int>();
    shut.close();
    full.send(1);
    for (int i = 0; i < 1000; ++i) {
        REQUIRE(runnel::select(runnel::recv(full), runnel::otherwise()) == 0);
        full.send(1);
        REQUIRE(runnel::select(runnel::recv(never), runnel::recv(full), runnel::otherwise()) == 1);
        full.send(1);
        REQUIRE(runnel::select(runnel::send(room, 1), runnel::otherwise()) == 0);
        room.recv();
        REQUIRE(runnel::select(runnel::recv(never), runnel::recv(shut), runnel::otherwise()) == 1);
    }
    test::expectations expect;
    test::on_workers([&] {
        runnel::go([never] { runnel::select(runnel::recv(never)); });
        expect.check(test::wait_parked(1, "select"), "one case that is not ready parks");
        never.send(1);
    });
    expect.verify();
}

TEST_CASE("a send on a closed channel throws and leaves the other channels usable", "[C-62]") {
    auto shut = make_chan<int>();
    auto a = make_chan<int>(1);
    auto b = make_chan<int>(1);
    shut.close();
    REQUIRE_THROWS_AS(runnel::select(runnel::recv(a), runnel::send(shut, 1), runnel::recv(b)),
                      runnel::closed_channel);
    a.send(1);
    b.send(2);
    REQUIRE(*a.recv() == 1);
    REQUIRE(*b.recv() == 2);
}

TEST_CASE("a select never pairs with itself", "[C-63][C-64]") {
    test::expectations expect;
    test::on_workers([&] {
        auto c = make_chan<int>();
        expect.check_eq(runnel::select(runnel::send(c, 1), runnel::recv(c), runnel::timeout(2ms)),
                        2U, "alone it waits");
        for (const std::size_t capacity : {0U, 10U}) {
            auto d = make_chan<int>(capacity);
            runnel::wait_group wg;
            const int rounds = test::scale(1000);
            std::atomic<int> own{0};
            for (int me = 0; me < 2; ++me) {
                wg.go([&, me] {
                    for (int i = 0; i < rounds; ++i) {
                        if (me == 0) {
                            runnel::select(runnel::send(d, me), runnel::recv(d, [&](int v) {
                                               if (v == me) ++own;
                                           }));
                        } else {
                            runnel::select(runnel::recv(d,
                                                        [&](int v) {
                                                            if (v == me) ++own;
                                                        }),
                                           runnel::send(d, me));
                        }
                    }
                });
            }
            // One may be left over when the other has finished: help it.
            while (!wg.wait_for(5ms)) {
                runnel::select(runnel::send(d, 7), runnel::recv(d), runnel::timeout(1ms));
            }
            if (capacity == 0) expect.check_eq(own.load(), 0, "nobody receives his own");
        }
        expect.check(true, "done");
    });
    expect.verify();
}

TEST_CASE("ready cases are chosen evenly", "[C-65][C-66]") {
    for (const std::size_t n : {2U, 3U, 4U, 8U}) {
        std::vector<runnel::chan<int>> channels;
        std::vector<runnel::select_case> cases;
        for (std::size_t i = 0; i < n; ++i) {
            channels.push_back(make_chan<int>());
            channels.back().close();
            cases.push_back(runnel::recv(channels.back()));
        }
        std::vector<int> count(n, 0);
        const int rounds = 10000;
        for (int i = 0; i < rounds; ++i) ++count[runnel::select(cases)];
        const double share = 1.0 / static_cast<double>(n);
        const double deviation = std::sqrt(rounds * share * (1 - share));
        for (const int c : count) REQUIRE(std::abs(c - rounds * share) < 10 * deviation);
    }
    // The same, written out, with two that are never ready.
    auto a = make_chan<int>();
    auto b = make_chan<int>();
    auto never = make_chan<int>();
    a.close();
    b.close();
    std::array<int, 4> count{};
    for (int i = 0; i < 10000; ++i) {
        ++count[runnel::select(runnel::recv(a), runnel::recv(never), runnel::recv(b),
                               runnel::recv(never))];
    }
    REQUIRE(std::abs(count[0] - 5000) < 500);
    REQUIRE(std::abs(count[2] - 5000) < 500);
    // Two sends on one channel.
    auto c = make_chan<int>(100);
    int zeros = 0;
    for (int i = 0; i < 100; ++i) runnel::select(runnel::send(c, 0), runnel::send(c, 1));
    for (int i = 0; i < 100; ++i) zeros += *c.recv() == 0 ? 1 : 0;
    REQUIRE(zeros > 10);
    REQUIRE(zeros < 90);
}

TEST_CASE("a select with default sees all channels at one moment", "[C-67]") {
    test::expectations expect;
    test::on_workers([&] {
        const int rounds = test::scale(20000);
        std::atomic<int> missed{0};
        for (int i = 0; i < rounds; ++i) {
            auto c1 = make_chan<int>(1);
            auto c2 = make_chan<int>(1);
            c1.send(1);
            auto looker = runnel::async([=, &missed] {
                if (runnel::select(runnel::recv(c1), runnel::recv(c2), runnel::otherwise()) == 2) {
                    ++missed;
                }
            });
            c2.send(1);
            runnel::select(runnel::recv(c1), runnel::otherwise());
            looker.get();
        }
        expect.check_eq(missed.load(), 0, "one of the two was always ready");
    });
    expect.verify();
}

TEST_CASE("the same with a close in place of the send", "[C-68]") {
    test::expectations expect;
    test::on_workers([&] {
        const int rounds = test::scale(20000);
        std::atomic<int> missed{0};
        for (int i = 0; i < rounds; ++i) {
            auto c1 = make_chan<int>(1);
            auto c2 = make_chan<int>();
            c1.send(1);
            auto looker = runnel::async([=, &missed] {
                if (runnel::select(runnel::recv(c1), runnel::recv(c2), runnel::otherwise()) == 2) {
                    ++missed;
                }
            });
            c2.close();
            runnel::select(runnel::recv(c1), runnel::otherwise());
            looker.get();
        }
        expect.check_eq(missed.load(), 0, "one of the two was always ready");
    });
    expect.verify();
}

TEST_CASE("selecting and plain operations on four channels all come to their end", "[C-69][C-52]") {
    test::expectations expect;
    test::on_workers([&] {
        const int n = test::scale(20000);
        std::array<runnel::chan<int>, 4> c{make_chan<int>(), make_chan<int>(), make_chan<int>(2),
                                           make_chan<int>(3)};
        runnel::wait_group wg;
        for (std::size_t k = 0; k < 4; ++k) {
            wg.go([&, k] {
                for (int i = 0; i < n; ++i) c[k].send(i);
            });
            wg.go([&, k] {
                for (int i = 0; i < n; ++i) c[k].recv();
            });
        }
        wg.go([&] {
            auto mine = c;
            std::array<int, 4> left{n, n, n, n};
            const auto used = [&](std::size_t k) {
                if (--left[k] == 0) mine[k] = nullptr;
            };
            for (int i = 0; i < 4 * n; ++i) {
                runnel::select(runnel::send(mine[3], 0, [&] { used(3); }),
                               runnel::send(mine[2], 0, [&] { used(2); }),
                               runnel::send(mine[0], 0, [&] { used(0); }),
                               runnel::send(mine[1], 0, [&] { used(1); }));
            }
        });
        wg.go([&] {
            auto mine = c;
            std::array<int, 4> left{n, n, n, n};
            const auto used = [&](std::size_t k) {
                if (--left[k] == 0) mine[k] = nullptr;
            };
            for (int i = 0; i < 4 * n; ++i) {
                runnel::select(runnel::recv(mine[0], [&] { used(0); }),
                               runnel::recv(mine[1], [&] { used(1); }),
                               runnel::recv(mine[2], [&] { used(2); }),
                               runnel::recv(mine[3], [&] { used(3); }));
            }
        });
        wg.wait();
        for (const auto& x : c) expect.check_eq(x.len(), 0U, "all passed");
    });
    expect.verify();
}

TEST_CASE("a channel that stands twice in a select leaves nothing behind", "[C-70]") {
    test::expectations expect;
    test::on_workers([&] {
        auto c = make_chan<int>();
        auto d = make_chan<int>();
        auto a = runnel::async(
            [=] { return runnel::select(runnel::recv(c), runnel::recv(c), runnel::recv(d)); });
        expect.check(test::wait_parked(1, "select"), "parks");
        auto b = runnel::async([=] { return *c.recv(); });
        expect.check(test::wait_parked(1, "chan receive"), "parks behind it");
        d.send(7);
        expect.check_eq(a.get(), 2U, "d");
        c.send(8);
        expect.check_eq(b.get(), 8, "the receiver behind is found");
    });
    expect.verify();
}

TEST_CASE("a waiter leaves from the middle of a queue", "[C-71]") {
    test::expectations expect;
    test::on_workers([&] {
        auto a = make_chan<int>();
        auto b = make_chan<int>();
        auto first = runnel::async([=] { return *a.recv(); });
        expect.check(test::wait_parked(1, "chan receive"), "first");
        auto middle =
            runnel::async([=] { return runnel::select(runnel::recv(a), runnel::recv(b)); });
        expect.check(test::wait_parked(1, "select"), "middle");
        auto last = runnel::async([=] { return *a.recv(); });
        expect.check(test::wait_parked(2, "chan receive"), "last");
        b.send(1);
        expect.check_eq(middle.get(), 1U, "by b");
        a.send(2);
        a.send(3);
        expect.check_eq(first.get(), 2, "first");
        expect.check_eq(last.get(), 3, "last");
    });
    expect.verify();
}

TEST_CASE("each form of send meets each form of receive", "[C-72][C-73]") {
    test::expectations expect;
    test::on_workers([&] {
        using action = std::function<int(const runnel::chan<int>&)>;
        const std::vector<action> receives{
            [](const auto& c) { return *c.recv(); },
            [](const auto& c) {
                int v = 0;
                c >> v;
                return v;
            },
            [](const auto& c) { return *c.recv_for(1h); },
            [](const auto& c) {
                int got = 0;
                runnel::select(runnel::recv(c, [&](int v) { got = v; }));
                return got;
            },
            [](const auto& c) {
                int got = 0;
                runnel::select(runnel::recv(c, [&](int v) { got = v; }),
                               runnel::recv(make_chan<int>()), runnel::recv(runnel::chan<int>()));
                return got;
            },
            [](const auto& c) {
                for (;;) {
                    if (auto r = c.try_recv()) return *r;
                    runnel::yield();
                }
            },
            [](const auto& c) {
                int got = 0;
                std::vector<runnel::select_case> cases;
                cases.push_back(runnel::recv(make_chan<int>()));
                cases.push_back(runnel::recv(c, [&](int v) { got = v; }));
                runnel::select(cases);
                return got;
            },
        };
        const std::vector<action> sends{
            [](const auto& c) {
                c.send(5);
                return 0;
            },
            [](const auto& c) {
                c.send_for(5, 1h);
                return 0;
            },
            [](const auto& c) {
                runnel::select(runnel::send(c, 5));
                return 0;
            },
            [](const auto& c) {
                runnel::select(runnel::recv(make_chan<int>()), runnel::send(c, 5));
                return 0;
            },
            [](const auto& c) {
                while (c.try_send(5) != runnel::op_status::ok) runnel::yield();
                return 0;
            },
            [](const auto& c) {
                std::vector<runnel::select_case> cases;
                cases.push_back(runnel::send(c, 5));
                cases.push_back(runnel::send(runnel::chan<int>(), 6));
                runnel::select(cases);
                return 0;
            },
        };
        for (const std::size_t capacity : {0U, 1U}) {
            for (std::size_t s = 0; s < sends.size(); ++s) {
                for (std::size_t r = 0; r < receives.size(); ++r) {
                    if (s == 4 && r == 5 && capacity == 0)
                        continue;  // two that never park never meet
                    auto c = make_chan<int>(capacity);
                    auto receiver = runnel::async([&] { return receives[r](c); });
                    if (r != 5) expect.check(test::wait_parked(1), "receiver first");
                    sends[s](c);
                    if (receiver.get() != 5) expect.check(false, "receiver first");
                    auto sender = runnel::async([&] { return sends[s](c); });
                    if (s != 4 && capacity == 0) expect.check(test::wait_parked(1), "sender first");
                    if (receives[r](c) != 5) expect.check(false, "sender first");
                    sender.get();
                }
            }
        }
    });
    expect.verify();
}

TEST_CASE("a receive's destination is written, and handlers run, only if the case is chosen",
          "[C-78][C-79]") {
    auto a = make_chan<int>(1);
    auto b = make_chan<int>(1);
    a.send(1);
    std::optional<int> from_a;
    std::optional<int> from_b = 99;
    int handled = 0;
    REQUIRE(runnel::select(runnel::recv(a, from_a), runnel::recv(b, from_b),
                           runnel::send(runnel::chan<int>(), 1, [&] { ++handled; })) == 0);
    REQUIRE(from_a == 1);
    REQUIRE(from_b == 99);
    REQUIRE(handled == 0);
}

TEST_CASE("no value of a selecting sender is delivered twice", "[C-80]") {
    test::expectations expect;
    test::on_workers([&] {
        const int n = test::scale(50000);
        std::array<runnel::chan<int>, 4> c;
        for (auto& x : c) x = make_chan<int>();
        auto merged = make_chan<int>();
        auto stop = make_chan<runnel::unit>();
        runnel::wait_group wg;
        for (const auto& x : c) {
            wg.go([&, x] {
                for (;;) {
                    std::optional<int> v;
                    if (runnel::select(runnel::recv(x, v), runnel::recv(stop)) == 1) return;
                    merged.send(*v);
                }
            });
        }
        runnel::go([=] {
            for (int i = 0; i < n; ++i) {
                runnel::select(runnel::send(c[0], i), runnel::send(c[1], i), runnel::send(c[2], i),
                               runnel::send(c[3], i));
            }
        });
        std::vector<char> seen(static_cast<std::size_t>(n), 0);
        bool once = true;
        for (int i = 0; i < n; ++i) {
            char& s = seen[static_cast<std::size_t>(*merged.recv())];
            once = once && s == 0;
            s = 1;
        }
        expect.check(once, "each once");
        stop.close();
        wg.wait();
        expect.check(merged.try_recv().status() == runnel::op_status::would_block, "no more");
    });
    expect.verify();
}

TEST_CASE("random selects agree with a model", "[C-84][C-86]") {
    std::mt19937_64 random(test::seed());
    INFO("RUNNEL_SEED=" << test::seed());
    const int rounds = test::scale(20000);
    for (int round = 0; round < rounds; ++round) {
        std::vector<runnel::chan<int>> channels;
        std::vector<runnel::select_case> cases;
        std::vector<std::size_t> ready;
        bool throws_possible = false;
        const std::size_t n = 1 + random() % 8;
        for (std::size_t i = 0; i < n; ++i) {
            const bool is_send = random() % 2 == 0;
            runnel::chan<int> c;
            bool is_ready = false;
            switch (random() % 4) {
                case 0:
                    break;  // nil
                case 1:
                    c = make_chan<int>(1);  // room, or a value
                    if (!is_send) c.send(1);
                    is_ready = true;
                    break;
                case 2:
                    c = make_chan<int>(1);  // blocked
                    if (is_send) c.send(1);
                    break;
                case 3:
                    c = make_chan<int>();
                    c.close();
                    is_ready = true;
                    throws_possible = throws_possible || is_send;
                    break;
            }
            if (is_ready) ready.push_back(i);
            channels.push_back(c);
            if (is_send) {
                cases.push_back(runnel::send(c, 1));
            } else {
                cases.push_back(runnel::recv(c));
            }
        }
        const bool may_default = ready.empty() || random() % 2 == 0;
        if (may_default) cases.push_back(runnel::otherwise());
        try {
            const std::size_t chosen = runnel::select(cases);
            const bool valid = ready.empty()
                                   ? chosen == n
                                   : std::find(ready.begin(), ready.end(), chosen) != ready.end();
            if (!valid) FAIL("case " << chosen << " of " << n << " was not ready");
        } catch (const runnel::closed_channel&) {
            if (!throws_possible) FAIL("no closed channel to send on");
        }
    }
    SUCCEED();
}

TEST_CASE("selects that take the same locks in opposite order do not deadlock", "[C-88]") {
    test::expectations expect;
    test::on_workers([&] {
        const int n = test::scale(30000);
        auto a = make_chan<int>(1);
        auto b = make_chan<int>(1);
        runnel::wait_group wg;
        for (int g = 0; g < 4; ++g) {
            wg.go([=] {
                for (int i = 0; i < n; ++i) {
                    if (g % 2 == 0) {
                        runnel::select(runnel::send(a, 1), runnel::recv(b), runnel::otherwise());
                    } else {
                        runnel::select(runnel::send(b, 1), runnel::recv(a), runnel::otherwise());
                    }
                }
            });
        }
        wg.wait();
        expect.check(true, "done");
    });
    expect.verify();
}

TEST_CASE("a thousand goroutines that select on a shared channel leave it one by one",
          "[C-81][C-83]") {
    test::expectations expect;
    test::on_workers([&] {
        const int n = test::under_tsan ? 200 : 1000;
        auto shared = make_chan<int>();
        std::vector<runnel::chan<int>> own;
        std::vector<runnel::future<std::size_t>> waiting;
        for (int i = 0; i < n; ++i) {
            own.push_back(make_chan<int>());
            waiting.push_back(runnel::async([=, mine = own.back()] {
                return runnel::select(runnel::recv(shared), runnel::recv(mine));
            }));
        }
        expect.check(test::wait_parked(static_cast<std::size_t>(n), "select"), "all park");
        for (int i = 0; i < n; i += 2) own[static_cast<std::size_t>(i)].send(1);
        for (int i = 1; i < n; i += 2) shared.send(1);
        for (int i = 0; i < n; ++i) {
            expect.check_eq(waiting[static_cast<std::size_t>(i)].get(),
                            i % 2 == 0 ? std::size_t{1} : std::size_t{0}, "its own case");
        }
    });
    expect.verify();
}
