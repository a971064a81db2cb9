// tests/conformance/context_tree_test.cpp — how cancellation runs through a tree of contexts.
// SPDX-License-Identifier: BSL-1.0
#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include <runnel/chan.hpp>
#include <runnel/context.hpp>
#include <runnel/go.hpp>
#include <runnel/mutex.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/contexts.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::background;
using runnel::cancel_context;
using runnel::context;
using test::canceled;
using test::is_closed;

constexpr auto never = std::chrono::hours(24 * 365);

}  // namespace

TEST_CASE("cancel reaches each descendant before it returns", "[C-254]") {
    static const runnel::context_key<int> key;
    test::expectations expected;
    test::on_workers([&] {
        const cancel_context root = with_cancel(background());
        std::vector<cancel_context> owners;
        std::vector<context> tree{root};
        for (std::size_t i = 0; i < 200; ++i) {
            const context parent = tree[i / 2];
            switch (i % 3) {
                case 0:
                    owners.push_back(with_cancel(parent));
                    tree.push_back(owners.back());
                    break;
                case 1:
                    owners.push_back(with_timeout(parent, never));
                    tree.push_back(owners.back());
                    break;
                default:
                    tree.push_back(with_value(parent, key, 1));
            }
        }
        for (const context& ctx : tree) {
            expected.check(!ctx.err() && !is_closed(ctx), "open before");
        }
        root.cancel();
        for (const context& ctx : tree) {
            expected.check(ctx.err() == canceled && is_closed(ctx), "done afterwards");
        }
    });
    expected.verify();
}

TEST_CASE("whoever sees an error finds the channel closed, and the other way round", "[C-255]") {
    const int rounds = test::scale(1500);
    test::expectations expected;
    test::on_workers([&] {
        std::atomic<int> wrong{0};
        for (int i = 0; i < rounds; ++i) {
            const cancel_context ctx =
                i % 2 == 0 ? with_cancel(background()) : with_timeout(background(), 20us);
            const context leaf = i % 3 == 0 ? context(with_cancel(ctx)) : context(ctx);
            runnel::wait_group wg;
            for (int g = 0; g < 2; ++g) {
                wg.go([&, g] {
                    for (;;) {
                        if (g == 0) {
                            if (!leaf.err()) {
                                runnel::yield();
                                continue;
                            }
                            if (!is_closed(leaf)) ++wrong;
                        } else {
                            if (!is_closed(leaf)) {
                                runnel::yield();
                                continue;
                            }
                            if (!leaf.err() || !leaf.cause()) ++wrong;
                        }
                        return;
                    }
                });
            }
            if (i % 4 < 2) runnel::yield();
            if (i % 2 == 0) ctx.cancel();
            wg.wait();
        }
        expected.check_eq(wrong.load(), 0, "seen in the wrong order");
    });
    expected.verify();
}

TEST_CASE("a parent ends its children and lets go of them", "[C-256]") {
    static const runnel::context_key<test::counted> key;
    test::expectations expected;
    test::on_workers([&] {
        const long before = test::counted::live();
        const cancel_context parent = with_cancel(background());
        const auto called = runnel::make_chan<bool>(1);
        std::optional<cancel_context> plain(with_cancel(parent));
        context valued = with_value(parent, key, test::counted(1));
        std::optional<cancel_context> timed(with_timeout(valued, never));
        auto handle = std::make_unique<runnel::stop_handle>(runnel::after_func(
            valued, [called, c = test::counted(2)] { called << (c.value == 2); }));
        expected.check(!plain->err() && !timed->err(), "open");
        parent.cancel();
        expected.check(plain->err() == canceled && valued.err() == canceled &&
                           timed->err() == canceled && *called.recv(),
                       "all ended");
        const cancel_context late = with_cancel(timed.value());
        expected.check(late.err() == canceled && is_closed(late), "born cancelled");
        // The parent keeps nothing of them.
        plain.reset();
        timed.reset();
        handle.reset();
        valued = context();
        expected.check(test::eventually([&] { return test::counted::live() == before + 1; }),
                       "but what `late` holds");
    });
    expected.verify();
}

