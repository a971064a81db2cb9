// tests/model/goroutines_test.cpp — goroutines that park and are woken: switches of stacks, under the model checker.
// SPDX-License-Identifier: BSL-1.0
//
//   The workers are threads of the model with shipping loops. What they pick from is one queue, by way of the
//   conductor's seam: the run queues have tests of their own. Of two workers one may wake a goroutine that the
//   other is still leaving. Deadlines strike when a worker finds nothing else.
#include <array>
#include <cstddef>
#include <mutex>
#include <new>

#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/mutex.hpp>
#include <runnel/select.hpp>
#include <runnel/time.hpp>

#include <model/scheduled.hpp>

namespace {

using namespace runnel::detail;
using namespace std::chrono_literals;

/// A goroutine that calls go(number) of its program.
template <class Program>
struct routine : model::work {
    Program* program = nullptr;
    int number = 0;

    static void call(goroutine* g) {
        auto* self = static_cast<routine*>(g);
        self->program->routine_runs(self->number);
    }
};

template <class Program, int Workers, int Goroutines>
struct parking : model::scheduled<Workers> {
    using base = model::scheduled<Workers>;
    using base::s, base::workers;

    struct one_queue final : conductor {
        parking* p;
        explicit one_queue(parking* of) : p(of) {}
        void made_runnable(worker*, goroutine* g, bool) noexcept override { p->s.inject_.push(g); }
        goroutine* choose(worker* w) noexcept override {
            for (;;) {
                w->current.store(nullptr, memory_order_relaxed);
                if (goroutine* g = p->s.inject_.pop(1); g != nullptr) return g;
                const auto wake = [this](goroutine* g) { p->s.ready(g); };
                if (p->s.timers_.run_due(p->start + 1s, wake) != 0) continue;
                if (p->ended.load(memory_order_acquire) == Goroutines) return nullptr;
                model::pause();
            }
        }
        bool interrupts(worker*, goroutine*) noexcept override { return false; }
        void yields(goroutine*) noexcept override {}
    };

    const time_point start = now();
    one_queue queue{this};
    std::array<routine<Program>, Goroutines> goroutines;
    model::atomic<int> ended{0};

    parking() : base(Workers) {
        s.conductor_ = &queue;
        s.keeper_deadline_.leave_out();
        s.coarse_ms.leave_out();
        base::hold_places(Workers, 0);
        for (worker& w : workers) {
            w.current.leave_out();
            w.finished.leave_out();
            w.place.leave_out();
            w.announced.store(&s.root);
            w.announced.leave_out();
        }
        s.root.watched.leave_out();
        int n = 0;
        for (auto& g : goroutines) {
            g.init(s);
            g.entry = routine<Program>::call;
            g.program = static_cast<Program*>(this);
            g.number = n++;
            g.reason.leave_out();
            g.waiting_for.leave_out();
            g.wait_since.leave_out();
            g.locals.leave_out();
            g.pinned.leave_out();
            g.pin_depth.leave_out();
            s.inject_.push(&g);
        }
        for (int i = 0; i < Goroutines + Workers; ++i) add_stack();
        model::name(ended, "ended");
    }

    void routine_runs(int number) {
        static_cast<Program*>(this)->go(number);
        ended.fetch_add(1, memory_order_acq_rel);
    }
    void run(int me) {
        worker& w = workers[me];
        set_current_worker(&w);
        w.exceptions = thread_exception_state();
        thread_entry::start_loop(&w);
        set_current_worker(nullptr);
    }

private:
    // In memory of the model, where plain accesses are checked.
    void add_stack() {
        constexpr std::size_t size = 24 * 1024;
        auto* bottom = static_cast<std::byte*>(model::engine::allocate(size, 64));
        auto* header =
            ::new (static_cast<void*>(bottom + size - (sizeof(stack) + 63) / 64 * 64)) stack;
        header->bottom = bottom;
        header->owner.leave_out();
        s.stacks.release(header);
    }
};

// ---- channels ----

/// One sends, the other receives, on either worker.
struct handed_over : parking<handed_over, 2, 2> {
    static constexpr int threads = 2;
    runnel::chan<int> c;
    model::var<int> before{0};

