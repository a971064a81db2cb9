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
#include <unordered_map>
#include <utility>

#include <runnel/go.hpp>
#include <runnel/mutex.hpp>
#include <runnel/wait_group.hpp>

namespace runnel {
inline namespace v0 {

/// While a call for a key runs, further callers of that key wait for it and share its result.
/// Threads  any number at once. Cost  two lookups under a mutex. Go  singleflight.Group
template <class K, class V, class Hash = std::hash<K>, class Equal = std::equal_to<K>>
class singleflight {
public:
    struct result {
        V value;
        bool shared;  ///< whether more than one caller got it
    };

    singleflight() = default;
    singleflight(const singleflight&) = delete;
    singleflight& operator=(const singleflight&) = delete;

    /// Calls `fn`, or waits for the call of this key that runs already. V is copied for each caller.
    /// Errors  what `fn` throws, to all callers; panic to those who waited if it called goexit.
    template <class F>
    result run(const K& key, F&& fn) {
        std::shared_ptr<call> c;
        bool first = false;
        {
            const std::lock_guard guard(mutex_);
            std::shared_ptr<call>& entry = calls_[key];
            first = entry == nullptr;
            if (first) {
                entry = std::make_shared<call>();
                entry->done.add();
            } else {
                ++entry->sharers;
            }
            c = entry;
        }
        if (first) {
            perform(key, c, std::forward<F>(fn));
        } else {
            c->done.wait();
        }
        if (c->error != nullptr) std::rethrow_exception(c->error);
        const std::lock_guard guard(mutex_);
        return {*c->value, c->sharers != 0};
    }

    /// The next caller of `key` starts a new call, even if one runs.
    void forget(const K& key) {
        const std::lock_guard guard(mutex_);
        calls_.erase(key);
    }

private:
    struct call {
        wait_group done;
        std::optional<V> value;    // written before done
        std::exception_ptr error;  // written before done
        int sharers = 0;           // guarded by mutex_
    };

    template <class F>
    void perform(const K& key, const std::shared_ptr<call>& c, F&& fn) {
        struct finish {
            singleflight& self;
            const K& key;
            const std::shared_ptr<call>& c;
            ~finish() {
                if (!c->value && c->error == nullptr) {
                    c->error = std::make_exception_ptr(panic("goexit in a shared call"));
                }
                {
                    // Forgotten meanwhile, the entry may be another call's.
                    const std::lock_guard guard(self.mutex_);
                    const auto found = self.calls_.find(key);
                    if (found != self.calls_.end() && found->second == c) self.calls_.erase(found);
                }
                c->done.done();
            }
        };
        const finish at_end{*this, key, c};
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
