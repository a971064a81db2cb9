// tests/conformance/context_simulated_test.cpp — what contexts do, at which moment, in whatever order of events.
// SPDX-License-Identifier: BSL-1.0
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <system_error>
#include <vector>

#include <runnel/testing.hpp>

#include <runnel/chan.hpp>
#include <runnel/context.hpp>
#include <runnel/go.hpp>
#include <runnel/select.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "conformance/context_causes.hpp"
#include "support/catch.hpp"
#include "support/simulated.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::background;
using runnel::cancel_context;
using runnel::clock;
using runnel::context;
using runnel::testing::explore;
using runnel::testing::simulate;
using test::canceled;
using test::exceeded;
using test::require;

constexpr auto never = std::chrono::hours(24 * 365);

std::size_t armed() { return runnel::detail::this_scheduler().timer_count(); }

bool is_closed(const context& ctx) {
    return ctx.done() && ctx.done().try_recv().status() == runnel::op_status::closed;
}

/// Like a context of somebody else's: it hands on what it wraps.
struct wrapper {
    context inner;
    auto done() const { return inner.done(); }
    std::error_code err() const { return inner.err(); }
};

}  // namespace

TEST_CASE("background and todo are never done", "[C-253]") {
    const auto seen = explore(10, [] {
        for (const context& ctx : {background(), runnel::todo()}) {
            require(!ctx.done(), "a channel");
            require(runnel::select(runnel::done(ctx), runnel::timeout(100 * never)) == 1, "done");
            require(!ctx.err(), "an error");
            require(to_string(ctx) == "background", "another description");
        }
    });
    CHECK(seen.seeds > 0);
}

TEST_CASE("whoever sees an error finds the channel closed, and the other way round", "[C-255]") {
    for (const bool by_deadline : {true, false}) {
        INFO("by its deadline: " << by_deadline);
        // The deadline or the cancellation and those who look share a moment: some are early, some late.
        std::atomic<int> early{0};
        std::atomic<int> late{0};
        explore(100, [&] {
            const cancel_context ctx =
                by_deadline ? with_timeout(background(), 20us) : with_cancel(background());
            const cancel_context leaf = with_cancel(ctx);
            runnel::wait_group wg;
            for (int g = 0; g < 4; ++g) {
                wg.go([&, g] {
                    runnel::sleep_for(20us);
                    const context& seen = g < 2 ? leaf : ctx;
                    if (g % 2 == 0 ? !seen.err() : !is_closed(seen)) {
                        ++early;
                        return;
                    }
                    ++late;
                    require(is_closed(seen), "an error, but the channel is open");
                    require(seen.err() && seen.cause(), "the channel is closed, but no error");
                });
            }
            runnel::sleep_for(20us);
            if (!by_deadline) ctx.cancel();
            wg.wait();
        });
        CHECK(early > 0);
        CHECK(late > 0);
    }
}

TEST_CASE("random layers: values are seen before and after, any layer ends the leaf", "[C-263]") {
    const int rounds = test::scale(200);
    struct keys {
        std::vector<std::unique_ptr<runnel::context_key<std::string>>> of_layer;
        keys() {
            for (int i = 0; i < 60; ++i) {
                of_layer.push_back(std::make_unique<runnel::context_key<std::string>>("layer"));
            }
        }
    };
    const keys k;
    int ended = 0;
    for (int round = 0; round < rounds; ++round) {
        const std::uint64_t seed = test::seed() + static_cast<std::uint64_t>(round);
        INFO("seed " << seed);
        simulate(seed, [&] {
            std::mt19937_64 random(seed);
            const auto start = clock::now();
            const bool by_timeout = round % 2 == 1;
            auto deadline = clock::time_point::max();  // of the leaf
            std::vector<cancel_context> owners;
            std::vector<std::size_t> with_values;
            context leaf;
            const auto timed = [&](std::chrono::minutes d) {
                owners.push_back(with_timeout(leaf, d));
                leaf = owners.back();
                deadline = std::min(deadline, start + d);
            };
            const std::size_t layers = 30 + random() % 30;
            for (std::size_t i = 0; i < layers; ++i) {
                switch (random() % 3) {
                    case 0:
                        leaf = with_value(leaf, *k.of_layer[i], std::to_string(i));
                        with_values.push_back(i);
                        break;
                    case 1:
                        owners.push_back(with_cancel(leaf));
                        leaf = owners.back();
                        break;
                    default:
                        timed(std::chrono::minutes(60 + random() % 60));
                }
            }
            if (by_timeout) timed(std::chrono::minutes(1 + random() % 120));
            if (owners.empty()) return;
            const auto values_seen = [&] {
                for (const std::size_t i : with_values) {
                    const std::string* v = leaf.value(*k.of_layer[i]);
                    if (v == nullptr || *v != std::to_string(i)) return false;
                }
                return true;
            };
            require(values_seen(), "no values before");
            if (!by_timeout) {
                runnel::sleep_for(1h - 1ns);
                require(!leaf.err() && !is_closed(leaf), "not open");
                owners[random() % owners.size()].cancel();
                require(leaf.err() == canceled && is_closed(leaf), "not ended by a layer");
            } else {
                require(leaf.deadline() == deadline, "not the earliest deadline");
                leaf.done().recv();
                require(clock::now() == deadline, "not at the earliest deadline");
                require(leaf.err() == exceeded, "not ended by a deadline");
            }
            require(values_seen(), "no values afterwards");
            ++ended;
        });
    }
    CHECK(ended > rounds * 9 / 10);  // but those without a layer that could end it
}

