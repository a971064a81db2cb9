// runnel/detail/stack_pool.hpp — stacks carved from large reserved slabs, with guards, recycled.
// SPDX-License-Identifier: BSL-1.0
//
//   Layer   1
//   Invariants
//     a slot is [guard | stack … top header]; slots are never unmapped, so a stale pointer to an
//     abandoned goroutine's stack stays readable;
//     a stack is owned by exactly one of: a goroutine, a worker (its loop or its spares), the pool.
//     who may come to need a stack has reserved one before, so that allocate() always finds one: parking
//     cannot fail, go() can.
//   Memory  reserved without backing (MAP_NORESERVE) and committed by touch; no huge pages, which
//           would make each stack cost 2 MiB.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#include <sys/mman.h>

#include <runnel/detail/assert.hpp>
#include <runnel/detail/atomic.hpp>
#include <runnel/detail/config.hpp>
#include <runnel/detail/spin_lock.hpp>

#if RUNNEL_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#endif

namespace runnel {
inline namespace v0 {
namespace detail {

class goroutine;

/// The header of a stack, in its topmost bytes: that page is touched anyway.
struct stack {
    void* context = nullptr;            // of the worker loop that waits on it, while spare
    stack* next = nullptr;              // in a list of spares
    atomic<goroutine*> owner{nullptr};  // who runs or is parked on it; read by the overflow report
    std::byte* bottom = nullptr;        // lowest usable byte, above the guard
    void* asan_fake_stack = nullptr;
    void* tsan_loop = nullptr;       // the sanitizer's fiber of the loop that runs on it,
    void* tsan_goroutine = nullptr;  // and of the goroutines that it calls, one after the other
    bool loop_has_run = false;       // so that fiber ignores what the runtime does already
    bool has_run = false;            // under the thread sanitizer: since it was last rotated
    bool shallow = false;            // while free: its deep pages have been given back
    std::size_t size_of_system_stack = 0;  // set where it stands for a thread's own stack

    void* top() noexcept { return this; }
    std::size_t usable() const noexcept {
        if (size_of_system_stack != 0) return size_of_system_stack;
        return static_cast<std::size_t>(reinterpret_cast<const std::byte*>(this) - bottom);
    }
};

inline constexpr std::size_t page_size = 4096;
inline constexpr std::size_t guard_size = 4 * page_size;
inline constexpr std::size_t min_stack_size = 16 * 1024;

/// All slabs of the process, for the overflow report: append-only, read from a signal handler.
struct stack_slab {
    std::byte* begin = nullptr;
    std::size_t size = 0;
    std::size_t slot_size = 0;
    stack_slab* next = nullptr;
    stack_slab* next_uncarved = nullptr;  // the pool's
};
RUNNEL_API inline constinit atomic<stack_slab*> all_slabs{nullptr};

/// The slab that `address` lies in, or null. Async-signal-safe.
inline const stack_slab* slab_of(const void* address) noexcept {
    const auto* p = static_cast<const std::byte*>(address);
    // [SP-1] sees the slab's fields.
    for (const stack_slab* s = all_slabs.load(memory_order_acquire); s != nullptr; s = s->next) {
        if (p >= s->begin && p < s->begin + s->size) return s;
    }
    return nullptr;
}

/// Free stacks of one slot size, and the slab that new ones are carved from.
class stack_pool {
public:
    /// `stack_size` is what a goroutine can use, guard included: rounded up to a power of two.
    explicit stack_pool(std::size_t stack_size) noexcept {
        std::size_t size = min_stack_size + guard_size;
        while (slot_size_ < stack_size || slot_size_ < size) slot_size_ *= 2;
    }

    std::size_t slot_size() const noexcept { return slot_size_; }
    std::uint64_t lock_waits() const noexcept { return lock_.waits(); }

    /// From now on allocate() finds `n` stacks more. Throws std::bad_alloc if the system has no room for
    /// them; nothing is reserved then.
    void reserve(std::size_t n) {
        if (RUNNEL_FAULT("stack_pool.no_memory")) throw std::bad_alloc();
        spin_guard g(lock_);
        while (carved_ + uncarved_ < reserved_ + n) add_slab();
        reserved_ += n;
    }
    void unreserve(std::size_t n) noexcept {
        spin_guard g(lock_);
        reserved_ -= n;
    }

    /// A stack with a fresh header, one of those that are reserved.
    stack* allocate() {
        RUNNEL_POINT("stack_pool.allocate");
        std::byte* slot = nullptr;
        {
            spin_guard g(lock_);
            if (stack* s = warm_; s != nullptr) {
                warm_ = s->next;
                --warm_count_;
                s->next = nullptr;
                return s;
            }
            if (cold_count_ > 0) slot = cold_[--cold_count_];
        }
        return slot != nullptr ? make_header(slot) : carve();
    }

    /// Takes a spare stack back. Its pages stay until trim().
    void release(stack* s) noexcept {
        RUNNEL_POINT("stack_pool.release");
        s->owner.store(nullptr,
                       memory_order_relaxed);  // relaxed: only the overflow report reads it
        s->shallow = false;
        spin_guard g(lock_);
        s->next = warm_;
        warm_ = s;
        ++warm_count_;
    }

    /// Gives memory of up to `most` free stacks back to the system: all but `keep` of them lose their
    /// pages, the others what lies deeper than a shallow goroutine goes. Returns how many there still
    /// were to do. For the monitor, off every hot path; one thread at a time.
    std::size_t trim(std::size_t most, std::size_t keep) noexcept {
#if RUNNEL_ASAN || RUNNEL_TSAN
        static_cast<void>(most);
        static_cast<void>(keep);
        return 0;  // a sanitizer's shadow is not to be surprised by pages that change by themselves
#else
        std::size_t done = 0;
        for (; done < most; ++done) {
            stack* s = nullptr;
            {
                spin_guard g(lock_);
                if (warm_count_ <= keep || !reserve_cold()) break;
                s = warm_;
                warm_ = s->next;
                --warm_count_;
            }
            std::byte* slot = s->bottom - guard_size;
            ::madvise(s->bottom, slot_size_ - guard_size, MADV_DONTNEED);
            spin_guard g(lock_);
            cold_[cold_count_++] = slot;
        }
        if (done < most) trim_deep_ends();
        return done;
#endif
    }

    /// Where the header of a slot is.
    static stack* header_of(std::byte* slot, std::size_t slot_size) noexcept {
        const auto index = reinterpret_cast<std::uintptr_t>(slot) / slot_size;
        std::byte* top = slot + slot_size - (index % colours) * colour_step;
        return reinterpret_cast<stack*>(top - header_size);
    }

private:
    // The list is taken away for it: whoever needs a stack meanwhile gets a cold or a new one.
    void trim_deep_ends() noexcept {
        stack* list = nullptr;
        stack* last = nullptr;
        {
            spin_guard g(lock_);
            if (warm_ == nullptr || warm_->shallow) return;
            list = warm_;
            warm_ = nullptr;
        }
        static constexpr std::size_t shallow_part = 8 * page_size;
        for (stack* s = list; s != nullptr; s = s->next) {
            last = s;
            if (s->shallow || slot_size_ <= guard_size + shallow_part) continue;
            s->shallow = true;
            ::madvise(s->bottom, slot_size_ - guard_size - shallow_part, MADV_DONTNEED);
        }
        spin_guard g(lock_);
        last->next = warm_;
        warm_ = list;
    }

    static constexpr std::size_t slab_size = std::size_t{64} << 20;
    static constexpr std::size_t header_size = (sizeof(stack) + 63) / 64 * 64;
    static constexpr std::size_t colours = 8;
    static constexpr std::size_t colour_step = 192;
    static constexpr int advice_guard_install = 102;  // MADV_GUARD_INSTALL, Linux 6.13

    // Different stacks start at different offsets in their page: else the hot ends of all of them
    // would fall into the same few cache sets.
    stack* make_header(std::byte* slot) noexcept {
        auto* s = ::new (static_cast<void*>(header_of(slot, slot_size_))) stack;
        s->bottom = slot + guard_size;
        return s;
    }

    stack* carve() {
        std::byte* slot = nullptr;
        {
            spin_guard g(lock_);
            if (slab_next_ == slab_end_) next_slab();
            slot = slab_next_;
            slab_next_ += slot_size_;
            ++carved_;
            --uncarved_;
        }
        install_guard(slot);
#if RUNNEL_ASAN
        __lsan_register_root_region(slot + guard_size, slot_size_ - guard_size);
#endif
        return make_header(slot);
    }

    void next_slab() {
        // More than were reserved: in a simulation, or while trim() holds some.
        if (slabs_ == nullptr) add_slab();
        stack_slab* slab = slabs_;
        slabs_ = slab->next_uncarved;
        slab_next_ = slab->begin;
        slab_end_ = slab->begin + slab->size;
    }

    void add_slab() {
        const std::size_t size = slot_size_ > slab_size ? slot_size_ : slab_size;
        // One slot more than needed, so that slots can be aligned to their size.
        void* memory = ::mmap(nullptr, size + slot_size_, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
        if (memory == MAP_FAILED) throw std::bad_alloc();
        auto address = reinterpret_cast<std::uintptr_t>(memory);
        address = (address + slot_size_ - 1) & ~(slot_size_ - 1);
        auto* begin =
            static_cast<std::byte*>(memory) + (address - reinterpret_cast<std::uintptr_t>(memory));
        ::madvise(memory, size + slot_size_, MADV_NOHUGEPAGE);
        auto* slab = new (std::nothrow)
            stack_slab{begin, size, slot_size_, all_slabs.load(memory_order_relaxed), slabs_};
        if (slab == nullptr) {
            ::munmap(memory, size + slot_size_);
            throw std::bad_alloc();
        }
        // [SP-1] publishes the slab's fields to the overflow report; several pools may add at once.
        while (!all_slabs.compare_exchange_weak(slab->next, slab, memory_order_release,
                                                memory_order_relaxed)) {
        }
        slabs_ = slab;
        uncarved_ += size / slot_size_;
    }

    // By MADV_GUARD_INSTALL where the kernel has it, which costs no mapping; else by mprotect while
    // the process is well below its limit of mappings; beyond that without a guard, which is said once.
    static void install_guard(std::byte* slot) noexcept {
        if (::madvise(slot, guard_size, advice_guard_install) == 0) return;
        static constexpr std::size_t mapping_budget = 30'000;  // half of the default max_map_count
        if (protected_guards.fetch_add(1, memory_order_relaxed) < mapping_budget &&
            ::mprotect(slot, guard_size, PROT_NONE) == 0) {
            return;
        }
        if (!told_of_missing_guards.exchange(true, memory_order_relaxed)) {
            write_stderr(
                "runnel: warning: too many mappings (vm.max_map_count): the stacks of further "
                "goroutines have no guard\n");
        }
    }

    // Room for one more trimmed slot; false if there is no memory for the list.
    bool reserve_cold() noexcept {
        if (cold_count_ + cold_reserved_ < cold_capacity_) return true;
        const std::size_t capacity = cold_capacity_ == 0 ? 256 : cold_capacity_ * 2;
        void* grown = std::realloc(cold_, capacity * sizeof(std::byte*));
        if (grown == nullptr) return false;
        cold_ = static_cast<std::byte**>(grown);
        cold_capacity_ = capacity;
        return true;
    }

    RUNNEL_API static inline constinit atomic<std::size_t> protected_guards{0};
    RUNNEL_API static inline constinit atomic<bool> told_of_missing_guards{false};

    std::size_t slot_size_ = 2 * min_stack_size;
    mutable counted_spin_lock lock_;
    stack* warm_ = nullptr;          // guarded by lock_: header intact, pages perhaps resident
    std::size_t warm_count_ = 0;     // guarded by lock_
    std::byte** cold_ = nullptr;     // guarded by lock_: slots without pages, a stack of pointers
    std::size_t cold_count_ = 0;     // guarded by lock_
    std::size_t cold_capacity_ = 0;  // guarded by lock_
    static constexpr std::size_t cold_reserved_ = 1;  // trim() runs on one thread at a time
    std::byte* slab_next_ = nullptr;  // guarded by lock_: up to slab_end_ nothing is carved yet,
    std::byte* slab_end_ = nullptr;   // guarded by lock_
    stack_slab* slabs_ = nullptr;     // guarded by lock_: nor are these
    std::size_t carved_ = 0;          // guarded by lock_: stacks that there are,
    std::size_t uncarved_ = 0;        // guarded by lock_: that there may be,
    std::size_t reserved_ = 0;        // guarded by lock_: and that may be asked for
};

}  // namespace detail
}  // namespace v0
}  // namespace runnel
