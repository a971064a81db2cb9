// tests/batch_simulated_test.cpp — batches by time, in virtual time.
// SPDX-License-Identifier: BSL-1.0
#include <chrono>
#include <vector>

#include <runnel/testing.hpp>

#include <runnel/batch.hpp>
#include <runnel/chan.hpp>
#include <runnel/context.hpp>
#include <runnel/go.hpp>
#include <runnel/time.hpp>

#include "support/catch.hpp"
#include "support/simulated.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::background;
using runnel::batch;
using test::on_seeds;
using test::require;
using test::stopwatch;

TEST_CASE("a batch is sent max_wait after its first element", "[batch]") {
    on_seeds([] {
        const auto in = runnel::make_chan<int>();
        runnel::go([in] {
            for (int i = 0; i < 3; ++i) {
                runnel::sleep_for(4s);  // at 4 s, 8 s, 12 s
                in.send(i);
            }
            runnel::sleep_for(100s);
            in.close();
        });
        const stopwatch since;
        const auto out = batch(background(), in, 10, 5s);
        require(out.recv() == std::vector{0, 1}, "the first two");
        since.require_passed(9s, "five seconds after the first");
        require(out.recv() == std::vector{2}, "the third");
        since.require_passed(17s, "five seconds after it");
        require(!out.recv(), "no empty batch");
        since.require_passed(112s, "closed with the input");
    });
}

TEST_CASE("a full batch does not wait", "[batch]") {
    on_seeds([] {
        const auto in = runnel::make_chan<int>();
        runnel::go([in] {
            for (int i = 0; i < 4; ++i) {
                runnel::sleep_for(1s);
                in.send(i);
            }
            in.close();
        });
        const stopwatch since;
        const auto out = batch(background(), in, 2, 10s);
        require(out.recv() == std::vector{0, 1}, "the first two");
        since.require_passed(2s, "when the second has come");
        require(out.recv() == std::vector{2, 3}, "the other two");
        since.require_passed(4s, "likewise");
    });
}

TEST_CASE("the wait of a batch begins anew while the reader lets the last one wait", "[batch]") {
    on_seeds([] {
        const auto ctx = runnel::with_cancel(background());
        const auto in = runnel::make_chan<int>(10);
        for (int i = 0; i < 3; ++i) in.send(i);
        const auto out = batch(ctx, in, 2, 5s);
        runnel::sleep_for(20s);
        require(in.len() == 1, "nothing is received meanwhile");
        const stopwatch since;
        require(out.recv() == std::vector{0, 1}, "the first two");
        require(out.recv() == std::vector{2}, "the third");
        since.require_passed(5s, "five seconds after it was received");
    });
}

TEST_CASE("with no time to wait a batch has what is there", "[batch]") {
    on_seeds([] {
        const auto ctx = runnel::with_cancel(background());
        const auto in = runnel::make_chan<int>(3);
        for (int i = 0; i < 3; ++i) in.send(i);
        const stopwatch since;
        const auto out = batch(ctx, in, 10, 0s);
        require(out.recv() == std::vector{0, 1, 2}, "all three");
        since.require_passed(0s, "at once");
    });
}

TEST_CASE("a deadline drops what a batch has collected", "[batch]") {
    on_seeds([] {
        const auto ctx = runnel::with_timeout(background(), 3s);
        const auto in = runnel::make_chan<int>(1);
        in.send(1);
        const stopwatch since;
        require(!batch(ctx, in, 10, 5s).recv(), "closed");
        since.require_passed(3s, "by the deadline");
    });
}

}  // namespace
