// tests/stress/group_failures_test.cpp — groups that fail, nest, reach their limits and end at once.
// SPDX-License-Identifier: BSL-1.0
//
//   Hunted: a group that is destroyed while its last goroutine still gives its place back; two failures that
//   both think they are the first; a place that is lost when a function throws, so that go waits for ever; a
//   shared call whose callers miss its end.
#include <atomic>
#include <chrono>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/group.hpp>
#include <runnel/singleflight.hpp>
#include <runnel/time.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::group;

const std::error_code failures[] = {std::make_error_code(std::errc::io_error),
                                    std::make_error_code(std::errc::broken_pipe),
                                    std::make_error_code(std::errc::timed_out)};

}  // namespace

TEST_CASE("groups that end in every way, one after the other in the same memory",
          "[stress][group]") {
    const int rounds = test::scale(5000);
    test::expectations expected;
    test::on_workers([&] {
        std::mt19937_64 random(test::seed());
        std::atomic<long> running{0};
        long wrong = 0;
        for (int round = 0; round < rounds; ++round) {
            auto g = std::make_unique<group>();
            const int limit = static_cast<int>(random() % 4) - 1;
            if (limit != 0) g->set_limit(limit);
            const bool fails = random() % 2 == 0;
            const int n = 1 + static_cast<int>(random() % 6);
            for (int i = 0; i < n; ++i) {
                const auto what = random() % 5;
                g->go([&running, what, fails]() -> std::error_code {
                    ++running;
                    if (what == 0) runnel::yield();
                    --running;
                    if (!fails) {
                        if (what == 1) runnel::goexit();
                        return {};
                    }
                    if (what < 3) return failures[what];
                    throw std::system_error(failures[0]);
                });
            }
            if (random() % 3 != 0) {
                std::error_code got;
                try {
                    g->wait();
                } catch (const std::system_error& e) {
                    got = e.code();
                }
                if (fails != static_cast<bool>(got)) ++wrong;
                if (fails && g->context().cause() != got) ++wrong;
                if (!g->context().err()) ++wrong;
            }
            g.reset();
            if (running != 0) ++wrong;
        }
        expected.check_eq(wrong, 0, "wrong answers");
    });
    expected.verify();
}

TEST_CASE("groups in groups: a failure at the bottom reaches the top", "[stress][group]") {
    const int rounds = test::scale(300);
    test::expectations expected;
    test::on_workers([&] {
        long wrong = 0;
        for (int round = 0; round < rounds; ++round) {
            group top;
            std::atomic<int> ended{0};
            for (int i = 0; i < 3; ++i) {
                top.go([&, i] {
                    group middle{top.context()};
                    for (int k = 0; k < 3; ++k) {
                        middle.go([&, i, k] {
                            if (i == 1 && k == round % 3) {
                                ++ended;
                                throw std::runtime_error("at the bottom");
                            }
                            middle.context().done().recv();
                            ++ended;
                        });
                    }
                    middle.wait();
                });
            }
            try {
                top.wait();
                ++wrong;
            } catch (const std::runtime_error& e) {
                if (std::string(e.what()) != "at the bottom") ++wrong;
            }
            if (ended != 9) ++wrong;
        }
        expected.check_eq(wrong, 0, "wrong answers");
    });
    expected.verify();
}

TEST_CASE("shared calls that return, throw, exit and are forgotten", "[stress][group]") {
    const int rounds = test::scale(3000);
    test::expectations expected;
    test::on_workers([&] {
        runnel::singleflight<int, int> sf;
        std::atomic<long> asked{0};
        std::atomic<long> answered{0};
        std::atomic<long> wrong{0};
        const auto ask = [&](std::uint64_t who) {
            std::mt19937_64 random(test::seed() + who);
            for (int i = 0; i < rounds; ++i) {
                const int k = static_cast<int>(random() % 4);
                const auto what = random() % 8;
                ++asked;
                try {
                    const auto r = sf.run(k, [&]() -> int {
                        if (what % 2 == 0) runnel::yield();
                        if (what == 7) throw std::runtime_error("fails");
                        return k;
                    });
                    if (r.value != k) ++wrong;
                    ++answered;
                } catch (const std::runtime_error&) {
                    ++answered;
                }
                if (what == 3) sf.forget(k);
            }
        };
        runnel::wait_group wg;
        for (std::uint64_t g = 0; g < 6; ++g) wg.go([&, g] { ask(g); });
        // And some that end in the middle of a call, with all who share it.
        std::atomic<long> exits{0};
        for (int i = 0; i < rounds / 10; ++i) {
            wg.go([&] {
                struct at_end {
                    std::atomic<long>& n;
                    ~at_end() { ++n; }
                } const count{exits};
                sf.run(100, []() -> int {
                    runnel::yield();
                    runnel::goexit();
                });
            });
        }
        std::thread foreign([&] { ask(77); });
        wg.wait();
        foreign.join();
        expected.check_eq(answered.load(), asked.load(), "answered");
        expected.check_eq(wrong.load(), 0, "of another key");
        expected.check_eq(exits.load(), rounds / 10, "ended");
    });
    expected.verify();
}
