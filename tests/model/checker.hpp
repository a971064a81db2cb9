// tests/model/checker.hpp — a small model checker: all interleavings and all weak reads, within a bound.
// SPDX-License-Identifier: BSL-1.0
//
//   Use     struct program { static constexpr int threads = 2; void run(int me); void end(); … };
//           model::result r = model::explore<program>({.preemptions = 3}, constructor arguments…);
//           A program is made anew for each execution. run(i) is thread i; end(), if there is one, looks
//           at what is left. model::check(condition, "sentence") is its assertion.
//   Map     1. views   2. the engine   3. operations   4. blocking   5. atomic   6. var   7. explore
//           8. weakenings
//
//   Threads are contexts on one thread of the system. Before every atomic operation another may go on;
//   this is a preemption, of which an execution has at most so many. Every decision (who goes on, which
//   store a load reads, where in the modification order a store comes) is recorded; the next execution
//   repeats all but the last one that can be made otherwise. So the space is walked to its end.
//
//   The memory model is C++20's without load buffering: a load reads no store of the future. Each location
//   keeps its stores in modification order. A *view* says for each location which is the oldest store that
//   may still be read; happens-before carries views along, as release stores, release sequences (the
//   C++20 rule: only read-modify-writes continue one) and fences have it. A store may come anywhere in
//   the modification order behind what its thread has seen, a read-modify-write directly behind what it
//   reads. The order of all sequentially consistent operations and fences is that of the execution.
//   Rejected: vector clocks alone, since coherence would need a history of reads at every location.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <cxxabi.h>
#include <unistd.h>

#include <boost/context/detail/fcontext.hpp>

namespace model {

inline constexpr int max_threads = 4;
inline constexpr std::size_t max_locations = 64;
inline constexpr int max_stores = 250;  // of one location in one execution

using order = std::memory_order;

struct options {
    int preemptions = 3;
    std::uint64_t most_executions = 3'000'000;
    int stale_reads = std::numeric_limits<int>::max();  // that an execution may have
    int same_stale_reads =
        3;                // of one store by one thread: then it sees a newer one, as all do in time
    int spurious = 0;     // so many weak compare-exchanges fail, or futex waits end, for no reason
    int clock_jumps = 0;  // so often the clock is found to have gone on by clock_jump
    int most_steps = 2000;  // of an execution; beyond, it is taken for endless
    bool print = false;     // the failure, to stderr
};

struct result {
    std::uint64_t executions = 0;
    bool exhausted = false;  // the whole space within the bound was walked
    bool failed = false;
    std::string failure;  // a sentence
    std::string trace;    // and the way there
};

// ---- 1. views ----

struct view {
    std::array<std::uint16_t, max_threads> clock{};  // what happens before: a vector clock
    alignas(
        16) std::array<std::uint8_t, max_locations> at{};  // oldest readable store, a location each

    void join_at(const view& other) noexcept {
        for (std::size_t i = 0; i < max_locations; ++i) at[i] = std::max(at[i], other.at[i]);
    }
    void join(const view& other) noexcept {
        for (std::size_t i = 0; i < clock.size(); ++i)
            clock[i] = std::max(clock[i], other.clock[i]);
        join_at(other);
    }
};

constexpr bool acquires(order o) noexcept {
    return o != std::memory_order_relaxed && o != std::memory_order_release;
}
constexpr bool releases(order o) noexcept {
    return o == std::memory_order_release || o == std::memory_order_acq_rel ||
           o == std::memory_order_seq_cst;
}
constexpr const char* to_string(order o) noexcept {
    constexpr const char* words[] = {"relaxed", "consume", "acquire",
                                     "release", "acq_rel", "seq_cst"};
    return words[static_cast<int>(o)];
}

enum class op : std::uint8_t { load, store, rmw, cas, cas_fails, fence, sleep, wake, pause, time };
constexpr const char* to_string(op k) noexcept {
    constexpr const char* words[] = {"load",  "store", "rmw",  "cas",   "cas fails",
                                     "fence", "sleep", "wake", "pause", "time"};
    return words[static_cast<int>(k)];
}

/// Where an operation stands in the source.
struct site {
    const char* file = "";
    const char* function = "";
    int line = 0;

    const char* base() const noexcept {
        const char* slash = std::strrchr(file, '/');
        return slash != nullptr ? slash + 1 : file;
    }
    static constexpr site here(const char* file = __builtin_FILE(),
                               const char* function = __builtin_FUNCTION(),
                               int line = __builtin_LINE()) noexcept {
        return {file, function, line};
    }
};

/// One memory order of the source, and what it is replaced by in a mutant.
struct weakening {
    site where;
    op kind = op::load;
    order from = std::memory_order_relaxed;
    order to = std::memory_order_relaxed;

    bool hits(const site& s, op k, order o) const noexcept {
        return s.line == where.line && k == kind && o == from &&
               std::strcmp(s.file, where.file) == 0;
    }
    std::string text() const {
        const std::string name(where.function, std::strcspn(where.function, "<"));
        return std::string(where.base()) + " " + name + ": " + to_string(kind) + " " +
               to_string(from) + " -> " + to_string(to);
    }
};

// ---- 2. the engine ----

/// The thread of the model that runs; none outside. By itself, so that it is initialised before anything.
inline constinit int running = -1;

class engine {
public:
    using body = void (*)(void* program, int thread);

    // -- between executions

    void start(const options& o) noexcept {
        options_ = o;
        depth_ = length_ = 0;
        main_exceptions_ = exceptions();
        failure_ = nullptr;
    }

