// tests/model/checker.cpp — the engine of the model checker: threads, decisions, histories, views.
// SPDX-License-Identifier: BSL-1.0
//
//   Map     1. views   2. the engine   3. operations   4. blocking   5. plain memory   6. what is printed
//           7. its functions
//
//   The memory model is C++20's without load buffering: a load reads no store of the future. Each location
//   keeps its stores in modification order. A *view* says for each location which is the oldest store that
//   may still be read; happens-before carries views along, as release stores, release sequences (the
//   C++20 rule: only read-modify-writes continue one) and fences have it. A store may come anywhere in
//   the modification order behind what its thread has seen, a read-modify-write directly behind what it
//   reads. The order of all sequentially consistent operations and fences is that of the execution.
//   Rejected: vector clocks alone, since coherence would need a history of reads at every location.
#include "model/checker.hpp"

#include <concepts>
#include <csignal>
#include <cstdlib>

#include <cxxabi.h>
#include <unistd.h>

#include <boost/context/detail/fcontext.hpp>

namespace model::engine {

namespace {

inline constexpr std::size_t max_locations = 64;
inline constexpr int max_stores = 250;  // of one location in one execution

/// An array that is indexed by any integer.
template <class T, std::size_t N>
struct table {
    T items[N];

    constexpr T& operator[](std::integral auto i) noexcept { return items[i]; }
    constexpr const T& operator[](std::integral auto i) const noexcept { return items[i]; }
    static constexpr std::size_t size() noexcept { return N; }
    T* begin() noexcept { return items; }
    T* end() noexcept { return items + N; }
};

// ---- 1. views ----

struct view {
    table<std::uint16_t, max_threads> clock{};            // what happens before: a vector clock
    alignas(16) table<std::uint8_t, max_locations> at{};  // oldest readable store, a location each

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
// ---- 2. the engine ----

/// All memory that plain accesses are checked in: the stacks, and what was allocated.
inline constexpr std::size_t stack_size = 64 * 1024;
inline constexpr std::size_t arena_size = 512 * 1024;
struct tracked {
    alignas(64) std::byte stacks[max_threads][stack_size];
    alignas(64) std::byte arena[arena_size];
};
tracked world;

constinit bool allocating = false;  // the program is being made
constinit bool collecting = false;  // allocates for itself

// By themselves, too: they are registered before main().
constinit table<void (*)(), 8> functions_at_start{};
constinit std::size_t start_count = 0;

class machine {
public:
    using body_function = void (*)(void* program, int thread);

    // -- between executions

    void start(const options& o) noexcept {
        options_ = o;
        depth_ = length_ = 0;
        main_exceptions_ = exceptions();
        failure_ = nullptr;
    }

