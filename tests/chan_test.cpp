// tests/chan_test.cpp — channels as promised: forms, results, element types, moves.
// SPDX-License-Identifier: BSL-1.0
//
//   What Go pins down about channels is in conformance/chan_*_test.cpp; here stands what C++ adds.
//   Time limits, to the nanosecond: chan_simulated_test.cpp.

#include <runnel/chan.hpp>

#include <array>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <runnel/context.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "conformance/chan_helpers.hpp"
#include "support/support.hpp"

using namespace std::chrono_literals;
using runnel::chan;
using runnel::make_chan;
using runnel::op_status;
using runnel::recv_chan;
using runnel::send_chan;
using runnel::unit;

namespace {

// ---- what must and must not compile ----

template <class C>
concept can_send = requires(const C& c) { c.send(1); };
template <class C>
concept can_shift_in = requires(const C& c) { c << 1; };
template <class C>
concept can_try_send = requires(const C& c) { c.try_send(1); };
template <class C>
concept can_send_for = requires(const C& c) {
    c.send_for(1, 1ms);
    c.send_until(1, runnel::clock::now());
};
template <class C>
concept can_recv = requires(const C& c) { c.recv(); };
template <class C>
concept can_shift_out = requires(const C& c, int& v) { c >> v; };
template <class C>
concept can_try_recv = requires(const C& c) { c.try_recv(); };
template <class C>
concept can_recv_for = requires(const C& c) {
    c.recv_for(1ms);
    c.recv_until(runnel::clock::now());
};
template <class C>
concept can_close = requires(const C& c) {
    c.close();
    c.close(std::exception_ptr{});
};
template <class C>
concept can_iterate = requires(const C& c) {
    c.begin();
    c.end();
};
template <class C>
concept has_size = requires(const C& c) {
    { c.len() } -> std::convertible_to<std::size_t>;
    { c.cap() } -> std::convertible_to<std::size_t>;
};

template <class C>
constexpr bool has_send_half =
    can_send<C> && can_shift_in<C> && can_try_send<C> && can_send_for<C> && can_close<C>;
template <class C>
constexpr bool has_recv_half =
    can_recv<C> && can_shift_out<C> && can_try_recv<C> && can_recv_for<C> && can_iterate<C>;
template <class C>
constexpr bool lacks_send_half =
    !can_send<C> && !can_shift_in<C> && !can_try_send<C> && !can_send_for<C> && !can_close<C>;
template <class C>
constexpr bool lacks_recv_half =
    !can_recv<C> && !can_shift_out<C> && !can_try_recv<C> && !can_recv_for<C> && !can_iterate<C>;

static_assert(has_send_half<chan<int>> && has_recv_half<chan<int>> && has_size<chan<int>>);
static_assert(has_send_half<send_chan<int>> && lacks_recv_half<send_chan<int>> &&
              has_size<send_chan<int>>);
static_assert(has_recv_half<recv_chan<int>> && lacks_send_half<recv_chan<int>> &&
              has_size<recv_chan<int>>);

static_assert(std::is_convertible_v<chan<int>, send_chan<int>>);
static_assert(std::is_convertible_v<chan<int>, recv_chan<int>>);
static_assert(!std::is_convertible_v<send_chan<int>, chan<int>>);
static_assert(!std::is_convertible_v<recv_chan<int>, chan<int>>);
static_assert(!std::is_constructible_v<chan<int>, send_chan<int>>);
static_assert(!std::is_constructible_v<chan<int>, recv_chan<int>>);
static_assert(!std::is_constructible_v<send_chan<int>, recv_chan<int>>);
static_assert(!std::is_constructible_v<recv_chan<int>, send_chan<int>>);
static_assert(!std::is_constructible_v<chan<long>, chan<int>>);
static_assert(!std::is_constructible_v<recv_chan<long>, chan<int>>);

template <class H>
constexpr bool is_cheap_handle =
    std::is_nothrow_default_constructible_v<H> && std::is_copy_constructible_v<H> &&
    std::is_copy_assignable_v<H> && std::is_nothrow_move_constructible_v<H> &&
    std::is_nothrow_move_assignable_v<H> && sizeof(H) <= 2 * sizeof(void*);
static_assert(is_cheap_handle<chan<int>> && is_cheap_handle<send_chan<int>> &&
              is_cheap_handle<recv_chan<int>>);
static_assert(!std::is_convertible_v<chan<int>, bool>, "only an explicit test for nil");
static_assert(std::is_constructible_v<bool, chan<int>>);

static_assert(std::is_same_v<decltype(chan<int>{}.recv()), std::optional<int>>);
static_assert(std::is_same_v<decltype(chan<int>{}.try_send(1)), op_status>);
static_assert(std::is_same_v<decltype(chan<int>{}.send_for(1, 1s)), op_status>);
static_assert(std::is_same_v<decltype(chan<int>{}.send_until(1, runnel::clock::now())), op_status>);
static_assert(std::is_same_v<decltype(chan<int>{}.try_recv()), runnel::recv_result<int>>);
static_assert(std::is_same_v<decltype(chan<int>{}.recv_for(1s)), runnel::recv_result<int>>);
static_assert(std::is_same_v<decltype(std::declval<chan<int>&>() >> std::declval<int&>()), bool>);
static_assert(!std::is_convertible_v<runnel::recv_result<int>, bool>);

// ---- element types that watch themselves ----

/// Counts its copies and moves.
struct traced {
    inline static int copies = 0;
    inline static int moves = 0;
    static void reset() { copies = moves = 0; }

    int value;

    explicit traced(int v) : value(v) {}
    traced(const traced& o) : value(o.value) { ++copies; }
    traced(traced&& o) noexcept : value(std::exchange(o.value, -1)) { ++moves; }
    traced& operator=(const traced& o) {
        value = o.value;
        ++copies;
        return *this;
    }
    traced& operator=(traced&& o) noexcept {
        value = std::exchange(o.value, -1);
        ++moves;
        return *this;
    }
    ~traced() = default;
};

/// Can be neither assigned nor default-constructed: only constructed from another.
struct unassignable {
    const int value;

    explicit unassignable(int v) : value(v) {}
    unassignable(const unassignable&) = default;
    unassignable(unassignable&&) = default;
    unassignable& operator=(const unassignable&) = delete;
    unassignable& operator=(unassignable&&) = delete;
    ~unassignable() = default;
};

/// Overloads the address and comma operators: generic code has to use neither.
struct hostile {
    int value = 0;

    hostile* operator&() const = delete;
    template <class T>
    void operator,(T&&) const = delete;
};

/// All values that come out of `ch` until it is closed, as ints.
std::vector<int> drain(const chan<int>& ch) {
    std::vector<int> all;
    for (int v : ch) all.push_back(v);
    return all;
}

struct base {
    virtual ~base() = default;
    virtual int number() const { return 1; }
};
struct derived : base {
    int number() const override { return 2; }
};

}  // namespace

// ---- 1. making ----

TEST_CASE("a new channel is empty, open and as large as asked for", "[chan][make]") {
    const auto ch = make_chan<int>(10);
    CHECK(ch);
    CHECK(ch.len() == 0);
    CHECK(ch.cap() == 10);
    CHECK(make_chan<int>().cap() == 0);
    CHECK(make_chan<int>(0).cap() == 0);
    CHECK(ch.try_recv().status() == op_status::would_block);
}

TEST_CASE("a capacity that is no power of two is kept exactly", "[chan][make]") {
    for (std::size_t n : {1U, 3U, 5U, 7U, 63U, 65U, 1000U}) {
        const auto ch = make_chan<int>(n);
        REQUIRE(ch.cap() == n);
        for (std::size_t i = 0; i < n; ++i) {
            REQUIRE(ch.try_send(static_cast<int>(i)) == op_status::ok);
        }
        REQUIRE(ch.try_send(0) == op_status::would_block);
        REQUIRE(ch.len() == n);
    }
}

TEST_CASE("a capacity whose buffer could not exist is a length error", "[chan][make]") {
    const std::size_t most = std::numeric_limits<std::size_t>::max();
    CHECK_THROWS_AS(make_chan<int>(most), std::length_error);
    CHECK_THROWS_AS(make_chan<int>(most / 2), std::length_error);
    CHECK_THROWS_AS(make_chan<int>(most / sizeof(int)), std::length_error);
    CHECK_THROWS_AS(make_chan<int>(most / sizeof(int) + 2), std::length_error);
    // Neither wraps around nor fits into any address space.
    CHECK_THROWS_AS(make_chan<int>(std::size_t{1} << 59), std::length_error);
    CHECK_THROWS_AS(make_chan<char>(std::size_t{1} << 49), std::length_error);
    CHECK_THROWS_WITH(make_chan<int>(most), "makechan: size out of range");
    CHECK_THROWS_AS(make_chan<char>(most), std::length_error);
    CHECK_THROWS_AS(make_chan<char>(most - 7), std::length_error);
    CHECK_THROWS_AS(make_chan<test::over_aligned>(most / 128), std::length_error);
    CHECK_THROWS_AS(make_chan<test::big64k>(std::size_t{1} << 48), std::length_error);
}

