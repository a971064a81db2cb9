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

}  // namespace
