// runnel/context.hpp — cancellation, deadlines and values that go with a task.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      package context                                 Differences: docs/from_go.md
//   Layer   5; includes layers 0-4
//   Map     the tree → detail/context_core.hpp
//   Tests   tests/context_test.cpp
//
//       runnel::cancel_context ctx = runnel::with_timeout(runnel::background(), 2s);
//       auto v = ch.recv(ctx);          // a value, closed, timeout or canceled
//       …                               // ctx cancels what was started with it at its scope's end
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <runnel/chan.hpp>
#include <runnel/detail/chrono.hpp>
#include <runnel/detail/context_core.hpp>
#include <runnel/detail/mistake.hpp>
#include <runnel/error.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {
struct context_access;
}

/// The name of a value in a context. Keys are told apart by identity, whatever their names and
/// types, so a key outlives every context that has its value:
/// `inline constexpr runnel::context_key<std::string> request_id{"request-id"};`
template <class T>
class context_key {
public:
    /// `name` is shown by to_string and is not copied.
    /// Threads  a key never changes: any number at once.
    constexpr explicit context_key(const char* name = "") noexcept : name_(name) {}
    context_key(const context_key&) = delete;
    context_key& operator=(const context_key&) = delete;
    constexpr const char* name() const noexcept { return name_; }

private:
    const char* name_;
};

/// Tells what is done on somebody's behalf when to stop, how long it may take, and with what values.
/// A handle to a node in a tree, to be passed by const reference or by value; default-constructed
/// or moved from it is background(). Operations take one as their first argument: `ch.recv(ctx)`.
/// The tree is closed: its nodes are those of the functions below. What is used like a context,
/// with done() and err(), can limit operations, too (context_like).
/// Threads  all operations, any number at once.
/// Cost     err() is one atomic load until the context is done; a copy counts a reference.
/// Go       context.Context
class context {
public:
    constexpr context() noexcept = default;
    context(const context& o) noexcept : core_(o.core_) {
        if (core_ != nullptr) core_->retain();
    }
    context(context&& o) noexcept : core_(std::exchange(o.core_, nullptr)) {}
    context& operator=(const context& o) noexcept {
        context copy(o);
        std::swap(core_, copy.core_);
        return *this;
    }
    context& operator=(context&& o) noexcept {
        context moved(std::move(o));
        std::swap(core_, moved.core_);
        return *this;
    }
    ~context() { detail::context_core::release(core_); }

    /// Closed when the context is done; nil if it never can be.
    /// Errors  std::bad_alloc, from the first call.
    /// Cost    the channel is made by the first call: an allocation.
    recv_chan<unit> done() const {
        detail::context_core* c = root();
        return c != nullptr ? detail::chan_access::adopt<recv_chan<unit>>(c->done())
                            : recv_chan<unit>();
    }
    /// Empty; or errc::canceled or errc::deadline_exceeded if the context is done, and then done()
    /// is closed, and whoever waited for it is on its way.
    /// Visibility  what precedes the cancellation happens before this returns.
    std::error_code err() const noexcept {
        const detail::context_core* c = root();
        return c != nullptr ? c->err() : std::error_code();
    }
    /// Why it is done: what was given with the cancellation that came first, of it or of one above;
    /// else
    /// err(). Go  context.Cause
    std::error_code cause() const noexcept {
        const detail::context_core* c = root();
        return c != nullptr ? c->cause() : std::error_code();
    }
    /// When it will be done at the latest, if that is known: the earliest deadline on the way up.
    std::optional<clock::time_point> deadline() const noexcept {
        return core_ != nullptr ? core_->deadline() : std::nullopt;
    }
    /// The nearest value of `key` on the way up, or null. It lives as long as this context.
    /// Cost  O(values on the way).
    template <class T>
    const T* value(const context_key<T>& key) const noexcept {
        if (core_ == nullptr) return nullptr;
        return static_cast<const T*>(detail::value_base::find(core_->values(), &key));
    }
#if defined(__cpp_lib_jthread)
    /// A token on which a stop is requested when the context is done: for std::jthread's and other
    /// code that knows no contexts. Its callbacks run where the context is cancelled, or in a
    /// goroutine if its deadline struck. They should not park: std::stop_callback's destructor
    /// waits for a callback that runs on another thread, not for one in another goroutine.
    /// Errors  std::bad_alloc, from the first call.
    std::stop_token stop_token() const {
        detail::context_core* c = root();
        return c != nullptr ? c->stop_token() : std::stop_token();
    }
#endif

