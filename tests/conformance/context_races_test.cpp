// tests/conformance/context_races_test.cpp — contexts that are cancelled, made and dropped at the same time.
// SPDX-License-Identifier: BSL-1.0
#include <algorithm>
#include <random>
#include <vector>

#include <runnel/chan.hpp>
#include <runnel/context.hpp>
#include <runnel/go.hpp>
#include <runnel/sync.hpp>
#include <runnel/time.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

using namespace std::chrono_literals;

namespace {

const runnel::context_key<int> depth_key{"depth"};

bool is_closed(const runnel::recv_chan<runnel::unit>& c) {
    return c.try_recv().status() == runnel::op_status::closed;
}

}  // namespace

TEST_CASE("whoever sees an error sees done closed, and the other way round", "[C-255][C-273]") {
    test::expectations expect;
    test::on_workers([&] {
        const int rounds = test::scale(3000);
        for (int i = 0; i < rounds; ++i) {
            auto ctx = runnel::with_cancel(runnel::background());
            const auto done = ctx.done();
            std::atomic<int> wrong{0};
            runnel::wait_group wg;
            wg.go([&] {
                while (!ctx.err()) runnel::yield();
                if (!is_closed(done)) ++wrong;
                if (ctx.cause() != std::make_error_code(std::errc::io_error)) ++wrong;
            });
            wg.go([&] {
                done.recv();
                if (ctx.err() != runnel::errc::canceled) ++wrong;
                if (!ctx.cause()) ++wrong;
            });
            wg.go([&] { ctx.cancel(std::make_error_code(std::errc::io_error)); });
            wg.wait();
            if (wrong != 0) expect.check(false, "err and done disagree");
        }
        expect.check(true, "done");
    });
    expect.verify();
}

TEST_CASE("two cancel a tree at once, and whoever comes back finds all of it done", "[C-261]") {
    test::expectations expect;
    test::on_workers([&] {
        const int rounds = test::scale(3000);
        for (int i = 0; i < rounds; ++i) {
            auto root = runnel::with_cancel(runnel::background());
            auto middle = runnel::with_cancel(root);
            auto last = runnel::with_cancel(middle);
            auto stop = runnel::after_func(last, [] {});
            const auto values = runnel::make_chan<int>();
            std::atomic<int> wrong{0};
            std::atomic<int> stopped{0};
            runnel::wait_group wg;
            wg.go([&] {  // waits, or comes when it is done: the value is sent later in any case
                if (values.recv(last).status() != runnel::op_status::canceled) ++wrong;
            });
            for (int k = 0; k < 2; ++k) {
                wg.go([&, k] {
                    (k == 0 || i % 2 == 0 ? root : middle).cancel();
                    if (!middle.err() || !last.err()) ++wrong;
                    values.try_send(1);
                    if (k == 0 && stop.stop()) ++stopped;
                });
            }
            wg.wait();
            if (wrong != 0) expect.check(false, "something was not done");
            if (stopped != 0) expect.check(false, "a function of it was stopped");
        }
        expect.check(true, "done");
    });
    expect.verify();
}

TEST_CASE("a child made while its parent is cancelled is cancelled, too, with its cause",
          "[C-260]") {
    test::expectations expect;
    test::on_workers([&] {
        const int rounds = test::scale(3000);
        for (int i = 0; i < rounds; ++i) {
            auto parent = runnel::with_cancel(runnel::background());
            runnel::wait_group wg;
            wg.go([&] { parent.cancel(std::make_error_code(std::errc::io_error)); });
            auto child = runnel::with_cancel(parent);
            wg.wait();
            child.done().recv();
            if (child.cause() != std::make_error_code(std::errc::io_error)) {
                expect.check(false, "another cause");
            }
        }
        expect.check(true, "done");
    });
    expect.verify();
}

TEST_CASE("a hundred contexts of one tree are cancelled at once, in any order", "[C-261]") {
    test::expectations expect;
    std::mt19937_64 random(test::seed());
    INFO("RUNNEL_SEED=" << test::seed());
    test::on_workers([&] {
        const int rounds = test::scale(100);
        for (int i = 0; i < rounds; ++i) {
            std::vector<runnel::cancel_context> tree;
            tree.push_back(runnel::with_cancel(runnel::background()));
            for (int k = 1; k < 100; ++k) {
                tree.push_back(runnel::with_cancel(tree[random() % tree.size()]));
            }
            std::vector<std::size_t> order(tree.size());
            for (std::size_t k = 0; k < order.size(); ++k) order[k] = k;
            std::shuffle(order.begin(), order.end(), random);
            runnel::wait_group wg;
            for (const std::size_t k : order) {
                wg.go([&tree, k] { tree[k].cancel(); });
            }
            for (const auto& c : tree) c.done().recv();
            wg.wait();
        }
        expect.check(true, "all done");
    });
    expect.verify();
}

TEST_CASE("a goroutine that cancels a child when the parent is done does not deadlock", "[C-262]") {
    test::expectations expect;
    test::on_workers([&] {
        for (int i = 0; i < test::scale(1000); ++i) {
            auto parent = runnel::with_cancel(runnel::background());
            auto child = runnel::with_cancel(parent);
            runnel::wait_group wg;
            wg.go([&] {
                parent.done().recv();
                child.cancel();
            });
            parent.cancel();
            child.done().recv();
            wg.wait();
        }
        expect.check(true, "done");
    });
    expect.verify();
}

TEST_CASE("random layers of values, cancels and deadlines: cancelling any layer ends the leaf",
          "[C-263]") {
    test::expectations expect;
    std::mt19937_64 random(test::seed());
    INFO("RUNNEL_SEED=" << test::seed());
    test::on_workers([&] {
        for (int round = 0; round < test::scale(200); ++round) {
            std::vector<runnel::cancel_context> owners;
            runnel::context leaf = runnel::background();
            int last_value = -1;
            for (int layer = 0; layer < 40; ++layer) {
                switch (random() % 3) {
                    case 0:
                        owners.push_back(runnel::with_cancel(leaf));
                        leaf = owners.back();
                        break;
                    case 1:
                        owners.push_back(runnel::with_timeout(leaf, 1h));
                        leaf = owners.back();
                        break;
                    default:
                        leaf = runnel::with_value(leaf, depth_key, layer);
                        last_value = layer;
                }
            }
            const auto value_is_right = [&] {
                const int* v = leaf.value(depth_key);
                return last_value < 0 ? v == nullptr : v != nullptr && *v == last_value;
            };
            if (!value_is_right() || leaf.err()) expect.check(false, "before");
            if (owners.empty()) continue;
            owners[random() % owners.size()].cancel();
            if (!value_is_right() || leaf.err() != runnel::errc::canceled) {
                expect.check(false, "after");
            }
        }
        expect.check(true, "done");
    });
    expect.verify();
}

TEST_CASE("children that come and go leave nothing with a parent that stays", "[C-257]") {
    test::expectations expect;
    test::on_workers([&] {
        auto parent = runnel::with_cancel(runnel::background());
        const auto timers = runnel::stats().timers;
        std::vector<runnel::context> kept;
        for (int i = 0; i < test::scale(100000); ++i) {
            auto child = runnel::with_timeout(parent, 1h);
            if (i % 1000 == 0) kept.push_back(child);
        }
        expect.check_eq(runnel::stats().timers, timers, "no timer stays");
        for (const auto& c : kept) {
            if (!c.err()) expect.check(false, "a child that was cancelled is open");
        }
        expect.check(!parent.err(), "the parent is open");
    });
    expect.verify();
}
