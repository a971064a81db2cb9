// tests/net_ends_test.cpp — connections that outlive the run, the runtime or the process that they began in.
// SPDX-License-Identifier: BSL-1.0
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include <unistd.h>

#include <runnel/blocking.hpp>
#include <runnel/future.hpp>
#include <runnel/go.hpp>
#include <runnel/net.hpp>
#include <runnel/runtime.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/connections.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
namespace net = runnel::net;
using test::connection;
using test::take;

constexpr const char* wait_reason = "IO wait";

std::uint32_t waiters() { return runnel::detail::the_poller.waiters(); }

// ---- runtimes that are destroyed ----

/// A listener and a connection whose every direction somebody has waited for, in whatever runtime this is called in.
struct used {
    net::listener l = net::listen("127.0.0.1:0");
    connection c;

    used() {
        auto accepting = runnel::async([this] { return l.accept(); });
        static_cast<void>(test::wait_parked(1, wait_reason));
        c.a = net::dial(l.local_endpoint().to_string());
        c.b = accepting.get();
        auto reading = runnel::async([this] { return take(c.a); });
        static_cast<void>(test::wait_parked(1, wait_reason));
        c.b.write("x");
        static_cast<void>(reading.get());
        const std::size_t room = test::fill(c.a);
        static_cast<void>(test::take_all(c.b, room));
    }
};

/// Does `f` on a thread, and `then` once it waits.
void once_it_waits(const std::function<void()>& f, const std::function<void()>& then) {
    std::thread waiting(f);
    static_cast<void>(test::eventually([] { return waiters() == 1; }));
    then();
    waiting.join();
}

// In a process of its own, in which no other runtime has been: nobody sleeps in the poller any more.
CHILD_SCENARIO(threads_go_on_after_their_runtime) {
    ::alarm(20);
    std::optional<used> u;
    runnel::runtime().run([&] { u.emplace(); });
    once_it_waits([&] { std::puts(take(u->c.a).c_str()); }, [&] { u->c.b.write("read"); });
    net::stream accepted;
    net::stream dialled;
    once_it_waits([&] { accepted = u->l.accept(); },
                  [&] { dialled = net::dial(u->l.local_endpoint().to_string()); });
    std::puts(accepted.is_open() ? "accepted" : "");
    const std::size_t room = test::fill(u->c.a);
    const std::string& text = test::too_much();
    once_it_waits([&] { u->c.a.write(text); },
                  [&] { static_cast<void>(test::take_all(u->c.b, room + text.size())); });
    std::puts("written");
    return 0;
}
// A thread that waits while the runtime goes, whose worker may have slept in the poller; one in blocking(), too.
CHILD_SCENARIO(runtimes_go_while_threads_wait) {
    ::alarm(20);
    std::optional<used> u;
    for (const bool in_blocking : {false, true}) {
        std::atomic<bool> is_read{false};
        const auto read = [&] {
            std::puts(take(u->c.a).c_str());
            is_read = true;
        };
        std::thread reading;
        {
            runnel::runtime_options options;
            options.stop_grace = 20ms;  // for the one in blocking(), who does not come back
            runnel::runtime own(options);
            own.run([&] {
                if (!u) u.emplace();
            });
            if (in_blocking) {
                // Its goroutine goes with the runtime, but what it has begun there is done.
                own.go([&] { runnel::blocking(read); });
            } else {
                reading = std::thread(read);
            }
            static_cast<void>(test::eventually([] { return waiters() == 1; }));
        }
        u->c.b.write("read");
        static_cast<void>(test::eventually([&] { return is_read.load(); }));
        if (reading.joinable()) reading.join();
    }
    std::fflush(stdout);
    ::_exit(0);
}
TEST_CASE("a thread goes on when the runtime in which a connection was made has been destroyed",
          "[net][ends]") {
    const auto r = test::run_scenario("threads_go_on_after_their_runtime");
    CHECK(r.out == "read\naccepted\nwritten\n");
    CHECK(r.err == "");
    CHECK(r.status == 0);
    const auto s = test::run_scenario("runtimes_go_while_threads_wait");
    CHECK(s.out == "read\nread\n");
    CHECK(s.err == "");
    CHECK(s.status == 0);
}

// ---- runs that end ----

std::string error_of_read(net::stream& s) {
    std::byte one[1];
    std::error_code e;
    s.read_some(one, e);
    return e.message();
}
std::string error_of_write(net::stream& s) {
    std::error_code e;
    s.write("x", e);
    return e.message();
}
void drop_a_reader_and_a_writer(net::stream& s) {
    runnel::run([&] {
        test::fill(s);
        runnel::go([&] { take(s); });
        runnel::go([&] { s.write(test::too_much()); });
        static_cast<void>(test::wait_parked(2, wait_reason));
    });
}
// In a process of its own: those who were dropped count as waiting for ever.
CHILD_SCENARIO(deadlines_after_an_ended_run) {
    ::alarm(20);
    for (const std::size_t n : test::worker_counts()) {
        const test::procs p(n);
        connection c = test::make_connection();
        drop_a_reader_and_a_writer(c.a);
        runnel::run([&] {
            // One that was set before they wait for their turn; one that is set then, and one that is taken back first.
            c.a.set_deadline(runnel::clock::now() + 1ms);
            std::puts(error_of_read(c.a).c_str());
            std::puts(error_of_write(c.a).c_str());
            for (const auto first : {runnel::clock::time_point(), runnel::clock::now() + 1h}) {
                c.a.set_deadline(first);
                auto reading = runnel::async([&] { return error_of_read(c.a); });
                auto writing = runnel::async([&] { return error_of_write(c.a); });
                static_cast<void>(test::wait_parked(2, wait_reason));
                c.a.set_deadline({});
                c.a.set_read_deadline(runnel::clock::now() + 1ms);
                std::puts(reading.get().c_str());
                std::puts(writing.wait_for(1ms) ? "written" : "waits for its turn");
                c.a.set_write_deadline(runnel::clock::now() - 1h);
                std::puts(writing.get().c_str());
            }
        });
        // Threads wait for their turn, too.
        c.a.set_deadline({});
        std::string why;
        std::thread reading([&] { why = error_of_read(c.a); });
        c.a.set_deadline(runnel::clock::now() + 1ms);
        reading.join();
        std::puts(why.c_str());
    }
    return 0;
}
TEST_CASE("a deadline holds for those who wait for a turn that was dropped with its run",
          "[net][ends]") {
    const auto r = test::run_scenario("deadlines_after_an_ended_run", {"RUNNEL_TEST_PROCS=1,2"});
    const std::string late = "i/o timeout\n";
    const std::string waiting = late + "waits for its turn\n" + late;
    const std::string once = late + late + waiting + waiting + late;
    CHECK(r.out == once + once);
    CHECK(r.err == "");
    CHECK(r.status == 0);
}

}  // namespace
