// tests/stress/net_echo_test.cpp — many connections at once, served by goroutines and threads.
// SPDX-License-Identifier: BSL-1.0
//
//   What is hunted: a wake-up that is lost when many sockets become ready together, while workers fall asleep in the
//   poller and are woken from it; bytes that come twice, or not at all. A stall is the watchdog's.
#include <atomic>
#include <cstddef>
#include <random>
#include <string>
#include <thread>
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

void echo(net::stream s) {
    std::string some(8192, '\0');
    while (const std::size_t n = s.read_some(test::bytes_of(some))) s.write(some.substr(0, n));
}

// Sends messages of all sizes, and counts those that come back as they were.
int talk(const std::string& address, std::uint64_t seed, int messages) {
    std::mt19937_64 random(seed);
    net::stream s = net::dial(address);
    int right = 0;
    for (int i = 0; i < messages; ++i) {
        const auto r = random();
        const std::size_t size = r % 16 == 0 ? 1 + r / 16 % 200'000 : 1 + r / 16 % 200;
        const std::string text(size, static_cast<char>('a' + r / 16 % 26));
        // A large one does not fit into the buffers: writing and reading have to overlap.
        runnel::wait_group wg;
        if (size > 1000) {
            wg.go([&] { s.write(text); });
        } else {
            s.write(text);
        }
        right += test::take_all(s, size) == text;
        wg.wait();
    }
    return right;
}

TEST_CASE("many connections are served at once", "[stress][net]") {
    test::expectations expected;
    test::on_workers([&] {
        for (const std::string& where : {std::string("127.0.0.1:0"), test::unused_unix_name()}) {
            auto l = net::listen(where);
            const std::string address = l.local_endpoint().to_string();
            runnel::wait_group servers;
            for (int i = 0; i < 3; ++i) {
                servers.go([&] {
                    std::error_code e;
                    for (;;) {
                        net::stream s = l.accept(e);
                        if (e) break;
                        servers.go([t = std::move(s)]() mutable { echo(std::move(t)); });
                    }
                    expected.check(e == net::errc::closed, "in the end");
                });
            }
            const int clients = test::scale(100);
            const int messages = test::scale(100);
            std::atomic<int> right{0};
            runnel::wait_group wg;
            for (int i = 0; i < clients; ++i) {
                wg.go([&, i] {
                    right += talk(address, test::seed() + static_cast<std::uint64_t>(i), messages);
                });
            }
            std::atomic<int> of_threads{0};
            std::vector<std::thread> threads;
            for (int i = 0; i < 2; ++i) {
                threads.emplace_back([&, i] {
                    of_threads +=
                        talk(address, test::seed() - static_cast<std::uint64_t>(i) - 1, messages);
                });
            }
            wg.wait();
            runnel::blocking([&] {
                for (std::thread& t : threads) t.join();
            });
            expected.check_eq(right.load(), clients * messages, "all came back to goroutines");
            expected.check_eq(of_threads.load(), 2 * messages, "and to threads");
            l.close();
            servers.wait();
        }
    });
    expected.verify();
}

}  // namespace
