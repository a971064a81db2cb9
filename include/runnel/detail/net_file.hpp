// runnel/detail/net_file.hpp — a socket that several goroutines use, set deadlines to, and close.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      internal/poll.FD with its fdMutex
//   Layer   3
//   Map     1. its life   2. deadlines   3. net_call: an operation on it
//
//   Invariants
//     the number is closed by the last who is inside a call once close() has begun: so it is this file's in every call;
//     who waits is in no call. A goroutine that is dropped while it waits, since its run has ended, keeps memory, and
//     its turn, but no descriptor open.
//   [NF-1] Waiter: reads the count of events, then whether the file is closed; leaves its call; queues unless the
//          count has changed. close(): sets `closed`, counts an event and takes all who are queued, and only then leaves
//          its own call. So whoever would queue where the number has become another file's sees another count.
//   [NF-2] A deadline that is set counts as an event, too. Waiter: reads the count, then the deadline.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <system_error>
#include <utility>

#include <unistd.h>

#include <runnel/detail/descriptor.hpp>
#include <runnel/detail/endpoint.hpp>
#include <runnel/detail/net_error.hpp>
#include <runnel/detail/socket.hpp>
#include <runnel/detail/turn.hpp>
#include <runnel/error.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

/// Lives as long as somebody has a reference. Whoever has one may call all of it, at any time.
class net_file {
public:
    // ---- 1. its life ----

    /// Takes over `fd`, and closes it if this throws. One reference is the caller's, who closes the file before dropping it.
    static net_file* make(int fd) {
        struct closing {
            int fd;
            ~closing() {
                if (fd >= 0) close_number(fd);
            }
        } guard{fd};
        auto* file = new net_file(fd, the_descriptors.at(fd));
        guard.fd = -1;
        return file;
    }
    net_file(const net_file&) = delete;
    net_file& operator=(const net_file&) = delete;

    // Before anybody else knows of it.
    void set_endpoints(const net::endpoint& local, const net::endpoint& remote) noexcept {
        local_ = local;
        remote_ = remote;
    }
    void remove_path_at_close() noexcept { path_is_of_ = ::getpid(); }

    const net::endpoint& local() const noexcept { return local_; }
    const net::endpoint& remote() const noexcept { return remote_; }
    bool is_open() const noexcept {
        return (state_.load(memory_order_relaxed) & closed) == 0;  // relaxed: see [NF-1]
    }

    /// Whoever waits goes on with net::errc::closed. Returns when the number has been given back; false if somebody
    /// else has closed the file before.
    bool close() {
        if ((state_.fetch_or(closed, memory_order_acq_rel) & closed) != 0) return false;
        RUNNEL_POINT("net_file.closed");
        for (turn& t : turns_) t.close();
        if (path_is_of_ != 0 && path_is_of_ == ::getpid()) remove_path(local_.address().c_str());
        forget_descriptor(fd_);  // [NF-1]
        leave();
        // No call waits for anything, so this is soon. Then the port can be listened on again.
        spin_wait waiting;
        while ((state_.load(memory_order_acquire) & gone) == 0) waiting.pause();
        return true;
    }
    void drop_reference() noexcept {
        // acq_rel: who deletes it has seen all that was done with it
        if (state_.fetch_sub(reference, memory_order_acq_rel) >> 32 == 1) delete this;
    }

    /// From now on the end is read. The system, once it was told, would still hand out what it has, and over TCP what comes.
    void end_reading() noexcept { reading_is_over_.store(true, memory_order_relaxed); }

    // ---- 2. deadlines ----

    /// Holds for those who wait, for an event or for their turn: they look again.
    void set_deadline(direction which, time_point deadline) noexcept {
        if (!enter(user)) return;
        // relaxed: published by the event [NF-2]
        deadlines_[index(which)].store(deadline.time_since_epoch().count(), memory_order_relaxed);
        wake_list woken;
        {
            const spin_guard guard(where_.lock);
            descriptor::take_all(where_.of(which), wait_outcome::retry, woken);
        }
        RUNNEL_POINT("net_file.deadline");
        woken.wake_all();
        turns_[index(which)].look_again();
        leave();
    }
    time_point deadline_of(direction which) const noexcept {
        // relaxed: [NF-2], or it may as well have been read before
        return time_point(duration(deadlines_[index(which)].load(memory_order_relaxed)));
    }

private:
    friend class net_call;

