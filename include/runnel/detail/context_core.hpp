// runnel/detail/context_core.hpp — the tree that contexts are handles to.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      cancelCtx, timerCtx, valueCtx, afterFuncCtx
//   Layer   3; used by context.hpp alone
//   Map     1. nodes   2. joining a parent   3. cancelling   4. done   5. kinds of nodes
//
//   Invariants
//     a node holds a reference to its parent; a parent's list of children holds none: a child
//     leaves it when it is cancelled or goes;
//     decided_ is written once, under lock_, after the cause; from then on the list is empty, and
//     when lock_ is free again the done channel is closed;
//     err() is not empty ⇔ the done channel is closed, and whoever waits for it claimed, seen from anywhere;
//     a cancellation that finds the node done returns once all below it is, whoever is at it.
//   Locks: one node's, then its done channel's or the timer queue's; never two nodes'. Nobody is
//   woken and nothing of the user's runs under any of them. Neither cancelling nor releasing a tree
//   uses the stack in proportion to its depth.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include <runnel/detail/chan_core.hpp>
#include <runnel/detail/intrusive_list.hpp>
#include <runnel/detail/stop_source.hpp>
#include <runnel/detail/timer_chan.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

// ---- 1. nodes ----

class value_base;

class context_core {
public:
    context_core(const context_core&) = delete;
    context_core& operator=(const context_core&) = delete;

    // Among its parent's children, guarded by the parent's lock_. Once it has been taken off there,
    // next belongs to who did that, and prev to who cancelled it, which may be another: see
    // propagate().
    context_core* next = nullptr;
    context_core* prev = nullptr;
    bool linked = false;

    // A handle holds a reference, and so does each child.

    void retain() noexcept { references_.fetch_add(1, memory_order_relaxed); }
    /// Releases a node and, as far as they go with it, its ancestors, one after the other.
    static void release(context_core* c) noexcept {
        while (c != nullptr && c->drop_reference()) {
            context_core* parent = c->parent_;
            // relaxed: the last reference sees what those did who cancelled it. They took it off.
            if (c->decided_.load(memory_order_relaxed) == 0) c->leave_parent();
            delete c;
            c = parent;
        }
    }

    context_core* parent() const noexcept { return parent_; }
    /// The nearest node upwards, this one included, that can be cancelled; or null.
    context_core* root_of_cancel() const noexcept { return root_; }
    /// The nearest node upwards, this one included, that has a value; or null.
    const value_base* values() const noexcept { return values_; }
    std::optional<time_point> deadline() const noexcept { return deadline_; }

    /// What it is called in a description, e.g. `with_cancel`.
    virtual std::string describe() const = 0;

    // ---- 2. joining a parent ----

    /// From now on cancelled with its parent; at once if that is done already.
    void join_parent() noexcept {
        if (above_ == nullptr) return;
        tsan::release(this);
        int code = 0;
        std::error_code cause;
        {
            const section guard(above_->lock_);
            code = above_->decided_.load(memory_order_relaxed);  // relaxed: written under lock_
            if (code == 0) {
                above_->children_.push_back(this);
                return;
            }
            tsan::acquire(&above_->decided_);  // that cancellation happens before ours
            cause = above_->cause_;
        }
        cancel_held(this, static_cast<errc>(code), cause);
    }

    void leave_parent() noexcept {
        if (above_ == nullptr) return;
        const section guard(above_->lock_);
        above_->children_.remove(this);
    }

    // ---- 3. cancelling ----

    /// Cancels `top`, which the caller holds until then, and all below it. The first cancellation of a node
    /// wins; its cause, if empty, is `reason`.
    static void cancel(context_core* top, errc reason, std::error_code cause) noexcept {
        // As soon as it is done somebody else, who waited for that, may let go of it.
        top->retain();
        cancel_held(top, reason, cause);
        release(top);
    }
    /// The same by one who holds it until this returns.
    static void cancel_held(context_core* top, errc reason, std::error_code cause) noexcept {
        if (!top->err()) {
            remainder rest;
            propagate(top, reason, cause, rest);
            rest.settle();
        }
        top->wait_for_those_below();
    }

