// tests/net_test.cpp — connections: reading, writing, deadlines, contexts, closing, addresses, errors.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/net.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <runnel/blocking.hpp>
#include <runnel/chan.hpp>
#include <runnel/context.hpp>
#include <runnel/future.hpp>
#include <runnel/go.hpp>
#include <runnel/runtime.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/connections.hpp"
#include "support/descriptors.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using namespace std::string_view_literals;
namespace net = runnel::net;
using test::bytes_of;
using test::connection;
using test::make_connection;
using test::take;
using test::take_or_error;

constexpr const char* wait_reason = "IO wait";
constexpr const char* closed_message = "use of closed network connection";
constexpr const char* timeout_message = "i/o timeout";

static_assert(!std::is_copy_constructible_v<net::stream> &&
              !std::is_copy_assignable_v<net::stream>);
static_assert(!std::is_copy_constructible_v<net::listener>);
static_assert(std::is_nothrow_move_constructible_v<net::stream>);
static_assert(std::is_nothrow_move_assignable_v<net::listener>);
static_assert(std::is_error_code_enum_v<net::errc>);

// What `f` throws; empty if nothing.
template <class F>
std::string error_of(F f) {
    try {
        f();
    } catch (const std::system_error& e) {
        return e.what();
    }
    return "";
}

bool nobody_waits() {
    return test::eventually([] { return runnel::detail::the_poller.waiters() == 0; });
}

// Has the other end reset the connection instead of ending it.
void reset_when_closed(int fd) {
    const linger at_once{1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}
test::descriptor dial_raw(const net::endpoint& where) {
    test::descriptor fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(where.port());
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&a), sizeof a) != 0) fd.close();
    return fd;
}

// ---- streams ----

TEST_CASE("what one end writes the other end reads", "[net]") {
    test::expectations expected;
    const auto pass_some = [&](const std::string& address) {
        connection c = make_connection(address);
        expected.check_eq(c.a.write("hello"), 5U, "all of it");
        expected.check_eq(take(c.b), "hello"s, "arrives");
        expected.check_eq(c.b.write_some("there"), 5U, "and the other way");
        expected.check_eq(test::take_all(c.a, 3), "the"s, "as much as was asked for");
        expected.check_eq(take(c.a), "re"s, "the rest");
        const std::array<std::byte, 2> raw{std::byte{'o'}, std::byte{'k'}};
        expected.check_eq(c.a.write(raw), 2U, "bytes");
        expected.check_eq(c.a.write(std::string("!")), 1U, "a string");
        expected.check_eq(test::take_all(c.b, 3), "ok!"s, "arrive");
    };
    test::on_workers([&] {
        pass_some("127.0.0.1:0");
        pass_some(test::unused_unix_name());
    });
    pass_some("127.0.0.1:0");  // on a thread
    pass_some(test::unused_unix_name());
    expected.verify();
    CHECK(nobody_waits());
}

TEST_CASE("a reader parks until something comes, a writer until there is room", "[net]") {
    test::expectations expected;
    test::on_workers([&] {
        connection c = make_connection();
        auto reader = runnel::async([&] { return take(c.a); });
        expected.check(test::wait_parked(1, wait_reason), "the reader parks");
        c.b.write("x");
        expected.check_eq(reader.get(), "x"s, "and reads");

        const std::size_t room = test::fill(c.a);
        const std::string& text = test::too_much();
        auto writer = runnel::async([&] { return c.a.write(text); });
        expected.check(test::wait_parked(1, wait_reason), "the writer parks");
        const std::string all = test::take_all(c.b, room + text.size());
        expected.check_eq(writer.get(), text.size(), "all has been written");
        expected.check(all == std::string(room, 'f') + text, "and read");
    });
    expected.verify();
    CHECK(nobody_waits());
}

TEST_CASE("both directions are used at once", "[net][bug-37]") {
    test::expectations expected;
    test::on_workers([&] {
        connection c = make_connection();
        const std::size_t size = 3'000'000;
        runnel::wait_group wg;
        for (net::stream* s : {&c.a, &c.b}) {
            wg.go([&, s] {
                const std::string text(size, s == &c.a ? 'a' : 'b');
                expected.check_eq(s->write(text), size, "written");
                s->shutdown();
            });
            wg.go([&, s] {
                const std::string got = test::take_all(*s, size);
                expected.check(got == std::string(size, s == &c.a ? 'b' : 'a'), "read");
                expected.check_eq(take(*s), ""s, "the end");
            });
        }
        wg.wait();
    });
    expected.verify();
}

TEST_CASE("threads and goroutines use the same connection", "[net]") {
    for (const std::size_t n : test::worker_counts()) {
        const test::procs p(n);
        auto l = net::listen("127.0.0.1:0");
        runnel::wait_group wg;
        wg.go([&] {
            net::stream s = l.accept();
            for (std::string text; !(text = take(s)).empty();) s.write(text);
        });
        net::stream s = net::dial(l.local_endpoint().to_string());
        for (int i = 0; i < 100; ++i) {
            s.write(std::to_string(i));
            CHECK(test::take_all(s, std::to_string(i).size()) == std::to_string(i));
        }
        s.close();
        wg.wait();
    }
    CHECK(nobody_waits());
}

TEST_CASE("a read of all tells a stream that has ended from one that broke off", "[net]") {
    test::expectations expected;
    test::on_workers([&] {
        connection c = make_connection();
        c.a.write("1234567");
        c.a.close();
        std::string four(4, '\0');
        expected.check_eq(c.b.read(bytes_of(four)), 4U, "the first four");
        std::error_code e;
        expected.check_eq(c.b.read(bytes_of(four), e), 3U, "three more");
        expected.check(e == net::errc::unexpected_end, "and no fourth");
        expected.check_eq(four, "5674"s, "what has come is there");
        expected.check_eq(c.b.read(bytes_of(four), e), 0U, "nothing more");
        expected.check(!e, "which is no error");
        expected.check_eq(take(c.b), ""s, "nor here");
    });
    expected.verify();
}

TEST_CASE("an empty read or write returns at once", "[net][C-363]") {
    test::expectations expected;
    test::on_workers([&] {
        connection c = make_connection();
        std::error_code e;
        expected.check_eq(c.a.read_some({}, e), 0U, "nothing");
        expected.check(!e, "no error");
        expected.check_eq(c.a.read({}), 0U, "nothing");
        expected.check_eq(c.a.write(""), 0U, "nothing");
        expected.check_eq(c.a.write_some(""), 0U, "nothing");
        // Even while somebody else reads.
        auto reader = runnel::async([&] { return take(c.a); });
        expected.check(test::wait_parked(1, wait_reason), "parks");
        expected.check_eq(c.a.read_some({}), 0U, "does not wait for its turn");
        c.b.write("x");
        expected.check_eq(reader.get(), "x"s, "reads");
        c.a.close();
        c.a.read_some({}, e);
        expected.check(e == net::errc::closed, "but not if it is closed");
    });
    expected.verify();
}

