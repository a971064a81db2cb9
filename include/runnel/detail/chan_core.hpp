// runnel/detail/chan_core.hpp — the channel itself: what send, receive and close do.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      hchan, chansend, chanrecv, closechan
//   Layer   3
//   Map     1. send   2. receive   3. close   4. one attempt under the lock   5. buffer
//
//   Invariants (whenever the lock is free)
//     a receiver waits ⇒ the buffer is empty, and no sender waits but in the same select;
//     a sender waits ⇒ the buffer is full (or there is none);
//     closed ⇒ nobody waits;
//     count_ is the number of values in the buffer.
//   Nothing of the user's runs under the lock but the move of an element and the end of what it was
//   moved from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <runnel/detail/waiter.hpp>
#include <runnel/error.hpp>

namespace runnel {
inline namespace v0 {

/// Go's struct{}: a value that says nothing but that it came.
struct unit {
    friend constexpr bool operator==(unit, unit) noexcept { return true; }
};

namespace detail {

[[noreturn]] RUNNEL_NOINLINE inline void throw_send_on_closed() {
    throw closed_channel("send on closed channel");
}

/// How one attempt under the lock went.
enum class attempt : std::uint8_t {
    done,         // the value has passed
    would_block,  // nobody there
    closed,       // send: closed; receive: closed and drained
    threw,        // the element's move threw, and nothing passed: the exception is in `failure`
};

/// Where the exception of a throwing move goes. Nothing for types whose moves cannot throw: they pay for
/// no exception_ptr on their way, and all that can fail is the memory of an unbounded buffer.
template <bool MovesMayThrow>
class move_failure {
public:
    std::exception_ptr* place() noexcept { return &error_; }
    [[noreturn]] void rethrow() const { std::rethrow_exception(error_); }

private:
    std::exception_ptr error_;
};
template <>
class move_failure<false> {
public:
    std::exception_ptr* place() const noexcept { return nullptr; }
    [[noreturn]] RUNNEL_NOINLINE void rethrow() const { throw std::bad_alloc(); }
};

inline void note_failure(std::exception_ptr* place) noexcept {
    if (place != nullptr) *place = std::current_exception();
}

/// A variable that a receive assigns to. What it held ends with this object and not before, under the
/// channel's lock: its destructor is the user's.
template <class T>
class receive_target {
public:
    static constexpr bool plain = std::is_trivially_destructible_v<T>;

    explicit receive_target(T& variable) noexcept : variable_(std::addressof(variable)) {}

    /// Where the channel puts the value; good as long as this object stays where it is.
    void* slot() noexcept {
        if constexpr (plain) return variable_;
        return this;
    }
    void assign(T&& value) {
        replaced_.emplace(std::move(*variable_));
        try {
            static_cast<void>(*variable_ = std::move(value));
        } catch (...) {
            // Nothing was received: the variable gets back what it held, if that can be.
            try {
                static_cast<void>(*variable_ = std::move(*replaced_));
            } catch (...) {  // NOLINT(bugprone-empty-catch): the first failure is the one to tell
            }
            throw;
        }
    }

private:
    struct nothing {};

    T* variable_;
    [[no_unique_address]] std::conditional_t<plain, nothing, std::optional<T>> replaced_;
};

/// Something that lives and ends with a channel: the timer that sends on it.
class chan_attachment {
public:
    chan_attachment() = default;
    chan_attachment(const chan_attachment&) = delete;
    chan_attachment& operator=(const chan_attachment&) = delete;
    virtual ~chan_attachment() = default;
};

/// What all channels share, whatever they carry. A handle owns one reference.
class chan_base : public done_source {
public:
    chan_base(std::size_t capacity, bool unbounded) noexcept
        : unbounded_(unbounded), capacity_(capacity) {}
    chan_base(const chan_base&) = delete;
    chan_base& operator=(const chan_base&) = delete;

    void retain() noexcept { references_.fetch_add(1, memory_order_relaxed); }
    void release() noexcept {
        // Release, and the last one acquires what all others did: not each what its predecessors did,
        // which would be order where there is none.
        if (references_.fetch_sub(1, memory_order_release) != 1) return;
        static_cast<void>(references_.load(memory_order_acquire));
        destroy();
    }
    /// A reference, unless the last one is gone already.
    bool try_retain() noexcept {
        // relaxed: who looks for it has it from a queue, whose lock orders; the others are waited for at the end.
        std::uint32_t n = references_.load(memory_order_relaxed);
        do {
            if (n == 0) return false;
        } while (!references_.compare_exchange_weak(n, n + 1, memory_order_relaxed));
        return true;
    }

    std::size_t len() const noexcept { return rendezvous_ ? 0 : count_.load(memory_order_relaxed); }
    std::size_t cap() const noexcept {
        if (unbounded_) return std::numeric_limits<std::size_t>::max();
        return rendezvous_ ? 0 : capacity_;
    }

    // For select: one attempt under the lock, on a slot whose type the channel knows.
    virtual attempt try_send_erased(void* value, waiter*& woken, std::exception_ptr* failure) = 0;
    virtual attempt try_receive_erased(void* slot, bool assigns, waiter*& woken,
                                       std::exception_ptr* failure) = 0;

    // ---- 3. close ----

    /// Throws closed_channel if it is closed already. Wakes everyone who waits, in one batch.
    void close(std::exception_ptr error = nullptr) {
        interruption_point();
        const tsan::runtime_scope ours;
        tsan::release(&closed);
        wake_list woken;
        lock.lock();
        if (closed.load(memory_order_relaxed)) {
            lock.unlock();
            throw closed_channel("close of closed channel");
        }
        error_ = std::move(error);
        mark_closed(woken);
        lock.unlock();
        woken.wake_all();
    }

    /// Closes a channel that is open and that nobody else closes. Whoever waits is claimed, and left to
    /// the caller to wake once it holds no lock: see context_core.hpp.
    void close_quietly(wake_list& woken) noexcept {
        const tsan::runtime_scope ours;
        tsan::release(&closed);
        spin_guard guard(lock);
        mark_closed(woken);
    }

    /// The exception that the channel was closed with, or null. After a receive that found it closed.
    const std::exception_ptr& error() const noexcept { return error_; }

    // ---- 4. looks without the lock: may be out of date, never wrong for long ----

    /// False only if at this moment, or a moment ago, no receive could have gone on.
    /// The order matters: first "nothing there", then "not closed", so that a channel that is closed
    /// with values in it is never taken for empty and open.
    bool may_receive() const noexcept {
        return count_.load(memory_order_acquire) != 0 || sender_waits_.load(memory_order_acquire) ||
               closed.load(memory_order_acquire);  // [CH-1]
    }
    bool may_send() const noexcept {
        return unbounded_ || count_.load(memory_order_acquire) < capacity_ ||
               receiver_waits_.load(memory_order_acquire) || closed.load(memory_order_acquire);
    }

    /// [CH-2] Moves whenever a look may turn from no to yes. Read before a look at each of several channels,
    /// all of which say no, and found unmoved after the last one: at that moment none could go on. (Unless it
    /// has gone round meanwhile, by 2^32 moves within nanoseconds.)
    std::uint32_t changes() const noexcept { return changes_.load(memory_order_acquire); }

    /// Under the lock, after waiters came or went.
    void note_waiters() noexcept {
        note_sender_waits(!senders_.empty());
        note_receiver_waits(!receivers.empty());
    }

    waiter_queue& senders() noexcept { return senders_; }

    /// Looks unbuffered from outside (len and cap are 0), as Go's timer channels do.
    void look_unbuffered() noexcept { rendezvous_ = true; }

protected:
    virtual ~chan_base() = default;
    virtual void destroy() noexcept = 0;

    // All with the lock held.

    void note_change() noexcept {
        // relaxed: only we write it. Release, after the change itself: [CH-2]
        changes_.store(changes_.load(memory_order_relaxed) + 1, memory_order_release);
    }
    void note_sender_waits(bool any) noexcept {
        sender_waits_.store(any, memory_order_release);
        if (any) note_change();
    }
    void note_receiver_waits(bool any) noexcept {
        receiver_waits_.store(any, memory_order_release);
        if (any) note_change();
    }
    // The buffer was empty, or full: receives, or sends, can go on from now on.
    void set_count(std::size_t n, bool from_a_limit) noexcept {
        count_.store(n, memory_order_release);
        if (from_a_limit) note_change();
    }

    void mark_closed(wake_list& woken) noexcept {
        // [CH-1] what precedes close happens before a receive that finds the channel closed.
        closed.store(true, memory_order_release);
        note_change();
        while (waiter* w = receivers.claim_front()) {
            w->outcome = wait_outcome::closed;
            woken.push(w);
        }
        while (waiter* w = senders_.claim_front()) {
            w->outcome = wait_outcome::closed;
            woken.push(w);
        }
        note_waiters();
    }

    // What a send or a receive writes comes first, with the lock, on one cache line where the allocator has it
    // so: two cores that share the channel then pass one line to and fro.
    atomic<bool> sender_waits_{false};    // written under lock: a hint for may_receive()
    atomic<bool> receiver_waits_{false};  // likewise for may_send()
    atomic<std::uint32_t> changes_{0};    // written under lock: [CH-2]
    atomic<std::uint32_t> references_{1};
    const bool unbounded_;
    bool rendezvous_ = false;
    waiter_queue senders_;          // guarded by lock
    atomic<std::size_t> count_{0};  // written under lock
    std::size_t send_at_ = 0;       // guarded by lock: where the next value goes
    const std::size_t capacity_;
    chan_attachment* attachment_ = nullptr;  // written once, before the channel is shared
    std::exception_ptr error_;               // written once, before closed
};

template <class T>
class chan_core : public chan_base {
public:
    static constexpr bool moves_may_throw = !std::is_nothrow_move_constructible_v<T>;

    /// One allocation for the core and its buffer. Throws std::length_error if the buffer could not
    /// exist.
    static chan_core* make(std::size_t capacity, bool unbounded) {
        constexpr std::size_t header = buffer_offset();
        // No process has more addresses than that; as Go has it.
        constexpr std::size_t most = std::size_t{1} << 48;
        if (capacity > (most - header) / sizeof(T)) {
            throw std::length_error("makechan: size out of range");
        }
        void* memory = ::operator new(header + capacity * sizeof(T), std::align_val_t{alignment()});
        return ::new (memory) chan_core(capacity, unbounded);
    }

    /// The same with an `A` behind the buffer, made from the channel and `arguments`. It is destroyed with
    /// the last handle, before what is buffered.
    template <class A, class... Arguments>
    static A* make_with(std::size_t capacity, Arguments&&... arguments) {
        static_assert(std::is_base_of_v<chan_attachment, A> && alignof(A) <= alignment());
        static_assert(std::is_nothrow_constructible_v<A, chan_core*, Arguments...>);
        const std::size_t end = buffer_offset() + capacity * sizeof(T);
        const std::size_t place = (end + alignof(A) - 1) / alignof(A) * alignof(A);
        void* memory = ::operator new(place + sizeof(A), std::align_val_t{alignment()});
        auto* c = ::new (memory) chan_core(capacity, false);
        auto* a = ::new (static_cast<void*>(static_cast<std::byte*>(memory) + place))
            A(c, std::forward<Arguments>(arguments)...);
        c->attachment_ = a;
        return a;
    }

    // ---- 1. send ----

    /// Moves from `value`; parks until it has passed. Throws closed_channel.
    void send(T& value) { static_cast<void>(send_until(value, no_deadline, nullptr)); }

    /// ok, timed_out or canceled; the value is moved only if ok. Throws closed_channel.
    wait_outcome send_until(T& value, time_point deadline, done_source* done) {
        interruption_point();
        const tsan::runtime_scope ours;
        move_failure<moves_may_throw> failure;
        for (;;) {
            wait_lock guard(lock, done);
            waiter* woken = nullptr;
            const attempt a = try_send(value, woken, failure.place());
            if (a != attempt::would_block) {
                guard.unlock();
                if (woken != nullptr) woken->who->wake();
                if (a == attempt::closed) throw_send_on_closed();
                if (a == attempt::threw) failure.rethrow();
                return wait_outcome::ok;
            }
            waiter w;
            w.slot = std::addressof(value);
            w.failure = failure.place();
            note_sender_waits(true);
            switch (const wait_outcome o =
                        wait(senders_, guard, w, wait_reason::chan_send, this, deadline)) {
                case wait_outcome::closed:
                    throw_send_on_closed();
                case wait_outcome::failed:
                    failure.rethrow();
                case wait_outcome::retry:
                    continue;
                default:
                    return o;
            }
        }
    }

    /// One attempt: done, would_block; throws closed_channel. Does not touch the value unless done.
    attempt send_now(T& value) {
        interruption_point();
        const tsan::runtime_scope ours;
        if (!may_send()) return attempt::would_block;
        move_failure<moves_may_throw> failure;
        waiter* woken = nullptr;
        lock.lock();
        const attempt a = try_send(value, woken, failure.place());
        lock.unlock();
        if (woken != nullptr) woken->who->wake();
        if (a == attempt::closed) throw_send_on_closed();
        if (a == attempt::threw) failure.rethrow();
        return a;
    }

    // ---- 2. receive ----

    /// Parks until a value has come or the channel is closed and drained. `out` is an optional<T>*, or
    /// receive_target's slot if `assigns`. ok, closed, timed_out or canceled. Does not throw the
    /// channel's error: see receive_result().
    wait_outcome receive_until(void* out, bool assigns, time_point deadline, done_source* done) {
        interruption_point();
        const tsan::runtime_scope ours;
        for (;;) {
            wait_lock guard(lock, done);
            move_failure<moves_may_throw> failure;
            waiter* woken = nullptr;
            const attempt a = try_receive(out, assigns, woken, failure.place());
            if (a != attempt::would_block) {
                guard.unlock();
                if (woken != nullptr) woken->who->wake();
                if (a == attempt::threw) failure.rethrow();
                return a == attempt::done ? wait_outcome::ok : wait_outcome::closed;
            }
            waiter w;
            w.slot = out;
            w.assigns = assigns;
            note_receiver_waits(true);
            const wait_outcome o =
                wait(receivers, guard, w, wait_reason::chan_receive, this, deadline);
            if (o != wait_outcome::retry) return o;
        }
    }

    /// receive_until without limit, into a variable that is assigned to.
    wait_outcome receive_into(T& target) {
        receive_target<T> t(target);
        return receive_until(t.slot(), true, no_deadline, nullptr);
    }

    attempt receive_now(void* out, bool assigns) {
        interruption_point();
        const tsan::runtime_scope ours;
        if (!may_receive()) return attempt::would_block;
        move_failure<moves_may_throw> failure;
        waiter* woken = nullptr;
        lock.lock();
        const attempt a = try_receive(out, assigns, woken, failure.place());
        lock.unlock();
        if (woken != nullptr) woken->who->wake();
        if (a == attempt::threw) failure.rethrow();
        return a;
    }

    /// Takes back what is in the buffer of a timer's channel: true if there was something.
    bool discard_buffered() noexcept {
        const tsan::runtime_scope ours;
        std::optional<T> value;
        move_failure<moves_may_throw> failure;
        waiter* woken = nullptr;
        lock.lock();
        const bool any = count_.load(memory_order_relaxed) != 0 &&
                         try_receive(&value, false, woken, failure.place()) == attempt::done;
        lock.unlock();
        return any;
    }

    // ---- 4. one attempt under the lock ----

    attempt try_send(T& value, waiter*& woken, std::exception_ptr* failure) {
        if (RUNNEL_UNLIKELY(closed.load(memory_order_relaxed))) return attempt::closed;
        // 1. Somebody waits: from our hands into his.
        if (!receivers.empty()) {
            const attempt a = hand_to_receiver(value, woken, failure);
            if (a != attempt::would_block) return a;
        }
        // 2. There is room.
        const std::size_t n = count_.load(memory_order_relaxed);
        if (n < capacity_ || unbounded_) {
            const attempt a = append(value, failure);
            if (a == attempt::done) set_count(n + 1, n == 0);
            return a;
        }
        // 3. Nobody there, and no room.
        return attempt::would_block;
    }

    attempt try_receive(void* out, bool assigns, waiter*& woken, std::exception_ptr* failure) {
        // 1. The oldest value of the buffer; its room goes to the oldest sender that waits.
        if (count_.load(memory_order_relaxed) != 0) {
            if (const attempt a = take_front(out, assigns, failure); a != attempt::done) return a;
            // The count stays if a sender moves up: a channel that always has a value is never seen empty.
            if (senders_.empty() || !admit_sender(woken)) {
                const std::size_t n = count_.load(memory_order_relaxed);
                set_count(n - 1, n == capacity_);
            }
            return attempt::done;
        }
        // 2. A sender waits: from his hands into ours.
        if (!senders_.empty()) {
            const attempt a = take_from_sender(out, assigns, woken, failure);
            if (a != attempt::would_block) return a;
        }
        // 3. Nothing there.
        if (RUNNEL_LIKELY(!closed.load(memory_order_relaxed))) return attempt::would_block;
        tsan::acquire(&closed);
        return attempt::closed;
    }

    attempt try_send_erased(void* value, waiter*& woken, std::exception_ptr* failure) override {
        return try_send(*static_cast<T*>(value), woken, failure);
    }
    attempt try_receive_erased(void* slot, bool assigns, waiter*& woken,
                               std::exception_ptr* failure) override {
        return try_receive(slot, assigns, woken, failure);
    }

protected:
    chan_core(std::size_t capacity, bool unbounded) noexcept : chan_base(capacity, unbounded) {}

    ~chan_core() override {
        if (attachment_ != nullptr) std::destroy_at(attachment_);
        while (count_.load(memory_order_relaxed) != 0) {
            std::destroy_at(front());
            drop_front();
            set_count(count_.load(memory_order_relaxed) - 1, false);
        }
        for (chunk* c = first_; c != nullptr;) {
            chunk* following = c->next;
            delete c;
            c = following;
        }
    }

    void destroy() noexcept override {
        this->~chan_core();
        ::operator delete(static_cast<void*>(this), std::align_val_t{alignment()});
    }

private:
    static void deliver(void* slot, bool assigns, T&& value) {
        if constexpr (std::is_move_assignable_v<T>) {
            if (assigns) {
                if constexpr (receive_target<T>::plain) {
                    static_cast<void>(*static_cast<T*>(slot) = std::move(value));
                } else {
                    static_cast<receive_target<T>*>(slot)->assign(std::move(value));
                }
                return;
            }
        }
        static_cast<std::optional<T>*>(slot)->emplace(std::move(value));
    }

    attempt hand_to_receiver(T& value, waiter*& woken, std::exception_ptr* failure) {
        waiter* w = receivers.claim_front();
        note_receiver_waits(!receivers.empty());
        if (w == nullptr) return attempt::would_block;
        woken = w;
        w->outcome = wait_outcome::ok;
        // Unbuffered, the receive happens before the end of the send, too.
        const bool rendezvous = capacity_ == 0 && !unbounded_;
        if (rendezvous) tsan::acquire(w);
        try {
            const tsan::user_scope element(rendezvous);
            deliver(w->slot, w->assigns, std::move(value));
            if (!rendezvous) tell_passed_by(w);
            return attempt::done;
        } catch (...) {
            note_failure(failure);
        }
        // The receiver got nothing and is as good as before: an uncontested one has not noticed.
        put_back(receivers, w, woken);
        note_receiver_waits(!receivers.empty());
        return attempt::threw;
    }

    attempt take_from_sender(void* out, bool assigns, waiter*& woken, std::exception_ptr* failure) {
        waiter* w = senders_.claim_front();
        note_sender_waits(!senders_.empty());
        if (w == nullptr) return attempt::would_block;
        woken = w;
        w->outcome = wait_outcome::ok;
        tsan::acquire(w);
        try {
            const tsan::user_scope element;
            deliver(out, assigns, std::move(*static_cast<T*>(w->slot)));
            return attempt::done;
        } catch (...) {
            note_failure(failure);
        }
        put_back(senders_, w, woken);
        note_sender_waits(!senders_.empty());
        return attempt::threw;
    }

    // After a move that threw. Nobody but us could have claimed an uncontested waiter: it stays first in
    // the queue. A contested one was lost to its other claimers and looks again.
    static void put_back(waiter_queue& queue, waiter* w, waiter*& woken) noexcept {
        if (!w->who->contested()) {
            w->outcome = wait_outcome::pending;
            queue.push_front(w);
            woken = nullptr;
        } else {
            w->outcome = wait_outcome::retry;
        }
    }

    // The oldest waiting sender's value goes into the room that came free. If its move throws, the
    // exception is the sender's, and the next one gets the room. False if nobody took it.
    bool admit_sender(waiter*& woken) {
        wake_list failed;
        bool admitted = false;
        for (;;) {
            waiter* w = senders_.claim_front();
            if (w == nullptr) break;
            tsan::acquire(w);
            // Only a bounded buffer has waiting senders: nothing is allocated here.
            if (append(*static_cast<T*>(w->slot), static_cast<std::exception_ptr*>(w->failure)) ==
                attempt::done) {
                w->outcome = wait_outcome::ok;
                w->next = nullptr;
                woken = w;
                admitted = true;
                break;
            }
            w->outcome = wait_outcome::failed;
            failed.push(w);
        }
        note_sender_waits(!senders_.empty());
        if (!failed.empty()) failed.wake_all();  // rare: the lock is held a little longer
        return admitted;
    }

    // ---- 5. buffer: a ring behind the core, or a chain of chunks if unbounded ----

    static constexpr std::size_t alignment() noexcept {
        return alignof(T) > alignof(chan_core) ? alignof(T) : alignof(chan_core);
    }
    static constexpr std::size_t buffer_offset() noexcept {
        return (sizeof(chan_core) + alignof(T) - 1) / alignof(T) * alignof(T);
    }

    static constexpr std::size_t chunk_values = sizeof(T) >= 1024 ? 1 : 4096 / sizeof(T) / 2;
    struct chunk {
        chunk* next = nullptr;
        alignas(T) std::byte values[chunk_values * sizeof(T)];
    };

    T* at(std::size_t i) noexcept {
        return reinterpret_cast<T*>(reinterpret_cast<std::byte*>(this) + buffer_offset()) + i;
    }
    static T* at(chunk* c, std::size_t i) noexcept { return reinterpret_cast<T*>(c->values) + i; }

    T* front() noexcept {
        if (RUNNEL_UNLIKELY(unbounded_)) return std::launder(at(first_, receive_at_));
        const std::size_t n = count_.load(memory_order_relaxed);
        return std::launder(at(send_at_ >= n ? send_at_ - n : send_at_ + capacity_ - n));
    }

    attempt append(T& value, std::exception_ptr* failure) {
        try {
            if (RUNNEL_LIKELY(!unbounded_)) {
                construct(at(send_at_), value);
                send_at_ = send_at_ + 1 == capacity_ ? 0 : send_at_ + 1;
            } else {
                if (last_ == nullptr || send_at_ == chunk_values) add_chunk();
                construct(at(last_, send_at_), value);
                ++send_at_;
            }
        } catch (...) {
            note_failure(failure);
            return attempt::threw;
        }
        return attempt::done;
    }

    void add_chunk() {
        chunk* c = new chunk;
        (last_ != nullptr ? last_->next : first_) = c;
        if (last_ == nullptr) receive_at_ = 0;
        last_ = c;
        send_at_ = 0;
    }

    // A place of the buffer carries Go's order: the k-th receive of a buffer of n happens before the
    // (k+n)-th send.
    static void construct(T* place, T& value) {
        tsan::acquire(place);
        {
            const tsan::user_scope element;
            ::new (static_cast<void*>(place)) T(std::move(value));
        }
        tsan::release(place);
    }

    // A value that went from hand to hand, past an empty buffer, has taken a place in the sanitizer's eyes,
    // as in Go: the places keep their turn, and the receive comes before the send that has the place next.
    // The receiver has been claimed and sleeps: what it did is told in its name.
    void tell_passed_by([[maybe_unused]] const waiter* w) noexcept {
#if RUNNEL_TSAN
        // A timer's sends have no end that anybody sees.
        if (unbounded_ || attachment_ != nullptr) return;
        T* place = at(send_at_);
        tsan::acquire(place);
        if (void* receiver = w->who->suspended_fiber(); receiver != nullptr) {
            tsan::release_for(receiver, place);
        } else {
            tsan::acquire(w);  // a thread's: it becomes ours, which is more than is true
        }
        tsan::release(place);
        send_at_ = send_at_ + 1 == capacity_ ? 0 : send_at_ + 1;
#endif
    }

    attempt take_front(void* out, bool assigns, std::exception_ptr* failure) {
        T* value = front();
        tsan::acquire(value);
        try {
            const tsan::user_scope element;
            deliver(out, assigns, std::move(*value));
            std::destroy_at(value);
        } catch (...) {
            note_failure(failure);
            return attempt::threw;
        }
        tsan::release(value);
        drop_front();
        return attempt::done;
    }

    // A ring's front follows from its count.
    void drop_front() noexcept {
        if (RUNNEL_LIKELY(!unbounded_) || ++receive_at_ != chunk_values) return;
        // An empty last chunk is used again.
        receive_at_ = 0;
        if (first_ == last_) {
            send_at_ = 0;
        } else {
            chunk* spent = first_;
            first_ = spent->next;
            delete spent;
        }
    }

    // Guarded by lock; of an unbounded buffer only.
    std::size_t receive_at_ = 0;  // where the oldest value is in the first chunk
    chunk* first_ = nullptr;
    chunk* last_ = nullptr;
};

}  // namespace detail
}  // namespace v0
}  // namespace runnel