    std::error_code err() const noexcept {
        const int code = decided_.load(memory_order_acquire);  // [CX-1] sees the cause
        if (code == 0) return {};
        if ((under_way_.load(memory_order_acquire) & closing) != 0) {  // [CX-4]
            const section until_closed(lock_);
        }
        tsan::acquire(&decided_);
        return make_error_code(static_cast<errc>(code));
    }
    std::error_code cause() const noexcept { return err() ? cause_ : std::error_code(); }

    // ---- 4. done ----

    /// Made when somebody asks for it first; a context nobody waits for never has a channel.
    /// The caller gets a reference.
    chan_core<unit>* done() {
        chan_core<unit>* c = done_.load(memory_order_acquire);  // [CX-3]
        if (c == nullptr) c = make_done();
        c->retain();
        return c;
    }

#if defined(__cpp_lib_jthread)
    /// Its source, too, is made when somebody asks for it first.
    std::stop_token stop_token() {
        stop_source source = no_stop_source();
        bool is_done = false;
        look_at_stop(source, is_done);
        if (!source.stop_possible()) {
            stop_source fresh;
            {
                const spin_guard guard(lock_);
                if (!stop_.stop_possible()) stop_ = std::move(fresh);
                tsan::release(&stop_);
            }
            look_at_stop(source, is_done);
        }
        if (is_done) source.request_stop();
        return source.get_token();
    }
#endif

protected:
    enum class joins : bool { no, yes };
    enum class cancellable : bool { no, yes };

    context_core(context_core* parent, joins with_parent, cancellable itself) noexcept
        : parent_(parent) {
        if (parent_ == nullptr) {
            if (itself == cancellable::yes) root_ = this;
            return;
        }
        parent_->retain();
        values_ = parent_->values_;
        context_core* above = nullptr;
        if (with_parent == joins::yes) {
            above = parent_->root_;
            deadline_ = parent_->deadline_;
        }
        root_ = itself == cancellable::yes ? this : above;
        above_ = itself == cancellable::yes ? above : nullptr;
    }
    virtual ~context_core() {
        // relaxed: ours is the last reference
        if (chan_core<unit>* c = done_.load(memory_order_relaxed); c != nullptr) c->release();
    }

    /// Called once, without a lock, when the node has been cancelled. Nothing of the user's here. True if
    /// something is to be started once all nodes are through.
    virtual bool on_cancel() noexcept { return false; }
    virtual void start_function() noexcept {}

    bool try_retain() noexcept {
        std::uint32_t n = references_.load(memory_order_relaxed);
        do {
            if (n == 0) return false;
        } while (!references_.compare_exchange_weak(n, n + 1, memory_order_relaxed));
        return true;
    }
    // True if that was the last one.
    bool drop_reference() noexcept {
        // Usually ours is the only one. But as long as a parent or a timer may find the node the count
        // can rise again.
        if (references_.load(memory_order_acquire) == 1 &&  // [CX-2]
            (root_ != this || decided_.load(memory_order_relaxed) != 0)) {
            return true;
        }
        if (references_.fetch_sub(1, memory_order_release) != 1) return false;  // [CX-2]
        // [CX-2] sees what all those did who have released it.
        static_cast<void>(references_.load(memory_order_acquire));
        return true;
    }
    bool release_unless_last() noexcept {
        std::uint32_t n = references_.load(memory_order_relaxed);
        do {
            if (n == 1) return false;
        } while (!references_.compare_exchange_weak(n, n - 1, memory_order_release,  // [CX-2]
                                                    memory_order_relaxed));
        return true;
    }

