// tests/detail/run_queue_test.cpp — a worker's ring: order, halves, and every item exactly once.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/detail/run_queue.hpp>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

struct item {
    int value = 0;
    std::atomic<int> taken{0};
};
using queue = runnel::detail::run_queue<item>;
constexpr int capacity = static_cast<int>(queue::capacity);

std::vector<item> items(int n) {
    std::vector<item> all(static_cast<std::size_t>(n));
    for (int i = 0; i < n; ++i) all[static_cast<std::size_t>(i)].value = i;
    return all;
}

// [C-105]
TEST_CASE("the ring keeps order and count, through many turns", "[run_queue][C-105]") {
    auto all = items(capacity);
    const auto q = std::make_unique<queue>();
    for (int turn = 0; turn < 5; ++turn) {
        for (int n = 0; n <= capacity; n += 17) {
            for (int i = 0; i < n; ++i) REQUIRE(q->push(&all[static_cast<std::size_t>(i)]));
            CHECK(q->size() == static_cast<std::uint32_t>(n));
            CHECK(q->empty() == (n == 0));
            for (int i = 0; i < n; ++i) REQUIRE(q->pop()->value == i);
            CHECK(q->pop() == nullptr);
            CHECK(q->empty());
        }
    }
}

TEST_CASE("a full ring refuses, and gives half away in order", "[run_queue]") {
    auto all = items(capacity + 1);
    const auto q = std::make_unique<queue>();
    for (int i = 0; i < capacity; ++i) REQUIRE(q->push(&all[static_cast<std::size_t>(i)]));
    CHECK_FALSE(q->push(&all.back()));
    std::vector<int> given;
    CHECK(q->pop_half([&](item* i) { given.push_back(i->value); }) == queue::capacity / 2);
    REQUIRE(given.size() == queue::capacity / 2);
    for (int i = 0; i < capacity / 2; ++i) CHECK(given[static_cast<std::size_t>(i)] == i);
    CHECK(q->push(&all.back()));
    CHECK(q->pop()->value == capacity / 2);

    const auto single = std::make_unique<queue>();
    CHECK(single->pop_half([](item*) {}) == 0);
    single->push(&all[0]);
    CHECK(single->pop_half([](item*) {}) == 0);
    CHECK(single->pop() == &all[0]);
}

// [C-106]
TEST_CASE("a thief takes the older half, rounded up, for every size", "[run_queue][C-106]") {
    auto all = items(capacity);
    const auto victim = std::make_unique<queue>();
    const auto thief = std::make_unique<queue>();
    for (int n = 0; n <= capacity; ++n) {
        for (int i = 0; i < n; ++i) victim->push(&all[static_cast<std::size_t>(i)]);
        const item* first = victim->steal_into(*thief);
        if (n == 0) {
            CHECK(first == nullptr);
            continue;
        }
        const int stolen = n - n / 2;
        INFO("of " << n);
        // The last one stolen or the first: it is one of them, and the others keep their order.
        REQUIRE(first != nullptr);
        CHECK(thief->size() == static_cast<std::uint32_t>(stolen - 1));
        std::vector<int> got{first->value};
        while (const item* i = thief->pop()) got.push_back(i->value);
        for (int i = 0; i < stolen; ++i) REQUIRE(got[static_cast<std::size_t>(i)] == i);
        for (int i = stolen; i < n; ++i) REQUIRE(victim->pop()->value == i);
        CHECK(victim->empty());
    }
}

// [C-107]
TEST_CASE("a ring that is never empty is never seen to be", "[run_queue][C-107]") {
    auto all = items(2);
    const auto q = std::make_unique<queue>();
    q->push(&all[0]);
    std::atomic<bool> stop{false};
    std::atomic<long> seen_empty{0};
    std::thread observer([&] {
        while (!stop) {
            if (q->empty()) ++seen_empty;
        }
    });
    const int rounds = test::scale(1'000'000);
    for (int i = 0; i < rounds; ++i) {
        q->stack(&all[1]);
        if (i % 2 == 0 || q->pop_newest() == nullptr) q->pop();
        std::swap(all[0].value, all[1].value);
    }
    stop = true;
    observer.join();
    CHECK(seen_empty == 0);
}

