// tests/model/litmus_test.cpp — the checker itself: what C++20 allows is found, what it forbids is not.
// SPDX-License-Identifier: BSL-1.0
#include <set>
#include <vector>

#include <model/checker.hpp>
#include <support/catch.hpp>

namespace {

constexpr auto relaxed = std::memory_order_relaxed;
constexpr auto acquire = std::memory_order_acquire;
constexpr auto release = std::memory_order_release;
constexpr auto acq_rel = std::memory_order_acq_rel;
constexpr auto seq_cst = std::memory_order_seq_cst;
using model::order;
using outcome = std::vector<int>;
using outcomes = std::set<outcome>;

/// What its threads have read, in all executions.
struct recorded {
    outcomes& seen;
    std::array<int, 4> r{};

    explicit recorded(outcomes& s) : seen(s) {}
    void note(std::initializer_list<int> values) { seen.insert(outcome(values)); }
};

template <class Program, class... Arguments>
outcomes all_of(Arguments... arguments) {
    outcomes seen;
    const model::result r = model::explore<Program>({.preemptions = 6}, seen, arguments...);
    CHECK(r.exhausted);
    CHECK_FALSE(r.failed);
    return seen;
}

bool has(const outcomes& all, const outcome& one) { return all.count(one) != 0; }

// ---- store buffering ----

struct store_buffering : recorded {
    static constexpr int threads = 2;
    order store_with, load_with, fence_with;
    model::atomic<int> x{0}, y{0};

    store_buffering(outcomes& s, order st, order ld, order fe)
        : recorded(s), store_with(st), load_with(ld), fence_with(fe) {}
    void run(int me) {
        model::atomic<int>& mine = me == 0 ? x : y;
        const model::atomic<int>& other = me == 0 ? y : x;
        mine.store(1, store_with);
        if (fence_with != relaxed) model::fence(fence_with);
        r[static_cast<std::size_t>(me)] = other.load(load_with);
    }
    void end() { note({r[0], r[1]}); }
};

TEST_CASE("store buffering is forbidden by sequential consistency alone", "[model][litmus]") {
    CHECK_FALSE(has(all_of<store_buffering>(seq_cst, seq_cst, relaxed), {0, 0}));
    CHECK_FALSE(has(all_of<store_buffering>(relaxed, relaxed, seq_cst), {0, 0}));
    CHECK(has(all_of<store_buffering>(release, acquire, relaxed), {0, 0}));
    CHECK(has(all_of<store_buffering>(relaxed, relaxed, acq_rel), {0, 0}));
    CHECK(has(all_of<store_buffering>(release, seq_cst, relaxed), {0, 0}));
    CHECK(has(all_of<store_buffering>(seq_cst, acquire, relaxed), {0, 0}));
    CHECK(all_of<store_buffering>(seq_cst, seq_cst, relaxed).size() == 3);
}

struct store_buffering_by_exchange : recorded {
    static constexpr int threads = 2;
    order with;
    model::atomic<int> x{0}, y{0};

    store_buffering_by_exchange(outcomes& s, order o) : recorded(s), with(o) {}
    void run(int me) {
        (me == 0 ? x : y).exchange(1, with);
        r[static_cast<std::size_t>(me)] =
            (me == 0 ? y : x).load(with == seq_cst ? seq_cst : acquire);
    }
    void end() { note({r[0], r[1]}); }
};

TEST_CASE("an exchange that is not sequentially consistent does not forbid store buffering",
          "[model][litmus]") {
    CHECK_FALSE(has(all_of<store_buffering_by_exchange>(seq_cst), {0, 0}));
    CHECK(has(all_of<store_buffering_by_exchange>(acq_rel), {0, 0}));
}

// ---- message passing ----

struct message_passing : recorded {
    static constexpr int threads = 2;
    order store_with, load_with;
    bool fences;
    model::atomic<int> data{0}, flag{0};