    void begin(int threads, body f, void* program) noexcept {
        if (++execution_ >= dead) execution_ = 1;
        thread_count_ = threads;
        body_ = f;
        program_ = program;
        depth_ = events_ = 0;
        locations_ = stores_ = 0;
        preemptions_ = stale_reads_ = spurious_ = jumps_ = 0;
        clock_ = first_moment;
        sequential_ = view{};
        range_count_ = 0;
        for (int i = 0; i < threads; ++i) {
            thread& t = threads_[i];
            void* context = t.context;
            t = thread{};
            t.context = context;
            t.now.clock[static_cast<std::size_t>(i)] = 1;
        }
    }
    /// Runs all threads to their end; false if something failed.
    bool run() noexcept {
        failure_ = nullptr;
        if (fresh_) {
            for (int i = 0; i < max_threads; ++i) {
                threads_[i].context = boost::context::detail::make_fcontext(stacks_[i] + stack_size,
                                                                            stack_size, entry);
            }
            fresh_ = false;
        }
        switch_from(main_context_, next_of_all());
        running = -1;
        if (failure_ != nullptr) fresh_ = true;  // the contexts are left as they are
        return failure_ == nullptr;
    }
    /// The next way through; false if there is none.
    bool backtrack() noexcept {
        length_ = depth_;
        while (length_ > 0 && path_[length_ - 1].taken + 1 == path_[length_ - 1].ways) --length_;
        if (length_ == 0) return false;
        ++path_[length_ - 1].taken;
        return true;
    }
    bool failed() const noexcept { return failure_ != nullptr; }
    const char* failure() const noexcept { return failure_; }
    std::string trace() const;

    // -- what programs may ask

    bool inside() const noexcept { return running >= 0; }
    int current() const noexcept { return running; }
    std::uint32_t execution() const noexcept { return execution_; }
    void name(const void* at, std::size_t size, const char* as) noexcept {
        if (range_count_ < std::size(ranges_)) ranges_[range_count_++] = {at, size, as};
    }
    [[noreturn]] void fail_here(const char* sentence) noexcept {
        failure_ = sentence;
        running = -1;
        boost::context::detail::jump_fcontext(main_context_, nullptr);
        std::abort();
    }
    void fail(const char* sentence) noexcept {
        if (inside()) fail_here(sentence);
        failure_ = sentence;
    }

    // ---- 3. operations: see below ----

    int add_location(const void* address, std::uint64_t value) noexcept;
    std::uint64_t load(int where, order o, const site& s) noexcept;
    /// True if it is the latest in modification order.
    bool store(int where, std::uint64_t value, order o, const site& s) noexcept;
    /// `f(old, new&)`. True if what it wrote is the latest.
    template <class F>
    bool rmw(int where, F f, order o, const site& s) noexcept;
    /// Whether it succeeded; `expected` becomes what was read. `latest` tells of what it wrote.
    bool compare_exchange(int where, std::uint64_t& expected, std::uint64_t desired, bool weak,
                          order success, order failure, bool& latest, const site& s) noexcept;
    void fence(order o, const site& s) noexcept;
    view& here() noexcept { return threads_[running].now; }

    // ---- 4. blocking ----

    void pause() noexcept;
    int sleep(int where, const void* address, std::uint64_t expected,
              std::int64_t deadline) noexcept;
    void wake(const void* address, int n) noexcept;
    std::int64_t now() noexcept;

    /// Before each visible operation: another thread may come first.
    void point() noexcept {
        if (++threads_[running].steps > options_.most_steps) fail_here("it does not end");
        if (preemptions_ == options_.preemptions) return;
        int others[max_threads];
        int n = 0;
        for (int i = 0; i < thread_count_; ++i) {
            if (i != running && enabled(i)) others[n++] = i;
        }
        if (const int c = choose(n + 1); c != 0) {
            ++preemptions_;
            switch_to(others[c - 1]);
        }
    }

    // -- weakenings
    std::vector<weakening>* collected = nullptr;
    const weakening* mutation = nullptr;

    static constexpr std::uint32_t dead = 0xffffffff;  // an atomic whose life has ended
    static constexpr std::int64_t for_ever = std::numeric_limits<std::int64_t>::max();
    static constexpr std::int64_t first_moment = 1'000'000'000'000;
    static constexpr std::int64_t clock_jump = 1'000'000'000;

private:
    enum class state : std::uint8_t { ready, pausing, sleeping, done };
    struct exception_state {
        void* caught;
        unsigned uncaught;
    };
    struct thread {
        void* context = nullptr;
        exception_state exceptions{nullptr, 0};
        view now;         // of what happens before its next operation
        view acquirable;  // by an acquire fence: of the stores it has read
        view fenced;      // at its last release fence
        bool has_acquirable = false;
        bool has_fenced = false;
        state is = state::ready;
        bool woken = false;
        int steps = 0;
        const void* asleep_on = nullptr;
        std::int64_t deadline = for_ever;
        std::array<std::uint8_t, max_locations> repeats{};  // stale reads of the store in now.at
        std::array<std::uint8_t, 4> recent{};               // locations read since the last pause
        int recent_count = 0;
    };
    struct store_record {
        std::uint64_t value;
        view released;  // what who reads it with acquire gets
        bool releases;
        bool rmw;  // reads the one before it: nothing may come between
    };
    struct location {
        const void* address;
        int count;
        std::array<std::uint16_t, max_stores + 2> order;  // of its stores
    };
    struct decision {
        std::uint8_t taken, ways;
    };
    struct event {
        site where;
        op kind;
        order with;
        std::uint8_t thread;
        std::uint8_t behind;  // how many newer stores a read did not see, or a store came before
        int location;
        std::uint64_t value, before;
    };
    struct range {
        const void* at;
        std::size_t size;
        const char* name;
    };

