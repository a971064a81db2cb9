// tests/stress/context_tree_test.cpp — trees of contexts that grow, shrink, expire and are cancelled at once.
// SPDX-License-Identifier: BSL-1.0
//
//   Hunted: a child that joins a parent which is being cancelled and is forgotten; one that is being released
//   as its parent's canceller takes it off the list, or that two cancellers have on their lists; a deadline
//   that strikes a context in its destructor; a function that is both stopped and called, or neither.
#include <atomic>
#include <chrono>
#include <memory>
#include <random>
#include <stop_token>
#include <thread>
#include <vector>

#include <runnel/chan.hpp>
#include <runnel/context.hpp>
#include <runnel/go.hpp>
#include <runnel/mutex.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::background;
using runnel::cancel_context;
using runnel::context;

const runnel::context_key<test::counted> key{"counted"};

/// One of a few contexts that all may replace, cancel and derive from.
struct slot {
    runnel::mutex lock;
    context ctx;                            // guarded by lock
    std::shared_ptr<cancel_context> owner;  // guarded by lock; of ctx, if it has one

    context get() {
        lock.lock();
        context c = ctx;
        lock.unlock();
        return c;
    }
    void put(context c, std::shared_ptr<cancel_context> o) {
        lock.lock();
        std::swap(ctx, c);
        std::swap(owner, o);
        lock.unlock();
        // What was there goes here, without the lock.
    }
    std::shared_ptr<cancel_context> owner_of_it() {
        lock.lock();
        auto o = owner;
        lock.unlock();
        return o;
    }
};

struct totals {
    std::atomic<long> functions{0};
    std::atomic<long> stopped{0};
    std::atomic<long> called{0};
    std::atomic<long> wrong{0};
};

void grow_and_shrink(std::vector<slot>& slots, totals& all, std::uint64_t who, int rounds) {
    std::mt19937_64 random(test::seed() + who);
    for (int i = 0; i < rounds; ++i) {
        slot& from = slots[random() % slots.size()];
        slot& to = slots[random() % slots.size()];
        const context parent = from.get();
        switch (random() % 8) {
            case 0: {
                auto owner = std::make_shared<cancel_context>(with_cancel(parent));
                to.put(*owner, owner);
                break;
            }
            case 1: {
                const auto d = std::chrono::nanoseconds(random() % 30'000);
                auto owner = std::make_shared<cancel_context>(with_timeout(parent, d));
                to.put(*owner, owner);
                break;
            }
            case 2:
                to.put(with_value(parent, key, test::counted(1)), nullptr);
                break;
            case 3:
                to.put(context(), nullptr);
                break;
            case 4:
                if (const auto owner = from.owner_of_it()) {
                    owner->cancel();
                    if (!owner->err() ||
                        owner->done().try_recv().status() != runnel::op_status::closed) {
                        ++all.wrong;
                    }
                    // What is derived from it now is born done.
                    const cancel_context child = with_cancel(*owner);
                    if (!child.err()) ++all.wrong;
                }
                break;
            case 5: {
                // The owner of the context may be gone: this one cancels it at the end of its scope.
                const cancel_context own = with_cancel(parent);
                ++all.functions;
                auto handle = runnel::after_func(
                    own, [&all, c = test::counted(1)] { all.called += c.value; });
                if (random() % 2 == 0) runnel::yield();
                if (random() % 2 == 0 && handle.stop()) ++all.stopped;
                break;
            }
            case 6: {
                const cancel_context own =
                    with_timeout(parent, std::chrono::nanoseconds(random() % 10'000));
                std::atomic<int> seen{0};
                const std::stop_callback note(own.stop_token(), [&] { ++seen; });
                own.cancel();
                if (!own.err()) ++all.wrong;
                break;
            }
            default: {
                const cancel_context limit = with_timeout(parent, 20us);
                if (limit.done().recv()) ++all.wrong;
                if (!limit.err()) ++all.wrong;
            }
        }
        if (random() % 8 == 0) runnel::yield();
    }
}

}  // namespace

TEST_CASE("a tree that all change at once", "[stress][context]") {
    const int rounds = test::scale(10'000);
    test::expectations expected;
    test::on_workers([&] {
        const long live = test::counted::live();
        const std::size_t armed = runnel::detail::this_scheduler().timer_count();
        totals all;
        {
            std::vector<slot> slots(6);
            runnel::wait_group wg;
            for (std::uint64_t g = 0; g < 4; ++g) {
                wg.go([&, g] { grow_and_shrink(slots, all, g, rounds); });
            }
            std::thread foreign([&] { grow_and_shrink(slots, all, 50, rounds); });
            wg.wait();
            foreign.join();
        }
        expected.check_eq(all.wrong.load(), 0, "wrong answers");
        expected.check(
            test::eventually([&] { return all.stopped + all.called >= all.functions.load(); }),
            "each function is stopped or called");
        expected.check_eq(all.stopped + all.called, all.functions.load(), "and never both");
        expected.check(test::eventually([&] { return test::counted::live() == live; }),
                       "nothing is left");
        expected.check_eq(runnel::detail::this_scheduler().timer_count(), armed, "no timer either");
    });
    expected.verify();
}

TEST_CASE("children join, leave and expire while their parent is cancelled", "[stress][context]") {
    const int rounds = test::scale(500);
    test::expectations expected;
    test::on_workers([&] {
        std::atomic<long> open{0};
        for (int round = 0; round < rounds; ++round) {
            const cancel_context parent = with_cancel(background());
            std::vector<cancel_context> early;
            for (int i = 0; i < 20; ++i) early.push_back(with_cancel(parent));
            runnel::wait_group wg;
            wg.go([&] { parent.cancel(); });
            wg.go([&] { parent.cancel(); });
            wg.go([&] {
                for (int i = 0; i < 20; ++i) {
                    const cancel_context late = with_timeout(parent, std::chrono::microseconds(i));
                    const cancel_context below = with_cancel(late);
                    if (i % 4 == 0) below.done().recv();
                }
            });
            wg.go([&] {
                // From the end, as the canceller may come from the other side.
                while (early.size() > 5) early.pop_back();
            });
            wg.go([&] {
                for (std::size_t i = 0; i < 5; ++i) early[i].cancel();
            });
            wg.wait();
            for (std::size_t i = 0; i < 5; ++i) open += early[i].err() ? 0 : 1;
            open += with_cancel(parent).err() ? 0 : 1;
        }
        expected.check_eq(open.load(), 0, "contexts that stayed open");
    });
    expected.verify();
}

TEST_CASE("a function is stopped or called, whoever comes first", "[stress][context]") {
    const int rounds = test::scale(5000);
    test::expectations expected;
    test::on_workers([&] {
        std::atomic<long> stopped{0};
        std::atomic<long> called{0};
        runnel::wait_group calls;
        for (int i = 0; i < rounds; ++i) {
            const cancel_context ctx = with_cancel(background());
            calls.add();
            auto handle = runnel::after_func(ctx, [&] {
                ++called;
                calls.done();
            });
            runnel::wait_group wg;
            wg.go([&] { ctx.cancel(); });
            if (i % 2 == 0) runnel::yield();
            if (handle.stop()) {
                ++stopped;
                calls.done();
            }
            wg.wait();
        }
        calls.wait();
        expected.check_eq(stopped + called, rounds, "each once");
    });
    expected.verify();
}