TEST_CASE("half of a connection can be ended", "[net][C-361]") {
    test::expectations expected;
    test::on_workers([&] {
        for (const std::string& address : {"127.0.0.1:0"s, test::unused_unix_name()}) {
            connection c = make_connection(address);
            auto reader = runnel::async([&] { return take(c.b); });
            expected.check(test::wait_parked(1, wait_reason), "parks");
            c.a.shutdown();
            expected.check_eq(reader.get(), ""s, "the other end reads the end");
            c.b.write("still here");
            expected.check_eq(take(c.a), "still here"s, "the other direction goes on");
            std::error_code e;
            c.a.write("x", e);
            expected.check(e == std::errc::broken_pipe, "nothing can be written");

            auto other = runnel::async([&] { return take(c.a); });
            expected.check(test::wait_parked(1, wait_reason), "parks");
            c.a.shutdown(net::half::read);
            expected.check_eq(other.get(), ""s, "this end reads the end");

            connection d = make_connection(address);
            auto third = runnel::async([&] { return take(d.b); });
            expected.check(test::wait_parked(1, wait_reason), "parks");
            d.a.shutdown(e);
            expected.check(!e, "no error");
            expected.check_eq(third.get(), ""s, "writing, if no direction is named");
            d.b.write("still here");
            expected.check_eq(take(d.a), "still here"s, "the other direction goes on");
            d.a.close();
            d.a.shutdown(e);
            expected.check(e == net::errc::closed, "an error is set");
        }
    });
    expected.verify();
}

TEST_CASE("who has ended his reading reads the end, whatever has come or still comes", "[net]") {
    test::expectations expected;
    test::on_workers([&] {
        for (const std::string& address : {"127.0.0.1:0"s, test::unused_unix_name()}) {
            for (const net::half which : {net::half::read, net::half::both}) {
                connection c = make_connection(address);
                c.b.write("early");
                expected.check_eq(take(c.a, 1), "e"s, "it has come");
                c.a.shutdown(which);
                expected.check_eq(take(c.a), ""s, "the end");
                std::error_code e;
                c.b.write("late", e);  // of a Unix socket an error
                expected.check_eq(take(c.a), ""s, "and again");
                c.b.shutdown(e);
                std::string some(4, '\0');
                expected.check_eq(c.a.read(bytes_of(some), e), 0U, "nothing");
                expected.check(!e, "but the end");
            }
        }
    });
    expected.verify();
}

TEST_CASE("a connection that was reset or has no reader is an error, and no signal",
          "[net][C-364][C-368]") {
    test::expectations expected;
    test::on_workers([&] {
        auto l = net::listen("127.0.0.1:0");
        auto peer = dial_raw(l.local_endpoint());
        net::stream s = l.accept();
        auto reader = runnel::async([&] {
            std::error_code e;
            std::string one(1, '\0');
            s.read_some(bytes_of(one), e);
            return e;
        });
        expected.check(test::wait_parked(1, wait_reason), "parks");
        reset_when_closed(peer.get());
        peer.close();
        expected.check(reader.get() == std::errc::connection_reset, "told to who waits");

        connection c = make_connection(test::unused_unix_name());
        c.b.close();
        std::error_code e;
        c.a.write("x", e);
        expected.check(e == std::errc::broken_pipe, "nobody is there");

        connection d = make_connection();
        auto writer = runnel::async([&] {
            std::error_code error;
            const std::size_t n = d.a.write(test::too_much(), error);
            return error && n < test::too_much().size();
        });
        expected.check(test::wait_parked(1, wait_reason), "parks");
        d.b.close();
        expected.check(writer.get(), "who has gone reads no more");
    });
    expected.verify();
}

// [C-162] The sanitizer's presets check that it is so.
TEST_CASE("what precedes a write happens before the read that sees it", "[net][C-162]") {
    test::expectations expected;
    test::on_workers([&] {
        connection c = make_connection();
        int value = 0;
        runnel::wait_group wg;
        wg.go([&] {
            expected.check_eq(take(c.b), "x"s, "told");
            expected.check_eq(value, 7, "seen");
            value = 8;
            c.b.write("y");
        });
        value = 7;
        c.a.write("x");
        expected.check_eq(take(c.a), "y"s, "told");
        expected.check_eq(value, 8, "seen");
        wg.wait();
    });
    expected.verify();
}

// ---- turns ----

TEST_CASE("writers take turns: what each writes stays together", "[net][C-350]") {
    test::expectations expected;
    test::on_workers([&] {
        connection c = make_connection();
        constexpr int writers = 4;
        constexpr std::size_t size = 400'000;
        runnel::wait_group wg;
        for (int i = 0; i < writers; ++i) {
            wg.go([&, i] { c.a.write(std::string(size, static_cast<char>('a' + i))); });
        }
        int changes = 0;
        char before = 0;
        const std::string all = test::take_all(c.b, size * writers);
        for (const char x : all) changes += std::exchange(before, x) != x;
        wg.wait();
        expected.check_eq(all.size(), size * writers, "all has come");
        expected.check_eq(changes, writers, "each in one piece");
    });
    expected.verify();
}

TEST_CASE("readers take turns, in the order in which they came", "[net][C-350]") {
    test::expectations expected;
    test::on_workers([&] {
        connection c = make_connection();
        constexpr std::size_t readers = 4;
        std::array<std::string, readers> got;
        runnel::wait_group wg;
        for (std::size_t i = 0; i < readers; ++i) {
            wg.go([&, i] { got[i] = test::take_all(c.a, 3); });
            expected.check(test::wait_parked(i + 1, wait_reason), "parks");
        }
        // Of which only the first waits for the connection.
        expected.check_eq(runnel::detail::the_poller.waiters(), 1U, "one waits for bytes");
        for (const char x : "abcdefghijkl"s) {
            c.b.write(std::string(1, x));
            // All look at it, and keep their places.
            c.a.set_read_deadline(runnel::clock::now() + 1h);
        }
        wg.wait();
        expected.check_eq(got[0] + got[1] + got[2] + got[3], "abcdefghijkl"s, "in their order");
    });
    expected.verify();
}

