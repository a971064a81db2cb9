// tests/conformance/deadlock_detection_test.cpp — when everything is asleep for good, and when it only looks so.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/runtime.hpp>

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include <runnel/blocking.hpp>
#include <runnel/chan.hpp>
#include <runnel/context.hpp>
#include <runnel/go.hpp>
#include <runnel/mutex.hpp>
#include <runnel/select.hpp>
#include <runnel/thread_lock.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;

// Longer than the detector takes to make up its mind, which is some 20 ms of silence.
constexpr auto a_while = 250ms;

constexpr const char* report = "runnel: all goroutines are asleep - deadlock!\n";

void compute_for(std::chrono::milliseconds d) {
    const auto end = std::chrono::steady_clock::now() + d;
    while (std::chrono::steady_clock::now() < end) {
    }
}

void receive_for_ever() { runnel::make_chan<int>().recv(); }

// A scenario that goes wrong would wait for ever: the alarm ends it with a status of its own.
void at_most(unsigned seconds) { ::alarm(seconds); }
constexpr int ended_by_alarm = 128 + SIGALRM;

bool starts_with(const std::string& text, const std::string& start) {
    return text.compare(0, start.size(), start) == 0;
}

void check_reported(const char* scenario) {
    INFO(scenario);
    const auto r = test::run_scenario(scenario);
    INFO("stderr: " << r.err);
    CHECK(r.status == 2);
    CHECK(starts_with(r.err, report));
}

void check_not_reported(const char* scenario) {
    INFO(scenario);
    const auto r = test::run_scenario(scenario);
    INFO("stderr: " << r.err);
    CHECK(r.status == 0);
    CHECK_FALSE(test::contains(r.err, "deadlock"));
}

// ---- 1. reported ----

// [C-165] [C-166] [C-398]
CHILD_SCENARIO(main_waits_for_nobody) {
    std::printf("not lost");
    return runnel::run([] {
        receive_for_ever();
        return 0;
    });
}

TEST_CASE("a main goroutine that waits for nobody ends the process with status 2",
          "[C-165][C-166][C-398]") {
    const auto r = test::run_scenario("main_waits_for_nobody");
    CHECK(r.status == 2);
    CHECK(r.out == "not lost");
    // Not put together from `report`: g++ 12 sees a copy out of bounds in that at -O3.
    CHECK(starts_with(r.err, report));
    CHECK(test::contains(r.err, "deadlock!\n\ngoroutine 1 [chan receive"));
    CHECK(test::contains(r.err, "created at"));
    CHECK(test::contains(r.err, "deadlock_detection_test.cpp:"));
}

// [C-165] one goroutine for each thing to wait on
CHILD_SCENARIO(everybody_waits) {
    return runnel::run([] {
        runnel::wait_group wg;
        runnel::mutex m;
        m.lock();
        runnel::go([] { runnel::make_chan<int>().send(1); });
        runnel::go([] { runnel::chan<int>().recv(); });
        runnel::go([] { runnel::chan<int>().send(1); });
        runnel::go([] { runnel::select(); });
        runnel::go([] {
            const auto a = runnel::make_chan<int>();
            const auto b = runnel::make_chan<int>();
            runnel::select(runnel::recv(a), runnel::send(b, 1));
        });
        runnel::go([&] { m.lock(); });
        runnel::go([] { runnel::async([] { receive_for_ever(); }).get(); });
        wg.add(1);
        wg.wait();
        return 0;
    });
}

TEST_CASE("the report names what each goroutine waits for", "[C-165]") {
    const auto r = test::run_scenario("everybody_waits");
    INFO("stderr: " << r.err);
    CHECK(r.status == 2);
    for (const char* reason :
         {"[sync.WaitGroup.Wait", "[chan send", "[chan receive (nil chan)", "[chan send (nil chan)",
          "[select (no cases)", "[select", "[sync.Mutex.Lock", "[future wait", "[chan receive"}) {
        INFO(reason);
        CHECK(test::contains(r.err, reason));
    }
}

