// runnel/singleflight.hpp — many callers of one key, one call.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      golang.org/x/sync/singleflight
//   Layer   5; includes layers 0-4
//   Tests   tests/singleflight_test.cpp
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include <runnel/go.hpp>
#include <runnel/mutex.hpp>
#include <runnel/wait_group.hpp>

namespace runnel {
inline namespace v0 {

/// While a call for a key runs, further callers of the same key wait for it and share its result.
/// Threads  all operations, any number at once. A call may use other keys; of its own it would wait
///          for itself.
/// Cost     two look-ups under a mutex, and an allocation for each call. Go  singleflight.Group
template <class K, class V, class Hash = std::hash<K>, class Equal = std::equal_to<K>>
class singleflight {
public:
    static_assert(std::is_copy_constructible_v<V>,
                  "runnel::singleflight: each caller gets a copy of the value");

    /// What run() returns.
    struct result {
        V value;
        bool shared;  ///< whether more than one caller got it
    };

    singleflight() = default;
    singleflight(const singleflight&) = delete;
    singleflight& operator=(const singleflight&) = delete;

    /// The result of `fn`, called here, or of the call of this key that runs already.
    /// Blocks  while another's call runs.
    /// Errors  what `fn` throws, to all who share the call. If it calls goexit, it ends their
    ///         goroutines, too (on a thread: panic).
    /// Go      Do
    template <class F>
    result run(const K& key, F&& fn) {
        static_assert(std::is_constructible_v<V, std::invoke_result_t<F>>,
                      "runnel::singleflight: the function makes the value");
        bool first = false;
        const std::shared_ptr<call> c = join(key, first);
        if (first) {
            perform(key, c, std::forward<F>(fn));
        } else {
            c->done.wait();
        }
        if (c->error != nullptr) std::rethrow_exception(c->error);
        if (!c->value) {
            if (in_goroutine()) goexit();
            throw panic("singleflight: the call ended by goexit");
        }
        // relaxed: nobody joins any more, and those who did came before the end of the call
        return {*c->value, c->shared.load(detail::memory_order_relaxed)};
    }

    /// The next caller of `key` starts a new call even if one runs; those who wait share the old one.
    /// Go  Forget
    void forget(const K& key) {
        const std::lock_guard guard(mutex_);
        calls_.erase(key);
    }

private:
    /// Belongs to who performs it, until it is done; then nothing of it changes.
    struct call {
        wait_group done;
        std::optional<V> value;  // neither of these two: goexit
        std::exception_ptr error;
        detail::atomic<bool> shared{false};  // written under mutex_, while it is in calls_
    };

    std::shared_ptr<call> join(const K& key, bool& first) {
        const std::lock_guard guard(mutex_);
        std::shared_ptr<call>& entry = calls_[key];
        first = entry == nullptr;
        if (first) {
            entry = std::make_shared<call>();
            entry->done.add();
        } else {
            entry->shared.store(true, detail::memory_order_relaxed);
        }
        return entry;
    }

    void finish(const K& key, const std::shared_ptr<call>& c) {
        {
            const std::lock_guard guard(mutex_);
            // If this one was forgotten the entry may be another call's.
            const auto found = calls_.find(key);
            if (found != calls_.end() && found->second == c) calls_.erase(found);
        }
        c->done.done();
    }

    template <class F>
    void perform(const K& key, const std::shared_ptr<call>& c, F&& fn) {
        struct at_end {
            singleflight& self;
            const K& key;
            const std::shared_ptr<call>& c;
            ~at_end() { self.finish(key, c); }
        };
        const at_end whatever_happens{*this, key, c};
        try {
            c->value.emplace(std::invoke(std::forward<F>(fn)));
        } catch (const detail::goexit_token&) {
            throw;
        } catch (...) {
            c->error = std::current_exception();
        }
    }

    mutex mutex_;
    std::unordered_map<K, std::shared_ptr<call>, Hash, Equal> calls_;  // guarded by mutex_
};

}  // namespace v0
}  // namespace runnel
