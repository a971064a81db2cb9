// tests/conformance/chan_helpers.hpp — crews of goroutines and threads, every way to send and receive.
// SPDX-License-Identifier: BSL-1.0
//
//   Map     crew; send_by/recv_by over all operations; blocked threads; random numbers; allocations
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/select.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/support.hpp"

namespace test {

using namespace std::chrono_literals;

// ---- 1. crews ----

/// Who performs an operation: a goroutine parks, a thread blocks.
enum class place { goroutine, thread };

inline constexpr std::array<place, 2> places{place::goroutine, place::thread};

inline const char* name_of(place p) { return p == place::goroutine ? "goroutine" : "thread"; }

/// Starts functions in goroutines and threads of their own and waits for all of them: what they
/// capture by reference must outlive them. The functions must not throw.
class crew {
public:
    crew() = default;
    crew(const crew&) = delete;
    crew& operator=(const crew&) = delete;
    ~crew() { join(); }

    template <class F>
    void go(F f) {
        ++running_;
        runnel::go([f = std::move(f), done = done_]() mutable {
            f();
            done.send();
        });
    }

    template <class F>
    void thread(F f) {
        ++running_;
        threads_.emplace_back([f = std::move(f), done = done_]() mutable {
            f();
            done.send();
        });
    }

    template <class F>
    void start(place where, F f) {
        if (where == place::goroutine) {
            go(std::move(f));
        } else {
            thread(std::move(f));
        }
    }

