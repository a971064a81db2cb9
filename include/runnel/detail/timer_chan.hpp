// runnel/detail/timer_chan.hpp — timers that send on a channel, or start a goroutine.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      time.Timer, time.Ticker since 1.23: no stale tick after Stop and Reset
//   Layer   3
//   Map     1. what all timers share   2. channel timers   3. function timers
//
//   The timer queue holds no reference to a channel timer: it is attached to its channel, and when
//   the last handle goes the timer leaves the queue. So `after` in a loop does not pile up.
//   A timer that has expired is served in two steps: the queue claims it (expire, under the queue's
//   lock), then it fires without that lock (run). stop() and reset() may come in between: they
//   change the generation, and a claim of an older generation does nothing.
//   Locks, in this order: a timer's own, then the queue's or the channel's.
#pragma once

#include <cstdint>
#include <utility>

#include <runnel/detail/chan_core.hpp>
#include <runnel/detail/spawn.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

// ---- 1. what all timers share ----

class timer_base : public timer_node {
public:
    timer_base(const timer_base&) = delete;
    timer_base& operator=(const timer_base&) = delete;

    virtual void retain() noexcept = 0;
    virtual void release() noexcept = 0;

    /// True if this call kept it from firing, or its tick from being received.
    bool stop() noexcept {
        spin_guard g(lock_);
        return disarm();
    }

    /// Fires again at `when`, then every `period` unless that is zero. Returns what stop() would.
    bool reset(time_point when, duration period) noexcept {
        spin_guard g(lock_);
        const bool was = disarm();
        period_ = period;
        arm(when);
        return was;
    }

protected:
    explicit timer_base(scheduler& s) noexcept : scheduler_(s) {}
    ~timer_base() = default;

    // Under lock_ from here on.

    void arm(time_point when) noexcept {
        armed_ = true;
        ++generation_;
        when_ = when;
        queued();
        scheduler_.arm(this, when);
    }

    bool disarm() noexcept {
        const bool was = armed_;
        armed_ = false;
        const bool was_queued = was && scheduler_.cancel(this);
        ++generation_;  // out of the queue: whoever claimed it has done so
        if (was_queued) unqueued();
        // One that has not fired since it was armed has sent nothing, unless it did so before.
        if (was_queued && period_ == duration::zero()) return true;
        return take_tick_back() || was;
    }

    /// The claim that run() serves is still wanted; a periodic timer is armed again, on its grid.
    bool still_wanted() noexcept {
        // Two claims may be on their way, of the timer before and after a reset. Whoever comes
        // first serves the later one, and the other finds nothing to do.
        if (!armed_ || claimed_generation_.load(memory_order_relaxed) != generation_) return false;
        if (period_ == duration::zero()) {
            armed_ = false;
            return true;
        }
        const time_point t = now();
        // Ticks that nobody could have received are skipped, not sent in a burst.
        const auto missed = t > when_ ? (t - when_) / period_ : 0;
        const duration step = period_ <= (last_deadline - when_) / (missed + 1)
                                  ? period_ * (missed + 1)
                                  : last_deadline - when_;
        arm(when_ + step);
        return true;
    }

    virtual bool take_tick_back() noexcept { return false; }
    virtual void queued() noexcept {}
    virtual void unqueued() noexcept {}

    spin_lock lock_;
    scheduler& scheduler_;
    bool armed_ = false;            // guarded by lock_
    std::uint32_t generation_ = 0;  // guarded by lock_; unchanged while queued
    atomic<std::uint32_t> claimed_generation_{
        0};                               // written by expire(); relaxed: ordered by the queue
    time_point when_{};                   // guarded by lock_
    duration period_ = duration::zero();  // guarded by lock_
};

// ---- 2. channel timers ----

/// Attached to its channel of one place, which looks unbuffered.
class chan_timer final : public chan_attachment, public timer_base {
public:
    /// A channel with a timer on it; the caller adopts the channel's only reference.
    static chan_timer* make(scheduler& s, time_point when, duration period) {
        auto* t = chan_core<time_point>::make_with<chan_timer>(1, s, period);
        t->arm(when);  // without the lock: nobody else knows it yet
        return t;
    }
    chan_timer(chan_core<time_point>* channel, scheduler& s, duration period) noexcept
        : timer_base(s), channel_(channel) {
        channel_->look_unbuffered();
        period_ = period;
        expire = on_expire;
        run = on_run;
    }
    ~chan_timer() override { scheduler_.cancel(this); }

