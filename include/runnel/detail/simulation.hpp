// runnel/detail/simulation.hpp — all goroutines on one thread, in an order and a time made from a seed.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      testing/synctest, with the schedule under control as well
//   Layer   3
//   Map     1. schedules   2. the simulation: a scheduler's conductor   3. the clock
//
//   The scheduler, the switches, the waits and the timers are those of every program. Only who runs
//   next, when others interrupt and when timers strike is decided here: see conductor in scheduler.hpp.
//   There is one worker, the thread that called simulate(): for the goroutines it is as if they ran on
//   several, since they may be interrupted before each operation that others could notice.
//
//   Reproducible means: nothing that is drawn depends on an address, a thread, or the real time.
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <dlfcn.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <runnel/detail/spawn.hpp>
#include <runnel/detail/waiter.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

// ---- 1. schedules ----

/// Which of several runnable goroutines comes next.
class schedule {
public:
    enum class kind : std::uint8_t {
        walk,        // any, each as likely as the others
        priorities,  // PCT: the one with the highest priority, which changes at `depth` - 1 random steps
    };

    explicit schedule(std::uint64_t seed) : seed_(seed), random_(mixed(seed)) {
        random_.next();
        kind_ = seed % 2 == 0 ? kind::walk : kind::priorities;
        if (kind_ == kind::priorities) {
            // How long a program runs is not known beforehand: each length gets its share of the seeds.
            const std::uint32_t length = std::uint32_t{16} << random_.below(10);
            for (std::uint64_t& c : changes_) c = 1 + random_.below(length);
        }
    }

    random_source& random() noexcept { return random_; }
    kind which() const noexcept { return kind_; }

    /// One of `ready`, by its index.
    std::size_t choose(const std::vector<goroutine*>& ready) {
        if (kind_ == kind::walk) return random_.below(static_cast<std::uint32_t>(ready.size()));
        std::size_t best = 0;
        for (std::size_t i = 1; i < ready.size(); ++i) {
            if (priority(id(ready[i])) > priority(id(ready[best]))) best = i;
        }
        return best;
    }

    /// Whether the running goroutine goes on, though those in `ready` could, too.
    bool goes_on(const goroutine* running, const std::vector<goroutine*>& ready) {
        ++step_;
        if (kind_ == kind::walk) {
            return random_.below(static_cast<std::uint32_t>(ready.size()) + 1) == 0;
        }
        for (const std::uint64_t change : changes_) {
            if (step_ == change) lower(running);
        }
        const std::uint64_t own = priority(id(running));
        for (const goroutine* g : ready) {
            if (priority(id(g)) > own) return false;
        }
        // One that asks again and again for what only the others can bring about.
        streak_ = running == last_ ? streak_ + 1 : 0;
        last_ = running;
        if (streak_ < most_in_a_row) return true;
        streak_ = 0;
        lower(running);
        return false;
    }

    /// It has let others go first, so they do: or one that waits in a loop for another would run for ever.
    void lower(const goroutine* g) {
        if (kind_ == kind::priorities) lowered_[id(g)] = --lowest_;
    }

private:
    static constexpr int depth =
        3;  // of the bugs that are looked for: so many orderings make them happen
    static constexpr std::uint64_t high = std::uint64_t{1} << 63;
    static constexpr std::uint32_t most_in_a_row = 1000;

    static std::uint64_t mixed(std::uint64_t seed) noexcept { return splitmix(seed); }
    static std::uint64_t id(const goroutine* g) noexcept {
        return g->id.load(memory_order_relaxed);
    }
    std::uint64_t priority(std::uint64_t id) const {
        if (!lowered_.empty()) {
            if (const auto l = lowered_.find(id); l != lowered_.end()) return l->second;
        }
        std::uint64_t state = seed_ ^ (id * 0x9e3779b97f4a7c15ULL);
        return splitmix(state) | high;
    }

    std::uint64_t seed_;
    random_source random_;
    kind kind_ = kind::walk;
    std::uint64_t step_ = 0;
    std::uint64_t changes_[depth - 1] = {};
    std::uint64_t lowest_ = high;
    std::uint32_t streak_ = 0;
    const goroutine* last_ = nullptr;
    std::unordered_map<std::uint64_t, std::uint64_t> lowered_;
};

// ---- 2. the simulation ----

