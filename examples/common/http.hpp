// examples/common/http.hpp — as much of HTTP/1.1 as the examples need: messages, a client, a server that ends gracefully.
// SPDX-License-Identifier: BSL-1.0
//
// Bodies are in memory; what is malformed, ambiguous or too large is refused. No TLS. Boost.Beast over an asio_stream
// (runnel/asio.hpp) can do all of HTTP, but a program compiles for 7 seconds then instead of 4.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <runnel/runnel.hpp>

#include "guide.hpp"
#include "lines.hpp"

namespace http {

using guide::line_stream;

// ---- 1. messages ----

inline char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
inline bool same(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return lower(x) == lower(y); });
}
/// Names of fields are the same in capitals.
struct by_name {
    bool operator()(const std::string& a, const std::string& b) const {
        return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                            [](char x, char y) { return lower(x) < lower(y); });
    }
};
using field_map = std::map<std::string, std::string, by_name>;

struct request {
    std::string method = "GET";
    std::string target = "/";
    std::string body{};
    field_map fields{};
};
struct response {
    int status = 200;
    std::string body{};
    field_map fields{};
};

/// "404 Not Found"
inline std::string status_text(int status) {
    static const std::map<int, const char*> words{
        {200, "OK"},
        {204, "No Content"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {413, "Content Too Large"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };
    const auto found = words.find(status);
    std::string text = std::to_string(status);
    return found == words.end() ? text : text.append(" ").append(found->second);
}

/// What came is no message that is understood. `status` is what a server says to it.
class bad_message : public std::runtime_error {
public:
    bad_message(int code, const std::string& why) : std::runtime_error(why), status(code) {}
    const int status;
};

// ---- 2. reading and writing them ----

inline constexpr std::size_t most_fields = 100;
inline constexpr std::size_t most_in_body = 1 << 20;

/// Names and methods are made of these.
inline bool is_token(std::string_view s) {
    constexpr std::string_view chars =
        "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return !s.empty() && s.find_first_not_of(chars) == std::string_view::npos;
}
inline bool is_control(char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }
inline bool is_target(std::string_view s) {
    return !s.empty() &&
           std::none_of(s.begin(), s.end(), [](char c) { return c == ' ' || is_control(c); });
}
inline std::string trimmed(std::string_view s) {
    const std::size_t first = s.find_first_not_of(" \t");
    if (first == std::string_view::npos) return "";
    return std::string(s.substr(first, s.find_last_not_of(" \t") - first + 1));
}
inline std::size_t length_of(std::string_view text, int base) {
    std::size_t n = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n, base);
    if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
        throw bad_message(400, "malformed length");
    }
    if (n > most_in_body) throw bad_message(413, "too long a body");
    return n;
}

inline field_map read_fields(line_stream& from, const runnel::context& ctx) {
    field_map fields;
    for (std::size_t n = 0;; ++n) {
        const std::string line = from.next_line(ctx);
        if (line.empty()) return fields;
        if (n == most_fields) throw bad_message(431, "too many fields");
        const std::size_t colon = line.find(':');
        std::string name = line.substr(0, colon);
        if (colon == std::string::npos || !is_token(name))
            throw bad_message(400, "malformed field");
        std::string value = trimmed(std::string_view(line).substr(colon + 1));
        if (std::any_of(value.begin(), value.end(),
                        [](char c) { return c != '\t' && is_control(c); })) {
            throw bad_message(400, "malformed field");
        }
        // Two lengths are one that is malformed.
        const auto [at, is_new] = fields.try_emplace(std::move(name), value);
        if (!is_new) at->second.append(", ").append(value);
    }
}

inline std::string read_chunks(line_stream& from, const runnel::context& ctx) {
    std::string body;
    for (;;) {
        const std::string line = from.next_line(ctx);
        const std::size_t n = length_of(trimmed(line.substr(0, line.find(';'))), 16);
        if (n == 0) break;
        if (body.size() + n > most_in_body) throw bad_message(413, "too long a body");
        body += from.read(n, ctx);
        if (!from.next_line(ctx).empty()) throw bad_message(400, "malformed chunk");
    }
    read_fields(from, ctx);  // which may follow, and mean nothing here
    return body;
}

enum class unless_told { is_empty, ends_with_the_stream };

inline std::string read_body(line_stream& from, const field_map& fields, unless_told otherwise,
                             const runnel::context& ctx) {
    const auto coding = fields.find("Transfer-Encoding");
    const auto length = fields.find("Content-Length");
    if (coding != fields.end()) {
        if (length != fields.end()) throw bad_message(400, "two lengths");
        if (!same(coding->second, "chunked")) throw bad_message(501, "unknown transfer encoding");
        return read_chunks(from, ctx);
    }
    if (length != fields.end()) return from.read(length_of(length->second, 10), ctx);
    return otherwise == unless_told::is_empty ? "" : from.read_to_end(most_in_body, ctx);
}

/// `first` is its first line.
inline request read_request(const std::string& first, line_stream& from,
                            const runnel::context& ctx) {
    const std::size_t a = first.find(' ');
    const std::size_t b = first.rfind(' ');
    if (a == std::string::npos || a == b) throw bad_message(400, "malformed request");
    request r{first.substr(0, a), first.substr(a + 1, b - a - 1)};
    if (!is_token(r.method) || !is_target(r.target)) throw bad_message(400, "malformed request");
    const std::string version = first.substr(b + 1);
    if (version != "HTTP/1.1" && version != "HTTP/1.0") throw bad_message(505, "unknown version");
    r.fields = read_fields(from, ctx);
    if (version == "HTTP/1.0") {
        r.fields["Connection"] = "close";
    } else if (!r.fields.contains("Host")) {
        throw bad_message(400, "no host");
    }
    r.body = read_body(from, r.fields, unless_told::is_empty, ctx);
    return r;
}