    /// Whether both are the same node.
    friend bool operator==(const context& a, const context& b) noexcept {
        return a.core_ == b.core_;
    }

private:
    friend struct detail::context_access;
    friend class cancel_context;
    explicit context(detail::context_core* adopted) noexcept : core_(adopted) {}
    detail::context_core* root() const noexcept {
        return core_ != nullptr ? core_->root_of_cancel() : nullptr;
    }

    detail::context_core* core_ = nullptr;
};

/// The owner of a context: cancels it when told to, and at the end of its scope. Move-only; copied
/// to a plain `context` it shares the context with it. Moved into one it gives up the ownership:
/// then only a deadline or a parent ends the context. A moved-from owner does nothing.
/// Go  ctx, cancel := …; defer cancel()
class [[nodiscard]] cancel_context : public context {
public:
    cancel_context(cancel_context&& o) noexcept = default;
    cancel_context& operator=(cancel_context&& o) noexcept {
        if (this != &o) {
            give_up();
            context::operator=(std::move(o));
        }
        return *this;
    }
    cancel_context(const cancel_context&) = delete;
    cancel_context& operator=(const cancel_context&) = delete;
    ~cancel_context() { give_up(); }

    /// Cancels this context and all below it. When it returns they are done, and whoever waits for them
    /// is on its way, also if others are cancelling them at this moment. The first cancellation wins.
    /// Whoever has waited for it may end the owner's life before this returns.
    /// Cost  O(contexts below, and who waits for them), or waiting for who is at it; does not park, and
    ///       runs nothing of the user's but the callbacks of stop tokens.
    void cancel() const noexcept { cancel(std::error_code()); }
    /// The same with a cause; an empty one is none. Go  WithCancelCause
    void cancel(std::error_code cause) const noexcept {
        detail::interruption_point();
        if (core_ != nullptr) detail::context_core::cancel(core_, errc::canceled, cause);
    }

private:
    friend struct detail::context_access;
    explicit cancel_context(detail::context_core* adopted) noexcept : context(adopted) {}

    void give_up() const noexcept {
        detail::interruption_point();
        if (core_ != nullptr) detail::context_core::cancel_held(core_, errc::canceled, {});
    }
};

/// What after_func(ctx, f) returns. Dropping it does nothing.
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

    /// True if this call kept the function from being called. Does not wait if it is being called.
    bool stop() noexcept {
        if (node_ == nullptr) return std::exchange(idle_, false);
        return node_->stop();
    }

private:
    friend struct detail::context_access;
    explicit stop_handle(detail::func_node* adopted) noexcept : node_(adopted) {}
    detail::func_node* node_ = nullptr;
    bool idle_ = false;  // of a context that cannot be cancelled: there is something to stop, once
};

struct detail::context_access {
    static context_core* core(const context& c) noexcept { return c.core_; }
    template <class C>
    static C adopt(context_core* c) noexcept {
        return C(c);
    }
    static stop_handle handle(func_node* n) noexcept { return stop_handle(n); }
    static stop_handle idle_handle() noexcept {
        stop_handle h;
        h.idle_ = true;
        return h;
    }
};

/// The root of all contexts: never done, without deadline and values. Go  context.Background()
inline context background() noexcept { return {}; }
/// The same, where it is not clear yet which context to use. Go  context.TODO()
inline context todo() noexcept { return {}; }

/// A child of `parent` that its owner can cancel. Its parent's cancellation is its own, too,
/// with the cause.
/// Errors  std::bad_alloc: there is no child then.
/// Cost    one allocation. Go  context.WithCancel, WithCancelCause
inline cancel_context with_cancel(const context& parent) {
    auto* node = new detail::cancel_node(detail::context_access::core(parent));
    auto child = detail::context_access::adopt<cancel_context>(node);
    node->join_parent();
    return child;
}

