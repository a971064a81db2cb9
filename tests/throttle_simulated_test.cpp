// tests/throttle_simulated_test.cpp — when which element comes, in virtual time.
// SPDX-License-Identifier: BSL-1.0
#include <chrono>

#include <runnel/testing.hpp>

#include <runnel/chan.hpp>
#include <runnel/context.hpp>
#include <runnel/go.hpp>
#include <runnel/throttle.hpp>
#include <runnel/time.hpp>

#include "support/catch.hpp"
#include "support/simulated.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::background;
using runnel::throttle;
using test::on_seeds;
using test::require;
using test::stopwatch;

/// An element each second, from 1 to `n`, the first one after a second.
runnel::recv_chan<int> each_second(int n) {
    const auto in = runnel::make_chan<int>();
    runnel::go([in, n] {
        for (int i = 1; i <= n; ++i) {
            runnel::sleep_for(1s);
            in.send(i);
        }
        in.close();
    });
    return in;
}

TEST_CASE("one each period, the latest there is", "[throttle]") {
    on_seeds([] {
        const stopwatch since;
        const auto out = throttle(background(), each_second(8), 2300ms);
        require(out.recv() == 1, "the first");
        since.require_passed(1s, "at once");
        require(out.recv() == 3, "the latest");
        since.require_passed(3300ms, "a period later");
        require(out.recv() == 5, "the latest");
        since.require_passed(5600ms, "a period later");
        require(out.recv() == 7, "the latest");
        since.require_passed(7900ms, "a period later");
        require(out.recv() == 8, "the last");
        since.require_passed(10200ms, "when its time has come, though the input has ended");
        require(!out.recv(), "closed");
    });
}

TEST_CASE("after a pause the next one comes at once", "[throttle]") {
    on_seeds([] {
        const auto in = runnel::make_chan<int>();
        const auto ctx = runnel::with_cancel(background());
        const auto out = throttle(ctx, in, 1s);
        in.send(1);
        require(out.recv() == 1, "the first");
        runnel::sleep_for(10s);
        const stopwatch since;
        in.send(2);
        require(out.recv() == 2, "the second");
        since.require_passed(0s, "at once");
        in.send(3);
        require(out.recv() == 3, "the third");
        since.require_passed(1s, "a period later");
    });
}

TEST_CASE("behind a limiter all elements come, later", "[throttle]") {
    on_seeds([] {
        runnel::rate_limiter limiter(3s, 2);
        const stopwatch since;
        const auto out = throttle(background(), each_second(4), limiter);
        for (int i = 1; i <= 4; ++i) {
            require(out.recv() == i, "in order");
            since.require_passed(i <= 2 ? i * 1s : (i - 2) * 3s + 1s, "when there is a token");
        }
    });
}

TEST_CASE("behind a limiter that has nothing before the deadline the output ends with the context",
          "[throttle]") {
    on_seeds([] {
        runnel::rate_limiter limiter(2s);
        const auto ctx = runnel::with_timeout(background(), 1s);
        const stopwatch since;
        const auto in = runnel::make_chan<int>(3);
        for (int i = 1; i <= 3; ++i) in.send(i);
        const auto out = throttle(ctx, in, limiter);
        require(out.recv() == 1, "the first");
        require(!out.recv(), "closed");
        since.require_passed(1s, "when the context is done");
        require(ctx.err() == runnel::errc::deadline_exceeded, "so the reader knows why");
        require(in.len() == 1, "one was on its way");
    });
}

}  // namespace