inline response read_response(line_stream& from, bool of_head, const runnel::context& ctx) {
    for (;;) {
        const std::string first = from.next_line(ctx);
        constexpr std::string_view pattern = "HTTP/1.x nnn";
        if (first.size() < pattern.size() || !first.starts_with("HTTP/1.") || first[8] != ' ') {
            throw bad_message(400, "malformed response");
        }
        response r{static_cast<int>(length_of(std::string_view(first).substr(9, 3), 10))};
        r.fields = read_fields(from, ctx);
        if (r.status < 200) continue;  // the real one is to come
        if (!of_head && r.status != 204 && r.status != 304) {
            r.body = read_body(from, r.fields, unless_told::ends_with_the_stream, ctx);
        }
        return r;
    }
}

inline void write(line_stream& to, const std::string& first, const field_map& fields,
                  const std::string& body, const runnel::context& ctx) {
    std::string text = first;
    text.append("\r\n");
    for (const auto& [name, value] : fields) {
        text.append(name).append(": ").append(value).append("\r\n");
    }
    to.write(text.append("\r\n").append(body), ctx);
}

// ---- 3. a client ----

/// Sends a request over an open connection, and returns what is answered.
/// Errors  std::system_error: the connection's, net::errc::unexpected_end, or the context's; bad_message.
inline response exchange(const runnel::context& ctx, line_stream& with, request r) {
    if (!is_token(r.method) || !is_target(r.target)) throw bad_message(400, "malformed request");
    r.fields.try_emplace("Host", with.connection().remote_endpoint().to_string());
    if (!r.body.empty()) r.fields["Content-Length"] = std::to_string(r.body.size());
    write(with, r.method + " " + r.target + " HTTP/1.1", r.fields, r.body, ctx);
    return read_response(with, r.method == "HEAD", ctx);
}

/// The same over a connection of its own. Go  http.Client.Do
inline response call(const runnel::context& ctx, const std::string& address, request r) {
    line_stream with = guide::dial(address, ctx);
    r.fields["Connection"] = "close";
    return exchange(ctx, with, std::move(r));
}

// ---- 4. a server ----

/// Answers requests from its construction on. The destructor ends it. Go  http.Server
class server {
public:
    /// Answers one request; called by any number of goroutines at once. What it throws is a "500 Internal Server Error".
    /// The context is done when the client has hung up, or the server is closed.
    using handler = std::function<response(const runnel::context& ctx, const request& r)>;

    server(const std::string& address, handler h)
        : handler_(std::move(h)),
          lines_(address,
                 [this](const runnel::context& ctx, line_stream& with) { serve(ctx, with); }) {}

    std::string address() const { return lines_.address(); }

    /// Lets the requests that have come be answered, and closes all other connections at once. Returns when all is
    /// done, or with the error of the context if that is done first: then close() remains. Go  Shutdown
    std::error_code shutdown(const runnel::context& ctx) {
        lines_.stop_accepting();
        return lines_.wait(ctx) == runnel::op_status::ok ? std::error_code() : ctx.err();
    }
    /// Waits until a shutdown has begun, and connections are refused. Go  what Serve returns for
    void wait_until_refusing() const { lines_.wait_until_refusing(); }
    /// Ends without answering. Go  Close
    void close() { lines_.close(); }

private:
    void serve(const runnel::context& ctx, line_stream& with) {
        for (bool more = true; more;) {
            with.connection().set_deadline(runnel::clock::now() + guide::far_away);
            const auto first = with.read_line(lines_.accepting());
            if (!first) return;
            request r;
            response answer;
            bool is_understood = true;
            try {
                r = read_request(*first, with, ctx);
                answer = answer_to(r, ctx, with);
            } catch (const bad_message& e) {
                is_understood = false;
                answer = {e.status, e.what()};
            }
            more = is_understood && !same(r.fields["Connection"], "close") &&
                   !lines_.accepting().err();
            if (!more) answer.fields["Connection"] = "close";
            answer.fields.try_emplace("Content-Length", std::to_string(answer.body.size()));
            if (r.method == "HEAD") answer.body.clear();
            with.connection().set_deadline(runnel::clock::now() + guide::far_away);
            write(with, std::string("HTTP/1.1 ").append(status_text(answer.status)), answer.fields,
                  answer.body, ctx);
            if (!is_understood) {
                // What is unread at the end would take the answer with it: the connection would be reset.
                with.connection().shutdown();
                with.read_to_end(most_in_body, ctx);
            }
        }
    }

    response answer_to(const request& r, const runnel::context& ctx, line_stream& with) {
        const auto asked = runnel::with_cancel(ctx);
        // Somebody has to notice when the client hangs up meanwhile. Its destructor ends it.
        with.connection().set_deadline({});
        runnel::group watch(ctx);
        watch.go([&] {
            std::error_code e;
            if (!with.read_more(watch.context(), e) && !watch.context().err()) asked.cancel();
        });
        try {
            return handler_(asked, r);
        } catch (const std::exception& e) {
            return {500, e.what()};
        }
    }

    const handler handler_;
    guide::line_server lines_;
};

}  // namespace http