    void join() {
        for (; running_ > 0; --running_) done_.recv();
        for (std::thread& t : threads_) t.join();
        threads_.clear();
    }

private:
    // Unbounded: the end of a function never parks, so parked() counts only what a test is about.
    runnel::chan<runnel::unit> done_ = runnel::make_chan<runnel::unit>(runnel::unbounded);
    std::vector<std::thread> threads_;
    std::size_t running_ = 0;
};

// ---- 2. every way to send, every way to receive ----

enum class send_kind { plain, shift, attempt, timed, until, select_one, select_two, dynamic };
enum class recv_kind {
    plain,
    shift,
    attempt,
    timed,
    until,
    select_one,
    select_two,
    select_out,
    dynamic
};

inline constexpr std::array<send_kind, 8> send_kinds{
    send_kind::plain, send_kind::shift,      send_kind::attempt,    send_kind::timed,
    send_kind::until, send_kind::select_one, send_kind::select_two, send_kind::dynamic};
inline constexpr std::array<recv_kind, 9> recv_kinds{
    recv_kind::plain,      recv_kind::shift,      recv_kind::attempt,
    recv_kind::timed,      recv_kind::until,      recv_kind::select_one,
    recv_kind::select_two, recv_kind::select_out, recv_kind::dynamic};

inline std::string name_of(send_kind k) {
    static const char* const names[] = {"send",
                                        "<<",
                                        "try_send",
                                        "send_for",
                                        "send_until",
                                        "select of 1 send",
                                        "select of 2, send",
                                        "dynamic select, send"};
    return names[static_cast<std::size_t>(k)];
}
inline std::string name_of(recv_kind k) {
    static const char* const names[] = {"recv",
                                        ">>",
                                        "try_recv",
                                        "recv_for",
                                        "recv_until",
                                        "select of 1 recv",
                                        "select of 2, recv",
                                        "select into an optional",
                                        "dynamic select, recv"};
    return names[static_cast<std::size_t>(k)];
}

/// Sends `value` by the operation `kind`, again and again if need be, until it is sent.
/// Throws closed_channel as the operation does.
template <class T>
void send_by(send_kind kind, const runnel::chan<T>& ch, T value) {
    switch (kind) {
        case send_kind::plain:
            ch.send(std::move(value));
            return;
        case send_kind::shift:
            ch << std::move(value);
            return;
        case send_kind::attempt:
            while (ch.try_send(std::move(value)) != runnel::op_status::ok) runnel::yield();
            return;
        case send_kind::timed:
            while (ch.send_for(std::move(value), 200us) != runnel::op_status::ok) {
            }
            return;
        case send_kind::until:
            while (ch.send_until(std::move(value), runnel::clock::now() + 200us) !=
                   runnel::op_status::ok) {
            }
            return;
        case send_kind::select_one:
            runnel::select(runnel::send(ch, std::move(value)));
            return;
        case send_kind::select_two: {
            const auto never = runnel::make_chan<int>();
            runnel::select(runnel::recv(never), runnel::send(ch, std::move(value)));
            return;
        }
        case send_kind::dynamic: {
            const auto never = runnel::make_chan<int>();
            std::vector<runnel::select_case> cases;
            cases.push_back(runnel::recv(never));
            cases.push_back(runnel::send(ch, std::move(value)));
            cases.push_back(runnel::recv(runnel::chan<int>{}));
            runnel::select(cases);
            return;
        }
    }
}

/// Receives by the operation `kind` until there is a value, or nullopt once closed and drained.
template <class T>
std::optional<T> recv_by(recv_kind kind, const runnel::chan<T>& ch) {
    std::optional<T> got;
    const auto take = [&](std::optional<T>&& v) {
        if (v) got.emplace(std::move(*v));
    };
    switch (kind) {
        case recv_kind::plain:
            return ch.recv();
        case recv_kind::shift:
            if constexpr (std::is_default_constructible_v<T>) {
                T v{};
                if (ch >> v) got.emplace(std::move(v));
                return got;
            } else {
                return ch.recv();
            }
        case recv_kind::attempt:
            for (;;) {
                auto r = ch.try_recv();
                if (r) got.emplace(std::move(*r));
                if (r.status() != runnel::op_status::would_block) return got;
                runnel::yield();
            }
        case recv_kind::timed:
            for (;;) {
                auto r = ch.recv_for(200us);
                if (r) got.emplace(std::move(*r));
                if (r.status() != runnel::op_status::timeout) return got;
            }
        case recv_kind::until:
            for (;;) {
                auto r = ch.recv_until(runnel::clock::now() + 200us);
                if (r) got.emplace(std::move(*r));
                if (r.status() != runnel::op_status::timeout) return got;
            }
        case recv_kind::select_one:
            runnel::select(runnel::recv(ch, take));
            return got;
        case recv_kind::select_two: {
            const auto never = runnel::make_chan<int>();
            runnel::select(runnel::send(never, 1), runnel::recv(ch, take));
            return got;
        }
        case recv_kind::select_out: {
            const auto never = runnel::make_chan<int>();
            runnel::select(runnel::recv(ch, got), runnel::recv(never));
            return got;
        }
        case recv_kind::dynamic: {
            const auto never = runnel::make_chan<int>();
            std::vector<runnel::select_case> cases;
            cases.push_back(runnel::recv(never));
            cases.push_back(runnel::recv(ch, take));
            cases.push_back(runnel::send(runnel::chan<int>{}, 1));
            runnel::select(cases);
            return got;
        }
    }
    return got;
}

/// True if `f()` throws an E whose what() is `what` (any text if empty).
template <class E, class F>
bool throws(F f, std::string_view what = {}) {
    try {
        f();
    } catch (const E& e) {
        if constexpr (requires { e.what(); }) {
            return what.empty() || what == e.what();
        } else {
            return what.empty();
        }
    } catch (...) {
        return false;
    }
    return false;
}

// ---- 3. blocked threads ----

/// The kernel's id of the calling thread, for wait_blocked.
inline int thread_id() { return static_cast<int>(::syscall(SYS_gettid)); }

/// Waits until the thread that stored its id in `tid` sleeps in the kernel. Threads do not stand in
/// the list of goroutines, so that is as near as a test can see that one has blocked.
inline bool wait_blocked(const std::atomic<int>& tid) {
    int asleep = 0;
    return eventually([&] {
        const int id = tid.load();
        if (id == 0) return false;
        const std::string path = "/proc/self/task/" + std::to_string(id) + "/stat";
        std::FILE* file = std::fopen(path.c_str(), "r");
        if (file == nullptr) return false;
        char state = '?';
        const int fields = std::fscanf(file, "%*d (%*[^)]) %c", &state);
        std::fclose(file);
        // Several looks in a row: a lock of the allocator is not what we wait for.
        asleep = fields == 1 && state == 'S' ? asleep + 1 : 0;
        return asleep >= 8;
    });
}

/// Starts `f` at `where` and returns once it has blocked; it must be the only one that does.
template <class F>
bool start_blocked(crew& c, place where, F f) {
    if (where == place::goroutine) {
        const std::size_t before = parked();
        c.go(std::move(f));
        return wait_parked(before + 1);
    }
    const auto tid = std::make_shared<std::atomic<int>>(0);
    c.thread([f = std::move(f), tid]() mutable {
        tid->store(thread_id());
        f();
    });
    return wait_blocked(*tid);
}

// ---- 4. chance ----

/// A small generator, seeded from test::seed() and a stream number of its own.
class random_numbers {
public:
    explicit random_numbers(std::uint64_t stream) : state_(seed() + stream * 0x9e3779b97f4a7c15U) {}

    std::uint64_t next() {
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
        return z ^ (z >> 31);
    }
    /// Uniform in [0, n), n > 0.
    int below(int n) { return static_cast<int>(next() % static_cast<std::uint64_t>(n)); }
    bool coin() { return (next() & 1) != 0; }

    /// Nothing, a yield, or a short spin: shakes the order in which goroutines meet.
    void dawdle() {
        const int what = below(8);
        if (what == 0) {
            runnel::yield();
        } else if (what == 1) {
            const int turns = below(200);
            for (int i = 0; i < turns; ++i) spin_.fetch_add(1, std::memory_order_relaxed);
        }
    }

private:
    std::uint64_t state_;
    std::atomic<int> spin_{0};
};

/// Ends a loop after `limit` of time or `rounds` rounds, whichever comes first.
class time_box {
public:
    time_box(std::chrono::milliseconds limit, int rounds)
        : end_(std::chrono::steady_clock::now() + limit), left_(rounds) {}
    bool next() { return left_-- > 0 && std::chrono::steady_clock::now() < end_; }

private:
    std::chrono::steady_clock::time_point end_;
    int left_;
};

/// Eight standard deviations of how often one of `ways` equally likely things happens in `rounds`.
inline int eight_sigma(int rounds, int ways) {
    const double p = 1.0 / ways;
    return static_cast<int>(8 * std::sqrt(rounds * p * (1 - p))) + 1;
}

}  // namespace test
