// runnel/testing.hpp — programs of goroutines under a schedule and a clock of the test's own. Opt-in.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      testing/synctest                              More: docs/testing.md
//   Layer   4; includes layers 0-3. Not part of runnel.hpp.
//   Map     choosing, time, deadlock → detail/simulation.hpp
//   Tests   tests/testing_test.cpp
#pragma once

// All of runnel that this file brings in is to be interruptible, also in optimised builds.
#if !defined(RUNNEL_TESTING)
#define RUNNEL_TESTING 1
#endif

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <unordered_set>
#include <utility>

#include <runnel/detail/result.hpp>
#include <runnel/detail/simulation.hpp>
#include <runnel/error.hpp>
#include <runnel/runtime.hpp>

/// The clocks of the standard library ask here, in every program that includes this header: the system's
/// time, but on a thread that runs a simulation its virtual time.
extern "C" __attribute__((used, visibility("default"))) inline int runnel_clock_gettime(
    clockid_t id, timespec* out) noexcept {
    return ::runnel::detail::read_clock(id, out);
}
#if defined(__x86_64__) || defined(__aarch64__)
// An inline function would be a weak symbol, and lose to the sanitizers' clock_gettime, which clang links
// first. This one is strong and may still be in many object files: the linker keeps one of the group.
#ifdef __x86_64__
#define RUNNEL_JUMP "jmp runnel_clock_gettime@PLT"
#else
#define RUNNEL_JUMP "b runnel_clock_gettime"
#endif
asm(".ifndef clock_gettime\n"  // link-time optimisation makes one file of many
    ".pushsection .text.clock_gettime,\"axG\",%progbits,clock_gettime,comdat\n"
    ".globl clock_gettime\n"
    ".type clock_gettime,%function\n"
    "clock_gettime:\n" RUNNEL_JUMP
    "\n"
    ".size clock_gettime,.-clock_gettime\n"
    ".popsection\n"
    ".endif\n");
#undef RUNNEL_JUMP
#else
extern "C" __attribute__((used, visibility("default"))) inline int clock_gettime(
    clockid_t id, timespec* out) noexcept {
    return ::runnel::detail::read_clock(id, out);
}
#endif

