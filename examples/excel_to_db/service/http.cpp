// examples/excel_to_db/service/http.cpp — HTTP/1.1 by Boost.Beast over a stream of goroutines.
// SPDX-License-Identifier: BSL-1.0
//
//   Map   1. reading a target   2. deadlines   3. requests   4. answers   5. watching the client
//
//   Beast's synchronous algorithms are written against a stream that blocks. Over runnel::asio_stream they
//   park the goroutine instead, so that a connection costs no thread.
#include "service/http.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <nlohmann/json.hpp>
#include <runnel/asio.hpp>
#include <runnel/mutex.hpp>
#include <runnel/wait_group.hpp>
#include <span>
#include <system_error>

namespace excel_to_db {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using time_point = runnel::clock::time_point;
using namespace std::chrono_literals;

constexpr std::size_t chunk_bytes = 64 * 1024;
constexpr auto linger_time = 2s;

// ---- 1. reading a target ----

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::string percent_decoded(std::string_view text, bool plus_is_space) {
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const int high = text[i] == '%' && i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
        const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
        if (low >= 0) {
            result += static_cast<char>(high * 16 + low);
            i += 2;
        } else {
            result += text[i] == '+' && plus_is_space ? ' ' : text[i];
        }
    }
    return result;
}

void parse_target(std::string_view target, http_request& request) {
    const auto question = std::min(target.find('?'), target.size());
    request.path = percent_decoded(target.substr(0, question), false);
    std::string_view query = target.substr(std::min(question + 1, target.size()));
    while (!query.empty()) {
        const std::string_view item = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(item.size() + 1, query.size()));
        const auto equals = std::min(item.find('='), item.size());
        request.query.emplace(
            percent_decoded(item.substr(0, equals), true),
            percent_decoded(item.substr(std::min(equals + 1, item.size())), true));
    }
}

template <class Text>
std::string lowered(const Text& text) {
    std::string result(text.data(), text.size());
    for (char& c : result) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return result;
}

bool is_http_error(const beast::error_code& e) {
    return e.category() == http::make_error_code(http::error::end_of_stream).category();
}

}  // namespace

