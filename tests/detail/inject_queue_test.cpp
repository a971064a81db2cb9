// tests/detail/inject_queue_test.cpp — the global queue.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/detail/inject_queue.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using runnel::detail::goroutine;
using runnel::detail::inject_queue;

std::unique_ptr<goroutine[]> blocks(std::size_t n) {
    auto all = std::make_unique<goroutine[]>(n);
    for (std::size_t i = 0; i < n; ++i) all[i].id.store(i);
    return all;
}

std::vector<std::uint64_t> ids(goroutine* first) {
    std::vector<std::uint64_t> out;
    for (goroutine* g = first; g != nullptr; g = g->next) out.push_back(g->id);
    return out;
}

TEST_CASE("the global queue is first in, first out", "[inject_queue]") {
    const auto all = blocks(10);
    inject_queue q;
    CHECK(q.empty());
    CHECK(q.pop(5) == nullptr);
    for (std::size_t i = 0; i < 10; ++i) q.push(&all[i]);
    CHECK(q.size() == 10);
    CHECK(q.pop(0) == nullptr);
    CHECK(ids(q.pop(1)) == std::vector<std::uint64_t>{0});
    CHECK(ids(q.pop(3)) == std::vector<std::uint64_t>{1, 2, 3});
    CHECK(q.size() == 6);
    q.push(&all[0]);
    CHECK(ids(q.pop(100)) == std::vector<std::uint64_t>{4, 5, 6, 7, 8, 9, 0});
    CHECK(q.empty());
    CHECK(q.pop(1) == nullptr);
}

TEST_CASE("a chain is appended as it is", "[inject_queue]") {
    const auto all = blocks(6);
    inject_queue q;
    q.push(&all[0]);
    for (std::size_t i = 1; i < 4; ++i) all[i].next = &all[i + 1];
    q.push_chain(&all[1], &all[4], 4);
    q.push(&all[5]);
    CHECK(q.size() == 6);
    CHECK(ids(q.pop(6)) == std::vector<std::uint64_t>{0, 1, 2, 3, 4, 5});
    CHECK(q.empty());
    all[0].next = nullptr;  // a chain's end, as push_chain expects it
    q.push_chain(&all[0], &all[0], 1);
    CHECK(ids(q.pop(2)) == std::vector<std::uint64_t>{0});
}

TEST_CASE("many threads push and pop, each goroutine once and in its producer's order",
          "[inject_queue]") {
    const std::size_t each = static_cast<std::size_t>(test::scale(100'000));
    const auto all = blocks(2 * each);
    inject_queue q;
    std::vector<std::thread> threads;
    std::atomic<std::size_t> taken{0};
    std::atomic<int> out_of_order{0};
    for (std::size_t p = 0; p < 2; ++p) {
        threads.emplace_back([&, p] {
            for (std::size_t i = 0; i < each; ++i) q.push(&all[p * each + i]);
        });
    }
    for (int c = 0; c < 2; ++c) {
        threads.emplace_back([&] {
            std::uint64_t last[2] = {0, each};
            bool some[2] = {false, false};
            while (taken < 2 * each) {
                for (goroutine* g = q.pop(7); g != nullptr;) {
                    goroutine* following = g->next;
                    const std::size_t p = g->id < each ? 0 : 1;
                    if (some[p] && g->id <= last[p]) ++out_of_order;
                    some[p] = true;
                    last[p] = g->id;
                    ++taken;
                    g = following;
                }
            }
        });
    }
    for (auto& t : threads) t.join();
    CHECK(taken == 2 * each);
    CHECK(out_of_order == 0);
    CHECK(q.empty());
}

}  // namespace
