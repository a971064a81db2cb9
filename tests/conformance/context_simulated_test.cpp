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
#include "support/contexts.hpp"
#include "support/simulated.hpp"
#include "support/support.hpp"
#include "support/timers.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::background;
using runnel::cancel_context;
using runnel::clock;
using runnel::context;
using runnel::testing::explore;
using runnel::testing::simulate;
using test::armed_timers;
using test::canceled;
using test::exceeded;
using test::is_closed;
using test::on_seeds;
using test::require;
using test::stopwatch;

constexpr auto never = std::chrono::hours(24 * 365);

/// Like a context of somebody else's: it hands on what it wraps.
struct wrapper {
    context inner;
    auto done() const { return inner.done(); }
    std::error_code err() const { return inner.err(); }
};

}  // namespace

TEST_CASE("background and todo are never done", "[C-253]") {
    on_seeds([] {
        for (const context& ctx : {background(), runnel::todo()}) {
            require(!ctx.done(), "it has no channel");
            require(runnel::select(runnel::done(ctx), runnel::timeout(100 * never)) == 1,
                    "it is not done in a hundred years");
            require(!ctx.err(), "it has no error");
            require(to_string(ctx) == "background", "it is described as background");
        }
    });
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
                    require(is_closed(seen), "whoever sees the end finds the channel closed");
                    require(seen.err() && seen.cause(),
                            "whoever sees the end finds an error and a cause");
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
            require(values_seen(), "the leaf has the values before");
            if (!by_timeout) {
                runnel::sleep_for(1h - 1ns);
                require(!leaf.err() && !is_closed(leaf), "the leaf is open before");
                owners[random() % owners.size()].cancel();
                require(leaf.err() == canceled && is_closed(leaf),
                        "a layer's cancellation ends the leaf");
            } else {
                require(leaf.deadline() == deadline, "the leaf tells the earliest deadline");
                leaf.done().recv();
                require(clock::now() == deadline, "the leaf ends at the earliest deadline");
                require(leaf.err() == exceeded, "a timeout");
            }
            require(values_seen(), "the leaf has the values afterwards");
            ++ended;
        });
    }
    CHECK(ended > rounds * 9 / 10);  // but those without a layer that could end it
}

TEST_CASE("a deadline ends a context, also through a wrapper and a child", "[C-264]") {
    on_seeds([] {
        const stopwatch since;
        const cancel_context timed = with_deadline(background(), since.start() + 5ms);
        require(timed.deadline() == since.start() + 5ms, "it tells its deadline");
        const wrapper wrapped{timed};
        const cancel_context child = with_timeout(wrapped.inner, never);
        runnel::wait_group wg;
        wg.go([&] {
            child.done().recv();
            since.require_passed(5ms, "the child ends at the deadline");
            require(child.err() == exceeded, "the child's error is a timeout");
        });
        const auto r = runnel::make_chan<int>().recv(wrapped);
        since.require_passed(5ms, "recv through the wrapper ends at the deadline");
        require(r.status() == runnel::op_status::timeout, "recv through the wrapper times out");
        wg.wait();
    });
}

TEST_CASE("the earlier of two deadlines counts, and only it has a timer", "[C-265]") {
    on_seeds([] {
        const stopwatch since;
        const std::size_t before = armed_timers();
        const cancel_context outer = with_timeout(background(), 10ms);
        const cancel_context inner = with_timeout(outer, never);
        require(inner.deadline() == outer.deadline(), "the child tells its parent's deadline");
        require(armed_timers() == before + 1, "one timer for both");
        inner.done().recv();
        since.require_passed(10ms, "the child ends at its parent's deadline");
        require(inner.err() == exceeded, "a timeout");

        const cancel_context later = with_timeout(background(), never);
        const cancel_context sooner = with_timeout(later, 1ms);
        require(armed_timers() == before + 2, "a timer for each");
        sooner.done().recv();
        since.require_passed(11ms, "the child ends at its own deadline");
        require(sooner.err() == exceeded && !later.err(), "the child alone times out");
        require(armed_timers() == before + 1, "the parent's timer goes on");
        later.done().recv();
        since.require_passed(10ms + never, "the parent ends at its own deadline");
        require(armed_timers() == before, "no timer is left");
    });
}

TEST_CASE("cancelled in time it is a cancellation, at the deadline too", "[C-266]") {
    on_seeds([] {
        const cancel_context timed = with_timeout(background(), 1h);
        const cancel_context child = with_cancel(timed);
        runnel::sleep_for(1h - 1ns);
        require(!timed.err() && !child.err(), "both are open a nanosecond before");
        timed.cancel();
        require(armed_timers() == 0, "no timer is left");
        for (int i = 0; i < 2; ++i) {
            require(timed.err() == canceled && child.err() == canceled,
                    "both are cancelled, and stay so");
            runnel::sleep_for(2h);
        }
    });
}

TEST_CASE("err and cause of each way to end, and when", "[C-272]") {
    for (const test::way_to_end& r : test::ways_to_end()) {
        INFO(r.name);
        on_seeds([&] {
            const stopwatch since;
            const context ctx = r.make();
            since.require_passed(r.takes, "it takes as long as the table says");
            for (int i = 0; i < 2; ++i) {
                require(ctx.err() == r.err, "its error is as the table says");
                require(ctx.cause() == r.cause, "its cause is as the table says");
                runnel::sleep_for(2 * never);  // nothing comes later
            }
        });
    }
}

TEST_CASE("after_func: after a cancellation, after a timeout, at once", "[C-277]") {
    on_seeds([] {
        const stopwatch since;
        const auto called = runnel::make_chan<std::error_code>();
        const auto calls_on = [&](const context& ctx) {
            return runnel::after_func(ctx, [ctx, called] { called << ctx.err(); });
        };
        const cancel_context by_hand = with_cancel(background());
        calls_on(by_hand);
        require(!called.recv_for(1h), "no call before the cancellation");
        by_hand.cancel();
        require(*called.recv() == canceled, "the call finds a cancellation");
        since.require_passed(1h, "called at the cancellation");

        const cancel_context timed = with_timeout(background(), 1h);
        calls_on(timed);
        require(*called.recv() == exceeded, "the call finds a timeout");
        since.require_passed(2h, "called at the deadline");

        calls_on(by_hand);
        require(*called.recv() == canceled, "the call finds a cancellation");
        since.require_passed(2h, "called at once");
        require(!called.recv_for(1h), "no further call");
    });
}

TEST_CASE("after_func: cancel does not wait for the function", "[C-279]") {
    on_seeds([] {
        const stopwatch since;
        const cancel_context ctx = with_cancel(background());
        const auto ended = runnel::make_chan<bool>();
        static_cast<void>(runnel::after_func(ctx, [ended] {
            runnel::sleep_for(1h);
            ended << true;
        }));
        ctx.cancel();
        since.require_passed(0s, "cancel does not wait");
        require(!ended.recv_for(1h - 1ns), "the function has not ended before its hour");
        require(ended.recv().has_value(), "it ends");
        since.require_passed(1h, "it was called at once and took its hour");
    });
}
