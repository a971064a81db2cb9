// runnel/detail/monitor.hpp — the thread that watches: hogs, forgotten work, deadlock, unused stacks.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      sysmon, checkdead
//   Layer   2
//   Looks every 10 ms while something runs, and sleeps for good when nothing does. It is never needed
//   for progress but where a goroutine does not come back to its worker.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <runnel/detail/debug_environment.hpp>
#include <runnel/detail/dispatch.hpp>
#include <runnel/detail/dump.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

/// Ends the process as Go does: the buffered output is not lost, nothing of the user's runs.
[[noreturn]] inline void exit_now(int status) noexcept {
    const tsan::user_scope
        outside;  // the sanitizer looks whether it is still told to ignore things
    if (observer* o = the_observer.load(memory_order_acquire); o != nullptr) o->process_ends();
    if (::ftrylockfile(stdout) == 0) {
        std::fflush(stdout);
        ::funlockfile(stdout);
    }
    ::_exit(status);
}

struct monitor {
    static constexpr duration period = std::chrono::milliseconds(10);

    static void* run(void* arg) noexcept {
        runtime_threads.fetch_add(1, memory_order_seq_cst);
        ::prctl(PR_SET_NAME, "runnel-monitor", 0, 0, 0);
        const tsan::runtime_scope ours;
        auto& s = *static_cast<scheduler*>(arg);
        monitor m{s};
        m.watch();
        runtime_threads.fetch_sub(1, memory_order_seq_cst);
        s.threads_.fetch_sub(1, memory_order_seq_cst);
        futex_wake(&s.threads_, 1 << 20);
        return nullptr;
    }

    // ---- 1. the rounds ----

    void watch() noexcept {
        int quiet = 0;
        while (!s_.stopping()) {
            const std::uint32_t seen = s_.monitor_word_.load(memory_order_acquire);
            time_point until = now() + period;
            if (quiet > quiet_rounds) {
                // Nothing runs. Sleep until something does, or until it is time to look again for a
                // deadlock that a foreign thread might have caused by ending.
                until = poll_ == duration::zero() ? no_deadline : now() + poll_;
                RUNNEL_POINT("monitor.before_sleep");
                s_.monitor_asleep_.store(true, memory_order_seq_cst);
                // Work, or a deadline, without a worker: no thread could be had for it. Try again and again. And a worker
                // that was awake between our look and this has found us awake, and not woken us: then what we saw may
                // no longer hold.
                if (s_.awake() || s_.has_work(nullptr) || s_.unkept() || activity_of(s_) != seen_) {
                    until = now() + period;
                }
            }
            futex_wait(s_.monitor_word_, seen, until);
            s_.monitor_asleep_.store(false, memory_order_relaxed);
            s_.coarse_ms.store(milliseconds(now()), memory_order_relaxed);
            look_after_hogs();
            s_.see_to_keeper();
            look_after_timers();
            look_after_io();
            if (s_.watched()) the_observer.load(memory_order_acquire)->samples(s_);  // [TR-1]
            if (!s_.awake()) {
                ++quiet;
                if (quiet >= 2) look_for_deadlock();
                if (trim() && quiet == quiet_rounds) --quiet;  // not yet time to sleep
            } else {
                quiet = 0;
                poll_ = duration::zero();
            }
        }
    }

    // ---- 2. hogs ----

    // A worker that has not switched since the last look, while others wait, loses its place: another
    // takes over. It notices when it next comes to its loop.
    void look_after_hogs() noexcept {
        bool waiting = s_.queued() > 0 || s_.timers_.earliest() <= now();
        for (std::uint32_t i = 0; i < s_.worker_count(); ++i) {
            worker* w = s_.worker_at(i);
            if (w == nullptr) continue;
            if (w->current.load(memory_order_relaxed) != nullptr) {
                const bool stuck = is_stuck(w);
                if (waiting && ((stuck && is_hog(w)) || RUNNEL_FAULT("monitor.take_place"))) {
                    take_place(w);
                }
            }
            if (w->place.load(memory_order_relaxed) != worker::place_state::held) drain(w);
        }
        hurry_ = waiting ? wake_some() : 0;
    }

    // Who is woken wakes the next one when it has found work. Where it waits for a processor itself, all behind it
    // would wait one after the other: ever more are woken at once, then, for as long as there are places. Returns how
    // many more at the next look.
    std::size_t wake_some() noexcept {
        s_.wake_if_needed();
        if (s_.active() >= s_.max_procs()) return 0;
        const std::size_t most = s_.queued();
        for (std::size_t i = 0; i < hurry_ && i < most && s_.wake_one(true);) ++i;
        return hurry_ == 0 ? 1 : hurry_ * 2 < most ? hurry_ * 2 : most;
    }

