// tests/support/support.hpp — what the tests share: worker counts, expectations, waiting, children.
// SPDX-License-Identifier: BSL-1.0
//
//   Map     on_workers, expectations, eventually/parked, scale/seed, element types, child processes
//   main() and the watchdog are in support.cpp; every test executable links them.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <runnel/debug.hpp>
#include <runnel/go.hpp>
#include <runnel/runtime.hpp>
#include <runnel/time.hpp>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/catch.hpp"

#if defined(__SANITIZE_ADDRESS__)
#define RUNNEL_TEST_ASAN 1
#elif defined(__SANITIZE_THREAD__)
#define RUNNEL_TEST_TSAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RUNNEL_TEST_ASAN 1
#elif __has_feature(thread_sanitizer)
#define RUNNEL_TEST_TSAN 1
#endif
#endif
#ifndef RUNNEL_TEST_ASAN
#define RUNNEL_TEST_ASAN 0
#endif
#ifndef RUNNEL_TEST_TSAN
#define RUNNEL_TEST_TSAN 0
#endif

namespace test {

inline constexpr bool under_asan = RUNNEL_TEST_ASAN != 0;
inline constexpr bool under_tsan = RUNNEL_TEST_TSAN != 0;
inline constexpr bool under_sanitizer = under_asan || under_tsan;

// ---- 1. worker counts ----

/// So many workers at most, for as long as it lives.
class procs {
public:
    explicit procs(std::size_t n) : before_(runnel::set_max_procs(n)) {}
    ~procs() { runnel::set_max_procs(before_); }
    procs(const procs&) = delete;
    procs& operator=(const procs&) = delete;

private:
    std::size_t before_;
};

/// The worker counts a test runs with: 1, 2 and 8, or those in RUNNEL_TEST_PROCS ("1,2").
std::vector<std::size_t> worker_counts();

/// Runs `f()` as the main goroutine once for each worker count. An exception of `f` reaches the
/// test. Assert after it returns, or through `expectations`.
template <class F>
void on_workers(F f) {
    for (const std::size_t n : worker_counts()) {
        INFO("max_procs = " << n);
        const procs workers(n);
        runnel::run([&f] { f(); });
    }
}

// ---- 2. expectations ----

/// Results recorded inside goroutines and threads, asserted on the test's own thread. Any number
/// of threads may record at once; `verify` and the destructor belong to the test's thread.
class expectations {
public:
    expectations() = default;
    expectations(const expectations&) = delete;
    expectations& operator=(const expectations&) = delete;
    /// Verifies what `verify` has not seen yet. Does not throw.
    ~expectations();

    /// Records that `held` should be true.
    void check(bool held, std::string what);

    /// Records that `a == b` should hold; shows both if it does not (when they can be printed).
    template <class A, class B>
    void check_eq(const A& a, const B& b, std::string_view what);

    /// Asserts that something was recorded and that all of it held; lists what did not.
    void verify();

private:
    std::string take_report();

    std::mutex lock_;
    std::vector<std::string> failures_;  // guarded by lock_
    std::size_t recorded_ = 0;           // guarded by lock_; since the last verify
    bool verified_ = false;              // guarded by lock_; verify has been called at least once
};

namespace detail {

template <class T>
std::string show(const T& value) {
    if constexpr (requires(std::ostringstream& out) { out << value; }) {
        std::ostringstream out;
        out << std::boolalpha << value;
        return out.str();
    } else if constexpr (std::is_enum_v<T>) {
        return std::to_string(static_cast<long long>(value));
    } else {
        return "{?}";
    }
}

}  // namespace detail

template <class A, class B>
void expectations::check_eq(const A& a, const B& b, std::string_view what) {
    bool equal = false;
    if constexpr (std::is_integral_v<A> && std::is_integral_v<B> && !std::is_same_v<A, bool> &&
                  !std::is_same_v<B, bool> && !std::is_same_v<A, char> &&
                  !std::is_same_v<B, char>) {
        equal = std::cmp_equal(a, b);
    } else {
        equal = a == b;
    }
    std::string text(what);
    if (!equal) text += ": " + detail::show(a) + " == " + detail::show(b);
    check(equal, std::move(text));
}

// ---- 3. waiting for a state, never for a time ----

/// Whether each runtime's monitor sleeps without a time limit: it mends nothing then.
bool monitors_sleep_for_good();

/// Polls `pred` until it holds or `limit` has passed; returns what it last said. From a goroutine
/// it lets others run in between; from a thread it sleeps a little.
template <class P>
bool eventually(P pred, std::chrono::milliseconds limit = std::chrono::seconds(10)) {
    using namespace std::chrono_literals;
    const auto end = std::chrono::steady_clock::now() + limit * (under_sanitizer ? 4 : 1);
    auto pause = 20us;
    for (int round = 0;; ++round) {
        if (pred()) return true;
        if (std::chrono::steady_clock::now() >= end) return pred();
        if (round < 64) {
            runnel::yield();
            continue;
        }
        runnel::sleep_for(pause);
        pause = std::min(pause * 2, std::chrono::microseconds(2000));
    }
}

/// How many goroutines are parked, for `reason` alone if one is given ("chan receive", "select").
std::size_t parked(std::string_view reason = {});

/// Waits until at least `n` goroutines are parked (for `reason`).
bool wait_parked(std::size_t n, std::string_view reason = {});

// ---- 4. loop counts and seeds ----

/// `n`, made smaller under sanitizers; RUNNEL_TEST_SCALE (a percentage) decides instead if set.
int scale(int n);

/// This process's seed: RUNNEL_SEED, else random. It is printed when a test case fails or hangs.
std::uint64_t seed();

/// `text.find(part)` as a question.
inline bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

// ---- 5. element types ----

/// Counts its instances: `counted::live()` is back to where it was when all have been destroyed.
struct counted {
    int value = 0;

