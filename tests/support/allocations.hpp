// tests/support/allocations.hpp — counts what a test program allocates. Included by one source of a program.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

#include "support/support.hpp"

namespace test {

inline std::atomic<long> allocations{0};
inline std::atomic<long> outstanding{0};
inline thread_local bool out_of_memory = false;  // this thread gets none

// What `f` allocates every time: the least of many calls. One call alone may meet what is made once in a while for
// any number of calls to come: another slab of control blocks, a worker's thread.
template <class F>
long allocations_of(const F& f) {
    f();
    long least = 0;
    for (int round = 0; round < 20; ++round) {
        const long before = allocations;
        f();
        const long made = allocations - before;
        if (round == 0 || made < least) least = made;
    }
    return least;
}

inline void* count_allocation(std::size_t size, std::size_t alignment) noexcept {
    if (out_of_memory) return nullptr;
    allocations.fetch_add(1, std::memory_order_relaxed);
    outstanding.fetch_add(1, std::memory_order_relaxed);
    const std::size_t whole = (size + alignment - 1) / alignment * alignment;
    return alignment <= alignof(std::max_align_t) ? std::malloc(size != 0 ? size : 1)
                                                  : std::aligned_alloc(alignment, whole);
}
inline void* count_or_throw(std::size_t size, std::size_t alignment) {
    void* p = count_allocation(size, alignment);
    if (p == nullptr) throw std::bad_alloc();
    return p;
}
inline void count_release(void* p) noexcept {
    if (p == nullptr) return;
    outstanding.fetch_sub(1, std::memory_order_relaxed);
    std::free(p);
}

}  // namespace test

// The sanitizers have operators of their own: under them nothing is counted.
#define RUNNEL_TEST_COUNTS (!RUNNEL_TEST_ASAN && !RUNNEL_TEST_TSAN)
#if RUNNEL_TEST_COUNTS
// All other forms end in these. Not inlined: compilers compare the two halves of a pair.
[[gnu::noinline]] void* operator new(std::size_t size) { return test::count_or_throw(size, 1); }
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t a) {
    return test::count_or_throw(size, static_cast<std::size_t>(a));
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return test::count_allocation(size, 1);
}
[[gnu::noinline]] void operator delete(void* p) noexcept { test::count_release(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept { test::count_release(p); }
[[gnu::noinline]] void operator delete(void* p, std::align_val_t) noexcept {
    test::count_release(p);
}
[[gnu::noinline]] void operator delete(void* p, std::size_t, std::align_val_t) noexcept {
    test::count_release(p);
}
#endif