// [C-167] pinned to its thread, alone and with others
CHILD_SCENARIO(pinned_main_waits) {
    return runnel::run([] {
        const runnel::thread_lock pin;
        receive_for_ever();
        return 0;
    });
}
CHILD_SCENARIO(pinned_goroutines_wait) {
    return runnel::run([] {
        for (int i = 0; i < 3; ++i) {
            runnel::go([] {
                const runnel::thread_lock pin;
                receive_for_ever();
            });
        }
        runnel::yield();
        const runnel::thread_lock pin;
        receive_for_ever();
        return 0;
    });
}
TEST_CASE("goroutines that are pinned to threads do not hide a deadlock", "[C-129][C-167]") {
    check_reported("pinned_main_waits");
    check_reported("pinned_goroutines_wait");
}

// [C-168] [C-170] the runtimes' own threads are not alive in this sense, however many there are
CHILD_SCENARIO(other_runtime_is_idle) {
    runnel::runtime other;
    other.run([] {});
    runnel::runtime third;
    third.go([] { receive_for_ever(); });
    third.run([] { runnel::blocking([] { ::usleep(1000); }); });
    return runnel::run([] {
        receive_for_ever();
        return 0;
    });
}
// The run is the default runtime's, and the last to fall asleep is another's.
CHILD_SCENARIO(other_runtime_falls_asleep_last) {
    at_most(20);
    static runnel::runtime other;
    other.go([] {
        compute_for(a_while);
        receive_for_ever();
    });
    return runnel::run([] {
        receive_for_ever();
        return 0;
    });
}
TEST_CASE("a deadlock is seen over all runtimes", "[C-168][C-170]") {
    check_reported("other_runtime_is_idle");
    check_reported("other_runtime_falls_asleep_last");
}

CHILD_SCENARIO(two_threads_in_run) {
    at_most(20);
    std::thread second([] { runnel::run([] { receive_for_ever(); }); });
    runnel::run([] { receive_for_ever(); });
    second.join();
    return 0;
}
CHILD_SCENARIO(run_in_a_goroutine) {
    at_most(20);
    return runnel::run([] {
        runnel::run([] { receive_for_ever(); });
        return 0;
    });
}
TEST_CASE("threads inside run, and runs inside goroutines, are no reason to wait", "[C-165]") {
    check_reported("two_threads_in_run");
    check_reported("run_in_a_goroutine");
}

// What an ended run has left behind can wake nobody: its sleepers, its functions.
CHILD_SCENARIO(earlier_run_left_a_sleeper) {
    at_most(20);
    runnel::run([] {
        runnel::go([] { runnel::sleep_for(1h); });
        runnel::go([] { runnel::make_chan<int>().recv_for(1h); });
        while (runnel::stats().timers != 2) runnel::yield();
    });
    return runnel::run([] {
        receive_for_ever();
        return 0;
    });
}
CHILD_SCENARIO(earlier_run_left_a_function) {
    at_most(20);
    const auto ch = runnel::make_chan<int>();
    runnel::run([=] { static_cast<void>(runnel::after_func(1h, [=] { ch.send(1); })); });
    return runnel::run([=] {
        ch.recv();
        return 0;
    });
}
CHILD_SCENARIO(destroyed_runtime_left_a_sleeper) {
    at_most(20);
    {
        runnel::runtime other;
        other.go([] { runnel::sleep_for(1h); });
        const auto served = other.run([] { return runnel::after(1ms); });
        while (other.stats().timers == 0) std::this_thread::yield();
    }
    return runnel::run([] {
        receive_for_ever();
        return 0;
    });
}
// The default runtime serves it, until nobody wants it any more.
CHILD_SCENARIO(destroyed_runtime_left_a_timer) {
    at_most(20);
    runnel::recv_chan<runnel::clock::time_point> served;
    {
        runnel::runtime other;
        other.run([&] { served = runnel::after(1h); });
    }
    return runnel::run([&] {
        runnel::sleep_for(a_while);
        served = {};
        receive_for_ever();
        return 0;
    });
}
TEST_CASE("what was left by an earlier run or runtime does not hide a deadlock", "[C-165][C-168]") {
    check_reported("earlier_run_left_a_sleeper");
    check_reported("earlier_run_left_a_function");
    check_reported("destroyed_runtime_left_a_sleeper");
    check_reported("destroyed_runtime_left_a_timer");
}

// ---- 2. reported late ----