/// While it lives the interruption points are in force, where they are compiled in.
class counted_simulation {
public:
#if RUNNEL_INTERRUPTION_POINTS
    counted_simulation() noexcept { simulations.fetch_add(1, memory_order_relaxed); }
    ~counted_simulation() { simulations.fetch_sub(1, memory_order_relaxed); }
#else
    counted_simulation() noexcept {}
    ~counted_simulation() {}
#endif
    counted_simulation(const counted_simulation&) = delete;
    counted_simulation& operator=(const counted_simulation&) = delete;
};

/// Why a simulation ended other than by its end.
enum class simulation_end : std::uint8_t { none, failed, deadlock, leak, endless };

/// Kept and used again, as schedulers are: they live for ever.
class simulation final : public conductor {
public:
    simulation() : home_(options()) {
        home_.conductor_ = this;
        home_.ids = &next_id_;
        home_.on_panic = on_panic;
        home_.started_.store(true, memory_order_release);
        worker_.home = &home_;
        home_.workers_[0].store(&worker_, memory_order_release);
        home_.worker_count_.store(1, memory_order_release);
        rest();
    }

    /// The one that the present goroutine is part of, or null.
    static simulation* current() noexcept {
        const worker* w = current_worker();
        return w != nullptr ? static_cast<simulation*>(w->home->conducted_by()) : nullptr;
    }

    /// One that nobody uses.
    static simulation* take() {
        {
            const spin_guard guard(unused_lock);
            if (simulation* s = unused; s != nullptr) {
                unused = s->next_unused_;
                return s;
            }
        }
        prepare_process_once();
        const tsan::runtime_scope ours;
        return new simulation;
    }
    static void give_back(simulation* s) noexcept {
        const spin_guard guard(unused_lock);
        s->next_unused_ = unused;
        unused = s;
    }

    /// Runs `function` and what it starts until all have ended or cannot go on.
    template <class F>
    void run(std::uint64_t seed, std::uint64_t most_steps, source_place place, F& function) {
        {
            const tsan::runtime_scope ours;
            begin(seed, most_steps);
        }
        const auto main_function = [this, &function] {
            struct at_end {
                simulation& s;
                ~at_end() { s.main_ended_ = true; }  // also by goexit
            };
            const at_end whatever_happens{*this};
            function();
        };
        using Task = task<decltype(main_function)>;
        spawn_task<Task>(home_, &worker_, scope_, place, [&] { return Task{main_function}; });
        lend_thread();
        tsan::acquire(scope_);
        const tsan::runtime_scope ours;
        end();
    }

    simulation_end outcome() const noexcept { return outcome_; }
    /// Given away: a simulation that waits for its next use keeps nothing of the user's.
    std::exception_ptr take_error() noexcept { return std::exchange(error_, nullptr); }
    const std::string& dump() const noexcept { return dump_; }
    std::uint64_t steps() const noexcept { return steps_; }
    std::uint64_t trace() const noexcept { return trace_; }

    // ---- conductor ----

    void made_runnable(worker* w, goroutine* g, bool fresh) noexcept override {
        if (w != &worker_ && thread_ != thread_id()) {
            fatal(
                "a goroutine of a simulation was woken from outside it: it may share with others "
                "only what was made inside");
        }
        ready_.push_back(g);
        goroutine* running =
            fresh && w == &worker_ ? w->current.load(memory_order_relaxed) : nullptr;
        if (running != nullptr && interrupts(w, running)) step_back(w, running);
    }

    void yields(goroutine* g) noexcept override { schedule_->lower(g); }

    goroutine* choose(worker* w) noexcept override {
        w->current.store(nullptr, memory_order_relaxed);
        for (;;) {
            if (outcome_ != simulation_end::none) break;
            if (++steps_ > most_steps_) {
                stop(simulation_end::endless);
                break;
            }
            if (fire_due_timer()) continue;
            if (ready_.empty()) {
                if (go_on_when_all_wait()) continue;
                break;
            }
            if (++steps_at_this_time_ > patience && advance()) continue;
            const std::size_t i = schedule_->choose(ready_);
            goroutine* g = ready_[i];
            ready_[i] = ready_.back();
            ready_.pop_back();
            note(g->id.load(memory_order_relaxed));
            if (home_.admit(w, g)) return g;
        }
        home_.announce(w, nullptr);
        return nullptr;
    }