namespace runnel {
inline namespace v0 {
namespace testing {

/// A simulated program could not go on: the base of the errors below. what() is a line that says so and
/// one line for each goroutine: what it waits for, and where it was created.
class RUNNEL_API simulation_error : public std::runtime_error {
    using std::runtime_error::runtime_error;
};
/// All goroutines wait, and no timer is left.
class RUNNEL_API deadlock : public simulation_error {
    using simulation_error::simulation_error;
};
/// The function has returned, and goroutines that it started wait for ever.
class RUNNEL_API leaked_goroutines : public simulation_error {
    using simulation_error::simulation_error;
};
/// No end after so many steps.
class RUNNEL_API endless : public simulation_error {
    using simulation_error::simulation_error;
};
/// A schedule on which the program fails: what() names the seed, the failure, and how to see it again.
/// The failure itself is nested in it (std::rethrow_if_nested).
class RUNNEL_API exploration_failed : public simulation_error {
public:
    exploration_failed(const std::string& what, std::uint64_t seed)
        : simulation_error(what), seed_(seed) {}
    std::uint64_t seed() const noexcept { return seed_; }

private:
    std::uint64_t seed_;
};

/// Settings of a simulation.
struct simulation_options {
    /// Scheduling decisions after which a program is taken to be endless.
    std::uint64_t most_steps = 10'000'000;
};

/// What exploring has seen.
struct exploration {
    std::uint64_t seeds = 0;
    std::uint64_t schedules = 0;  ///< different ones among them
    std::uint64_t steps = 0;      ///< scheduling decisions, all together
};

/// What a simulation was like.
struct simulation_report {
    std::uint64_t steps = 0;  ///< scheduling decisions
    std::uint64_t trace = 0;  ///< a hash of all of them: the same for the same seed and program
};

namespace detail {

struct borrowed {
    runnel::detail::simulation* s = runnel::detail::simulation::take();
    borrowed() = default;
    borrowed(const borrowed&) = delete;
    borrowed& operator=(const borrowed&) = delete;
    ~borrowed() { runnel::detail::simulation::give_back(s); }
};

[[noreturn]] inline void throw_outcome(runnel::detail::simulation& s) {
    switch (s.outcome()) {
        case runnel::detail::simulation_end::deadlock:
            throw deadlock("all goroutines are asleep - deadlock!\n" + s.dump());
        case runnel::detail::simulation_end::leak:
            throw leaked_goroutines(
                "the function has returned, and goroutines that it started wait for ever:\n" +
                s.dump());
        case runnel::detail::simulation_end::endless:
            throw endless("no end after " + std::to_string(s.steps()) + " steps:\n" + s.dump());
        default:
            std::rethrow_exception(s.take_error());
    }
}

inline std::string text_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& e) {
        return e.what();
    } catch (const char* text) {
        return text;
    } catch (const std::string& text) {
        return text;
    } catch (...) {
        return "an exception that is no std::exception";
    }
}

template <class F>
void simulate_once(std::uint64_t seed, F& function, const simulation_options& options,
                   runnel::detail::source_place place, simulation_report& report) {
    if (runnel::detail::current_worker() != nullptr ||
        runnel::detail::blocked_goroutine() != nullptr) {
        throw simulation_error("simulate: not inside a goroutine");
    }
    runnel::detail::find_system_clock();
    const borrowed simulated;
    runnel::detail::simulation& s = *simulated.s;
    s.run(seed, options.most_steps, place, function);
    report = {s.steps(), s.trace()};
    if (s.outcome() != runnel::detail::simulation_end::none) throw_outcome(s);
}

}  // namespace detail

/// Runs `function` as the main goroutine of a simulated program, with all that it starts, on this thread.
/// Who comes next, which ready case a select takes, and which of two timers strikes first is drawn from
/// `seed`: the same seed makes the same run. Goroutines may interrupt one another before each of
/// runnel's operations (in a program compiled with NDEBUG: if RUNNEL_TESTING is defined, or this header
/// included before others of runnel's). Time is virtual: it stands still while anyone can run, then jumps to the next
/// deadline; std::chrono's clocks show it. When `function` returns time stops, and the others run on until
/// they have ended.
/// Returns     what `function` returns.
/// Errors      what leaves `function` or any other goroutine, at once; deadlock, leaked_goroutines,
///             endless; simulation_error if called by a goroutine. Goroutines that are left never
///             run again, and their stacks stay.
/// Threads     one simulation a thread, several threads at once. Other threads must not touch what the
///             simulated goroutines wait for: that ends the program with a message.
/// Notes       blocking() and thread_lock mean nothing here: there is one thread.
/// Cost        some 100 ns a step. Go  synctest.Test
template <class F>
auto simulate(std::uint64_t seed, F&& function, const simulation_options& options = {},
              simulation_report* report = nullptr,
              runnel::detail::source_place place = runnel::detail::source_place::here())
    -> std::invoke_result_t<F&> {
    using R = std::invoke_result_t<F&>;
    simulation_report unread;
    simulation_report& seen = report != nullptr ? *report : unread;
    if constexpr (std::is_void_v<R>) {
        detail::simulate_once(seed, function, options, place, seen);
    } else {
        std::optional<runnel::detail::kept_result<R>> value;
        const auto keep = [&] {
            if constexpr (std::is_reference_v<R>) {
                value.emplace(std::addressof(function()));
            } else {
                value.emplace(function());
            }
        };
        detail::simulate_once(seed, keep, options, place, seen);
        if (!value) throw deadlock("no goroutines (main called goexit) - deadlock!\n");
        if constexpr (std::is_reference_v<R>) {
            return static_cast<R>(**value);
        } else {
            return std::move(*value);
        }
    }
}

/// Simulates `function` with the seeds 1 to `n`: half of them are random walks, half priority schedules
/// with three changes of order (PCT), which find rarer bugs. The first that fails is reported, on stderr
/// and by the exception. RUNNEL_SEED=s in the environment has it run that seed alone.
/// Errors      exploration_failed, with what simulate() threw nested in it.
/// Threads     as simulate().
template <class F>
exploration explore(std::uint64_t n, F&& function, const simulation_options& options = {},
                    runnel::detail::source_place place = runnel::detail::source_place::here()) {
    std::uint64_t first = 1;
    if (const char* text = std::getenv("RUNNEL_SEED"); text != nullptr && *text != '\0') {
        first = std::strtoull(text, nullptr, 10);
        n = 1;
    }
    exploration seen;
    std::unordered_set<std::uint64_t> traces;
    for (std::uint64_t seed = first; seed - first < n; ++seed) {
        simulation_report report;
        try {
            static_cast<void>(simulate(seed, function, options, &report, place));
        } catch (...) {
            const std::string number = std::to_string(seed);
            const std::string what = "seed " + number + " of " + std::to_string(n) +
                                     " fails: " + detail::text_of(std::current_exception()) +
                                     "\nto see it again: RUNNEL_SEED=" + number +
                                     ", or runnel::testing::simulate(" + number + ", function)";
            std::fprintf(stderr, "runnel: %s\n", what.c_str());
            std::throw_with_nested(exploration_failed(what, seed));
        }
        ++seen.seeds;
        seen.steps += report.steps;
        if (traces.insert(report.trace).second) ++seen.schedules;
    }
    return seen;
}

/// Waits until every other goroutine of the simulation waits for something that only time or this
/// goroutine can bring about. No time goes by.
/// Errors  simulation_error outside a simulation. Go  synctest.Wait
inline void wait_idle() {
    runnel::detail::simulation* s = runnel::detail::simulation::current();
    if (s == nullptr || runnel::detail::current_goroutine() == nullptr) {
        throw simulation_error("wait_idle: not inside a simulation");
    }
    s->wait_idle();
}

}  // namespace testing
}  // namespace v0
}  // namespace runnel