TEST_CASE("a reader who gives up his turn before it comes loses nothing for the others", "[net]") {
    test::expectations expected;
    test::on_workers([&] {
        connection c = make_connection();
        auto ctx = runnel::with_cancel(runnel::background());
        auto first = runnel::async([&] { return take(c.a, 1); });
        expected.check(test::wait_parked(1, wait_reason), "parks");
        auto second = runnel::async([&] {
            std::string one(1, '\0');
            std::error_code e;
            c.a.read_some(bytes_of(one), ctx, e);
            return e;
        });
        expected.check(test::wait_parked(2, wait_reason), "waits for its turn");
        auto third = runnel::async([&] { return take(c.a, 1); });
        expected.check(test::wait_parked(3, wait_reason), "waits for its turn");
        ctx.cancel();
        expected.check(second.get() == runnel::errc::canceled, "gives up");
        c.b.write("xy");
        expected.check_eq(first.get(), "x"s, "reads");
        expected.check_eq(third.get(), "y"s, "reads");
    });
    expected.verify();
}

// ---- deadlines ----

TEST_CASE("a deadline that has passed fails at once, even if there is something, until it is reset",
          "[net][C-351]") {
    test::expectations expected;
    test::on_workers([&] {
        connection c = make_connection();
        c.b.write("wx");
        expected.check_eq(take(c.a, 1), "w"s, "both have come");
        for (const auto past : {runnel::clock::now() - 1h, runnel::clock::now()}) {
            c.a.set_read_deadline(past);
            for (int i = 0; i < 3; ++i) {
                std::string one(1, 'q');
                std::error_code e;
                expected.check_eq(c.a.read_some(bytes_of(one), e), 0U, "nothing");
                expected.check(e == std::errc::timed_out, "timed out");
                expected.check_eq(e.message(), std::string(timeout_message), "in Go's words");
                expected.check_eq(c.a.read(bytes_of(one), e), 0U, "nothing");
                expected.check(e == net::errc::timed_out, "timed out");
                expected.check_eq(one, "q"s, "nothing was taken");
            }
        }
        c.a.write("writing goes on");
        c.a.set_read_deadline({});
        expected.check_eq(take(c.a), "x"s, "nothing was lost");
    });
    expected.verify();
}

TEST_CASE("the same holds for writing", "[net][C-352]") {
    test::expectations expected;
    test::on_workers([&] {
        connection c = make_connection();
        c.a.set_write_deadline(runnel::clock::now() - 1ns);
        for (int i = 0; i < 3; ++i) {
            std::error_code e;
            expected.check_eq(c.a.write("x", e), 0U, "nothing");
            expected.check(e == std::errc::timed_out, "timed out");
            expected.check_eq(c.a.write_some("x", e), 0U, "nothing");
            expected.check(e == std::errc::timed_out, "timed out");
        }
        c.b.write("reading goes on");
        expected.check_eq(take(c.a), "reading goes on"s, "");
        c.a.set_write_deadline(runnel::clock::time_point::max());
        c.a.write("y");
        expected.check_eq(take(c.b), "y"s, "nothing of the others");

        // In the middle: how far it came is told.
        const std::size_t room = test::fill(c.a);
        c.a.set_write_deadline(runnel::clock::now() + 5ms);
        std::error_code e;
        const std::size_t more = c.a.write(test::too_much(), e);
        expected.check(e == std::errc::timed_out, "timed out");
        c.a.close();
        std::size_t got = 0;
        for (std::string some; !(some = take(c.b, 65536)).empty();) got += some.size();
        expected.check_eq(got, room + more, "so much has come");
    });
    expected.verify();
}

TEST_CASE("and for accepting", "[net][C-353]") {
    test::expectations expected;
    test::on_workers([&] {
        auto l = net::listen("127.0.0.1:0");
        net::stream s = net::dial(l.local_endpoint().to_string());
        l.set_deadline(runnel::clock::now() - 1s);
        std::error_code e;
        for (int i = 0; i < 3; ++i) {
            expected.check(!l.accept(e).is_open(), "nothing");
            expected.check(e == std::errc::timed_out, "timed out");
        }
        l.set_deadline({});
        expected.check(l.accept().is_open(), "there it is");

        const auto soon = runnel::clock::now() + 2ms;
        l.set_deadline(soon);
        l.accept(e);
        expected.check(e == std::errc::timed_out, "timed out");
        expected.check(runnel::clock::now() >= soon, "not early");

        l.set_deadline({});
        auto waiting = runnel::async([&] { return l.accept().is_open(); });
        expected.check(test::wait_parked(1, wait_reason), "it waits again");
        net::stream other = net::dial(l.local_endpoint().to_string());
        expected.check(waiting.get(), "and gets the next");
    });
    expected.verify();
}

TEST_CASE("a deadline that was taken back does not strike; each direction has its own",
          "[net][C-354]") {
    test::expectations expected;
    test::on_workers([&] {
        connection c = make_connection();
        // While somebody waits by it.
        c.a.set_deadline(runnel::clock::now() + 1h);
        auto reader = runnel::async([&] { return take_or_error(c.a); });
        expected.check(test::wait_parked(1, wait_reason), "parks");
        c.a.set_write_deadline(runnel::clock::now() - 1h);
        c.a.set_read_deadline(runnel::clock::now() + 2h);
        c.a.set_read_deadline({});
        std::error_code e;
        c.a.write("x", e);
        expected.check(e == std::errc::timed_out, "no writing");
        c.b.write("y");
        expected.check_eq(reader.get(), "y"s, "but reading");

        c.a.set_deadline(runnel::clock::now() - 1h);
        expected.check_eq(take_or_error(c.a), std::string(timeout_message), "both");
        c.a.write("x", e);
        expected.check(e == std::errc::timed_out, "both");
        c.a.set_deadline({});
        c.a.write("x");
        expected.check_eq(take(c.b), "x"s, "none");

        // Of another clock.
        c.a.set_deadline(std::chrono::system_clock::now() - 1s);
        expected.check_eq(take_or_error(c.a), std::string(timeout_message), "past");
        c.a.set_read_deadline(std::chrono::system_clock::time_point::max());
        c.b.write("z");
        expected.check_eq(take_or_error(c.a), "z"s, "none");
    });
    expected.verify();
}

