// tests/conformance/rate_limiter_test.cpp — golang.org/x/time/rate restated, in virtual time.
// SPDX-License-Identifier: BSL-1.0
//
//   Go's tables name moments a tenth of a second apart, one token each at ten a second. They are kept, so that the
//   numbers can be compared; what happens at one of them is done by a script, which sleeps until then.
#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <runnel/testing.hpp>

#include <runnel/context.hpp>
#include <runnel/go.hpp>
#include <runnel/rate_limiter.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/simulated.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::op_status;
using runnel::rate_limiter;
using test::on_seeds;
using test::require;
using test::stopwatch;

constexpr auto step = 100ms;

/// Moments in steps since it was made.
class script {
public:
    void at(int moment) const { runnel::sleep_until(since_.start() + moment * step); }
    int now() const { return static_cast<int>(since_.passed() / step); }

    void allows(rate_limiter& limiter, int moment, std::size_t n, bool expected) const {
        at(moment);
        require(limiter.allow(n) == expected,
                "allow(" + std::to_string(n) + ") at " + std::to_string(moment));
    }
    /// `acts` is when the reservation may act; nothing for one that cannot be.
    rate_limiter::reservation reserves(rate_limiter& limiter, int moment, std::size_t n,
                                       std::optional<int> acts) const {
        at(moment);
        auto r = limiter.reserve(n);
        const std::string what = "reserve(" + std::to_string(n) + ") at " + std::to_string(moment);
        require(r.ok() == acts.has_value(), what);
        if (acts) {
            require(r.time_to_act() == since_.start() + *acts * step &&
                        r.delay() == (*acts - moment) * step,
                    what + ", when to act");
        } else {
            require(r.delay() == runnel::duration::max(), what + ", never");
        }
        return r;
    }
    void cancels(rate_limiter::reservation& r, int moment) const {
        at(moment);
        r.cancel();
    }
    /// From now on.
    void waits(rate_limiter& limiter, const runnel::context& ctx, std::size_t n, int steps,
               op_status expected) const {
        const stopwatch waiting;
        require(limiter.wait(ctx, n) == expected, "wait(" + std::to_string(n) + ")");
        waiting.require_passed(steps * step, "wait(" + std::to_string(n) + ")");
    }

private:
    stopwatch since_;
};

struct asked {
    int moment;
    std::size_t n;
    bool allowed;
};

TEST_CASE("a bucket of one", "[C-339]") {
    on_seeds([] {
        rate_limiter limiter(step, 1);
        const script t;
        for (const asked& a : std::vector<asked>{{0, 1, true},
                                                 {0, 1, false},
                                                 {0, 1, false},
                                                 {1, 1, true},
                                                 {1, 1, false},
                                                 {1, 1, false},
                                                 {2, 2, false},  // more than there can be
                                                 {2, 1, true},
                                                 {2, 1, false}}) {
            t.allows(limiter, a.moment, a.n, a.allowed);
        }
    });
}

TEST_CASE("a bucket of three", "[C-339]") {
    on_seeds([] {
        rate_limiter limiter(step, 3);
        const script t;
        for (const asked& a : std::vector<asked>{{0, 2, true},
                                                 {0, 2, false},
                                                 {0, 1, true},
                                                 {0, 1, false},
                                                 {1, 4, false},
                                                 {2, 1, true},
                                                 {3, 1, true},
                                                 {4, 1, true},
                                                 {4, 1, true},
                                                 {4, 1, false},
                                                 {4, 1, false},
                                                 {9, 3, true},
                                                 {9, 0, true}}) {
            t.allows(limiter, a.moment, a.n, a.allowed);
        }
    });
}

TEST_CASE("a full bucket lets one pass, whatever the rate", "[C-341]") {
    on_seeds(
        [] {
            for (const double rate : {0.7692307692307693, 1.0 / 3, 3.0, 7.0, 1e9 / 7, 1e-6}) {
                auto limiter = rate_limiter::per_second(rate, 1);
                require(limiter.allow(), "one");
            }
            // And none is lost on the way.
            auto limiter = rate_limiter::per_second(3, 1);
            for (int i = 0; i < 1000; ++i) {
                limiter.wait();
                const auto interval = limiter.interval();
                require(limiter.reserve().delay() == interval, "to the nanosecond");
                runnel::sleep_for(interval);
            }
        },
        1);
}

TEST_CASE("of fifteen at once the burst passes", "[C-342]") {
    on_seeds([] {
        rate_limiter limiter(1s, 5);
        std::vector<char> passed(15, 0);
        runnel::wait_group wg;
        for (char& mine : passed) wg.go([&] { mine = limiter.allow() ? 1 : 0; });
        wg.wait();
        int n = 0;
        for (const char one : passed) n += one;
        require(n == 5, "the burst");
    });
}

