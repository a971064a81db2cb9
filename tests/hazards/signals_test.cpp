// tests/hazards/signals_test.cpp — a storm of signals, and whose business they are.
// SPDX-License-Identifier: BSL-1.0
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <runnel/blocking.hpp>
#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/mutex.hpp>
#include <runnel/net.hpp>
#include <runnel/runtime.hpp>
#include <runnel/select.hpp>
#include <runnel/thread_lock.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "hazards/migrate.hpp"
#include "support/catch.hpp"
#include "support/connections.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;

std::atomic<long> received{0};
std::atomic<long> on_workers_received{0};
std::atomic<long> main_thread{0};

void count_signal(int) {
    ++received;
    if (::syscall(SYS_gettid) != main_thread.load()) ++on_workers_received;
}

class handler {
public:
    explicit handler(int flags) {
        struct sigaction action = {};
        action.sa_handler = count_signal;
        action.sa_flags = flags;
        ::sigaction(SIGUSR1, &action, &before_);
        ::sigaction(SIGPROF, &action, &before_prof_);
    }
    ~handler() {
        ::sigaction(SIGUSR1, &before_, nullptr);
        ::sigaction(SIGPROF, &before_prof_, nullptr);
    }
    handler(const handler&) = delete;
    handler& operator=(const handler&) = delete;

private:
    struct sigaction before_ = {};
    struct sigaction before_prof_ = {};
};

// [C-133] [C-135]
TEST_CASE("a storm of signals disturbs neither waits nor deadlines",
          "[hazards][signals][C-133][C-135]") {
    main_thread = ::syscall(SYS_gettid);
    for (const int flags : {0, static_cast<int>(SA_RESTART)}) {
        INFO("flags " << flags);
        const handler h(flags);
        received = 0;
        std::atomic<bool> stop{false};
        // To the process, which leaves it to the kernel who gets it, and to the main thread itself.
        const pthread_t main_pthread = ::pthread_self();
        std::thread storm([&] {
            sigset_t all;
            ::sigfillset(&all);
            ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
            while (!stop) {
                ::kill(::getpid(), SIGUSR1);
                ::pthread_kill(main_pthread, SIGPROF);
                std::this_thread::sleep_for(100us);
            }
        });
        test::expectations expected;
        test::on_workers([&] {
            const auto ch = runnel::make_chan<int>();
            runnel::mutex m;
            runnel::wait_group wg;
            int counter = 0;
            for (int i = 0; i < 4; ++i) {
                wg.go([&] {
                    for (int k = 0; k < 50; ++k) {
                        const auto start = std::chrono::steady_clock::now();
                        runnel::sleep_for(200us);
                        expected.check(std::chrono::steady_clock::now() - start >= 200us,
                                       "no sleep is short");
                        const std::lock_guard guard(m);
                        ++counter;
                        runnel::yield();
                    }
                });
                wg.go([&, i] {
                    for (int k = 0; k < 50; ++k) i % 2 == 0 ? ch.send(k) : void(ch.recv());
                });
            }
            wg.go([&] {
                const runnel::thread_lock pin;
                for (int k = 0; k < 20; ++k) runnel::sleep_for(100us);
            });
            runnel::select(runnel::timeout(2ms));
            wg.wait();
            expected.check_eq(counter, 200, "all turns");
        });
        // A thread's waits, too: this one gets the signals.
        for (int k = 0; k < 20; ++k) {
            const auto start = std::chrono::steady_clock::now();
            runnel::sleep_for(1ms);
            expected.check(std::chrono::steady_clock::now() - start >= 1ms, "no sleep is short");
        }
        stop = true;
        storm.join();
        expected.verify();
        CHECK(received > 0);
    }
}