TEST_CASE("deadlines near and far strike in their time", "[net][C-355][C-356]") {
    test::expectations expected;
    const auto try_it = [&] {
        connection c = make_connection();
        test::fill(c.a);
        for (const auto d : {1ns, 10ns, 100ns, 1'000ns, 10'000ns, 100'000ns, 1'000'000ns,
                             10'000'000ns, 30'000'000ns}) {
            const auto until = runnel::clock::now() + d;
            c.a.set_deadline(until);
            expected.check_eq(take_or_error(c.a), std::string(timeout_message), "strikes");
            expected.check(runnel::clock::now() >= until, "not early");
            std::error_code e;
            c.a.write(test::too_much(), e);
            expected.check(e == std::errc::timed_out, "strikes");
        }
        c.a.set_deadline(runnel::clock::now() + 1min);
        c.b.write("z");
        expected.check_eq(take_or_error(c.a), "z"s, "in time");
    };
    test::on_workers(try_it);
    try_it();  // on a thread
    expected.verify();
    CHECK(nobody_waits());
}

TEST_CASE("a deadline that is set holds for those who wait", "[net][C-357]") {
    test::expectations expected;
    test::on_workers([&] {
        auto l = net::listen("127.0.0.1:0");
        connection c = test::connect_to(l);
        connection d = test::connect_to(l);
        const auto long_ago = runnel::clock::now() - 1h;
        for (const auto deadline : {long_ago, runnel::clock::now() + 3ms}) {
            // The second reader waits for its turn.
            auto reader = runnel::async([&] { return take_or_error(c.a); });
            auto other = runnel::async([&] { return take_or_error(c.a); });
            auto writer = runnel::async([&] {
                std::error_code e;
                c.a.write(test::too_much(), e);
                return e.message();
            });
            auto acceptor = runnel::async([&] {
                std::error_code e;
                l.accept(e);
                return e.message();
            });
            expected.check(test::wait_parked(4, wait_reason), "all park");
            std::string of_thread;
            std::thread blocked([&] { of_thread = take_or_error(d.a); });
            expected.check(
                test::eventually([] { return runnel::detail::the_poller.waiters() == 4; }),
                "it waits");
            c.a.set_read_deadline(deadline);
            expected.check_eq(reader.get(), std::string(timeout_message), "reads");
            expected.check_eq(other.get(), std::string(timeout_message), "reads");
            expected.check(!writer.wait_for(1ms), "the writer does not care");
            c.a.set_deadline(deadline);
            d.a.set_deadline(deadline);
            l.set_deadline(deadline);
            expected.check_eq(writer.get(), std::string(timeout_message), "writes");
            expected.check_eq(acceptor.get(), std::string(timeout_message), "accepts");
            runnel::blocking([&] { blocked.join(); });
            expected.check_eq(of_thread, std::string(timeout_message), "the thread, too");
            for (net::stream* s : {&c.a, &d.a}) s->set_deadline({});
            l.set_deadline({});
        }
    });
    expected.verify();
    CHECK(nobody_waits());
}

TEST_CASE("after a call that timed out its buffer is the caller's again", "[net][C-359]") {
    test::expectations expected;
    test::on_workers([&] {
        connection c = make_connection();
        for (int i = 0; i < 20; ++i) {
            std::string mine(8, 'm');
            c.a.set_read_deadline(runnel::clock::now() + 20us);
            std::error_code e;
            c.a.read_some(bytes_of(mine), e);
            expected.check(e == std::errc::timed_out, "timed out");
            c.b.write("nnnnnnnn");
            c.a.set_read_deadline({});
            expected.check_eq(test::take_all(c.a, 8), "nnnnnnnn"s, "arrives elsewhere");
            expected.check_eq(mine, "mmmmmmmm"s, "not here");
        }
    });
    expected.verify();
}

// ---- contexts ----

TEST_CASE("a context ends an operation, one that is done forbids it", "[net]") {
    test::expectations expected;
    test::on_workers([&] {
        auto l = net::listen("127.0.0.1:0");
        connection c = test::connect_to(l);
        auto ctx = runnel::with_cancel(runnel::background());
        const auto canceled = [&](const std::error_code& e) {
            expected.check(e == runnel::errc::canceled, "canceled, not " + e.message());
        };
        std::string some(4, '\0');
        runnel::wait_group wg;
        const auto try_all = [&] {
            wg.go([&] {
                std::error_code e;
                c.a.read_some(bytes_of(some), ctx, e);
                canceled(e);
            });
            wg.go([&] {
                std::error_code e;
                c.a.write(test::too_much(), ctx, e);
                canceled(e);
            });
            wg.go([&] {
                std::error_code e;
                l.accept(ctx, e);
                canceled(e);
            });
            if (!ctx.err()) {
                expected.check(test::wait_parked(3, wait_reason), "park");
                ctx.cancel();
            }
            wg.wait();
        };
        try_all();
        try_all();  // with one that is done
        std::error_code e;
        net::stream again = net::dial(l.local_endpoint().to_string(), ctx, e);
        canceled(e);

        const auto soon = runnel::with_timeout(runnel::background(), 1ms);
        c.b.close();
        connection d = make_connection();
        d.a.read(bytes_of(some), soon, e);
        expected.check(e == runnel::errc::deadline_exceeded, "its deadline");
        expected.check(e == std::errc::timed_out, "which is a timeout");
        expected.check_eq(
            error_of([&] { d.a.read(bytes_of(some), soon); }),
            "read " + d.a.remote_endpoint().to_string() + ": context deadline exceeded",
            "in words");

        // One that is not done is as good as none.
        const auto later = runnel::with_timeout(runnel::background(), 1h);
        d.b.write("abcd", later);
        expected.check_eq(d.a.read(bytes_of(some), later), 4U, "reads");
        d.b.write_some("e", later);
        expected.check_eq(d.a.read_some(bytes_of(some), runnel::background()), 1U, "reads");
        net::stream s = net::dial(l.local_endpoint().to_string(), later);
        expected.check(l.accept(later).is_open(), "accepts");
    });
    expected.verify();
    CHECK(nobody_waits());
}

// ---- closing ----

