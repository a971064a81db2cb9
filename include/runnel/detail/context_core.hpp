// runnel/detail/context_core.hpp — the tree that contexts are handles to.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      cancelCtx, timerCtx, valueCtx, afterFuncCtx
//   Layer   3; used by context.hpp alone
//   Map     1. nodes   2. joining a parent   3. cancelling   4. done   5. kinds of nodes
//
//   Invariants
//     a node holds a reference to its parent; a parent's list of children holds none: a child leaves it
//     when it is cancelled or goes;
//     decided_ is written once, under lock_, after the cause; the list is empty from then on;
//     err() is not empty ⇔ the done channel is closed, seen from anywhere.
//   No lock is held while a channel is closed, a callback called or another node locked; neither
//   cancelling nor releasing a tree uses the stack in proportion to its depth.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <system_error>
#include <utility>

#include <runnel/detail/chan_core.hpp>
#include <runnel/detail/intrusive_list.hpp>
#include <runnel/detail/timer_chan.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

// ---- 1. nodes ----

class context_core {
public:
    context_core(const context_core&) = delete;
    context_core& operator=(const context_core&) = delete;

    context_core* next = nullptr;  // among its parent's children, guarded by the parent's lock_;
    context_core* prev = nullptr;  // when it has been taken off for cancelling, of the work list
    bool linked = false;

    void retain() noexcept { references_.fetch_add(1, memory_order_relaxed); }
    bool try_retain() noexcept {
        std::uint32_t n = references_.load(memory_order_relaxed);
        do {
            if (n == 0) return false;
        } while (!references_.compare_exchange_weak(n, n + 1, memory_order_relaxed));
        return true;
    }
    /// Releases a node and, as far as they go with it, its ancestors, one after the other.
    static void release(context_core* c) noexcept {
        while (c != nullptr && c->references_.fetch_sub(1, memory_order_acq_rel) == 1) {
            context_core* parent = c->parent_;
            c->leave_parent();
            delete c;
            c = parent;
        }
    }

    context_core* parent() const noexcept { return parent_; }
    /// The nearest node upwards, this one included, that can be cancelled.
    context_core* root_of_cancel() noexcept { return root_; }

    // ---- 2. joining a parent ----

    /// From now on cancelled with its parent; at once if that is done already.
    void join_parent() noexcept {
        if (above_ == nullptr) return;
        int code = 0;
        std::error_code cause;
        {
            spin_guard g(above_->lock_);
            code = above_->decided_.load(memory_order_relaxed);
            if (code == 0) {
                above_->children_.push_back(this);
                return;
            }
            cause = above_->cause_;
        }
        cancel(this, static_cast<errc>(code), cause);
    }

    void leave_parent() noexcept {
        if (above_ == nullptr) return;
        spin_guard g(above_->lock_);
        above_->children_.remove(this);
    }

    // ---- 3. cancelling ----

    /// Cancels `top` and all below it; the first cancellation of a node wins.
    static void cancel(context_core* top, errc reason, std::error_code cause) noexcept {
        if (!cause) cause = make_error_code(reason);
        context_core* work = nullptr;  // linked by next, each node held and in no parent's list
        top->retain();
        if (top->decide(reason, cause, work)) {
            top->leave_parent();
            top->finish();
        }
        release(top);
        while (work != nullptr) {
            context_core* c = work;
            work = c->next;
            if (c->decide(reason, cause, work)) c->finish();
            release(c);
        }
    }

    std::error_code err() const noexcept {
        const int code = decided_.load(memory_order_acquire);  // [CX-1] sees the cause and done_
        if (code == 0) return {};
        const chan_core<unit>* done = done_.load(memory_order_acquire);
        // Decided, but whoever decided has not closed the channel yet: then it has not happened yet.
        if (done != nullptr && !done->closed.load(memory_order_acquire)) return {};
        return make_error_code(static_cast<errc>(code));
    }
    std::error_code cause() const noexcept { return err() ? cause_ : std::error_code(); }

