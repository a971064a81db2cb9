// tests/net_calls_test.cpp — connections where the system's calls answer as they seldom do: names, interruptions, aborts.
// SPDX-License-Identifier: BSL-1.0
//
//   This program's getaddrinfo, accept4, connect, recv and send come before the system's, which they call.
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <dlfcn.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <runnel/chan.hpp>
#include <runnel/context.hpp>
#include <runnel/future.hpp>
#include <runnel/go.hpp>
#include <runnel/net.hpp>
#include <runnel/runtime.hpp>
#include <runnel/time.hpp>

#include "support/catch.hpp"
#include "support/connections.hpp"
#include "support/descriptors.hpp"
#include "support/support.hpp"

namespace {

// What the calls do in place of the system's. A look-up that nobody waits for any more may go on into the next test:
// so names and their addresses are the same for all.
const std::map<std::string, std::vector<std::string>> names = {
    {"first.test", {"127.0.0.1", "127.0.0.2"}},
    {"second.test", {"127.0.0.2", "127.0.0.1"}},
    {"third.test", {"255.255.255.255", "127.0.0.2", "127.0.0.1"}},
    {"refused.test", {"127.0.0.2", "255.255.255.255"}},
    {"unreachable.test", {"255.255.255.255", "127.0.0.2"}},
    {"here.test", {"192.0.2.1", "127.0.0.1"}},
    {"away.test", {"192.0.2.1"}},
};
const std::map<std::string, int> failures = {
    {"again.test", EAI_AGAIN},   {"fail.test", EAI_FAIL},         {"none.test", EAI_NONAME},
    {"empty.test", EAI_NODATA},  {"family.test", EAI_ADDRFAMILY}, {"memory.test", EAI_MEMORY},
    {"system.test", EAI_SYSTEM}, {"service.test", EAI_SERVICE},
};
struct answers {
    std::atomic<int> service{0};  // the port of "runnel-test"
    std::atomic<int> look_ups{0};
    std::atomic<bool> slow{false};      // a look-up waits as long as it is set
    std::atomic<int> interruptions{0};  // so many calls come back with EINTR
    std::atomic<int> accept_fails{0};   // so many times accept fails…
    std::atomic<int> accept_error{0};   // …with this
    std::atomic<int> connects{0};
    std::atomic<bool> silent{false};  // connecting to 127.0.0.2 goes on for ever
};
answers present;

bool interrupted() {
    int left = present.interruptions.load();
    while (left > 0 && !present.interruptions.compare_exchange_weak(left, left - 1)) {
    }
    if (left > 0) errno = EINTR;
    return left > 0;
}
template <class F>
F* of_the_system(const char* name, F*) {
    return reinterpret_cast<F*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" int getaddrinfo(const char* host, const char* service, const addrinfo* hints,
                           addrinfo** out) {
    static const auto real = of_the_system("getaddrinfo", &getaddrinfo);
    const std::string port = service != nullptr ? service : "";
    const std::string known = std::to_string(present.service);
    const char* number = port == "runnel-test" ? known.c_str() : service;
    const std::string name = host != nullptr ? host : "";
    if (name.size() < 5 || name.substr(name.size() - 5) != ".test") {
        return real(host, number, hints, out);
    }
    ++present.look_ups;
    while (present.slow) std::this_thread::sleep_for(std::chrono::microseconds(50));
    if (const auto f = failures.find(name); f != failures.end()) {
        errno = EIO;
        return f->second;
    }
    *out = nullptr;
    for (const std::string& address : names.at(name)) {
        while (*out != nullptr) out = &(*out)->ai_next;
        if (const int r = real(address.c_str(), number, hints, out); r != 0) return r;
    }
    return 0;
}
extern "C" int accept4(int fd, sockaddr* address, socklen_t* size, int flags) {
    static const auto real = of_the_system("accept4", &accept4);
    if (interrupted()) return -1;
    if (present.accept_fails > 0) {
        --present.accept_fails;
        errno = present.accept_error;
        return -1;
    }
    return real(fd, address, size, flags);
}
extern "C" int connect(int fd, const sockaddr* address, socklen_t size) {
    static const auto real = of_the_system("connect", &connect);
    ++present.connects;
    const auto to = runnel::detail::endpoint_access::from(address, size);
    if (present.silent && to.address() == "127.0.0.2") {
        errno = EINPROGRESS;
        return -1;
    }
    const int r = real(fd, address, size);
    if (interrupted()) return -1;  // it goes on
    return r;
}
extern "C" ssize_t recv(int fd, void* into, std::size_t most, int flags) {
    static const auto real = of_the_system("recv", &recv);
    return interrupted() ? -1 : real(fd, into, most, flags);
}
extern "C" ssize_t send(int fd, const void* from, std::size_t most, int flags) {
    static const auto real = of_the_system("send", &send);
    return interrupted() ? -1 : real(fd, from, most, flags);
}
extern "C" ssize_t recvmsg(int fd, msghdr* message, int flags) {
    static const auto real = of_the_system("recvmsg", &recvmsg);
    return interrupted() ? -1 : real(fd, message, flags);
}
extern "C" ssize_t sendmsg(int fd, const msghdr* message, int flags) {
    static const auto real = of_the_system("sendmsg", &sendmsg);
    return interrupted() ? -1 : real(fd, message, flags);
}

namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
namespace net = runnel::net;
using test::connection;
using test::take;

std::error_code error_of_dial(const std::string& address) {
    std::error_code e;
    net::dial(address, e);
    return e;
}
std::string port_of(const net::listener& l) {
    return ":" + std::to_string(l.local_endpoint().port());
}
bool nobody_waits() {
    return test::eventually([] { return runnel::detail::the_poller.waiters() == 0; });
}

// ---- names ----

TEST_CASE("of a name's addresses the first that answers is connected with", "[net][names]") {
    test::expectations expected;
    test::on_workers([&] {
        auto l = net::listen("127.0.0.1:0");
        for (const auto& [name, tries] : {std::pair("first.test", 1), std::pair("second.test", 2),
                                          std::pair("third.test", 3)}) {
            present.connects = 0;
            const net::stream s = net::dial(name + port_of(l));
            expected.check(s.remote_endpoint() == l.local_endpoint(), name);
            expected.check(l.accept().is_open(), "connected");
            expected.check_eq(present.connects.load(), tries, "each is tried once");
        }
    });
    expected.verify();
}

TEST_CASE("if no address answers the first one's error is told", "[net][names]") {
    auto l = net::listen("127.0.0.1:0");
    const std::error_code refused = error_of_dial("127.0.0.2" + port_of(l));
    const std::error_code unreachable = error_of_dial("255.255.255.255" + port_of(l));
    REQUIRE(refused == std::errc::connection_refused);
    REQUIRE(unreachable);
    REQUIRE(refused != unreachable);
    CHECK(error_of_dial("refused.test" + port_of(l)) == refused);
    CHECK(error_of_dial("unreachable.test" + port_of(l)) == unreachable);
}

TEST_CASE("an address that does not answer has its share of the context's time", "[net][names]") {
    present.silent = true;
    test::expectations expected;
    runnel::run([&] {
        auto l = net::listen("127.0.0.1:0");
        // Half of it, but two seconds at least.
        net::stream s =
            net::dial("second.test" + port_of(l), runnel::with_timeout(runnel::background(), 6s));
        expected.check(s.remote_endpoint() == l.local_endpoint(), "the next one");
        // Without a deadline it has all the time, until the context is done: then no other is tried.
        present.connects = 0;
        auto ctx = runnel::with_cancel(runnel::background());
        auto dialling = runnel::async([&] {
            std::error_code e;
            net::dial("second.test" + port_of(l), ctx, e);
            return e;
        });
        expected.check(test::wait_parked(1, "IO wait"), "it parks");
        ctx.cancel();
        expected.check(dialling.get() == runnel::errc::canceled, "canceled");
        expected.check_eq(present.connects.load(), 1, "no other is tried");
    });
    present.silent = false;
    expected.verify();
    CHECK(nobody_waits());
}

TEST_CASE("a context ends a dial while its name is looked up", "[net][names]") {
    test::expectations expected;
    test::on_workers([&] {
        auto l = net::listen("127.0.0.1:0");
        const auto dial = [&](const runnel::context& ctx) {
            std::error_code e;
            net::dial("first.test" + port_of(l), ctx, e);
            return e;
        };
        present.look_ups = 0;
        present.connects = 0;
        present.slow = true;
        auto ctx = runnel::with_cancel(runnel::background());
        auto canceled = runnel::async([&] { return dial(ctx); });
        auto patient = runnel::async([&] { return net::dial("first.test" + port_of(l)); });
        // Neither keeps a worker.
        expected.check(test::eventually([] { return present.look_ups >= 2; }), "both ask");
        expected.check(dial(runnel::with_timeout(runnel::background(), 1ms)) ==
                           runnel::errc::deadline_exceeded,
                       "its deadline");
        ctx.cancel();
        expected.check(canceled.get() == runnel::errc::canceled, "canceled");
        expected.check_eq(present.connects.load(), 0, "nobody is connected");
        present.slow = false;
        expected.check(patient.get().is_open(), "who waited for it is");
        expected.check(!dial(runnel::background()), "and who comes later");
        expected.check_eq(present.connects.load(), 2, "nobody else");
    });
    expected.verify();
}

TEST_CASE("what a look-up fails with is told", "[net][names]") {
    const std::pair<const char*, std::error_code> cases[] = {
        {"again.test", net::errc::resolving_failed},
        {"fail.test", net::errc::resolving_failed},
        {"none.test", net::errc::unknown_host},
        {"empty.test", net::errc::unknown_host},
        {"family.test", net::errc::unknown_host},
        {"memory.test", std::make_error_code(std::errc::not_enough_memory)},
        {"system.test", std::make_error_code(std::errc::io_error)},
        {"service.test", net::errc::bad_port},
    };
    for (const auto& [name, why] : cases) {
        INFO(name);
        CHECK(error_of_dial(name + ":80"s) == why);
        std::error_code e;
        CHECK(!net::listen(name + ":80"s, e).is_open());
        CHECK(e == why);
        net::dial(name + ":80"s, runnel::background(), e);
        CHECK(e == why);
    }
}

TEST_CASE("of a name's addresses the first that this machine has is listened on", "[net][names]") {
    auto l = net::listen("here.test:0");
    CHECK(l.local_endpoint().address() == "127.0.0.1");
    std::error_code e;
    net::listen("away.test:0", e);
    CHECK(e == std::errc::address_not_available);
    // One that is in use is not passed over.
    net::listen("first.test" + port_of(l), e);
    CHECK(e == std::errc::address_in_use);
}

TEST_CASE("a port may be a service's name", "[net][names]") {
    auto l = net::listen("127.0.0.1:0");
    present.service = l.local_endpoint().port();
    const net::stream s = net::dial("127.0.0.1:runnel-test");
    CHECK(s.remote_endpoint() == l.local_endpoint());
    CHECK(net::dial("localhost:runnel-test", runnel::background()).is_open());
    l.close();
    l = net::listen("127.0.0.1:runnel-test");
    CHECK(l.local_endpoint() == s.remote_endpoint());
    // One that the system knows.
    if (::getservbyname("http", "tcp") != nullptr) {
        std::error_code e;
        const auto all = runnel::detail::endpoints_of(
            "127.0.0.1:http", e, [](const runnel::detail::host_and_port& parts, auto& found) {
                return runnel::detail::look_up(parts, false, found);
            });
        REQUIRE(all.size() == 1);
        CHECK(all[0].to_string() == "127.0.0.1:80");
    }
}

// ---- interruptions and aborts ----

TEST_CASE("a signal that interrupts a call is no error", "[net][calls]") {
    test::expectations expected;
    const auto pass_some = [&](const std::string& address) {
        auto l = net::listen(address);
        connection c;
        present.interruptions = 3;
        c.a = net::dial(l.local_endpoint().to_string());
        present.interruptions = 3;
        c.b = l.accept();
        present.interruptions = 3;
        expected.check_eq(c.a.write("hello"), 5U, "send");
        present.interruptions = 3;
        expected.check_eq(take(c.b), "hello"s, "recv");
    };
    test::on_workers([&] {
        pass_some("127.0.0.1:0");
        pass_some(test::unused_unix_name());
    });
    pass_some("127.0.0.1:0");
    // With several buffers, as asio_stream does.
    const auto p = test::make_socket_pair();
    std::string text = "hello";
    std::array<iovec, 2> pieces{iovec{text.data(), 2}, iovec{text.data() + 2, 3}};
    present.interruptions = 3;
    expected.check_eq(runnel::detail::socket_send(p.a.get(), pieces.data(), 2), 5, "sendmsg");
    text = "-----";
    present.interruptions = 3;
    expected.check_eq(runnel::detail::socket_receive(p.b.get(), pieces.data(), 2), 5, "recvmsg");
    expected.check_eq(text, "hello"s, "in order");
    present.interruptions = 0;
    expected.verify();
}

TEST_CASE(
    "accept goes on after a connection that has gone, and tells what is wrong with the listener",
    "[net][calls]") {
    test::expectations expected;
    test::on_workers([&] {
        auto l = net::listen("127.0.0.1:0");
        const net::stream s = net::dial(l.local_endpoint().to_string());
        for (const int error : {ECONNABORTED, EPROTO, EHOSTUNREACH, ENETDOWN}) {
            present.accept_error = error;
            present.accept_fails = 5;
            l.set_deadline(runnel::clock::now() + 1h);
            const net::stream t = net::dial(l.local_endpoint().to_string());
            expected.check(l.accept().is_open(), "the next one");
            expected.check_eq(present.accept_fails.load(), 0, "after all of them");
        }
        for (const int error : {EPERM, EOPNOTSUPP}) {
            present.accept_error = error;
            present.accept_fails = 1;
            std::error_code e;
            expected.check(!l.accept(e).is_open(), "nothing");
            expected.check(e == std::error_code(error, std::generic_category()), "it is told");
        }
        expected.check(l.accept().is_open(), "it listens still");
    });
    expected.verify();
}

}  // namespace
