// tests/stress/time_model_test.cpp — stop, reset, expiry and receive in every order, against a model.
// SPDX-License-Identifier: BSL-1.0
//
//   Hunted: a timer that expires (claimed under the queue's lock) just as it is stopped or reset: its tick is
//   sent after the stop has returned; or it is taken back and also received; or a claim from before the
//   reset fires the timer early; or the queue loses the new deadline.
//
//   The model is one equation. Each arming (making a timer, each reset) ends in exactly one way: its tick
//   is received, or one stop or reset answers true. So, whoever does what at the same time:
//       received == armings - true answers
//   Deadlines lie around now, where expiry races with everything.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <random>
#include <thread>
#include <vector>

#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/select.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::clock;

std::chrono::nanoseconds around_now(std::mt19937_64& random) {
    switch (random() % 8) {
        case 0:
            return 0ns;
        case 1:
            return -1ns;
        case 2:
            return 1ns;
        case 3:
            return 1h;
        default:
            return std::chrono::nanoseconds(random() % 20'000);
    }
}

void linger(std::mt19937_64& random) {
    switch (random() % 8) {
        case 0:
            runnel::yield();
            break;
        case 1:
            runnel::sleep_for(std::chrono::nanoseconds(random() % 20'000));
            break;
        default:
            break;
    }
}

struct tally {
    std::atomic<long> armings{0};
    std::atomic<long> kept{0};      // true answers
    std::atomic<long> received{0};  // or called
    std::atomic<long> early{0};
};

}  // namespace

TEST_CASE("one controller: each tick is received or kept back, none is stale", "[stress][bug-19]") {
    const int rounds = test::scale(30'000);
    test::expectations expected;
    test::on_workers([&] {
        tally all;
        // When the last reset that has returned was called: no later receive gets an older tick.
        std::atomic<clock::duration::rep> not_before{0};
        runnel::timer t(1h);
        ++all.armings;
        std::atomic<bool> stop{false};
        runnel::wait_group receivers;
        for (int g = 0; g < 2; ++g) {
            receivers.go([&, g] {
                while (!stop) {
                    // Read before the receive: the tick may be that of a later reset, not of an earlier.
                    const auto bound = not_before.load();
                    std::optional<clock::time_point> at;
                    if (g == 0) {
                        if (const auto r = t.chan().recv_for(50us)) at = *r;
                    } else {
                        runnel::select(runnel::recv(t.chan(), at), runnel::timeout(30us));
                    }
                    if (!at) continue;
                    ++all.received;
                    if (at->time_since_epoch().count() < bound) ++all.early;
                }
            });
        }
        std::mt19937_64 random(test::seed());
        for (int i = 0; i < rounds; ++i) {
            const auto d = around_now(random);
            const auto start = clock::now();
            const bool kept = random() % 4 == 0 ? t.stop() : [&] {
                ++all.armings;
                const bool was = t.reset(d);
                not_before = start.time_since_epoch().count();
                return was;
            }();
            if (kept) ++all.kept;
            linger(random);
        }
        if (t.stop()) ++all.kept;
        stop = true;
        receivers.wait();
        expected.check(!t.chan().try_recv(), "nothing is left");
        expected.check_eq(all.received.load(), all.armings - all.kept, "received");
        expected.check_eq(all.early.load(), 0, "stale or early ticks");
        expected.check(all.received > 0 && all.kept > 0, "both ways happened");
    });
    expected.verify();
}

TEST_CASE("many controllers of a few timers, goroutines and threads", "[stress][bug-19][bug-21]") {
    const int rounds = test::scale(8000);
    test::expectations expected;
    test::on_workers([&] {
        tally all;
        std::vector<runnel::timer> timers;
        for (int i = 0; i < 3; ++i) {
            timers.emplace_back(1h);
            ++all.armings;
        }
        const auto control = [&](std::uint64_t who) {
            std::mt19937_64 random(test::seed() + who);
            for (int i = 0; i < rounds; ++i) {
                runnel::timer& t = timers[random() % timers.size()];
                switch (random() % 4) {
                    case 0:
                        if (t.stop()) ++all.kept;
                        break;
                    case 1:
                        if (t.chan().try_recv()) ++all.received;
                        break;
                    default:
                        ++all.armings;
                        if (t.reset(around_now(random))) ++all.kept;
                }
                linger(random);
            }
        };
        runnel::wait_group wg;
        for (std::uint64_t g = 0; g < 4; ++g) wg.go([&, g] { control(g); });
        std::thread foreign([&] { control(100); });
        wg.wait();
        foreign.join();
        for (runnel::timer& t : timers) {
            if (t.stop()) ++all.kept;
            expected.check(!t.chan().try_recv(), "nothing is left");
        }
        expected.check_eq(all.received.load(), all.armings - all.kept, "received");
    });
    expected.verify();
}

TEST_CASE("a function is called once for each arming that was not kept back", "[stress][bug-19]") {
    const int rounds = test::scale(8000);
    test::expectations expected;
    test::on_workers([&] {
        tally all;
        std::vector<runnel::timer> timers;
        for (int i = 0; i < 3; ++i) {
            timers.push_back(runnel::after_func(1h, [&] { ++all.received; }));
            ++all.armings;
        }
        const auto control = [&](std::uint64_t who) {
            std::mt19937_64 random(test::seed() + who);
            for (int i = 0; i < rounds; ++i) {
                runnel::timer& t = timers[random() % timers.size()];
                if (random() % 3 == 0) {
                    if (t.stop()) ++all.kept;
                } else {
                    ++all.armings;
                    if (t.reset(around_now(random))) ++all.kept;
                }
                linger(random);
            }
        };
        runnel::wait_group wg;
        for (std::uint64_t g = 0; g < 4; ++g) wg.go([&, g] { control(g); });
        std::thread foreign([&] { control(100); });
        wg.wait();
        foreign.join();
        for (runnel::timer& t : timers) {
            if (t.stop()) ++all.kept;
        }
        const long owed = all.armings - all.kept;
        expected.check(test::eventually([&] { return all.received >= owed; }), "all are called");
        expected.check_eq(all.received.load(), owed, "and none twice");
    });
    expected.verify();
}

TEST_CASE("a ticker that is reset and stopped at any time ticks on after the last reset",
          "[stress][bug-19]") {
    const int rounds = test::scale(5000);
    test::expectations expected;
    test::on_workers([&] {
        runnel::ticker t(1h);
        std::atomic<bool> stop{false};
        std::atomic<long> ticks{0};
        runnel::wait_group receivers;
        for (int g = 0; g < 2; ++g) {
            receivers.go([&] {
                while (!stop) ticks += t.chan().recv_for(100us) ? 1 : 0;
            });
        }
        std::mt19937_64 random(test::seed());
        for (int i = 0; i < rounds; ++i) {
            if (random() % 4 == 0) {
                t.stop();
                expected.check(!t.chan().try_recv(), "no tick once it is stopped");
            } else {
                t.reset(std::chrono::nanoseconds(1 + random() % 10'000));
            }
            linger(random);
        }
        t.reset(20us);
        const long before = ticks;
        expected.check(test::eventually([&] { return ticks > before + 10; }), "it ticks on");
        stop = true;
        receivers.wait();
    });
    expected.verify();
}
