// tests/regressions/scheduler_test.cpp — bugs that other libraries had, hunted on real threads.
// SPDX-License-Identifier: BSL-1.0
//
//   README.md has the whole list; each case names the project and its issue. Compiled so that what is private
//   can be looked at: the idle list is nobody's business but the scheduler's.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <new>
#include <utility>
#include <vector>

#include <runnel/runnel.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;
using namespace runnel::detail;

/// What is wrong with the idle list and the count of those who are not idle; null if nothing is.
const char* wrong_with_idle_list(scheduler& s) {
    const spin_guard guard(s.idle_lock_);
    std::vector<const worker*> idle;
    for (const worker* w = s.idle_; w != nullptr; w = w->idle_next) {
        if (std::find(idle.begin(), idle.end(), w) != idle.end()) return "a worker is listed twice";
        idle.push_back(w);
        if (!w->idle) return "a worker is listed that is not idle";
        if (w->chosen.load()) return "a worker is listed that was taken off";
    }
    for (std::uint32_t i = 0; i < s.worker_count(); ++i) {
        const worker* w = s.worker_at(i);
        if (w != nullptr && w->idle && std::find(idle.begin(), idle.end(), w) == idle.end()) {
            return "an idle worker is not listed";
        }
    }
    const worker* keeper = s.keeper_.load();
    if (keeper != nullptr && std::find(idle.begin(), idle.end(), keeper) == idle.end()) {
        return "the keeper is not listed";
    }
    const auto bound = s.worker_count();
    if (s.active() > bound || s.spinning() > s.active()) return "a count is below zero";
    return nullptr;
}

}  // namespace

TEST_CASE("tokio 8372: a worker is idle once, and counted as often as it is listed",
          "[regression][bug-04]") {
    // There a worker that came back by itself, at a deadline, was still on the list and was put there a
    // second time: then one was woken that ran, and the count of those awake fell below zero.
    const test::procs p(4);
    scheduler& s = this_scheduler();
    const char* wrong = nullptr;
    bool all_slept = true;
    for (int round = 0; round < test::scale(300) && wrong == nullptr && all_slept; ++round) {
        runnel::run([&] {
            runnel::wait_group wg;
            for (int g = 0; g < 6; ++g) {
                wg.go([g, round] {
                    for (int i = 0; i < 5; ++i) {
                        runnel::sleep_for(std::chrono::microseconds((g * 37 + round * 11) % 150));
                        runnel::yield();
                    }
                });
            }
            wg.wait();
        });
        wrong = wrong_with_idle_list(s);
        if (wrong != nullptr) break;
        // A run wakes another worker for its main goroutine: then all go back to sleep.
        all_slept = test::eventually([&] { return s.active() == 0 && s.spinning() == 0; });
        wrong = wrong_with_idle_list(s);
    }
    INFO((wrong != nullptr ? wrong : ""));
    CHECK(wrong == nullptr);
    CHECK(all_slept);
}

TEST_CASE("Go 10541: what is used again has nothing of its last owner", "[regression][bug-14]") {
    // There a waiter went back to its pool as it was, and whoever got it next was taken for the last owner.
    // Waiters are on stacks here. What is pooled are the goroutines' blocks and their stacks.
    alignas(runnel::thread_lock) static std::byte left_behind[64][sizeof(runnel::thread_lock)];
    static runnel::local<int> number;
    test::expectations expected;
    test::on_workers([&] {
        for (auto& place : left_behind) {
            runnel::wait_group wg;
            wg.go([&] {
                *number = 9;
                // A lock that its goroutine does not live to give back.
                ::new (static_cast<void*>(place)) runnel::thread_lock;
                ::new (static_cast<void*>(place)) runnel::thread_lock;
                runnel::sleep_for(1us);
                runnel::goexit();
            });
            wg.wait();
            for (int g = 0; g < 4; ++g) {
                wg.go([&] {
                    const goroutine* self = current_goroutine();
                    expected.check(self->pinned.load() == nullptr, "not pinned to a thread");
                    expected.check_eq(self->pin_depth.load(), 0, "no pins");
                    expected.check(!self->left_behind.load(), "not taken for gone");
                    expected.check_eq(*number, 0, "locals are fresh");
                    expected.check(!self->is_main.load(), "not taken for a main goroutine");
                });
            }
            wg.wait();
        }
    });
    expected.verify();
}

namespace {

/// Lets others run whenever it is moved: under the channel's lock, that is.
struct yields_on_move {
    int value = 0;

    yields_on_move() = default;
    explicit yields_on_move(int v) : value(v) {}
    yields_on_move(yields_on_move&& other) noexcept : value(std::exchange(other.value, -1)) {
        runnel::yield();
    }
    yields_on_move& operator=(yields_on_move&& other) noexcept {
        value = std::exchange(other.value, -1);
        runnel::yield();
        return *this;
    }
    yields_on_move(const yields_on_move&) = delete;
    yields_on_move& operator=(const yields_on_move&) = delete;
    ~yields_on_move() = default;
};

}  // namespace

TEST_CASE("Boost.Fiber 254: an element whose move yields stops nobody for good",
          "[regression][bug-32]") {
    // There the others spun for the channel's lock, on the only thread on which its holder could have gone on.
    test::expectations expected;
    test::on_workers([&] {
        for (const std::size_t capacity : {0U, 1U}) {
            const auto ch = runnel::make_chan<yields_on_move>(capacity);
            runnel::wait_group wg;
            for (int g = 0; g < 2; ++g) {
                wg.go([&, g] {
                    for (int i = 1; i <= 3; ++i) ch.send(yields_on_move(10 * g + i));
                });
            }
            int sum = 0;
            for (int i = 0; i < 6; ++i) sum += ch.recv()->value;
            wg.wait();
            expected.check_eq(sum, 42, "each value once");
        }
    });
    expected.verify();
}
