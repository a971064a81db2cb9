// tests/model/locks_test.cpp — spin_lock, word_lock and thread_parker under the model checker.
// SPDX-License-Identifier: BSL-1.0
#include <optional>

#include <runnel/detail/spin_lock.hpp>
#include <runnel/detail/thread_parker.hpp>
#include <runnel/detail/word_lock.hpp>

#include <model/report.hpp>

namespace {

using namespace runnel::detail;

// ---- spin_lock ----

template <int Threads>
struct spin_locked {
    static constexpr int threads = Threads;
    spin_lock lock;
    model::var<int> counter{0};
    model::var<bool> inside{false};

    spin_locked() { model::name(lock, "lock"); }
    void run(int) {
        lock.lock();
        section();
        lock.unlock();
        if (lock.try_lock()) {
            section();
            lock.unlock();
        }
    }
    void section() {
        model::check(!inside, "two are inside");
        inside = true;
        counter = counter + 1;
        inside = false;
    }
    void end() {
        model::check(counter >= Threads, "a section was lost");
        model::check(lock.try_lock(), "the lock was left locked");
    }
};

TEST_CASE("spin_lock lets one in at a time, and what it did is seen", "[model][spin_lock]") {
    model::require_clean<spin_locked<2>>("spin_lock, 2 threads", {.preemptions = 4});
    model::require_clean<spin_locked<3>>("spin_lock, 3 threads", {.preemptions = 2});
    model::weakenings w({"spin_lock.hpp"});
    w.try_all<spin_locked<2>>({.preemptions = 3});
    model::require_needed(w, {});
}

// ---- word_lock ----

struct word_locked {
    static constexpr int threads = 3;
    static constexpr std::uint32_t mark = 2;
    word_lock<std::uint32_t> lock;
    model::var<int> counter{0};

    word_locked() { model::name(lock, "lock"); }
    void run(int me) {
        if (me == 2) {
            // The other bits are anybody's.
            lock.word.fetch_add(mark, memory_order_relaxed);
            return;
        }
        lock.lock();
        counter = counter + 1;
        lock.unlock();
    }
    void end() {
        model::check(counter == 2, "a section was lost");
        model::check(lock.word.load() == mark, "a bit was lost");
    }
};

/// The last holder says so with the same operation that releases the lock; whoever sees that destroys it.
struct word_lock_goes {
    static constexpr int threads = 2;
    static constexpr std::uint32_t done = 2;
    alignas(word_lock<std::uint32_t>) std::byte memory[sizeof(word_lock<std::uint32_t>)];
    word_lock<std::uint32_t>& lock = *::new (static_cast<void*>(memory)) word_lock<std::uint32_t>;
    bool in_two_steps;
    model::var<int> data{0};

    explicit word_lock_goes(bool two) : in_two_steps(two) { model::name(memory, "lock"); }
    void run(int me) {
        if (me == 0) {
            lock.lock();
            data = 1;
            if (in_two_steps) {
                lock.word.fetch_or(done, memory_order_release);
                lock.unlock();
            } else {
                lock.word.fetch_add(done - lock.held, memory_order_release);
            }
        } else {
            model::await([&] { return (lock.word.load(memory_order_acquire) & done) != 0; });
            model::check(data == 1, "what the holder did is not seen");
            std::destroy_at(&lock);
        }
    }
};

TEST_CASE("word_lock keeps its section and leaves the other bits alone", "[model][word_lock]") {
    model::require_clean<word_locked>("word_lock, 2 threads and a third", {.preemptions = 4});
    model::weakenings w({"word_lock.hpp"});
    w.try_all<word_locked>({.preemptions = 3});
    model::require_needed(w, {});
}

TEST_CASE("an object may go as soon as its word says so, if that also released the lock",
          "[model][word_lock]") {
    model::require_clean<word_lock_goes>("word_lock, state and lock in one step",
                                         {.preemptions = 4}, false);
    const model::result r = model::explore<word_lock_goes>({}, true);
    CHECK(r.failure == "an atomic was used after its end");
}

// ---- thread_parker ----

/// One is woken twice, each time by whoever has written what it waits for.
struct parked_twice {
    static constexpr int threads = 3;
    thread_parker parker;
    model::atomic<int> asked{0};
    model::var<int> first{0};
    model::var<int> second{0};

    parked_twice() { model::name(parker, "parker"); }
    void run(int me) {
        if (me == 0) {
            parker.park();
            // Two wakers may have left one token between them: look again.
            while (asked.load(memory_order_acquire) != 2) parker.park();
            model::check(first == 1 && second == 2, "what the wakers wrote is not seen");
        } else {
            if (me == 1) first = 1;
            if (me == 2) second = 2;
            asked.fetch_add(1, memory_order_release);
            parker.unpark();
        }
    }
};

struct parked_once {
    static constexpr int threads = 2;
    bool with_deadline;
    thread_parker parker;
    model::var<int> data{0};

    explicit parked_once(bool d) : with_deadline(d) { model::name(parker, "parker"); }
    void run(int me) {
        if (me == 1) {
            data = 1;
            parker.unpark();
            return;
        }
        const time_point deadline = with_deadline ? now() + std::chrono::seconds(1) : no_deadline;
        if (!parker.park(deadline)) {
            model::check(now() >= deadline, "it timed out early");
            parker.park();  // the token is still to come, or there
        }
        model::check(data == 1, "what the waker wrote is not seen");
    }
};

TEST_CASE("thread_parker loses no wake-up and shows what the waker wrote",
          "[model][thread_parker][bug-05]") {
    model::require_clean<parked_once>("thread_parker, one waker", {.preemptions = 5, .spurious = 1},
                                      false);
    model::require_clean<parked_once>("thread_parker, one waker and a deadline",
                                      {.preemptions = 5, .spurious = 1}, true);
    model::require_clean<parked_twice>("thread_parker, two wakers",
                                       {.preemptions = 4, .spurious = 1});
    model::weakenings w({"thread_parker.hpp"});
    w.try_all<parked_once>({.preemptions = 4}, false);
    w.try_all<parked_once>({.preemptions = 4}, true);
    model::require_needed(w, {});
}

}  // namespace