    static bool is_stuck(worker* w) noexcept {
        const std::uint32_t ticks = w->ticks.load(memory_order_relaxed);
        if (ticks == w->watched_ticks) return true;
        w->watched_ticks = ticks;
        w->watched_time = processor_time_of(w->tid.load(memory_order_relaxed));
        return false;
    }

    // On a machine that is busy with other things a worker may be stuck for want of a processor. One more thread
    // would leave it even less; and then that one would seem stuck, too.
    static bool is_hog(const worker* w) noexcept {
        if (w->place.load(memory_order_relaxed) != worker::place_state::held) return false;
        const int tid = w->tid.load(memory_order_relaxed);
        return processor_time_of(tid) - w->watched_time >= period / 2 || !is_runnable(tid);
    }

    /// Whether it has a processor, or waits for one; false if it cannot be told.
    static bool is_runnable(int tid) noexcept {
        char text[128];
        std::snprintf(text, sizeof text, "/proc/self/task/%d/stat", tid);
        const int fd = ::open(text, O_RDONLY | O_CLOEXEC);
        if (fd < 0) return false;
        const ssize_t n = ::read(fd, text, sizeof text - 1);
        ::close(fd);
        if (n <= 0) return false;
        text[n] = '\0';
        const char* name_end = std::strrchr(text, ')');  // "tid (name) state …"
        return name_end != nullptr && name_end[1] == ' ' && name_end[2] == 'R';
    }

    void take_place(worker* w) noexcept {
        auto held = worker::place_state::held;
        if (!w->place.compare_exchange_strong(held, worker::place_state::taken,
                                              memory_order_acq_rel)) {
            return;
        }
        s_.state_.fetch_sub(scheduler::one_active, memory_order_seq_cst);
        scheduler_counters::bump(s_.counters.handovers);
        if (warns_) warn(w->current.load(memory_order_relaxed));
    }

    // Control blocks are never freed, so it may be looked at though it may have gone on by now.
    static void warn(const goroutine* g) noexcept {
        if (g == nullptr) return;
        report_line line;
        line << "runnel: 10 ms without a switch, while others wait (a long computation, a blocking "
                "call without blocking(), a std::mutex that a parked goroutine holds?): ";
        write_goroutine(line, *g);
        line.print();
    }

    // What a worker without a place has queued goes to where all others look.
    void drain(worker* w) noexcept {
        while (goroutine* g = w->queue.steal_into(scratch_)) {
            s_.inject_.push(g);
            while (goroutine* more = scratch_.pop()) s_.inject_.push(more);
        }
        if (goroutine* g = w->next.exchange(nullptr, memory_order_acquire); g != nullptr) {
            s_.inject_.push(g);
        }
    }

    void look_after_timers() noexcept {
        if (s_.timers_.empty()) return;
        if (s_.keeper_.load(memory_order_relaxed) == nullptr) s_.pass_keeper_on();
        if (s_.timers_.earliest() < now() - period) {
            spin_guard g(s_.idle_lock_);
            if (worker* k = s_.keeper_.load(memory_order_relaxed); k != nullptr) k->parker.unpark();
        }
    }

    // Nobody sleeps in the poller, and who is busy does not come by.
    void look_after_io() noexcept {
        if (!the_poller.wants_a_look() || !the_poller.was_neglected()) return;
        if (s_.keeper_.load(memory_order_relaxed) == nullptr) {
            s_.pass_keeper_on();
        } else {
            s_.enter_poller();
        }
        // Between its claim and its queue a goroutine is nowhere to be seen: not for another runtime's monitor, which looks
        // for a deadlock, either.
        s_.back_soon.fetch_add(1, memory_order_seq_cst);
        s_.look_for_io(nullptr);
        s_.back_soon.fetch_sub(1, memory_order_seq_cst);
    }

    // ---- 3. memory ----

    bool trim() noexcept { return s_.stacks.trim(4096, 1024) > 0; }

    // ---- 4. deadlock ----

    // Everything is parked and nothing is left that could wake one: only said under run(), and never
    // while a timer, an I/O waiter, a blocking call or a thread that we do not know might do it.
    void look_for_deadlock() noexcept {
        seen_ = activity_of(s_);
        if (!wanted()) {
            poll_ = duration::zero();
            return;
        }
        const std::uint64_t before = activity();
        if (unknown_threads() > 0) {
            // A foreign thread ends without telling us, or stops a timer: look again, ever more rarely.
            poll_ = poll_ == duration::zero() ? std::chrono::milliseconds(20) : poll_ * 2;
            if (poll_ > std::chrono::seconds(1)) poll_ = std::chrono::seconds(1);
            return;
        }
        if (!all_asleep()) {
            poll_ = duration::zero();  // what keeps us awake will wake us, or another monitor
            return;
        }
        // Once more: nobody has done anything since the threads were counted.
        if (unknown_threads() > 0 || !all_asleep() || activity() != before) return;
        report_deadlock();
    }