// ---- 2. handles ----

TEST_CASE("handles share one channel and compare by identity", "[chan][handle][C-13]") {
    const auto a = make_chan<int>(1);
    const auto b = make_chan<int>(1);
    const auto same = a;
    CHECK(a == same);
    CHECK(a != b);
    CHECK_FALSE(a == b);
    same.send(7);
    CHECK(a.len() == 1);
    CHECK(a.recv() == 7);

    const recv_chan<int> r = a;
    const send_chan<int> s = a;
    CHECK(r == recv_chan<int>(same));
    CHECK(s == send_chan<int>(same));
    CHECK(r != recv_chan<int>(b));
    CHECK(a == r);
    CHECK(s == a);
}

TEST_CASE("nil handles are equal, and differ from every channel", "[chan][handle]") {
    const chan<int> nil;
    const auto ch = make_chan<int>();
    CHECK(nil == chan<int>{});
    CHECK(nil != ch);
    CHECK_FALSE(nil);
    CHECK(!nil);
    CHECK(!(!ch));
    CHECK_FALSE(send_chan<int>{});
    CHECK_FALSE(recv_chan<int>(nil));
}

TEST_CASE("a handle moved from is nil and can be assigned again", "[chan][handle]") {
    auto ch = make_chan<int>(1);
    const auto copy = ch;
    auto moved = std::move(ch);
    CHECK(moved == copy);
    ch = moved;
    CHECK(ch == copy);
    auto& itself = ch;
    ch = itself;
    CHECK(ch == copy);
    ch.send(1);
    CHECK(copy.recv() == 1);
    ch = {};
    CHECK(!ch);
    CHECK(copy.len() == 0);
    ch = copy;
    ch = nullptr;
    CHECK(!ch);
}

TEST_CASE("handles hash as they compare", "[chan][handle][C-13]") {
    const auto a = make_chan<int>();
    const auto copy = a;
    CHECK(std::hash<chan<int>>{}(a) == std::hash<chan<int>>{}(copy));
    CHECK(std::hash<recv_chan<int>>{}(a) == std::hash<recv_chan<int>>{}(copy));
    CHECK(std::hash<send_chan<int>>{}(a) == std::hash<send_chan<int>>{}(copy));

    std::unordered_set<chan<int>> set;
    for (int i = 0; i < 100; ++i) set.insert(make_chan<int>());
    set.insert(a);
    set.insert(copy);
    set.insert(chan<int>{});
    set.insert(chan<int>{});
    CHECK(set.size() == 102);
    CHECK(set.count(a) == 1);
    CHECK(set.count(chan<int>{}) == 1);

    std::unordered_map<recv_chan<int>, std::string> names;
    names[a] = "a";
    CHECK(names.at(copy) == "a");
}

TEST_CASE("one-way handles do the half that they have", "[chan][handle]") {
    const auto ch = make_chan<int>(3);
    const send_chan<int> s = ch;
    const recv_chan<int> r = ch;
    s.send(1);
    s << 2;
    CHECK(s.try_send(3) == op_status::ok);
    CHECK(s.try_send(4) == op_status::would_block);
    CHECK(s.send_for(4, 0ms) == op_status::timeout);
    CHECK(s.len() == 3);
    CHECK(s.cap() == 3);
    CHECK(r.len() == 3);
    CHECK(r.cap() == 3);
    CHECK(r.recv() == 1);
    int v = 0;
    CHECK((r >> v));
    CHECK(v == 2);
    CHECK(r.try_recv().value() == 3);
    s << 5 << 6;
    s.close();
    int sum = 0;
    for (int x : r) sum += x;
    CHECK(sum == 11);
    CHECK(r.recv_for(0ms).status() == op_status::closed);
}

TEST_CASE("a channel captured by value in a plain lambda works", "[chan][handle]") {
    test::expectations expect;
    test::on_workers([&] {
        const auto ch = make_chan<std::string>();
        const auto back = make_chan<std::string>();
        runnel::go([ch, back] {
            for (std::string s : ch) back.send(s + "!");
            back.close();
        });
        ch.send("a");
        expect.check_eq(back.recv().value_or(""), "a!", "one way and back");
        ch.close();
        expect.check(!back.recv().has_value(), "closed at the end");
    });
    expect.verify();
}

// ---- 3. sending and receiving ----

TEST_CASE("operators chain sends and report closing", "[chan][send][recv]") {
    const auto ch = make_chan<int>(3);
    ch << 1 << 2 << 3;
    ch.close();
    int v = 0;
    int seen = 0;
    while (ch >> v) CHECK(v == ++seen);
    CHECK(seen == 3);
    CHECK(v == 3);  // on close nothing is assigned
    CHECK_FALSE(ch >> v);
    CHECK(v == 3);
}

TEST_CASE("an lvalue is copied into the channel and an rvalue moved", "[chan][send]") {
    const auto ch = make_chan<std::string>(2);
    std::string text(100, 'x');
    ch.send(text);
    CHECK(text.size() == 100);
    ch.send(std::move(text));
    CHECK(ch.recv()->size() == 100);
    CHECK(ch.recv()->size() == 100);

    const std::string fixed = "fixed";
    ch << fixed << "literal";
    CHECK(ch.recv() == "fixed");
    CHECK(ch.recv() == "literal");
}

TEST_CASE("a unit channel sends without a value", "[chan][send]") {
    const auto ch = make_chan<unit>(4);
    ch.send();
    ch.send(unit{});
    ch << unit{};
    CHECK(ch.try_send(unit{}) == op_status::ok);
    CHECK(ch.len() == 4);
    CHECK(ch.try_send(unit{}) == op_status::would_block);
    CHECK(ch.send_for(0ms) == op_status::timeout);
    CHECK(ch.send_until(runnel::clock::now()) == op_status::timeout);
    CHECK(ch.recv().has_value());
    CHECK(ch.recv().has_value());
    CHECK(ch.send_for(1h) == op_status::ok);
    unit u;
    CHECK((ch >> u));
    CHECK(ch.try_recv());
    CHECK(ch.recv_for(1s));
    CHECK_FALSE(ch.try_recv());
}

TEST_CASE("receiving converts to what is assigned to", "[chan][recv]") {
    const auto ch = make_chan<std::shared_ptr<derived>>(2);
    ch.send(std::make_shared<derived>());
    ch.send(std::make_shared<derived>());
    std::shared_ptr<base> b;
    REQUIRE((ch >> b));
    CHECK(b->number() == 2);
    std::shared_ptr<base> c = *ch.recv();
    CHECK(c->number() == 2);
}

TEST_CASE("sending converts from what is given", "[chan][send]") {
    const auto ch = make_chan<std::shared_ptr<base>>(4);
    ch.send(std::make_shared<derived>());
    ch << std::make_unique<derived>();
    CHECK(ch.try_send(std::make_shared<derived>()) == op_status::ok);
    auto kept = std::make_shared<derived>();
    CHECK(ch.send_for(kept, 1s) == op_status::ok);
    CHECK(kept.use_count() == 2);
    ch.close();
    int n = 0;
    for (const auto& b : ch) n += b->number();
    CHECK(n == 8);
}

// ---- 4. trying ----

TEST_CASE("trying to receive tells a value, nothing and closed apart", "[chan][try][C-34]") {
    const auto ch = make_chan<std::string>(1);
    auto nothing = ch.try_recv();
    CHECK(nothing.status() == op_status::would_block);
    CHECK_FALSE(static_cast<bool>(nothing));

    ch.send("text");
    auto value = ch.try_recv();
    CHECK(value.status() == op_status::ok);
    REQUIRE(static_cast<bool>(value));
    CHECK(*value == "text");
    CHECK(value->size() == 4);
    CHECK(value.value() == "text");

    ch.close();
    auto closed = ch.try_recv();
    CHECK(closed.status() == op_status::closed);
    CHECK_FALSE(static_cast<bool>(closed));
    CHECK_THROWS_AS(closed.value(), std::bad_optional_access);
}