TEST_CASE("in the long run it is the rate", "[C-342]") {
    on_seeds(
        [] {
            auto limiter = rate_limiter::per_second(100, 100);
            const stopwatch since;
            long passed = 0;
            while (since.passed() <= 5s) {
                passed += limiter.allow() ? 1 : 0;
                runnel::sleep_for(2ms);
            }
            require(passed == 100 + 500, "the burst, and a hundred a second");
        },
        1);
}

TEST_CASE("reservations queue", "[C-343]") {
    on_seeds([] {
        rate_limiter limiter(step, 2);
        const script t;
        static_cast<void>(t.reserves(limiter, 0, 2, 0));
        static_cast<void>(t.reserves(limiter, 0, 2, 2));
        static_cast<void>(t.reserves(limiter, 3, 2, 4));
    });
}

TEST_CASE("who may not wait does not take what was reserved", "[C-343]") {
    on_seeds([] {
        rate_limiter limiter(step, 2);
        const script t;
        static_cast<void>(t.reserves(limiter, 0, 3, std::nullopt));
        static_cast<void>(t.reserves(limiter, 0, 2, 0));
        t.allows(limiter, 1, 2, false);
        static_cast<void>(t.reserves(limiter, 1, 2, 2));
        t.allows(limiter, 1, 1, false);
        t.allows(limiter, 3, 1, true);
    });
}

TEST_CASE("a reservation goes no further into the future than its context", "[C-343]") {
    on_seeds([] {
        rate_limiter limiter(step, 2);
        const script t;
        t.allows(limiter, 0, 2, true);
        const auto ctx = runnel::with_timeout(runnel::background(), step + 1ns);
        const auto other = runnel::with_timeout(runnel::background(), step + 1ns);
        runnel::wait_group wg;
        wg.go([&] { t.waits(limiter, ctx, 1, 1, op_status::ok); });
        wg.go([&] {
            while (limiter.reserve(0).delay() == 0s) runnel::yield();  // until that one is in front
            t.waits(limiter, other, 1, 0, op_status::timeout);
        });
        wg.wait();
    });
}

TEST_CASE("a change of the rate or of the burst spares what is reserved", "[C-343][C-346]") {
    on_seeds([] {
        rate_limiter limiter(2 * step, 2);
        const script t;
        static_cast<void>(t.reserves(limiter, 0, 2, 0));
        static_cast<void>(t.reserves(limiter, 0, 2, 4));
        t.at(2);
        limiter.set_interval(step);
        static_cast<void>(t.reserves(limiter, 2, 1, 4));
    });
    on_seeds([] {
        rate_limiter limiter(2 * step, 2);
        const script t;
        static_cast<void>(t.reserves(limiter, 0, 2, 0));
        static_cast<void>(t.reserves(limiter, 0, 2, 4));
        t.at(3);
        limiter.set_burst(4);
        static_cast<void>(t.reserves(limiter, 3, 4, 12));
    });
}

TEST_CASE("nothing comes back of a reservation that was refused", "[C-344]") {
    on_seeds([] {
        rate_limiter limiter(step, 2);
        const script t;
        static_cast<void>(t.reserves(limiter, 0, 2, 0));
        auto r = t.reserves(limiter, 0, 3, std::nullopt);
        t.cancels(r, 0);
        static_cast<void>(t.reserves(limiter, 0, 2, 2));
    });
}

TEST_CASE("the last reservation gives back all, unless it is too late", "[C-344]") {
    on_seeds([] {
        rate_limiter limiter(step, 2);
        const script t;
        static_cast<void>(t.reserves(limiter, 0, 2, 0));
        auto r = t.reserves(limiter, 0, 2, 2);
        t.cancels(r, 1);
        static_cast<void>(t.reserves(limiter, 1, 2, 2));
    });
    on_seeds([] {
        rate_limiter limiter(step, 2);
        const script t;
        static_cast<void>(t.reserves(limiter, 0, 2, 0));
        auto r = t.reserves(limiter, 0, 2, 2);
        t.cancels(r, 3);
        static_cast<void>(t.reserves(limiter, 3, 2, 4));
    });
}

