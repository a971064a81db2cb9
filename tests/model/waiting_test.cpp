// tests/model/waiting_test.cpp — shared_mutex and condition_variable under the model checker.
// SPDX-License-Identifier: BSL-1.0
#include <mutex>
#include <optional>

#include <runnel/condition_variable.hpp>
#include <runnel/shared_mutex.hpp>

#include <model/shipping.hpp>

namespace {

using namespace runnel::detail;
using namespace std::chrono_literals;

// ---- shared_mutex ----

/// The first `Writers` threads write, the others read.
template <int Threads, int Writers>
struct shared : model::shipping {
    static constexpr int threads = Threads;
    int impatient;  // this thread has a deadline
    runnel::shared_mutex m;
    model::var<int> value{0};
    int writes = 0;
    int writing = 0;
    bool reading[model::max_threads] = {};

    explicit shared(int i) : impatient(i) { model::name(m, "shared_mutex"); }
    void run(int me) { me < Writers ? write(me == impatient) : read(me); }

    void write(bool hurry) {
        if (!hurry) {
            m.lock();
        } else if (!m.try_lock_for(1s)) {
            return;
        }
        model::check(++writing == 1, "two write");
        for (const bool r : reading) model::check(!r, "somebody reads while one writes");
        value = value + 1;
        ++writes;
        --writing;
        m.unlock();
    }
    void read(int me) {
        if (me != impatient) {
            m.lock_shared();
        } else if (!m.try_lock_shared_for(1s)) {
            return;
        }
        reading[me] = true;
        model::check(writing == 0, "a reader reads while somebody writes");
        static_cast<void>(value.get());  // a race if it is one
        reading[me] = false;
        m.unlock_shared();
    }
    void end() {
        model::check(value == writes, "what was written was lost");
        model::check(m.try_lock(), "the mutex was left locked");
    }
};

/// A writer gives up: the reader behind it goes on, though the one before it has not unlocked.
struct reader_behind_writer : model::shipping {
    static constexpr int threads = 3;
    runnel::shared_mutex m;
    model::atomic<bool> held{false}, went{false};

    reader_behind_writer() { model::name(m, "shared_mutex"); }
    void run(int me) {
        if (me == 0) {
            m.lock_shared();
            held.store(true, memory_order_release);
            model::await([&] { return went.load(memory_order_acquire); });
            m.unlock_shared();
            return;
        }
        model::await([&] { return held.load(memory_order_acquire); });
        if (me == 1) {
            if (m.try_lock_for(1s)) m.unlock();
        } else {
            m.lock_shared();
            went.store(true, memory_order_release);
            m.unlock_shared();
        }
    }
    void end() { model::check(m.try_lock(), "the mutex was left locked"); }
};

/// Whoever writes after the readers have read knows that nobody comes any more, and destroys it.
template <int Readers>
struct shared_goes : model::shipping {
    static constexpr int threads = 1 + Readers;
    model::mortal<runnel::shared_mutex> m;
    model::atomic<int> read{0};

    shared_goes() { model::name(*m, "shared_mutex"); }
    void run(int me) {
        if (me == 0) {
            m->lock();
            const bool last = read.load(memory_order_relaxed) == Readers;
            m->unlock();
            if (last) m.end();
        } else {
            m->lock_shared();
            read.fetch_add(1, memory_order_relaxed);
            m->unlock_shared();
        }
    }
};

/// One unlocks what it does not hold: it is told, and those who write notice nothing.
struct shared_misused : model::shipping {
    static constexpr int threads = 3;
    runnel::shared_mutex m;
    model::var<bool> inside{false};

