// examples/excel_to_db/service/http.hpp — one connection: requests come in, answers go out.
// SPDX-License-Identifier: BSL-1.0
//
//   What parses HTTP stays behind this header: Boost.Beast takes seconds to compile, and only http.cpp
//   includes it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <runnel/net.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace excel_to_db {

struct http_limits {
    std::uint32_t header_bytes = 16 * 1024;
    std::chrono::milliseconds header_time{10'000};  // until a request's header is complete
    std::chrono::milliseconds body_time{300'000};   // until its body is
    std::chrono::milliseconds stall_time{30'000};   // without a byte, in either direction
    std::uint64_t body_rate = 1024;  // bytes a second that a body has to come at, once that is over
};

struct http_request {
    std::string method;
    std::string path;
    std::map<std::string, std::string> query;
    std::map<std::string, std::string> fields;  // by name, in small letters

    std::string field(const std::string& name) const {
        const auto found = fields.find(name);
        return found == fields.end() ? std::string() : found->second;
    }
};

struct http_response {
    unsigned status = 200;
    std::string content_type = "application/json";
    std::vector<std::pair<std::string, std::string>> fields;
    std::string body;
};

/// Ends a request with an answer that says why: {"error": what()}.
class http_error : public std::runtime_error {
public:
    http_error(unsigned status, const std::string& what)
        : std::runtime_error(what), status_(status) {}
    unsigned status() const { return status_; }

private:
    unsigned status_;
};

/// The client has gone, or is too slow: there is nobody to answer.
class connection_lost : public std::runtime_error {
public:
    connection_lost() : std::runtime_error("the client has gone") {}
};

std::string error_json(std::string_view what);

/// Belongs to one goroutine, but for `finish` and `cut`.
class http_connection {
public:
    using handler = std::function<void(http_connection&)>;

    http_connection(runnel::net::stream stream, const http_limits& limits);
    http_connection(const http_connection&) = delete;
    http_connection& operator=(const http_connection&) = delete;
    ~http_connection();

    /// Has `answer` answer one request after the other, until either side ends the connection. What
    /// breaks a limit is answered here (400, 408, 431); so are exceptions of `answer`.
    void serve(const handler& answer);

    // ---- for the handler ----

    const http_request& request() const;

    /// The client's address, without its port; empty for one that comes by a socket file.
    std::string peer() const;

    /// The size that the request announces for its body.
    std::optional<std::uint64_t> body_size() const;

    /// The next bytes of the body, valid until the next call; empty at its end. Throws `http_error` or
    /// `connection_lost`.
    std::string_view read_body();

    /// Answers the request. Throws `connection_lost`.
    void respond(const http_response& response);

    /// Answers with a body that comes by `write`: `size` bytes, or until the connection ends.
    void begin(const http_response& head, std::optional<std::uint64_t> size);
    void write(std::string_view bytes);

    // ---- for whoever ends the service ----

    /// The request that is being answered is the last one; without one the connection ends now.
    void finish();

    /// Whatever waits for the client fails from `last` on.
    void cut(runnel::clock::time_point last);

private:
    friend class client_watch;
    struct state;
    std::unique_ptr<state> state_;
};

/// While it lives, `gone` is called (by another goroutine, at most once) when the client ends its side of
/// the connection. What the client sends meanwhile is kept for the next request. To be made once the
/// request's body has been read.
class client_watch {
public:
    client_watch(http_connection& connection, std::function<void()> gone);
    client_watch(const client_watch&) = delete;
    client_watch& operator=(const client_watch&) = delete;
    ~client_watch();

private:
    http_connection::state& state_;
};

}  // namespace excel_to_db
