// tests/stress/net_close_test.cpp — closing races reading, writing, accepting, and the next owner of the number.
// SPDX-License-Identifier: BSL-1.0
//
//   The interleaving hunted: a reader or writer is before, inside or behind its system call, or about to park, when the
//   stream is closed, and its number becomes that of the next connection at once. A wake-up that is missed is a
//   goroutine that never returns; a call that comes too late takes or leaves bytes in a stranger's connection.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <random>
#include <string>
#include <system_error>

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

TEST_CASE("closing races everything, and no byte goes astray", "[stress][net][bug-38][bug-39]") {
    test::expectations expected;
    test::on_workers([&] {
        auto l = net::listen("127.0.0.1:0");
        const int rounds = test::scale(150);
        constexpr int lanes = 3;
        std::atomic<int> strangers{0};
        std::atomic<int> wrong_errors{0};
        runnel::wait_group wg;
        for (int lane = 0; lane < lanes; ++lane) {
            wg.go([&, lane] {
                std::mt19937_64 random(test::seed() + static_cast<std::uint64_t>(lane));
                for (int i = 0; i < rounds; ++i) {
                    const auto r = random();
                    // Any lane may get any connection: what is written says whose it is, and both ends agree
                    // on it by the first byte.
                    test::connection c = test::make_connection(r % 4 == 0 ? test::unused_unix_name()
                                                                          : "127.0.0.1:0");
                    const char mark = static_cast<char>('A' + (i * lanes + lane) % 57);
                    const auto check_error = [&](const std::error_code& e) {
                        if (e && e != net::errc::closed && e != std::errc::broken_pipe &&
                            e != std::errc::connection_reset) {
                            ++wrong_errors;
                        }
                    };
                    runnel::wait_group of_connection;
                    const auto reads = [&](net::stream& s) {
                        of_connection.go([&] {
                            std::string some(64, '\0');
                            std::error_code e;
                            for (;;) {
                                const std::size_t n = s.read_some(test::bytes_of(some), e);
                                if (n == 0) break;
                                if (some.substr(0, n) != std::string(n, mark)) ++strangers;
                            }
                            check_error(e);
                        });
                    };
                    const auto writes = [&](net::stream& s) {
                        of_connection.go([&] {
                            std::error_code e;
                            const std::string some(r / 8 % 2 == 0 ? 64 : 300'000, mark);
                            for (int k = 0; k < 3 && !e; ++k) s.write(some, e);
                            check_error(e);
                        });
                    };
                    reads(c.a);
                    reads(c.a);
                    writes(c.a);
                    reads(c.b);
                    if (r / 16 % 2 == 0) writes(c.b);
                    for (auto pause = r / 32 % 6; pause > 0; --pause) runnel::yield();
                    std::error_code e;
                    net::stream& first = r / 256 % 2 == 0 ? c.a : c.b;
                    net::stream& second = &first == &c.a ? c.b : c.a;
                    // Two close at once: one of them is late.
                    std::atomic<int> late{0};
                    of_connection.go([&] {
                        std::error_code mine;
                        first.close(mine);
                        late += mine == net::errc::closed;
                    });
                    first.close(e);
                    late += e == net::errc::closed;
                    // Who reads at the other end reads its end.
                    if (r / 512 % 4 == 0) runnel::yield();
                    second.close();
                    of_connection.wait();
                    if (late != 1) ++wrong_errors;
                }
            });
        }
        wg.wait();
        expected.check_eq(strangers.load(), 0, "no stranger's bytes");
        expected.check_eq(wrong_errors.load(), 0, "closed, or the other end has gone");
    });
    expected.verify();
}

TEST_CASE("a listener is closed while others accept and dial, and listened on again",
          "[stress][net]") {
    test::expectations expected;
    test::on_workers([&] {
        const int rounds = test::scale(600);
        std::mt19937_64 random(test::seed());
        auto first = net::listen("127.0.0.1:0");
        const std::string address = first.local_endpoint().to_string();
        first.close();
        std::atomic<int> accepted{0};
        for (int i = 0; i < rounds; ++i) {
            const auto r = random();
            std::error_code e;
            net::listener l = net::listen(address, e);
            if (e) {
                expected.check(false, "listen: " + e.message());
                break;
            }
            runnel::wait_group wg;
            for (int k = 0; k < 3; ++k) {
                wg.go([&] {
                    std::error_code why;
                    for (;;) {
                        net::stream s = l.accept(why);
                        if (why) break;
                        ++accepted;
                    }
                    if (why != net::errc::closed) expected.check(false, why.message());
                });
            }
            wg.go([&] {
                for (int k = 0; k < 3; ++k) {
                    std::error_code why;
                    net::dial(address, why);  // refused once it is closed
                }
            });
            for (auto pause = r % 12; pause > 0; --pause) runnel::yield();
            l.close();
            wg.wait();
        }
        expected.check(accepted > 0, "some were accepted");
    });
    expected.verify();
}

}  // namespace