    shared_misused() { model::name(m, "shared_mutex"); }
    void run(int me) {
        if (me == 0) {
            bool told = false;
            try {
                m.unlock_shared();
            } catch (const runnel::unlock_of_unlocked&) {
                told = true;
            }
            model::check(told, "it was not told");
            return;
        }
        m.lock();
        model::check(!inside, "two are inside");
        inside = true;
        inside = false;
        m.unlock();
    }
    void end() { model::check(m.try_lock(), "the mutex was left locked"); }
};

TEST_CASE("shared_mutex: one writer or many readers, and nobody waits for ever",
          "[model][shared_mutex]") {
    constexpr int nobody = -1;
    model::require_clean<shared<2, 1>>("shared_mutex, writer, reader", {.preemptions = 4}, nobody);
    model::require_clean<shared<2, 2>>("shared_mutex, 2 writers", {.preemptions = 4}, nobody);
    model::require_clean<shared<2, 1>>("shared_mutex, writer gives up, reader", {.preemptions = 3},
                                       0);
    model::require_clean<shared<2, 1>>("shared_mutex, writer, reader gives up", {.preemptions = 3},
                                       1);
    model::require_clean<shared<3, 1>>("shared_mutex, writer, 2 readers",
                                       {.preemptions = 3, .stale_reads = 2}, nobody);
    model::require_clean<shared<3, 2>>("shared_mutex, 2 writers, reader",
                                       {.preemptions = 3, .stale_reads = 2}, nobody);
    model::require_clean<shared<3, 2>>("shared_mutex, 2 writers, one gives up, reader",
                                       {.preemptions = 2, .stale_reads = 1}, 1);
    model::require_clean<shared<3, 1>>("shared_mutex, writer gives up, 2 readers",
                                       {.preemptions = 2, .stale_reads = 1}, 0);
    model::require_clean<reader_behind_writer>("shared_mutex, a reader behind a writer",
                                               {.preemptions = 2, .stale_reads = 1});
    model::require_clean<shared_misused>("shared_mutex, unlocked by who does not hold it",
                                         {.preemptions = 3, .stale_reads = 1});
}

TEST_CASE("shared_mutex may be destroyed by the last", "[model][shared_mutex]") {
    model::require_clean<shared_goes<1>>("shared_mutex, destroyed, 1 reader", {.preemptions = 4});
    model::require_clean<shared_goes<2>>("shared_mutex, destroyed, 2 readers",
                                         {.preemptions = 3, .stale_reads = 1});
}

TEST_CASE("shared_mutex needs its memory orders", "[model][shared_mutex]") {
    model::weakenings w({"shared_mutex.hpp", "word_lock.hpp"});
    w.try_all<shared<2, 1>>({.preemptions = 3}, -1);
    w.try_all<shared<2, 2>>({.preemptions = 3}, -1);
    w.try_all<shared<3, 1>>({.preemptions = 2, .stale_reads = 1}, -1);
    w.try_all<shared<3, 2>>({.preemptions = 2, .stale_reads = 1}, -1);
    model::require_needed(w, {});
}

// ---- condition_variable ----

/// One makes ready; the others wait for that.
template <int Waiters>
struct notified : model::shipping {
    static constexpr int threads = 1 + Waiters;
    bool under_lock;
    bool with_deadline;
    runnel::mutex m;
    runnel::condition_variable c;
    model::var<bool> ready{false};

    notified(bool u, bool d) : under_lock(u), with_deadline(d) {
        model::name(m, "mutex");
        model::name(c, "condition");
    }
    void run(int me) {
        if (me == 0) {
            m.lock();
            ready = true;
            if (!under_lock) m.unlock();
            Waiters == 1 ? c.notify_one() : c.notify_all();
            if (under_lock) m.unlock();
            return;
        }
        std::unique_lock<runnel::mutex> held(m);
        if (with_deadline && me == 1) {
            if (!c.wait_for(held, 1s, [this] { return ready.get(); })) return;
        } else {
            while (!ready) c.wait(held);
        }
        model::check(held.owns_lock() && ready, "woken without cause");
    }
};

/// Each notification wakes one: a token for each of two.
struct notified_one_by_one : model::shipping {
    static constexpr int threads = 3;
    runnel::mutex m;
    runnel::condition_variable c;
    model::var<int> tokens{0};

    notified_one_by_one() { model::name(c, "condition"); }
    void run(int me) {
        if (me == 0) {
            for (int i = 0; i < 2; ++i) {
                m.lock();
                tokens = tokens + 1;
                m.unlock();
                c.notify_one();
            }
            return;
        }
        std::unique_lock<runnel::mutex> held(m);
        while (tokens == 0) c.wait(held);
        tokens = tokens - 1;
    }
};

/// Who was notified under the mutex may destroy the condition variable once it has the mutex.
struct condition_goes : model::shipping {
    static constexpr int threads = 2;
    runnel::mutex m;
    model::mortal<runnel::condition_variable> c;
    model::var<bool> ready{false};

    condition_goes() { model::name(*c, "condition"); }
    void run(int me) {
        if (me == 0) {
            const std::lock_guard<runnel::mutex> held(m);
            ready = true;
            c->notify_one();
            return;
        }
        {
            std::unique_lock<runnel::mutex> held(m);
            while (!ready) c->wait(held);
        }
        c.end();
    }
};

TEST_CASE("condition_variable loses no notification", "[model][condition_variable][bug-06]") {
    model::require_clean<notified<1>>("condition_variable, after unlock", {.preemptions = 3}, false,
                                      false);
    model::require_clean<notified<1>>("condition_variable, under the lock", {.preemptions = 3},
                                      true, false);
    model::require_clean<notified<1>>("condition_variable, a deadline", {.preemptions = 2}, false,
                                      true);
    model::require_clean<notified<2>>("condition_variable, notify_all to 2",
                                      {.preemptions = 2, .stale_reads = 1}, false, false);
    model::require_clean<notified_one_by_one>("condition_variable, notify_one twice to 2",
                                              {.preemptions = 2, .stale_reads = 1});
    model::require_clean<condition_goes>("condition_variable, destroyed", {.preemptions = 3});
}

TEST_CASE("condition_variable needs its memory orders", "[model][condition_variable]") {
    model::weakenings w({"condition_variable.hpp", "spin_lock.hpp"});
    w.try_all<notified<1>>({.preemptions = 2}, false, false);
    model::require_needed(w, {});
}

}  // namespace
