// tests/stress/overload_test.cpp — far more of everything than the machine has: progress, fairness, memory afterwards.
// SPDX-License-Identifier: BSL-1.0
//
//   A million goroutines that can run, a hundred thousand timers at one moment, as many waiters on one mutex and
//   receivers of one channel that is closed. All come through, a bystander goes on meanwhile, and what was
//   needed is given back. What it took is printed, and no test says how much that may be.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <mutex>
#include <string>
#include <vector>

#include <malloc.h>

#include <runnel/runnel.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::clock;

std::size_t number(std::size_t n) {
    // g++'s thread sanitizer knows 8128 fibers, and no more than that.
    if (test::under_tsan) return 2'000;
    return test::under_asan ? n / 20 : static_cast<std::size_t>(test::scale(static_cast<int>(n)));
}

// glibc keeps what the heap of each thread once held, and a list of a hundred thousand goroutines, made on whichever
// worker looks whether all are parked, is 36 MiB: with one heap it is there once.
[[maybe_unused]] const bool one_heap = ::mallopt(M_ARENA_MAX, 1) == 1;

std::size_t resident_bytes() {
    std::ifstream in("/proc/self/statm");
    std::size_t all = 0;
    std::size_t resident = 0;
    in >> all >> resident;
    return resident * 4096;
}

double ms(clock::duration d) { return std::chrono::duration<double, std::milli>(d).count(); }

// A goroutine that does a little again and again, and how long it ever had to wait for that.
class bystander {
public:
    bystander() {
        wg_.go([this] {
            id_ = runnel::goroutine_id();
            clock::time_point last = clock::now();
            while (!stop_) {
                runnel::yield();
                const clock::time_point now = clock::now();
                longest_ = std::max(longest_, now - last);
                last = now;
                ++turns_;
            }
        });
        while (turns_ == 0) runnel::yield();
    }
    ~bystander() { stop(); }
    bystander(const bystander&) = delete;
    bystander& operator=(const bystander&) = delete;

    long turns() const { return turns_; }
    bool runs() const {
        const auto all = runnel::debug::goroutines();
        return std::any_of(all.begin(), all.end(), [this](const runnel::goroutine_info& g) {
            return g.id == id_ && g.state == "running";
        });
    }
    clock::duration stop() {
        stop_ = true;
        wg_.wait();
        return longest_;
    }

private:
    std::atomic<bool> stop_{false};
    std::atomic<long> turns_{0};
    std::atomic<std::uint64_t> id_{0};
    clock::duration longest_{};  // its goroutine's, until that has ended
    runnel::wait_group wg_;
};

// One kind of overload: how long it took, what others noticed of it, and how much memory there was.
class overload {
public:
    overload(const char* what, std::size_t n) : what_(what), n_(n) {}

    /// All of it is there, and is now worked off.
    void begins() {
        note_memory();
        turns_ = others_->turns();
        began_ = clock::now();
    }
    void ends() {
        took_ = clock::now() - began_;
        note_memory();
        expected.check(bystander_went_on(), "the bystander went on");
    }

    /// It has had a turn, or has one, on a thread that the system gives no processor. Whoever waits for its turn, and
    /// had none, gets it while the present goroutine lets others go first a bounded number of times.
    bool bystander_went_on() const {
        for (int round = 0; round < 100; ++round) {
            if (others_->turns() > turns_ || others_->runs()) return true;
            runnel::yield();
        }
        return false;
    }

    /// Calls `work`, which calls both, beside a bystander. Stacks are given back once all have ended, but for some;
    /// control blocks are kept.
    template <class Work>
    void run(Work work) {
        const std::size_t before = resident_bytes();
        clock::duration longest{};
        runnel::run([&] {
            bystander others;
            others_ = &others;
            work();
            longest = others.stop();
            expected.check(test::eventually([] { return runnel::num_goroutine() == 1; }),
                           "all have ended");
        });
        expected.verify();
        std::size_t left = resident_bytes();
        const bool given_back = test::under_sanitizer || test::eventually([&] {
                                    left = resident_bytes();
                                    return left <= before + n_ * 1024 + (std::size_t{32} << 20);
                                });
        std::printf(
            "%-28s %8zu in %7.1f ms, a bystander waited %6.1f ms at most, +%zu MiB at most, "
            "+%zu MiB afterwards\n",
            what_, n_, ms(took_), ms(longest), (peak_ - std::min(peak_, before)) >> 20,
            (left - std::min(left, before)) >> 20);
        CHECK(given_back);
        CHECK(runnel::num_goroutine() == 0);
    }