    message_passing(outcomes& s, order st, order ld, bool f)
        : recorded(s), store_with(st), load_with(ld), fences(f) {}
    void run(int me) {
        if (me == 0) {
            data.store(1, relaxed);
            if (fences) model::fence(release);
            flag.store(1, store_with);
        } else {
            r[0] = flag.load(load_with);
            if (fences) model::fence(acquire);
            r[1] = data.load(relaxed);
        }
    }
    void end() { note({r[0], r[1]}); }
};

TEST_CASE("message passing needs release and acquire, by operations or by fences",
          "[model][litmus]") {
    CHECK_FALSE(has(all_of<message_passing>(release, acquire, false), {1, 0}));
    CHECK(has(all_of<message_passing>(relaxed, acquire, false), {1, 0}));
    CHECK(has(all_of<message_passing>(release, relaxed, false), {1, 0}));
    CHECK_FALSE(has(all_of<message_passing>(relaxed, relaxed, true), {1, 0}));
}

struct passed_variable {
    static constexpr int threads = 2;
    order store_with;
    model::var<int> data{0};
    model::atomic<int> flag{0};

    explicit passed_variable(order o) : store_with(o) {}
    void run(int me) {
        if (me == 0) {
            data = 1;
            flag.store(1, store_with);
        } else if (flag.load(acquire) == 1) {
            model::check(data == 1, "the message is not there");
        }
    }
};

TEST_CASE("a race on a plain variable is found", "[model][litmus]") {
    CHECK(model::explore<passed_variable>({}, release).exhausted);
    const model::result r = model::explore<passed_variable>({}, relaxed);
    CHECK(r.failure == "data race: read and write");
    CHECK(r.trace.find("t1 load") != std::string::npos);
}

struct passed_plainly {
    static constexpr int threads = 2;
    order store_with;
    int data = 0;
    model::atomic<int> flag{0};

    explicit passed_plainly(order o) : store_with(o) { model::name(data, "data"); }
    void run(int me) {
        if (me == 0) {
            data = 1;
            flag.store(1, store_with);
        } else if (flag.load(acquire) == 1) {
            model::check(data == 1, "never: memory itself is not weak here");
        }
    }
};

TEST_CASE("so is one on what is no model::var, if the compiler helps", "[model][litmus]") {
    CHECK(model::explore<passed_plainly>({}, release).exhausted);
    const model::result r = model::explore<passed_plainly>({}, relaxed);
    CHECK(r.failed == model::checks_plain_accesses);
    if (r.failed) CHECK(r.failure == "data race: a plain read");
}

// ---- coherence ----

struct read_read : recorded {
    static constexpr int threads = 2;
    model::atomic<int> x{0};

    using recorded::recorded;
    void run(int me) {
        if (me == 0) {
            x.store(1, relaxed);
            x.store(2, relaxed);
        } else {
            r[0] = x.load(relaxed);
            r[1] = x.load(relaxed);
        }
    }
    void end() { note({r[0], r[1]}); }
};

TEST_CASE("two loads of one location do not go back", "[model][litmus]") {
    CHECK(all_of<read_read>() == outcomes{{0, 0}, {0, 1}, {0, 2}, {1, 1}, {1, 2}, {2, 2}});
}

struct two_writers : recorded {
    static constexpr int threads = 2;
    order with;
    model::atomic<int> x{0}, y{0};

    two_writers(outcomes& s, order o) : recorded(s), with(o) {}
    void run(int me) {
        (me == 0 ? x : y).store(1, with);
        (me == 0 ? y : x).store(2, with);
    }
    void end() { note({x.load(), y.load()}); }
};

TEST_CASE("2+2W: stores to two locations may be ordered crosswise unless sequentially consistent",
          "[model][litmus]") {
    CHECK(has(all_of<two_writers>(relaxed), {1, 1}));
    CHECK(has(all_of<two_writers>(release), {1, 1}));
    CHECK_FALSE(has(all_of<two_writers>(seq_cst), {1, 1}));
}

struct two_counters {
    static constexpr int threads = 2;
    model::atomic<int> x{0};

    void run(int) { x.fetch_add(1, relaxed); }
    void end() { model::check(x.load() == 2, "an increment was lost"); }
};

TEST_CASE("read-modify-writes lose nothing, whatever their order", "[model][litmus]") {
    CHECK(model::explore<two_counters>({}).exhausted);
}

// ---- independent reads of independent writes ----

struct independent_reads : recorded {
    static constexpr int threads = 4;
    order store_with, load_with;
    model::atomic<int> x{0}, y{0};