    int choose(int n) noexcept {
        if (n <= 1) return 0;
        if (depth_ < length_) {
            if (path_[depth_].ways != n) fail_here("the program is not deterministic");
            return path_[depth_++].taken;
        }
        if (depth_ == std::size(path_)) fail_here("too many decisions");
        path_[depth_++] = {0, static_cast<std::uint8_t>(n)};
        length_ = depth_;
        return 0;
    }

    bool enabled(int i) const noexcept {
        const thread& t = threads_[i];
        switch (t.is) {
            case state::ready:
                return true;
            case state::pausing:
                return sees_change(t);
            case state::sleeping:
                return t.woken || t.deadline != for_ever || spurious_ < options_.spurious;
            case state::done:
                break;
        }
        return false;
    }
    bool sees_change(const thread& t) const noexcept {
        for (int i = 0; i < t.recent_count; ++i) {
            const std::uint8_t at = t.recent[static_cast<std::size_t>(i)];
            if (t.now.at[at] + 1 < all_locations_[at].count) return true;
        }
        return false;
    }

    // Who goes on now that the present thread cannot; fails if nobody can.
    int next_of_all() noexcept {
        int able[max_threads];
        int n = 0;
        bool unfinished = false;
        for (int i = 0; i < thread_count_; ++i) {
            if (enabled(i)) able[n++] = i;
            unfinished = unfinished || threads_[i].is != state::done;
        }
        if (n == 0) {
            if (unfinished) fail_here("deadlock");
            return -1;
        }
        return able[choose(n)];
    }
    void block(state why) noexcept {
        threads_[running].is = why;
        const int next = next_of_all();
        if (next != running) switch_to(next);
        threads_[running].is = state::ready;
    }

    // -- switching
    static exception_state* exceptions() noexcept {
        return reinterpret_cast<exception_state*>(abi::__cxa_get_globals());
    }
    void switch_to(int next) noexcept {
        const int me = running;
        threads_[me].exceptions = std::exchange(*main_exceptions_, exception_state{nullptr, 0});
        switch_from(threads_[me].context, next);
        running = me;
        *main_exceptions_ = threads_[me].exceptions;
    }
    void switch_from(void*& save, int next) noexcept {
        running = next;
        land(boost::context::detail::jump_fcontext(threads_[next].context, &save));
    }
    static void land(boost::context::detail::transfer_t t) noexcept {
        if (t.data != nullptr) *static_cast<void**>(t.data) = t.fctx;
    }
    static void entry(boost::context::detail::transfer_t t) noexcept;
    void finish() noexcept {
        const int me = running;
        threads_[me].is = state::done;
        const int next = next_of_all();
        if (next >= 0) {
            switch_from(threads_[me].context, next);
        } else {
            land(boost::context::detail::jump_fcontext(main_context_, &threads_[me].context));
        }
        running = me;  // in the next execution
        *main_exceptions_ = exception_state{nullptr, 0};
    }

    // -- histories
    store_record& at(location& l, int i) noexcept {
        return all_stores_[l.order[static_cast<std::size_t>(i)]];
    }
    int floor_of(const thread& t, int where, order o) const noexcept {
        const auto w = static_cast<std::size_t>(where);
        const int floor = t.now.at[w];
        return o == std::memory_order_seq_cst ? std::max<int>(floor, sequential_.at[w]) : floor;
    }
    static bool is_free(location& l, int i, const engine& e) noexcept {
        return i + 1 == l.count || !e.all_stores_[l.order[static_cast<std::size_t>(i) + 1]].rmw;
    }
    void read(thread& t, int where, int i, order o) noexcept {
        const auto w = static_cast<std::size_t>(where);
        store_record& s = at(all_locations_[w], i);
        t.now.at[w] = static_cast<std::uint8_t>(i);
        if (s.releases) {
            if (acquires(o)) {
                t.now.join(s.released);
            } else {
                t.acquirable.join(s.released);
                t.has_acquirable = true;
            }
        }
        if (o == std::memory_order_seq_cst) see_sequentially(w, i);
        if (t.recent_count == 0 ||
            t.recent[static_cast<std::size_t>(t.recent_count - 1) % t.recent.size()] != where) {
            if (t.recent_count < static_cast<int>(t.recent.size())) {
                t.recent[static_cast<std::size_t>(t.recent_count++)] =
                    static_cast<std::uint8_t>(where);
            } else {
                std::rotate(t.recent.begin(), t.recent.begin() + 1, t.recent.end());
                t.recent.back() = static_cast<std::uint8_t>(where);
            }
        }
    }
    void see_sequentially(std::size_t w, int i) noexcept {
        sequential_.at[w] = std::max(sequential_.at[w], static_cast<std::uint8_t>(i));
    }
    // As the store number i, behind what it reads if it is a read-modify-write.
    void write(thread& t, int where, int i, std::uint64_t value, order o, bool is_rmw) noexcept;
    void make_room(std::size_t w, int i) noexcept;

    order effective(order o, op k, const site& s) {
        if (collected != nullptr) collect(o, k, s);
        return mutation != nullptr && mutation->hits(s, k, o) ? mutation->to : o;
    }
    void collect(order o, op k, const site& s);
    void record(op k, order o, int where, std::uint64_t value, std::uint64_t before, int behind,
                const site& s) noexcept {
        if (events_ == std::size(all_events_)) return;
        all_events_[events_++] = {s,
                                  k,
                                  o,
                                  static_cast<std::uint8_t>(running),
                                  static_cast<std::uint8_t>(behind),
                                  where,
                                  value,
                                  before};
    }
    std::string place(const void* address) const;