    test::expectations expected;

private:
    void note_memory() { peak_ = std::max(peak_, resident_bytes()); }

    const char* what_;
    std::size_t n_;
    bystander* others_ = nullptr;
    long turns_ = 0;
    clock::time_point began_{};
    clock::duration took_{};
    std::size_t peak_ = 0;
};

TEST_CASE("a million goroutines that can run", "[stress][overload]") {
    const std::size_t n = number(1'000'000);
    overload o("runnable goroutines", n);
    o.run([&] {
        std::atomic<std::size_t> ran{0};
        bool fired = false;
        runnel::wait_group wg;
        o.begins();
        for (std::size_t i = 0; i < n; ++i) wg.go([&] { ++ran; });
        wg.go([&] {
            runnel::sleep_for(1ms);
            fired = true;
        });
        wg.wait();
        o.ends();
        o.expected.check_eq(ran.load(), n, "each ran once");
        o.expected.check(fired, "a sleeper woke");
    });
}

TEST_CASE("a hundred thousand goroutines that yield", "[stress][overload]") {
    const std::size_t n = number(100'000);
    constexpr int times = 3;
    overload o("goroutines that yield", n);
    o.run([&] {
        std::atomic<std::size_t> turns{0};
        runnel::wait_group wg;
        o.begins();
        for (std::size_t i = 0; i < n; ++i) {
            wg.go([&] {
                for (int k = 0; k < times; ++k) {
                    ++turns;
                    runnel::yield();
                }
            });
        }
        wg.wait();
        o.ends();
        o.expected.check_eq(turns.load(), n * times, "each had its turns");
    });
}

TEST_CASE("a hundred thousand timers at one moment", "[stress][overload]") {
    const std::size_t n = number(100'000);
    overload o("timers at one moment", n);
    o.run([&] {
        std::atomic<std::size_t> fired{0};
        std::atomic<std::size_t> early{0};
        const auto at = clock::now() + (test::under_sanitizer ? 2s : 1s);
        std::vector<runnel::timer> functions;
        functions.reserve(n / 2);
        runnel::wait_group sleepers;
        for (std::size_t i = 0; i < n / 2; ++i) {
            functions.push_back(runnel::after_func(at - clock::now(), [&] {
                if (clock::now() < at) ++early;
                ++fired;
            }));
            sleepers.go([&] {
                runnel::sleep_until(at);
                if (clock::now() < at) ++early;
                ++fired;
            });
        }
        runnel::sleep_until(at);
        o.begins();
        sleepers.wait();
        while (fired != n / 2 * 2) runnel::yield();
        o.ends();
        o.expected.check_eq(early.load(), std::size_t{0}, "none is early");
    });
}

TEST_CASE("a hundred thousand waiters on one mutex", "[stress][overload]") {
    const std::size_t n = number(100'000);
    overload o("waiters on one mutex", n);
    o.run([&] {
        runnel::mutex m;
        std::size_t counter = 0;  // guarded by m
        std::size_t inside = 0;   // guarded by m
        runnel::wait_group wg;
        m.lock();
        for (std::size_t i = 0; i < n; ++i) {
            wg.go([&] {
                const std::lock_guard held(m);
                if (++inside != 1) o.expected.check(false, "one at a time");
                ++counter;
                --inside;
            });
        }
        test::wait_parked(n, "sync.Mutex.Lock");
        o.begins();
        m.unlock();
        wg.wait();
        o.ends();
        o.expected.check_eq(counter, n, "each had it once");
    });
}

TEST_CASE("a channel with a hundred thousand receivers is closed", "[stress][overload]") {
    const std::size_t n = number(100'000);
    overload o("receivers of a closed channel", n);
    o.run([&] {
        const auto ch = runnel::make_chan<int>();
        std::atomic<std::size_t> closed{0};
        runnel::wait_group wg;
        for (std::size_t i = 0; i < n; ++i) {
            wg.go([&] { closed += ch.recv() ? 0 : 1; });
        }
        test::wait_parked(n, "chan receive");
        o.begins();
        ch.close();
        wg.wait();
        o.ends();
        o.expected.check_eq(closed.load(), n, "each was told");
    });
}

}  // namespace
