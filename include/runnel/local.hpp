// runnel/local.hpp — goroutine-local values: what thread_local is to threads.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      none (a context's value comes closest)
//   Layer   4; includes layers 0-3
//   Tests   tests/local_test.cpp
#pragma once

#include <cstdint>
#include <memory>

#include <runnel/detail/local_values.hpp>
#include <runnel/detail/park.hpp>

namespace runnel {
inline namespace v0 {

/// `static runnel::local<T> v;`: each goroutine has a T of its own, and so has each thread outside
/// goroutines. Made by T's default constructor at first use, destroyed when its goroutine or thread ends
/// (the main thread's at exit, as its thread_locals are).
/// A thread_local must not be used across a park, since the goroutine may wake on another thread.
/// Threads  each sees only its own value. Cost  O(locals that this goroutine uses).
template <class T>
class local {
public:
    local() noexcept : key_(detail::next_local_key.fetch_add(1, detail::memory_order_relaxed)) {}
    local(const local&) = delete;
    local& operator=(const local&) = delete;

    /// The present goroutine's value. The reference is good until the goroutine ends.
    T& get() const {
        detail::goroutine* g = detail::current_goroutine();
        if (g == nullptr) g = detail::blocked_goroutine();
        const detail::local_values* values =
            detail::current_locals(g).load(detail::memory_order_relaxed);
        if (values != nullptr) {
            if (void* found = values->find(key_); found != nullptr) return *static_cast<T*>(found);
        }
        return make(g);
    }
    T& operator*() const { return get(); }
    T* operator->() const { return std::addressof(get()); }

private:
    T& make(detail::goroutine* g) const {
        T* value = new T();  // may park, may use other locals: the list is looked up only now
        auto& list = detail::current_locals(g);
        detail::local_values* values = list.load(detail::memory_order_relaxed);
        if (values == nullptr) {
            values = new detail::local_values;
            list.store(values, detail::memory_order_relaxed);
            if (g == nullptr) detail::note_thread_locals(values);
        }
        values->first = new detail::local_values::node{
            key_, value, [](void* p) { delete static_cast<T*>(p); }, values->first};
        return *value;
    }

    std::uint64_t key_;
};

}  // namespace v0
}  // namespace runnel