    /// What is left to do when nodes have been cancelled, and runs code of the user's.
    class remainder {
    public:
        void push(context_core* held) noexcept {
            held->prev = first_;
            first_ = held;
        }
        /// Only if there is anything to do with it; else lets go of it.
        void take(context_core* held) noexcept {
            if (held->stop_wanted_ || !held->release_unless_last()) push(held);
        }
        bool empty() const noexcept { return first_ == nullptr; }
        /// Runs the callbacks of stop tokens, and destroys the values that nobody holds any more.
        void settle() noexcept {
            while (first_ != nullptr) {
                context_core* c = first_;
                tsan::acquire(c);
                tsan::acquire(&c->stop_);
                first_ = c->prev;
                if (c->stop_wanted_) c->stop_.request_stop();
                release(c);
            }
        }

    private:
        context_core* first_ = nullptr;  // linked by prev; held
    };

    /// Cancels `top` and all below it, and runs nothing of the user's: that is put into `rest`. Whoever is
    /// woken, or started by after_func, finds all of them cancelled; only who looks by chance may come between.
    static void propagate(context_core* top, errc reason, std::error_code cause,
                          remainder& rest) noexcept {
        const tsan::runtime_scope ours;
        if (!cause) cause = make_error_code(reason);
        // The children of those that are done: linked by next, held.
        context_core* work = nullptr;
        context_core* decided = nullptr;  // likewise
        wake_list woken;
        if (!top->decide(reason, cause, work, woken)) return;
        while (work != nullptr) {
            context_core* c = work;
            work = c->next;
            if (c->decide(reason, cause, work, woken)) {
                c->next = decided;
                decided = c;
            } else {
                // Only who cancels something above waits for another: never in a circle.
                c->wait_for_those_below();
                if (!c->release_unless_last()) rest.push(c);
            }
        }
        RUNNEL_POINT("context.decided");
        woken.wake_all();
        const bool top_starts = top->on_cancel();
        context_core* starting = nullptr;  // linked by next, held
        while (decided != nullptr) {
            context_core* c = decided;
            decided = c->next;
            const bool starts = c->on_cancel();
            c->all_below_done();  // they came before it in this list
            if (starts) {
                c->next = starting;
                starting = c;
            } else {
                rest.take(c);
            }
        }
        top->all_below_done();
        top->leave_parent();  // last: until now a cancellation of the parent waits for this one
        if (top->stop_wanted_) {
            top->retain();
            rest.push(top);
        }
        // Nobody waits for us any more: in a simulation others may go first when something is started.
        if (top_starts) top->start_function();
        while (starting != nullptr) {
            context_core* c = starting;
            starting = c->next;
            c->start_function();
            rest.take(c);
        }
    }

    void set_deadline(time_point when) noexcept { deadline_ = when; }
    void set_values(const value_base* v) noexcept { values_ = v; }

    // To the thread sanitizer the tree does not synchronise those who use it: see tsan.hpp.
    class section {
    public:
        explicit section(spin_lock& l) noexcept : guard_(l) {}

    private:
        const tsan::runtime_scope ours_;
        const spin_guard<> guard_;
    };

    mutable spin_lock lock_;
    atomic<int> decided_{0};  // an errc; written under lock_

private:
    // Marks the node, closes its channel and moves its children, held, to the front of `work`. False if it was
    // done before.
    bool decide(errc reason, std::error_code cause, context_core*& work,
                wake_list& woken) noexcept {
        const spin_guard guard(lock_);
        // relaxed: written under lock_
        if (decided_.load(memory_order_relaxed) != 0) return false;
        cause_ = cause;
        stop_wanted_ = stop_.stop_possible();
        // relaxed: written under lock_
        chan_core<unit>* const done = done_.load(memory_order_relaxed);
        const unsigned char open = children_.empty() ? 0 : below;
        // relaxed: seen by who sees decided_
        under_way_.store(done != nullptr ? open | closing : open, memory_order_relaxed);
        tsan::release(&decided_);
        decided_.store(static_cast<int>(reason), memory_order_release);  // [CX-1]
        while (context_core* child = children_.pop_front()) {
            if (!child->try_retain()) continue;  // it is going, and waits for our lock
            child->next = work;
            work = child;
        }
        if (done != nullptr) {
            done->close_quietly(woken);
            under_way_.store(open, memory_order_release);  // [CX-4]
        }
        return true;
    }