    // state_: who is inside a call in bits 2 to 31, references above.
    static constexpr std::uint64_t closed = 1;
    static constexpr std::uint64_t gone = 2;  // the number has been closed
    static constexpr std::uint64_t user = 4;
    static constexpr std::uint64_t reference = std::uint64_t{1} << 32;
    static constexpr std::uint64_t users = reference - user;

    net_file(int fd, descriptor& where) noexcept : fd_(fd), where_(where), life_(where.life()) {}
    ~net_file() = default;

    static std::size_t index(direction d) noexcept { return static_cast<std::size_t>(d); }

    /// False if it is closed.
    bool enter(std::uint64_t as) noexcept {
        std::uint64_t s = state_.load(memory_order_relaxed);
        do {
            if ((s & closed) != 0) return false;
        } while (
            !state_.compare_exchange_weak(s, s + as, memory_order_acq_rel, memory_order_relaxed));
        return true;
    }
    void leave() noexcept {
        // acq_rel: the number is closed after all that was done with it
        const std::uint64_t left = state_.fetch_sub(user, memory_order_acq_rel) - user;
        if ((left & closed) == 0 || (left & users) != 0) return;
        close_number(fd_);
        state_.fetch_or(gone, memory_order_release);
    }
    /// leave() and drop_reference() at once, which is possible while it is open.
    void leave_and_drop() noexcept {
        std::uint64_t s = state_.load(memory_order_relaxed);
        while ((s & closed) == 0) {
            if (state_.compare_exchange_weak(s, s - (reference + user), memory_order_acq_rel,
                                             memory_order_relaxed)) {
                return;
            }
        }
        leave();
        drop_reference();
    }

    /// Whether who waits next has to call watch_it(): a goroutine once in the file's life; a thread before each wait, since
    /// the runtime in which the file was watched may be gone, and with it whoever slept in the poller.
    bool wants_watching() const noexcept {
        return !watched_.load(memory_order_acquire) || current_worker() == nullptr;
    }
    /// Has its events told, and sees to it that somebody hears of them.
    RUNNEL_NOINLINE std::error_code watch_it() {
        try {
            open_poller();
        } catch (const std::system_error& e) {
            return e.code();
        }
        if (watched_.load(memory_order_acquire)) return {};
        const int error = watch(fd_, where_, life_);
        if (error == ESTALE) return net::errc::closed;
        if (error == 0) watched_.store(true, memory_order_release);
        return {error, std::generic_category()};
    }

    const int fd_;
    descriptor& where_;
    const std::uint32_t life_;  // of the number
    pid_t path_is_of_ =
        0;  // the process that removes it at close(): not a child of its, which has a copy; 0: none
    atomic<bool> watched_{false};          // written by watch_it(), read by all
    atomic<bool> reading_is_over_{false};  // written by end_reading(), read by net_call
    atomic<std::uint64_t> state_{reference + user};
    // written by set_deadline(), read by all
    atomic<duration::rep> deadlines_[2] = {no_deadline.time_since_epoch().count(),
                                           no_deadline.time_since_epoch().count()};
    turn turns_[2];  // at reading, at writing
    net::endpoint local_;
    net::endpoint remote_;
};

/// A reference to a file, which is closed with it.
class net_handle {
public:
    constexpr net_handle() noexcept = default;
    explicit net_handle(net_file* adopted) noexcept : file_(adopted) {}
    net_handle(net_handle&& o) noexcept : file_(std::exchange(o.file_, nullptr)) {}
    net_handle& operator=(net_handle&& o) noexcept {
        net_handle moved(std::move(o));
        std::swap(file_, moved.file_);
        return *this;
    }
    ~net_handle() {
        if (file_ == nullptr) return;
        file_->close();
        file_->drop_reference();
    }
    net_file* get() const noexcept { return file_; }
    net_file* operator->() const noexcept { return file_; }

private:
    net_file* file_ = nullptr;
};

// ---- 3. net_call ----

/// An operation on a file, from its beginning to its end: keeps the file alive, takes turns, tries, waits. Errors go
/// to `e`: those of the system, net::errc::closed and timed_out, and errc::canceled once `done` has closed.
class net_call {
public:
    enum class order : bool { at_once, in_turn };