    chan_core<time_point>* channel() const noexcept { return channel_; }
    void retain() noexcept override { channel_->retain(); }
    void release() noexcept override { channel_->release(); }

private:
    static goroutine* on_expire(timer_node* n) noexcept {
        auto* self = static_cast<chan_timer*>(n);
        // The last handle may be going at this moment: then its destructor waits for the queue.
        if (self->channel_->try_retain()) {
            self->claimed_generation_.store(self->generation_, memory_order_relaxed);
            self->deferred = true;
        }
        return nullptr;
    }

    static void on_run(timer_node* n) noexcept {
        auto* self = static_cast<chan_timer*>(n);
        waiter* woken = nullptr;
        {
            spin_guard g(self->lock_);
            if (self->still_wanted()) {
                self->tick_ = now();
                spin_guard c(self->channel_->lock);
                // A tick that nobody has received yet stays, and this one is lost.
                static_cast<void>(self->channel_->try_send(self->tick_, woken, nullptr));
            }
        }
        if (woken != nullptr) woken->who->wake();
        const tsan::user_scope as_a_handle_does;  // the tick's place is freed after this
        self->channel_->release();
    }

    // A tick is sent under lock_, so there is none if there seems to be none.
    bool take_tick_back() noexcept override {
        return channel_->may_receive() && channel_->discard_buffered();
    }

    chan_core<time_point>* channel_;
    time_point tick_{};  // guarded by lock_; not on a stack, where the next goroutine has its own
};

// ---- 3. function timers ----

/// Runs a function in a goroutine of its own. Referred to by its handle, by the queue while it is
/// armed, and by the goroutines that run the function.
class func_timer : public timer_base {
public:
    void retain() noexcept override { references_.fetch_add(1, memory_order_relaxed); }
    void release() noexcept override {
        if (references_.fetch_sub(1, memory_order_release) != 1) return;
        static_cast<void>(references_.load(memory_order_acquire));  // sees what all the others did
        delete this;
    }

    virtual void call() = 0;

protected:
    func_timer(scheduler& s, run_scope* scope, source_place place) noexcept
        : timer_base(s), scope_(scope), place_(place) {
        expire = on_expire;
        run = on_run;
        ends_with = scope_;
        scope_->retain();
    }
    virtual ~func_timer() { scope_->release(); }

private:
    static goroutine* on_expire(timer_node* n) noexcept {
        auto* self = static_cast<func_timer*>(n);
        self->claimed_generation_.store(self->generation_, memory_order_relaxed);
        self->deferred = true;  // with the queue's reference
        return nullptr;
    }

    static void on_run(timer_node* n) noexcept {
        auto* self = static_cast<func_timer*>(n);
        bool fire = false;
        {
            spin_guard g(self->lock_);
            fire = self->still_wanted();
        }
        if (!fire || self->scope_->ended.load(memory_order_acquire)) {
            self->release();
            return;
        }
        try {
            // With the queue's reference, so that the last one does not go here.
            spawn_task<body>(self->scheduler_, current_worker(), self->scope_, self->place_,
                             [self]() noexcept { return body(self); });
        } catch (...) {
            fatal("no memory for the goroutine of after_func");
        }
    }

    class body {
    public:
        explicit body(func_timer* adopted) noexcept : self_(adopted) {}
        body(body&& o) noexcept : self_(std::exchange(o.self_, nullptr)) {}
        body& operator=(body&&) = delete;
        ~body() {
            if (self_ != nullptr) self_->release();
        }
        void operator()() { self_->call(); }

    private:
        func_timer* self_;
    };

    void queued() noexcept override { retain(); }
    void unqueued() noexcept override {
        // Never the last: whoever stops a timer holds a handle. relaxed: what it has done is released with that.
        references_.fetch_sub(1, memory_order_relaxed);
    }

    atomic<std::uint32_t> references_{1};
    run_scope* scope_;
    source_place place_;
};

template <class F>
class func_timer_of final : public func_timer {
public:
    template <class G>
    func_timer_of(scheduler& s, run_scope* scope, source_place place, G&& f)
        : func_timer(s, scope, place), function_(std::forward<G>(f)) {}
    void call() override { static_cast<void>(function_()); }

private:
    F function_;
};

/// The run that a timer made here belongs to.
inline run_scope* current_scope(scheduler& s) noexcept {
    const goroutine* g = current_goroutine();
    if (g == nullptr) g = blocked_goroutine();
    return g != nullptr && g->home == &s ? g->scope.load(memory_order_relaxed) : &s.root;
}

}  // namespace detail
}  // namespace v0
}  // namespace runnel
