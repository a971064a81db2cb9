// tests/examples_http_test.cpp — the examples' lines and HTTP: what is taken, what is refused, how a server ends.
// SPDX-License-Identifier: BSL-1.0
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "../examples/common/http.hpp"
#include "../examples/common/lines.hpp"
#include "support/catch.hpp"
#include "support/connections.hpp"
#include "support/support.hpp"

namespace {

using namespace std::string_literals;
using guide::line_stream;
using runnel::background;

/// Tells what it was asked.
http::response echo(const runnel::context&, const http::request& r) {
    if (r.target == "/throw") throw std::runtime_error("no luck");
    return {200, r.method + " " + r.target + " " + r.body};
}

/// All that comes until the stream ends, or breaks.
std::string all_of(runnel::net::stream& from) {
    std::string all;
    for (;;) {
        std::string piece(4096, '\0');
        std::error_code e;
        piece.resize(from.read_some(test::bytes_of(piece), e));
        if (piece.empty()) return all;
        all += piece;
    }
}

enum class sent { at_once, byte_by_byte };

/// What a server says to `text`, after which nothing more comes.
std::string answer_to(const std::string& text, sent how) {
    http::server server("127.0.0.1:0", echo);
    auto with = runnel::net::dial(server.address());
    std::error_code e;  // it may hang up before it has heard all
    const std::size_t step = how == sent::at_once ? text.size() : 1;
    for (std::size_t at = 0; at < text.size() && !e; at += step) {
        with.write(std::string_view(text).substr(at, step), e);
        runnel::yield();
    }
    with.shutdown(runnel::net::half::write, e);
    return all_of(with);
}

/// What http::call() makes of it when a server says `text`, and nothing more.
std::string heard(const std::string& text, const std::string& method = "GET") {
    auto l = runnel::net::listen("127.0.0.1:0");
    auto server = runnel::async([&l, &text] {
        try {
            line_stream with(l.accept());
            while (!with.next_line(background()).empty()) {
            }
            with.write(text, background());
        } catch (const std::system_error&) {
            return;  // nothing was asked
        }
    });
    std::string what;
    try {
        const auto r = http::call(background(), l.local_endpoint().to_string(), {method});
        what = std::to_string(r.status) + " " + r.body;
    } catch (const http::bad_message& e) {
        what = "bad: "s + e.what();
    } catch (const std::system_error& e) {
        what = e.code().message();
    }
    server.get();
    return what;
}

std::string post(const std::string& fields, const std::string& body) {
    return "POST / HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n" + body;
}

// ---- lines ----

TEST_CASE("a line ends with both characters, wherever the pieces end", "[lines]") {
    test::expectations expected;
    test::on_workers([&] {
        const std::string text = "one\r\n\r\ntwo\nof\rthem\r\nrest";
        for (std::size_t cut = 0; cut <= text.size(); ++cut) {
            test::connection c = test::make_connection();
            line_stream lines(std::move(c.b));
            auto reader = runnel::async([&] {
                std::vector<std::string> got;
                for (int i = 0; i < 3; ++i) got.push_back(lines.next_line(background()));
                got.push_back(lines.read(2, background()));
                got.push_back(lines.read_to_end(100, background()));
                return got;
            });
            c.a.write(text.substr(0, cut));
            runnel::yield();
            c.a.write(text.substr(cut));
            c.a.close();
            const std::vector<std::string> wanted{"one", "", "two\nof\rthem", "re", "st"};
            expected.check(reader.get() == wanted, "the lines");
        }
    });
    expected.verify();
}

TEST_CASE(
    "a line that is too long, or ends in the middle, is an error; the end between two is none",
    "[lines]") {
    test::expectations expected;
    const auto read_one = [](const std::string& text) {
        test::connection c = test::make_connection();
        line_stream lines(std::move(c.b));
        auto writer = runnel::async([&] {
            std::error_code e;
            c.a.write(text, e);
            c.a.close(e);
        });
        std::string what;
        try {
            const auto line = lines.read_line(background());
            what = line ? std::to_string(line->size()) : "end";
        } catch (const std::system_error& e) {
            what = e.code().message();
        }
        writer.get();
        return what;
    };
    test::on_workers([&] {
        const std::string longest(line_stream::longest_line, 'x');
        expected.check_eq(read_one(longest + "\r\n"), "8192"s, "the longest one");
        const std::string too_long = std::make_error_code(std::errc::message_size).message();
        expected.check_eq(read_one(longest + "x\r\n"), too_long, "one more");
        expected.check_eq(read_one(longest + longest + longest), too_long, "without an end");
        expected.check_eq(read_one(""), "end"s, "nothing");
        expected.check_eq(read_one("\r\n"), "0"s, "an empty one");
        expected.check_eq(read_one("half\r"), "unexpected end of the stream"s, "half of one");
    });
    expected.verify();
}

// ---- requests ----

TEST_CASE("a request is understood however it comes", "[http]") {
    test::expectations expected;
    const std::vector<std::pair<std::string, std::string>> requests{
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET / "},
        {"GET /?q=1 HTTP/1.0\r\n\r\n", "GET /?q=1 "},
        {post("content-length:3\r\n", "abc"), "POST / abc"},
        {post("CONTENT-LENGTH: \t 3 \t\r\n", "abc"), "POST / abc"},
        {post("Transfer-Encoding: Chunked\r\n",
              "3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nT: t\r\n\r\n"),
         "POST / abc0123456789"},
        {post("Content-Length: 4\r\n", "\r\n\r\n"), "POST / \r\n\r\n"},
    };
    test::on_workers([&] {
        for (const auto& [text, body] : requests) {
            for (const sent how : {sent::at_once, sent::byte_by_byte}) {
                const std::string answer = answer_to(text, how);
                expected.check(answer.starts_with("HTTP/1.1 200 OK\r\n"), answer);
                expected.check(answer.ends_with("\r\n\r\n" + body), answer);
            }
        }
    });
    expected.verify();
}

TEST_CASE("what is malformed, ambiguous or too large is refused, and the connection closed",
          "[http]") {
    test::expectations expected;
    std::string too_many;
    for (std::size_t i = 0; i < http::most_fields; ++i)
        too_many += std::string("F").append(std::to_string(i)).append(": v\r\n");
    const std::string chunked = "Transfer-Encoding: chunked\r\n";
    const std::vector<std::pair<std::string, std::string>> requests{
        {"GET /\r\n\r\n", "400"},
        {"GET\r\n\r\n", "400"},
        {" / HTTP/1.1\r\n\r\n", "400"},
        {"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
        {"G(T / HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
        {"GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
        {"GET / HTTP/1.1\nHost: x\r\n\r\n", "400"},
        {"GET / HTTP/1.1\r\n\r\n", "400"},
        {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", "505"},
        {"GET / http/1.1\r\nHost: x\r\n\r\n", "505"},
        {post("no colon\r\n", ""), "400"},
        {post("Name : v\r\n", ""), "400"},
        {post(" folded: v\r\n", ""), "400"},
        {post(": v\r\n", ""), "400"},
        {post("F: a\x01\r\n", ""), "400"},
        {post("F: a\nb\r\n", ""), "400"},
        {post("F: a\0b\r\n"s, ""), "400"},
        {post(too_many, ""), "431"},
        {post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"), "400"},
        {post("Content-Length: +3\r\n", "abc"), "400"},
        {post("Content-Length: -3\r\n", "abc"), "400"},
        {post("Content-Length: 0x3\r\n", "abc"), "400"},
        {post("Content-Length: 3 3\r\n", "abc"), "400"},
        {post("Content-Length: \r\n", "abc"), "400"},
        {post("Content-Length: 99999999999999999999999\r\n", "abc"), "400"},
        {post("Content-Length: 1048577\r\n", "abc"), "413"},
        {post("Content-Length: 3\r\n" + chunked, "3\r\nabc\r\n0\r\n\r\n"), "400"},
        {post("Transfer-Encoding: gzip\r\n", "abc"), "501"},
        {post(chunked + chunked, "0\r\n\r\n"), "501"},
        {post(chunked, "x\r\n\r\n"), "400"},
        {post(chunked, "\r\n\r\n"), "400"},
        {post(chunked, "-1\r\n\r\n"), "400"},
        {post(chunked, "fffffffffffffffff\r\n\r\n"), "400"},
        {post(chunked, "2\r\nabc\r\n0\r\n\r\n"), "400"},
        {post(chunked,
              std::string("100000\r\n").append(0x100000, 'x').append("\r\n1\r\nx\r\n0\r\n\r\n")),
         "413"},
    };
    test::on_workers([&] {
        for (const auto& [text, status] : requests) {
            const std::string answer = answer_to(text, sent::at_once);
            expected.check(answer.starts_with("HTTP/1.1 " + status + " "),
                           text.substr(0, 60) + " -> " + answer);
            expected.check(answer.find("Connection: close\r\n") != std::string::npos, "and closed");
        }
        // What is not complete is no request.
        for (const char* part : {"GET", "GET / HTTP/1.1\r\nHost: x\r\n"}) {
            expected.check_eq(answer_to(part, sent::at_once), ""s, part);
        }
        expected.check_eq(answer_to(post("Content-Length: 9\r\n", "abc"), sent::at_once), ""s,
                          "part");
    });
    expected.verify();
}

// ---- responses ----

TEST_CASE("a client understands the ways in which an answer ends", "[http]") {
    test::expectations expected;
    const std::string head = "HTTP/1.1 200 OK\r\n";
    test::on_workers([&] {
        expected.check_eq(heard(head + "Content-Length: 2\r\n\r\nhi"), "200 hi"s, "by its length");
        expected.check_eq(heard(head + "\r\nhi"), "200 hi"s, "with the stream");
        expected.check_eq(heard(head + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
                          "200 hi"s, "by its chunks");
        expected.check_eq(
            heard("HTTP/1.1 100 Continue\r\n\r\n" + head + "Content-Length: 0\r\n\r\n"), "200 "s,
            "after another");
        expected.check_eq(heard("HTTP/1.1 204 No Content\r\n\r\n"), "204 "s, "at once");
        expected.check_eq(heard(head + "Content-Length: 2\r\n\r\n", "HEAD"), "200 "s,
                          "without a body");
        const std::string end = "unexpected end of the stream";
        expected.check_eq(heard(""), end, "none");
        expected.check_eq(heard(head), end, "half of one");
        expected.check_eq(heard(head + "Content-Length: 3\r\n\r\nhi"), end, "half of a body");
        expected.check_eq(heard("HTTP/1.1 OK\r\n\r\n"), "bad: malformed response"s, "no status");
        expected.check_eq(heard("HTTP/1.1 2x0 OK\r\n\r\n"), "bad: malformed length"s, "no number");
        expected.check_eq(heard("220 mail\r\n\r\n"), "bad: malformed response"s, "no HTTP");
        expected.check_eq(heard("", "G T"), "bad: malformed request"s, "its own");
    });
    expected.verify();
}

// ---- the server ----

TEST_CASE("a connection serves one request after another, also those that were sent together",
          "[http]") {
    test::expectations expected;
    test::on_workers([&] {
        http::server server("127.0.0.1:0", echo);
        line_stream with = guide::dial(server.address(), background());
        for (const char* target : {"/1", "/2"}) {
            const auto r = http::exchange(background(), with, {"GET", target});
            expected.check_eq(r.body, "GET "s + target + " ", "one after another");
        }
        const auto r = http::exchange(background(), with, {"GET", "/throw"});
        expected.check_eq(r.status, 500, "an exception is an answer");
        expected.check_eq(r.body, "no luck"s, "with its text");
        const std::string one = "GET /x HTTP/1.1\r\nHost: x\r\n\r\n";
        with.write(one + one + "HEAD /y HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                   background());
        expected.check_eq(http::read_response(with, false, background()).body, "GET /x "s, "first");
        expected.check_eq(http::read_response(with, false, background()).body, "GET /x "s,
                          "second");
        expected.check_eq(http::read_response(with, true, background()).fields["content-length"],
                          "8"s, "third");
        expected.check(!with.read_line(background()), "closed as was asked for");
    });
    expected.verify();
}

TEST_CASE("a handler hears that its client has hung up", "[http]") {
    test::expectations expected;
    test::on_workers([&] {
        auto begun = runnel::make_chan<runnel::unit>();
        auto ended = runnel::make_chan<std::error_code>(1);
        http::server server("127.0.0.1:0", [&](const runnel::context& ctx, const http::request&) {
            begun.send();
            ctx.done().recv();
            ended.send(ctx.err());
            return http::response();
        });
        {
            line_stream with = guide::dial(server.address(), background());
            with.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n", background());
            begun.recv();
        }
        expected.check(ended.recv() == runnel::make_error_code(runnel::errc::canceled), "at once");
    });
    expected.verify();
}

TEST_CASE("a shutdown lets what has begun be answered, and refuses the rest", "[http]") {
    test::expectations expected;
    test::on_workers([&] {
        auto begun = runnel::make_chan<runnel::unit>();
        auto gate = runnel::make_chan<runnel::unit>();
        http::server server("127.0.0.1:0", [&](const runnel::context& ctx, const http::request&) {
            begun.send();
            runnel::select(runnel::recv(gate), runnel::done(ctx));
            return http::response{200, "done"};
        });
        const std::string address = server.address();
        line_stream idle = guide::dial(address, background());
        line_stream busy = guide::dial(address, background());
        busy.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n", background());
        begun.recv();
        {
            const auto no_time = runnel::with_timeout(background(), std::chrono::seconds(0));
            expected.check(server.shutdown(no_time) == runnel::errc::deadline_exceeded, "too soon");
        }
        server.wait_until_refusing();
        std::error_code e;
        auto late = runnel::net::dial(address, e);
        expected.check(e == std::errc::connection_refused, "nobody new");
        expected.check(!idle.read_line(background()), "the idle one is sent away");
        auto ending = runnel::async([&] { return server.shutdown(background()); });
        gate.close();
        auto r = http::read_response(busy, false, background());
        expected.check_eq(r.body, "done"s, "the busy one is answered");
        expected.check_eq(r.fields["Connection"], "close"s, "for the last time");
        expected.check(!ending.get(), "all done");
    });
    expected.verify();
}

TEST_CASE("a closed server answers nobody, and leaves nothing behind", "[http]") {
    test::expectations expected;
    test::on_workers([&] {
        const std::size_t base = runnel::num_goroutine();
        auto begun = runnel::make_chan<runnel::unit>();
        http::server server("127.0.0.1:0", [&](const runnel::context& ctx, const http::request&) {
            begun.send();
            ctx.done().recv();
            return http::response{200, "too late"};
        });
        line_stream with = guide::dial(server.address(), background());
        with.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n", background());
        begun.recv();
        server.close();
        expected.check(!with.read_line(background()), "no answer");
        expected.check_eq(guide::left_behind(base), 0U, "left behind");
        server.close();  // once more
    });
    expected.verify();
}

}  // namespace
