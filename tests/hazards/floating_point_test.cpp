// tests/hazards/floating_point_test.cpp — rounding mode and exception flags stay with their goroutine.
// SPDX-License-Identifier: BSL-1.0
//
//   The switch saves the floating-point control words. A goroutine that never parks never switches:
//   like a task of a thread pool it must put a changed mode back before it ends.
#include <cfenv>
#include <cmath>

#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/runtime.hpp>
#include <runnel/wait_group.hpp>

#include "hazards/migrate.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

// What the mode makes of a third, behind the compiler's back; the quotient too, or the division may be moved to where the
// mode is another.
double third() {
    volatile double one = 1.0;
    volatile double three = 3.0;
    volatile double quotient = one / three;
    return quotient;
}

class rounding {
public:
    explicit rounding(int mode) : before_(std::fegetround()) { std::fesetround(mode); }
    ~rounding() { std::fesetround(before_); }
    rounding(const rounding&) = delete;
    rounding& operator=(const rounding&) = delete;

private:
    int before_;
};

TEST_CASE("each goroutine keeps its rounding mode through parks", "[hazards][floating_point]") {
    double up = 0;
    double down = 0;
    {
        const rounding r(FE_UPWARD);
        up = third();
    }
    {
        const rounding r(FE_DOWNWARD);
        down = third();
    }
    REQUIRE(up > down);
    test::expectations expected;
    test::on_workers([&] {
        runnel::wait_group wg;
        for (int i = 0; i < 20; ++i) {
            wg.go([&, i] {
                const bool rounds_up = i % 2 == 0;
                const rounding r(rounds_up ? FE_UPWARD : FE_DOWNWARD);
                for (int k = 0; k < 50; ++k) {
                    runnel::yield();
                    expected.check(third() == (rounds_up ? up : down), "its own mode");
                }
            });
        }
        for (int k = 0; k < 50; ++k) {
            runnel::yield();
            expected.check_eq(std::fegetround(), FE_TONEAREST, "main's mode");
        }
        wg.wait();
        expected.check_eq(std::fegetround(), FE_TONEAREST, "main's mode at the end");
    });
    expected.verify();
    CHECK(std::fegetround() == FE_TONEAREST);
}

TEST_CASE("a goroutine does not begin with the mode of one that has parked",
          "[hazards][floating_point]") {
    const std::size_t before = runnel::set_max_procs(1);
    constexpr int n = 200;  // more than there are stacks with a loop on them already
    std::atomic<int> nearest{0};
    runnel::run([&] {
        runnel::wait_group wg;
        for (int i = 0; i < n; ++i) {
            wg.go([&] {
                if (std::fegetround() == FE_TONEAREST) ++nearest;
                const rounding r(FE_UPWARD);
                runnel::sleep_for(std::chrono::milliseconds(20));
            });
        }
        wg.wait();
    });
    runnel::set_max_procs(before);
    CHECK(nearest == n);
}

TEST_CASE("the mode migrates with its goroutine", "[hazards][floating_point]") {
    const std::size_t before = runnel::set_max_procs(2);
    test::expectations expected;
    runnel::run([&] {
        const rounding r(FE_UPWARD);
        for (int i = 0; i < 20; ++i) {
            test::migrate();
            expected.check_eq(std::fegetround(), FE_UPWARD, "on another thread");
        }
    });
    runnel::set_max_procs(before);
    expected.verify();
}

}  // namespace