    static constexpr std::size_t stack_size = 256 * 1024;

    options options_;
    std::uint32_t execution_ = 0;
    int thread_count_ = 0;
    bool fresh_ = true;
    body body_ = nullptr;
    void* program_ = nullptr;
    void* main_context_ = nullptr;
    exception_state* main_exceptions_ = nullptr;
    const char* failure_ = nullptr;
    int preemptions_ = 0;
    int stale_reads_ = 0;
    int spurious_ = 0;
    int jumps_ = 0;
    std::int64_t clock_ = 0;
    view
        sequential_;  // what all sequentially consistent operations have seen; its clock is not used
    std::array<thread, max_threads> threads_{};
    std::size_t depth_ = 0;   // decisions made in this execution
    std::size_t length_ = 0;  // of which so many are given
    std::size_t events_ = 0;
    int locations_ = 0;
    int stores_ = 0;
    std::size_t range_count_ = 0;
    std::array<location, max_locations> all_locations_;
    std::array<store_record, 4096> all_stores_;
    std::array<decision, 8192> path_;
    std::array<event, 4096> all_events_;
    std::array<range, 32> ranges_;
    alignas(64) std::byte stacks_[max_threads][stack_size];
};

inline engine the_engine;

inline void engine::entry(boost::context::detail::transfer_t t) noexcept {
    engine& e = the_engine;
    land(t);
    for (;;) {
        try {
            e.body_(e.program_, running);
        } catch (...) {
            e.fail_here("an exception left a thread");
        }
        e.finish();
    }
}

// ---- 3. operations ----

inline int engine::add_location(const void* address, std::uint64_t value) noexcept {
    if (locations_ == static_cast<int>(max_locations)) fail_here("too many locations");
    location& l = all_locations_[static_cast<std::size_t>(locations_)];
    l.address = address;
    l.count = 0;
    if (stores_ == static_cast<int>(all_stores_.size())) fail_here("too many stores");
    store_record& s = all_stores_[static_cast<std::size_t>(stores_)];
    s.value = value;
    s.releases = s.rmw = false;
    l.order[static_cast<std::size_t>(l.count++)] = static_cast<std::uint16_t>(stores_++);
    return locations_++;
}

inline std::uint64_t engine::load(int where, order o, const site& s) noexcept {
    o = effective(o, op::load, s);
    thread& t = threads_[running];
    location& l = all_locations_[static_cast<std::size_t>(where)];
    const int newest = l.count - 1;
    const auto w = static_cast<std::size_t>(where);
    int oldest = floor_of(t, where, o);
    if (oldest < newest && t.repeats[w] >= options_.same_stale_reads) ++oldest;
    const int behind = choose(stale_reads_ == options_.stale_reads ? 1 : newest - oldest + 1);
    if (behind != 0) {
        ++stale_reads_;
        t.repeats[w] = newest - behind == t.now.at[w] ? t.repeats[w] + 1 : 1;
    } else {
        t.repeats[w] = 0;
    }
    read(t, where, newest - behind, o);
    const std::uint64_t value = at(l, newest - behind).value;
    record(op::load, o, where, value, 0, behind, s);
    ++t.now.clock[static_cast<std::size_t>(running)];
    return value;
}

inline void engine::make_room(std::size_t w, int i) noexcept {
    location& l = all_locations_[w];
    for (int j = l.count; j > i; --j) {
        l.order[static_cast<std::size_t>(j)] = l.order[static_cast<std::size_t>(j) - 1];
    }
    const auto shift = [&](view& v) {
        if (v.at[w] >= i) ++v.at[w];
    };
    for (int j = 0; j < thread_count_; ++j) {
        shift(threads_[j].now);
        shift(threads_[j].acquirable);
        shift(threads_[j].fenced);
    }
    for (int j = 0; j < stores_; ++j) shift(all_stores_[static_cast<std::size_t>(j)].released);
    shift(sequential_);
}

inline void engine::write(thread& t, int where, int i, std::uint64_t value, order o,
                          bool is_rmw) noexcept {
    const auto w = static_cast<std::size_t>(where);
    location& l = all_locations_[w];
    if (l.count == max_stores || stores_ == static_cast<int>(all_stores_.size())) {
        fail_here("too many stores");
    }
    if (i != l.count) make_room(w, i);
    t.now.at[w] = static_cast<std::uint8_t>(i);
    store_record& s = all_stores_[static_cast<std::size_t>(stores_)];
    s.value = value;
    s.rmw = is_rmw;
    s.releases = true;
    if (releases(o)) {
        s.released = t.now;
    } else if (t.has_fenced) {
        s.released = t.fenced;
        s.released.at[w] = static_cast<std::uint8_t>(i);
    } else {
        s.releases = false;
    }
    if (is_rmw) {  // continues the release sequence of what it has read
        const store_record& before = at(l, i - 1);
        if (before.releases && s.releases) {
            s.released.join(before.released);
        } else if (before.releases) {
            s.released = before.released;
            s.releases = true;
        }
    }
    l.order[static_cast<std::size_t>(i)] = static_cast<std::uint16_t>(stores_++);
    ++l.count;
    if (o == std::memory_order_seq_cst) see_sequentially(w, i);
    ++t.now.clock[static_cast<std::size_t>(running)];
}

inline bool engine::store(int where, std::uint64_t value, order o, const site& s) noexcept {
    o = effective(o, op::store, s);
    thread& t = threads_[running];
    location& l = all_locations_[static_cast<std::size_t>(where)];
    // Behind which store it comes: the newest first.
    int places[max_stores];
    int n = 0;
    for (int i = l.count - 1; i >= floor_of(t, where, o); --i) {
        if (is_free(l, i, *this)) places[n++] = i + 1;
    }
    const int i = places[choose(n)];
    const bool latest = i == l.count;
    record(op::store, o, where, value, 0, l.count - i, s);
    write(t, where, i, value, o, false);
    return latest;
}

template <class F>
bool engine::rmw(int where, F f, order o, const site& s) noexcept {
    o = effective(o, op::rmw, s);
    thread& t = threads_[running];
    location& l = all_locations_[static_cast<std::size_t>(where)];
    int read_from[max_stores];
    int n = 0;
    for (int i = l.count - 1; i >= floor_of(t, where, o); --i) {
        if (is_free(l, i, *this)) read_from[n++] = i;
    }
    const int i = read_from[choose(n)];
    const bool latest = i + 1 == l.count;
    const std::uint64_t before = at(l, i).value;
    read(t, where, i, o);
    const std::uint64_t after = f(before);
    record(op::rmw, o, where, after, before, l.count - 1 - i, s);
    write(t, where, i + 1, after, o, true);
    return latest;
}

inline bool engine::compare_exchange(int where, std::uint64_t& expected, std::uint64_t desired,
                                     bool weak, order success, order failure, bool& latest,
                                     const site& s) noexcept {
    success = effective(success, op::cas, s);
    failure = effective(failure, op::cas_fails, s);
    thread& t = threads_[running];
    location& l = all_locations_[static_cast<std::size_t>(where)];
    int read_from[max_stores];
    int n = 0;
    const int newest = l.count - 1;
    for (int i = newest; i >= t.now.at[static_cast<std::size_t>(where)]; --i) {
        const bool equal = at(l, i).value == expected;
        if (i < floor_of(t, where, equal ? success : failure)) continue;
        if (!equal || is_free(l, i, *this)) read_from[n++] = i;
        if (stale_reads_ == options_.stale_reads) break;
    }
    const int c = choose(n);
    if (c != 0) ++stale_reads_;
    const int i = read_from[c];
    const std::uint64_t before = at(l, i).value;
    bool fails = before != expected;
    if (!fails && weak && spurious_ < options_.spurious && choose(2) == 1) {
        ++spurious_;
        fails = true;
    }
    if (fails) {
        expected = before;
        read(t, where, i, failure);
        record(op::cas_fails, failure, where, before, 0, newest - i, s);
        ++t.now.clock[static_cast<std::size_t>(running)];
        return false;
    }
    latest = i == newest;
    read(t, where, i, success);
    record(op::cas, success, where, desired, before, newest - i, s);
    write(t, where, i + 1, desired, success, true);
    return true;
}

inline void engine::fence(order o, const site& s) noexcept {
    o = effective(o, op::fence, s);
    thread& t = threads_[running];
    if (acquires(o) && t.has_acquirable) t.now.join(t.acquirable);
    if (o == std::memory_order_seq_cst) {
        t.now.join_at(sequential_);
        sequential_.join_at(t.now);
    }
    if (releases(o)) {
        t.fenced = t.now;
        t.has_fenced = true;
    }
    record(op::fence, o, -1, 0, 0, 0, s);
    ++t.now.clock[static_cast<std::size_t>(running)];
}

// ---- 4. blocking ----

/// A spin loop's: goes on once another thread has changed something of what this one has read since the
/// last time. Then it sees the change: no store stays unseen for ever.
inline void engine::pause() noexcept {
    thread& t = threads_[running];
    record(op::pause, std::memory_order_relaxed, -1, 0, 0, 0, site{});
    if (t.recent_count == 0) return;
    if (!sees_change(t)) block(state::pausing);
    for (int i = 0; i < t.recent_count; ++i) {
        const std::uint8_t at = t.recent[static_cast<std::size_t>(i)];
        t.now.at[at] = static_cast<std::uint8_t>(all_locations_[at].count - 1);
    }
    t.recent_count = 0;
}

/// A futex: the value is the latest, and sleeping begins with the comparison, in one step. It orders
/// nothing else.
inline int engine::sleep(int where, const void* address, std::uint64_t expected,
                         std::int64_t deadline) noexcept {
    thread& t = threads_[running];
    location& l = all_locations_[static_cast<std::size_t>(where)];
    const std::uint64_t value = at(l, l.count - 1).value;
    t.now.at[static_cast<std::size_t>(where)] = static_cast<std::uint8_t>(l.count - 1);
    record(op::sleep, std::memory_order_relaxed, where, value, expected, 0, site{});
    if (value != expected) return -EAGAIN;
    t.woken = false;
    t.asleep_on = address;
    t.deadline = deadline;
    block(state::sleeping);
    t.asleep_on = nullptr;
    if (t.woken) return 0;
    if (deadline != for_ever) {
        clock_ = std::max(clock_, deadline);
        record(op::time, std::memory_order_relaxed, where, 0, 0, 0, site{});
        return -ETIMEDOUT;
    }
    ++spurious_;
    return 0;
}

inline void engine::wake(const void* address, int n) noexcept {
    for (; n > 0; --n) {
        int asleep[max_threads];
        int count = 0;
        for (int i = 0; i < thread_count_; ++i) {
            const thread& t = threads_[i];
            if (t.is == state::sleeping && t.asleep_on == address && !t.woken) asleep[count++] = i;
        }
        if (count == 0) return;
        const int who = asleep[choose(count)];
        threads_[who].woken = true;
        record(op::wake, std::memory_order_relaxed, -1, static_cast<std::uint64_t>(who), 0, 0,
               site{});
    }
}

inline std::int64_t engine::now() noexcept {
    if (inside() && jumps_ < options_.clock_jumps && choose(2) == 1) {
        ++jumps_;
        clock_ += clock_jump;
        record(op::time, std::memory_order_relaxed, -1, 0, 0, 0, site{});
    }
    return clock_;
}

// -- what is printed

inline std::string engine::place(const void* address) const {
    for (std::size_t i = range_count_; i-- > 0;) {  // the last named is the closest
        const range& r = ranges_[i];
        const auto offset = static_cast<const char*>(address) - static_cast<const char*>(r.at);
        if (offset < 0 || static_cast<std::size_t>(offset) >= r.size) continue;
        return offset == 0 ? std::string(r.name) : r.name + ("+" + std::to_string(offset));
    }
    return {};
}

inline std::string engine::trace() const {
    std::string text;
    const auto number = [&](std::uint64_t v) {
        if (const std::string p = place(reinterpret_cast<const void*>(v)); !p.empty()) return p;
        char digits[24];
        std::snprintf(digits, sizeof digits, v < 0x1000000 ? "%llu" : "0x%llx",
                      static_cast<unsigned long long>(v));
        return std::string(digits);
    };
    for (std::size_t i = events_ > 80 ? events_ - 80 : 0; i < events_; ++i) {
        const event& e = all_events_[i];
        text += "  t" + std::to_string(e.thread) + " " + to_string(e.kind);
        if (e.location >= 0) {
            const std::string p =
                place(all_locations_[static_cast<std::size_t>(e.location)].address);
            text += " " + (p.empty() ? "#" + std::to_string(e.location) : p);
        }
        if (e.kind <= op::fence) text += std::string(" ") + to_string(e.with);
        if (e.kind == op::rmw || e.kind == op::cas) text += " " + number(e.before) + " ->";
        if (e.kind == op::wake) text += " t";
        if (e.kind < op::fence || e.kind == op::sleep || e.kind == op::wake) {
            text += " " + number(e.value);
        }
        if (e.behind != 0) text += " (" + std::to_string(e.behind) + " behind)";
        if (e.where.line != 0) {
            text += std::string("  ") + e.where.base() + ":" + std::to_string(e.where.line) + " " +
                    e.where.function;
        }
        text += "\n";
    }
    return text;
}

inline void engine::collect(order o, op k, const site& s) {
    const auto add = [&](order to) {
        for (const weakening& w : *collected) {
            if (w.to == to && w.hits(s, k, o)) return;
        }
        collected->push_back({s, k, o, to});
    };
    if (o == std::memory_order_seq_cst) {
        if (k == op::load || k == op::cas_fails) {
            add(std::memory_order_acquire);
        } else if (k == op::store) {
            add(std::memory_order_release);
        } else {
            add(std::memory_order_acq_rel);
        }
    } else if (o == std::memory_order_acq_rel) {
        add(std::memory_order_acquire);
        add(std::memory_order_release);
    } else if (o != std::memory_order_relaxed) {
        add(std::memory_order_relaxed);
    }
}

// ---- what programs say ----

inline bool inside() noexcept { return running >= 0; }

inline void check(bool condition, const char* sentence) noexcept {
    if (!condition) the_engine.fail(sentence);
}
/// What lies in `object` is called so in traces. In a program's constructor.
template <class T>
void name(const T& object, const char* as) noexcept {
    the_engine.name(std::addressof(object), sizeof object, as);
}
inline void pause() noexcept {
    if (inside()) the_engine.pause();
}
/// Blocks until `condition`, which reads atomics, holds.
template <class Condition>
void await(Condition condition) noexcept {
    while (!condition()) pause();
}
inline void fence(order o, site s = site::here()) noexcept {
    if (!inside()) return;
    if (o == std::memory_order_seq_cst) the_engine.point();
    the_engine.fence(o, s);
}

// ---- 5. atomic ----

/// std::atomic's interface. Outside a thread of the model it is a plain variable.
template <class T>
class atomic {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(std::uint64_t));
    static constexpr order seq_cst = std::memory_order_seq_cst;

public:
    using value_type = T;
    static constexpr bool is_always_lock_free = true;

