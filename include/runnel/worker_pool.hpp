// runnel/worker_pool.hpp — a fixed number of goroutines that work off jobs, and the outcomes of these.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      for i := 0; i < n; i++ { go func() { for j := range jobs { results <- f(j) } }() }
//   Layer   5; includes layers 0-5
//   Map     for a range instead of a channel: parallel_for, parallel_map → parallel.hpp, which comes with it
//   Tests   tests/worker_pool_test.cpp
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

#include <runnel/chan.hpp>
#include <runnel/context.hpp>
#include <runnel/detail/count.hpp>
#include <runnel/go.hpp>
#include <runnel/mutex.hpp>
#include <runnel/outcome.hpp>
#include <runnel/parallel.hpp>
#include <runnel/wait_group.hpp>

namespace runnel {
inline namespace v0 {

/// `worker_pool<Job, Result> p{ctx, workers, f};` has `f(Job)` called for what is sent to jobs(), by `workers`
/// goroutines, and what each call comes to is received from results(), in the order of their ends.
///
/// A call that throws is an outcome with the exception, and its worker goes on. One that calls goexit is an outcome
/// with a panic, and another worker takes the place.
/// jobs() is unbuffered: a send waits for a worker. results() is unbounded, so that workers never wait for its reader,
/// who may as well come when all is done; or it has the capacity that is given, and then they do.
///
/// When the context is done no more jobs are begun. An outcome of a call that has ended is delivered still, but in
/// a pool whose results are full. No sender is left waiting: until close(), jobs are taken and dropped, so
/// `jobs().send(j)` returns; `jobs().send(ctx, j)` tells the difference.
/// The destructor drops the jobs that were not begun, lets their senders go, closes, and waits for the workers. One that
/// was made inside `run` goes before that returns: the workers end with it, without telling, and whoever waits for them
/// afterwards waits for ever.
/// Threads  all operations, any number at once.
/// Cost     workers + 1 goroutines, two channels.
template <class Job, class Result>
class worker_pool {
public:
    /// `f` is shared by the workers, and called as const.
    /// Errors  std::invalid_argument if there is to be no worker; and those of go.
    template <class F>
    worker_pool(const context& ctx, detail::count workers, F&& f,
                detail::source_place place = detail::source_place::here())
        : worker_pool(make_chan<outcome<Result>>(unbounded), ctx, workers, std::forward<F>(f),
                      place) {}
    /// With room for `results_capacity` outcomes, beyond which workers wait for the reader.
    template <class F>
    worker_pool(const context& ctx, detail::count workers, F&& f, std::size_t results_capacity,
                detail::source_place place = detail::source_place::here())
        : worker_pool(make_chan<outcome<Result>>(results_capacity), ctx, workers,
                      std::forward<F>(f), place) {}
    worker_pool(const worker_pool&) = delete;
    worker_pool& operator=(const worker_pool&) = delete;
    ~worker_pool() {
        context_.cancel();
        // A static one: its goroutines have ended without telling it.
        if (detail::process_ended.load(detail::memory_order_acquire)) return;
        ended_.wait();
        while (drop_one()) {
        }
        close();
        supervisor_.wait();
    }

    /// Where jobs are sent. Closed by close(), and then a send throws closed_channel.
    send_chan<Job> jobs() const noexcept { return jobs_; }
    /// Where the outcomes come. Closed when the workers have ended; with the exception if jobs() was closed with one.
    recv_chan<outcome<Result>> results() const noexcept { return results_; }

    /// No more jobs: the workers end when they have done those that were sent. Idempotent. Go  close(jobs)
    void close() {
        try {
            jobs_.close();
        } catch (const closed_channel&) {
            return;  // by an earlier call, or through jobs()
        }
    }

    /// Waits until the workers have ended: after close(), or when the context is done. All outcomes are in results()
    /// then. Throws nothing of theirs.
    void wait() { ended_.wait(); }

private:
    template <class F>
    worker_pool(chan<outcome<Result>> results, const context& ctx, detail::count count, F&& f,
                detail::source_place place)
        : context_(with_cancel(ctx)), jobs_(make_chan<Job>()), results_(std::move(results)) {
        using G = std::decay_t<F>;
        static_assert(std::is_invocable_v<const G&, Job> || !std::is_invocable_v<G&, Job>,
                      "runnel::worker_pool: the function is called by several goroutines at once: "
                      "as const, so it cannot be mutable");
        static_assert(std::is_invocable_v<const G&, Job> || std::is_invocable_v<G&, Job>,
                      "runnel::worker_pool: the function is called with a job");
        static_assert(std::is_void_v<Result> ||
                          std::is_constructible_v<Result, std::invoke_result_t<const G&, Job>>,
                      "runnel::worker_pool: the function returns a result");
        const std::size_t workers =
            count.at_least(1, "runnel::worker_pool: the number of workers is at least 1");
        ended_.add();
        supervisor_.go(
            [this, workers, place, f = std::optional<G>(std::forward<F>(f))]() mutable {
                supervise(f, workers, place);
            },
            place);
    }

    template <class G>
    void supervise(std::optional<G>& f, std::size_t workers, detail::source_place place) {
        {
            wait_group running;
            try {
                for (std::size_t i = 0; i < workers; ++i) start(running, *f, place);
            } catch (...) {
                fail(std::current_exception());
            }
            running.wait();
        }
        f.reset();
        results_.close(std::move(error_));  // nobody else has it: no worker runs
        ended_.done();
        // Nobody works any more. Senders are let go until there can be none.
        try {
            while (jobs_.recv()) {
            }
        } catch (...) {
            return;  // what jobs() was closed with; the reader has been told
        }
    }

    /// Lets go of a sender that waits; false if there is none.
    bool drop_one() {
        try {
            return jobs_.try_recv().has_value();
        } catch (...) {
            return false;  // as above
        }
    }

    template <class G>
    void start(wait_group& running, const G& f, detail::source_place place) {
        running.go([this, &running, &f, place] { work(running, f, place); }, place);
    }

    template <class G>
    void work(wait_group& running, const G& f, detail::source_place place) {
        try {
            while (recv_result<Job> job = jobs_.recv(context_)) {
                try {
                    deliver(outcome<Result>::of(f, std::move(*job)));
                } catch (const detail::goexit_token&) {
                    deliver(outcome<Result>::failure(std::make_exception_ptr(
                        panic("worker_pool: the function ended by goexit"))));
                    start(running, f, place);
                    throw;
                }
            }
        } catch (const detail::goexit_token&) {
            throw;
        } catch (...) {
            fail(std::current_exception());
        }
    }

    /// What is not an outcome: the pool ends with it.
    void fail(std::exception_ptr error) {
        {
            const std::lock_guard guard(mutex_);
            if (error_ == nullptr) error_ = std::move(error);
        }
        context_.cancel();
    }

    void deliver(outcome<Result>&& o) {
        if (results_.try_send(std::move(o)) == op_status::ok) return;
        static_cast<void>(results_.send(context_, std::move(o)));
    }

    cancel_context context_;
    chan<Job> jobs_;
    chan<outcome<Result>> results_;  // closed by the supervisor, after the last worker
    wait_group ended_;               // the workers
    wait_group supervisor_;
    mutex mutex_;
    std::exception_ptr error_;  // guarded by mutex_; what jobs_ was closed with
};

}  // namespace v0
}  // namespace runnel
