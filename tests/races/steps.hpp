// tests/races/steps.hpp — an order of steps that the thread sanitizer takes for none.
// SPDX-License-Identifier: BSL-1.0
//
//   The sanitizer may miss two accesses that really happen at the same moment. The programs of this folder
//   have theirs one after the other, by relaxed loads and stores and the passing of time: no edge of
//   docs/memory_model.md among them.
#pragma once

#include <atomic>
#include <chrono>

#include <runnel/go.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

namespace test {

/// An int without any protection of its own. Its functions are not inlined, or compilers leave out what
/// nobody seems to need.
class plain {
public:
    [[gnu::noinline]] plain& operator=(int v) noexcept {
        value_ = v;
        return *this;
    }
    [[gnu::noinline]] plain& operator++() noexcept {
        ++value_;
        return *this;
    }
    [[gnu::noinline]] int get() const noexcept { return value_; }

private:
    int value_ = 0;
};

/// Any number of goroutines and threads may wait; each step is reached by one of them.
class steps {
public:
    void reached(int step) noexcept { now_.store(step, std::memory_order_relaxed); }
    void await(int step) const {
        for (int round = 0; now_.load(std::memory_order_relaxed) < step; ++round) {
            // Few turns: each is written into the history from which the sanitizer tells the first access.
            if (round < 16) {
                runnel::yield();
            } else {
                runnel::sleep_for(std::chrono::microseconds(200));
            }
        }
    }

private:
    std::atomic<int> now_{0};
};

/// Runs `first` in a goroutine and `second` here; returns when both have ended.
template <class First, class Second>
void beside(First first, Second second) {
    runnel::wait_group wg;
    wg.go([&] { first(); });
    second();
    wg.wait();
}

}  // namespace test
