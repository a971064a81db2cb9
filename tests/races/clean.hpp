// tests/races/clean.hpp — how the programs are written and run that the thread sanitizer must say nothing of.
// SPDX-License-Identifier: BSL-1.0
//
//   CLEAN(name) is a program that relies on one edge of docs/memory_model.md. Its two sides come together in all
//   orders: each is held up by some turns, so that now one waits and now the other. It is run on one worker and
//   on two, and, where its sides are told by `both`, with a foreign thread on either side.
#pragma once

#include <thread>
#include <utility>

#include <runnel/runnel.hpp>

#include "races/steps.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

namespace test {

enum class sides { goroutines, thread_first, thread_second };

/// One repetition of a program.
class turn {
public:
    turn(unsigned number, sides who, expectations& expect) noexcept
        : number_(number), who_(who), expect_(&expect) {}

    sides who() const noexcept { return who_; }
    void delay_first() const { delay(number_ % 4); }
    void delay_second() const { delay(number_ / 4 % 4); }

    void check(bool held, const char* what) const {
        if (!held) expect_->check(false, what);
    }

    /// Runs both, delayed, each in a goroutine or a thread of its own; returns when both have ended.
    template <class First, class Second>
    void both(First first, Second second) const {
        const auto delayed_first = [&] {
            delay_first();
            first();
        };
        const auto delayed_second = [&] {
            delay_second();
            second();
        };
        switch (who_) {
            case sides::goroutines:
                beside(delayed_first, delayed_second);
                break;
            case sides::thread_first:
                with_thread(delayed_first, delayed_second);
                break;
            case sides::thread_second:
                with_thread(delayed_second, delayed_first);
                break;
        }
    }

private:
    template <class There, class Here>
    static void with_thread(const There& there, const Here& here) {
        std::thread t(there);
        here();
        runnel::blocking([&t] { t.join(); });
    }
    static void delay(unsigned turns) {
        for (unsigned i = 0; i < turns; ++i) runnel::yield();
        if (turns == 3) runnel::sleep_for(std::chrono::microseconds(50));
    }

    unsigned number_;
    sides who_;
    expectations* expect_;
};

inline constexpr auto long_enough = std::chrono::hours(1);

/// `tell` is what one side does when it has written, `wait` what the other does before it reads.
template <class Tell, class Wait>
void ordered(const turn& t, Tell tell, Wait wait) {
    static plain x;
    x = 0;
    t.both(
        [&] {
            x = 1;
            tell();
        },
        [&] {
            wait();
            t.check((++x).get() == 2, "the write was seen");
        });
}

using clean_program = void (*)(const turn&);

/// `threads`: also with a foreign thread on either side.
inline void must_be_clean(clean_program program, bool threads, unsigned rounds = 256) {
    expectations expect;
    for (const std::size_t n : {1U, 2U}) {
        const procs workers(n);
        runnel::run([&] {
            for (unsigned i = 0; i < rounds; ++i) program({i, sides::goroutines, expect});
            for (unsigned i = 0; threads && i < rounds / 8; ++i) {
                program({i, sides::thread_first, expect});
                program({i, sides::thread_second, expect});
            }
        });
    }
    expect.check(true, "came to its end");
    expect.verify();
}

}  // namespace test

/// Both sides may be threads.
#define CLEAN(name)                                                         \
    static void name(const test::turn& t);                                  \
    TEST_CASE(#name, "[races][clean]") { test::must_be_clean(name, true); } \
    static void name([[maybe_unused]] const test::turn& t)

/// Goroutines only; `rounds` times.
#define CLEAN_GOROUTINES(name, rounds)                                               \
    static void name(const test::turn& t);                                           \
    TEST_CASE(#name, "[races][clean]") { test::must_be_clean(name, false, rounds); } \
    static void name([[maybe_unused]] const test::turn& t)
