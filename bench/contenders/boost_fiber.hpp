// bench/contenders/boost_fiber.hpp — Boost.Fiber: round-robin on one thread, its two shared schedulers on more.
// SPDX-License-Identifier: BSL-1.0
//
//   RUNNEL_BENCH_FIBER=work_stealing in the environment chooses that for several threads, else it is shared_work;
//   the better one counts. Its work-stealing scheduler cannot be started twice in a process.
//   Stacks are pooled here, since mapping one for each fiber would cost more than all the rest.
//   A buffered channel's capacity is a power of two of which one place stays empty: it is rounded up.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include <boost/fiber/algo/shared_work.hpp>
#include <boost/fiber/algo/work_stealing.hpp>
#include <boost/fiber/all.hpp>

namespace bench {

/// Stacks that are used again, whichever thread lets them go.
class pooled_stacks {
public:
    boost::context::stack_context allocate() {
        {
            const std::lock_guard lock(pool().mutex);
            if (auto& free = pool().free; !free.empty()) {
                auto stack = free.back();
                free.pop_back();
                return stack;
            }
        }
        return boost::context::fixedsize_stack(32 * 1024).allocate();
    }
    void deallocate(boost::context::stack_context& stack) {
        const std::lock_guard lock(pool().mutex);
        pool().free.push_back(stack);
    }

private:
    struct shared {
        std::mutex mutex;
        std::vector<boost::context::stack_context> free;
    };
    // Never destroyed: the other threads let stacks go while the process ends.
    static shared& pool() {
        static auto* const p = new shared;
        return *p;
    }
};

template <class F>
boost::fibers::fiber start_fiber(F f) {
    return boost::fibers::fiber(boost::fibers::launch::post, std::allocator_arg, pooled_stacks(),
                                std::move(f));
}

template <class T>
class fiber_channel {
public:
    explicit fiber_channel(std::size_t capacity) {
        if (capacity != 0) {
            std::size_t places = 2;
            while (places < capacity + 1) places *= 2;
            buffered_.emplace(places);
        } else {
            unbuffered_.emplace();
        }
    }

    void send(T value) {
        if (buffered_) {
            buffered_->push(std::move(value));
        } else {
            unbuffered_->push(std::move(value));
        }
    }
    std::optional<T> recv() {
        T value;
        const auto status = buffered_ ? buffered_->pop(value) : unbuffered_->pop(value);
        if (status != boost::fibers::channel_op_status::success) return std::nullopt;
        return value;
    }
    /// An unbuffered one has no such operation.
    std::optional<T> try_recv() {
        T value;
        if (buffered_->try_pop(value) != boost::fibers::channel_op_status::success)
            return std::nullopt;
        return value;
    }
    void close() {
        if (buffered_) {
            buffered_->close();
        } else {
            unbuffered_->close();
        }
    }

private:
    std::optional<boost::fibers::buffered_channel<T>> buffered_;
    std::optional<boost::fibers::unbuffered_channel<T>> unbuffered_;
};

/// A counter under a mutex, with a condition variable for whoever waits.
class fiber_wait_group {
public:
    void add(int n) {
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
    boost::fibers::mutex mutex_;
    boost::fibers::condition_variable zero_;
    int count_ = 0;
};

class fiber_group {
public:
    template <class F>
    void go(F f) {
        fibers_.push_back(start_fiber(std::move(f)));
    }
    void wait() {
        for (auto& f : fibers_) f.join();
        fibers_.clear();
    }

private:
    std::vector<boost::fibers::fiber> fibers_;
};

struct with_boost_fiber {
    static constexpr const char* name = "boost_fiber";
    static constexpr int few(int n) { return n; }
    static constexpr int most_tasks = 100'000;  // two mappings each, of which a process has 65,530
    static constexpr int most_workers = 2;

    template <class F>
    static void run(std::size_t workers, F body) {
        static const std::size_t started = start(workers);
        if (started != workers) throw std::logic_error("one number of workers a process");
        body();
    }

    using task_group = fiber_group;
    using wait_group = fiber_wait_group;
    using mutex = boost::fibers::mutex;
    using condition_variable = boost::fibers::condition_variable;

    template <class F>
    static void go(F f) {
        start_fiber(std::move(f)).detach();
    }
    static void yield() noexcept { boost::this_fiber::yield(); }
    static void sleep_for(std::chrono::microseconds d) { boost::this_fiber::sleep_for(d); }

    template <class T>
    static fiber_channel<T> make_chan(std::size_t capacity) {
        return fiber_channel<T>(capacity);
    }

private:
    static void use_scheduler(std::size_t workers) {
        const char* chosen = std::getenv("RUNNEL_BENCH_FIBER");
        if (workers == 1) {
            boost::fibers::use_scheduling_algorithm<boost::fibers::algo::round_robin>();
        } else if (chosen != nullptr && std::string_view(chosen) == "work_stealing") {
            boost::fibers::use_scheduling_algorithm<boost::fibers::algo::work_stealing>(
                static_cast<std::uint32_t>(workers), true);
        } else {
            boost::fibers::use_scheduling_algorithm<boost::fibers::algo::shared_work>(true);
        }
    }

    // The other threads stay until the process ends.
    static std::size_t start(std::size_t workers) {
        for (std::size_t i = 1; i < workers; ++i) {
            std::thread([workers] {
                use_scheduler(workers);
                boost::fibers::mutex mutex;
                boost::fibers::condition_variable never;
                std::unique_lock lock(mutex);
                never.wait(lock, [] { return false; });
            }).detach();
        }
        use_scheduler(workers);
        return workers;
    }
};

}  // namespace bench