    // The last runtime that falls asleep looks for all of them.
    static bool wanted() noexcept {
        for (scheduler* s = scheduler::first(); s != nullptr; s = s->next_scheduler()) {
            if (s->options_.deadlock_detection && !s->stopping() &&
                s->runs.load(memory_order_acquire) != 0) {
                return true;
            }
        }
        return false;
    }

    static bool all_asleep() noexcept {
        for (scheduler* s = scheduler::first(); s != nullptr; s = s->next_scheduler()) {
            if (s->has_live_timers()) return false;  // also of a stopped one: see call_heir()
            if (s->stopping()) continue;
            if (s->awake() || s->queued() != 0 || s->in_blocking.load(memory_order_acquire) != 0 ||
                s->back_soon.load(memory_order_acquire) != 0) {
                return false;
            }
        }
        return !the_poller.has_waiters();
    }

    static std::uint64_t activity() noexcept {
        std::uint64_t sum = 0;
        for (scheduler* s = scheduler::first(); s != nullptr; s = s->next_scheduler()) {
            sum += activity_of(*s);
        }
        return sum;
    }
    static std::uint64_t activity_of(const scheduler& s) noexcept {
        std::uint64_t sum = s.counters.wakes.load(memory_order_acquire) +
                            s.counters.idles.load(memory_order_acquire) + s.started_count();
        for (std::uint32_t i = 0; i < s.worker_count(); ++i) {
            if (const worker* w = s.worker_at(i); w != nullptr) {
                sum += w->ticks.load(memory_order_acquire);
            }
        }
        return sum;
    }

    /// Threads of the process that are neither a runtime's own nor inside run().
    static long unknown_threads() noexcept {
        long known = RUNNEL_TSAN +  // the sanitizer's own background thread
                     static_cast<long>(threads_inside_run.load(memory_order_acquire)) +
                     static_cast<long>(runtime_threads.load(memory_order_acquire));
        DIR* tasks = ::opendir("/proc/self/task");
        if (tasks == nullptr) return 1;  // not to be known: say nothing
        long count = 0;
        while (const dirent* entry = ::readdir(tasks)) {
            if (entry->d_name[0] != '.') ++count;
        }
        ::closedir(tasks);
        return count - known;
    }

    [[noreturn]] static void report_deadlock() noexcept {
        static constinit atomic<bool> reported{false};
        while (reported.exchange(true, memory_order_relaxed)) ::pause();  // another monitor does
        std::uint64_t left = 0;
        for (scheduler* s = scheduler::first(); s != nullptr; s = s->next_scheduler()) {
            left += s->goroutine_count();
        }
        if (left == 0) {
            write_stderr("runnel: no goroutines (main called goexit) - deadlock!\n");
        } else {
            write_stderr("runnel: all goroutines are asleep - deadlock!\n\n");
            dump_to_stderr();
        }
        exit_now(2);
    }

    explicit monitor(scheduler& s) noexcept : s_(s) {}

private:
    static constexpr int quiet_rounds = 5;

    scheduler& s_;
    const bool warns_ = debug_wants("warn-on-handover");
    std::size_t hurry_ = 0;  // how many more are woken at the next look
    duration poll_ = duration::zero();
    std::uint64_t seen_ = 0;  // our scheduler's activity before the last look for a deadlock
    run_queue<goroutine> scratch_;
};

inline void scheduler::start() {
    if (process_forked.load(memory_order_relaxed)) end_forked_child();
    spin_guard g(start_lock_);
    if (started_.load(memory_order_relaxed)) return;
    if (!watched_) {
        coarse_ms.store(milliseconds(now()), memory_order_relaxed);
        threads_.fetch_add(1, memory_order_relaxed);
        if (const int error = start_thread(monitor::run, this); error != 0) {
            threads_.fetch_sub(1, memory_order_relaxed);
            throw std::system_error(error, std::generic_category(),
                                    "runnel: cannot start a thread");
        }
        watched_ = true;
    }
    RUNNEL_POINT("scheduler.start.watched");
    // The first worker, so that a lack of threads is reported here and to every caller until there is one.
    state_.fetch_add(one_active, memory_order_seq_cst);
    if (!start_worker_locked(false)) {
        state_.fetch_sub(one_active, memory_order_seq_cst);
        throw std::system_error(EAGAIN, std::generic_category(), "runnel: cannot start a thread");
    }
    // The monitor may have fallen asleep meanwhile. With one place nobody who comes later would wake it.
    wake_monitor();
    started_.store(true, memory_order_release);
}

}  // namespace detail
}  // namespace v0
}  // namespace runnel