TEST_CASE("the newest is taken if it was stacked and is not the last, and thieves have the oldest",
          "[run_queue]") {
    auto all = items(6);
    const auto q = std::make_unique<queue>();
    CHECK(q->pop_newest() == nullptr);
    CHECK(q->only_stacked());
    q->push(&all[0]);
    CHECK(q->pop_newest() == nullptr);
    CHECK_FALSE(q->only_stacked());
    q->stack(&all[1]);
    q->stack(&all[2]);
    CHECK_FALSE(q->only_stacked());
    CHECK(q->pop_newest() == &all[2]);
    CHECK(q->pop() == &all[0]);
    CHECK(q->only_stacked());
    CHECK(q->pop_newest() == nullptr);  // the last one may be a thief's
    CHECK(q->pop() == &all[1]);

    for (int i = 0; i < 6; ++i) q->stack(&all[static_cast<std::size_t>(i)]);
    CHECK(q->pop_newest() == &all[5]);
    CHECK(q->pop_newest() == &all[4]);
    CHECK(q->pop_newest() == &all[3]);
    CHECK(q->pop_newest() == nullptr);  // a thief may have seen all six
    CHECK(q->pop() == &all[0]);
    CHECK(q->pop_newest() == &all[2]);  // no thief has seen more than two from here on
    q->push(&all[3]);
    CHECK(q->pop_newest() == nullptr);
    q->restack();
    CHECK(q->only_stacked());
    CHECK(q->pop_newest() == &all[3]);
    CHECK(q->pop() == &all[1]);
    CHECK(q->empty());
}

TEST_CASE("with thieves every item is taken exactly once", "[run_queue]") {
    const int n = test::scale(300'000);
    const auto all = std::make_unique<item[]>(static_cast<std::size_t>(n));
    const auto q = std::make_unique<queue>();
    std::atomic<bool> stop{false};
    std::atomic<long> taken{0};
    std::vector<std::thread> thieves;
    for (int t = 0; t < 3; ++t) {
        thieves.emplace_back([&] {
            const auto mine = std::make_unique<queue>();
            const auto take = [&](item* i) {
                ++i->taken;
                ++taken;
            };
            while (!stop || !q->empty()) {
                item* i = q->steal_into(*mine);
                while (i != nullptr) {
                    take(i);
                    i = mine->pop();
                }
            }
        });
    }
    long given = 0;
    for (int i = 0; i < n;) {
        item* next = &all[static_cast<std::size_t>(i)];
        if (i / 100 % 2 == 0 ? q->push(next) : q->stack(next)) {
            ++i;
        } else {
            q->pop_half([&](item* half) {
                ++half->taken;
                ++given;
            });
        }
        if (i % 3 == 0) {
            item* own = i % 2 == 0 ? q->pop_newest() : nullptr;
            if (own == nullptr) own = q->pop();
            if (own != nullptr) {
                ++own->taken;
                ++given;
            }
        }
    }
    stop = true;
    for (auto& t : thieves) t.join();
    while (item* own = q->pop()) {
        ++own->taken;
        ++given;
    }
    CHECK(taken + given == n);
    int wrong = 0;
    for (int i = 0; i < n; ++i) {
        if (all[static_cast<std::size_t>(i)].taken != 1) ++wrong;
    }
    CHECK(wrong == 0);
}

TEST_CASE("a small ring works like the large one, around the end of its counters", "[run_queue]") {
    auto all = items(8);
    const auto q = std::make_unique<runnel::detail::run_queue<item, 4>>();
    int wrong = 0;
    for (int i = 0; i < 100'000; ++i) {
        for (int k = 0; k < 4; ++k) {
            if (!q->push(&all[static_cast<std::size_t>(k)])) ++wrong;
        }
        if (q->push(&all[4])) ++wrong;
        for (int k = 0; k < 4; ++k) {
            if (q->pop()->value != k) ++wrong;
        }
    }
    CHECK(wrong == 0);
}

}  // namespace