namespace detail {
inline cancel_context with_deadline(const context& parent, time_point deadline, time_point now) {
    const std::optional<time_point> before = parent.deadline();
    const bool own = !before || deadline < *before;
    if (!own) deadline = *before;
    auto* node = new deadline_node(context_access::core(parent), deadline, own);
    auto child = context_access::adopt<cancel_context>(node);
    node->join_parent();
    if (deadline <= now) {
        context_core::cancel_held(node, errc::deadline_exceeded, {});
    } else {
        node->start();
    }
    return child;
}
}  // namespace detail

/// The same that is also done, with errc::deadline_exceeded, at `deadline`, or at its parent's
/// deadline if that is earlier. If it has come already, the child is born done.
/// Errors  std::bad_alloc; std::system_error if the runtime is not running yet and cannot start.
/// Cost  one allocation; a timer, unless its parent's does. Go  context.WithDeadline
inline cancel_context with_deadline(const context& parent, clock::time_point deadline) {
    return detail::with_deadline(parent, deadline, detail::now());
}

/// The same after `d`; with zero or less it is born done. Errors, cost likewise. Go  context.WithTimeout
template <class Rep, class Period>
cancel_context with_timeout(const context& parent, std::chrono::duration<Rep, Period> d) {
    const clock::time_point now = detail::now();
    return detail::with_deadline(parent, detail::deadline_after(detail::to_duration(d), now), now);
}
RUNNEL_MISTAKE(a_time_needs_a_unit_as_in_5ms, with_timeout(const context&, ...));

/// A child of `parent` with a value.
/// Errors  what T's move throws; std::bad_alloc.
/// Cost    one allocation. Go  context.WithValue
template <class T>
context with_value(const context& parent, const context_key<T>& key,
                   std::type_identity_t<T> value) {
    return detail::context_access::adopt<context>(new detail::value_node<T>(
        detail::context_access::core(parent), &key, key.name(), std::move(value)));
}
/// Nobody could ask for the value of a key that is gone.
template <class T>
context with_value(const context& parent, const context_key<T>&& key,
                   std::type_identity_t<T> value) = delete;

/// A child of `parent` with its values, but neither cancelled with it nor bound to its deadline.
/// Errors  std::bad_alloc.
/// Cost    one allocation. Go  context.WithoutCancel
inline context without_cancel(const context& parent) {
    detail::context_core* core = detail::context_access::core(parent);
    if (core == nullptr) return {};
    return detail::context_access::adopt<context>(new detail::detached_node(core));
}

/// Calls `f` in a goroutine of its own as soon as the context is done; at once if it is. Dropping
/// the handle does not stop it. What `f` returns is dropped.
/// Errors      panic (`go of nil func value`) for an empty function; what its move throws; std::bad_alloc,
///             std::system_error as with_deadline. `f` will not be called then. If there is no memory for the goroutine
///             when it is due, the program ends with a report.
/// Visibility  what precedes it, and the cancellation, happen before the call.
/// Go          context.AfterFunc
template <class F>
stop_handle after_func(const context& ctx, F f,
                       detail::source_place place = detail::source_place::here()) {
    static_assert(std::is_invocable_v<F&>,
                  "runnel::after_func: the function is called without arguments");
    detail::check_callable(f);
    detail::context_core* core = detail::context_access::core(ctx);
    if (core == nullptr || core->root_of_cancel() == nullptr) {
        return detail::context_access::idle_handle();
    }
    auto* node = new detail::func_node_of<F>(core, place, std::move(f));
    node->retain();  // its own, until it is called or stopped
    stop_handle handle = detail::context_access::handle(node);
    node->join_parent();
    return handle;
}

/// `background.with_cancel.with_value(request-id, 17a)`: for logs. A value is shown if it is text.
inline std::string to_string(const context& ctx) {
    std::vector<const detail::context_core*> path;
    for (const detail::context_core* c = detail::context_access::core(ctx); c != nullptr;
         c = c->parent()) {
        path.push_back(c);
    }
    std::string text = "background";
    while (!path.empty()) {
        text += '.';
        text += path.back()->describe();
        path.pop_back();
    }
    return text;
}

}  // namespace v0
}  // namespace runnel
