// tests/debounce_simulated_test.cpp — when a burst is over, in virtual time.
// SPDX-License-Identifier: BSL-1.0
#include <chrono>

#include <runnel/testing.hpp>

#include <runnel/chan.hpp>
#include <runnel/context.hpp>
#include <runnel/debounce.hpp>
#include <runnel/go.hpp>
#include <runnel/time.hpp>

#include "support/catch.hpp"
#include "support/simulated.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::background;
using runnel::debounce;
using test::on_seeds;
using test::require;
using test::stopwatch;

TEST_CASE("the last of a burst comes when it has been quiet so long", "[debounce]") {
    on_seeds([] {
        const auto in = runnel::make_chan<int>();
        runnel::go([in] {
            for (int i = 1; i <= 9; ++i) {
                runnel::sleep_for(i % 3 == 1 ? 10s : 1s);  // bursts of three: at 10, 22 and 34 s
                in.send(i);
            }
            runnel::sleep_for(1s);
            in.close();
        });
        const stopwatch since;
        const auto out = debounce(background(), in, 2s);
        require(out.recv() == 3, "the last of the first burst");
        since.require_passed(14s, "two seconds after it");
        require(out.recv() == 6, "of the second");
        since.require_passed(26s, "likewise");
        require(out.recv() == 9, "of the third");
        since.require_passed(37s, "at once when the input ends");
        require(!out.recv(), "closed");
    });
}

TEST_CASE("an element that the reader lets wait gives way to a newer one", "[debounce]") {
    on_seeds([] {
        const auto in = runnel::make_chan<int>();
        const auto ctx = runnel::with_cancel(background());
        const auto out = debounce(ctx, in, 2s);
        in.send(1);
        runnel::sleep_for(5s);
        in.send(2);  // the first was due, and nobody took it
        const stopwatch since;
        require(out.recv() == 2, "the newer one");
        since.require_passed(2s, "when it has been quiet again");
    });
}

}  // namespace