    counted() noexcept { live_.fetch_add(1, std::memory_order_relaxed); }
    explicit counted(int v) noexcept : value(v) { live_.fetch_add(1, std::memory_order_relaxed); }
    counted(const counted& other) noexcept : value(other.value) {
        live_.fetch_add(1, std::memory_order_relaxed);
    }
    counted(counted&& other) noexcept : value(std::exchange(other.value, -1)) {
        live_.fetch_add(1, std::memory_order_relaxed);
        moves_.fetch_add(1, std::memory_order_relaxed);
    }
    counted& operator=(const counted&) noexcept = default;
    counted& operator=(counted&& other) noexcept {
        value = std::exchange(other.value, -1);
        moves_.fetch_add(1, std::memory_order_relaxed);
        return *this;
    }
    ~counted() { live_.fetch_sub(1, std::memory_order_relaxed); }

    friend bool operator==(const counted& a, const counted& b) noexcept {
        return a.value == b.value;
    }

    static long live() noexcept { return live_.load(std::memory_order_relaxed); }
    static long moves() noexcept { return moves_.load(std::memory_order_relaxed); }

private:
    // relaxed: read once the goroutines that touch the values are known to have ended
    inline static std::atomic<long> live_{0};
    inline static std::atomic<long> moves_{0};
};

/// Neither copyable nor default-constructible. A value that has been moved from holds -1.
struct move_only {
    int value;

    explicit move_only(int v) noexcept : value(v) {}
    move_only(move_only&& other) noexcept : value(std::exchange(other.value, -1)) {}
    move_only& operator=(move_only&& other) noexcept {
        value = std::exchange(other.value, -1);
        return *this;
    }
    move_only(const move_only&) = delete;
    move_only& operator=(const move_only&) = delete;
    ~move_only() = default;
};

/// Throws `move_failed` from the move that `arm(n)` names (1: the next one), once. A failed move
/// leaves its source as it was.
struct move_failed : std::runtime_error {
    move_failed() : std::runtime_error("move failed") {}
};

struct throws_on_move {
    int value = 0;

    throws_on_move() = default;
    explicit throws_on_move(int v) : value(v) {}
    throws_on_move(const throws_on_move& other) : value((step(), other.value)) {}
    throws_on_move(throws_on_move&& other) : value((step(), std::exchange(other.value, -1))) {}
    throws_on_move& operator=(const throws_on_move& other) {
        step();
        value = other.value;
        return *this;
    }
    throws_on_move& operator=(throws_on_move&& other) {
        step();
        value = std::exchange(other.value, -1);
        return *this;
    }
    ~throws_on_move() = default;

    static void arm(int nth) { left_.store(nth); }
    static void disarm() { left_.store(0); }
    static bool armed() { return left_.load() > 0; }

private:
    static void step() {
        int left = left_.load();
        while (left > 0 && !left_.compare_exchange_weak(left, left - 1)) {
        }
        if (left == 1) throw move_failed();
    }
    inline static std::atomic<int> left_{0};
};

/// Needs more alignment than operator new gives by itself.
struct alignas(128) over_aligned {
    int value = 0;

    over_aligned() = default;
    explicit over_aligned(int v) : value(v) {}
    bool aligned() const { return reinterpret_cast<std::uintptr_t>(this) % 128 == 0; }
};

/// 64 KiB, all of it derived from one number: a torn or half-copied value is not intact.
struct big64k {
    std::array<std::uint32_t, 16 * 1024> words;

    big64k() : big64k(0) {}
    explicit big64k(std::uint32_t first) {
        for (std::size_t i = 0; i < words.size(); ++i) {
            words[i] = first + static_cast<std::uint32_t>(i);
        }
    }
    std::uint32_t value() const { return words[0]; }
    bool intact() const {
        for (std::size_t i = 0; i < words.size(); ++i) {
            if (words[i] != words[0] + static_cast<std::uint32_t>(i)) return false;
        }
        return true;
    }
};
static_assert(sizeof(big64k) == 64 * 1024);

// ---- 6. child processes ----

struct process_result {
    int status = -1;  // the exit status; 128 + the signal's number if one killed it
    std::string out;
    std::string err;
};

/// Runs this very executable with `args` and, beside the present environment, `env` ("NAME=value").
/// A child that outlives the test's time limit is killed; its `err` says so.
process_result run_self(const std::vector<std::string>& args,
                        const std::vector<std::string>& env = {});

/// Runs what CHILD_SCENARIO(name) registered, in a process of its own without a watchdog thread
/// (which would keep a deadlock from being detected).
process_result run_scenario(std::string_view name, const std::vector<std::string>& env = {});

namespace detail {

struct scenario {
    scenario(const char* name, int (*code)());
};

}  // namespace detail

}  // namespace test

/// CHILD_SCENARIO(name) { …; return status; } registers code for test::run_scenario("name").
/// Stands at namespace scope, in the file of the test that runs it.
#define CHILD_SCENARIO(name)                                                                   \
    static int child_scenario_##name();                                                        \
    static const ::test::detail::scenario child_scenario_entry_##name(#name,                   \
                                                                      &child_scenario_##name); \
    static int child_scenario_##name()