    // ---- 4. done ----

    /// Made when somebody asks for it first; a context nobody waits for never has a channel.
    /// The caller gets a reference.
    chan_core<unit>* done() {
        chan_core<unit>* c = done_.load(memory_order_acquire);
        if (c == nullptr) c = make_done();
        c->retain();
        return c;
    }

    std::stop_token stop_token() {
        std::optional<std::stop_source> fresh(std::in_place);
        bool is_done = false;
        {
            spin_guard g(lock_);
            if (!stop_) stop_.emplace(std::move(*fresh));
            is_done = decided_.load(memory_order_relaxed) != 0;
        }
        if (is_done) stop_->request_stop();
        return stop_->get_token();
    }

    virtual std::optional<time_point> deadline() const noexcept {
        return parent_ != nullptr ? parent_->deadline() : std::nullopt;
    }
    /// The value of `key` in this node alone.
    virtual const void* own_value(const void*) const noexcept { return nullptr; }

protected:
    /// `root`: this node can be cancelled; `above`: with what it is.
    context_core(context_core* parent, bool can_be_cancelled, bool with_parent) noexcept
        : parent_(parent) {
        if (parent_ != nullptr) parent_->retain();
        context_core* above = parent_ != nullptr && with_parent ? parent_->root_ : nullptr;
        root_ = can_be_cancelled ? this : above;
        above_ = can_be_cancelled ? above : nullptr;
    }
    virtual ~context_core() {
        if (chan_core<unit>* c = done_.load(memory_order_acquire); c != nullptr) c->release();
    }

    /// Called once, without a lock, when the node has been cancelled.
    virtual void on_cancel() noexcept {}

private:
    // Marks the node; its children go, held, to the front of the work list. False if it was done before.
    bool decide(errc reason, std::error_code cause, context_core*& work) noexcept {
        spin_guard g(lock_);
        if (decided_.load(memory_order_relaxed) != 0) return false;
        cause_ = cause;
        decided_.store(static_cast<int>(reason), memory_order_release);  // [CX-1]
        while (context_core* child = children_.pop_front()) {
            if (!child->try_retain()) continue;  // it is on its way out, and waits for our lock
            child->next = work;
            work = child;
        }
        return true;
    }

    // Tells everyone, after decide() and without the lock.
    void finish() noexcept {
        chan_core<unit>* done = nullptr;
        bool stop = false;
        {
            spin_guard g(lock_);
            done = done_.load(memory_order_relaxed);
            stop = stop_.has_value();
        }
        // One that was made after decide() is closed already.
        if (done != nullptr && !done->closed.load(memory_order_acquire)) done->close();
        if (stop) stop_->request_stop();
        on_cancel();
    }

    RUNNEL_NOINLINE chan_core<unit>* make_done() {
        chan_core<unit>* fresh = chan_core<unit>::make(0, false);
        chan_core<unit>* there = nullptr;
        {
            spin_guard g(lock_);
            there = done_.load(memory_order_relaxed);
            if (there == nullptr) {
                // Nobody waits on it yet: closing it here wakes nobody.
                if (decided_.load(memory_order_relaxed) != 0) fresh->close();
                done_.store(fresh, memory_order_release);
            }
        }
        if (there == nullptr) return fresh;
        fresh->release();
        return there;
    }

    context_core* const parent_;
    context_core* root_ = nullptr;
    context_core* above_ = nullptr;
    atomic<std::uint32_t> references_{1};
    atomic<int> decided_{0};                        // an errc; written under lock_
    atomic<chan_core<unit>*> done_{nullptr};        // written once, under lock_
    spin_lock lock_;
    std::error_code cause_;                         // written before decided_
    intrusive_list<context_core> children_;         // guarded by lock_
    std::optional<std::stop_source> stop_;          // written once, under lock_
};

