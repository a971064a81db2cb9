// tests/model/parking_test.cpp — the checker against known verdicts: sleeping without losing a wake-up.
// SPDX-License-Identifier: BSL-1.0
//
//   Sketches of what schedulers do, right and wrong; the library's own protocol is in idle_test.cpp.
#include <model/seam.hpp>
#include <support/catch.hpp>

namespace {

constexpr auto relaxed = std::memory_order_relaxed;
constexpr auto acquire = std::memory_order_acquire;
constexpr auto release = std::memory_order_release;
constexpr auto seq_cst = std::memory_order_seq_cst;
constexpr auto no_deadline = std::chrono::steady_clock::time_point::max();

// ---- one maker, one sleeper ----

enum class parking {
    fences,  // on both sides
    no_maker_fence,
    no_sleeper_fence,
    acquire_release,    // in place of the fences
    only_idle_seq_cst,  // tokio #1768's shape
    no_second_look,
};

struct one_sleeper {
    static constexpr int threads = 2;
    parking form;
    model::atomic<int> work{0}, idle{0};
    model::atomic<std::uint32_t> token{0};

    explicit one_sleeper(parking f) : form(f) {
        model::name(work, "work");
        model::name(idle, "idle");
        model::name(token, "token");
    }
    void run(int me) { me == 0 ? make() : sleep(); }

    void make() {
        const bool seq = form == parking::only_idle_seq_cst;
        work.store(1, release);
        if (form == parking::fences || form == parking::no_sleeper_fence ||
            form == parking::no_second_look) {
            model::fence(seq_cst);
        }
        if (idle.load(seq ? seq_cst : acquire) == 0) return;
        token.store(1, release);
        model::futex_wake(&token, 1);
    }
    void sleep() {
        if (work.load(acquire) != 0) return;
        idle.store(1, form == parking::only_idle_seq_cst ? seq_cst : release);
        if (form == parking::fences || form == parking::no_maker_fence ||
            form == parking::no_second_look) {
            model::fence(seq_cst);
        }
        if (form != parking::no_second_look && work.load(acquire) != 0) return;
        while (token.load(acquire) == 0) {
            static_cast<void>(model::futex_wait(token, 0, no_deadline));
        }
        model::check(work.load(relaxed) == 1, "woken for nothing");
    }
};

TEST_CASE("fences on both sides lose no wake-up", "[model][parking]") {
    const model::result r =
        model::explore<one_sleeper>({.preemptions = 4, .print = true}, parking::fences);
    CHECK(r.exhausted);
    CHECK_FALSE(r.failed);
}

TEST_CASE("anything less loses one", "[model][parking]") {
    const auto form =
        GENERATE(parking::no_maker_fence, parking::no_sleeper_fence, parking::acquire_release,
                 parking::only_idle_seq_cst, parking::no_second_look);
    const model::result r = model::explore<one_sleeper>({}, form);
    CHECK(r.failure == "deadlock");
    CHECK(r.executions < 100);
}

// ---- two makers, two sleepers, and anonymous tokens ----

struct anonymous_tokens {
    static constexpr int threads = 4;
    model::atomic<int> work{0}, idle{0}, tokens{0};

    anonymous_tokens() {
        model::name(work, "work");
        model::name(idle, "idle");
        model::name(tokens, "tokens");
    }
    static bool take_one(model::atomic<int>& from, std::memory_order o) {
        int n = from.load(o);
        while (n > 0) {
            if (from.compare_exchange_weak(n, n - 1, acquire, relaxed)) return true;
        }
        return false;
    }
    void wait_for_token() {
        model::await([&] { return take_one(tokens, relaxed); });
    }
    void run(int me) { me < 2 ? make() : work_once(); }

    void make() {
        work.fetch_add(1, release);
        model::fence(seq_cst);
        if (take_one(idle, relaxed)) tokens.fetch_add(1, release);
    }
    void work_once() {
        while (!take_one(work, acquire)) {
            idle.fetch_add(1, relaxed);
            model::fence(seq_cst);
            if (take_one(work, acquire)) {
                // We do not sleep after all: if somebody has taken us off the count, his token is ours.
                if (!take_one(idle, relaxed)) wait_for_token();
                return;
            }
            wait_for_token();
        }
    }
};

TEST_CASE("tokens that belong to nobody lose a wake-up", "[model][parking]") {
    const model::result r = model::explore<anonymous_tokens>({.preemptions = 3});
    CHECK(r.failure == "deadlock");
}

// ---- the commit of a select ----

struct two_cases {
    static constexpr int threads = 3;
    bool by_exchange;
    model::atomic<int> chosen{0};
    int commits = 0;

    explicit two_cases(bool b) : by_exchange(b) {}
    void run(int me) {
        if (me == 2) {
            model::await([&] { return chosen.load(acquire) != 0; });
            return;
        }
        int nobody = 0;
        if (by_exchange) {
            if (chosen.compare_exchange_strong(nobody, me + 1, std::memory_order_acq_rel,
                                               relaxed)) {
                ++commits;
            }
        } else if (chosen.load(acquire) == 0) {
            chosen.store(me + 1, release);
            ++commits;
        }
    }
    void end() { model::check(commits == 1, "not exactly one case was committed"); }
};

TEST_CASE("a select commits one case by one exchange, not by a look and a store",
          "[model][parking]") {
    CHECK(model::explore<two_cases>({.preemptions = 4}, true).exhausted);
    CHECK(model::explore<two_cases>({.preemptions = 4}, false).failed);
}

// ---- the futex of the model ----

struct times_out {
    static constexpr int threads = 2;
    int& timed_out;
    model::atomic<std::uint32_t> word{0};

    explicit times_out(int& t) : timed_out(t) {}
    void run(int me) {
        if (me == 0) {
            word.store(1, release);
            model::futex_wake(&word, 1);
            return;
        }
        const auto deadline = model::clock_now() + std::chrono::seconds(1);
        while (word.load(acquire) == 0) {
            if (model::futex_wait(word, 0, deadline) != -ETIMEDOUT) continue;
            model::check(model::clock_now() >= deadline, "timed out early");
            ++timed_out;
            return;
        }
    }
};

TEST_CASE("a futex may time out or be woken", "[model][parking]") {
    int timed_out = 0;
    const model::result r = model::explore<times_out>({.print = true}, timed_out);
    CHECK(r.exhausted);
    CHECK(timed_out > 0);
    CHECK(static_cast<std::uint64_t>(timed_out) < r.executions);
}

}  // namespace