TEST_CASE("closing wakes all who wait, and fails all who come later",
          "[net][C-360][C-349][bug-39]") {
    test::expectations expected;
    test::on_workers([&] {
        auto l = net::listen("127.0.0.1:0");
        connection c = test::connect_to(l);
        constexpr int each = 3;
        runnel::wait_group wg;
        const auto fails = [&](const std::error_code& e) {
            expected.check(e == net::errc::closed, "closed, not " + e.message());
        };
        for (int i = 0; i < each; ++i) {
            wg.go([&] {
                std::error_code e;
                std::string one(1, '\0');
                c.a.read_some(bytes_of(one), e);
                fails(e);
            });
            wg.go([&] {
                std::error_code e;
                c.a.write(test::too_much(), e);
                fails(e);
            });
            wg.go([&] {
                std::error_code e;
                l.accept(e);
                fails(e);
            });
        }
        expected.check(test::wait_parked(3 * each, wait_reason), "all park");
        c.a.close();
        l.close();
        wg.wait();

        const std::string there = c.a.remote_endpoint().to_string();
        std::string one(1, '\0');
        expected.check_eq(error_of([&] { c.a.read_some(bytes_of(one)); }),
                          "read " + there + ": " + closed_message, "in words");
        expected.check_eq(error_of([&] { c.a.write("x"); }),
                          "write " + there + ": " + closed_message, "in words");
        expected.check_eq(error_of([&] { c.a.shutdown(); }),
                          "shutdown " + there + ": " + closed_message, "in words");
        expected.check_eq(error_of([&] { l.accept(); }),
                          "accept " + l.local_endpoint().to_string() + ": " + closed_message,
                          "in words");
        // A second time is an error, as in Go.
        expected.check_eq(error_of([&] { c.a.close(); }), "close " + there + ": " + closed_message,
                          "in words");
        std::error_code e;
        l.close(e);
        fails(e);
        expected.check(e == std::errc::bad_file_descriptor, "to those who know the system only");
        expected.check(!c.a.is_open() && !l.is_open() && c.b.is_open(), "as they say");
        c.a.set_deadline(runnel::clock::now());
        expected.check_eq(test::take_all(c.b, 1), "g"s, "what was written is there");
    });
    expected.verify();
    CHECK(nobody_waits());
}

TEST_CASE("closing does not wait for a thread that blocks in a read", "[net][C-362]") {
    connection c = make_connection();
    std::string got;
    std::thread reader([&] { got = take_or_error(c.a); });
    REQUIRE(test::eventually([] { return runnel::detail::the_poller.waiters() == 1; }));
    c.a.close();
    reader.join();
    CHECK(got == closed_message);
    CHECK(nobody_waits());
}

TEST_CASE(
    "the number of a closed socket is free when close returns, and not before all calls are over",
    "[net][C-348]") {
    using runnel::detail::direction;
    using runnel::detail::net_call;
    using runnel::detail::net_file;
    const int raw = runnel::detail::socket_open(AF_INET);
    REQUIRE(raw >= 0);
    const auto is_open_number = [&] { return ::fcntl(raw, F_GETFD) != -1; };
    net_file* file = net_file::make(raw);
    std::atomic<bool> closed{false};
    std::thread closer;
    std::error_code e;
    {
        const net_call call(file, direction::read, net_call::order::in_turn, nullptr, e);
        CHECK(call.goes_on());
        {
            // The other direction does not wait for it.
            const net_call other(file, direction::write, net_call::order::in_turn, nullptr, e);
            CHECK(other.goes_on());
        }
        closer = std::thread([&] {
            file->close();
            closed = true;
        });
        REQUIRE(test::eventually([&] { return !file->is_open(); }));
        const net_call late(file, direction::write, net_call::order::in_turn, nullptr, e);
        CHECK(e == net::errc::closed);
        CHECK(!late.goes_on());
        CHECK(!closed);
        CHECK(is_open_number());
    }
    closer.join();
    CHECK(closed);
    CHECK(!is_open_number());
    CHECK(!file->close());
    file->drop_reference();
}

TEST_CASE("streams and listeners give back what they had", "[net]") {
    const auto use_some = [] {
        auto l = net::listen("127.0.0.1:0");
        for (int i = 0; i < 5; ++i) {
            connection c = test::connect_to(l);
            c.a.write("x");
            take(c.b);
            std::error_code e;
            c.a.set_read_deadline(runnel::clock::now() + 1us);
            c.a.read_some(std::as_writable_bytes(std::span(&i, 1)), e);
            if (i % 2 == 0) c.a.close();
            c.b = std::move(c.a);  // the former one is closed
        }
        std::error_code e;
        static_cast<void>(net::dial("127.0.0.1:1", e));
    };
    runnel::run(use_some);
    const std::size_t before = test::open_descriptors();
    runnel::run(use_some);
    use_some();
    CHECK(test::open_descriptors() == before);
}

TEST_CASE("made by default or moved from is closed", "[net]") {
    net::stream s;
    net::listener l;
    std::error_code e;
    CHECK(!s.is_open());
    CHECK(error_of([&] { s.write("x"); }) == "write: "s + closed_message);
    CHECK(error_of([&] { l.accept(); }) == "accept: "s + closed_message);
    s.close(e);
    CHECK(e == net::errc::closed);
    s.set_deadline(runnel::clock::now());
    CHECK(s.local_endpoint().to_string() == "");
    CHECK(s.remote_endpoint() == net::endpoint());

    connection c = make_connection();
    net::stream other = std::move(c.a);
    s = std::move(other);
    CHECK(!other.is_open());  // NOLINT(bugprone-use-after-move)
    CHECK(s.write("x") == 1);
    CHECK(take(c.b) == "x");
    s = net::stream();
    CHECK(take(c.b) == "");
}

// ---- runs that end ----

// In a process of its own: those who were dropped count as waiting for ever.
CHILD_SCENARIO(accept_of_an_ended_run) {
    for (const std::size_t n : test::worker_counts()) {
        const test::procs p(n);
        auto l = net::listen("127.0.0.1:0");
        connection c = test::connect_to(l);
        const std::string address = l.local_endpoint().to_string();
        runnel::run([&] {
            runnel::go([&] { l.accept(); });
            runnel::go([&] { take(c.a); });
            static_cast<void>(test::wait_parked(2, wait_reason));
        });
        // Its run has ended. Another one accepts.
        runnel::run([&] {
            connection d = test::connect_to(l);
            d.a.write("accepted\n");
            std::fputs(take(d.b).c_str(), stdout);
            // Who was dropped while he read keeps his turn, until the stream is closed.
            auto next = runnel::async([&] { return take_or_error(c.a); });
            std::puts(next.wait_for(10ms) ? "read" : "waits for its turn");
            c.a.close();
            std::puts(next.get().c_str());
        });
        l.close();
        std::puts(take(c.b).empty() ? "closed" : "open");
        std::puts(net::listen(address).is_open() ? "listens again" : "");
    }
    return 0;
}
TEST_CASE("a goroutine that was dropped with its run keeps no descriptor open", "[net]") {
    const auto r = test::run_scenario("accept_of_an_ended_run", {"RUNNEL_TEST_PROCS=1,2"});
    const std::string once =
        "accepted\nwaits for its turn\nuse of closed network connection\n"
        "closed\nlistens again\n";
    CHECK(r.out == once + once);
    CHECK(r.err == "");
    CHECK(r.status == 0);
}

// ---- listening and dialling ----