// ---- 5. kinds of nodes ----

class cancel_node : public context_core {
public:
    explicit cancel_node(context_core* parent) noexcept : context_core(parent, true, true) {}
};

class deadline_node final : public context_core, private timer_node {
public:
    deadline_node(context_core* parent, time_point when, bool own_timer) noexcept
        : context_core(parent, true, true), when_(when) {
        expire = on_expire;
        run = on_run;
        if (own_timer) scheduler_ = &this_scheduler();
    }
    /// After join_parent().
    void start() noexcept {
        if (scheduler_ != nullptr) scheduler_->arm(this, when_);
    }
    std::optional<time_point> deadline() const noexcept override { return when_; }

private:
    ~deadline_node() override {
        if (scheduler_ != nullptr) scheduler_->cancel(this);
    }
    void on_cancel() noexcept override {
        if (scheduler_ != nullptr) scheduler_->cancel(this);
    }
    static goroutine* on_expire(timer_node* n) noexcept {
        auto* self = static_cast<deadline_node*>(n);
        self->deferred = self->try_retain();
        return nullptr;
    }
    static void on_run(timer_node* n) noexcept {
        auto* self = static_cast<deadline_node*>(n);
        cancel(self, errc::deadline_exceeded, {});
        release(self);
    }

    const time_point when_;
    scheduler* scheduler_ = nullptr;
};

template <class T>
class value_node final : public context_core {
public:
    template <class V>
    value_node(context_core* parent, const void* key, V&& value)
        : context_core(parent, false, true), key_(key), value_(std::forward<V>(value)) {}
    const void* own_value(const void* key) const noexcept override {
        return key == key_ ? &value_ : nullptr;
    }

private:
    const void* key_;
    const T value_;
};

/// Keeps the values of its parent and nothing else.
class detached_node final : public context_core {
public:
    explicit detached_node(context_core* parent) noexcept : context_core(parent, false, false) {}
    std::optional<time_point> deadline() const noexcept override { return std::nullopt; }
};

/// Starts a goroutine when its parent is cancelled. Holds itself until then, or until it is stopped.
class func_node : public context_core {
public:
    /// True if this call kept the function from being called.
    bool stop() noexcept {
        if (!claim()) return false;
        leave_parent();
        release(this);
        return true;
    }
    virtual void call() = 0;

protected:
    func_node(context_core* parent, source_place place) noexcept
        : context_core(parent, true, true),
          scheduler_(this_scheduler()),
          scope_(current_scope(scheduler_)),
          place_(place) {
        scope_->retain();
    }
    ~func_node() override { scope_->release(); }

private:
    struct body {
        func_node* self;
        explicit body(func_node* n) noexcept : self(n) {}
        body(body&& o) noexcept : self(std::exchange(o.self, nullptr)) {}
        body& operator=(body&&) = delete;
        ~body() {
            if (self != nullptr) release(self);
        }
        void operator()() { self->call(); }
    };

    bool claim() noexcept { return !claimed_.exchange(true, memory_order_acq_rel); }

    void on_cancel() noexcept override {
        if (!claim()) return;
        if (scope_->ended.load(memory_order_acquire)) {
            release(this);
            return;
        }
        try {
            // With the reference that it held on itself.
            spawn_task<body>(scheduler_, current_worker(), scope_, place_,
                             [this]() noexcept { return body(this); });
        } catch (...) {
            fatal("no memory for the goroutine of after_func");
        }
    }

    scheduler& scheduler_;
    run_scope* scope_;
    source_place place_;
    atomic<bool> claimed_{false};
};

template <class F>
class func_node_of final : public func_node {
public:
    template <class G>
    func_node_of(context_core* parent, source_place place, G&& f)
        : func_node(parent, place), function_(std::forward<G>(f)) {}
    void call() override { function_(); }

private:
    F function_;
};

}  // namespace detail
}  // namespace v0
}  // namespace runnel
