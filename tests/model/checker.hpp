// tests/model/checker.hpp — a small model checker: all interleavings and all weak reads, within a bound.
// SPDX-License-Identifier: BSL-1.0
//
//   Use     struct program { static constexpr int threads = 2; void run(int me); void end(); … };
//           model::result r = model::explore<program>({.preemptions = 3}, constructor arguments…);
//           A program is made anew for each execution. run(i) is thread i; end(), if there is one, looks
//           at what is left. model::check(condition, "sentence") is its assertion.
//   Map     1. options and results   2. what programs say   3. atomic   4. var   5. explore
//           6. weakenings;  the engine and its memory model → checker.cpp
//
//   Threads are contexts on one thread of the system. Before every atomic operation another may go on;
//   this is a preemption, of which an execution has at most so many. Every decision (who goes on, which
//   store a load reads, where in the modification order a store comes) is recorded; the next execution
//   repeats all but the last one that can be made otherwise. So the space is walked to its end.
//
//   What a program allocates, and the program itself, is in memory of the model, which is not used twice
//   in an execution. If it is compiled with MODEL_PLAIN and g++'s thread sanitizer (whose functions are
//   the engine's then), all its plain accesses there are checked for data races.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace model {

// ---- 1. options and results ----

inline constexpr int max_threads = 4;

using order = std::memory_order;