int option_of(const net::stream& s, int level, int name) {
    using runnel::detail::net_call;
    std::error_code e;
    int value = -1;
    net_call call(runnel::detail::net_access::file(s), runnel::detail::direction::write,
                  net_call::order::at_once, nullptr, e);
    call.perform_now([&](int fd) {
        socklen_t size = sizeof value;
        return ::getsockopt(fd, level, name, &value, &size);
    });
    return value;
}
TEST_CASE("connections are kept alive, and send at once", "[net]") {
    connection c = make_connection();
    for (const net::stream* s : {&c.a, &c.b}) {
        CHECK(option_of(*s, IPPROTO_TCP, TCP_NODELAY) == 1);
        CHECK(option_of(*s, SOL_SOCKET, SO_KEEPALIVE) == 1);
        CHECK(option_of(*s, IPPROTO_TCP, TCP_KEEPIDLE) == 15);
        CHECK(option_of(*s, IPPROTO_TCP, TCP_KEEPINTVL) == 15);
        CHECK(option_of(*s, IPPROTO_TCP, TCP_KEEPCNT) == 9);
    }
    connection u = make_connection(test::unused_unix_name());
    CHECK(option_of(u.a, SOL_SOCKET, SO_KEEPALIVE) == 0);
}

TEST_CASE("several who accept get a connection each", "[net]") {
    test::expectations expected;
    test::on_workers([&] {
        auto l = net::listen("127.0.0.1:0");
        constexpr int n = 8;
        std::atomic<int> served{0};
        runnel::wait_group wg;
        for (int i = 0; i < n; ++i) {
            wg.go([&] {
                net::stream s = l.accept();
                s.write(take(s));
                ++served;
            });
        }
        expected.check(test::wait_parked(n, wait_reason), "all park");
        std::vector<net::stream> all;
        for (int i = 0; i < n; ++i) all.push_back(net::dial(l.local_endpoint().to_string()));
        for (net::stream& s : all) s.write("hello");
        for (net::stream& s : all) expected.check_eq(take(s), "hello"s, "answered");
        wg.wait();
        expected.check_eq(served.load(), n, "each served one");
    });
    expected.verify();
}

TEST_CASE("endpoints tell who is connected with whom", "[net]") {
    auto l = net::listen("127.0.0.1:0");
    connection c = test::connect_to(l);
    CHECK(l.local_endpoint().address() == "127.0.0.1");
    CHECK(l.local_endpoint().port() != 0);
    CHECK(l.local_endpoint().to_string() ==
          "127.0.0.1:" + std::to_string(l.local_endpoint().port()));
    CHECK(c.a.remote_endpoint() == l.local_endpoint());
    CHECK(c.b.local_endpoint() == l.local_endpoint());
    CHECK(c.a.local_endpoint() == c.b.remote_endpoint());
    CHECK(!(c.a.local_endpoint() == c.a.remote_endpoint()));
    CHECK(!c.a.local_endpoint().is_unix());

    const std::string name = test::unused_unix_name();
    auto u = net::listen(name);
    connection d = test::connect_to(u);
    CHECK(u.local_endpoint().to_string() == name);
    CHECK(u.local_endpoint().address() == name.substr(5));
    CHECK(u.local_endpoint().port() == 0);
    CHECK(u.local_endpoint().is_unix());
    CHECK(d.a.remote_endpoint() == u.local_endpoint());
    CHECK(d.b.remote_endpoint().to_string() == "unix:");
    // Messages name the end that has a name.
    d.b.close();
    CHECK(error_of([&] { d.b.write("x"); }) == "write " + name + ": " + closed_message);
}

// Whichever socket takes it, and however it was written.
TEST_CASE("an IPv4 address is shown as one", "[net]") {
    auto l = net::listen(":0");
    const std::string port = ":" + std::to_string(l.local_endpoint().port());
    for (const char* host : {"127.0.0.1", "[::ffff:127.0.0.1]", "0.0.0.0"}) {
        const net::stream s = net::dial(host + port);
        const net::stream t = l.accept();
        INFO(host);
        CHECK(t.remote_endpoint() == s.local_endpoint());
        CHECK(t.local_endpoint() == s.remote_endpoint());
        CHECK(t.remote_endpoint().address() == "127.0.0.1");
        CHECK(s.remote_endpoint().to_string() == "127.0.0.1" + port);
    }
    auto mapped = net::listen("[::ffff:127.0.0.1]:0");
    CHECK(mapped.local_endpoint().address() == "127.0.0.1");
    CHECK(test::connect_to(mapped).b.is_open());
}

