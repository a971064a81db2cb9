// tests/bridge_test.cpp — a channel of channels into one.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/bridge.hpp>

#include <memory>
#include <stdexcept>
#include <type_traits>

#include <runnel/transform.hpp>

#include "pipeline_support.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using runnel::background;
using runnel::bridge;
using runnel::chan;
using runnel::context;
using runnel::recv_chan;

static_assert(std::is_same_v<decltype(bridge(background(), chan<chan<int>>())), recv_chan<int>>);

TEST_CASE("bridge keeps what all stages keep", "[bridge]") {
    test::expectations expected;
    test::check_stage(expected, 2, [](const context& ctx, recv_chan<int> in) {
        return bridge(ctx, runnel::transform(ctx, in, [](int v) {
                          const auto one = runnel::make_chan<int>(1);
                          one.send(v);
                          one.close();
                          return recv_chan<int>(one);
                      }));
    });
    test::check_stage(expected, 1, [](const context& ctx, recv_chan<int> in) {
        const auto channels = runnel::make_chan<recv_chan<int>>(1);
        channels.send(in);
        channels.close();
        // Born done it receives no channel, so nothing of it either.
        return bridge(ctx, channels);
    });
}

TEST_CASE("the channels come one after the other", "[bridge]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        const auto channels = runnel::make_chan<recv_chan<int>>(3);
        const auto second = runnel::make_chan<int>(1);
        second.send(2);
        channels << recv_chan<int>(test::numbers(2)) << recv_chan<int>(second)
                 << recv_chan<int>(test::numbers(1));
        channels.close();
        const auto out = bridge(background(), channels);
        expected.check(out.recv() == 0 && out.recv() == 1, "the first");
        expected.check(out.recv() == 2, "the second");
        expected.check(test::wait_parked(1), "which is open still");
        expected.check(out.try_recv().status() == runnel::op_status::would_block, "no third yet");
        second.close();
        expected.check(out.recv() == 0, "the third");
        expected.check(!out.recv(), "closed");
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("an exception of one of the channels ends it", "[bridge]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto channels = runnel::make_chan<chan<std::unique_ptr<int>>>(2);
        const auto bad = runnel::make_chan<std::unique_ptr<int>>(1);
        bad.send(std::make_unique<int>(5));
        bad.close(std::make_exception_ptr(std::runtime_error("broken")));
        channels << bad << runnel::make_chan<std::unique_ptr<int>>();
        const auto out = bridge(background(), channels);
        expected.check_eq(**out.recv(), 5, "what came before");
        expected.check_eq(test::error_at_end(out), "broken", "then the exception");
        expected.check_eq(channels.len(), 1, "the next channel was not received");
    });
    expected.verify();
}

}  // namespace
