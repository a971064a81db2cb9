// runnel/pool.hpp — values that are costly to make, kept for the next who needs one.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      sync.Pool                                      Differences: docs/from_go.md#sync-time-context
//   Layer   4; includes layers 0-3
//   Map     1. get and put   2. shards
//   Tests   tests/pool_test.cpp
//
//   A value goes to the shard of the present worker, and is looked for there first: two workers do not
//   touch the same cache lines while they get what they put. Where Go lets its garbage collector empty
//   a pool, this one has a bound: a value for which there is no room is destroyed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include <runnel/detail/park.hpp>
#include <runnel/detail/spin_lock.hpp>

namespace runnel {
inline namespace v0 {

namespace detail {

/// Up to `Capacity` values. One has a place of its own, which is used first both ways, the others
/// form a stack above it: as in Go, whoever gets and puts in turn has always the same value.
template <class T, std::size_t Capacity>
class alignas(64) pool_shard {
public:
    pool_shard() = default;
    pool_shard(const pool_shard&) = delete;
    pool_shard& operator=(const pool_shard&) = delete;
    ~pool_shard() {
        while (size_.load(memory_order_relaxed) != 0) drop(top());
    }

    /// Moves a value into `into`, if there is one. If the move throws the value stays.
    void take(std::optional<T>& into) {
        // relaxed: a hint, so that empty shards cost no lock
        if (size_.load(memory_order_relaxed) == 0) return;
        const spin_guard guard(lock_);
        if (size_.load(memory_order_relaxed) == 0) return;
        const std::size_t i = top();
        into.emplace(std::move(*at(i)));
        drop(i);
    }

    /// Moves from `value`, unless there is no room.
    void put(T& value) {
        if (RUNNEL_UNLIKELY(!has_slots_.load(memory_order_acquire))) make_slots();  // [PO-1]
        const spin_guard guard(lock_);
        const std::size_t size = size_.load(memory_order_relaxed);
        if (size == Capacity) return;
        const std::size_t i = first_used_ ? size : 0;
        ::new (static_cast<void*>(slots_[i].bytes)) T(std::move(value));
        first_used_ = true;
        size_.store(size + 1, memory_order_relaxed);
    }

private:
    struct slot {
        alignas(T) std::byte bytes[sizeof(T)];
    };

    // Without the lock: it may take long.
    RUNNEL_NOINLINE void make_slots() {
        std::unique_ptr<slot[]> made(new slot[Capacity]);
        const spin_guard guard(lock_);
        if (slots_ != nullptr) return;
        slots_ = std::move(made);
        has_slots_.store(true, memory_order_release);  // [PO-1]
    }

    T* at(std::size_t i) noexcept { return std::launder(reinterpret_cast<T*>(slots_[i].bytes)); }
    std::size_t top() const noexcept { return first_used_ ? 0 : size_.load(memory_order_relaxed); }
    void drop(std::size_t i) noexcept {
        std::destroy_at(at(i));
        if (i == 0) first_used_ = false;
        size_.store(size_.load(memory_order_relaxed) - 1, memory_order_relaxed);
    }

    spin_lock lock_;
    atomic<bool> has_slots_{false};
    bool first_used_ = false;      // guarded by lock_: slot 0
    atomic<std::size_t> size_{0};  // written under lock_; values in slot 0 and from slot 1 upwards
    std::unique_ptr<slot[]> slots_;  // made once, under lock_
};

}  // namespace detail

/// Any number of goroutines and threads may use it at once. What comes out is any value that was put in,
/// or a new one: assume nothing about it. Destroying the pool destroys what is in it.
/// Go  sync.Pool
template <class T>
class pool {
    static_assert(std::is_object_v<T> && std::is_move_constructible_v<T>,
                  "runnel::pool<T>: values are moved in and out");

public:
    /// New values are T().
    pool()
        requires std::is_default_constructible_v<T>
    = default;

    /// New values are what `make()` returns; several goroutines may call it at once.
    /// Errors  what its move throws; std::bad_alloc.
    template <class F>
        requires std::is_invocable_r_v<T, F&>
    explicit pool(F make) : maker_(new maker_of<F>(std::move(make))) {}

    pool(const pool&) = delete;
    pool& operator=(const pool&) = delete;
    ~pool() = default;

    /// A value that was put in, if there is one, else a new one.
    /// Errors      what making one throws, or T's move.
    /// Visibility  what precedes the put of the value happens before this returns it.
    /// Cost        a few nanoseconds if there is one. Go  Get
    T get() {
        if (std::optional<T> value = take()) return std::move(*value);
        if constexpr (std::is_default_constructible_v<T>) {
            if (maker_ == nullptr) return T();
        }
        return maker_->make();
    }

    /// Keeps `value` for a later get, or destroys it if there are enough already.
    /// Errors  what T's move throws; std::bad_alloc. Go  Put
    void put(T&& value) {
        // Ours, as after every put; so it is gone too if there is no room for it.
        T given(std::move(value));
        shards_[own_shard()].put(given);
    }
    void put(const T& value)
        requires std::is_copy_constructible_v<T>
    {
        T given(value);
        shards_[own_shard()].put(given);
    }

    /// Destroys all that is in it now. What others put meanwhile may go or stay.
    /// Errors   what T's move throws: that value and the rest stay.
    /// Threads  any number at once.
    /// Cost     O(values).
    void clear() {
        while (take()) {
        }
    }

private:
    static constexpr std::size_t shard_count = 8;
    static constexpr std::size_t in_16_kib = 16 * 1024 / sizeof(T);
    static constexpr std::size_t capacity = in_16_kib < 1 ? 1 : in_16_kib > 64 ? 64 : in_16_kib;

    struct maker {
        virtual ~maker() = default;
        virtual T make() = 0;
    };
    template <class F>
    struct maker_of final : maker {
        explicit maker_of(F f) : function(std::move(f)) {}
        T make() override { return function(); }
        F function;
    };

    /// A number: the goroutine may be on another worker in the next moment, which does no harm.
    static std::size_t own_shard() noexcept {
        if (const detail::worker* w = detail::current_worker(); w != nullptr) {
            return w->index % shard_count;
        }
        const auto id = reinterpret_cast<std::uintptr_t>(&detail::unmigrated_thread_state());
        return (id >> 12) % shard_count;
    }

    std::optional<T> take() {
        std::optional<T> value;
        const std::size_t own = own_shard();
        for (std::size_t i = 0; i < shard_count && !value; ++i) {
            shards_[(own + i) % shard_count].take(value);
        }
        return value;
    }

    std::unique_ptr<maker> maker_;  // never changed
    detail::pool_shard<T, capacity> shards_[shard_count];
};

}  // namespace v0
}  // namespace runnel