    /// `file` may be null, which is as good as closed. In turn, it waits until all who came earlier, for this direction,
    /// are done.
    /// Errors  panic inside a simulation.
    net_call(net_file* file, direction which, order o, done_source* done, std::error_code& e)
        : which_(which), done_(done), error_(e) {
        interruption_point();
        refuse_io_in_simulation();
        e.clear();
        if (file == nullptr || !file->enter(net_file::reference + net_file::user)) {
            e = net::errc::closed;
            return;
        }
        file_ = file;
        inside_ = true;
        if (o == order::at_once) return;
        has_turn_ = turn_of_it().try_take();
        if (!has_turn_) wait_for_turn();
    }
    ~net_call() {
        if (file_ == nullptr) return;
        if (has_turn_) turn_of_it().pass();
        if (inside_) {
            file_->leave_and_drop();
        } else {
            file_->drop_reference();
        }
    }
    net_call(const net_call&) = delete;
    net_call& operator=(const net_call&) = delete;

    /// False once it has failed.
    bool goes_on() const noexcept { return inside_ && !error_; }

    /// Does `call(fd)` until it returns something else than -EAGAIN, and waits in between. Returns what it returned, or
    /// -1 with an error. A deadline that has passed, a close, a done channel come first.
    template <class Call>
    long perform(Call&& call) {
        while (inside_) {
            const std::uint32_t seen =
                file_->where_.of(which_).events.load(memory_order_acquire);  // [DS-1]
            if (!may_go_on()) break;
            const long r = call(file_->fd_);
            if (RUNNEL_LIKELY(r >= 0)) return r;
            if (r != -EAGAIN) {
                error_ = std::error_code(static_cast<int>(-r), std::generic_category());
                break;
            }
            if (RUNNEL_UNLIKELY(file_->wants_watching())) {
                error_ = file_->watch_it();
                if (error_) break;
            }
            wait_for_event(seen, file_->deadline_of(which_));
        }
        return -1;
    }

    /// The same with a call that reads: 0, as at the end of the stream, once reading is over.
    template <class Call>
    long perform_read(Call&& call) {
        return perform([&](int fd) -> long {
            // relaxed: it need not be seen before shutdown() returns, and carries nothing
            return file_->reading_is_over_.load(memory_order_relaxed) ? 0 : call(fd);
        });
    }

    /// Does `call(fd)`, which does not block, once, whatever the deadline.
    template <class Call>
    void perform_now(Call&& call) {
        if (!inside_) return;
        if (const int r = call(file_->fd_); r < 0) {
            error_ = std::error_code(-r, std::generic_category());
        }
    }

    /// Waits until `until`, whatever comes meanwhile. False if it failed.
    bool pause(time_point until) {
        while (inside_) {
            const std::uint32_t seen = file_->where_.of(which_).events.load(memory_order_acquire);
            if (!may_go_on()) break;
            if (until <= now()) return true;
            const time_point deadline = file_->deadline_of(which_);
            wait_for_event(seen, until < deadline ? until : deadline);
        }
        return false;
    }

private:
    turn& turn_of_it() noexcept { return file_->turns_[net_file::index(which_)]; }

    bool may_go_on() noexcept {
        const time_point deadline = file_->deadline_of(which_);
        if (!file_->is_open()) {
            error_ = net::errc::closed;
        } else if (deadline != no_deadline && deadline <= now()) {
            error_ = net::errc::timed_out;
        } else if (done_ != nullptr && done_->closed.load(memory_order_acquire)) {
            error_ = errc::canceled;
        } else {
            return true;
        }
        return false;
    }

    void leave_for_a_while() noexcept {
        inside_ = false;
        file_->leave();
    }
    void come_back() noexcept {
        inside_ = file_->enter(net_file::user);
        if (!inside_) error_ = net::errc::closed;
    }
    // Whatever ends the wait is looked at anew: what it was may have changed since.
    void wait_for_event(std::uint32_t seen, time_point deadline) noexcept {
        leave_for_a_while();
        RUNNEL_POINT("net_call.waits");
        static_cast<void>(
            detail::wait_for_event(file_->where_, which_, seen, wait_limit{deadline, done_}));
        come_back();
    }
    RUNNEL_NOINLINE void wait_for_turn() noexcept {
        leave_for_a_while();
        const wait_outcome o = turn_of_it().take(file_->deadlines_[net_file::index(which_)], done_);
        has_turn_ = o == wait_outcome::ok;
        come_back();
        if (!inside_) return;
        if (o == wait_outcome::canceled) error_ = errc::canceled;
        if (o == wait_outcome::timed_out) error_ = net::errc::timed_out;
    }

    net_file* file_ = nullptr;
    const direction which_;
    bool inside_ = false;
    bool has_turn_ = false;
    done_source* const done_;
    std::error_code& error_;
};

}  // namespace detail
}  // namespace v0
}  // namespace runnel