TEST_CASE("nobody is connected with himself by dialling a port that nobody listens on", "[net]") {
    // One that the system may give to who dials: of these it prefers the even ones.
    net::listener l;
    std::string address;
    for (int port = 33'000; !l.is_open() && port < 60'000; port += 2) {
        address = "0.0.0.0:" + std::to_string(port);
        std::error_code e;
        l = net::listen(address, e);
    }
    l.close();
    int refused = 0;
    const int n = test::scale(30'000);
    for (int i = 0; i < n; ++i) {
        std::error_code e;
        net::dial(address, e);
        refused += e == std::errc::connection_refused;
    }
    CHECK(refused == n);
}

bool has_ipv6() {
    std::error_code e;
    return net::listen("[::1]:0", e).is_open();
}

TEST_CASE("addresses of all kinds", "[net]") {
    test::expectations expected;
    test::on_workers([&] {
        if (has_ipv6()) {
            auto l = net::listen("[::1]:0");
            expected.check_eq(l.local_endpoint().address(), "::1"s, "address");
            expected.check_eq(l.local_endpoint().to_string(),
                              "[::1]:" + std::to_string(l.local_endpoint().port()), "in brackets");
            connection c = test::connect_to(l);
            c.a.write("six");
            expected.check_eq(take(c.b), "six"s, "arrives");
        }
        // All addresses of this machine; without a host, this machine; a name.
        auto l = net::listen(":0");
        const std::string port = ":" + std::to_string(l.local_endpoint().port());
        std::vector<std::string> names = {"127.0.0.1", "localhost", ""};
        if (has_ipv6()) names.emplace_back("[::1]");
        for (const std::string& name : names) {
            net::stream s = net::dial(name + port);
            net::stream t = l.accept();
            s.write(name + port);
            expected.check_eq(take(t), name + port, "arrives");
        }
        for (const char* host : {"[127.0.0.1]", "[localhost]", "[]"}) {
            expected.check(net::dial(host + port).is_open(), host);
            expected.check(l.accept().is_open(), "in brackets");
            expected.check(net::listen(host + ":0"s).is_open(), host);
        }
        net::stream s =
            net::dial("localhost" + port, runnel::with_timeout(runnel::background(), 1h));
        expected.check(l.accept().is_open(), "with a context, too");
        expected.check(net::listen("localhost:0").local_endpoint().port() != 0, "a name");
    });
    expected.verify();
}

TEST_CASE("a Unix socket's file is made by listen and removed by close", "[net]") {
    const auto folder =
        std::filesystem::temp_directory_path() / ("runnel-net-" + std::to_string(::getpid()));
    std::filesystem::create_directory(folder);
    const std::string path = (folder / "socket").string();
    {
        auto l = net::listen("unix:" + path);
        CHECK(std::filesystem::is_socket(path));
        CHECK(l.local_endpoint().to_string() == "unix:" + path);
        connection c = test::connect_to(l);
        c.a.write("x");
        CHECK(take(c.b) == "x");
        CHECK(c.a.remote_endpoint().address() == path);
        CHECK(error_of([&] { net::listen("unix:" + path); }) ==
              "listen unix:" + path + ": Address already in use");
        CHECK(std::filesystem::exists(path));
        c.b.close();  // not the listener
        CHECK(std::filesystem::exists(path));
        l.close();
        CHECK(!std::filesystem::exists(path));
        // One that is another's now is left alone.
        auto other = net::listen("unix:" + path);
        std::error_code e;
        l.close(e);
        l = net::listener();
        CHECK(std::filesystem::exists(path));
    }
    CHECK(!std::filesystem::exists(path));
    std::filesystem::remove(folder);
    CHECK(error_of([&] { net::dial("unix:" + path); }) ==
          "dial unix:" + path + ": No such file or directory");
}

TEST_CASE("a Unix socket's path has 107 bytes at most", "[net]") {
    const auto folder =
        std::filesystem::temp_directory_path() / ("runnel-long-" + std::to_string(::getpid()));
    std::filesystem::create_directory(folder);
    std::string path = (folder / "").string();
    path.append(107 - path.size(), 'p');
    {
        auto l = net::listen("unix:" + path);
        CHECK(std::filesystem::is_socket(path));
        CHECK(l.local_endpoint().address() == path);
        connection c = test::connect_to(l);
        CHECK(c.b.local_endpoint() == l.local_endpoint());
        c.a.write("x");
        CHECK(take(c.b) == "x");
    }
    CHECK(std::filesystem::is_empty(folder));
    std::error_code e;
    net::listen("unix:" + path + "p", e);
    CHECK(e == net::errc::bad_address);
    net::dial("unix:" + path + "p", e);
    CHECK(e == net::errc::bad_address);
    CHECK(std::filesystem::is_empty(folder));
    std::filesystem::remove(folder);

    // So has an abstract name, with its @: it ends where the address does.
    std::string name = test::unused_unix_name();
    name.append(107 + 5 - name.size(), 'n');
    auto l = net::listen(name);
    CHECK(l.local_endpoint().to_string() == name);
    CHECK(test::connect_to(l).b.is_open());
    net::listen(name + "n", e);
    CHECK(e == net::errc::bad_address);
}

TEST_CASE("what cannot be dialled or listened on is said in one line", "[net]") {
    const std::pair<const char*, const char*> wrong[] = {
        {"127.0.0.1", "no port in the address"},
        {"127.0.0.1:", "no port in the address"},
        {"localhost", "no port in the address"},
        {"", "no port in the address"},
        {"[::1]", "no port in the address"},
        {"::1:80", "malformed address"},
        {"[::1:80", "malformed address"},
        {"::1]:80", "malformed address"},
        {"[:80", "malformed address"},
        {"[non:sense]:80", "malformed address"},
        {"[fe80::1%no-such-zone]:80", "malformed address"},
        {"127.0.0.1:65536", "no such port"},
        {"127.0.0.1:99999999999999999999", "no such port"},
        {"127.0.0.1:-1", "no such port"},
        {"127.0.0.1:+1", "no such port"},
        {"127.0.0.1: 1", "no such port"},
        {"127.0.0.1:1x", "no such port"},
        {"127.0.0.1:no-such-service", "no such port"},
        {"unix:", "malformed address"},
    };
    for (const auto& pair : wrong) {
        const char* address = pair.first;
        const char* why = pair.second;
        INFO(address);
        CHECK(error_of([&] { net::dial(address); }) ==
              (*address != '\0' ? "dial "s + address : "dial"s) + ": " + why);
        std::error_code e;
        CHECK(!net::listen(address, e).is_open());
        CHECK(e.message() == why);
        CHECK(e == std::errc::invalid_argument);
    }
    CHECK(error_of([] { net::dial("unix:" + std::string(200, 'x')); }) ==
          "dial unix:" + std::string(200, 'x') + ": malformed address");
    std::error_code of_zero;
    net::dial(std::string_view("a\0b:80", 6), of_zero);
    CHECK(of_zero == net::errc::bad_address);
    for (const std::string_view port : {"http\0x"sv, "80\0"sv, "\0"sv}) {
        net::dial("127.0.0.1:" + std::string(port), of_zero);
        CHECK(of_zero == net::errc::bad_port);
    }
    // A name that is never given away. Without a name server it cannot be asked for.
    const std::string unknown = error_of([] { net::dial("no-such-host.invalid:80"); });
    CHECK((unknown == "dial no-such-host.invalid:80: unknown host" ||
           unknown == "dial no-such-host.invalid:80: the name could not be resolved"));

    auto l = net::listen("127.0.0.1:0");
    const std::string used = l.local_endpoint().to_string();
    CHECK(error_of([&] { net::listen(used); }) == "listen " + used + ": Address already in use");
    l.close();
    CHECK(error_of([&] { net::dial(used); }) == "dial " + used + ": Connection refused");
    std::error_code e;
    net::dial(used, e);
    CHECK(e == std::errc::connection_refused);
    CHECK(e == std::make_error_code(std::errc::connection_refused));
}

// A listener whose queue is full: it answers nobody.
struct deaf_listener {
    test::descriptor fd;
    std::string address;
    std::vector<test::descriptor> queued;

    deaf_listener() : fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in a{};
        a.sin_family = AF_INET;
        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof a;
        auto* any = reinterpret_cast<sockaddr*>(&a);
        if (::bind(fd.get(), any, size) != 0 || ::listen(fd.get(), 0) != 0 ||
            ::getsockname(fd.get(), any, &size) != 0) {
            throw std::runtime_error("no listener");
        }
        address = "127.0.0.1:" + std::to_string(ntohs(a.sin_port));
        for (int i = 0; i < 3; ++i) {
            queued.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
            static_cast<void>(::connect(queued.back().get(), any, size));
        }
    }
};