    void begin(int threads, body_function f, void*& program, std::size_t size) noexcept {
        if (++execution >= left_out) execution = 1;
        allocating = true;
        arena_used_ = 0;
        program = program_ = allocate(size, 64);
        for (std::size_t k = 0; k < start_count; ++k) functions_at_start[k]();
        thread_count_ = threads;
        body_ = f;
        depth_ = events_ = 0;
        locations_ = stores_ = 0;
        preemptions_ = stale_reads_ = spurious_ = jumps_ = timeouts_ = 0;
        clock_ = first_moment;
        sequential_ = view{};
        range_count_ = 0;
        for (int k = 0; k < threads; ++k) {
            void* context = threads_[k].context;
            threads_[k] = thread{};
            threads_[k].context = context;
            threads_[k].now.clock[k] = 1;
        }
    }
    void* allocate(std::size_t size, std::size_t alignment) noexcept {
        arena_used_ = (arena_used_ + alignment - 1) / alignment * alignment;
        if (size > arena_size - arena_used_) std::abort();
        void* at = world.arena + arena_used_;
        arena_used_ += size;
        return at;
    }
    /// Runs all threads to their end; false if something failed.
    bool run() noexcept {
        failure_ = nullptr;
        if (fresh_) {
            for (int i = 0; i < max_threads; ++i) {
                threads_[i].context = boost::context::detail::make_fcontext(
                    world.stacks[i] + stack_size, stack_size, entry);
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
    const char* failure() const noexcept { return failure_; }
    std::string trace() const;

    // -- what programs may ask

    void name(const void* at, std::size_t size, const char* as) noexcept {
        if (range_count_ < ranges_.size()) ranges_[range_count_++] = {at, size, as};
    }
    [[noreturn]] void fail_here(const char* sentence) noexcept {
        failure_ = sentence;
        running = -1;
        boost::context::detail::jump_fcontext(main_context_, nullptr);
        std::abort();
    }
    void fail(const char* sentence) noexcept {
        if (running >= 0) fail_here(sentence);
        failure_ = sentence;
    }

    // ---- 3. operations: see below ----

    int add_location(const void* address, std::uint64_t value) noexcept;
    std::uint64_t load(int where, order o, const site& s) noexcept;
    /// True if it is the latest in modification order.
    bool store(int where, std::uint64_t value, order o, const site& s) noexcept;
    std::uint64_t rmw(int where, change c, std::uint64_t operand, std::uint64_t mask, order o,
                      const site& s) noexcept;
    std::uint64_t latest(int where) noexcept {
        location& l = all_locations_[where];
        return at(l, l.count - 1).value;
    }
    /// Whether it succeeded; if not, `expected` becomes what was read.
    bool compare_exchange(int where, std::uint64_t& expected, std::uint64_t desired, bool weak,
                          order success, order failure, const site& s) noexcept;
    void fence(order o, const site& s) noexcept;
    const view& here() const noexcept { return threads_[running].now; }
    void plain(const void* address, std::size_t size, bool writes) noexcept;

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

    std::vector<weakening>* collected_ = nullptr;
    const weakening* mutation_ = nullptr;

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
        table<std::uint8_t, max_locations> repeats{};  // stale reads of the store in now.at
        table<std::uint8_t, 4> recent{};               // locations read since the last pause
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
        table<std::uint16_t, max_stores + 2> order;  // of its stores
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
        if (depth_ == path_.size()) fail_here("too many decisions");
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
                return t.woken || spurious_ < options_.spurious ||
                       (t.deadline != for_ever && timeouts_ < options_.timeouts);
            case state::done:
                break;
        }
        return false;
    }
    bool sees_change(const thread& t) const noexcept {
        for (int i = 0; i < t.recent_count; ++i) {
            const std::uint8_t at = t.recent[i];
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
        // Time passes if nothing else can happen.
        for (int i = 0; i < thread_count_ && n == 0; ++i) {
            if (threads_[i].is == state::sleeping && threads_[i].deadline != for_ever)
                able[n++] = i;
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
    store_record& at(location& l, int i) noexcept { return all_stores_[l.order[i]]; }
    int floor_of(const thread& t, int where, order o) const noexcept {
        const int floor = t.now.at[where];
        return o == std::memory_order_seq_cst ? std::max<int>(floor, sequential_.at[where]) : floor;
    }
    static bool is_free(location& l, int i, const machine& e) noexcept {
        return i + 1 == l.count || !e.all_stores_[l.order[i + 1]].rmw;
    }
    void read(thread& t, int where, int i, order o) noexcept {
        store_record& s = at(all_locations_[where], i);
        t.now.at[where] = static_cast<std::uint8_t>(i);
        if (s.releases) {
            if (acquires(o)) {
                t.now.join(s.released);
            } else {
                t.acquirable.join(s.released);
                t.has_acquirable = true;
            }
        }
        if (o == std::memory_order_seq_cst) see_sequentially(where, i);
        if (t.recent_count == 0 || t.recent[t.recent_count - 1] != where) {
            if (t.recent_count < static_cast<int>(t.recent.size())) {
                t.recent[t.recent_count++] = static_cast<std::uint8_t>(where);
            } else {
                std::rotate(t.recent.begin(), t.recent.begin() + 1, t.recent.end());
                t.recent[t.recent.size() - 1] = static_cast<std::uint8_t>(where);
            }
        }
    }
    void see_sequentially(int w, int i) noexcept {
        sequential_.at[w] = std::max(sequential_.at[w], static_cast<std::uint8_t>(i));
    }
    // As the store number i, behind what it reads if it is a read-modify-write.
    void write(thread& t, int where, int i, std::uint64_t value, order o, bool is_rmw) noexcept;
    void make_room(int w, int i) noexcept;

    order effective(order o, op k, const site& s) {
        if (collected_ != nullptr) {
            collecting = true;
            collect(o, k, s);
            collecting = false;
        }
        return mutation_ != nullptr && mutation_->hits(s, k, o) ? mutation_->to : o;
    }
    void collect(order o, op k, const site& s);
    void record(op k, order o, int where, std::uint64_t value, std::uint64_t before, int behind,
                const site& s) noexcept {
        if (events_ == all_events_.size()) return;
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

    options options_;
    int thread_count_ = 0;
    bool fresh_ = true;
    body_function body_ = nullptr;
    void* program_ = nullptr;
    void* main_context_ = nullptr;
    exception_state* main_exceptions_ = nullptr;
    const char* failure_ = nullptr;
    int preemptions_ = 0;
    int stale_reads_ = 0;
    int spurious_ = 0;
    int jumps_ = 0;
    int timeouts_ = 0;
    std::int64_t clock_ = 0;
    view
        sequential_;  // what all sequentially consistent operations have seen; its clock is not used
    table<thread, max_threads> threads_{};
    std::size_t depth_ = 0;   // decisions made in this execution
    std::size_t length_ = 0;  // of which so many are given
    std::size_t events_ = 0;
    int locations_ = 0;
    int stores_ = 0;
    std::size_t range_count_ = 0;
    table<location, max_locations> all_locations_;
    table<store_record, 4096> all_stores_;
    table<decision, 8192> path_;
    table<event, 4096> all_events_;
    table<range, 32> ranges_;
    std::size_t arena_used_ = 0;
};

machine the_machine;

void machine::entry(boost::context::detail::transfer_t t) noexcept {
    machine& e = the_machine;
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

int machine::add_location(const void* address, std::uint64_t value) noexcept {
    if (locations_ == static_cast<int>(max_locations)) fail_here("too many locations");
    location& l = all_locations_[locations_];
    l.address = address;
    l.count = 0;
    if (stores_ == static_cast<int>(all_stores_.size())) fail_here("too many stores");
    store_record& s = all_stores_[stores_];
    s.value = value;
    s.releases = s.rmw = false;
    l.order[l.count++] = static_cast<std::uint16_t>(stores_++);
    return locations_++;
}

std::uint64_t machine::load(int where, order o, const site& s) noexcept {
    o = effective(o, op::load, s);
    thread& t = threads_[running];
    location& l = all_locations_[where];
    const int newest = l.count - 1;
    int oldest = floor_of(t, where, o);
    if (oldest < newest && t.repeats[where] >= options_.same_stale_reads) ++oldest;
    const int behind = choose(stale_reads_ == options_.stale_reads ? 1 : newest - oldest + 1);
    if (behind != 0) {
        ++stale_reads_;
        t.repeats[where] = newest - behind == t.now.at[where] ? t.repeats[where] + 1 : 1;
    } else {
        t.repeats[where] = 0;
    }
    read(t, where, newest - behind, o);
    const std::uint64_t value = at(l, newest - behind).value;
    record(op::load, o, where, value, 0, behind, s);
    ++t.now.clock[running];
    return value;
}

void machine::make_room(int w, int i) noexcept {
    location& l = all_locations_[w];
    for (int j = l.count; j > i; --j) {
        l.order[j] = l.order[j - 1];
    }
    const auto shift = [&](view& v) {
        if (v.at[w] >= i) ++v.at[w];
    };
    for (int j = 0; j < thread_count_; ++j) {
        shift(threads_[j].now);
        shift(threads_[j].acquirable);
        shift(threads_[j].fenced);
    }
    for (int j = 0; j < stores_; ++j) shift(all_stores_[j].released);
    shift(sequential_);
}

void machine::write(thread& t, int where, int i, std::uint64_t value, order o,
                    bool is_rmw) noexcept {
    location& l = all_locations_[where];
    if (l.count == max_stores || stores_ == static_cast<int>(all_stores_.size())) {
        fail_here("too many stores");
    }
    if (i != l.count) make_room(where, i);
    t.now.at[where] = static_cast<std::uint8_t>(i);
    store_record& s = all_stores_[stores_];
    s.value = value;
    s.rmw = is_rmw;
    s.releases = true;
    if (releases(o)) {
        s.released = t.now;
    } else if (t.has_fenced) {
        s.released = t.fenced;
        s.released.at[where] = static_cast<std::uint8_t>(i);
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
    l.order[i] = static_cast<std::uint16_t>(stores_++);
    ++l.count;
    if (o == std::memory_order_seq_cst) see_sequentially(where, i);
    ++t.now.clock[running];
}

bool machine::store(int where, std::uint64_t value, order o, const site& s) noexcept {
    o = effective(o, op::store, s);
    thread& t = threads_[running];
    location& l = all_locations_[where];
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

std::uint64_t machine::rmw(int where, change c, std::uint64_t operand, std::uint64_t mask, order o,
                           const site& s) noexcept {
    o = effective(o, op::rmw, s);
    thread& t = threads_[running];
    location& l = all_locations_[where];
    int read_from[max_stores];
    int n = 0;
    for (int i = l.count - 1; i >= floor_of(t, where, o); --i) {
        if (is_free(l, i, *this)) read_from[n++] = i;
    }
    const int i = read_from[choose(n)];
    const std::uint64_t before = at(l, i).value;
    read(t, where, i, o);
    const std::uint64_t after = changed(c, before, operand) & mask;
    record(op::rmw, o, where, after, before, l.count - 1 - i, s);
    write(t, where, i + 1, after, o, true);
    return before;
}

bool machine::compare_exchange(int where, std::uint64_t& expected, std::uint64_t desired, bool weak,
                               order success, order failure, const site& s) noexcept {
    success = effective(success, op::cas, s);
    failure = effective(failure, op::cas_fails, s);
    thread& t = threads_[running];
    location& l = all_locations_[where];
    int read_from[max_stores];
    int n = 0;
    const int newest = l.count - 1;
    for (int i = newest; i >= t.now.at[where]; --i) {
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
        ++t.now.clock[running];
        return false;
    }
    read(t, where, i, success);
    record(op::cas, success, where, desired, before, newest - i, s);
    write(t, where, i + 1, desired, success, true);
    return true;
}

void machine::fence(order o, const site& s) noexcept {
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
    ++t.now.clock[running];
}

// ---- 4. blocking ----

/// A spin loop's: goes on once another thread has changed something of what this one has read since the
/// last time. Then it sees the change: no store stays unseen for ever.
void machine::pause() noexcept {
    thread& t = threads_[running];
    record(op::pause, std::memory_order_relaxed, -1, 0, 0, 0, site{});
    if (t.recent_count == 0) return;
    if (!sees_change(t)) block(state::pausing);
    for (int i = 0; i < t.recent_count; ++i) {
        const std::uint8_t at = t.recent[i];
        t.now.at[at] = static_cast<std::uint8_t>(all_locations_[at].count - 1);
    }
    t.recent_count = 0;
}

/// A futex: the value is the latest, and sleeping begins with the comparison, in one step. It orders
/// nothing else.
int machine::sleep(int where, const void* address, std::uint64_t expected,
                   std::int64_t deadline) noexcept {
    thread& t = threads_[running];
    location& l = all_locations_[where];
    const std::uint64_t value = at(l, l.count - 1).value;
    t.now.at[where] = static_cast<std::uint8_t>(l.count - 1);
    record(op::sleep, std::memory_order_relaxed, where, value, expected, 0, site{});
    if (value != expected) return -EAGAIN;
    t.woken = false;
    t.asleep_on = address;
    t.deadline = deadline;
    block(state::sleeping);
    t.asleep_on = nullptr;
    if (t.woken) return 0;
    if (deadline != for_ever) {
        ++timeouts_;
        clock_ = std::max(clock_, deadline);
        record(op::time, std::memory_order_relaxed, where, 0, 0, 0, site{});
        return -ETIMEDOUT;
    }
    ++spurious_;
    return 0;
}

void machine::wake(const void* address, int n) noexcept {
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

std::int64_t machine::now() noexcept {
    if (running >= 0 && jumps_ < options_.clock_jumps && choose(2) == 1) {
        ++jumps_;
        clock_ += clock_jump;
        record(op::time, std::memory_order_relaxed, -1, 0, 0, 0, site{});
    }
    return clock_;
}

// ---- 5. plain memory ----

/// Eight bytes of the world: who has touched which of them when.
struct shadow {
    struct touch {
        std::uint16_t moment;
        std::uint8_t bytes;
    };
    std::uint32_t execution;
    touch reads[max_threads];
    touch writes[max_threads];
};
shadow shadows[sizeof(tracked) / 8 + 1];

void machine::plain(const void* address, std::size_t size, bool writes) noexcept {
    const auto offset = static_cast<std::size_t>(static_cast<const std::byte*>(address) -
                                                 reinterpret_cast<const std::byte*>(&world));
    if (offset >= sizeof world) return;
    const view& now = threads_[running].now;
    const int me = running;
    for (std::size_t at = offset; at < offset + size; at = (at / 8 + 1) * 8) {
        const std::size_t end = std::min(offset + size, (at / 8 + 1) * 8);
        const auto bytes = static_cast<std::uint8_t>(((1U << (end - at)) - 1) << (at % 8));
        shadow& s = shadows[at / 8];
        if (s.execution != execution) {
            s = shadow{};
            s.execution = execution;
        }
        for (int i = 0; i < max_threads; ++i) {
            const auto unordered = [&](const shadow::touch& t) {
                return i != me && (t.bytes & bytes) != 0 && t.moment > now.clock[i];
            };
            const bool with_write = unordered(s.writes[i]);
            if (!with_write && !(writes && unordered(s.reads[i]))) continue;
            record(with_write ? op::races_with_write : op::races_with_read,
                   std::memory_order_relaxed, -1, reinterpret_cast<std::uintptr_t>(address),
                   static_cast<std::uint64_t>(i), 0, site{});
            fail_here(writes ? "data race: a plain write" : "data race: a plain read");
        }
        shadow::touch& mine = writes ? s.writes[me] : s.reads[me];
        const std::uint16_t moment = now.clock[me];
        mine.bytes = mine.moment == moment ? static_cast<std::uint8_t>(mine.bytes | bytes) : bytes;
        mine.moment = moment;
    }
}

// ---- 6. what is printed ----

std::string machine::place(const void* address) const {
    for (std::size_t i = range_count_; i-- > 0;) {  // the last named is the closest
        const range& r = ranges_[i];
        const auto offset = static_cast<const char*>(address) - static_cast<const char*>(r.at);
        if (offset < 0 || static_cast<std::size_t>(offset) >= r.size) continue;
        return offset == 0 ? std::string(r.name) : r.name + ("+" + std::to_string(offset));
    }
    return {};
}

std::string machine::trace() const {
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
            const std::string p = place(all_locations_[e.location].address);
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

void machine::collect(order o, op k, const site& s) {
    const auto add = [&](order to) {
        for (const weakening& w : *collected_) {
            if (w.to == to && w.hits(s, k, o)) return;
        }
        collected_->push_back({s, k, o, to});
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

/// The library's own assertions end in abort(), which is left by a jump.
void fail_on_abort(int) {
    if (running >= 0) the_machine.fail_here("the library's own assertion failed");
}

}  // namespace

// ---- 7. its functions ----

void start(const options& o) {
    struct sigaction action{};
    action.sa_handler = fail_on_abort;
    action.sa_flags = SA_NODEFER;
    ::sigaction(SIGABRT, &action, nullptr);
    the_machine.start(o);
}
void begin(int threads, void (*body)(void*, int), void*& program, std::size_t size) {
    the_machine.begin(threads, body, program, size);
}
void built() { allocating = false; }
bool run() { return the_machine.run(); }
bool backtrack() { return the_machine.backtrack(); }
const char* failure() { return the_machine.failure(); }
std::string trace() { return the_machine.trace(); }
void fail(const char* sentence) { the_machine.fail(sentence); }
void fail_here(const char* sentence) { the_machine.fail_here(sentence); }
void name(const void* at, std::size_t size, const char* as) { the_machine.name(at, size, as); }
void* allocate(std::size_t size, std::size_t alignment) {
    return the_machine.allocate(size, alignment);
}
void at_start(void (*f)()) { functions_at_start[start_count++] = f; }
void point() { the_machine.point(); }
int add_location(const void* address, std::uint64_t value) {
    return the_machine.add_location(address, value);
}
std::uint64_t load(int where, order o, const site& s) { return the_machine.load(where, o, s); }
bool store(int where, std::uint64_t value, order o, const site& s) {
    return the_machine.store(where, value, o, s);
}
std::uint64_t rmw(int where, change c, std::uint64_t operand, std::uint64_t mask, order o,
                  const site& s) {
    return the_machine.rmw(where, c, operand, mask, o, s);
}
bool compare_exchange(int where, std::uint64_t& expected, std::uint64_t desired, bool weak,
                      order success, order failure, const site& s) {
    return the_machine.compare_exchange(where, expected, desired, weak, success, failure, s);
}
std::uint64_t latest(int where) { return the_machine.latest(where); }
void fence(order o, const site& s) { the_machine.fence(o, s); }
void pause() { the_machine.pause(); }
int sleep(int where, const void* address, std::uint64_t expected, std::int64_t deadline) {
    return the_machine.sleep(where, address, expected, deadline);
}
void wake(const void* address, int n) { the_machine.wake(address, n); }
std::int64_t now() { return the_machine.now(); }
std::uint16_t moment() { return the_machine.here().clock[running]; }
std::uint16_t seen_of(std::size_t thread) { return the_machine.here().clock[thread]; }
void collect(std::vector<weakening>* into) { the_machine.collected_ = into; }
void weaken(const weakening* w) { the_machine.mutation_ = w; }

namespace {
bool is_of_the_model(const void* p) noexcept {
    const auto* b = static_cast<const std::byte*>(p);
    return b >= world.arena && b < world.arena + arena_size;
}
void* allocate_anywhere(std::size_t size, std::size_t alignment) {
    if ((running >= 0 || allocating) && !collecting) return the_machine.allocate(size, alignment);
    void* p = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
    if (p == nullptr) throw std::bad_alloc();
    return p;
}
void release_anywhere(void* p) noexcept {
    if (!is_of_the_model(p)) std::free(p);
}
void check_plain(const void* address, std::size_t size, bool writes) noexcept {
    if (running >= 0) the_machine.plain(address, size, writes);
}
}  // namespace

}  // namespace model::engine

// A program's memory is the model's: at the same addresses in each execution, and never used twice.
void* operator new(std::size_t n) {
    return model::engine::allocate_anywhere(n, __STDCPP_DEFAULT_NEW_ALIGNMENT__);
}
void* operator new(std::size_t n, std::align_val_t a) {
    return model::engine::allocate_anywhere(n, static_cast<std::size_t>(a));
}
void operator delete(void* p) noexcept { model::engine::release_anywhere(p); }
void operator delete(void* p, std::size_t) noexcept { model::engine::release_anywhere(p); }
void operator delete(void* p, std::align_val_t) noexcept { model::engine::release_anywhere(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept {
    model::engine::release_anywhere(p);
}

// What the compiler calls for -fsanitize=thread, whose own library is not linked.
#define MODEL_TSAN(size)                                                 \
    void __tsan_read##size(void* p) { check(p, size, false); }           \
    void __tsan_write##size(void* p) { check(p, size, true); }           \
    void __tsan_unaligned_read##size(void* p) { check(p, size, false); } \
    void __tsan_unaligned_write##size(void* p) { check(p, size, true); }
extern "C" {
static void check(const void* p, std::size_t n, bool w) { model::engine::check_plain(p, n, w); }
MODEL_TSAN(1)
MODEL_TSAN(2)
MODEL_TSAN(4)
MODEL_TSAN(8)
MODEL_TSAN(16)
void __tsan_read_range(void* p, std::size_t n) { check(p, n, false); }
void __tsan_write_range(void* p, std::size_t n) { check(p, n, true); }
void __tsan_vptr_update(void** p, void*) { check(p, sizeof *p, true); }
void __tsan_vptr_read(void** p) { check(p, sizeof *p, false); }
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
// Atomics of the C++ library itself, of Catch2 and guards of static variables: not followed.
unsigned char __tsan_atomic8_load(const volatile unsigned char* p, int) {
    return __atomic_load_n(p, __ATOMIC_SEQ_CST);
}
unsigned __tsan_atomic32_load(const volatile unsigned* p, int) {
    return __atomic_load_n(p, __ATOMIC_SEQ_CST);
}
unsigned __tsan_atomic32_fetch_add(volatile unsigned* p, unsigned v, int) {
    return __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST);
}
unsigned __tsan_atomic32_fetch_sub(volatile unsigned* p, unsigned v, int) {
    return __atomic_fetch_sub(p, v, __ATOMIC_SEQ_CST);
}
bool __tsan_atomic32_compare_exchange_weak(volatile unsigned* p, unsigned* expected, unsigned v,
                                           int, int) {
    return __atomic_compare_exchange_n(p, expected, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}
bool __tsan_atomic32_compare_exchange_strong(volatile unsigned* p, unsigned* expected, unsigned v,
                                             int, int) {
    return __atomic_compare_exchange_n(p, expected, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}
}
