// tests/detail/monitor_test.cpp — what the monitor asks of a thread that has not switched for long.
// SPDX-License-Identifier: BSL-1.0
//
//   What comes of the answers: runtime_test.cpp, blocking_test.cpp, hazards/locks_test.cpp.
#include <runnel/detail/monitor.hpp>

#include <atomic>
#include <chrono>
#include <thread>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::detail::monitor;
using runnel::detail::processor_time_of;
using runnel::detail::thread_id;
using runnel::detail::worker;

/// A thread that computes until it is told to sleep, and sleeps until it is told to end.
class subject {
public:
    subject() : thread_([this] { live(); }) {
        while (tid == 0) std::this_thread::yield();
    }
    ~subject() {
        computes = false;
        gate_.unpark();
        thread_.join();
    }
    subject(const subject&) = delete;
    subject& operator=(const subject&) = delete;

    std::atomic<int> tid{0};
    std::atomic<bool> computes{true};

private:
    void live() {
        tid = thread_id();
        while (computes) {
        }
        gate_.park();
    }
    runnel::detail::thread_parker gate_;
    std::thread thread_;
};

TEST_CASE("who computes has processor time, and is runnable with a processor or without",
          "[monitor]") {
    subject s;
    CHECK(monitor::is_runnable(s.tid));
    const auto before = processor_time_of(s.tid);
    CHECK(test::eventually([&] { return processor_time_of(s.tid) - before >= 5ms; }));
    CHECK(monitor::is_runnable(s.tid));

    s.computes = false;
    CHECK(test::eventually([&] { return !monitor::is_runnable(s.tid); }));
    const auto asleep = processor_time_of(s.tid);
    const auto mine = processor_time_of(thread_id());
    while (processor_time_of(thread_id()) - mine < 5ms) {
    }
    CHECK(processor_time_of(s.tid) == asleep);
}

TEST_CASE("what is no thread has no time and does not run", "[monitor]") {
    CHECK(processor_time_of(0x3ffffff) == runnel::duration::zero());
    CHECK_FALSE(monitor::is_runnable(0x3ffffff));
}

TEST_CASE("a worker is a hog if it has had the processor for long, or sleeps in the kernel",
          "[monitor][starved_hog]") {
    subject s;
    worker w;
    w.tid = s.tid.load();
    w.ticks = 1;
    CHECK_FALSE(monitor::is_stuck(&w));  // it has switched since
    CHECK(monitor::is_stuck(&w));
    // However long it takes on a busy machine: not before it has had half a period.
    const auto had = [&] { return processor_time_of(s.tid) - w.watched_time; };
    while (had() < monitor::period / 4) {
        const bool hog = monitor::is_hog(&w);
        if (had() < monitor::period / 2) REQUIRE_FALSE(hog);
    }
    CHECK(test::eventually([&] { return monitor::is_hog(&w); }));

    w.ticks = 2;
    CHECK_FALSE(monitor::is_stuck(&w));
    s.computes = false;  // it sleeps before it has had any time worth mentioning, or had its time
    CHECK(test::eventually([&] { return monitor::is_hog(&w); }));

    w.place = worker::place_state::taken;
    CHECK_FALSE(monitor::is_hog(&w));  // already
}

}  // namespace
