// runnel/context.hpp — cancellation, deadlines and values that go with a task, from parent to child.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      package context                                 Differences: docs/from_go.md
//   Layer   5; includes layers 0-4
//   Map     the tree → detail/context_core.hpp
//   Tests   tests/context_test.cpp
//
//   runnel::cancel_context ctx = runnel::with_timeout(runnel::background(), 2s);
//   auto v = ch.recv(ctx);          // a value, closed, timeout or canceled
//   …                               // and ctx cancels what was started with it when it leaves scope
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

#include <runnel/chan.hpp>
#include <runnel/detail/context_core.hpp>
#include <runnel/error.hpp>

namespace runnel {
inline namespace v0 {

/// The name of a value in a context. Compared by identity: `static const runnel::context_key<T> k{"k"};`
template <class T>
class context_key {
public:
    explicit context_key(const char* name = "") noexcept : name_(name) {}
    context_key(const context_key&) = delete;
    context_key& operator=(const context_key&) = delete;
    const char* name() const noexcept { return name_; }

private:
    const char* name_;
};

/// A handle to a node of a tree of contexts. Default-constructed it is background().
/// Threads  all operations from any number at once; passed by const reference or by value.
/// Cost     err() is two atomic loads; copies count references. Go  context.Context
class context {
public:
    constexpr context() noexcept = default;
    context(const context& o) noexcept : core_(o.core_) {
        if (core_ != nullptr) core_->retain();
    }
    context(context&& o) noexcept : core_(std::exchange(o.core_, nullptr)) {}
    context& operator=(const context& o) noexcept {
        context(o).swap(*this);
        return *this;
    }
    context& operator=(context&& o) noexcept {
        context(std::move(o)).swap(*this);
        return *this;
    }
    ~context() { detail::context_core::release(core_); }
    void swap(context& o) noexcept { std::swap(core_, o.core_); }

    /// Closed when the context is done; nil if it never can be. Made at the first call.
    recv_chan<unit> done() const {
        detail::context_core* c = root();
        return c != nullptr ? detail::chan_access::adopt<recv_chan<unit>>(c->done())
                            : recv_chan<unit>();
    }
    /// Empty, errc::canceled or errc::deadline_exceeded. Once it is not empty, done() is closed.
    std::error_code err() const noexcept {
        const detail::context_core* c = root();
        return c != nullptr ? c->err() : std::error_code();
    }
    /// Why: the cause that was given with the first cancellation, here or further up; else err().
    std::error_code cause() const noexcept {
        const detail::context_core* c = root();
        return c != nullptr ? c->cause() : std::error_code();
    }
    /// When it will be done by itself: the earliest deadline up the tree.
    std::optional<clock::time_point> deadline() const noexcept {
        return core_ != nullptr ? core_->deadline() : std::nullopt;
    }
    /// The nearest value of `key` up the tree, or null. It lives as long as this context.
    template <class T>
    const T* value(const context_key<T>& key) const noexcept {
        for (const detail::context_core* c = core_; c != nullptr; c = c->parent()) {
            if (const void* v = c->own_value(&key); v != nullptr) return static_cast<const T*>(v);
        }
        return nullptr;
    }
    /// A token that is asked to stop when the context is cancelled.
    std::stop_token stop_token() const {
        detail::context_core* c = root();
        return c != nullptr ? c->stop_token() : std::stop_token();
    }

    /// Whether both are the same node.
    friend bool operator==(const context& a, const context& b) noexcept { return a.core_ == b.core_; }

protected:
    friend struct context_access;
    explicit context(detail::context_core* adopted) noexcept : core_(adopted) {}
    detail::context_core* root() const noexcept {
        return core_ != nullptr ? core_->root_of_cancel() : nullptr;
    }
    detail::context_core* core_ = nullptr;
};

/// A context that its holder cancels: explicitly, or by leaving its scope. Move-only; slices to a context
/// that others may keep. A moved-from one does nothing.
class [[nodiscard]] cancel_context : public context {
public:
    cancel_context(cancel_context&& o) noexcept = default;
    cancel_context& operator=(cancel_context&& o) noexcept {
        if (this != &o) {
            cancel();
            context::operator=(std::move(o));
        }
        return *this;
    }
    cancel_context(const cancel_context&) = delete;
    cancel_context& operator=(const cancel_context&) = delete;
    ~cancel_context() { cancel(); }

    /// Cancels this context and all below it; when it returns they are done. The first call wins.
    void cancel() const noexcept { cancel(std::error_code()); }
    /// The same, with a cause; an empty one is none.
    void cancel(std::error_code cause) const noexcept {
        if (core_ != nullptr) detail::context_core::cancel(core_, errc::canceled, cause);
    }

private:
    friend struct context_access;
    explicit cancel_context(detail::context_core* adopted) noexcept : context(adopted) {}
};

/// Of after_func(ctx, f).
class stop_handle {
public:
    stop_handle() noexcept = default;
    stop_handle(stop_handle&& o) noexcept
        : node_(std::exchange(o.node_, nullptr)), idle_(std::exchange(o.idle_, false)) {}
    stop_handle& operator=(stop_handle&& o) noexcept {
        stop_handle moved(std::move(o));
        std::swap(node_, moved.node_);
        std::swap(idle_, moved.idle_);
        return *this;
    }
    ~stop_handle() { detail::context_core::release(node_); }

    /// True if this call kept the function from being called. Does not wait for one that runs.
    bool stop() noexcept {
        if (node_ == nullptr) return std::exchange(idle_, false);
        return node_->stop();
    }

private:
    friend struct context_access;
    explicit stop_handle(detail::func_node* adopted) noexcept : node_(adopted) {}
    detail::func_node* node_ = nullptr;
    bool idle_ = false;  // of a context that cannot be cancelled: there is something to stop, once
};

/// For the functions below.
struct context_access {
    static detail::context_core* core(const context& c) noexcept { return c.core_; }
    template <class C>
    static C adopt(detail::context_core* c) noexcept {
        return C(c);
    }
    static stop_handle handle(detail::func_node* n) noexcept { return stop_handle(n); }
    static stop_handle idle_handle() noexcept {
        stop_handle h;
        h.idle_ = true;
        return h;
    }
};

/// The root of all contexts: never done, no deadline, no values. Go  context.Background()
inline context background() noexcept { return {}; }
/// The same, where it is not clear yet which context to use. Go  context.TODO()
inline context todo() noexcept { return {}; }

/// A child of `parent` that its holder may cancel. Go  context.WithCancel
inline cancel_context with_cancel(const context& parent) {
    auto* node = new detail::cancel_node(context_access::core(parent));
    cancel_context child = context_access::adopt<cancel_context>(node);
    node->join_parent();
    return child;
}

/// A child that is done at `deadline`, or its parent's if that is earlier. One in the past: it is born
/// done. Go  context.WithDeadline
inline cancel_context with_deadline(const context& parent, clock::time_point deadline) {
    const std::optional<clock::time_point> before = parent.deadline();
    const bool own = !before || deadline < *before;
    auto* node = new detail::deadline_node(context_access::core(parent), own ? deadline : *before,
                                           own && deadline != detail::no_deadline);
    cancel_context child = context_access::adopt<cancel_context>(node);
    node->join_parent();
    if (own) {
        if (deadline <= detail::now()) {
            detail::context_core::cancel(node, errc::deadline_exceeded, {});
        } else if (!child.err()) {
            node->start();
        }
    }
    return child;
}

/// A child that is done after `d`; zero or less: it is born done. Go  context.WithTimeout
template <class Rep, class Period>
cancel_context with_timeout(const context& parent, std::chrono::duration<Rep, Period> d) {
    return with_deadline(parent, detail::deadline_after(detail::to_duration(d)));
}

/// A child with a value. Go  context.WithValue
template <class T>
context with_value(const context& parent, const context_key<T>& key, std::type_identity_t<T> value) {
    return context_access::adopt<context>(
        new detail::value_node<T>(context_access::core(parent), &key, std::move(value)));
}

/// A child with the values of its parent that is not cancelled with it. Go  context.WithoutCancel
inline context without_cancel(const context& parent) {
    if (context_access::core(parent) == nullptr) return {};
    return context_access::adopt<context>(new detail::detached_node(context_access::core(parent)));
}

/// Calls `f` in a goroutine of its own once the context is done; at once if it is. Dropping the handle does
/// not stop it. Visibility  what precedes it happens before the call. Go  context.AfterFunc
template <class F>
stop_handle after_func(const context& ctx, F f,
                       detail::source_place place = detail::source_place::here()) {
    static_assert(std::is_invocable_v<F&>,
                  "runnel::after_func: the function is called without arguments");
    detail::check_callable(f);
    detail::context_core* core = context_access::core(ctx);
    if (core == nullptr || core->root_of_cancel() == nullptr) return context_access::idle_handle();
    auto* node = new detail::func_node_of<F>(core, place, std::move(f));
    node->retain();  // its own, until it is called or stopped
    stop_handle handle = context_access::handle(node);
    node->join_parent();
    return handle;
}

}  // namespace v0
}  // namespace runnel
