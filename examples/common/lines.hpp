// examples/common/lines.hpp — conversations in lines: a connection, and a server that holds many.
// SPDX-License-Identifier: BSL-1.0
//
// What SMTP, HTTP and a chat have in common: lines that end in CRLF, and texts of a known length.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <runnel/net.hpp>
#include <runnel/runnel.hpp>

namespace guide {

// ---- 1. a connection ----

/// A connection over which lines are exchanged. One goroutine reads at a time; others may write meanwhile, and
/// each write() goes out in one piece. All of it ends with a std::system_error once its context is done.
class line_stream {
public:
    static constexpr std::size_t longest_line = 8192;

    explicit line_stream(runnel::net::stream s) : stream_(std::move(s)) {}

    /// The next line without its end; none if the stream has ended.
    /// Errors  std::system_error; net::errc::unexpected_end within a line, std::errc::message_size for too long a one.
    std::optional<std::string> read_line(const runnel::context& ctx) {
        std::size_t end = 0;
        while ((end = unread_.find("\r\n", end)) == std::string::npos) {
            if (unread_.size() > longest_line + 1)
                fail(std::make_error_code(std::errc::message_size));
            end = unread_.empty() ? 0 : unread_.size() - 1;  // half of the end may be there
            if (!read_more(ctx)) {
                if (unread_.empty()) return std::nullopt;
                fail(runnel::net::errc::unexpected_end);
            }
        }
        if (end > longest_line) fail(std::make_error_code(std::errc::message_size));
        std::string line = unread_.substr(0, end);
        unread_.erase(0, end + 2);
        return line;
    }
    /// The same where one has to come: the end of the stream is unexpected.
    std::string next_line(const runnel::context& ctx) {
        auto line = read_line(ctx);
        if (!line) fail(runnel::net::errc::unexpected_end);
        return *std::move(line);
    }
    /// The next `n` bytes, whatever they are.
    std::string read(std::size_t n, const runnel::context& ctx) {
        while (unread_.size() < n) {
            if (!read_more(ctx)) fail(runnel::net::errc::unexpected_end);
        }
        std::string text = unread_.substr(0, n);
        unread_.erase(0, n);
        return text;
    }
    /// All until the stream ends, at most `n` bytes.
    std::string read_to_end(std::size_t n, const runnel::context& ctx) {
        do {
            if (unread_.size() > n) fail(std::make_error_code(std::errc::message_size));
        } while (read_more(ctx));
        return std::exchange(unread_, {});
    }
    /// Waits for something to come, for those who read later. False at the end of the stream.
    bool read_more(const runnel::context& ctx) {
        std::error_code e;
        const bool more = read_more(ctx, e);
        if (e) fail(e);
        return more;
    }
    bool read_more(const runnel::context& ctx, std::error_code& e) {
        std::array<std::byte, 4096> piece;
        const std::size_t n = stream_.read_some(piece, ctx, e);
        unread_.append(reinterpret_cast<const char*>(piece.data()), n);
        return n != 0;
    }

    void write(std::string_view text, const runnel::context& ctx) { stream_.write(text, ctx); }
    void write_line(std::string line, const runnel::context& ctx) {
        write(line.append("\r\n"), ctx);
    }

    runnel::net::stream& connection() { return stream_; }

private:
    [[noreturn]] static void fail(const std::error_code& e) { throw std::system_error(e, "read"); }

    runnel::net::stream stream_;
    std::string unread_;  // what has come already
};

/// Connects to `address`.
inline line_stream dial(const std::string& address, const runnel::context& ctx) {
    return line_stream(runnel::net::dial(address, ctx));
}

// ---- 2. a server ----

/// Listens from its construction on, and talks to everybody who comes in a goroutine of his own. The destructor ends it.
class line_server {
public:
    /// Holds one conversation, which is over when it returns, or throws a std::system_error because the other end
    /// has gone or the context is done.
    using conversation = std::function<void(const runnel::context& ctx, line_stream& with)>;

    line_server(const std::string& address, conversation talk)
        : listener_(runnel::net::listen(address)), talk_(std::move(talk)) {
        running_.go([this] { accept_all(); });
    }
    line_server(const line_server&) = delete;
    line_server& operator=(const line_server&) = delete;
    ~line_server() { close(); }

    std::string address() const { return listener_.local_endpoint().to_string(); }

    /// Done as soon as nobody new is to be talked to.
    const runnel::context& accepting() const { return accepting_; }
    void stop_accepting() { accepting_.cancel(); }
    /// Returns when connections are refused.
    void wait_until_refusing() const { refusing_.recv(); }

    /// Waits for the end of all conversations, or until `ctx` is done.
    runnel::op_status wait(const runnel::context& ctx) { return running_.wait(ctx); }
    /// Ends all conversations.
    void close() {
        all_.cancel();
        running_.wait();
    }

private:
    void accept_all() {
        std::error_code e;
        for (;;) {
            runnel::net::stream s = listener_.accept(accepting_, e);
            if (e) break;
            running_.go([this, with = line_stream(std::move(s))]() mutable {
                try {
                    talk_(all_, with);
                } catch (const std::system_error&) {
                    return;  // nobody is left to be told
                }
            });
        }
        listener_.close(e);
        refusing_.close();
    }

    runnel::net::listener listener_;
    const conversation talk_;
    const runnel::cancel_context all_ = runnel::with_cancel(runnel::background());
    const runnel::cancel_context accepting_ = runnel::with_cancel(all_);
    const runnel::chan<runnel::unit> refusing_ = runnel::make_chan<runnel::unit>();
    runnel::wait_group running_;  // the conversations, and accept_all()
};

}  // namespace guide
