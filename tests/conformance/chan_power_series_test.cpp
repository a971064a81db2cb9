// tests/conformance/chan_power_series_test.cpp — power series as goroutines: exact sums out of lockstep.
// SPDX-License-Identifier: BSL-1.0
//
//   After M. D. McIlroy, "Squinting at Power Series". A series is a stream of rational coefficients
//   that come on demand: a request on one channel, the next coefficient on another. Each operation is a
//   goroutine that feeds on its operands' streams, and a product makes new ones with each coefficient.
//   So hundreds run in lockstep over unbuffered channels, and a value that is lost, doubled or
//   out of order shows in an exact sum.

#include <array>
#include <cstdint>
#include <numeric>
#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/select.hpp>
#include <string>
#include <utility>
#include <vector>

#include "conformance/chan_helpers.hpp"
#include "support/support.hpp"

namespace {

using runnel::chan;
using runnel::make_chan;
using runnel::unit;

// ---- 1. rational numbers ----

struct rational {
    std::int64_t num = 0;
    std::int64_t den = 1;
};

rational reduced(std::int64_t num, std::int64_t den) {
    const std::int64_t g = std::gcd(num, den) * (den < 0 ? -1 : 1);
    return {num / g, den / g};
}
rational operator+(rational a, rational b) {
    const std::int64_t g = std::gcd(a.den, b.den);
    return reduced(a.num * (b.den / g) + b.num * (a.den / g), a.den / g * b.den);
}
rational operator*(rational a, rational b) {
    const std::int64_t g = std::gcd(a.num, b.den);
    const std::int64_t h = std::gcd(b.num, a.den);
    return reduced((a.num / g) * (b.num / h), (a.den / h) * (b.den / g));
}
rational operator-(rational a) { return {-a.num, a.den}; }
rational inverse(rational a) { return reduced(a.den, a.num); }

// ---- 2. streams on demand ----

/// A series. Whoever reads asks on `request` and gets the next coefficient on `answer`.
struct series {
    chan<unit> request = make_chan<unit>();
    chan<rational> answer = make_chan<rational>();
};

rational get(const series& in) {
    in.request.send();
    return *in.answer.recv();
}

/// Waits to be asked, then answers.
void put(rational c, const series& out) {
    out.request.recv();
    out.answer.send(c);
}

/// One coefficient of each at once: they are asked side by side, in whatever order they are ready.
std::pair<rational, rational> get_two(const series& f, const series& g) {
    rational from_f;
    rational from_g;
    chan<unit> ask_f = f.request;
    chan<unit> ask_g = g.request;
    chan<rational> hear_f;
    chan<rational> hear_g;
    for (int heard = 0; heard < 2;) {
        runnel::select(
            runnel::send(ask_f, unit{}, [&] { hear_f = f.answer, ask_f = nullptr; }),
            runnel::send(ask_g, unit{}, [&] { hear_g = g.answer, ask_g = nullptr; }),
            runnel::recv(hear_f, [&](rational v) { from_f = v, hear_f = nullptr, ++heard; }),
            runnel::recv(hear_g, [&](rational v) { from_g = v, hear_g = nullptr, ++heard; }));
    }
    return {from_f, from_g};
}

/// A series made by a goroutine that runs `f(out)`.
template <class F>
series make_series(F f) {
    series out;
    runnel::go([out, f = std::move(f)]() mutable { f(out); });
    return out;
}

/// Passes on what comes from `in`, for ever.
void copy(const series& in, const series& out) {
    for (;;) {
        out.request.recv();
        in.request.send();
        out.answer.send(*in.answer.recv());
    }
}

/// Two readers for one series: a coefficient waits here for the one who is behind. While the next one
/// is awaited from `in`, which may need an earlier one from here, both readers are still served.
void split_into(const series& in, const series& one, const series& two) {
    runnel::go([in, one, two] {
        struct reader {
            series out;
            bool asks = false;
            // No series here is asked for as many. A goroutine that is left behind owns no memory.
            std::array<rational, 64> ready{};
            std::size_t first = 0;
            std::size_t last = 0;

            chan<unit> hears() const { return asks ? nullptr : out.request; }
            chan<rational> answers() const { return can_be_served() ? out.answer : nullptr; }
            bool empty() const { return first == last; }
            bool can_be_served() const { return asks && !empty(); }
            rational next() const { return ready[first % ready.size()]; }
            void keep(rational c) { ready[last++ % ready.size()] = c; }
            void served() {
                ++first;
                asks = false;
            }
        };
        reader a;
        a.out = one;
        reader b;
        b.out = two;
        bool fetching = false;
        for (;;) {
            const bool wanted = (a.asks && a.empty()) || (b.asks && b.empty());
            const chan<unit> ask = wanted && !fetching ? in.request : nullptr;
            const chan<rational> hear = fetching ? in.answer : nullptr;
            runnel::select(runnel::recv(a.hears(), [&] { a.asks = true; }),
                           runnel::recv(b.hears(), [&] { b.asks = true; }),
                           runnel::send(ask, unit{}, [&] { fetching = true; }),
                           runnel::recv(hear,
                                        [&](rational c) {
                                            fetching = false;
                                            a.keep(c);
                                            b.keep(c);
                                        }),
                           runnel::send(a.answers(), a.next(), [&] { a.served(); }),
                           runnel::send(b.answers(), b.next(), [&] { b.served(); }));
        }
    });
}

std::pair<series, series> split(const series& in) {
    series one;
    series two;
    split_into(in, one, two);
    return {one, two};
}

// ---- 3. operations ----

/// The given coefficients, then the last of them for ever.
series from(std::vector<rational> coefficients) {
    return make_series([c = std::move(coefficients)](const series& out) {
        for (std::size_t i = 0;; i += i + 1 < c.size() ? 1 : 0) put(c[i], out);
    });
}

/// c + x·f
series shift(rational c, const series& f) {
    return make_series([=](const series& out) {
        put(c, out);
        copy(f, out);
    });
}

series add(const series& f, const series& g) {
    return make_series([=](const series& out) {
        for (;;) {
            out.request.recv();
            const auto [a, b] = get_two(f, g);
            out.answer.send(a + b);
        }
    });
}

series scale(rational c, const series& f) {
    return make_series([=](const series& out) {
        for (;;) {
            out.request.recv();
            out.answer.send(c * get(f));
        }
    });
}

/// (a + x·F)(b + x·G) = ab + x·(aG + bF + x·FG)
series multiply(const series& f, const series& g) {
    return make_series([=](const series& out) {
        out.request.recv();
        const auto [a, b] = get_two(f, g);
        out.answer.send(a * b);
        const auto [f1, f2] = split(f);
        const auto [g1, g2] = split(g);
        const series sum =
            add(add(scale(b, f1), scale(a, g1)), shift(rational{}, multiply(f2, g2)));
        copy(sum, out);
    });
}

series derive(const series& f) {
    return make_series([=](const series& out) {
        out.request.recv();
        static_cast<void>(get(f));
        for (std::int64_t n = 1;; ++n) {
            out.answer.send(rational{n, 1} * get(f));
            out.request.recv();
        }
    });
}

series integrate(rational c, const series& f) {
    return make_series([=](const series& out) {
        put(c, out);
        for (std::int64_t n = 1;; ++n) {
            out.request.recv();
            out.answer.send(get(f) * rational{1, n});
        }
    });
}

/// z = 1/(a + x·F): its tail is -1/a·F·z, so the series feeds on itself.
series reciprocal(const series& f) {
    return make_series([=](const series& out) {
        out.request.recv();
        const rational z = inverse(get(f));
        out.answer.send(z);
        series tail;
        series fed_back;
        split_into(multiply(scale(-z, f), shift(z, fed_back)), fed_back, tail);
        copy(tail, out);
    });
}

/// exp(f) for an f without a constant: z = 1 + the integral of z·f'.
series exponential(const series& f) {
    series result;
    series fed_back;
    split_into(integrate({1, 1}, multiply(fed_back, derive(f))), fed_back, result);
    return result;
}

/// f(g) for g = x·G: f(0) + x·G·F(g). Each coefficient adds another round of goroutines.
series substitute(const series& f, const series& g) {
    return make_series([=](const series& out) {
        const auto [g1, g2] = split(g);
        put(get(f), out);
        static_cast<void>(get(g1));
        copy(multiply(g1, substitute(f, g2)), out);
    });
}

/// The first coefficients as text: "1 1/2 1/3".
std::string first(int n, const series& f) {
    std::string text;
    for (int i = 0; i < n; ++i) {
        const rational c = get(f);
        if (i > 0) text += ' ';
        text += std::to_string(c.num);
        if (c.den != 1) text += '/' + std::to_string(c.den);
    }
    return text;
}

series ones() { return from({{1, 1}}); }
series x() { return from({{0, 1}, {1, 1}, {0, 1}}); }
series minus_x() { return from({{0, 1}, {-1, 1}, {0, 1}}); }

}  // namespace

