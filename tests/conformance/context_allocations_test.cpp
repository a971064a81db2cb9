// tests/conformance/context_allocations_test.cpp — what contexts and timers ask of the allocator.
// SPDX-License-Identifier: BSL-1.0
//
//   This executable counts what the global operator new hands out and takes back.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <new>

#include <runnel/context.hpp>
#include <runnel/time.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

#if RUNNEL_TEST_COUNTS

namespace {

using namespace std::chrono_literals;
using runnel::background;
using test::allocations_of;
using test::outstanding;

constexpr auto never = std::chrono::hours(24 * 365);
const runnel::context_key<int> key{"a name that is longer than what a short string holds"};

}  // namespace

TEST_CASE("a context is one allocation, its done channel another", "[C-271]") {
    const auto root = with_cancel(background());
    root.done();
    CHECK(allocations_of([] { static_cast<void>(background().err()); }) == 0);
    CHECK(allocations_of([] { const auto ctx = background(); }) == 0);
    CHECK(allocations_of([&] { const auto ctx = with_value(root, key, 1); }) == 1);
    CHECK(allocations_of([&] { const auto ctx = with_cancel(root); }) == 1);
    CHECK(allocations_of([&] { const auto ctx = with_timeout(root, never); }) == 1);
    CHECK(allocations_of([&] { const auto ctx = with_timeout(root, 0s); }) == 1);
    CHECK(allocations_of([&] { const auto ctx = without_cancel(root); }) == 1);
    CHECK(allocations_of([&] { runnel::after_func(root, [] {}).stop(); }) == 1);
    CHECK(allocations_of([&] {
              const auto ctx = with_cancel(root);
              ctx.done();
              ctx.done();
              ctx.cancel();
          }) == 2);
    CHECK(allocations_of([&] {
              const runnel::context copy = root;
              static_cast<void>(copy.err() || copy.cause() || copy.deadline() || copy.value(key));
          }) == 0);
}

TEST_CASE("a timer is one allocation, with its channel", "[C-271]") {
    CHECK(allocations_of([] { static_cast<void>(runnel::after(never)); }) == 1);
    CHECK(allocations_of([] { const runnel::timer t(never); }) == 1);
    CHECK(allocations_of([] { const runnel::ticker t(never); }) == 1);
    CHECK(allocations_of([] { runnel::after_func(never, [] {}).stop(); }) == 1);
    runnel::timer t(never);
    CHECK(allocations_of([&] {
              t.reset(never);
              t.stop();
          }) == 0);
}

TEST_CASE("children that come and go keep the memory of a long-lived parent flat", "[C-257]") {
    const int n = test::scale(1'000'000);
    const auto parent = with_cancel(background());
    const auto work = [&](int i) {
        const auto child = with_cancel(parent);
        const auto timed = with_timeout(child, never);
        if (i % 2 == 0) timed.done();
        runnel::after_func(child, [] {}).stop();
        if (i % 3 == 0) child.cancel();
    };
    work(0);
    const long before = outstanding.load();
    for (int i = 0; i < n; ++i) work(i);
    // A thread of the runtime may have come or gone meanwhile; one thing kept a round would be n.
    CHECK(outstanding.load() < before + 50);
}

#else

TEST_CASE("allocations are counted only without sanitizers", "[context]") { SUCCEED(); }

#endif
