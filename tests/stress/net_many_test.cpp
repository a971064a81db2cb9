// tests/stress/net_many_test.cpp — ten thousand connections that a process holds open at once, echoing.
// SPDX-License-Identifier: BSL-1.0
//
//   What is hunted: a wake-up, a byte, a goroutine or a descriptor that is lost where there are very many. All are open
//   before the first round begins, and until the last one has ended; in a round all of them talk at once. A stall is
//   the watchdog's.
//   The clients are a process of their own, so that each needs one descriptor a connection, and ten thousand fit into
//   the limits of an ordinary system.
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <runnel/blocking.hpp>
#include <runnel/go.hpp>
#include <runnel/net.hpp>
#include <runnel/runtime.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/connections.hpp"
#include "support/support.hpp"

namespace {

namespace net = runnel::net;

constexpr int rounds = 4;
constexpr std::size_t message_size = 64;
constexpr rlim_t other_descriptors = 100;

/// Whether the process may have so many descriptors, its limit having been raised if need be.
bool may_open(rlim_t descriptors) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
    if (limit.rlim_cur >= descriptors) return true;
    if (limit.rlim_max < descriptors) return false;
    limit.rlim_cur = descriptors;
    return ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

/// The runtime opens what it waits by at the first wait, and keeps it: that is not to count as left.
void wait_for_once() {
    auto l = net::listen("127.0.0.1:0");
    runnel::wait_group wg;
    wg.go([&] {
        std::error_code e;
        l.accept(e);
    });
    const bool waits = test::wait_parked(1, "IO wait");
    l.close();
    wg.wait();
    if (!waits) throw std::runtime_error("the runtime waits for nothing");
}

/// What there is besides connections.
struct inventory {
    std::size_t descriptors = test::open_descriptors();
    std::size_t goroutines = runnel::num_goroutine();

    /// Whether it is soon again as it was.
    bool is_back() const {
        return test::eventually([&] { return runnel::num_goroutine() == goroutines; }) &&
               test::eventually([&] { return test::open_descriptors() == descriptors; });
    }
};

// ---- 1. the clients, a process ----

std::string message(int client, int round) {
    std::string text = std::to_string(client) + " in round " + std::to_string(round);
    text.resize(message_size, '.');
    return text;
}

/// Whether what was sent has come back.
bool talk(net::stream& s, int client, int round) {
    const std::string sent = message(client, round);
    std::error_code e;
    s.write(sent, e);
    return !e && test::take_all(s, message_size) == sent;
}

std::string environment(const char* name) {
    const char* text = std::getenv(name);
    return text != nullptr ? text : "";
}

std::string clients_report(int connections, int right, bool all_is_back) {
    return std::to_string(connections) + " connections, " + std::to_string(right) +
           " echoes as sent, " + (all_is_back ? "nothing" : "something") + " left\n";
}

/// Of the number that stands in the environment, to the address there; prints a report.
CHILD_SCENARIO(clients) {
    const std::string address = environment("RUNNEL_TEST_ADDRESS");
    const int connections = std::atoi(environment("RUNNEL_TEST_CONNECTIONS").c_str());
    runnel::run([&] {
        wait_for_once();
        const inventory before;
        std::atomic<int> right{0};
        {
            std::vector<net::stream> streams(static_cast<std::size_t>(connections));
            // A few at a time: the server's system lets wait only so many that have not been accepted, and one that
            // is echoed has been.
            runnel::wait_group dialling;
            std::atomic<int> next{0};
            for (int d = 0; d < 32; ++d) {
                dialling.go([&] {
                    for (int i = next++; i < connections; i = next++) {
                        net::stream& s = streams[static_cast<std::size_t>(i)];
                        s = net::dial(address);
                        right += talk(s, i, 0);
                    }
                });
            }
            dialling.wait();
            for (int round = 1; round < rounds; ++round) {
                runnel::wait_group talking;
                for (int i = 0; i < connections; ++i) {
                    talking.go(
                        [&, i] { right += talk(streams[static_cast<std::size_t>(i)], i, round); });
                }
                talking.wait();
            }
        }
        std::fputs(clients_report(connections, right, before.is_back()).c_str(), stdout);
    });
    return 0;
}

// ---- 2. the server ----

struct tally {
    std::atomic<int> accepted{0};
    std::atomic<int> open{0};
    std::atomic<int> most_open{0};
    std::atomic<long> bytes{0};
    std::atomic<int> failed{0};
};

void echo(net::stream s, tally& t) {
    std::array<std::byte, message_size> some;
    std::error_code e;
    while (const std::size_t n = s.read_some(some, e)) {
        t.bytes += static_cast<long>(n);
        s.write(std::span(some).first(n), e);
        if (e) break;
    }
    if (e) ++t.failed;
    --t.open;
}

void serve(net::listener& l, tally& t) {
    runnel::wait_group echoing;
    std::error_code e;
    for (;;) {
        net::stream s = l.accept(e);
        if (e) break;
        ++t.accepted;
        const int open = ++t.open;
        if (open > t.most_open) t.most_open = open;  // nobody else writes it
        echoing.go([&t, s = std::move(s)]() mutable { echo(std::move(s), t); });
    }
    if (e != net::errc::closed) ++t.failed;
    echoing.wait();
}

TEST_CASE("ten thousand connections are open at once, and each is echoed", "[stress][net]") {
    const int connections = test::scale(10'000);
    const rlim_t descriptors = static_cast<rlim_t>(connections) + other_descriptors;
    if (!may_open(descriptors)) {
        WARN("a process may not have " << descriptors << " descriptors here (ulimit -Hn)");
        SUCCEED();
        return;
    }
    test::expectations expected;
    test::on_workers([&] {
        wait_for_once();
        const inventory before;
        tally t;
        auto l = net::listen("127.0.0.1:0");
        runnel::wait_group serving;
        serving.go([&] { serve(l, t); });
        const std::string address = l.local_endpoint().to_string();
        const test::process_result clients = runnel::blocking([&] {
            return test::run_scenario(
                "clients",
                {"RUNNEL_TEST_ADDRESS=" + address,
                 std::string("RUNNEL_TEST_CONNECTIONS=").append(std::to_string(connections)),
                 std::string("RUNNEL_MAXPROCS=").append(std::to_string(runnel::max_procs()))});
        });
        l.close();
        serving.wait();
        expected.check_eq(clients.status, 0, "the clients' status");
        expected.check_eq(clients.err, std::string(), "the clients' complaints");
        expected.check_eq(clients.out, clients_report(connections, connections * rounds, true),
                          "what the clients saw");
        expected.check_eq(t.accepted.load(), connections, "were accepted");
        expected.check_eq(t.most_open.load(), connections, "were open at once");
        expected.check_eq(t.open.load(), 0, "are open in the end");
        expected.check_eq(t.bytes.load(), long{connections} * rounds * long{message_size}, "bytes");
        expected.check_eq(t.failed.load(), 0, "failed");
        expected.check(before.is_back(), "no goroutine and no descriptor is left");
    });
    expected.verify();
}

}  // namespace