TEST_CASE("power series add, shift, scale, differentiate and integrate", "[C-27]") {
    test::expectations expect;
    test::on_workers([&] {
        expect.check_eq(first(8, add(ones(), ones())), "2 2 2 2 2 2 2 2", "sum");
        expect.check_eq(first(5, shift({7, 1}, ones())), "7 1 1 1 1", "shift");
        expect.check_eq(first(4, scale({2, 3}, ones())), "2/3 2/3 2/3 2/3", "scale");
        expect.check_eq(first(6, derive(ones())), "1 2 3 4 5 6", "derivative");
        expect.check_eq(first(6, integrate({0, 1}, ones())), "0 1 1/2 1/3 1/4 1/5", "integral");
        expect.check_eq(first(6, derive(integrate({5, 1}, ones()))), "1 1 1 1 1 1", "and back");
        const auto [one, two] = split(derive(ones()));
        expect.check_eq(first(5, one), "1 2 3 4 5", "one reader is ahead");
        expect.check_eq(first(9, two), "1 2 3 4 5 6 7 8 9", "the other overtakes it");
        expect.check_eq(first(4, one), "6 7 8 9", "and finds what it has left");
    });
    expect.verify();
}

TEST_CASE("products, reciprocals and exponentials of power series are exact", "[C-27]") {
    test::expectations expect;
    test::on_workers([&] {
        const int n = test::under_tsan ? 5 : 12;
        const auto cut = [](std::string text, int words = test::under_tsan ? 5 : 12) {
            std::size_t at = 0;
            for (int i = 0; i < words && at != std::string::npos; ++i) at = text.find(' ', at + 1);
            return at == std::string::npos ? text : text.substr(0, at);
        };
        expect.check_eq(first(n, multiply(ones(), ones())), cut("1 2 3 4 5 6 7 8 9 10 11 12"),
                        "the square of 1/(1-x)");
        expect.check_eq(first(n, multiply(multiply(ones(), ones()), ones())),
                        cut("1 3 6 10 15 21 28 36 45 55 66 78"), "its cube");
        expect.check_eq(first(n, reciprocal(ones())), cut("1 -1 0 0 0 0 0 0 0 0 0 0"), "1-x");
        expect.check_eq(first(n, reciprocal(from({{1, 1}, {-1, 1}, {-1, 1}, {0, 1}}))),
                        cut("1 1 2 3 5 8 13 21 34 55 89 144"), "Fibonacci's numbers");
        expect.check_eq(first(n, exponential(x())),
                        cut("1 1 1/2 1/6 1/24 1/120 1/720 1/5040 1/40320 1/362880 1/3628800 "
                            "1/39916800"),
                        "e to the x");
        expect.check_eq(first(n, multiply(exponential(x()), exponential(minus_x()))),
                        cut("1 0 0 0 0 0 0 0 0 0 0 0"), "e to the x by e to the -x");
        // The tangent's inverse: the integral of 1/(1+x*x).
        expect.check_eq(
            first(n, integrate({0, 1}, reciprocal(from({{1, 1}, {0, 1}, {1, 1}, {0, 1}})))),
            cut("0 1 0 -1/3 0 1/5 0 -1/7 0 1/9 0 -1/11"), "arctan x");
    });
    expect.verify();
}

TEST_CASE("a power series is put into another", "[C-27]") {
    test::expectations expect;
    test::on_workers([&] {
        const int n = test::under_sanitizer ? 4 : 8;
        const std::string got = first(n, substitute(ones(), shift({0, 1}, ones())));
        expect.check_eq(got, std::string("1 1 2 4 8 16 32 64").substr(0, got.size()),
                        "1/(1-x) of x/(1-x)");
        expect.check(got.size() >= 7, "as many as were asked for");
    });
    expect.verify();
}