CHILD_SCENARIO(foreign_thread_ends_later) {
    at_most(20);
    std::thread([] { std::this_thread::sleep_for(a_while); }).detach();
    return runnel::run([] {
        receive_for_ever();
        return 0;
    });
}
CHILD_SCENARIO(foreign_thread_stops_the_last_timer) {
    at_most(20);
    return runnel::run([] {
        auto t = runnel::after_func(1h, [] {});
        std::thread([&] {
            std::this_thread::sleep_for(a_while);
            t.stop();
        }).detach();
        receive_for_ever();
        return 0;
    });
}
CHILD_SCENARIO(blocking_call_ends_later) {
    at_most(20);
    return runnel::run([] {
        runnel::go([] {
            runnel::blocking([] { std::this_thread::sleep_for(a_while); });
            receive_for_ever();
        });
        receive_for_ever();
        return 0;
    });
}
CHILD_SCENARIO(timer_fires_later) {
    at_most(20);
    return runnel::run([] {
        runnel::go([] {
            runnel::sleep_for(a_while);
            receive_for_ever();
        });
        receive_for_ever();
        return 0;
    });
}
CHILD_SCENARIO(hog_ends_later) {
    at_most(20);
    runnel::set_max_procs(1);
    return runnel::run([] {
        runnel::go([] { receive_for_ever(); });  // waits for a place until the monitor takes ours
        compute_for(a_while);
        receive_for_ever();
        return 0;
    });
}
CHILD_SCENARIO(pinned_sleeper_ends_later) {
    at_most(20);
    return runnel::run([] {
        runnel::go([] {
            const runnel::thread_lock pin;
            runnel::sleep_for(a_while);
            runnel::make_chan<int>().recv_for(a_while);
            receive_for_ever();
        });
        receive_for_ever();
        return 0;
    });
}
TEST_CASE("a deadlock is reported once the last that might have helped has ended", "[C-169]") {
    check_reported("foreign_thread_ends_later");
    check_reported("foreign_thread_stops_the_last_timer");
    check_reported("blocking_call_ends_later");
    check_reported("timer_fires_later");
    check_reported("hog_ends_later");
    check_reported("pinned_sleeper_ends_later");
}

// ---- 3. goexit of the main goroutine ----

// [C-171]
CHILD_SCENARIO(main_exits_alone) {
    return runnel::run([]() -> int { runnel::goexit(); });
}
CHILD_SCENARIO(main_exits_before_others) {
    return runnel::run([]() -> int {
        runnel::go([] {
            runnel::sleep_for(a_while);
            std::puts("the other has ended");
        });
        runnel::goexit();
    });
}
CHILD_SCENARIO(main_exits_and_another_waits) {
    return runnel::run([]() -> int {
        runnel::go([] { receive_for_ever(); });
        runnel::goexit();
    });
}
TEST_CASE("a run whose main goroutine has called goexit ends in a deadlock once nobody is left",
          "[C-171][C-398]") {
    const std::string no_goroutines = "runnel: no goroutines (main called goexit) - deadlock!\n";
    auto r = test::run_scenario("main_exits_alone");
    CHECK(r.status == 2);
    CHECK(r.err == no_goroutines);

    r = test::run_scenario("main_exits_before_others");
    CHECK(r.status == 2);
    CHECK(r.out == "the other has ended\n");
    CHECK(r.err == no_goroutines);

    check_reported("main_exits_and_another_waits");
}

// ---- 4. not reported ----