    // By who has decided.
    void all_below_done() noexcept {
        // relaxed: nobody else writes it
        if (under_way_.load(memory_order_relaxed) != 0) {
            under_way_.store(0, memory_order_release);  // [CX-4]
        }
    }
    // After it is decided.
    void wait_for_those_below() const noexcept {
        const tsan::runtime_scope ours;
        spin_wait waiting;
        while ((under_way_.load(memory_order_acquire) & below) != 0) waiting.pause();  // [CX-4]
    }

    RUNNEL_NOINLINE chan_core<unit>* make_done() {
        chan_core<unit>* fresh = chan_core<unit>::make(0, false);
        chan_core<unit>* there = nullptr;
        {
            const spin_guard guard(lock_);
            there = done_.load(memory_order_relaxed);  // relaxed: written under lock_
            if (there == nullptr) {
                wake_list nobody;
                if (decided_.load(memory_order_relaxed) != 0) {
                    tsan::acquire(
                        &decided_);  // the close that we make up for is the cancellation's
                    fresh->close_quietly(nobody);
                }
                done_.store(fresh, memory_order_release);  // [CX-3] publishes the channel
            }
        }
        if (there == nullptr) return fresh;
        fresh->release();
        return there;
    }

    void look_at_stop(stop_source& source, bool& is_done) const noexcept {
        const spin_guard guard(lock_);
        source = stop_;
        is_done = decided_.load(memory_order_relaxed) != 0;  // relaxed: written under lock_
        if (is_done) tsan::acquire(&decided_);
    }

    context_core* const parent_;
    context_core* root_ = nullptr;
    context_core* above_ = nullptr;  // whose child it is: the nearest that can be cancelled
    const value_base* values_ = nullptr;
    std::optional<time_point> deadline_;
    atomic<std::uint32_t> references_{1};
    // What a cancellation has still to do here. Set before decided_, taken back by the same thread.
    static constexpr unsigned char closing = 1;  // its channel is to be closed, under lock_
    static constexpr unsigned char below = 2;    // its children are to be cancelled
    atomic<unsigned char> under_way_{0};
    bool stop_wanted_ = false;                // written before decided_
    atomic<chan_core<unit>*> done_{nullptr};  // written once, under lock_
    std::error_code cause_;                   // written before decided_
    intrusive_list<context_core> children_;   // guarded by lock_
    stop_source stop_ = no_stop_source();     // written once, under lock_
};

// ---- 5. kinds of nodes ----

class cancel_node final : public context_core {
public:
    explicit cancel_node(context_core* parent) noexcept
        : context_core(parent, joins::yes, cancellable::yes) {}
    std::string describe() const override { return "with_cancel"; }
};

class deadline_node final : public context_core, private timer_node {
public:
    /// `with_timer`: it has a deadline of its own, and not its parent's.
    deadline_node(context_core* parent, time_point when, bool with_timer)
        : context_core(parent, joins::yes, cancellable::yes) {
        expire = on_expire;
        run = on_run;
        set_deadline(when);
        if (with_timer) scheduler_ = &this_scheduler();
    }
    /// After join_parent().
    void start() noexcept {
        // on_cancel() comes after the lock and so finds the timer armed, or we find the node done.
        const section guard(lock_);
        if (scheduler_ != nullptr && decided_.load(memory_order_relaxed) == 0) {
            scheduler_->arm(this, *deadline() < last_deadline ? *deadline() : last_deadline);
        }
    }
    std::string describe() const override { return "with_deadline"; }

private:
    ~deadline_node() override {
        if (scheduler_ != nullptr) scheduler_->cancel(this);
    }
    bool on_cancel() noexcept override {
        if (scheduler_ != nullptr) scheduler_->cancel(this);
        return false;
    }
    static goroutine* on_expire(timer_node* n) noexcept {
        auto* self = static_cast<deadline_node*>(n);
        self->deferred = self->try_retain();  // else its destructor waits for the queue
        return nullptr;
    }

