// bench/contenders/std_thread.hpp — what C++ programmers write today: threads, mutexes, condition variables.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <thread>
#include <utility>
#include <vector>

#include <sched.h>

namespace bench {

/// A queue under a mutex. Capacity 0 is a rendezvous: send returns when its value has been taken.
template <class T>
class blocking_queue {
public:
    explicit blocking_queue(std::size_t capacity) : capacity_(capacity) {}

    void send(T value) {
        std::unique_lock lock(mutex_);
        room_.wait(lock, [&] { return values_.size() < (capacity_ == 0 ? 1 : capacity_); });
        values_.push_back(std::move(value));
        some_.notify_one();
        if (capacity_ == 0) {
            const std::size_t mine = ++sent_;
            taken_.wait(lock, [&] { return received_ >= mine; });
        }
    }

    std::optional<T> recv() {
        std::unique_lock lock(mutex_);
        some_.wait(lock, [&] { return !values_.empty() || closed_; });
        return values_.empty() ? std::nullopt : take();
    }

    std::optional<T> try_recv() {
        const std::lock_guard lock(mutex_);
        return values_.empty() ? std::nullopt : take();
    }

    void close() {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        some_.notify_all();
    }

private:
    std::optional<T> take() {
        std::optional<T> value(std::move(values_.front()));
        values_.pop_front();
        room_.notify_one();
        if (capacity_ == 0) {
            ++received_;
            taken_.notify_all();
        }
        return value;
    }

    const std::size_t capacity_;
    std::mutex mutex_;
    std::condition_variable room_;
    std::condition_variable some_;
    std::condition_variable taken_;
    std::deque<T> values_;
    std::size_t sent_ = 0;
    std::size_t received_ = 0;
    bool closed_ = false;
};

/// A counter under a mutex, with a condition variable for whoever waits.
class counting_wait_group {
public:
    void add(int n = 1) {
        const std::lock_guard lock(mutex_);
        count_ += n;
    }
    void done() {
        const std::lock_guard lock(mutex_);
        if (--count_ == 0) zero_.notify_all();
    }
    void wait() {
        std::unique_lock lock(mutex_);
        zero_.wait(lock, [&] { return count_ == 0; });
    }

private:
    std::mutex mutex_;
    std::condition_variable zero_;
    int count_ = 0;
};

class thread_group {
public:
    template <class F>
    void go(F f) {
        threads_.emplace_back(std::move(f));
    }
    void wait() {
        for (auto& t : threads_) t.join();
        threads_.clear();
    }

private:
    std::vector<std::thread> threads_;
};

class call_once_flag {
public:
    template <class F>
    void call(F f) {
        std::call_once(flag_, f);
    }

private:
    std::once_flag flag_;
};

struct with_std_thread {
    static constexpr const char* name = "std_thread";
    static constexpr int few(int n) { return n < 50 ? n : n / 50; }
    static constexpr int most_tasks = 2000;  // so many a machine has
    static constexpr int most_workers = 2;

    /// Workers are processors here: threads inherit the affinity of the one that starts them.
    template <class F>
    static void run(std::size_t workers, F body) {
        cpu_set_t before;
        CPU_ZERO(&before);
        ::sched_getaffinity(0, sizeof before, &before);
        cpu_set_t some;
        CPU_ZERO(&some);
        std::size_t taken = 0;
        for (std::size_t cpu = 0; cpu < CPU_SETSIZE && taken < workers; ++cpu) {
            if (!CPU_ISSET(cpu, &before)) continue;
            CPU_SET(cpu, &some);
            ++taken;
        }
        ::sched_setaffinity(0, sizeof some, &some);
        body();
        ::sched_setaffinity(0, sizeof before, &before);
    }

    using task_group = thread_group;
    using wait_group = counting_wait_group;
    using mutex = std::mutex;
    using shared_mutex = std::shared_mutex;
    using condition_variable = std::condition_variable;
    using once = call_once_flag;
    struct thread_lock {};

    template <class F>
    static void go(F f) {
        std::thread(std::move(f)).detach();
    }
    static void yield() noexcept { std::this_thread::yield(); }
    static void sleep_for(std::chrono::microseconds d) { std::this_thread::sleep_for(d); }

    template <class T>
    static blocking_queue<T> make_chan(std::size_t capacity) {
        return blocking_queue<T>(capacity);
    }
};

}  // namespace bench
