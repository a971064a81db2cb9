// runnel/detail/local_values.hpp — the values of runnel::local objects in one goroutine or thread.
// SPDX-License-Identifier: BSL-1.0
//
//   Layer   2
//   Owner   the goroutine or thread whose they are; nobody else touches them.
#pragma once

#include <cstdint>

#include <pthread.h>

#include <runnel/detail/goroutine.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

/// A short list: few goroutines have more than a handful.
struct local_values {
    struct node {
        std::uint64_t key;
        void* value;
        void (*destroy)(void*);
        node* next;
    };
    node* first = nullptr;

    void* find(std::uint64_t key) const noexcept {
        for (node* n = first; n != nullptr; n = n->next) {
            if (n->key == key) return n->value;
        }
        return nullptr;
    }

    /// Latest first, as they were made; their destructors may use other locals, even make new ones.
    static void destroy_all(atomic<local_values*>& list) {
        while (local_values* values = list.load(memory_order_relaxed)) {
            node* n = values->first;
            if (n == nullptr) {
                delete values;
                list.store(nullptr, memory_order_relaxed);
                return;
            }
            values->first = n->next;
            n->destroy(n->value);
            delete n;
        }
    }
};

RUNNEL_API inline constinit atomic<std::uint64_t> next_local_key{1};

inline void destroy_thread_locals() noexcept {
    local_values::destroy_all(unmigrated_thread_state().locals);
}

/// Has a foreign thread's values destroyed when it ends.
inline void note_thread_locals(local_values* values) noexcept {
    if (destroy_locals_at_thread_end(destroy_thread_locals)) return;
    // Made by the destructor of a thread_local. What comes after these is a key's.
    static pthread_key_t key = [] {
        pthread_key_t k{};
        ::pthread_key_create(&k, [](void*) { destroy_thread_locals(); });
        return k;
    }();
    ::pthread_setspecific(key, values);
}

/// The list of whoever runs here; made at first use.
inline atomic<local_values*>& current_locals(goroutine* g) {
    if (g != nullptr) return g->locals;
    return unmigrated_thread_state().locals;
}

}  // namespace detail
}  // namespace v0
}  // namespace runnel