TEST_CASE("dialling ends with its context", "[net][C-365]") {
    test::expectations expected;
    const deaf_listener deaf;
    test::on_workers([&] {
        const auto dial = [&](const runnel::context& ctx) {
            std::error_code e;
            net::dial(deaf.address, ctx, e);
            return e;
        };
        const auto until = runnel::clock::now() + 2ms;
        expected.check(dial(runnel::with_deadline(runnel::background(), until)) ==
                           runnel::errc::deadline_exceeded,
                       "its deadline");
        expected.check(runnel::clock::now() >= until, "not early");
        expected.check(dial(runnel::with_timeout(runnel::background(), 0ms)) ==
                           runnel::errc::deadline_exceeded,
                       "at once");
        for (const auto limit : {runnel::duration(1h), runnel::duration::max()}) {
            auto ctx = runnel::with_timeout(runnel::background(), limit);
            auto dialling = runnel::async([&] { return dial(ctx); });
            expected.check(test::wait_parked(1, wait_reason), "parks");
            ctx.cancel();
            expected.check(dialling.get() == runnel::errc::canceled, "canceled");
            // The earlier of two.
            const auto parent = runnel::with_timeout(runnel::background(), 1ms);
            expected.check(
                dial(runnel::with_timeout(parent, limit)) == runnel::errc::deadline_exceeded,
                "the parent's");
        }
        expected.check_eq(
            error_of(
                [&] { net::dial(deaf.address, runnel::with_timeout(runnel::background(), 1ms)); }),
            "dial " + deaf.address + ": context deadline exceeded", "in words");
    });
    expected.verify();
    CHECK(nobody_waits());
}

TEST_CASE("dialling a Unix socket waits for room in the listener's queue", "[net]") {
    test::expectations expected;
    test::on_workers([&] {
        const std::string name = test::unused_unix_name();
        test::descriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        sockaddr_un a{};
        a.sun_family = AF_UNIX;
        const std::string path = '\0' + name.substr(6);
        std::copy(path.begin(), path.end(), a.sun_path);
        const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
        expected.check(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&a), size) == 0 &&
                           ::listen(fd.get(), 0) == 0,
                       "listens");
        net::stream first = net::dial(name);
        std::error_code e;
        net::dial(name, runnel::with_timeout(runnel::background(), 5ms), e);
        expected.check(e == runnel::errc::deadline_exceeded, "there is no room");
        auto second = runnel::async([&] { return net::dial(name).is_open(); });
        expected.check(test::wait_parked(1, wait_reason), "waits");
        const test::descriptor accepted(::accept(fd.get(), nullptr, nullptr));
        expected.check(second.get(), "there is");
    });
    expected.verify();
}

TEST_CASE("a connection that has gone before it was accepted harms nobody", "[net][C-364]") {
    test::expectations expected;
    test::on_workers([&] {
        auto l = net::listen("127.0.0.1:0");
        for (int i = 0; i < 3; ++i) {
            auto gone = dial_raw(l.local_endpoint());
            reset_when_closed(gone.get());
        }
        net::stream s = net::dial(l.local_endpoint().to_string());
        s.write("x");
        // Linux hands out those that were reset, too: reading them says so.
        int served = 0;
        for (int i = 0; i < 4; ++i) {
            net::stream t = l.accept();
            served += take_or_error(t) == "x";
        }
        expected.check_eq(served, 1, "the one that is left");
    });
    expected.verify();
    using runnel::detail::is_of_connection;
    CHECK(is_of_connection(std::make_error_code(std::errc::connection_aborted)));
    CHECK(!is_of_connection(std::make_error_code(std::errc::connection_reset)));
    CHECK(!is_of_connection(std::make_error_code(std::errc::too_many_files_open)));
    CHECK(!is_of_connection(net::errc::closed));
}

// ---- want of descriptors ----

void allow_descriptors(rlim_t n) {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = n;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}
CHILD_SCENARIO(accept_without_descriptors) {
    return runnel::run([] {
        auto l = net::listen("127.0.0.1:0");
        net::stream dialled = net::dial(l.local_endpoint().to_string());
        net::stream accepted = l.accept();  // the poller has its own
        std::error_code e;
        accepted.set_read_deadline(runnel::clock::now() + 1ms);
        std::byte one[1];
        accepted.read_some(one, e);

        rlimit before{};
        ::getrlimit(RLIMIT_NOFILE, &before);
        net::stream second = net::dial(l.local_endpoint().to_string());
        const int unused = ::dup(0);
        ::close(unused);
        allow_descriptors(static_cast<rlim_t>(unused));
        const auto used = [] {
            timespec t{};
            ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
            return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
        };
        const auto used_before = used();

        l.set_deadline(runnel::clock::now() + 60ms);
        std::error_code first;
        l.accept(first);
        l.set_deadline({});
        std::error_code second_try = runnel::errc::deadline_exceeded;
        // Its sanitizer needs descriptors to look at a context, and would find fault with it.
        if (!test::under_asan) {
            l.accept(runnel::with_timeout(runnel::background(), 5ms), second_try);
        }

        // Others come meanwhile, and change nothing.
        auto waiting = runnel::async([&] { return l.accept().is_open(); });
        static_cast<void>(test::wait_parked(1, wait_reason));
        const bool returned = waiting.wait_for(30ms);
        const auto used_since = used() - used_before;
        // Said only now: what an error's category is, it cannot see either.
        allow_descriptors(before.rlim_cur);
        std::puts(first.message().c_str());
        std::puts(second_try.message().c_str());
        std::puts(returned ? "returned" : "waits");
        // 100 ms of spinning would have used most of them.
        std::puts(used_since < 50ms ? "quiet" : "busy");
        std::puts(waiting.get() ? "accepted" : "failed");
        return 0;
    });
}
TEST_CASE("accept waits while there is no descriptor for a connection", "[net]") {
    const auto r = test::run_scenario("accept_without_descriptors");
    CHECK(r.out == "i/o timeout\ncontext deadline exceeded\nwaits\nquiet\naccepted\n");
    CHECK(r.err == "");
    CHECK(r.status == 0);
}

TEST_CASE("dialling without descriptors is an error", "[net]") {
    auto l = net::listen("127.0.0.1:0");
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    const int unused = ::dup(0);
    ::close(unused);
    allow_descriptors(static_cast<rlim_t>(unused));
    std::error_code e;
    net::dial(l.local_endpoint().to_string(), e);
    allow_descriptors(before.rlim_cur);
    CHECK(e == std::errc::too_many_files_open);
    CHECK(net::dial(l.local_endpoint().to_string()).is_open());
}

}  // namespace