    constexpr atomic() noexcept = default;
    constexpr atomic(T v) noexcept : value_(v) {}
    atomic(const atomic&) = delete;
    atomic& operator=(const atomic&) = delete;
    constexpr ~atomic() {
        if (!std::is_constant_evaluated()) end();
    }

    bool is_lock_free() const noexcept { return true; }

    T load(order o = seq_cst, const char* file = __builtin_FILE(),
           const char* function = __builtin_FUNCTION(),
           int line = __builtin_LINE()) const noexcept {
        if (!inside()) return value_;
        const int at = where();
        return at < 0 ? value_ : value(the_engine.load(at, o, {file, function, line}));
    }
    void store(T v, order o = seq_cst, const char* file = __builtin_FILE(),
               const char* function = __builtin_FUNCTION(), int line = __builtin_LINE()) noexcept {
        if (inside()) {
            const int at = where();
            if (at >= 0 && !the_engine.store(at, bits(v), o, {file, function, line})) return;
        }
        value_ = v;
    }
    T exchange(T v, order o = seq_cst, const char* file = __builtin_FILE(),
               const char* function = __builtin_FUNCTION(), int line = __builtin_LINE()) noexcept {
        return change([v](T) { return v; }, o, {file, function, line});
    }
    T fetch_add(T v, order o = seq_cst, const char* file = __builtin_FILE(),
                const char* function = __builtin_FUNCTION(), int line = __builtin_LINE()) noexcept {
        return change([v](T x) { return static_cast<T>(x + v); }, o, {file, function, line});
    }
    T fetch_sub(T v, order o = seq_cst, const char* file = __builtin_FILE(),
                const char* function = __builtin_FUNCTION(), int line = __builtin_LINE()) noexcept {
        return change([v](T x) { return static_cast<T>(x - v); }, o, {file, function, line});
    }
    T fetch_and(T v, order o = seq_cst, const char* file = __builtin_FILE(),
                const char* function = __builtin_FUNCTION(), int line = __builtin_LINE()) noexcept {
        return change([v](T x) { return static_cast<T>(x & v); }, o, {file, function, line});
    }
    T fetch_or(T v, order o = seq_cst, const char* file = __builtin_FILE(),
               const char* function = __builtin_FUNCTION(), int line = __builtin_LINE()) noexcept {
        return change([v](T x) { return static_cast<T>(x | v); }, o, {file, function, line});
    }
    T fetch_xor(T v, order o = seq_cst, const char* file = __builtin_FILE(),
                const char* function = __builtin_FUNCTION(), int line = __builtin_LINE()) noexcept {
        return change([v](T x) { return static_cast<T>(x ^ v); }, o, {file, function, line});
    }

