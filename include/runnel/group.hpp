// runnel/group.hpp — goroutines that belong together: the first failure ends all, and all are waited for.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      golang.org/x/sync/errgroup                      Differences: docs/from_go.md
//   Layer   5; includes layers 0-4
//   Tests   tests/group_test.cpp
#pragma once

#include <cstddef>
#include <exception>
#include <memory>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

#include <runnel/context.hpp>
#include <runnel/go.hpp>
#include <runnel/mutex.hpp>
#include <runnel/semaphore.hpp>
#include <runnel/wait_group.hpp>

namespace runnel {
inline namespace v0 {

/// Starts goroutines and waits for all of them. A function fails by an exception, or by returning a non-zero
/// std::error_code; the first failure cancels context() and is what wait() throws.
/// The destructor cancels and waits: no goroutine outlives its group.
/// Threads  go, try_go and wait from any number at once; also from the group's own goroutines, but wait.
/// Cost     of go: a goroutine and two atomic additions. Go  errgroup.Group
class group {
public:
    group() : group(background()) {}
    /// The group's context is a child of `parent`.
    explicit group(const runnel::context& parent) : context_(with_cancel(parent)) {}
    group(const group&) = delete;
    group& operator=(const group&) = delete;
    ~group() {
        context_.cancel();
        running_.wait();
    }

    /// Done at the first failure, when wait() has returned, or with its parent. Its cause is the first
    /// failure's error code, if it has one.
    const runnel::context& context() const noexcept { return context_; }

    /// At most `n` goroutines at once from now on; negative: any number; 0: none can be started.
    /// Errors  panic while goroutines of the group are active.
    void set_limit(int n) {
        if (const std::size_t active = active_.load(); active != 0) {
            throw panic("modify limit while " + std::to_string(active) +
                        " goroutines in the group are still active");
        }
        none_ = n == 0;
        places_ = n > 0 ? std::make_unique<semaphore>(n) : nullptr;
    }

    /// Starts `f` as a goroutine of the group, parking while the limit is reached.
    /// Errors  panic if the limit is 0: it would wait for ever; and those of runnel::go.
    template <class F>
    void go(F&& f, detail::source_place place = detail::source_place::here()) {
        if (none_) throw panic("go in a group whose limit is 0");
        if (places_ != nullptr) places_->acquire();
        start(std::forward<F>(f), place);
    }

    /// Starts `f` unless the limit is reached: false, and `f` untouched.
    template <class F>
    bool try_go(F&& f, detail::source_place place = detail::source_place::here()) {
        if (none_ || (places_ != nullptr && !places_->try_acquire())) return false;
        start(std::forward<F>(f), place);
        return true;
    }

    /// Waits for all goroutines, then throws the first failure: the exception, or std::system_error with the
    /// error code. A second call does the same again. More may be started afterwards.
    void wait() {
        running_.wait();
        context_.cancel();
        std::exception_ptr first;
        {
            const std::lock_guard guard(mutex_);
            first = first_;
        }
        if (first != nullptr) std::rethrow_exception(first);
    }

private:
    /// What a goroutine holds of the group: given back however it ends.
    class member {
    public:
        explicit member(group* g) noexcept : group_(g) {}
        member(member&& o) noexcept : group_(std::exchange(o.group_, nullptr)) {}
        member& operator=(member&&) = delete;
        ~member() {
            if (group_ == nullptr) return;
            group_->active_.fetch_sub(1);
            if (group_->places_ != nullptr) group_->places_->release();
            group_->running_.done();  // the group may be gone now
        }
        group& operator*() const noexcept { return *group_; }

    private:
        group* group_;
    };

    template <class F>
    void start(F&& f, detail::source_place place) {
        static_assert(std::is_invocable_v<std::decay_t<F>&>,
                      "runnel::group::go: the function is called without arguments");
        running_.add();
        active_.fetch_add(1);
        member m(this);  // gives back what was taken if the rest throws
        runnel::go([held = std::move(m), function = std::forward<F>(f)]() mutable { (*held).call(function); },
                   place);
    }

    template <class F>
    void call(F& f) {
        try {
            if constexpr (std::is_same_v<std::decay_t<std::invoke_result_t<F&>>, std::error_code>) {
                if (const std::error_code e = f()) {
                    fail(std::make_exception_ptr(std::system_error(e)), e);
                }
            } else {
                static_cast<void>(f());
            }
        } catch (const detail::goexit_token&) {
            throw;
        } catch (const std::system_error& e) {
            fail(std::current_exception(), e.code());
        } catch (...) {
            fail(std::current_exception(), {});
        }
    }

    void fail(std::exception_ptr error, std::error_code cause) {
        {
            const std::lock_guard guard(mutex_);
            if (first_ != nullptr) return;
            first_ = std::move(error);
        }
        context_.cancel(cause);
    }

    cancel_context context_;
    wait_group running_;
    detail::atomic<std::size_t> active_{0};
    bool none_ = false;
    std::unique_ptr<semaphore> places_;
    mutex mutex_;
    std::exception_ptr first_;  // guarded by mutex_
};

}  // namespace v0
}  // namespace runnel