std::string error_json(std::string_view what) {
    const nlohmann::ordered_json object = {{"error", what}};
    return object.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

// ---- 2. deadlines ----

struct http_connection::state {
    state(runnel::net::stream s, const http_limits& l)
        : stream(std::move(s)), limits(l), buffer(chunk_bytes) {
        limits.header_bytes = std::min<std::uint32_t>(limits.header_bytes, chunk_bytes / 2);
    }

    void read_until(time_point t) {
        const std::lock_guard guard(lock);
        stream.connection().set_read_deadline(std::min(t, last));
    }
    void write_soon() {
        const std::lock_guard guard(lock);
        stream.connection().set_write_deadline(
            std::min(runnel::clock::now() + limits.stall_time, last));
    }
    bool is_cut() {
        const std::lock_guard guard(lock);
        return last != time_point::max();
    }

    bool read_request();
    void refuse(const beast::error_code& e);
    void continue_if_expected();
    template <class Message>
    void set_head(Message& message, const http_response& response);
    void send(const http_response& response);
    void try_to_send(unsigned status, std::string_view what);
    void close_gently();
    void watch();

    runnel::asio_stream stream;
    http_limits limits;
    beast::flat_buffer buffer;  // what has come and was not parsed yet
    std::optional<http::request_parser<http::buffer_body>> parser;
    std::vector<char> chunk;  // what read_body() gave last

    http_request request;
    time_point body_end;
    time_point body_due;  // what has come so far was to be there by then
    bool body_begun = false;
    bool answered = false;
    bool closing = false;  // no request follows

    std::function<void()> on_gone;
    runnel::wait_group watching;

    runnel::mutex lock;
    bool idle = false;                    // guarded by lock: no request has come
    bool finishing = false;               // guarded by lock
    time_point last = time_point::max();  // guarded by lock: no deadline is later
};

http_connection::http_connection(runnel::net::stream stream, const http_limits& limits)
    : state_(std::make_unique<state>(std::move(stream), limits)) {}

http_connection::~http_connection() = default;

void http_connection::finish() {
    const std::lock_guard guard(state_->lock);
    state_->finishing = true;
    if (state_->idle) state_->stream.connection().set_read_deadline(runnel::clock::now());
}

void http_connection::cut(time_point last) {
    const std::lock_guard guard(state_->lock);
    state_->last = last;
    state_->stream.connection().set_deadline(last);
}

// ---- 3. requests ----

void http_connection::serve(const handler& answer) {
    state& s = *state_;
    while (s.read_request()) {
        try {
            answer(*this);
            if (!s.answered) throw http_error(500, "the request was not answered");
        } catch (const connection_lost&) {
            return;
        } catch (const http_error& error) {
            s.try_to_send(error.status(), error.what());
        } catch (const std::exception& error) {
            s.try_to_send(500, error.what());
        }
        if (s.closing) {
            if (!s.parser->is_done() || s.buffer.size() > 0) s.close_gently();
            return;
        }
    }
}

bool http_connection::state::read_request() {
    parser.emplace();
    parser->header_limit(limits.header_bytes);
    // Who reads a body counts. (Beast 1.74 takes boost::none for a limit of nothing.)
    parser->body_limit(std::numeric_limits<std::uint64_t>::max());
    request = {};
    if (body_begun) {
        chunk = {};
        buffer.shrink_to_fit();
    }
    body_begun = answered = closing = false;
    {
        const std::lock_guard guard(lock);
        if (finishing) return false;
        idle = true;
        stream.connection().set_read_deadline(
            std::min(runnel::clock::now() + limits.header_time, last));
    }
    beast::error_code e;
    http::read_header(stream, buffer, *parser, e);
    bool ended = false;
    {
        const std::lock_guard guard(lock);
        idle = false;
        ended = static_cast<bool>(e) && finishing;
    }
    if (ended) return false;
    if (e) {
        refuse(e);
        return false;
    }

    const auto& message = parser->get();
    request.method = std::string(message.method_string().data(), message.method_string().size());
    for (const auto& field : message) {
        request.fields.emplace(lowered(field.name_string()),
                               std::string(field.value().data(), field.value().size()));
    }
    // RFC 9112, 3.2: without a host, or with two of them, a request is none. 3.2.2: the target may be a whole URL.
    if (message.version() >= 11 && message.count(http::field::host) != 1) {
        closing = true;
        try_to_send(400, "a request has one Host");
        close_gently();
        return false;
    }
    std::string_view target(message.target().data(), message.target().size());
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (lowered(target.substr(0, scheme.size())) != scheme) continue;
        target.remove_prefix(scheme.size());
        const auto end = std::min(target.find_first_of("/?"), target.size());
        request.fields["host"] = std::string(target.substr(0, end));
        target.remove_prefix(end);
        break;
    }
    parse_target(target, request);
    if (request.path.empty()) request.path = "/";
    return true;
}

void http_connection::state::refuse(const beast::error_code& e) {
    if (e == asio::error::timed_out) {
        // One that has not begun a request is idle, not slow.
        if (parser->got_some()) try_to_send(408, "the request's header took too long");
    } else if (e == http::error::header_limit || e == http::error::buffer_overflow) {
        try_to_send(431, "the request's header is too large");
    } else if (is_http_error(e) && e != http::error::end_of_stream &&
               e != http::error::partial_message) {
        try_to_send(400, "this is not HTTP: " + e.message());
    }
    if (answered) close_gently();
}

const http_request& http_connection::request() const { return state_->request; }

std::string http_connection::peer() const {
    return state_->stream.connection().remote_endpoint().address();
}

std::optional<std::uint64_t> http_connection::body_size() const {
    const auto size = state_->parser->content_length();
    return size ? std::optional<std::uint64_t>(*size) : std::nullopt;
}

std::string_view http_connection::read_body() {
    state& s = *state_;
    if (!s.body_begun) {
        s.body_begun = true;
        s.body_end = runnel::clock::now() + s.limits.body_time;
        s.body_due = runnel::clock::now() + s.limits.stall_time;
        s.continue_if_expected();
        s.chunk.resize(chunk_bytes);
        s.buffer.reserve(chunk_bytes);
    }
    while (!s.parser->is_done()) {
        auto& body = s.parser->get().body();
        body.data = s.chunk.data();
        body.size = s.chunk.size();
        s.read_until(
            std::min({s.body_end, s.body_due, runnel::clock::now() + s.limits.stall_time}));
        beast::error_code e;
        http::read_some(s.stream, s.buffer, *s.parser, e);
        const std::size_t got = s.chunk.size() - body.size;
        if (e && e != http::error::need_buffer) {
            if (e == asio::error::timed_out && !s.is_cut()) {
                throw http_error(408, "the request's body took too long");
            }
            if (is_http_error(e) && e != http::error::partial_message) {
                throw http_error(400, "the request's body is damaged: " + e.message());
            }
            throw connection_lost();
        }
        s.body_due += std::chrono::microseconds(got * 1'000'000 / s.limits.body_rate);
        if (got > 0) return {s.chunk.data(), got};
    }
    return {};
}