TEST_CASE("a try that would block leaves the value unmoved", "[chan][try]") {
    for (const auto& ch : {make_chan<std::unique_ptr<int>>(), make_chan<std::unique_ptr<int>>(1),
                           chan<std::unique_ptr<int>>{}}) {
        if (ch.cap() == 1) ch.send(nullptr);
        auto p = std::make_unique<int>(5);
        CHECK(ch.try_send(std::move(p)) == op_status::would_block);
        REQUIRE(p);
        CHECK(*p == 5);
    }
}

TEST_CASE("a try on a closed channel throws and leaves the value unmoved", "[chan][try][close]") {
    const auto ch = make_chan<std::unique_ptr<int>>(1);
    ch.close();
    auto p = std::make_unique<int>(5);
    CHECK_THROWS_AS(ch.try_send(std::move(p)), runnel::closed_channel);
    REQUIRE(p);
    CHECK_THROWS_AS(ch.send(std::move(p)), runnel::closed_channel);
    REQUIRE(p);
    CHECK_THROWS_AS(ch.send_for(std::move(p), 1s), runnel::closed_channel);
    REQUIRE(p);
    CHECK_THROWS_AS(ch.send_until(std::move(p), runnel::clock::now() + 1s), runnel::closed_channel);
    REQUIRE(p);
    CHECK_THROWS_AS(ch << std::move(p), runnel::closed_channel);
    CHECK(p);
}

TEST_CASE("two tries never meet on an unbuffered channel", "[chan][try]") {
    test::expectations expect;
    test::on_workers([&] {
        const auto ch = make_chan<int>();
        test::crew crew;
        std::atomic<int> met{0};
        for (int i = 0; i < 2; ++i) {
            crew.go([&] {
                for (int n = 0; n < 1000; ++n) {
                    if (ch.try_send(n) == op_status::ok) ++met;
                    runnel::yield();
                }
            });
            crew.go([&] {
                for (int n = 0; n < 1000; ++n) {
                    if (ch.try_recv()) ++met;
                    runnel::yield();
                }
            });
        }
        crew.join();
        expect.check_eq(met.load(), 0, "meetings");
    });
    expect.verify();
}

TEST_CASE("an operation that is tried on nil would block", "[chan][try][nil]") {
    const chan<int> nil;
    CHECK(nil.try_send(1) == op_status::would_block);
    CHECK(nil.try_recv().status() == op_status::would_block);
    CHECK(send_chan<int>{}.try_send(1) == op_status::would_block);
    CHECK(recv_chan<int>{}.try_recv().status() == op_status::would_block);
}

// ---- 5. time limits ----

TEST_CASE("a time limit of nothing still takes what is ready", "[chan][timed]") {
    const auto ch = make_chan<int>(1);
    CHECK(ch.send_for(1, 0ms) == op_status::ok);
    CHECK(ch.send_for(2, 0ms) == op_status::timeout);
    CHECK(ch.send_for(2, -1h) == op_status::timeout);
    CHECK(*ch.recv_for(0ms) == 1);
    CHECK(ch.recv_for(0ms).status() == op_status::timeout);
    CHECK(ch.recv_for(-1h).status() == op_status::timeout);
    CHECK(ch.send_until(3, runnel::clock::now() - 1h) == op_status::ok);
    CHECK(*ch.recv_until(runnel::clock::time_point::min()) == 3);
    CHECK(ch.recv_until(runnel::clock::time_point::min()).status() == op_status::timeout);
}

TEST_CASE("a time limit is not cut short, and the value stays with its sender", "[chan][timed]") {
    test::expectations expect;
    const auto timed_out = [&](const std::string& where) {
        const auto full = make_chan<std::unique_ptr<int>>(1);
        full.send(nullptr);
        for (const auto& ch :
             {make_chan<std::unique_ptr<int>>(), full, chan<std::unique_ptr<int>>{}}) {
            auto p = std::make_unique<int>(9);
            const auto start = runnel::clock::now();
            expect.check(ch.send_for(std::move(p), 20ms) == op_status::timeout,
                         where + ": send_for reports the timeout");
            expect.check(runnel::clock::now() - start >= 20ms, where + ": send_for is not early");
            expect.check(p && *p == 9, where + ": the value is unmoved");
            expect.check(
                ch.send_until(std::move(p), runnel::clock::now() + 1ms) == op_status::timeout,
                where + ": send_until reports the timeout");
            expect.check(p && *p == 9, where + ": the value is unmoved still");
        }
        for (const auto& ch : {make_chan<int>(), make_chan<int>(1), chan<int>{}}) {
            const auto start = runnel::clock::now();
            expect.check(ch.recv_for(20ms).status() == op_status::timeout,
                         where + ": recv_for reports the timeout");
            expect.check(runnel::clock::now() - start >= 20ms, where + ": recv_for is not early");
            expect.check(ch.recv_until(runnel::clock::now() + 1ms).status() == op_status::timeout,
                         where + ": recv_until reports the timeout");
        }
        expect.check_eq(full.len(), 1, where + ": nothing was added");
    };
    timed_out("thread");
    test::on_workers([&] { timed_out("goroutine"); });
    expect.verify();
}

TEST_CASE("the longest time limit there is does not end at once", "[chan][timed]") {
    test::expectations expect;
    test::on_workers([&] {
        using std::chrono::nanoseconds;
        const auto ch = make_chan<int>();
        for (test::place where : test::places) {
            const std::string name = test::name_of(where);
            test::crew crew;
            std::array<op_status, 4> got{};
            const auto check = [&](std::size_t i, auto f) {
                got[i] = op_status::timeout;
                expect.check(test::start_blocked(crew, where, [&, i, f] { got[i] = f(); }),
                             name + ": blocked");
            };
            check(0, [ch] { return ch.recv_for(std::chrono::hours::max()).status(); });
            ch.send(1);
            check(1, [ch] { return ch.recv_for(nanoseconds::max()).status(); });
            ch.send(1);
            check(2, [ch] { return ch.recv_until(runnel::clock::time_point::max()).status(); });
            ch.send(1);
            check(3, [ch] { return ch.send_for(1, std::chrono::duration<double>::max()); });
            ch.recv();
            crew.join();
            for (op_status s : got) expect.check(s == op_status::ok, name + ": got a value");
        }
    });
    expect.verify();
}

TEST_CASE("a timed operation is served before its limit", "[chan][timed]") {
    test::expectations expect;
    test::on_workers([&] {
        for (test::place where : test::places) {
            const auto ch = make_chan<int>();
            test::crew crew;
            std::atomic<int> got{0};
            expect.check(test::start_blocked(crew, where, [&] { got = *ch.recv_for(1h); }),
                         "receiver blocked");
            ch.send(3);
            crew.join();
            expect.check_eq(got.load(), 3, "received");

            std::atomic<bool> sent{false};
            expect.check(test::start_blocked(crew, where,
                                             [&] { sent = ch.send_for(4, 1h) == op_status::ok; }),
                         "sender blocked");
            expect.check_eq(ch.recv().value_or(0), 4, "sent");
            crew.join();
            expect.check(sent, "send_for said ok");
        }
    });
    expect.verify();
}

// ---- 6. closing with an error ----

namespace {

struct pipe_burst : std::runtime_error {
    pipe_burst() : std::runtime_error("pipe burst") {}
};

std::exception_ptr burst() { return std::make_exception_ptr(pipe_burst{}); }

}  // namespace

TEST_CASE("a channel closed with an error gives its values first and then throws for ever",
          "[chan][close][error]") {
    const auto ch = make_chan<int>(2);
    ch << 1 << 2;
    ch.close(burst());
    CHECK(ch.recv() == 1);
    CHECK(*ch.try_recv() == 2);
    for (int round = 0; round < 2; ++round) {
        int v = 7;
        CHECK_THROWS_AS(ch.recv(), pipe_burst);
        CHECK_THROWS_AS(ch.try_recv(), pipe_burst);
        CHECK_THROWS_AS(ch.recv_for(1s), pipe_burst);
        CHECK_THROWS_AS(ch.recv_until(runnel::clock::now() + 1s), pipe_burst);
        CHECK_THROWS_AS(ch >> v, pipe_burst);
        CHECK(v == 7);
    }
    CHECK_THROWS_AS(ch.send(1), runnel::closed_channel);
    CHECK_THROWS_AS(ch.try_send(1), runnel::closed_channel);
    CHECK_THROWS_AS(ch.close(), runnel::closed_channel);
    CHECK_THROWS_AS(ch.close(burst()), runnel::closed_channel);
    CHECK_THROWS_AS(chan<int>{}.close(burst()), runnel::nil_channel);
}

