// tests/model/deque_test.cpp — the checker against known verdicts: the Chase–Lev deque and its mutants.
// SPDX-License-Identifier: BSL-1.0
//
//   Not the library's queue, but one whose right and wrong forms have been examined elsewhere (Lê et al.,
//   "Correct and efficient work-stealing for weak memory models"; GenMC agrees on each form here).
#include <string>

#include <model/checker.hpp>
#include <support/catch.hpp>

namespace {

constexpr auto relaxed = std::memory_order_relaxed;
constexpr auto acquire = std::memory_order_acquire;
constexpr auto release = std::memory_order_release;
constexpr auto seq_cst = std::memory_order_seq_cst;

enum class form {
    correct,
    take_without_fence,
    steal_without_fence,
    push_relaxed,
    push_by_release_store,  // right by C++11's release sequences, wrong by C++20's
    bottom_relaxed,
    exchange_relaxed,
    top_relaxed,
};

class deque {
public:
    explicit deque(form f) : form_(f) {}

    void push(int item) {
        const int b = bottom_.load(relaxed);
        slots_[static_cast<std::size_t>(b)].store(item, relaxed);
        if (form_ != form::push_relaxed && form_ != form::push_by_release_store) {
            model::fence(release);
        }
        bottom_.store(b + 1, form_ == form::push_by_release_store ? release : relaxed);
    }
    int take() {
        const int b = bottom_.load(relaxed) - 1;
        bottom_.store(b, relaxed);
        if (form_ != form::take_without_fence) model::fence(seq_cst);
        int t = top_.load(relaxed);
        if (t > b) {
            bottom_.store(b + 1, relaxed);
            return none;
        }
        const int item = slots_[static_cast<std::size_t>(b)].load(relaxed);
        if (t < b) return item;
        const bool won = top_.compare_exchange_strong(t, t + 1, exchange(), relaxed);
        bottom_.store(b + 1, relaxed);
        return won ? item : none;
    }
    int steal() {
        int t = top_.load(form_ == form::top_relaxed ? relaxed : acquire);
        if (form_ != form::steal_without_fence) model::fence(seq_cst);
        const int b = bottom_.load(form_ == form::bottom_relaxed ? relaxed : acquire);
        if (t >= b) return none;
        const int item = slots_[static_cast<std::size_t>(t)].load(relaxed);
        return top_.compare_exchange_strong(t, t + 1, exchange(), relaxed) ? item : none;
    }

    static constexpr int none = -1;

private:
    std::memory_order exchange() const {
        return form_ == form::exchange_relaxed ? relaxed : seq_cst;
    }

    const form form_;
    model::atomic<int> top_{0}, bottom_{0};
    model::atomic<int> slots_[4] = {};
};

/// The owner pushes two and takes twice; each thief tries twice.
template <int Thieves>
struct stealing {
    static constexpr int threads = 1 + Thieves;
    deque items;
    model::var<int> payload[3];
    int taken[3] = {};

    explicit stealing(form f) : items(f) { model::name(items, "deque"); }
    void run(int me) {
        if (me == 0) {
            for (int i = 1; i <= 2; ++i) {
                payload[i] = i;
                items.push(i);
            }
            use(items.take());
            use(items.take());
        } else {
            use(items.steal());
            use(items.steal());
        }
    }
    void use(int item) {
        if (item == deque::none) return;
        model::check(item == 1 || item == 2, "an item that nobody pushed");
        model::check(payload[item] == item, "an item without its payload");
        model::check(++taken[item] == 1, "an item was taken twice");
    }
    void end() {
        for (int item; (item = items.take()) != deque::none;) use(item);
        model::check(taken[1] == 1 && taken[2] == 1, "an item was lost");
    }
};

TEST_CASE("the correct deque is clean", "[model][deque]") {
    const auto bound = GENERATE(2, 3, 4);
    const model::result r =
        model::explore<stealing<1>>({.preemptions = bound, .print = true}, form::correct);
    CHECK_FALSE(r.failed);
    CHECK(r.exhausted);
    WARN("bound " << bound << ": " << r.executions << " executions");
}

TEST_CASE("the correct deque is clean with two thieves", "[model][deque]") {
    const model::result r =
        model::explore<stealing<2>>({.preemptions = 2, .print = true}, form::correct);
    CHECK_FALSE(r.failed);
    CHECK(r.exhausted);
}

TEST_CASE("each broken form of the deque is found", "[model][deque][bug-28]") {
    const auto broken =
        GENERATE(form::take_without_fence, form::steal_without_fence, form::push_relaxed,
                 form::push_by_release_store, form::bottom_relaxed);
    const model::result r = model::explore<stealing<1>>({.preemptions = 3}, broken);
    CHECK(r.failed);
    CHECK(r.executions < 100'000);
}

TEST_CASE("what looks too weak and is not", "[model][deque]") {
    const auto fine = GENERATE(form::exchange_relaxed, form::top_relaxed);
    const model::result r = model::explore<stealing<1>>({.preemptions = 3, .print = true}, fine);
    CHECK_FALSE(r.failed);
    CHECK(r.exhausted);
}

}  // namespace