void http_connection::state::continue_if_expected() {
    if (lowered(request.field("expect")) != "100-continue" || parser->is_done()) return;
    constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    write_soon();
    beast::error_code e;
    asio::write(stream, asio::buffer(go_on.data(), go_on.size()), e);
    if (e) throw connection_lost();
}

// ---- 4. answers ----

template <class Message>
void http_connection::state::set_head(Message& message, const http_response& response) {
    // What is left of a request's body would be taken for the next request.
    {
        const std::lock_guard guard(lock);
        closing = closing || finishing || !parser->is_done() || !parser->keep_alive();
    }
    answered = true;
    message.version(parser->is_header_done() ? parser->get().version() : 11);
    message.result(response.status);
    message.keep_alive(!closing);
    if (!response.content_type.empty()) {
        message.set(http::field::content_type, response.content_type);
    }
    message.set(http::field::cache_control, "no-store");
    message.set("X-Content-Type-Options", "nosniff");
    if (response.status == 503 || response.status == 429) message.set("Retry-After", "5");
    for (const auto& [name, value] : response.fields) message.set(name, value);
}

void http_connection::state::send(const http_response& response) {
    beast::error_code e;
    write_soon();
    if (request.method == "HEAD" || response.status == 204) {
        http::response<http::empty_body> message;
        set_head(message, response);
        if (response.status != 204) message.content_length(response.body.size());
        http::response_serializer<http::empty_body> serializer{message};
        http::write_header(stream, serializer, e);
    } else {
        http::response<http::string_body> message;
        set_head(message, response);
        message.content_length(response.body.size());
        message.body() = response.body;
        http::write(stream, message, e);
    }
    if (e) throw connection_lost();
}

// After the beginning of another answer there is nothing to say any more.
void http_connection::state::try_to_send(unsigned status, std::string_view what) {
    if (!answered) {
        try {
            http_response response;
            response.status = status;
            response.body = error_json(what);
            send(response);
            return;
        } catch (const connection_lost&) {
            answered = true;
        }
    }
    closing = true;
}

void http_connection::respond(const http_response& response) { state_->send(response); }

void http_connection::begin(const http_response& head, std::optional<std::uint64_t> size) {
    state& s = *state_;
    http::response<http::empty_body> message;
    s.closing = !size;
    s.set_head(message, head);
    if (size) message.content_length(*size);
    s.write_soon();
    beast::error_code e;
    http::response_serializer<http::empty_body> serializer{message};
    http::write_header(s.stream, serializer, e);
    if (e) throw connection_lost();
}

void http_connection::write(std::string_view bytes) {
    state& s = *state_;
    if (s.request.method == "HEAD") return;
    s.write_soon();
    beast::error_code e;
    asio::write(s.stream, asio::buffer(bytes.data(), bytes.size()), e);
    if (e) throw connection_lost();
}

// Closing while something unread is there would reset the connection, and take the answer away from a
// client that is still sending.
void http_connection::state::close_gently() {
    std::error_code e;
    stream.connection().shutdown(runnel::net::half::write, e);
    read_until(runnel::clock::now() + linger_time);
    std::array<std::byte, 8192> dropped;
    while (!e && stream.connection().read_some(dropped, e) != 0) {
    }
}

// ---- 5. watching the client ----

void http_connection::state::watch() {
    constexpr std::size_t step = 1024;
    // One that sends ahead more than a header is not watched any longer.
    while (buffer.size() + step <= limits.header_bytes) {
        const auto room = buffer.prepare(step);
        std::error_code e;
        const std::size_t n = stream.connection().read_some(
            std::span(static_cast<std::byte*>(room.data()), room.size()), e);
        if (e == runnel::net::errc::timed_out) return;
        if (e || n == 0) return on_gone();
        buffer.commit(n);
    }
}

client_watch::client_watch(http_connection& connection, std::function<void()> gone)
    : state_(*connection.state_) {
    state_.on_gone = std::move(gone);
    state_.read_until(time_point::max());
    state_.watching.go([&s = state_] { s.watch(); });
}

client_watch::~client_watch() {
    state_.read_until(runnel::clock::now());
    state_.watching.wait();
    state_.on_gone = nullptr;
}

}  // namespace excel_to_db