    // On a worker, between two goroutines: what is the user's gets a goroutine of its own.
    static void on_run(timer_node* n) noexcept {
        auto* self = static_cast<deadline_node*>(n);
        scheduler& s = *current_worker()->home;  // not the timer's own, which may have been stopped
        remainder rest;
        propagate(self, errc::deadline_exceeded, {}, rest);
        if (!self->release_unless_last()) rest.push(self);
        if (rest.empty()) return;
        struct body {
            remainder rest;
            void operator()() noexcept { rest.settle(); }
        };
        try {
            spawn_task<body>(s, current_worker(), &s.root, source_place(),
                             [rest]() noexcept { return body{rest}; });
        } catch (...) {
            rest.settle();  // no memory: better here than never
        }
    }

    scheduler* scheduler_ = nullptr;
};

/// A node with a value, known by its key's address.
class value_base : public context_core {
public:
    /// The nearest value of `key`, or null.
    static const void* find(const value_base* v, const void* key) noexcept {
        while (v != nullptr && v->key_ != key) {
            v = v->parent() != nullptr ? v->parent()->values() : nullptr;
        }
        return v != nullptr ? v->value_ : nullptr;
    }

protected:
    value_base(context_core* parent, const void* key, const void* value) noexcept
        : context_core(parent, joins::yes, cancellable::no), key_(key), value_(value) {
        set_values(this);
    }

private:
    const void* key_;
    const void* value_;
};

template <class T>
class value_node final : public value_base {
public:
    value_node(context_core* parent, const void* key, const char* name, T&& value)
        : value_base(parent, key, &own_), name_(name), own_(std::move(value)) {}
    std::string describe() const override {
        std::string text = "with_value(";
        text += name_;
        if constexpr (std::is_class_v<T> && std::is_convertible_v<const T&, std::string_view>) {
            text += ", ";
            text += std::string_view(own_);
        }
        text += ")";
        return text;
    }

private:
    const char* const name_;
    const T own_;
};

/// Keeps the values of its parent and nothing else.
class detached_node final : public context_core {
public:
    explicit detached_node(context_core* parent) noexcept
        : context_core(parent, joins::no, cancellable::no) {}
    std::string describe() const override { return "without_cancel"; }
};

/// Starts a goroutine when its parent is cancelled. Holds itself until then, or until stopped.
class func_node : public context_core {
public:
    /// True if this call kept the function from being called.
    bool stop() noexcept {
        if (!claim()) return false;
        leave_parent();
        drop();
        release(this);
        return true;
    }
    /// Calls the function, and drops it.
    virtual void call() = 0;
    /// Destroys the function with what it holds: a handle may be kept for long after.
    virtual void drop() noexcept = 0;
    std::string describe() const override { return "after_func"; }

protected:
    func_node(context_core* parent, source_place place)
        : context_core(parent, joins::yes, cancellable::yes),
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

    bool on_cancel() noexcept override {
        if (!claim()) return false;
        if (!scope_->ended.load(memory_order_acquire)) return true;
        release(this);
        return false;
    }
    void start_function() noexcept override {
        tsan::acquire(this);  // what precedes after_func happens before the call
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
        : func_node(parent, place), function_(std::in_place, std::forward<G>(f)) {}
    void call() override {
        struct at_end {
            func_node_of& self;
            ~at_end() { self.drop(); }
        };
        const at_end whatever_happens{*this};
        static_cast<void>((*function_)());
    }
    void drop() noexcept override { function_.reset(); }

private:
    std::optional<F> function_;  // belongs to who claimed it
};

}  // namespace detail
}  // namespace v0
}  // namespace runnel
