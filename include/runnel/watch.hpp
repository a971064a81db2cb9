// runnel/watch.hpp — one value that changes, and those who want to know its latest state.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      none; a mutex and a channel that is closed and replaced with each change
//   Layer   5; includes layers 0-5
//   Map     all values, not only the latest → broadcast.hpp
//   Tests   tests/watch_test.cpp
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

#include <runnel/chan.hpp>
#include <runnel/context.hpp>
#include <runnel/mutex.hpp>

namespace runnel {
inline namespace v0 {

/// A value of which watchers always get the latest state, and never one twice: a configuration, a leader, a
/// progress. One who is slow misses the states in between.
/// The destructor closes it; watchers may outlive it.
/// Threads  all operations, any number at once.
/// Cost     of set: a mutex, and a wake-up of those who wait.
template <class T>
class watch {
    static_assert(std::is_copy_constructible_v<T>, "runnel::watch: each watcher gets a copy");
    struct state;

public:
    /// Sees the value change. Each has its own mark of what it has seen. Copyable; used by one goroutine at a time.
    class watcher {
    public:
        /// The latest value, once this watcher has not seen it: the first time at once. nullopt when the watch is
        /// closed and its last value was seen.
        /// Blocks  until there is a value that it has not seen.
        /// Errors  what the watch was closed with.
        std::optional<T> recv() {
            std::optional<T> value;
            while (!take(value)) static_cast<void>(changed().recv());
            return value;
        }
        /// The same, unless the context is done first: a value, `closed`, `canceled` or `timeout`.
        recv_result<T> recv(const context& ctx) {
            op_status s = detail::status_of(ctx);
            if (s != op_status::ok) return s;
            std::optional<T> value;
            while (!take(value)) {
                s = changed().recv(ctx).status();
                if (s != op_status::closed) return s;
            }
            if (!value) return op_status::closed;
            return recv_result<T>(std::move(value));
        }
        /// A channel that is closed as soon as there is something to receive: for select.
        recv_chan<unit> changed() const {
            const std::lock_guard guard(state_->lock);
            return state_->news_since(seen_);
        }
        /// Whether recv() would not wait.
        bool has_changed() const {
            const std::lock_guard guard(state_->lock);
            return state_->closed || state_->version != seen_;
        }
        /// The latest value, seen or not; recv() gives it once more if it was not seen.
        T get() const { return state_->get(); }

    private:
        friend class watch;
        explicit watcher(std::shared_ptr<state> s) : state_(std::move(s)) {}

        /// False if there is nothing new after all.
        bool take(std::optional<T>& value) {
            const std::lock_guard guard(state_->lock);
            if (state_->version != seen_) {
                value.emplace(state_->value);
                seen_ = state_->version;
                return true;
            }
            if (state_->closed && state_->error != nullptr) {
                std::rethrow_exception(state_->error);
            }
            return state_->closed;
        }

        std::shared_ptr<state> state_;
        std::uint64_t seen_ = 0;
    };

    explicit watch(T initial) : state_(std::make_shared<state>(std::move(initial))) {}
    watch(const watch&) = delete;
    watch& operator=(const watch&) = delete;
    ~watch() { close(); }

    /// A watcher that has seen nothing yet.
    watcher subscribe() const { return watcher(state_); }

    /// Errors  closed_channel (`set of closed watch`).
    void set(T value) {
        update([&](T& current) { static_cast<void>(current = std::move(value)); });
    }
    /// Calls `f` with the value, to be changed in place. It must not use the watch. If it throws nobody is told.
    /// Errors  as set.
    template <class F>
    void update(F&& f) {
        static_assert(std::is_invocable_v<F&, T&>,
                      "runnel::watch: the function is called with a reference to the value");
        chan<unit> old;
        {
            const std::lock_guard guard(state_->lock);
            if (state_->closed) throw closed_channel("set of closed watch");
            static_cast<void>(f(state_->value));
            ++state_->version;
            old = std::exchange(state_->news, nullptr);
        }
        if (old) old.close();
    }
    /// The value.
    T get() const { return state_->get(); }

    /// No more changes. Watchers get the last value if they have not seen it; then recv() says so, or throws `error`.
    /// Idempotent.
    void close(std::exception_ptr error = nullptr) {
        chan<unit> old;
        {
            const std::lock_guard guard(state_->lock);
            if (state_->closed) return;
            state_->closed = true;
            state_->error = std::move(error);
            old = std::exchange(state_->news, nullptr);
        }
        if (old) old.close();
    }

private:
    struct state {
        explicit state(T v) : value(std::move(v)) {}

        T get() const {
            const std::lock_guard guard(lock);
            return value;
        }
        /// With the lock held: closed if there is something new to who has seen that. Then it is one of its own: who has
        /// seen more waits for the other.
        recv_chan<unit> news_since(std::uint64_t seen) {
            if (closed || version != seen) {
                const chan<unit> now = make_chan<unit>();
                now.close();
                return now;
            }
            if (news == nullptr) news = make_chan<unit>();
            return news;
        }

        mutable mutex lock;
        T value;  // guarded by lock, like all below
        std::uint64_t version = 1;
        chan<unit> news;  // closed and forgotten at the next change; nil while nobody waits
        bool closed = false;
        std::exception_ptr error;
    };

    const std::shared_ptr<state> state_;
};

}  // namespace v0
}  // namespace runnel
