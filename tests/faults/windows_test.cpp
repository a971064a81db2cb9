// tests/faults/windows_test.cpp — what others may do in a window that is held open.
// SPDX-License-Identifier: BSL-1.0
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include <runnel/runnel.hpp>

#include "support/catch.hpp"
#include "support/faults.hpp"
#include "support/support.hpp"

namespace {

TEST_CASE("shared_mutex: a reader that comes late does not get what was meant for an earlier one",
          "[faults][shared_mutex][late_reader]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::shared_mutex m;
        m.lock();
        // A reader comes while a writer holds it, and is held up before it has asked what it gets.
        test::held_at window("shared_mutex.ask");
        std::thread early([&] {
            m.lock_shared();
            m.unlock_shared();
        });
        expected.check(test::eventually([&] { return window.reached(); }), "it came");
        // Another writer waits; the first one unlocks. Now it is the early reader's, then that writer's.
        runnel::wait_group written;
        written.go([&] {
            m.lock();
            m.unlock();
        });
        expected.check(test::wait_parked(1), "the writer waits");
        m.unlock();
        expected.check(!m.try_lock(), "the early reader has it");
        expected.check(!m.try_lock_shared(), "a reader that comes now waits behind the writer");
        expected.check(!m.try_lock_shared_for(std::chrono::milliseconds(1)), "however long");
        window.release();
        written.wait();
        early.join();
        expected.check(m.try_lock(), "all have left");
        m.unlock();
    });
    expected.verify();
}

TEST_CASE("context: who has waited for a context may end it before cancel() has returned",
          "[faults][context][canceller_holds_nothing]") {
    static runnel::context_key<std::shared_ptr<int>> key("value");
    test::expectations expected;
    test::on_workers([&] {
        const auto counted = std::make_shared<int>(1);
        auto above = std::make_optional(runnel::with_value(runnel::background(), key, counted));
        auto ctx = std::make_optional(runnel::with_cancel(*above));
        above.reset();
        test::held_at window("context.decided");
        std::thread canceller([&] { ctx->cancel(); });
        expected.check(test::eventually([&] { return window.reached(); }), "it is being cancelled");
        expected.check(ctx->err() == runnel::errc::canceled, "it is done");
        ctx.reset();
        expected.check_eq(counted.use_count(), 2L, "the one who cancels it has it yet");
        window.release();
        canceller.join();
        expected.check_eq(counted.use_count(), 1L, "nobody has it");
    });
    expected.verify();
}

void check_deadlock_reported(const char* scenario) {
    const auto r = test::run_scenario(scenario);
    INFO(r.err);
    CHECK(r.status == 2);
    CHECK(test::contains(r.err, "runnel: all goroutines are asleep - deadlock!"));
}

}  // namespace

// The thread that starts the runtime gets no processor between the monitor's start and the first worker's.
CHILD_SCENARIO(first_worker_comes_late) {
    runnel::set_max_procs(1);
    static test::held_at window("scheduler.start.watched");
    std::thread([] {
        while (!window.reached() || !test::monitors_sleep_for_good()) std::this_thread::yield();
        window.release();
    }).detach();
    return runnel::run([] { return runnel::make_chan<int>().recv().value(); });
}

TEST_CASE("monitor: it is woken by the first worker, or it would look after nothing with one place",
          "[faults][monitor][unwoken_monitor]") {
    check_deadlock_reported("first_worker_comes_late");
}

// Its last look for a deadlock finds a timer; then that comes, who has waited for it parks for ever, and only now
// the monitor goes to sleep.
CHILD_SCENARIO(last_timer_comes_between_look_and_sleep) {
    ::alarm(20);
    return runnel::run([] {
        static std::optional<test::held_at> window;
        window.emplace("monitor.before_sleep");
        while (!window->reached()) runnel::sleep_for(std::chrono::milliseconds(200));
        std::thread([idles = runnel::stats().idles] {
            const auto still_awake = [&] {
                const auto now = runnel::stats();
                return now.active_workers != 0 || now.idles == idles;
            };
            while (still_awake()) std::this_thread::yield();
            window->release();
        }).detach();
        return runnel::make_chan<int>().recv().value();
    });
}

TEST_CASE("monitor: it does not sleep while what has happened since it looked may be a deadlock",
          "[faults][monitor][overslept]") {
    check_deadlock_reported("last_timer_comes_between_look_and_sleep");
}

TEST_CASE("monitor: work does not wait for one who was woken and gets no processor",
          "[faults][monitor][one_after_another]") {
    std::atomic<bool> computes{false};
    std::atomic<bool> stop{false};
    runnel::runtime_options two;
    two.max_procs = 2;
    runnel::runtime rt(two);
    rt.go([&] {
        computes = true;
        while (!stop) {  // never comes back to its worker
        }
    });
    REQUIRE(test::eventually([&] { return computes.load(); }));
    // The other place, and the right to look for work, are kept for a worker that does not come.
    int started = 0;
    std::atomic<int> ran{0};
    for (bool held = false; !held;) {
        ++started;
        std::atomic<bool> back{false};
        test::held_at window("scheduler.wake.reserved");
        std::thread starter([&] {
            rt.go([&] { ++ran; });
            back = true;
        });
        const bool looked_after =
            test::eventually([&] { return back || (window.reached() && ran == started); });
        CHECK(looked_after);
        // It is back if it was not needed, since somebody looked already, or was held in its place.
        held = !back;
        window.release();
        starter.join();
        CHECK(test::eventually([&] { return ran == started; }));
    }
    stop = true;
}
