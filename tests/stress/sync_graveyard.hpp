// tests/stress/sync_graveyard.hpp — memory in which a late touch of a destroyed object shows.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

namespace test {

/// Objects are made here and buried here. A grave is filled with a pattern; when it is used again, or
/// at the end, the pattern has to be whole: whoever still changed the object has left a trace. (What
/// only reads is for the address sanitizer: there graves are freed at once.)
template <class T>
class graveyard {
public:
    graveyard() = default;
    graveyard(const graveyard&) = delete;
    graveyard& operator=(const graveyard&) = delete;
    ~graveyard() {
        for (auto& g : graves_) check(*g);
    }

    template <class... Args>
    T* make(Args&&... args) {
        std::unique_ptr<grave> g = take();
        T* object = ::new (static_cast<void*>(g->bytes)) T(std::forward<Args>(args)...);
        static_cast<void>(g.release());  // found again by bury()
        return object;
    }

    void bury(T* object) {
        object->~T();
        std::unique_ptr<grave> g(reinterpret_cast<grave*>(object));
#if !defined(__SANITIZE_ADDRESS__)
        std::memset(g->bytes, pattern, sizeof g->bytes);
        const std::lock_guard guard(lock_);
        graves_.push_back(std::move(g));
#endif
    }

    /// How many buried objects were touched; for the end.
    static int touched() { return touched_.load(); }

private:
    static constexpr unsigned char pattern = 0xa5;  // with bit 0, so that a late unlock shows

    struct grave {
        alignas(T) unsigned char bytes[sizeof(T)];
    };

    static void check(const grave& g) {
        for (const unsigned char b : g.bytes) {
            if (b != pattern) {
                ++touched_;
                return;
            }
        }
    }

    std::unique_ptr<grave> take() {
        std::unique_ptr<grave> g;
        {
            const std::lock_guard guard(lock_);
            // Not the latest: a late touch needs time.
            if (graves_.size() >= 64) {
                g = std::move(graves_.front());
                graves_.erase(graves_.begin());
            }
        }
        if (g == nullptr) return std::make_unique<grave>();
        check(*g);
        return g;
    }

    inline static std::atomic<int> touched_{0};
    std::mutex lock_;  // held for moments only, never across a switch
    std::vector<std::unique_ptr<grave>> graves_;
};

}  // namespace test
