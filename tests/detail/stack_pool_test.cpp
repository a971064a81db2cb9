// tests/detail/stack_pool_test.cpp — where stacks come from: guards, reuse, and memory given back.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/detail/stack_pool.hpp>

#include <sys/mman.h>

#include <cstring>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using runnel::detail::guard_size;
using runnel::detail::page_size;
using runnel::detail::slab_of;
using runnel::detail::stack;
using runnel::detail::stack_pool;

// Pages of [from, to) that are in memory.
std::size_t resident(const std::byte* from, const std::byte* to) {
    const auto first = reinterpret_cast<std::uintptr_t>(from) & ~(page_size - 1);
    const std::size_t size = reinterpret_cast<std::uintptr_t>(to) - first;
    std::vector<unsigned char> pages((size + page_size - 1) / page_size);
    if (::mincore(reinterpret_cast<void*>(first), size, pages.data()) != 0) return 0;
    std::size_t n = 0;
    for (const unsigned char p : pages) n += p & 1U;
    return n;
}

std::size_t mappings() {
    std::ifstream in("/proc/self/maps");
    std::size_t n = 0;
    for (std::string line; std::getline(in, line);) ++n;
    return n;
}

TEST_CASE("a stack has the size that was asked for, less guard and header", "[stack_pool]") {
    for (const std::size_t size : {1UL, 32UL << 10, 64UL << 10, 256UL << 10, 1UL << 20}) {
        stack_pool pool(size);
        CHECK(pool.slot_size() >= size);
        CHECK((pool.slot_size() & (pool.slot_size() - 1)) == 0);
        stack* s = pool.allocate();
        INFO(size);
        CHECK(s->usable() <= pool.slot_size() - guard_size);
        CHECK(s->usable() >= pool.slot_size() - guard_size - 4096);
        CHECK(reinterpret_cast<std::uintptr_t>(s->top()) % 64 == 0);
        std::memset(s->bottom, 1, s->usable());  // all of it can be used
        CHECK(s->owner == nullptr);
        pool.release(s);
    }
}

TEST_CASE("what is reserved is there, and no more is asked of the system than that",
          "[stack_pool]") {
    stack_pool pool(1 << 20);
    pool.reserve(100);
    const std::size_t before = mappings();
    std::set<stack*> all;
    for (int i = 0; i < 100; ++i) {
        stack* s = pool.allocate();
        CHECK(all.insert(s).second);
        CHECK(slab_of(s->bottom) != nullptr);
    }
    for (stack* s : all) pool.release(s);
    // Guards aside nothing has been mapped for them.
    CHECK(mappings() <= before + 200);
    pool.unreserve(100);
    pool.reserve(100);
    CHECK(mappings() <= before + 200);
}

TEST_CASE("every address of a stack leads to its slab and header", "[stack_pool]") {
    stack_pool pool(64 << 10);
    std::vector<stack*> all;
    for (int i = 0; i < 50; ++i) all.push_back(pool.allocate());
    for (stack* s : all) {
        for (const std::byte* p :
             {s->bottom - guard_size, s->bottom, s->bottom + s->usable() - 1}) {
            const auto* slab = slab_of(p);
            REQUIRE(slab != nullptr);
            const auto slot = static_cast<std::size_t>(p - slab->begin) / slab->slot_size;
            CHECK(stack_pool::header_of(slab->begin + slot * slab->slot_size, slab->slot_size) ==
                  s);
        }
        pool.release(s);
    }
    int local = 0;
    CHECK(slab_of(&local) == nullptr);
    CHECK(slab_of(nullptr) == nullptr);
}

TEST_CASE("stacks do not overlap, and are used again", "[stack_pool]") {
    stack_pool pool(32 << 10);
    std::vector<stack*> all;
    std::set<const std::byte*> slots;
    for (int i = 0; i < 300; ++i) {
        all.push_back(pool.allocate());
        slots.insert(all.back()->bottom);
    }
    CHECK(slots.size() == all.size());
    const std::byte* last = nullptr;
    for (const std::byte* b : slots) {
        if (last != nullptr) CHECK(b - last >= static_cast<std::ptrdiff_t>(pool.slot_size()));
        last = b;
    }
    for (stack* s : all) pool.release(s);
    for (int i = 0; i < 300; ++i) CHECK(slots.count(pool.allocate()->bottom) == 1);
}

