// runnel/broadcast.hpp — one publisher's values to any number of subscribers, slow ones included.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      none; a map of channels under a mutex, written by hand each time
//   Layer   5; includes layers 0-5
//   Map     only the latest value → watch.hpp;  two fixed readers → tee.hpp
//   Tests   tests/broadcast_test.cpp
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <iterator>
#include <memory>
#include <mutex>
#include <new>
#include <stdexcept>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <runnel/chan.hpp>
#include <runnel/context.hpp>
#include <runnel/detail/atomic.hpp>
#include <runnel/mutex.hpp>
#include <runnel/semaphore.hpp>

namespace runnel {
inline namespace v0 {

/// What happens to a value for which a subscriber has no room.
enum class slow_subscriber {
    wait,         ///< the publisher waits for it, and with it all others
    drop_newest,  ///< it does not get the value
    drop_oldest,  ///< it gets the value in place of the oldest that it has not received
    disconnect    ///< its channel is closed, with a std::system_error of std::errc::no_buffer_space
};

/// Gives each value to all who have subscribed, to all in the same order. Each subscriber has a channel of its
/// own, with a buffer, and a policy for when that is full.
/// The destructor closes it; subscriptions may outlive it.
/// Threads  all operations, any number at once; publishers take turns.
/// Cost     of publish: a copy of the value and a send for each subscriber. Of subscribe: O(subscribers).
template <class T>
class broadcast {
    static_assert(std::is_copy_constructible_v<T>,
                  "runnel::broadcast: each subscriber gets a copy of the value");
    class hub;
    struct link;

public:
    /// A subscriber's end: receives from chan(), and unsubscribes when it is destroyed. Move-only.
    class [[nodiscard]] subscription {
    public:
        using value_type = T;
        subscription(subscription&&) noexcept = default;
        subscription& operator=(subscription&& o) noexcept {
            if (this != &o) {
                unsubscribe();
                hub_ = std::move(o.hub_);
                link_ = std::move(o.link_);
            }
            return *this;
        }
        ~subscription() { unsubscribe(); }

        /// The values that were published since it subscribed. Closed by unsubscribe() and with the broadcast; what
        /// is in the buffer can be received still.
        recv_chan<T> chan() const noexcept { return link_->values; }
        auto begin() const { return chan().begin(); }
        std::default_sentinel_t end() const noexcept { return {}; }
        /// How many values it did not get.
        std::uint64_t dropped() const noexcept {
            return link_->dropped.load(detail::memory_order_relaxed);  // relaxed: a count alone
        }
        /// Wants no more values: the channel is closed, and a publisher that waits for it goes on. Idempotent.
        void unsubscribe() {
            if (hub_ != nullptr) hub_->leave(*link_);
            hub_ = nullptr;
        }

    private:
        friend class broadcast;
        subscription(std::shared_ptr<hub> h, std::shared_ptr<link> l)
            : hub_(std::move(h)), link_(std::move(l)) {}
        std::shared_ptr<hub> hub_;  // null: has unsubscribed, or was moved from
        std::shared_ptr<link> link_;
    };

    /// `buffer` and `policy` are those of subscribers who name none.
    /// Errors  std::invalid_argument for drop_oldest without a buffer.
    explicit broadcast(std::size_t buffer = 0, slow_subscriber policy = slow_subscriber::wait)
        : buffer_(buffer), policy_(policy), hub_(std::make_shared<hub>()) {
        check(buffer, policy);
    }
    broadcast(const broadcast&) = delete;
    broadcast& operator=(const broadcast&) = delete;
    ~broadcast() { close(); }

    /// Subscribes to what is published from now on. On a closed broadcast the channel is closed, too.
    subscription subscribe() { return subscribe(buffer_, policy_); }
    subscription subscribe(std::size_t buffer, slow_subscriber policy) {
        check(buffer, policy);
        auto l = std::make_shared<link>(buffer, policy);
        hub_->join(l);
        return {hub_, std::move(l)};
    }

    /// Gives `value` to all who are subscribed now.
    /// Blocks  while another publishes, and while a subscriber with the policy `wait` has no room.
    /// Errors  closed_channel (`publish on closed broadcast`), also if it is closed while this waits.
    void publish(const T& value) { static_cast<void>(hub_->publish(background(), value)); }
    /// The same, unless the context is done first: `ok`, `canceled` or `timeout`. Some subscribers may have got
    /// the value then, and others not.
    op_status publish(const context& ctx, const T& value) { return hub_->publish(ctx, value); }

    /// No more values: the subscribers' channels are closed, with `error` if there is one. A publisher that waits
    /// is sent away. Idempotent.
    void close(std::exception_ptr error = nullptr) { hub_->close(std::move(error)); }

    /// How many there are.
    std::size_t subscribers() const { return hub_->size(); }

private:
    static void check(std::size_t buffer, slow_subscriber policy) {
        if (policy == slow_subscriber::drop_oldest && buffer == 0) {
            throw std::invalid_argument("runnel::broadcast: drop_oldest needs a buffer");
        }
    }

    const std::size_t buffer_;
    const slow_subscriber policy_;
    const std::shared_ptr<hub> hub_;
};

/// What a subscription and the hub share. Only who holds the hub's turn sends on `values`. It is closed once, at any time
/// and by anybody: the publisher may find it so.
template <class T>
struct broadcast<T>::link {
    link(std::size_t buffer, slow_subscriber p) : values(make_chan<T>(buffer)), policy(p) {}

    void close(std::exception_ptr error) {
        // relaxed, like below: who is first, and no more
        if (!left.exchange(true, detail::memory_order_relaxed)) values.close(std::move(error));
    }

    const runnel::chan<T> values;
    const slow_subscriber policy;
    detail::atomic<std::uint64_t> dropped{0};
    detail::atomic<bool> left{false};
};

template <class T>
class broadcast<T>::hub {
public:
    void join(const std::shared_ptr<link>& l) {
        const std::lock_guard guard(mutex_);
        if (closed_) {
            l->close(error_);
            return;
        }
        auto more = without_those_that_left();
        more->push_back(l);
        links_ = std::move(more);
    }

    /// Needs no memory: in want of it the link stays in the list until the next change.
    void leave(link& l, std::exception_ptr error = nullptr) noexcept {
        l.close(std::move(error));
        const std::lock_guard guard(mutex_);
        if (closed_) return;
        try {
            links_ = without_those_that_left();
        } catch (const std::bad_alloc&) {
            return;
        }
    }

    op_status publish(const context& ctx, const T& value) {
        if (const op_status s = turn_.acquire(ctx); s != op_status::ok) return s;
        const turn_guard guard{turn_};
        const std::shared_ptr<const links> all = present();  // kept: they change meanwhile
        for (const std::shared_ptr<link>& l : *all) {
            if (const op_status s = give(ctx, *l, value); s != op_status::ok) return s;
        }
        return op_status::ok;
    }

    void close(std::exception_ptr error) {
        std::shared_ptr<const links> all;
        {
            const std::lock_guard guard(mutex_);
            if (closed_) return;
            closed_ = true;
            error_ = error;
            all = std::move(links_);
        }
        for (const std::shared_ptr<link>& l : *all) l->close(error);
    }

    std::size_t size() const {
        const std::lock_guard guard(mutex_);
        std::size_t n = 0;
        if (!closed_) {
            for (const std::shared_ptr<link>& l : *links_) n += has_left(*l) ? 0 : 1;
        }
        return n;
    }

private:
    using links = std::vector<std::shared_ptr<link>>;
    struct turn_guard {
        semaphore& turn;
        ~turn_guard() { turn.release(); }
    };

    /// Who they are at this moment.
    std::shared_ptr<const links> present() const {
        const std::lock_guard guard(mutex_);
        if (closed_) throw closed_channel("publish on closed broadcast");
        return links_;
    }

    static bool has_left(const link& l) { return l.left.load(detail::memory_order_relaxed); }

    /// With the mutex, and room for one more.
    std::shared_ptr<links> without_those_that_left() const {
        auto rest = std::make_shared<links>();
        rest->reserve(links_->size() + 1);
        for (const std::shared_ptr<link>& l : *links_) {
            if (!has_left(*l)) rest->push_back(l);
        }
        return rest;
    }

    /// With the turn.
    op_status give(const context& ctx, link& l, const T& value) {
        try {
            if (l.values.try_send(value) == op_status::ok) return op_status::ok;
            switch (l.policy) {
                case slow_subscriber::wait:
                    return l.values.send(ctx, value);
                case slow_subscriber::drop_newest:
                    count_drop(l);
                    break;
                case slow_subscriber::drop_oldest:
                    do {
                        if (l.values.try_recv()) count_drop(l);
                    } while (l.values.try_send(value) != op_status::ok);
                    break;
                case slow_subscriber::disconnect:
                    leave(l, std::make_exception_ptr(std::system_error(
                                 std::make_error_code(std::errc::no_buffer_space),
                                 "runnel::broadcast: the subscriber was too slow")));
                    break;
            }
        } catch (const closed_channel&) {
            static_cast<void>(present());  // it has left, or all is over
        } catch (...) {
            static_cast<void>(present());  // what the broadcast was closed with
            throw;
        }
        return op_status::ok;
    }
    static void count_drop(link& l) {
        l.dropped.fetch_add(1, detail::memory_order_relaxed);  // relaxed: a count alone
    }

    semaphore turn_{1};  // whoever holds it sends
    mutable mutex mutex_;
    std::shared_ptr<const links> links_ =
        std::make_shared<links>();  // guarded by mutex_; replaced, not changed; null once closed
    bool closed_ = false;           // guarded by mutex_
    std::exception_ptr error_;      // likewise
};

}  // namespace v0
}  // namespace runnel