    independent_reads(outcomes& s, order st, order ld)
        : recorded(s), store_with(st), load_with(ld) {}
    void run(int me) {
        if (me < 2) {
            (me == 0 ? x : y).store(1, store_with);
        } else {
            const std::size_t at = me == 2 ? 0 : 2;
            r[at] = (me == 2 ? x : y).load(load_with);
            r[at + 1] = (me == 2 ? y : x).load(load_with);
        }
    }
    void end() { note({r[0], r[1], r[2], r[3]}); }
};

TEST_CASE(
    "two readers may disagree on the order of two writes unless all is sequentially consistent",
    "[model][litmus]") {
    CHECK_FALSE(has(all_of<independent_reads>(seq_cst, seq_cst), {1, 0, 1, 0}));
    CHECK(has(all_of<independent_reads>(release, acquire), {1, 0, 1, 0}));
}

// ---- release sequences ----

struct release_sequence : recorded {
    static constexpr int threads = 3;
    bool
        by_rmw;  // what follows the release: a read-modify-write elsewhere, or a store of the releaser
    model::atomic<int> data{0}, flag{0};

    release_sequence(outcomes& s, bool b) : recorded(s), by_rmw(b) {}
    void run(int me) {
        if (me == 0) {
            data.store(1, relaxed);
            flag.store(1, release);
            if (!by_rmw) flag.store(2, relaxed);
        } else if (me == 1) {
            if (by_rmw) {
                int one = 1;
                flag.compare_exchange_strong(one, 2, relaxed, relaxed);
            }
        } else {
            r[0] = flag.load(acquire);
            r[1] = data.load(relaxed);
        }
    }
    void end() { note({r[0], r[1]}); }
};

TEST_CASE("a release sequence goes on through read-modify-writes, and since C++20 through no store",
          "[model][litmus]") {
    CHECK_FALSE(has(all_of<release_sequence>(true), {2, 0}));
    CHECK(has(all_of<release_sequence>(false), {2, 0}));
}

// ---- blocking ----

struct locks_crosswise {
    static constexpr int threads = 2;
    model::atomic<int> a{0}, b{0};

    static void lock(model::atomic<int>& l) {
        while (l.exchange(1, acquire) != 0) model::pause();
    }
    void run(int me) {
        lock(me == 0 ? a : b);
        lock(me == 0 ? b : a);
        a.store(0, release);
        b.store(0, release);
    }
};

TEST_CASE("a deadlock is found and told", "[model][litmus]") {
    const model::result r = model::explore<locks_crosswise>({});
    CHECK(r.failure == "deadlock");
    CHECK(r.trace.find("rmw") != std::string::npos);
}

struct spins {
    static constexpr int threads = 2;
    model::atomic<int> flag{0};
    model::var<int> data{0};

    void run(int me) {
        if (me == 0) {
            data = 1;
            flag.store(1, release);
        } else {
            model::await([&] { return flag.load(acquire) == 1; });
            model::check(data == 1, "the message is not there");
        }
    }
};

TEST_CASE("who waits in a loop sees in the end what was written", "[model][litmus]") {
    CHECK(model::explore<spins>({.preemptions = 4}).exhausted);
}

struct used_after_its_end {
    static constexpr int threads = 2;
    model::atomic<bool> ended{false};
    alignas(model::atomic<int>) std::byte memory[sizeof(model::atomic<int>)];
    model::atomic<int>& x = *::new (static_cast<void*>(memory)) model::atomic<int>(0);

    void run(int me) {
        if (me == 0) {
            std::destroy_at(&x);
        } else {
            x.store(1, relaxed);
        }
    }
};

TEST_CASE("an atomic that is used after its end is found", "[model][litmus]") {
    CHECK(model::explore<used_after_its_end>({}).failure == "an atomic was used after its end");
}

constinit model::atomic<int> of_the_process{7};

TEST_CASE("outside a run it is a plain variable", "[model][litmus]") {
    CHECK(of_the_process.fetch_add(1) == 7);
    int wrong = 7;
    CHECK_FALSE(of_the_process.compare_exchange_strong(wrong, 1));
    CHECK(wrong == 8);
    CHECK(++of_the_process == 9);
    of_the_process = 7;
}

}  // namespace