TEST_CASE("a storm of signals at threads that dial, accept, read and write is no error",
          "[hazards][signals][net]") {
    const handler h(0);
    received = 0;
    test::expectations expected;
    std::atomic<int> left{2};
    const auto storm_at = [&](std::thread& t) {
        const pthread_t target = t.native_handle();
        while (left > 0) {
            ::pthread_kill(target, SIGUSR1);
            std::this_thread::sleep_for(20us);
        }
        t.join();
    };
    for (const std::string& address : {std::string("127.0.0.1:0"), test::unused_unix_name()}) {
        auto l = runnel::net::listen(address);
        const int rounds = test::scale(200);
        left = 2;
        std::thread server([&] {
            for (int i = 0; i < rounds; ++i) {
                std::error_code e;
                auto s = l.accept(e);
                std::string all(1'000'000, '\0');
                if (!e) s.read(test::bytes_of(all), e);
                if (!e) s.write(all, e);
                if (e) expected.check(false, e.message());
            }
            --left;
        });
        std::thread client([&] {
            for (int i = 0; i < rounds; ++i) {
                std::error_code e;
                auto s = runnel::net::dial(l.local_endpoint().to_string(), e);
                std::string all(1'000'000, 'x');
                if (!e) s.write(all, e);
                if (!e) s.read(test::bytes_of(all), e);
                if (e) expected.check(false, e.message());
                expected.check(all == std::string(1'000'000, 'x'), "all of it comes back");
            }
            --left;
        });
        std::thread other([&] { storm_at(server); });
        storm_at(client);
        other.join();
    }
    expected.verify();
    CHECK(received > 0);
}

TEST_CASE("workers receive no asynchronous signal", "[hazards][signals]") {
    main_thread = ::syscall(SYS_gettid);
    const handler h(static_cast<int>(SA_RESTART));
    on_workers_received = 0;
    received = 0;
    runnel::run([] {
        for (int i = 0; i < 100; ++i) {
            ::kill(::getpid(), SIGUSR1);
            ::kill(::getpid(), SIGPROF);
            runnel::yield();
        }
        runnel::blocking([] { ::kill(::getpid(), SIGUSR1); });
    });
    CHECK(received > 0);
    // The watchdog's thread blocks them as well: the main thread is the only one left.
    CHECK(on_workers_received == 0);
    CHECK(runnel::run([] {
        sigset_t mask;
        ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
        return ::sigismember(&mask, SIGUSR1) == 1 && ::sigismember(&mask, SIGTERM) == 1 &&
               ::sigismember(&mask, SIGSEGV) == 0;
    }));
    sigset_t mask;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    CHECK(::sigismember(&mask, SIGUSR1) == 0);
}

// Which is how a goroutine signals the process: raise() reaches only its own thread, which blocks the signal.
TEST_CASE("a goroutine signals the process by kill, and not by raise", "[hazards][signals]") {
    main_thread = ::syscall(SYS_gettid);
    const handler h(static_cast<int>(SA_RESTART));
    received = 0;
    on_workers_received = 0;
    test::expectations expected;
    runnel::run([&] {
        const runnel::thread_lock pin;  // it is pending for this thread
        ::raise(SIGUSR1);
        sigset_t pending;
        ::sigpending(&pending);
        expected.check(::sigismember(&pending, SIGUSR1) == 1, "it waits");
        expected.check(received == 0, "nobody has got it");
        sigset_t usr1;
        ::sigemptyset(&usr1);
        ::sigaddset(&usr1, SIGUSR1);
        int taken = 0;
        ::sigwait(&usr1, &taken);  // not left behind on the worker
        expected.check(taken == SIGUSR1, "it was this thread's");
        ::kill(::getpid(), SIGUSR1);
    });
    expected.verify();
    CHECK(test::eventually([] { return received == 1; }));
    CHECK(on_workers_received == 0);
}

// A profiler unblocks its signal where it likes: handlers then run on goroutine stacks.
TEST_CASE("a handler may run on a goroutine's stack", "[hazards][signals]") {
    main_thread = ::syscall(SYS_gettid);
    const handler h(static_cast<int>(SA_RESTART));
    received = 0;
    std::atomic<bool> stop{false};
    std::atomic<long> worker{0};
    std::thread storm([&] {
        while (!stop) {
            if (worker != 0) ::syscall(SYS_tgkill, ::getpid(), worker.load(), SIGUSR1);
            std::this_thread::sleep_for(50us);
        }
    });
    runnel::run([&] {
        const runnel::thread_lock pin;
        sigset_t usr1;
        ::sigemptyset(&usr1);
        ::sigaddset(&usr1, SIGUSR1);
        ::pthread_sigmask(SIG_UNBLOCK, &usr1, nullptr);
        worker = test::thread_number();
        const auto ch = runnel::make_chan<int>();
        runnel::go([=] {
            for (int v : ch) static_cast<void>(v);
        });
        for (int i = 0; i < 200 || received < 10; ++i) {
            ch.send(i);
            runnel::sleep_for(20us);
        }
        ch.close();
        ::pthread_sigmask(SIG_BLOCK, &usr1, nullptr);
        worker = 0;
    });
    stop = true;
    storm.join();
    CHECK(received >= 10);
}

}  // namespace