TEST_CASE("ranging over a channel closed with an error throws after the last value",
          "[chan][close][error][range]") {
    const auto ch = make_chan<int>(3);
    ch << 1 << 2 << 3;
    ch.close(burst());
    int sum = 0;
    const auto range = [&] {
        for (int v : ch) sum += v;
    };
    CHECK_THROWS_AS(range(), pipe_burst);
    CHECK(sum == 6);
    const recv_chan<int> r = ch;
    const auto again = [&] {
        for (int v : r) sum += v;
    };
    CHECK_THROWS_AS(again(), pipe_burst);
    CHECK(sum == 6);
}

TEST_CASE("closing with an error wakes receivers with it and senders as ever",
          "[chan][close][error]") {
    test::expectations expect;
    test::on_workers([&] {
        for (test::place where : test::places) {
            test::crew crew;
            std::atomic<int> burst_seen{0};
            const auto in = make_chan<int>();
            for (test::recv_kind kind : {test::recv_kind::plain, test::recv_kind::shift,
                                         test::recv_kind::select_one, test::recv_kind::select_two,
                                         test::recv_kind::select_out, test::recv_kind::dynamic}) {
                expect.check(test::start_blocked(crew, where,
                                                 [&, in, kind] {
                                                     if (test::throws<pipe_burst>(
                                                             [&] { test::recv_by(kind, in); })) {
                                                         ++burst_seen;
                                                     }
                                                 }),
                             "receiver blocked: " + test::name_of(kind));
            }
            in.close(burst());
            crew.join();
            expect.check_eq(burst_seen.load(), 6, "receivers that saw the error");

            std::atomic<bool> refused{false};
            const auto out = make_chan<int>();
            expect.check(test::start_blocked(crew, where,
                                             [&, out] {
                                                 refused = test::throws<runnel::closed_channel>(
                                                     [&] { out.send(1); });
                                             }),
                         "sender blocked");
            out.close(burst());
            crew.join();
            expect.check(refused, "the parked sender throws closed_channel, not the error");
        }
    });
    expect.verify();
}

TEST_CASE("closing with no error is closing", "[chan][close][error]") {
    const auto ch = make_chan<int>(1);
    ch.send(1);
    ch.close(std::exception_ptr{});
    CHECK(ch.recv() == 1);
    CHECK(ch.recv() == std::nullopt);
    CHECK(ch.try_recv().status() == op_status::closed);
}

// ---- 7. ranging ----

TEST_CASE("a range-for takes values by value, by reference and by const reference",
          "[chan][range]") {
    const auto ch = make_chan<std::string>(9);
    for (int i = 0; i < 9; ++i) ch.send(std::to_string(i));
    ch.close();
    std::string all;
    for (auto v : ch) {
        all += v;
        if (v == "2") break;  // the rest stays in the channel
    }
    for (std::string& v : ch) {
        v += ",";  // the loop variable may be changed
        all += v;
        if (v == "5,") break;
    }
    for (const std::string& v : recv_chan<std::string>(ch)) all += v;
    CHECK(all == "0123,4,5,678");
    for (auto v : ch) all += v;
    CHECK(all == "0123,4,5,678");
}

TEST_CASE("a range-for works with values that can only be moved", "[chan][range]") {
    const auto ch = make_chan<std::unique_ptr<int>>(3);
    for (int i = 1; i <= 3; ++i) ch.send(std::make_unique<int>(i));
    ch.close();
    std::vector<std::unique_ptr<int>> kept;
    for (std::unique_ptr<int>& p : ch) kept.push_back(std::move(p));
    REQUIRE(kept.size() == 3);
    CHECK(*kept[0] + *kept[1] + *kept[2] == 6);
}

TEST_CASE("a range-for holds the channel it was given", "[chan][range]") {
    test::expectations expect;
    test::on_workers([&] {
        auto ch = make_chan<int>(2);
        const auto sender = ch;
        test::crew crew;
        crew.go([sender] {
            for (int i = 0; i < 10; ++i) sender.send(i);
            sender.close();
        });
        int n = 0;
        for (int v : ch) {
            ch = {};  // the loop goes on with the channel that it began with
            n += v;
        }
        crew.join();
        expect.check_eq(n, 45, "sum of the values");
    });
    expect.verify();
}

TEST_CASE("a range-for keeps its channel when the last handle is dropped in the loop",
          "[chan][range]") {
    const long before = test::counted::live();
    auto ch = make_chan<test::counted>(3);
    for (int i = 1; i <= 3; ++i) ch.send(test::counted(i));
    ch.close();
    int sum = 0;
    for (const test::counted& c : ch) {
        ch = nullptr;
        sum += c.value;
    }
    CHECK(sum == 6);
    CHECK(test::counted::live() == before);

    ch = make_chan<test::counted>(3);
    for (int i = 1; i <= 3; ++i) ch.send(test::counted(i));
    for (const test::counted& c : ch) {
        ch = nullptr;
        CHECK(c.value == 1);
        break;
    }
    CHECK(test::counted::live() == before);
}

// ---- 8. unbounded channels ----