    bool interrupts(worker*, goroutine* g) noexcept override {
        if (++steps_ > most_steps_) stop(simulation_end::endless);
        if (outcome_ != simulation_end::none) return true;  // never to come back
        if (++steps_at_this_time_ > patience) return true;
        if (ready_.empty() && !timer_is_due()) return false;
        if (schedule_->goes_on(g, ready_)) {
            note(0);
            return false;
        }
        return true;
    }

    /// The waiting goroutine is made runnable when no other is and before time goes on.
    void wait_idle() noexcept {
        const tsan::runtime_scope ours;
        sleeper s(wait_reason::idle, nullptr, false);
        waiting_for_idle_.push_back(&s);
        s.park(sleeper::nothing, nullptr);
        tsan::acquire(scope_);  // what the others did until they parked
    }

private:
    // So many decisions at one moment are taken for a loop that waits for time to go by.
    static constexpr std::uint64_t patience = 10'000;

    RUNNEL_API static inline constinit spin_lock unused_lock{};
    RUNNEL_API static inline constinit simulation* unused = nullptr;

    static scheduler_options options() noexcept {
        scheduler_options o;
        o.deadlock_detection = false;  // the simulation has its own
        return o;
    }

    void begin(std::uint64_t seed, std::uint64_t most_steps) {
        schedule_.emplace(seed);
        std::uint64_t state = ~seed;
        worker_.random = random_source(splitmix(state));
        next_id_.store(1, memory_order_relaxed);
        worker_.next_id = worker_.last_id = 0;
        most_steps_ = most_steps;
        steps_ = steps_at_this_time_ = 0;
        trace_ = 0xcbf29ce484222325ULL;
        elapsed_ = 0;
        main_ended_ = false;
        outcome_ = simulation_end::none;
        error_ = nullptr;
        dump_.clear();
        ready_.clear();
        waiting_for_idle_.clear();
        scope_ = new run_scope;
        live_before_ = home_.goroutine_count();
        thread_ = thread_id();
        home_.coarse_ms.store(3'600'000, memory_order_relaxed);  // as read_clock() begins
    }

    // The thread becomes the worker until nothing is left to run.
    void lend_thread() noexcept {
        const tsan::runtime_scope ours;
        worker_.tid.store(thread_, memory_order_relaxed);
        worker_.exceptions = thread_exception_state();
        thread_entry::find_thread_stack(&worker_);
        set_current_worker(&worker_);
        set_simulated_clock(&elapsed_);
        // "taken": whoever yields goes by way of choose(), and the place is nobody's to give away.
        worker_.place.store(worker::place_state::taken, memory_order_relaxed);
        home_.state_.store(scheduler::one_active, memory_order_relaxed);
        const counted_simulation counted;
        thread_entry::start_loop(&worker_);
        rest();
        set_simulated_clock(nullptr);
        set_current_worker(nullptr);
    }

    void rest() noexcept {
        worker_.place.store(worker::place_state::given_up, memory_order_release);
        worker_.current.store(nullptr, memory_order_relaxed);
        home_.state_.store(0, memory_order_release);
    }

    // What is left never runs again, as at the end of a run.
    void end() noexcept {
        scope_->ended.store(true, memory_order_seq_cst);
        home_.timers_.clear();
        home_.blocks.for_each([&](goroutine& g) {
            const goroutine_state state = g.state.load(memory_order_acquire);
            if (state == goroutine_state::free || state == goroutine_state::abandoned) return;
            run_scope* its = g.scope.load(memory_order_relaxed);
            if (!its->within(scope_)) return;
            its->ended.store(true, memory_order_seq_cst);
            its->retain();
            home_.leave_behind(g);
        });
        scope_->release();
        scope_ = nullptr;
        ready_.clear();
    }

    static void on_panic(goroutine* g) noexcept {
        const tsan::runtime_scope ours;
        auto* s = static_cast<simulation*>(g->home->conducted_by());
        if (s->outcome_ != simulation_end::none) return;
        s->error_ = std::current_exception();
        s->stop(simulation_end::failed);
    }

    void stop(simulation_end why) noexcept {
        if (outcome_ != simulation_end::none) return;
        outcome_ = why;
        if (why == simulation_end::failed) return;
        home_.blocks.for_each([&](const goroutine& g) {
            const goroutine_state state = g.state.load(memory_order_relaxed);
            if (state == goroutine_state::free || state == goroutine_state::abandoned) return;
            report_line line;
            write_goroutine(line, g);
            dump_.append(line.text(), line.size());
        });
    }

    // ---- time ----

    time_point moment() const noexcept { return now(); }