    bool compare_exchange_strong(T& expected, T desired, order success, order failure,
                                 const char* file = __builtin_FILE(),
                                 const char* function = __builtin_FUNCTION(),
                                 int line = __builtin_LINE()) noexcept {
        return compare(expected, desired, false, success, failure, {file, function, line});
    }
    bool compare_exchange_strong(T& expected, T desired, order o = seq_cst,
                                 const char* file = __builtin_FILE(),
                                 const char* function = __builtin_FUNCTION(),
                                 int line = __builtin_LINE()) noexcept {
        return compare(expected, desired, false, o, on_failure(o), {file, function, line});
    }
    bool compare_exchange_weak(T& expected, T desired, order success, order failure,
                               const char* file = __builtin_FILE(),
                               const char* function = __builtin_FUNCTION(),
                               int line = __builtin_LINE()) noexcept {
        return compare(expected, desired, true, success, failure, {file, function, line});
    }
    bool compare_exchange_weak(T& expected, T desired, order o = seq_cst,
                               const char* file = __builtin_FILE(),
                               const char* function = __builtin_FUNCTION(),
                               int line = __builtin_LINE()) noexcept {
        return compare(expected, desired, true, o, on_failure(o), {file, function, line});
    }

    operator T() const noexcept { return load(); }
    T operator=(T v) noexcept {
        store(v);
        return v;
    }
    T operator++() noexcept { return static_cast<T>(fetch_add(1) + 1); }
    T operator++(int) noexcept { return fetch_add(1); }
    T operator--() noexcept { return static_cast<T>(fetch_sub(1) - 1); }
    T operator--(int) noexcept { return fetch_sub(1); }
    T operator+=(T v) noexcept { return static_cast<T>(fetch_add(v) + v); }
    T operator-=(T v) noexcept { return static_cast<T>(fetch_sub(v) - v); }