TEST_CASE("what lies below a stack cannot be touched", "[stack_pool]") {
    stack_pool pool(64 << 10);
    const stack* s = pool.allocate();
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    // The kernel tells without a fault of ours.
    CHECK(::write(ends[1], s->bottom, 1) == 1);
    CHECK(::write(ends[1], s->bottom - 1, 1) == -1);
    CHECK(::write(ends[1], s->bottom - guard_size, 1) == -1);
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST_CASE("guards cost no mapping where the kernel has them", "[stack_pool]") {
    stack_pool pool(32 << 10);
    const std::size_t before = mappings();
    for (int i = 0; i < 1000; ++i) pool.allocate();
    const std::size_t more = mappings() - before;
    void* probe =
        ::mmap(nullptr, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const bool has_guards = ::madvise(probe, page_size, 102) == 0;
    ::munmap(probe, page_size);
    CHECK(more <= (has_guards ? 20U : 2020U));
}

TEST_CASE("trim gives the memory of free stacks back", "[stack_pool]") {
    stack_pool pool(256 << 10);
    std::vector<stack*> all;
    for (int i = 0; i < 64; ++i) {
        all.push_back(pool.allocate());
        std::memset(all.back()->bottom, 1, all.back()->usable());
    }
    std::vector<std::pair<const std::byte*, const std::byte*>> ranges;
    for (const stack* s : all) ranges.emplace_back(s->bottom, s->bottom + s->usable());
    const auto in_memory = [&] {
        std::size_t n = 0;
        for (const auto& [from, to] : ranges) n += resident(from, to);
        return n;
    };
    const std::size_t full = in_memory();
    CHECK(full >= 64 * 50);
    // Those in use are not touched.
    pool.trim(1000, 0);
    CHECK(in_memory() == full);
    for (stack* s : all) pool.release(s);
    if (test::under_sanitizer) {
        CHECK(pool.trim(1000, 0) == 0);
        return;
    }
    // All but 16 lose everything, those what lies deep.
    CHECK(pool.trim(1000, 16) == 48);
    CHECK(in_memory() <= 16 * 9);
    CHECK(pool.trim(1000, 0) == 16);
    CHECK(in_memory() == 0);
    CHECK(pool.trim(1000, 0) == 0);
    // They are as good as new.
    for (int i = 0; i < 64; ++i) {
        stack* s = pool.allocate();
        CHECK(s->owner == nullptr);
        CHECK(s->next == nullptr);
        s->bottom[100] = std::byte{1};
    }
}

TEST_CASE("many threads take and give stacks while one trims", "[stack_pool]") {
    stack_pool pool(32 << 10);
    const int rounds = test::scale(20'000);
    std::atomic<bool> stop{false};
    std::atomic<int> wrong{0};
    std::thread trimmer([&] {
        while (!stop) pool.trim(64, 4);
    });
    std::vector<std::thread> users;
    for (int t = 0; t < 3; ++t) {
        users.emplace_back([&, t] {
            std::vector<stack*> mine;
            for (int i = 0; i < rounds; ++i) {
                if (mine.size() < 8 && i % 3 != 0) {
                    stack* s = pool.allocate();
                    s->bottom[0] = static_cast<std::byte>(t);
                    mine.push_back(s);
                } else if (!mine.empty()) {
                    if (mine.back()->bottom[0] != static_cast<std::byte>(t)) ++wrong;
                    pool.release(mine.back());
                    mine.pop_back();
                }
            }
        });
    }
    for (auto& t : users) t.join();
    stop = true;
    trimmer.join();
    CHECK(wrong == 0);
}

}  // namespace