    bool timer_is_due() const noexcept {
        return !home_.timers_.empty() && home_.timers_.earliest() <= moment();
    }

    // A timer that is due is one more that could come next.
    bool fire_due_timer() noexcept {
        if (main_ended_ || !timer_is_due()) return false;
        random_source& random = schedule_->random();
        if (!ready_.empty() && random.below(static_cast<std::uint32_t>(ready_.size()) + 1) != 0) {
            return false;
        }
        return home_.timers_.run_one(
            moment(),
            [&](std::size_t n) {
                const std::uint32_t i = random.below(static_cast<std::uint32_t>(n));
                note(~std::uint64_t{i});
                return i;
            },
            [&](goroutine* g) {
                g->state.store(goroutine_state::runnable, memory_order_relaxed);
                ready_.push_back(g);
            });
    }

    // Time jumps to the next deadline. False if there is none: nobody lives to see the last moment.
    bool advance() noexcept {
        steps_at_this_time_ = 0;
        const time_point next = home_.timers_.earliest();
        if (main_ended_ || next >= last_deadline) return false;
        const duration ahead = next - moment();
        if (ahead > duration::zero()) {
            elapsed_ += std::chrono::duration_cast<std::chrono::nanoseconds>(ahead).count();
            home_.coarse_ms.store(milliseconds(moment()), memory_order_relaxed);
        }
        return true;
    }

    // False if nothing can go on any more.
    bool go_on_when_all_wait() noexcept {
        if (!waiting_for_idle_.empty()) {
            const std::vector<sleeper*> waiting = std::exchange(waiting_for_idle_, {});
            for (sleeper* s : waiting) {
                static_cast<void>(s->claim(1));
                s->wake();
            }
            return true;
        }
        if (advance()) return true;
        if (home_.goroutine_count() > live_before_) {
            stop(main_ended_ ? simulation_end::leak : simulation_end::deadlock);
        }
        return false;
    }

    void note(std::uint64_t decision) noexcept { trace_ = (trace_ ^ decision) * 0x100000001b3ULL; }

    atomic<std::uint64_t> next_id_{1};
    scheduler home_;
    worker worker_;
    simulation* next_unused_ = nullptr;

    std::optional<schedule> schedule_;
    std::vector<goroutine*> ready_;
    std::vector<sleeper*> waiting_for_idle_;
    run_scope* scope_ = nullptr;
    std::uint64_t live_before_ = 0;
    std::uint64_t most_steps_ = 0;
    std::uint64_t steps_ = 0;
    std::uint64_t steps_at_this_time_ = 0;
    std::uint64_t trace_ = 0;
    duration::rep elapsed_ = 0;
    int thread_ = 0;
    bool main_ended_ = false;
    simulation_end outcome_ = simulation_end::none;
    std::exception_ptr error_;
    std::string dump_;
};

// ---- 3. the clock ----

using clock_function = int (*)(clockid_t, timespec*);
RUNNEL_API inline constinit atomic<clock_function> system_clock_function{nullptr};

inline void find_system_clock() noexcept {
    if (system_clock_function.load(memory_order_acquire) != nullptr) return;
    void* f = ::dlsym(RTLD_NEXT, "clock_gettime");
    system_clock_function.store(reinterpret_cast<clock_function>(f), memory_order_release);
}

/// What the standard library's clocks show: in a simulation its own time, which begins at midnight of the
/// first of January 2000, and an hour after the machine was started.
inline int read_clock(clockid_t id, timespec* out) noexcept {
    if (const duration::rep* elapsed = simulated_clock(); elapsed != nullptr) {
        switch (id) {
            case CLOCK_REALTIME:
            case CLOCK_REALTIME_COARSE:
            case CLOCK_MONOTONIC:
            case CLOCK_MONOTONIC_COARSE:
            case CLOCK_MONOTONIC_RAW:
            case CLOCK_BOOTTIME: {
                const bool real = id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE;
                out->tv_sec = (real ? 946'684'800 : 3600) + *elapsed / 1'000'000'000;
                out->tv_nsec = *elapsed % 1'000'000'000;
                return 0;
            }
            default:
                break;
        }
    }
    if (const clock_function f = system_clock_function.load(memory_order_acquire); f != nullptr) {
        return f(id, out);
    }
    return static_cast<int>(::syscall(SYS_clock_gettime, id, out));
}

}  // namespace detail
}  // namespace v0
}  // namespace runnel
