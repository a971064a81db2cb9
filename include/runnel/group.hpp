// runnel/group.hpp — goroutines that belong together: the first failure ends all of them.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      golang.org/x/sync/errgroup                      Differences: docs/from_go.md
//   Layer   5; includes layers 0-4
//   Tests   tests/group_test.cpp
#pragma once

#include <cstddef>
#include <exception>
#include <memory>
#include <mutex>
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

/// Starts goroutines and waits for all of them. A function fails by an exception, or by returning a
/// non-zero std::error_code; the first failure cancels context(), and wait() throws it. (Go's
/// errgroup does not catch panics.) One that calls goexit has not failed.
/// The destructor cancels and waits: no goroutine outlives its group. At the end of the process, when
/// no goroutine runs any more, it does not wait. At the end of a `run` it would wait for ever: the goroutines
/// end with that, without telling. So a group goes, or has been waited for, before the run that they belong to returns.
/// Threads  go and try_go from any number at once, its own goroutines included; wait from any but
///          those.
/// Cost     of go: a goroutine, and three atomic additions. Go  errgroup.Group
class group {
public:
    /// The same as group(background()).
    group() : group(background()) {}
    /// The group's context is a child of `parent`.
    explicit group(const runnel::context& parent) : context_(with_cancel(parent)) {}
    group(const group&) = delete;
    group& operator=(const group&) = delete;
    ~group() {
        context_.cancel();
        // A static one: its goroutines have ended without telling it.
        if (!detail::process_ended.load(detail::memory_order_acquire)) running_.wait();
    }

    /// Done at the first failure, once wait() has returned, or with its parent. Its cause is the
    /// error code of the first failure: what was returned, or carried by a std::system_error.
    const runnel::context& context() const noexcept { return context_; }

    /// At most `n` goroutines at once from now on; negative: any number; 0: none can be started.
    /// Errors  panic (`modify limit while N goroutines in the group are still active`).
    /// Go      SetLimit
    void set_limit(std::ptrdiff_t n) {
        if (const std::size_t active = active_.load(detail::memory_order_acquire); active != 0) {
            throw panic("modify limit while " + std::to_string(active) +
                        " goroutines in the group are still active");
        }
        refuses_ = n == 0;
        places_ = n > 0 ? std::make_unique<semaphore>(n) : nullptr;
    }

    /// Starts `f` as a goroutine of the group.
    /// Blocks  while as many run as the limit allows.
    /// Errors  panic if the limit is 0 (in Go it would block for ever); and those of runnel::go.
    /// Go      Go
    template <class F>
    void go(F&& f, detail::source_place place = detail::source_place::here()) {
        if (refuses_) throw panic("go in a group whose limit is 0");
        if (places_ != nullptr) places_->acquire();
        start(std::forward<F>(f), place);
    }

    /// Starts `f` unless as many run as the limit allows: then false, and `f` is untouched.
    /// Go  TryGo
    template <class F>
    bool try_go(F&& f, detail::source_place place = detail::source_place::here()) {
        if (refuses_ || (places_ != nullptr && !places_->try_acquire())) return false;
        start(std::forward<F>(f), place);
        return true;
    }

    /// Waits for all goroutines, cancels the context, and throws the first failure if there was
    /// one: the exception itself, or std::system_error with the error code. Another call does the
    /// same again. More goroutines may be started afterwards.
    /// Go  Wait
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
        explicit member(group& g) noexcept : group_(&g) {
            group_->active_.fetch_add(1, detail::memory_order_relaxed);
        }
        member(member&& o) noexcept : group_(std::exchange(o.group_, nullptr)) {}
        member& operator=(member&&) = delete;
        ~member() {
            if (group_ == nullptr) return;
            if (group_->places_ != nullptr) group_->places_->release();
            // Afterwards set_limit may replace the places.
            group_->active_.fetch_sub(1, detail::memory_order_release);
            group_->running_.done();  // the group may be gone now
        }
        group& operator*() const noexcept { return *group_; }

    private:
        group* group_;
    };

    template <class F>
    struct job {
        member held;  // destroyed after the function
        F function;

        void operator()() { (*held).call(function); }
    };

    template <class F>
    void start(F&& f, detail::source_place place) {
        static_assert(std::is_invocable_v<std::decay_t<F>&>,
                      "runnel::group: the function is called without arguments");
        running_.add();
        member held(*this);  // gives back what was taken if the rest throws
        detail::check_callable(f);
        runnel::go(job<std::decay_t<F>>{std::move(held), std::forward<F>(f)}, place);
    }

    template <class F>
    void call(F& f) {
        try {
            using result = std::invoke_result_t<F&>;
            static_assert(!std::is_same_v<std::remove_cvref_t<result>, std::error_condition>,
                          "runnel::group: a failure is a std::error_code, not a condition");
            if constexpr (std::is_convertible_v<result, std::error_code>) {
                check(f());
            } else if constexpr (requires(F& g) { check(make_error_code(g())); }) {  // std::errc
                check(make_error_code(f()));
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

    void check(const std::error_code& e) {
        if (e) fail(std::make_exception_ptr(std::system_error(e)), e);
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
    detail::atomic<std::size_t> active_{
        0};                              // goroutines that hold a place, should there be a limit
    bool refuses_ = false;               // these two change only while none is active
    std::unique_ptr<semaphore> places_;  // null: no limit
    mutex mutex_;
    std::exception_ptr first_;  // guarded by mutex_
};

}  // namespace v0
}  // namespace runnel