TEST_CASE("what others have reserved behind it does not come back", "[C-344]") {
    on_seeds([] {
        rate_limiter limiter(step, 2);
        const script t;
        static_cast<void>(t.reserves(limiter, 0, 2, 0));
        auto r = t.reserves(limiter, 0, 1, 1);
        static_cast<void>(t.reserves(limiter, 0, 1, 2));
        t.cancels(r, 0);  // nothing
        static_cast<void>(t.reserves(limiter, 0, 1, 3));
    });
    on_seeds([] {
        rate_limiter limiter(step, 2);
        const script t;
        static_cast<void>(t.reserves(limiter, 0, 2, 0));
        auto r = t.reserves(limiter, 0, 2, 2);
        static_cast<void>(t.reserves(limiter, 0, 1, 3));
        t.cancels(r, 2);  // one, at the last moment
        static_cast<void>(t.reserves(limiter, 2, 2, 4));
    });
}

TEST_CASE("cancelled from the last to the first all comes back", "[C-344]") {
    on_seeds([] {
        rate_limiter limiter(step, 4);
        const script t;
        static_cast<void>(t.reserves(limiter, 0, 4, 0));
        auto a = t.reserves(limiter, 0, 3, 3);
        static_cast<void>(t.reserves(limiter, 0, 1, 4));
        auto c = t.reserves(limiter, 0, 1, 5);
        t.cancels(c, 1);  // one
        t.cancels(a, 1);  // two, as if c had never been
        static_cast<void>(t.reserves(limiter, 1, 3, 5));
    });
}

TEST_CASE("after a change of the rate it is the tokens that come back", "[C-344]") {
    on_seeds([] {
        rate_limiter limiter(2 * step, 2);
        const script t;
        static_cast<void>(t.reserves(limiter, 0, 2, 0));
        auto r = t.reserves(limiter, 0, 2, 4);
        t.at(2);
        limiter.set_interval(step);
        t.cancels(r, 2);  // two tokens, not the time they took
        static_cast<void>(t.reserves(limiter, 2, 2, 3));
    });
}

TEST_CASE("a wait takes its tokens or tells why not", "[C-345]") {
    on_seeds([] {
        rate_limiter limiter(step, 3);
        const script t;
        const auto ended = runnel::with_cancel(runnel::background());
        ended.cancel();
        t.waits(limiter, ended, 1, 0, op_status::canceled);
        bool refused = false;
        try {
            static_cast<void>(limiter.wait(runnel::background(), 4));
        } catch (const std::invalid_argument&) {
            refused = true;
        }
        require(refused && t.now() == 0, "more than the burst");
        t.waits(limiter, runnel::background(), 2, 0, op_status::ok);
        t.waits(limiter, runnel::background(), 3, 2, op_status::ok);
    });
}

TEST_CASE("a wait that is cancelled leaves its tokens", "[C-345]") {
    on_seeds([] {
        rate_limiter limiter(step, 3);
        const script t;
        const auto ctx = runnel::with_cancel(runnel::background());
        t.waits(limiter, ctx, 2, 0, op_status::ok);
        runnel::go([&] {
            t.at(1);
            ctx.cancel();
        });
        t.waits(limiter, ctx, 3, 1, op_status::canceled);
        require(limiter.tokens() == 2, "one was left, one has come");
        t.waits(limiter, runnel::background(), 2, 0, op_status::ok);
    });
}

TEST_CASE("a wait beyond its deadline is told at once and takes nothing", "[C-345]") {
    on_seeds([] {
        rate_limiter limiter(step, 3);
        const script t;
        const auto ctx = runnel::with_timeout(runnel::background(), step);
        t.waits(limiter, ctx, 2, 0, op_status::ok);
        t.waits(limiter, ctx, 3, 0, op_status::timeout);
        require(limiter.tokens() == 1, "what was left");
    });
}

TEST_CASE("without a limit nobody waits", "[C-345]") {
    on_seeds([] {
        rate_limiter limiter(0s);
        const script t;
        t.waits(limiter, runnel::with_timeout(runnel::background(), step), 3, 0, op_status::ok);
    });
}

TEST_CASE("where none ever comes the burst is all, until that changes", "[C-346]") {
    on_seeds([] {
        rate_limiter limiter(runnel::duration::max());
        const script t;
        t.allows(limiter, 0, 1, true);
        t.allows(limiter, 0, 1, false);
        t.allows(limiter, 100, 1, false);
        limiter.set_interval(step);
        t.waits(limiter, runnel::with_timeout(runnel::background(), 10 * step), 1, 1,
                op_status::ok);
    });
}

TEST_CASE("a tiny rate gives the burst, too", "[C-346]") {
    on_seeds([] {
        auto limiter = rate_limiter::per_second(1e-8, 1);
        const script t;
        t.allows(limiter, 0, 1, true);
        t.allows(limiter, 0, 1, false);
        t.allows(limiter, 10, 1, false);
    });
}

}  // namespace