struct options {
    int preemptions = 3;
    std::uint64_t most_executions = 3'000'000;
    int stale_reads = std::numeric_limits<int>::max();  // that an execution may have
    int same_stale_reads =
        3;                // of one store by one thread: then it sees a newer one, as all do in time
    int spurious = 0;     // so many weak compare-exchanges fail, or futex waits end, for no reason
    int timeouts = 2;     // so many deadlines strike though somebody else could go on
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

constexpr const char* to_string(order o) noexcept {
    constexpr const char* words[] = {"relaxed", "consume", "acquire",
                                     "release", "acq_rel", "seq_cst"};
    return words[static_cast<int>(o)];
}

enum class op : std::uint8_t {
    load,
    store,
    rmw,
    cas,
    cas_fails,
    fence,
    sleep,
    wake,
    pause,
    time,
    races_with_read,
    races_with_write
};
constexpr const char* to_string(op k) noexcept {
    constexpr const char* words[] = {"load",
                                     "store",
                                     "rmw",
                                     "cas",
                                     "cas fails",
                                     "fence",
                                     "sleep",
                                     "wake",
                                     "pause",
                                     "time",
                                     "races with a read by",
                                     "races with a write by"};
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

/// The engine, as what follows uses it: see checker.cpp.
namespace engine {

inline constexpr std::uint32_t dead = 0xffffffff;      // an atomic whose life has ended
inline constexpr std::uint32_t left_out = 0xfffffffe;  // an atomic that is not followed
inline constexpr std::int64_t for_ever = std::numeric_limits<std::int64_t>::max();

// By themselves, so that they are initialised before anything that asks.
inline constinit int running = -1;             // the thread of the model; none outside
inline constinit std::uint32_t execution = 1;  // its number

enum class change : std::uint8_t { exchange, add, subtract, bit_and, bit_or, bit_xor };

void start(const options& o);
void begin(int threads, void (*body)(void*, int), void*& program, std::size_t size);
bool run();
void built();  // the program: from here on it is no part of an execution to allocate
bool backtrack();
const char* failure();  // or null
std::string trace();
void fail(const char* sentence);
[[noreturn]] void fail_here(const char* sentence);
void name(const void* at, std::size_t size, const char* as);
void* allocate(std::size_t size, std::size_t alignment);  // until the end of the execution
void at_start(void (*f)());                               // of each execution

void point();  // another thread may come first
int add_location(const void* address, std::uint64_t value);
std::uint64_t load(int where, order o, const site& s);
bool store(int where, std::uint64_t value, order o, const site& s);  // true: the latest
std::uint64_t rmw(int where, change c, std::uint64_t operand, std::uint64_t mask, order o,
                  const site& s);
bool compare_exchange(int where, std::uint64_t& expected, std::uint64_t desired, bool weak,
                      order success, order failure, const site& s);
std::uint64_t latest(int where);
void fence(order o, const site& s);
void pause();
int sleep(int where, const void* address, std::uint64_t expected, std::int64_t deadline);
void wake(const void* address, int n);
std::int64_t now();
std::uint16_t moment();                     // of this thread: its part of the vector clock
std::uint16_t seen_of(std::size_t thread);  // the last moment of another that happens before

constexpr std::uint64_t changed(change c, std::uint64_t before, std::uint64_t operand) noexcept {
    switch (c) {
        case change::exchange:
            break;
        case change::add:
            return before + operand;
        case change::subtract:
            return before - operand;
        case change::bit_and:
            return before & operand;
        case change::bit_or:
            return before | operand;
        case change::bit_xor:
            return before ^ operand;
    }
    return operand;
}

void collect(std::vector<weakening>* into);
void weaken(const weakening* w);

}  // namespace engine

// ---- 2. what programs say ----

// So that plain accesses of atomics and of the model itself are not taken for the program's.
#if defined(MODEL_PLAIN)
#define MODEL_OWN __attribute__((no_sanitize_thread))
#else
#define MODEL_OWN
#endif

/// Whether all plain accesses are checked, not those of model::var alone.
#if defined(MODEL_PLAIN)
inline constexpr bool checks_plain_accesses = true;
#else
inline constexpr bool checks_plain_accesses = false;
#endif

MODEL_OWN inline bool inside() noexcept { return engine::running >= 0; }

inline void check(bool condition, const char* sentence) noexcept {
    if (!condition) engine::fail(sentence);
}
/// What lies in `object` is called so in traces. In a program's constructor.
template <class T>
void name(const T& object, const char* as) noexcept {
    engine::name(std::addressof(object), sizeof object, as);
}
/// In headers that mutants.cmake has changed: whether this change is the one that is asked for.
inline bool mutated(const char* name) noexcept {
    static const char* const asked_for = std::getenv("MODEL_MUTANT");
    return asked_for != nullptr && std::strcmp(asked_for, name) == 0;
}
/// In a spin loop: goes on once another thread has changed something of what this one has read.
inline void pause() noexcept {
    if (inside()) engine::pause();
}
/// Blocks until `condition`, which reads atomics, holds.
template <class Condition>
void await(Condition condition) noexcept {
    while (!condition()) pause();
}
inline void fence(order o, site s = site::here()) noexcept {
    if (!inside()) return;
    if (o == std::memory_order_seq_cst) engine::point();
    engine::fence(o, s);
}

// ---- 3. atomic ----

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
    MODEL_OWN constexpr ~atomic() {
        if (!std::is_constant_evaluated()) end();
    }

    bool is_lock_free() const noexcept { return true; }

    MODEL_OWN T load(order o = seq_cst, const char* file = __builtin_FILE(),
                     const char* function = __builtin_FUNCTION(),
                     int line = __builtin_LINE()) const noexcept {
        if (!inside()) return value_;
        const int at = where();
        return at < 0 ? value_ : value(engine::load(at, o, {file, function, line}));
    }
    MODEL_OWN void store(T v, order o = seq_cst, const char* file = __builtin_FILE(),
                         const char* function = __builtin_FUNCTION(),
                         int line = __builtin_LINE()) noexcept {
        if (inside()) {
            const int at = where();
            if (at >= 0 && !engine::store(at, bits(v), o, {file, function, line})) return;
        }
        value_ = v;
    }
    T exchange(T v, order o = seq_cst, const char* file = __builtin_FILE(),
               const char* function = __builtin_FUNCTION(), int line = __builtin_LINE()) noexcept {
        return change(engine::change::exchange, v, o, {file, function, line});
    }
    T fetch_add(T v, order o = seq_cst, const char* file = __builtin_FILE(),
                const char* function = __builtin_FUNCTION(), int line = __builtin_LINE()) noexcept {
        return change(engine::change::add, v, o, {file, function, line});
    }
    T fetch_sub(T v, order o = seq_cst, const char* file = __builtin_FILE(),
                const char* function = __builtin_FUNCTION(), int line = __builtin_LINE()) noexcept {
        return change(engine::change::subtract, v, o, {file, function, line});
    }
    T fetch_and(T v, order o = seq_cst, const char* file = __builtin_FILE(),
                const char* function = __builtin_FUNCTION(), int line = __builtin_LINE()) noexcept {
        return change(engine::change::bit_and, v, o, {file, function, line});
    }
    T fetch_or(T v, order o = seq_cst, const char* file = __builtin_FILE(),
               const char* function = __builtin_FUNCTION(), int line = __builtin_LINE()) noexcept {
        return change(engine::change::bit_or, v, o, {file, function, line});
    }
    T fetch_xor(T v, order o = seq_cst, const char* file = __builtin_FILE(),
                const char* function = __builtin_FUNCTION(), int line = __builtin_LINE()) noexcept {
        return change(engine::change::bit_xor, v, o, {file, function, line});
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
    MODEL_OWN int where() const noexcept {
        engine::point();
        if (run_ == engine::execution) return location_;
        if (run_ == engine::dead) engine::fail_here("an atomic was used after its end");
        if (run_ == engine::left_out) return -1;
        location_ = engine::add_location(this, bits(value_));
        run_ = engine::execution;
        return location_;
    }
    /// It is no operation of the model: a constant in all but its type.
    MODEL_OWN void leave_out() const noexcept { run_ = engine::left_out; }

private:
    static constexpr std::uint64_t mask = ~std::uint64_t{0} >> (64 - 8 * sizeof(T));

    MODEL_OWN static std::uint64_t bits(T v) noexcept {
        std::uint64_t b = 0;
        std::memcpy(&b, &v, sizeof v);
        return b;
    }
    MODEL_OWN static T value(std::uint64_t b) noexcept {
        T v;
        std::memcpy(&v, &b, sizeof v);
        return v;
    }
    static constexpr order on_failure(order o) noexcept {
        if (o == std::memory_order_acq_rel) return std::memory_order_acquire;
        return o == std::memory_order_release ? std::memory_order_relaxed : o;
    }
    MODEL_OWN T change(engine::change c, T v, order o, const site& s) noexcept {
        const int at = inside() ? where() : -1;
        if (at < 0) {
            const T before = value_;
            value_ = value(engine::changed(c, bits(before), bits(v)));
            return before;
        }
        const T before = value(engine::rmw(at, c, bits(v), mask, o, s));
        value_ = value(engine::latest(at));
        return before;
    }
    MODEL_OWN bool compare(T& expected, T desired, bool weak, order success, order failure,
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
        if (!engine::compare_exchange(at, e, bits(desired), weak, success, failure, s)) {
            expected = value(e);
            return false;
        }
        value_ = value(engine::latest(at));
        return true;
    }
    MODEL_OWN void end() noexcept {
        if (!inside()) return;
        run_ = engine::dead;
        asm volatile("" : : "r"(this) : "memory");  // or the store is dropped: nobody may read it
    }

    T value_{};                      // the latest
    mutable std::uint32_t run_ = 0;  // the execution in which location_ means something
    mutable int location_ = 0;
};

// ---- 4. var ----

/// A plain variable that two threads may use only in an order.
template <class T>
class var {
public:
    constexpr var() noexcept = default;
    constexpr var(T v) noexcept : value_(v) {}
    var(const var&) = delete;
    var& operator=(const var&) = delete;

    MODEL_OWN T get() const noexcept {
        if (inside()) {
            touch();
            read_[me()] = engine::moment();
            if (written_ > engine::seen_of(writer_)) engine::fail_here("data race: read and write");
        }
        return value_;
    }
    MODEL_OWN void set(T v) noexcept {
        if (inside()) {
            touch();
            if (written_ > engine::seen_of(writer_)) engine::fail_here("data race: two writes");
            for (std::size_t i = 0; i < read_.size(); ++i) {
                if (read_[i] > engine::seen_of(i)) engine::fail_here("data race: write and read");
            }
            writer_ = me();
            written_ = engine::moment();
        }
        value_ = std::move(v);
    }
    operator T() const noexcept { return get(); }
    T operator=(T v) noexcept {
        set(v);
        return v;
    }

private:
    static std::size_t me() noexcept { return static_cast<std::size_t>(engine::running); }
    MODEL_OWN void touch() const noexcept {
        if (run_ == engine::execution) return;
        run_ = engine::execution;
        read_ = {};
        written_ = 0;
    }

    T value_{};
    mutable std::uint32_t run_ = 0;
    mutable std::array<std::uint16_t, max_threads> read_{};
    mutable std::uint16_t written_ = 0;
    mutable std::size_t writer_ = 0;
};

// ---- 5. explore ----

template <class Program, class... Arguments>
result explore(const options& o, Arguments&&... arguments) {
    result r;
    engine::start(o);
    for (;;) {
        void* memory = nullptr;
        engine::begin(
            Program::threads, [](void* p, int i) { static_cast<Program*>(p)->run(i); }, memory,
            sizeof(Program));
        auto* p = ::new (memory) Program(arguments...);
        engine::built();
        ++r.executions;
        if (engine::run()) {
            if constexpr (requires { p->end(); }) p->end();
        }
        if (engine::failure() != nullptr) {
            r.failed = true;
            r.failure = engine::failure();
            r.trace =
                r.failure + ", execution " + std::to_string(r.executions) + ":\n" + engine::trace();
            if (o.print) std::fputs(r.trace.c_str(), stderr);
            return r;  // its threads are left where they are, and so is the program
        }
        std::destroy_at(p);
        r.exhausted = !engine::backtrack();
        if (r.exhausted || r.executions >= o.most_executions) return r;
    }
}

// ---- 6. weakenings ----

/// Weakens each memory order that programs use in the files `in`, one at a time: which of them does some
/// execution need?
class weakenings {
public:
    explicit weakenings(std::vector<const char*> in) : in_(std::move(in)) {}

    /// Those that an earlier program has shown to be needed are not tried again.
    template <class Program, class... Arguments>
    void try_all(const options& o, Arguments&&... arguments) {
        std::vector<weakening> all;
        engine::collect(&all);
        const result baseline = explore<Program>(o, arguments...);
        engine::collect(nullptr);
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
            engine::weaken(&w);
            at->failure = explore<Program>(o, arguments...).failure;
            engine::weaken(nullptr);
        }
    }
    std::size_t tried() const noexcept { return found_.size(); }
    /// "run_queue.hpp push: store release -> relaxed", sorted.
    std::vector<std::string> not_needed() const { return texts(false); }
    std::vector<std::string> needed() const { return texts(true); }
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
    std::vector<std::string> texts(bool needed) const {
        std::vector<std::string> all;
        for (const finding& f : found_) {
            if (f.failure.empty() != needed) all.push_back(f.what.text());
        }
        std::sort(all.begin(), all.end());
        return all;
    }

    std::vector<const char*> in_;
    std::vector<finding> found_;
};

}  // namespace model