CHILD_SCENARIO(main_sleeps) {
    return runnel::run([] {
        runnel::sleep_for(a_while);
        return 0;
    });
}
CHILD_SCENARIO(main_waits_with_a_limit) {
    return runnel::run([] {
        const auto ch = runnel::make_chan<int>();
        const bool late = ch.recv_for(a_while).status() == runnel::op_status::timeout;
        return late && runnel::select(runnel::recv(ch), runnel::timeout(a_while)) == 1 ? 0 : 1;
    });
}
CHILD_SCENARIO(timers_are_pending) {
    return runnel::run([] {
        runnel::after(a_while).recv();
        const auto ch = runnel::make_chan<int>();
        runnel::after_func(a_while, [=] { ch.send(1); });
        ch.recv();
        return 0;
    });
}
CHILD_SCENARIO(blocking_call_goes_on) {
    return runnel::run([] {
        const auto ch = runnel::make_chan<int>();
        runnel::go([=] {
            runnel::blocking([] { std::this_thread::sleep_for(a_while); });
            ch.send(1);
        });
        ch.recv();
        return 0;
    });
}
// Inside blocking() a channel operation blocks the thread: it might be helped from outside.
CHILD_SCENARIO(system_call_without_blocking) {
    return runnel::run([] {
        const auto ch = runnel::make_chan<int>();
        runnel::go([=] {
            std::this_thread::sleep_for(a_while);
            ch.send(1);
        });
        ch.recv();
        return 0;
    });
}
// The monitor takes the place of the one that computes, since the other waits for it.
CHILD_SCENARIO(hog_computes) {
    runnel::set_max_procs(1);
    return runnel::run([] {
        runnel::go([] {});
        compute_for(a_while);
        return 0;
    });
}
CHILD_SCENARIO(foreign_thread_helps) {
    const auto ch = runnel::make_chan<int>();
    std::thread helper([=] {
        std::this_thread::sleep_for(a_while);
        ch.send(1);
    });
    const int r = runnel::run([=] {
        ch.recv();
        return 0;
    });
    helper.join();
    return r;
}
CHILD_SCENARIO(pinned_ones_go_on) {
    return runnel::run([] {
        const runnel::thread_lock pin;
        runnel::sleep_for(a_while);
        const auto end = std::chrono::steady_clock::now() + a_while;
        while (std::chrono::steady_clock::now() < end) runnel::yield();
        return 0;
    });
}
CHILD_SCENARIO(drain_waits) {
    const auto ch = runnel::make_chan<int>();
    runnel::run([=] { runnel::go([=] { ch.recv(); }); }, runnel::run_options{.drain = a_while});
    return 0;
}
CHILD_SCENARIO(timer_of_a_destroyed_runtime) {
    runnel::recv_chan<runnel::clock::time_point> tick;
    {
        runnel::runtime other;
        other.run([&] { tick = runnel::after(a_while); });
    }
    return runnel::run([=] { return tick.recv() ? 0 : 1; });
}
CHILD_SCENARIO(waits_for_the_last_moment) {
    // What a signal handler does, here: to end the process.
    std::signal(SIGALRM, [](int) { ::_exit(0); });
    ::ualarm(250'000, 0);
    return runnel::run([] {
        runnel::go([] { runnel::sleep_for(std::chrono::hours::max()); });
        const auto ctx =
            runnel::with_deadline(runnel::background(), runnel::clock::time_point::max());
        runnel::select(runnel::done(ctx), runnel::recv(runnel::chan<int>()));
        return 1;
    });
}
CHILD_SCENARIO(run_is_over) {
    runnel::run([] { runnel::go([] { receive_for_ever(); }); });
    std::this_thread::sleep_for(a_while);
    return 0;
}
TEST_CASE("no deadlock is reported while something might still wake somebody", "[C-169]") {
    for (const char* scenario :
         {"main_sleeps", "main_waits_with_a_limit", "timers_are_pending", "blocking_call_goes_on",
          "system_call_without_blocking", "hog_computes", "foreign_thread_helps",
          "pinned_ones_go_on", "drain_waits", "timer_of_a_destroyed_runtime",
          "waits_for_the_last_moment", "run_is_over"}) {
        check_not_reported(scenario);
    }
}

CHILD_SCENARIO(detection_is_off) {
    at_most(1);
    runnel::runtime_options options;
    options.deadlock_detection = false;
    runnel::runtime rt(options);
    rt.run([] { receive_for_ever(); });
    return 0;
}
// Only under run: a thread may be about to be helped by a debugger, for all we know.
CHILD_SCENARIO(thread_waits_without_run) {
    at_most(1);
    runnel::go([] {});
    receive_for_ever();
    return 0;
}
TEST_CASE("no deadlock is reported outside of run, or when the detection is off", "[C-169]") {
    for (const char* scenario : {"detection_is_off", "thread_waits_without_run"}) {
        INFO(scenario);
        const auto r = test::run_scenario(scenario);
        CHECK(r.status == ended_by_alarm);
        CHECK(r.err.empty());
    }
}

}  // namespace
