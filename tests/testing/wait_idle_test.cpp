// tests/testing/wait_idle_test.cpp — wait_idle orders memory: what the others did is seen.
// SPDX-License-Identifier: BSL-1.0
//
//   For the thread sanitizer, which knows the goroutines of a simulation as it knows any others.
#include <runnel/testing.hpp>

#include <vector>

#include <runnel/chan.hpp>
#include <runnel/go.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

TEST_CASE("what the others did before they waited is seen", "[testing][C-381]") {
    int seen = 0;
    runnel::testing::explore(20, [&] {
        std::vector<int> steps(3, 0);  // plain
        const auto ch = runnel::make_chan<int>();
        const auto end = runnel::make_chan<int>();
        for (int& step : steps) {
            runnel::go([&step, ch, end] {
                step = 1;
                runnel::yield();
                step = 2;
                ch.recv();
                step = 3;
                end.recv();
                step = 4;
            });
        }
        const auto all_at = [&](int n) {
            for (const int step : steps) {
                if (step == n) ++seen;
            }
        };
        runnel::testing::wait_idle();
        all_at(2);
        ch.close();
        runnel::testing::wait_idle();
        all_at(3);
        end.close();
        runnel::testing::wait_idle();  // they have ended
        all_at(4);
    });
    CHECK(seen == 20 * 9);
}

}  // namespace