    /// Its place in the engine's table; -1 if it is not to be followed. Another thread may come first.
    int where() const noexcept {
        the_engine.point();
        if (run_ == the_engine.execution()) return location_;
        if (run_ == engine::dead) the_engine.fail_here("an atomic was used after its end");
        if (run_ == untracked) return -1;
        location_ = the_engine.add_location(this, bits(value_));
        run_ = the_engine.execution();
        return location_;
    }
    /// It is no operation of the model: a constant in all but its type.
    void leave_out() const noexcept { run_ = untracked; }

private:
    static constexpr std::uint32_t untracked = engine::dead - 1;

    static std::uint64_t bits(T v) noexcept {
        std::uint64_t b = 0;
        std::memcpy(&b, &v, sizeof v);
        return b;
    }
    static T value(std::uint64_t b) noexcept {
        T v;
        std::memcpy(&v, &b, sizeof v);
        return v;
    }
    static constexpr order on_failure(order o) noexcept {
        if (o == std::memory_order_acq_rel) return std::memory_order_acquire;
        return o == std::memory_order_release ? std::memory_order_relaxed : o;
    }
    template <class F>
    T change(F f, order o, const site& s) noexcept {
        const int at = inside() ? where() : -1;
        if (at < 0) return std::exchange(value_, f(value_));
        T before{};
        T after{};
        const bool latest = the_engine.rmw(
            at,
            [&](std::uint64_t b) {
                before = value(b);
                after = f(before);
                return bits(after);
            },
            o, s);
        if (latest) value_ = after;
        return before;
    }
    bool compare(T& expected, T desired, bool weak, order success, order failure,
                 const site& s) noexcept {
        const int at = inside() ? where() : -1;
        if (at < 0) {
            if (bits(value_) == bits(expected)) {
                value_ = desired;
                return true;
            }
            expected = value_;
            return false;
        }
        std::uint64_t e = bits(expected);
        bool latest = false;
        if (!the_engine.compare_exchange(at, e, bits(desired), weak, success, failure, latest, s)) {
            expected = value(e);
            return false;
        }
        if (latest) value_ = desired;
        return true;
    }
    void end() noexcept {
        if (!inside()) return;
        run_ = engine::dead;
        asm volatile("" : : "r"(this) : "memory");  // or the store is dropped: nobody may read it
    }