TEST_CASE("a deadline ends a context, also through a wrapper and a child", "[C-264]") {
    const auto seen = explore(50, [] {
        const auto start = clock::now();
        const cancel_context timed = with_deadline(background(), start + 5ms);
        require(timed.deadline() == start + 5ms, "another deadline");
        const wrapper wrapped{timed};
        const cancel_context child = with_timeout(wrapped.inner, never);
        runnel::wait_group wg;
        wg.go([&] {
            child.done().recv();
            require(clock::now() == start + 5ms, "a child at another moment");
            require(child.err() == exceeded, "another error of a child");
        });
        const auto r = runnel::make_chan<int>().recv(wrapped);
        require(clock::now() == start + 5ms, "a wrapper at another moment");
        require(r.status() == runnel::op_status::timeout, "another outcome through a wrapper");
        wg.wait();
    });
    CHECK(seen.seeds > 0);
}

TEST_CASE("the earlier of two deadlines counts, and only it has a timer", "[C-265]") {
    const auto seen = explore(50, [] {
        const auto start = clock::now();
        const std::size_t before = armed();
        const cancel_context outer = with_timeout(background(), 10ms);
        const cancel_context inner = with_timeout(outer, never);
        require(inner.deadline() == outer.deadline(), "not the parent's");
        require(armed() == before + 1, "not one timer");
        inner.done().recv();
        require(clock::now() == start + 10ms, "not at the parent's deadline");
        require(inner.err() == exceeded, "not a timeout");

        const cancel_context later = with_timeout(background(), never);
        const cancel_context sooner = with_timeout(later, 1ms);
        require(armed() == before + 2, "not two timers");
        sooner.done().recv();
        require(clock::now() == start + 11ms, "not at its own deadline");
        require(sooner.err() == exceeded && !later.err(), "not the child's alone");
        require(armed() == before + 1, "the parent's timer does not go on");
        later.done().recv();
        require(clock::now() == start + 10ms + never, "not at the later deadline");
        require(armed() == before, "a timer is left");
    });
    CHECK(seen.seeds > 0);
}

TEST_CASE("cancelled in time it is a cancellation, at the deadline too", "[C-266]") {
    const auto seen = explore(50, [] {
        const cancel_context timed = with_timeout(background(), 1h);
        const cancel_context child = with_cancel(timed);
        runnel::sleep_for(1h - 1ns);
        require(!timed.err() && !child.err(), "ended early");
        timed.cancel();
        require(armed() == 0, "a timer is left");
        for (int i = 0; i < 2; ++i) {
            require(timed.err() == canceled && child.err() == canceled, "not cancelled");
            runnel::sleep_for(2h);
        }
    });
    CHECK(seen.seeds > 0);
}

TEST_CASE("err and cause of each way to end, and when", "[C-272]") {
    for (const test::way_to_end& r : test::ways_to_end()) {
        INFO(r.name);
        const auto seen = explore(20, [&] {
            const auto start = clock::now();
            const context ctx = r.make();
            require(clock::now() == start + r.takes, "at another moment");
            for (int i = 0; i < 2; ++i) {
                require(ctx.err() == r.err, "another error");
                require(ctx.cause() == r.cause, "another cause");
                runnel::sleep_for(2 * never);  // nothing comes later
            }
        });
        CHECK(seen.seeds > 0);
    }
}

TEST_CASE("after_func: after a cancellation, after a timeout, at once", "[C-277]") {
    const auto seen = explore(50, [] {
        const auto start = clock::now();
        const auto called = runnel::make_chan<std::error_code>();
        const auto calls_on = [&](const context& ctx) {
            return runnel::after_func(ctx, [ctx, called] { called << ctx.err(); });
        };
        const cancel_context by_hand = with_cancel(background());
        calls_on(by_hand);
        require(!called.recv_for(1h), "called before");
        by_hand.cancel();
        require(*called.recv() == canceled, "not after a cancellation");
        require(clock::now() == start + 1h, "not at the cancellation");

        const cancel_context timed = with_timeout(background(), 1h);
        calls_on(timed);
        require(*called.recv() == exceeded, "not after a timeout");
        require(clock::now() == start + 2h, "not at the deadline");

        calls_on(by_hand);
        require(*called.recv() == canceled, "not called");
        require(clock::now() == start + 2h, "not at once");
        require(!called.recv_for(1h), "called twice");
    });
    CHECK(seen.seeds > 0);
}

TEST_CASE("after_func: cancel does not wait for the function", "[C-279]") {
    const auto seen = explore(50, [] {
        const auto start = clock::now();
        const cancel_context ctx = with_cancel(background());
        const auto ended = runnel::make_chan<bool>();
        static_cast<void>(runnel::after_func(ctx, [ended] {
            runnel::sleep_for(1h);
            ended << true;
        }));
        ctx.cancel();
        require(clock::now() == start, "cancel has waited");
        require(!ended.recv_for(1h - 1ns), "the function does not run");
        require(ended.recv().has_value(), "it does not end");
        require(clock::now() == start + 1h, "it did not run at once");
    });
    CHECK(seen.seeds > 0);
}