TEST_CASE("a child that ends leaves its parent, and its parent alone", "[C-257][C-258]") {
    const int n = test::scale(100'000);
    test::expectations expected;
    test::on_workers([&] {
        const long before = test::counted::live();
        const auto armed = [] { return runnel::detail::this_scheduler().timer_count(); };
        const std::size_t armed_before = armed();
        const cancel_context parent = with_cancel(background());
        for (int i = 0; i < n; ++i) {
            const cancel_context child = with_cancel(parent);
            const cancel_context timed = with_timeout(child, never);
            auto handle = runnel::after_func(child, [c = test::counted(1)] { (void)c.value; });
            if (!handle.stop()) expected.check(false, "stopped");
            if (i % 2 == 0) timed.cancel();
            if (i % 3 == 0) child.cancel();
        }
        expected.check(!parent.err() && !is_closed(parent), "the parent is open");
        expected.check_eq(armed(), armed_before, "timers");
        expected.check_eq(test::counted::live(), before, "functions");
    });
    expected.verify();
}

TEST_CASE("a child of a cancelled parent is born done, with its cause", "[C-259]") {
    const cancel_context parent = with_cancel(background());
    parent.cancel(std::make_error_code(std::errc::broken_pipe));
    const cancel_context child = with_cancel(parent);
    CHECK(is_closed(child));
    CHECK(child.err() == canceled);
    CHECK(child.cause() == std::errc::broken_pipe);
}

TEST_CASE("a child made while its parent is cancelled is cancelled with its cause", "[C-260]") {
    const int rounds = test::scale(1000);
    test::expectations expected;
    test::on_workers([&] {
        for (int i = 0; i < rounds; ++i) {
            const cancel_context parent = with_cancel(background());
            runnel::wait_group wg;
            wg.go([&] { parent.cancel(std::make_error_code(std::errc::io_error)); });
            if (i % 2 == 0) runnel::yield();
            const cancel_context child = with_cancel(parent);
            const cancel_context timed = with_timeout(child, never);
            child.done().recv();
            timed.done().recv();
            expected.check(child.err() == canceled && timed.err() == canceled, "cancelled");
            expected.check(timed.cause() == std::errc::io_error, "its cause");
            wg.wait();
        }
    });
    expected.verify();
}

TEST_CASE("a tree whose nodes are all cancelled at once, in any order, ends", "[C-261]") {
    const int rounds = test::scale(50);
    test::expectations expected;
    test::on_workers([&] {
        std::mt19937_64 random(test::seed());
        for (int round = 0; round < rounds; ++round) {
            std::vector<cancel_context> tree;
            tree.push_back(with_cancel(background()));
            for (std::size_t i = 0; i < 100; ++i)
                tree.push_back(with_cancel(tree[random() % (i + 1)]));
            std::vector<std::size_t> order(tree.size());
            for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
            std::shuffle(order.begin(), order.end(), random);
            runnel::wait_group wg;
            for (const std::size_t i : order) wg.go([&tree, i] { tree[i].cancel(); });
            for (const cancel_context& ctx : tree) ctx.done().recv();
            wg.wait();
            for (const cancel_context& ctx : tree) {
                expected.check(ctx.err() == canceled, "cancelled");
            }
        }
    });
    expected.verify();
}

TEST_CASE("whoever is woken by a parent may cancel a child at once", "[C-262]") {
    const int rounds = test::scale(2000);
    test::expectations expected;
    test::on_workers([&] {
        runnel::mutex m;
        for (int i = 0; i < rounds; ++i) {
            const cancel_context parent = with_cancel(background());
            const cancel_context child = with_cancel(parent);
            runnel::wait_group wg;
            wg.go([&] {
                parent.done().recv();
                m.lock();
                m.unlock();
                child.cancel();
            });
            wg.add();
            auto handle = runnel::after_func(parent, [&] {
                child.cancel();
                wg.done();
            });
            m.lock();
            parent.cancel();
            m.unlock();
            child.done().recv();
            wg.wait();
            if (handle.stop()) expected.check(false, "called");
        }
        expected.check(true, "no deadlock");
    });
    expected.verify();
}

TEST_CASE("cancelling twice does nothing more", "[C-281]") {
    const cancel_context ctx = with_cancel(background());
    ctx.cancel();
    ctx.cancel();
    ctx.cancel(std::make_error_code(std::errc::io_error));
    CHECK(ctx.err() == canceled);
    CHECK(ctx.cause() == canceled);
}