    T value_{};                      // the latest
    mutable std::uint32_t run_ = 0;  // the execution in which location_ means something
    mutable int location_ = 0;
};

// ---- 6. var ----

/// A plain variable that two threads may use only in an order.
template <class T>
class var {
public:
    constexpr var() noexcept = default;
    constexpr var(T v) noexcept : value_(v) {}
    var(const var&) = delete;
    var& operator=(const var&) = delete;

    T get() const noexcept {
        if (inside()) {
            touch();
            read_[me()] = now().clock[me()];
            if (written_ > now().clock[writer_]) the_engine.fail_here("data race: read and write");
        }
        return value_;
    }
    void set(T v) noexcept {
        if (inside()) {
            touch();
            if (written_ > now().clock[writer_]) the_engine.fail_here("data race: two writes");
            for (std::size_t i = 0; i < read_.size(); ++i) {
                if (read_[i] > now().clock[i]) the_engine.fail_here("data race: write and read");
            }
            writer_ = me();
            written_ = now().clock[me()];
        }
        value_ = std::move(v);
    }
    operator T() const noexcept { return get(); }
    T operator=(T v) noexcept {
        set(v);
        return v;
    }

private:
    static std::size_t me() noexcept { return static_cast<std::size_t>(the_engine.current()); }
    static const view& now() noexcept { return the_engine.here(); }
    void touch() const noexcept {
        if (run_ == the_engine.execution()) return;
        run_ = the_engine.execution();
        read_ = {};
        written_ = 0;
    }

    T value_{};
    mutable std::uint32_t run_ = 0;
    mutable std::array<std::uint16_t, max_threads> read_{};
    mutable std::uint16_t written_ = 0;
    mutable std::size_t writer_ = 0;
};

// ---- 7. explore ----

namespace detail {

/// A failed assertion of the library itself ends the process: at least with the way there.
extern "C" inline void print_trace_on_abort(int) {
    const std::string text = the_engine.trace();
    static_cast<void>(!::write(2, text.data(), text.size()));
}

/// What lives longer than an execution and must begin it as new.
inline std::vector<void (*)()>& at_start() {
    static std::vector<void (*)()> functions;
    return functions;
}

}  // namespace detail

template <class Program, class... Arguments>
result explore(const options& o, Arguments&&... arguments) {
    alignas(Program) static std::byte storage[sizeof(Program)];
    std::signal(SIGABRT, detail::print_trace_on_abort);
    engine& e = the_engine;
    result r;
    e.start(o);
    for (;;) {
        e.begin(
            Program::threads, [](void* p, int i) { static_cast<Program*>(p)->run(i); }, storage);
        for (const auto f : detail::at_start()) f();
        auto* p = ::new (static_cast<void*>(storage)) Program(arguments...);
        ++r.executions;
        bool ok = e.run();
        if (ok) {
            if constexpr (requires { p->end(); }) p->end();
            ok = !e.failed();
        }
        if (!ok) {
            r.failed = true;
            r.failure = e.failure();
            r.trace = r.failure + ", execution " + std::to_string(r.executions) + ":\n" + e.trace();
            if (o.print) std::fputs(r.trace.c_str(), stderr);
            break;  // its threads are left where they are, and so is the program
        }
        p->~Program();
        if (!e.backtrack()) {
            r.exhausted = true;
            break;
        }
        if (r.executions >= o.most_executions) break;
    }
    std::signal(SIGABRT, SIG_DFL);
    return r;
}

// ---- 8. weakenings ----

/// Weakens each memory order that programs use in the files `in`, one at a time: which of them does some
/// execution need?
class weakenings {
public:
    explicit weakenings(std::vector<const char*> in) : in_(std::move(in)) {}

    /// Those that an earlier program has shown to be needed are not tried again.
    template <class Program, class... Arguments>
    void try_all(const options& o, Arguments&&... arguments) {
        engine& e = the_engine;
        std::vector<weakening> all;
        e.collected = &all;
        const result baseline = explore<Program>(o, arguments...);
        e.collected = nullptr;
        if (baseline.failed) all.clear();  // says nothing: the program's own test fails
        for (const weakening& w : all) {
            const auto is_here = [&](const char* name) {
                return std::strcmp(w.where.base(), name) == 0;
            };
            if (std::none_of(in_.begin(), in_.end(), is_here)) continue;
            auto at = std::find_if(found_.begin(), found_.end(), [&](const finding& f) {
                return f.what.to == w.to && f.what.hits(w.where, w.kind, w.from);
            });
            if (at == found_.end()) at = found_.insert(at, {w, {}});
            if (!at->failure.empty()) continue;
            e.mutation = &w;
            at->failure = explore<Program>(o, arguments...).failure;
            e.mutation = nullptr;
        }
    }
    std::size_t tried() const noexcept { return found_.size(); }
    /// "run_queue.hpp push: store release -> relaxed", sorted.
    std::vector<std::string> not_needed() const {
        std::vector<std::string> left;
        for (const finding& f : found_) {
            if (f.failure.empty()) left.push_back(f.what.text());
        }
        std::sort(left.begin(), left.end());
        return left;
    }
    /// All of them, with the line and what was found, a line each.
    std::string text() const {
        std::string all;
        for (const finding& f : found_) {
            all += f.what.text() + ", line " + std::to_string(f.what.where.line) + ": " +
                   (f.failure.empty() ? "not needed" : f.failure) + "\n";
        }
        return all;
    }

private:
    struct finding {
        weakening what;
        std::string failure;  // without it
    };
    std::vector<const char*> in_;
    std::vector<finding> found_;
};

}  // namespace model