    explicit handed_over(std::size_t capacity) : c(runnel::make_chan<int>(capacity)) {}
    void go(int number) {
        if (number == 0) {
            before = 1;
            c.send(7);
        } else {
            model::check(*c.recv() == 7, "another value");
            model::check(before == 1, "what its sender did is not seen");
        }
    }
};

/// A deadline strikes while somebody sends.
struct in_time : parking<in_time, 2, 2> {
    static constexpr int threads = 2;
    bool both;
    runnel::chan<int> c = runnel::make_chan<int>(0U);
    bool sent = false;
    bool received = false;
    static inline int in_vain, not_in_vain;  // of all executions

    explicit in_time(bool b) : both(b) {}
    void go(int number) {
        if (number == 0) {
            received = c.recv_for(1s).has_value();
        } else {
            sent = (both ? c.send_for(7, 1s) : c.try_send(7)) == runnel::op_status::ok;
        }
    }
    void end() {
        ++(received ? not_in_vain : in_vain);
        model::check(sent == received, "sent and received differ");
        model::check(s.timers_.size() == 0, "a timer is left");
        model::check(!c.try_recv().has_value(), "something is left");
    }
};

/// One selects from two channels, and two send.
struct selected : parking<selected, 2, 3> {
    static constexpr int threads = 2;
    std::array<runnel::chan<int>, 2> c{runnel::make_chan<int>(0U), runnel::make_chan<int>(0U)};
    std::array<model::var<int>, 2> before;
    std::array<int, 2> received{};

    void use(std::size_t from) {
        model::check(before[from] == 1, "what its sender did is not seen");
        ++received[from];
    }
    void go(int number) {
        const auto i = static_cast<std::size_t>(number);
        if (number < 2) {
            before[i] = 1;
            c[i].send(7);
            return;
        }
        for (int k = 0; k < 2; ++k) {
            runnel::select(runnel::in_order, runnel::recv(c[0], [this](int) { use(0); }),
                           runnel::recv(c[1], [this](int) { use(1); }));
        }
    }
    void end() { model::check(received[0] == 1 && received[1] == 1, "not one of each"); }
};

// ---- others ----

/// Each goes on, most likely on the other worker, when the other has had the lock.
struct locked : parking<locked, 2, 2> {
    static constexpr int threads = 2;
    runnel::mutex m;
    model::var<int> inside{0};

    void go(int) {
        const std::lock_guard guard(m);
        inside = inside + 1;
    }
    void end() { model::check(inside.get() == 2, "one was not inside"); }
};

/// What a goroutine does before it yields it sees afterwards, wherever it is.
struct yielded : parking<yielded, 2, 2> {
    static constexpr int threads = 2;
    std::array<model::var<int>, 2> own;

    void go(int number) {
        model::var<int>& mine = own[static_cast<std::size_t>(number)];
        mine = 1;
        runnel::yield();
        model::check(mine == 1, "what it did itself is not seen");
    }
};

/// A sleeper is woken by its deadline alone.
struct slept : parking<slept, 2, 1> {
    static constexpr int threads = 2;
    void go(int) { sleep_until_point(start + 1s); }
    void end() { model::check(s.timers_.size() == 0, "a timer is left"); }
};

TEST_CASE("a goroutine is woken once, when it has been left, and sees what its waker did",
          "[model][goroutines]") {
    model::require_clean<handed_over>("goroutines, unbuffered",
                                      {.preemptions = 2, .stale_reads = 0}, 0U);
    model::require_clean<handed_over>("goroutines, buffered", {.preemptions = 2, .stale_reads = 1},
                                      1U);
    model::require_clean<locked>("goroutines, mutex", {.preemptions = 2, .stale_reads = 1});
    model::require_clean<yielded>("goroutines, yield", {.preemptions = 1, .stale_reads = 1});
    model::require_clean<selected>("goroutines, select", {.preemptions = 1, .stale_reads = 1});
}

TEST_CASE("a goroutine's deadline and its waker: one of them wakes it",
          "[model][goroutines][timers]") {
    model::require_clean<slept>("goroutines, sleep", {.preemptions = 1, .stale_reads = 1});
    for (const bool both : {false, true}) {
        in_time::in_vain = in_time::not_in_vain = 0;
        model::require_clean<in_time>(
            both ? "goroutines, both in time" : "goroutines, receive in time",
            {.preemptions = 1, .stale_reads = 1}, both);
        CHECK(in_time::in_vain > 0);
        CHECK(in_time::not_in_vain > 0);
    }
}

}  // namespace