TEST_CASE("an unbounded channel never makes a sender wait", "[chan][unbounded]") {
    const auto ch = make_chan<int>(runnel::unbounded);
    CHECK(ch.cap() == std::numeric_limits<std::size_t>::max());
    CHECK(send_chan<int>(ch).cap() == std::numeric_limits<std::size_t>::max());
    const int n = test::scale(100'000) + 1000;
    for (int i = 0; i < n; ++i) {
        if (i % 3 == 0) {
            ch.send(i);
        } else if (i % 3 == 1) {
            REQUIRE(ch.try_send(i) == op_status::ok);
        } else {
            REQUIRE(ch.send_for(i, 0ms) == op_status::ok);
        }
    }
    CHECK(ch.len() == static_cast<std::size_t>(n));
    int wrong = 0;
    for (int i = 0; i < n; ++i) {
        if (ch.recv() != i) ++wrong;
    }
    CHECK(wrong == 0);
    CHECK(ch.len() == 0);
    CHECK(ch.try_recv().status() == op_status::would_block);
}

TEST_CASE("an unbounded channel stays in order while it grows and shrinks", "[chan][unbounded]") {
    const auto ch = make_chan<std::unique_ptr<int>>(runnel::unbounded);
    test::random_numbers random(1);
    int sent = 0;
    int received = 0;
    int wrong = 0;
    for (int round = 0; round < 200; ++round) {
        for (int n = random.below(100); n > 0; --n) ch.send(std::make_unique<int>(sent++));
        for (int n = random.below(100); n > 0 && received < sent; --n) {
            if (**ch.recv() != received++) ++wrong;
        }
        if (ch.len() != static_cast<std::size_t>(sent - received)) ++wrong;
    }
    ch.close();
    for (auto& p : ch) {
        if (*p != received++) ++wrong;
    }
    CHECK(received == sent);
    CHECK(wrong == 0);
}

TEST_CASE("an unbounded channel hands values to waiting receivers in order", "[chan][unbounded]") {
    test::expectations expect;
    test::on_workers([&] {
        const auto ch = make_chan<int>(runnel::unbounded);
        test::crew crew;
        std::array<int, 4> got{};
        for (std::size_t i = 0; i < got.size(); ++i) {
            expect.check(test::start_blocked(crew, test::place::goroutine,
                                             [&, i] { got[i] = ch.recv().value_or(-1); }),
                         "receiver parked");
        }
        for (int i = 0; i < 3; ++i) ch.send(i);
        expect.check_eq(ch.len(), 0, "nothing stays while receivers wait");
        ch.close();
        crew.join();
        expect.check(got == std::array<int, 4>{0, 1, 2, -1}, "in order of arrival");
        expect.check(test::throws<runnel::closed_channel>([&] { ch.send(1); }), "send on closed");
    });
    expect.verify();
}

TEST_CASE("values left in an unbounded channel are destroyed with it", "[chan][unbounded]") {
    const long before = test::counted::live();
    {
        const auto ch = make_chan<test::counted>(runnel::unbounded);
        for (int i = 0; i < 5000; ++i) ch.send(test::counted(i));
        for (int i = 0; i < 777; ++i) ch.recv();
        CHECK(test::counted::live() == before + 5000 - 777);
    }
    CHECK(test::counted::live() == before);
}

// ---- 9. element types ----

namespace {

/// Sends `make(i)` for i in [0, 40) and checks with `good(v, i)`: through a buffer, to a waiting
/// receiver, from a waiting sender, and through a select.
template <class T, class Make, class Good>
void carries(Make make, Good good) {
    test::expectations expect;
    test::on_workers([&] {
        for (std::size_t capacity : {std::size_t{0}, std::size_t{1}, std::size_t{7}}) {
            const auto ch = make_chan<T>(capacity);
            test::crew crew;
            crew.go([&, ch] {
                for (int i = 0; i < 40; ++i) {
                    test::send_by(i % 2 == 0 ? test::send_kind::plain : test::send_kind::select_two,
                                  ch, make(i));
                    if (i % 5 == 0) runnel::yield();
                }
                ch.close();
            });
            int n = 0;
            for (;; ++n) {
                if (n % 7 == 0) runnel::yield();
                std::optional<T> v = test::recv_by(
                    n % 3 == 0 ? test::recv_kind::plain : test::recv_kind::select_two, ch);
                if (!v) break;
                if (!good(*v, n)) expect.check(false, "value " + std::to_string(n) + " is wrong");
            }
            crew.join();
            expect.check_eq(n, 40, "values received");
        }
    });
    expect.verify();
}

}  // namespace

TEST_CASE("a channel carries values that can only be moved", "[chan][element]") {
    carries<std::unique_ptr<int>>([](int i) { return std::make_unique<int>(i); },
                                  [](const std::unique_ptr<int>& p, int i) { return *p == i; });
}

TEST_CASE("a channel carries values without default constructor", "[chan][element]") {
    carries<test::move_only>([](int i) { return test::move_only(i); },
                             [](const test::move_only& v, int i) { return v.value == i; });
}

TEST_CASE("a channel carries values that cannot be assigned", "[chan][element]") {
    carries<unassignable>([](int i) { return unassignable(i); },
                          [](const unassignable& v, int i) { return v.value == i; });
}

TEST_CASE("a channel carries over-aligned values", "[chan][element]") {
    carries<test::over_aligned>(
        [](int i) { return test::over_aligned(i); },
        [](const test::over_aligned& v, int i) { return v.value == i && v.aligned(); });
}

TEST_CASE("over-aligned values stay aligned in buffers of any kind", "[chan][element]") {
    const auto ch = make_chan<test::over_aligned>(3);
    const auto un = make_chan<test::over_aligned>(runnel::unbounded);
    for (int i = 0; i < 100; ++i) {
        ch.send(test::over_aligned(i));
        un.send(test::over_aligned(i));
        const auto v = ch.recv();
        const auto w = un.try_recv();
        REQUIRE(v->aligned());
        REQUIRE(w->aligned());
        REQUIRE(v->value + w->value == 2 * i);
    }
}

TEST_CASE("a channel carries values of 64 KiB", "[chan][element]") {
    // Values of this size live on the heap here: stacks of goroutines are bounded.
    test::expectations expect;
    test::on_workers([&] {
        for (std::size_t capacity : {std::size_t{0}, std::size_t{2}}) {
            const auto ch = make_chan<test::big64k>(capacity);
            test::crew crew;
            crew.go([ch] {
                const auto value = std::make_unique<test::big64k>();
                for (std::uint32_t i = 0; i < 20; ++i) {
                    *value = test::big64k(i);
                    ch.send(*value);
                }
                ch.close();
            });
            std::uint32_t n = 0;
            const auto value = std::make_unique<test::big64k>();
            while (ch >> *value) {
                expect.check(value->intact() && value->value() == n, "value is whole");
                ++n;
            }
            crew.join();
            expect.check_eq(n, 20U, "values received");
        }
    });
    expect.verify();
}

TEST_CASE("a channel carries hostile, nested and odd types", "[chan][element]") {
    const auto h = make_chan<hostile>(1);
    h.send(hostile{3});
    CHECK(h.recv()->value == 3);
    h.send(hostile{4});
    CHECK(h.try_recv()->value == 4);
    h.send(hostile{5});
    const auto kept = h.recv_for(1s);
    CHECK(kept->value == 5);
    h.send(hostile{6});
    CHECK(h.begin()->value == 6);

    const auto o = make_chan<std::optional<int>>(2);
    o.send(std::nullopt);
    o.send(5);
    const std::optional<std::optional<int>> first = o.recv();
    REQUIRE(first.has_value());
    CHECK_FALSE(first->has_value());
    CHECK(**o.recv() == 5);

    const auto b = make_chan<bool>(2);
    b << false << true;
    bool v = true;
    REQUIRE((b >> v));
    CHECK_FALSE(v);
    CHECK(*b.try_recv() == true);

    const auto f = make_chan<std::function<int()>>(1);
    f.send([] { return 4; });
    CHECK((*f.recv())() == 4);

    const auto s = make_chan<op_status>(1);
    s.send(op_status::closed);
    CHECK(s.recv() == op_status::closed);

    const auto e = make_chan<std::exception_ptr>(1);
    e.send(std::make_exception_ptr(1));
    CHECK(*e.recv() != nullptr);

    const auto c = make_chan<chan<int>>(1);
    c.send(make_chan<int>(3));
    CHECK(c.recv()->cap() == 3);

    const auto w = make_chan<std::variant<std::monostate, std::string>>(1);
    w.send("text");
    CHECK(std::get<1>(*w.recv()) == "text");
}

TEST_CASE("a channel can carry itself", "[chan][element]") {
    struct node {
        chan<node> reply;
        int number = 0;
    };
    test::expectations expect;
    test::on_workers([&] {
        const auto ch = make_chan<node>();
        test::crew crew;
        crew.go([ch] {
            for (node n : ch) n.reply.send(node{n.reply, n.number + 1});
        });
        const auto mine = make_chan<node>(1);
        ch.send(node{mine, 1});
        expect.check_eq(mine.recv()->number, 2, "answered");
        ch.close();
        crew.join();
    });
    expect.verify();
}

// ---- 10. how often values move ----

TEST_CASE("a value moves at most twice through a buffer and is never copied", "[chan][moves]") {
    const auto check = [](auto send, auto recv) {
        const auto ch = make_chan<traced>(1);
        traced v(5);
        traced::reset();
        send(ch, v);
        recv(ch);
        CHECK(traced::moves <= 2);
        CHECK(traced::copies == 0);
    };
    const auto each_recv = [&](auto send) {
        check(send, [](const chan<traced>& ch) { CHECK(ch.recv()->value == 5); });
        check(send, [](const chan<traced>& ch) { CHECK(ch.try_recv()->value == 5); });
        check(send, [](const chan<traced>& ch) { CHECK(ch.recv_for(1s)->value == 5); });
        check(send, [](const chan<traced>& ch) {
            traced out(0);
            CHECK((ch >> out));
            CHECK(out.value == 5);
        });
        check(send, [](const chan<traced>& ch) {
            std::optional<traced> out;
            runnel::select(runnel::recv(ch, out));
            CHECK(out->value == 5);
        });
        check(send, [](const chan<traced>& ch) {
            std::optional<traced> out(traced(0));
            traced::reset();
            runnel::select(runnel::recv(ch, out));
            CHECK(out->value == 5);
            traced::moves += 1;  // those of the send are not counted here
        });
        check(send, [](const chan<traced>& ch) {
            ch.close();
            for (const traced& t : ch) CHECK(t.value == 5);
        });
    };
    each_recv([](const chan<traced>& ch, traced& v) { ch.send(std::move(v)); });
    each_recv([](const chan<traced>& ch, traced& v) { ch << std::move(v); });
    each_recv([](const chan<traced>& ch, traced& v) {
        CHECK(ch.try_send(std::move(v)) == op_status::ok);
    });
    each_recv([](const chan<traced>& ch, traced& v) {
        CHECK(ch.send_for(std::move(v), 1s) == op_status::ok);
    });
    each_recv(
        [](const chan<traced>& ch, traced& v) { runnel::select(runnel::send(ch, std::move(v))); });
}

TEST_CASE("an lvalue is copied once, moves at most twice and stays as it is", "[chan][moves]") {
    const auto ch = make_chan<traced>(1);
    traced v(5);
    const auto each = [&](auto send) {
        traced::reset();
        send();
        CHECK(ch.recv()->value == 5);
        CHECK(traced::copies == 1);
        CHECK(traced::moves <= 2);
        CHECK(v.value == 5);
    };
    each([&] { ch.send(v); });
    each([&] { ch << v; });
    each([&] { CHECK(ch.try_send(v) == op_status::ok); });
    each([&] { CHECK(ch.send_for(v, 1s) == op_status::ok); });
    each([&] { runnel::select(runnel::send(ch, v)); });
}

TEST_CASE("a value moves once to a waiting receiver and at most twice from a waiting sender",
          "[chan][moves]") {
    test::expectations expect;
    test::on_workers([&] {
        const auto ch = make_chan<traced>();
        {
            test::crew crew;
            int got = 0;
            test::start_blocked(crew, test::place::goroutine, [&] { got = ch.recv()->value; });
            traced v(5);
            traced::reset();
            ch.send(std::move(v));
            crew.join();
            expect.check_eq(got, 5, "received");
            expect.check(traced::moves <= 1, "one move to a waiting receiver");
            expect.check_eq(traced::copies, 0, "no copies");
        }
        {
            test::crew crew;
            traced v(6);
            traced::reset();
            test::start_blocked(crew, test::place::goroutine, [&] { ch.send(std::move(v)); });
            const int got = ch.recv()->value;
            crew.join();
            expect.check_eq(got, 6, "received");
            expect.check(traced::moves <= 2, "two moves from a waiting sender");
            expect.check_eq(traced::copies, 0, "no copies");
        }
        {
            // From a parked sender by way of the buffer: into it, and out of it.
            const auto one = make_chan<traced>(1);
            one.send(traced(1));
            test::crew crew;
            traced v(2);
            test::start_blocked(crew, test::place::goroutine, [&] { one.send(std::move(v)); });
            one.recv();
            crew.join();
            traced::reset();
            expect.check_eq(one.recv()->value, 2, "received");
            expect.check(traced::moves <= 1, "one move out of the buffer");
        }
    });
    expect.verify();
}

// ---- 11. moves that throw ----

namespace {

using test::move_failed;
using test::throws_on_move;

}  // namespace

TEST_CASE("a move that throws into a buffer leaves the channel as it was", "[chan][throwing]") {
    const auto ch = make_chan<throws_on_move>(3);
    ch.send(throws_on_move(1));
    throws_on_move v(2);
    const auto each = [&](auto send) {
        throws_on_move::arm(1);
        CHECK_THROWS_AS(send(), move_failed);
        CHECK_FALSE(throws_on_move::armed());
        CHECK(v.value == 2);
        CHECK(ch.len() == 1);
    };
    each([&] { ch.send(std::move(v)); });
    each([&] { ch << std::move(v); });
    each([&] { ch.try_send(std::move(v)); });
    each([&] { ch.send_for(std::move(v), 1s); });
    each([&] { ch.send(v); });
    ch.send(std::move(v));
    ch.send(throws_on_move(3));
    ch.close();
    int expected = 0;
    for (const throws_on_move& got : ch) CHECK(got.value == ++expected);
    CHECK(expected == 3);
}

TEST_CASE("a move that throws out of a buffer loses no other value", "[chan][throwing]") {
    const auto each = [](auto recv) {
        const auto ch = make_chan<throws_on_move>(3);
        for (int i = 1; i <= 3; ++i) ch.send(throws_on_move(i));
        throws_on_move::arm(1);
        CHECK_THROWS_AS(recv(ch), move_failed);
        throws_on_move::disarm();
        ch.close();
        std::vector<int> rest;
        for (const throws_on_move& v : ch) rest.push_back(v.value);
        // The value that would not move may be gone; the others are there, in order.
        if (rest.size() == 3) {
            CHECK(rest == std::vector<int>{1, 2, 3});
        } else {
            CHECK(rest == std::vector<int>{2, 3});
        }
    };
    each([](const chan<throws_on_move>& ch) { ch.recv(); });
    each([](const chan<throws_on_move>& ch) { ch.try_recv(); });
    each([](const chan<throws_on_move>& ch) { ch.recv_for(1s); });
    each([](const chan<throws_on_move>& ch) {
        throws_on_move v;
        ch >> v;
    });
    each([](const chan<throws_on_move>& ch) {
        std::optional<throws_on_move> v;
        runnel::select(runnel::recv(ch, v));
    });
    each([](const chan<throws_on_move>& ch) {
        runnel::select(runnel::recv(ch, [](std::optional<throws_on_move>) {}));
    });
}

TEST_CASE("a move that throws towards a waiting receiver leaves it waiting or tells it",
          "[chan][throwing][bug-32]") {
    test::expectations expect;
    test::on_workers([&] {
        for (test::place where : test::places) {
            for (test::recv_kind kind :
                 {test::recv_kind::plain, test::recv_kind::timed, test::recv_kind::select_two}) {
                const std::string name = std::string(test::name_of(where)) + ", " + name_of(kind);
                const auto ch = make_chan<throws_on_move>();
                std::atomic<int> received{0};
                std::atomic<int> failed{0};
                test::crew crew;
                expect.check(test::start_blocked(crew, where,
                                                 [&, ch, kind] {
                                                     for (;;) {
                                                         try {
                                                             const auto v = test::recv_by(kind, ch);
                                                             if (!v) return;
                                                             received += v->value;
                                                         } catch (const move_failed&) {
                                                             ++failed;
                                                         }
                                                     }
                                                 }),
                             name + ": blocked");
                throws_on_move v(7);
                throws_on_move::arm(1);
                const bool thrown = test::throws<move_failed>([&] { ch.send(std::move(v)); });
                throws_on_move::disarm();
                ch.send(throws_on_move(100));
                ch.close();
                crew.join();
                // A timed receive may just be between two attempts: then it meets a sender that waits, is told
                // of the failure, and gets the value next.
                const bool met = kind == test::recv_kind::timed && !thrown && received == 107;
                expect.check_eq(received.load(), met ? 107 : 100,
                                name + ": the next value arrives");
                expect.check(thrown || failed > 0, name + ": somebody is told");
                if (thrown) expect.check_eq(v.value, 7, name + ": the value stays with its sender");
            }
        }
    });
    expect.verify();
}

TEST_CASE("a move that throws from a waiting sender wakes it or leaves it waiting",
          "[chan][throwing]") {
    test::expectations expect;
    test::on_workers([&] {
        for (test::place where : test::places) {
            for (test::send_kind kind : {test::send_kind::plain, test::send_kind::select_two}) {
                const std::string name = std::string(test::name_of(where)) + ", " + name_of(kind);
                const auto ch = make_chan<throws_on_move>();
                std::atomic<bool> told{false};
                test::crew crew;
                expect.check(test::start_blocked(crew, where,
                                                 [&, ch, kind] {
                                                     told = test::throws<move_failed>([&] {
                                                         test::send_by(kind, ch, throws_on_move(7));
                                                     });
                                                 }),
                             name + ": blocked");
                throws_on_move::arm(1);
                int got = 0;
                const bool thrown = test::throws<move_failed>([&] { got = ch.recv()->value; });
                throws_on_move::disarm();
                if (thrown) {
                    // Either the sender still waits with its value, or it knows that it is lost.
                    const bool settled = test::eventually([&] {
                        if (auto r = ch.try_recv()) got = r->value;
                        return told || got != 0;
                    });
                    expect.check(settled, name + ": the sender goes on");
                }
                crew.join();
                expect.check(thrown || told, name + ": somebody is told");
                expect.check(got == 7 || thrown || told, name + ": delivered or reported");
                test::crew second;
                second.go([ch] { ch.send(throws_on_move(8)); });
                expect.check_eq(ch.recv()->value, 8, name + ": the channel is usable");
                second.join();
            }
        }
    });
    expect.verify();
}

TEST_CASE("a move that throws between buffer, receiver and parked sender loses no other value",
          "[chan][throwing]") {
    // A receive from a full buffer with a sender parked makes two moves: out of the buffer and
    // into it. Each of them fails in turn; also the third, should there be one.
    test::expectations expect;
    test::on_workers([&] {
        for (int nth = 1; nth <= 3; ++nth) {
            const std::string name = "move " + std::to_string(nth);
            const auto ch = make_chan<throws_on_move>(2);
            ch.send(throws_on_move(1));
            ch.send(throws_on_move(2));
            test::crew crew;
            std::atomic<bool> sent{false};
            std::atomic<bool> told{false};
            expect.check(test::start_blocked(crew, test::place::goroutine,
                                             [&, ch] {
                                                 throws_on_move v(3);
                                                 told = test::throws<move_failed>([&] {
                                                     ch.send(std::move(v));
                                                     sent = true;
                                                 });
                                             }),
                         name + ": sender parked");
            std::vector<int> got;
            throws_on_move::arm(nth);
            bool thrown = false;
            try {
                auto v = ch.recv();
                // Moved no further: the value is in place.
                got.push_back(v->value);
            } catch (const move_failed&) {
                thrown = true;
            }
            throws_on_move::disarm();
            const bool settled = test::eventually([&] {
                while (auto r = ch.try_recv()) got.push_back(r->value);
                return sent || told;
            });
            expect.check(settled, name + ": the sender goes on");
            crew.join();
            while (auto r = ch.try_recv()) got.push_back(r->value);
            const bool has_3 = !got.empty() && got.back() == 3;
            if (has_3) got.pop_back();
            // A value may be lost only if its own move failed, and then somebody was told of it.
            const bool all = got == std::vector<int>{1, 2};
            const bool without_1 = got == std::vector<int>{2};
            expect.check(all || (without_1 && thrown && nth == 1),
                         name + ": buffered values arrive");
            expect.check_eq(sent.load(), has_3, name + ": sent if and only if received");
            expect.check(has_3 || told, name + ": the sender knows");
        }
    });
    expect.verify();
}

TEST_CASE("an unbounded channel survives moves that throw", "[chan][throwing][unbounded]") {
    const auto ch = make_chan<throws_on_move>(runnel::unbounded);
    std::vector<int> sent;
    test::random_numbers random(2);
    for (int i = 0; i < 500; ++i) {
        throws_on_move v(i);
        if (random.below(4) == 0) throws_on_move::arm(1);
        try {
            ch.send(std::move(v));
            sent.push_back(i);
        } catch (const move_failed&) {
            if (v.value != i) FAIL("a value that was not sent has changed");
        }
        throws_on_move::disarm();
    }
    CHECK(ch.len() == sent.size());
    ch.close();
    std::vector<int> got;
    for (const throws_on_move& v : ch) got.push_back(v.value);
    CHECK(got == sent);
}

// ---- 12. values left behind ----

TEST_CASE("values left in a channel are destroyed with its last handle", "[chan][life][C-12]") {
    const long before = test::counted::live();
    auto ch = make_chan<test::counted>(10);
    for (int i = 0; i < 10; ++i) ch.send(test::counted(i));
    for (int i = 0; i < 3; ++i) ch.recv();
    for (int i = 0; i < 2; ++i) ch.send(test::counted(i));  // the buffer has wrapped around
    CHECK(test::counted::live() == before + 9);
    recv_chan<test::counted> r = ch;
    send_chan<test::counted> s = ch;
    ch = {};
    CHECK(test::counted::live() == before + 9);
    s.close();
    s = {};
    CHECK(test::counted::live() == before + 9);
    CHECK(r.recv()->value == 3);
    r = {};
    CHECK(test::counted::live() == before);
}

TEST_CASE("a received value is no longer held by the channel", "[chan][life][C-11]") {
    const long before = test::counted::live();
    for (const auto& ch :
         {make_chan<test::counted>(3), make_chan<test::counted>(runnel::unbounded)}) {
        const auto other = ch;
        for (int i = 0; i < 3; ++i) ch.send(test::counted(i));
        for (long left = 2; left >= 0; --left) {
            ch.recv();
            CHECK(test::counted::live() == before + left);
        }
    }
    CHECK(test::counted::live() == before);
}

TEST_CASE("a value that is refused is destroyed by its sender alone", "[chan][life][close]") {
    const long before = test::counted::live();
    {
        const auto ch = make_chan<test::counted>(1);
        ch.close();
        CHECK_THROWS_AS(ch.send(test::counted(1)), runnel::closed_channel);
        CHECK_THROWS_AS(ch.try_send(test::counted(2)), runnel::closed_channel);
        CHECK(test::counted::live() == before);
    }
    CHECK(test::counted::live() == before);
}

TEST_CASE("destroying what is left in a channel may use channels", "[chan][life]") {
    // No lock is held while left-over values are destroyed: their destructors do as they like.
    struct reports {
        chan<int> to;
        int number = 0;
        reports(chan<int> c, int n) : to(std::move(c)), number(n) {}
        reports(reports&& o) noexcept : to(std::move(o.to)), number(o.number) { o.to = {}; }
        reports& operator=(reports&&) = delete;
        reports(const reports&) = delete;
        reports& operator=(const reports&) = delete;
        ~reports() {
            if (to) {
                runnel::yield();
                to.send(number);
            }
        }
    };
    test::expectations expect;
    test::on_workers([&] {
        const auto log = make_chan<int>();
        test::crew crew;
        crew.go([log] {
            auto ch = make_chan<reports>(3);
            for (int i = 1; i <= 3; ++i) ch.send(reports(log, i));
            ch = {};
            log.close();
        });
        expect.check(drain(log) == std::vector<int>{1, 2, 3}, "each destroyed once, oldest first");
        crew.join();
    });
    expect.verify();
}

TEST_CASE("the last handle may be dropped by anybody, even by a value inside", "[chan][life]") {
    const long before = test::counted::live();
    struct chained {
        chan<chained> next;
        test::counted c;
    };
    {
        // A list of channels, each in a value inside the one before it.
        auto head = make_chan<chained>(1);
        for (int i = 0; i < 1000; ++i) {
            auto in_front = make_chan<chained>(1);
            in_front.send(chained{head, test::counted(i)});
            head = in_front;
        }
        CHECK(test::counted::live() == before + 1000);
    }
    CHECK(test::counted::live() == before);
}

TEST_CASE("handles are dropped by many goroutines at once and values destroyed once",
          "[chan][life]") {
    const long before = test::counted::live();
    test::expectations expect;
    test::on_workers([&] {
        const int rounds = test::scale(500) + 10;
        for (int round = 0; round < rounds; ++round) {
            test::crew crew;
            {
                auto ch = make_chan<test::counted>(4);
                for (int i = 0; i < 4; ++i) {
                    crew.go([ch, i]() mutable {
                        ch.try_send(test::counted(i));
                        if (i == 3) ch.try_recv();
                        ch = {};
                    });
                }
            }
            crew.join();
        }
        expect.check(test::eventually([&] { return test::counted::live() == before; }),
                     "every value was destroyed once");
    });
    expect.verify();
    CHECK(test::counted::live() == before);
}

namespace {

/// At its end it uses the channel that it came through.
struct last_words {
    chan<std::unique_ptr<last_words>> through;
    std::atomic<int>* heard;

    last_words(chan<std::unique_ptr<last_words>> c, std::atomic<int>& h)
        : through(std::move(c)), heard(&h) {}
    last_words(const last_words&) = delete;
    last_words& operator=(const last_words&) = delete;
    ~last_words() {
        *heard += 1 + static_cast<int>(through.len());
        if (through.try_send(nullptr) == op_status::ok) through.recv();
    }
};

}  // namespace

TEST_CASE("what a receive replaces ends after the channel's lock is free", "[chan][life]") {
    test::expectations expect;
    test::on_workers([&] {
        const auto end_by = [&](const std::string& name, std::size_t capacity, auto receive) {
            const auto ch = make_chan<std::unique_ptr<last_words>>(capacity);
            std::atomic<int> heard{0};
            // Taken from the buffer, or from a waiting sender.
            test::crew crew;
            crew.go([ch] { ch.send(nullptr); });
            if (capacity > 0) {
                crew.join();
            } else {
                test::wait_parked(1, "chan send");
            }
            receive(ch, heard);
            crew.join();
            expect.check_eq(heard.load(), 1, name + ": the replaced value has ended");
            // Handed over by a sender to one who waits.
            expect.check(test::start_blocked(crew, test::place::goroutine,
                                             [&, ch, receive] { receive(ch, heard); }),
                         name + ": waits");
            ch.send(nullptr);
            crew.join();
            expect.check_eq(heard.load(), 2, name + ": so has that of the waiting receiver");
        };
        for (std::size_t capacity : {std::size_t{0}, std::size_t{2}}) {
            end_by(">>", capacity, [](const auto& ch, std::atomic<int>& heard) {
                auto p = std::make_unique<last_words>(ch, heard);
                ch >> p;
            });
            end_by("select", capacity, [](const auto& ch, std::atomic<int>& heard) {
                std::optional p(std::make_unique<last_words>(ch, heard));
                runnel::select(runnel::recv(ch, p));
            });
            end_by("dynamic select", capacity, [](const auto& ch, std::atomic<int>& heard) {
                std::optional p(std::make_unique<last_words>(ch, heard));
                std::vector<runnel::select_case> cases;
                cases.push_back(runnel::recv(ch, p));
                runnel::select(cases);
            });
        }
    });
    expect.verify();
}

TEST_CASE("a variable keeps what it holds when the move into it throws", "[chan][throwing]") {
    test::expectations expect;
    test::on_workers([&] {
        // A waiting receiver's variable is moved from and assigned to: either may throw.
        struct fragile {
            throws_on_move number;
            std::shared_ptr<int> owner = std::make_shared<int>(1);
        };
        for (int nth = 1; nth <= 2; ++nth) {
            const auto ch = make_chan<fragile>();
            fragile kept{throws_on_move(5)};
            std::atomic<bool> got{true};
            test::crew crew;
            expect.check(
                test::start_blocked(crew, test::place::goroutine, [&, ch] { got = ch >> kept; }),
                "waits");
            fragile sent{throws_on_move(6)};
            throws_on_move::arm(nth);
            expect.check(test::throws<move_failed>([&] { ch.send(std::move(sent)); }),
                         "the sender is told");
            throws_on_move::disarm();
            ch.close();
            crew.join();
            expect.check(!got, "closed");
            expect.check_eq(kept.number.value, 5, "on close nothing is assigned");
        }
    });
    expect.verify();
}

// ---- 13. contexts ----

TEST_CASE("a context that is done wins over a ready channel", "[chan][context]") {
    const auto ch = make_chan<std::unique_ptr<int>>(2);
    auto ctx = runnel::with_cancel(runnel::background());
    auto p = std::make_unique<int>(3);
    CHECK(ch.send(ctx, std::move(p)) == op_status::ok);
    CHECK_FALSE(p);
    CHECK(**ch.recv(ctx) == 3);
    ch.send(std::make_unique<int>(4));
    ctx.cancel();
    CHECK(ch.recv(ctx).status() == op_status::canceled);
    p = std::make_unique<int>(5);
    CHECK(ch.send(ctx, std::move(p)) == op_status::canceled);
    REQUIRE(p);
    CHECK(ch.len() == 1);
    const auto late = runnel::with_timeout(runnel::background(), 0ms);
    CHECK(ch.recv(late).status() == op_status::timeout);
    CHECK(ch.send(late, std::move(p)) == op_status::timeout);
    CHECK(p);
    CHECK(ch.len() == 1);
    // A closed channel, too: what the context says comes first.
    ch.close();
    CHECK(ch.send(ctx, std::move(p)) == op_status::canceled);
    CHECK(ch.recv(ctx).status() == op_status::canceled);
    const auto open_ctx = runnel::with_cancel(runnel::background());
    CHECK_THROWS_AS(ch.send(open_ctx, std::move(p)), runnel::closed_channel);
    CHECK(p);
    CHECK(**ch.recv(open_ctx) == 4);
    CHECK(ch.recv(open_ctx).status() == op_status::closed);
}

TEST_CASE("a context ends an operation that waits, and the value stays with its sender",
          "[chan][context]") {
    test::expectations expect;
    test::on_workers([&] {
        for (test::place where : test::places) {
            const std::string name = test::name_of(where);
            for (const auto& ch :
                 {make_chan<std::unique_ptr<int>>(), chan<std::unique_ptr<int>>{}}) {
                auto cancel = runnel::with_cancel(runnel::background());
                std::atomic<op_status> sent{op_status::ok};
                std::atomic<op_status> received{op_status::ok};
                auto p = std::make_unique<int>(7);
                test::crew crew;
                expect.check(
                    test::start_blocked(crew, where, [&] { sent = ch.send(cancel, std::move(p)); }),
                    name + ": sender waits");
                cancel.cancel();
                crew.join();
                expect.check(sent == op_status::canceled, name + ": send says canceled");
                expect.check(p && *p == 7, name + ": the value is unmoved");

                auto again = runnel::with_cancel(runnel::background());
                expect.check(
                    test::start_blocked(crew, where, [&] { received = ch.recv(again).status(); }),
                    name + ": receiver waits");
                again.cancel();
                crew.join();
                expect.check(received == op_status::canceled, name + ": recv says canceled");

                const auto start = runnel::clock::now();
                const auto limited = runnel::with_timeout(runnel::background(), 20ms);
                crew.start(where, [&] {
                    sent = ch.send(limited, std::move(p));
                    received = ch.recv(limited).status();
                });
                crew.join();
                expect.check(sent == op_status::timeout && received == op_status::timeout,
                             name + ": the deadline is told apart");
                expect.check(runnel::clock::now() - start >= 20ms, name + ": not early");
                expect.check(p && *p == 7, name + ": the value is unmoved still");
            }
        }
    });
    expect.verify();
}

TEST_CASE("the done channel of a context can be received from within that context",
          "[chan][context]") {
    test::expectations expect;
    test::on_workers([&] {
        auto ctx = runnel::with_cancel(runnel::background());
        std::atomic<op_status> got{op_status::ok};
        test::crew crew;
        expect.check(test::start_blocked(crew, test::place::goroutine,
                                         [&] { got = ctx.done().recv(ctx).status(); }),
                     "waits");
        ctx.cancel();
        crew.join();
        expect.check(got == op_status::closed || got == op_status::canceled, "ends");
    });
    expect.verify();
}

// ---- 14. foreign threads ----

TEST_CASE("threads alone may use channels, without any goroutine", "[chan][thread]") {
    for (std::size_t capacity : {std::size_t{0}, std::size_t{1}, std::size_t{16}}) {
        const auto ch = make_chan<int>(capacity);
        const int n = test::scale(5000) + 100;
        std::thread sender([=] {
            for (int i = 0; i < n; ++i) ch.send(i);
            ch.close();
        });
        int wrong = 0;
        int next = 0;
        for (int v : ch) {
            if (v != next++) ++wrong;
        }
        sender.join();
        CHECK(next == n);
        CHECK(wrong == 0);
    }
}

TEST_CASE("a thread that is blocked is woken by a goroutine, and the other way round",
          "[chan][thread]") {
    test::expectations expect;
    test::on_workers([&] {
        for (test::place waiter : test::places) {
            for (test::place waker : test::places) {
                const std::string name =
                    std::string(test::name_of(waiter)) + " woken by " + test::name_of(waker);
                const auto ch = make_chan<int>();
                test::crew crew;
                std::atomic<int> got{0};
                expect.check(test::start_blocked(crew, waiter, [&] { got = *ch.recv(); }),
                             name + ": receiver blocked");
                crew.start(waker, [&] { ch.send(1); });
                crew.join();
                expect.check_eq(got.load(), 1, name + ": received");

                expect.check(test::start_blocked(crew, waiter, [&] { ch.send(2); }),
                             name + ": sender blocked");
                crew.start(waker, [&] { got = *ch.recv(); });
                crew.join();
                expect.check_eq(got.load(), 2, name + ": sent");

                std::atomic<bool> closed{false};
                expect.check(test::start_blocked(crew, waiter, [&] { closed = !ch.recv(); }),
                             name + ": receiver blocked again");
                crew.start(waker, [&] { ch.close(); });
                crew.join();
                expect.check(closed, name + ": told of the close");
            }
        }
    });
    expect.verify();
}

TEST_CASE("goroutines and threads in one queue are served in the order they came",
          "[chan][thread][fifo]") {
    test::expectations expect;
    test::on_workers([&] {
        const std::array<test::place, 5> queue{test::place::goroutine, test::place::thread,
                                               test::place::thread, test::place::goroutine,
                                               test::place::thread};
        {
            const auto ch = make_chan<int>();
            std::array<std::atomic<int>, 5> got{};
            test::crew crew;
            for (std::size_t i = 0; i < queue.size(); ++i) {
                expect.check(test::start_blocked(crew, queue[i], [&, i] { got[i] = *ch.recv(); }),
                             "receiver blocked");
            }
            for (int i = 1; i <= 5; ++i) ch.send(i);
            crew.join();
            for (std::size_t i = 0; i < queue.size(); ++i) {
                expect.check_eq(got[i].load(), i + 1, "receiver in order");
            }
        }
        {
            const auto ch = make_chan<int>(1);
            ch.send(0);
            test::crew crew;
            for (std::size_t i = 0; i < queue.size(); ++i) {
                expect.check(test::start_blocked(crew, queue[i],
                                                 [&, i] { ch.send(static_cast<int>(i) + 1); }),
                             "sender blocked");
            }
            for (int i = 0; i <= 5; ++i) {
                expect.check_eq(ch.len(), 1, "the buffer stays full");
                expect.check_eq(ch.recv().value_or(-1), i, "sender in order");
            }
            crew.join();
        }
    });
    expect.verify();
}
