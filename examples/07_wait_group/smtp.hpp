// examples/07_wait_group/smtp.hpp — mail: sending it, and a sink that takes it, as in RFC 5321.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <compare>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <runnel/runnel.hpp>

#include "../common/guide.hpp"
#include "../common/lines.hpp"

namespace smtp {

using guide::line_stream;

/// The lines of the text end in "\n".
struct mail {
    std::string from;
    std::string to;
    std::string text;

    friend bool operator==(const mail&, const mail&) = default;
    friend auto operator<=>(const mail&, const mail&) = default;
};

// ---- 1. the sink ----

enum class mailbox { open, full, crashing };

/// A server that keeps what comes for its mailboxes. The destructor ends it.
class sink {
public:
    sink(const std::string& address, std::map<std::string, mailbox> mailboxes)
        : mailboxes_(std::move(mailboxes)),
          lines_(address,
                 [this](const runnel::context& ctx, line_stream& with) { talk(ctx, with); }) {}

    std::string address() const { return lines_.address(); }
    std::vector<mail> kept() const {
        const std::lock_guard guard(mutex_);
        return kept_;
    }

private:
    void talk(const runnel::context& ctx, line_stream& with) {
        const auto say = [&](const char* reply) { with.write_line(reply, ctx); };
        with.connection().set_deadline(runnel::clock::now() + guide::far_away);
        mail m;
        say("220 sink at your service");
        while (const auto line = with.read_line(ctx)) {
            if (line->starts_with("EHLO ")) {
                say("250-sink\r\n250 8BITMIME");
            } else if (line->starts_with("MAIL FROM:<") && line->ends_with('>')) {
                m = {line->substr(11, line->size() - 12), {}, {}};
                say("250 sender ok");
            } else if (line->starts_with("RCPT TO:<") && line->ends_with('>')) {
                if (m.from.empty()) {
                    say("503 who sends it?");
                    continue;
                }
                const std::string to = line->substr(9, line->size() - 10);
                const auto found = mailboxes_.find(to);
                if (found == mailboxes_.end()) {
                    say("550 no such mailbox");
                } else if (found->second == mailbox::full) {
                    say("452 mailbox full");
                } else {
                    m.to = to;
                    say("250 recipient ok");
                }
            } else if (*line == "DATA") {
                if (m.to.empty()) {
                    say("503 who gets it?");
                    continue;
                }
                say("354 end with a dot");
                m.text = read_text(with, ctx);
                if (mailboxes_.at(m.to) == mailbox::crashing) return;
                keep(std::exchange(m, {}));
                say("250 kept");
            } else if (*line == "QUIT") {
                return say("221 goodbye");
            } else {
                say("500 unknown command");
            }
        }
    }

    void keep(mail m) {
        const std::lock_guard guard(mutex_);
        kept_.push_back(std::move(m));
    }

    /// Until the line with the dot; one dot that was put before another is taken off.
    static std::string read_text(line_stream& with, const runnel::context& ctx) {
        std::string text;
        for (;;) {
            const std::string line = with.next_line(ctx);
            if (line == ".") return text;
            text.append(line.starts_with('.') ? std::string_view(line).substr(1) : line);
            text += '\n';
        }
    }

    const std::map<std::string, mailbox> mailboxes_;
    mutable runnel::mutex mutex_;
    std::vector<mail> kept_;  // guarded by mutex_
    guide::line_server lines_;
};

// ---- 2. the client ----

/// A conversation with a server, from the greeting on.
/// Errors  std::system_error, the connection's or the context's; std::runtime_error with a reply that is a refusal.
class session {
public:
    session(const runnel::context& ctx, const std::string& server)
        : ctx_(ctx), with_(guide::dial(server, ctx)) {
        expect('2');
        ask("EHLO localhost", '2');
    }

    void send(const mail& m) {
        check(m.from);
        check(m.to);
        ask(std::string("MAIL FROM:<").append(m.from).append(">"), '2');
        ask(std::string("RCPT TO:<").append(m.to).append(">"), '2');
        ask("DATA", '3');
        std::string text;
        for (std::size_t at = 0; at < m.text.size();) {
            const std::size_t end = std::min(m.text.find('\n', at), m.text.size());
            if (m.text[at] == '.') text += '.';  // else a line of one dot would end the mail
            text.append(m.text, at, end - at).append("\r\n");
            at = end + 1;
        }
        ask(text.append("."), '2');
    }
    void quit() { ask("QUIT", '2'); }

private:
    /// What is no address might smuggle in a command.
    static void check(const std::string& address) {
        if (address.find_first_of("\r\n<> ") != std::string::npos ||
            address.find('@') == std::string::npos) {
            throw std::runtime_error("not an address");
        }
    }
    void ask(const std::string& command, char hoped_for) {
        with_.write_line(command, ctx_);
        expect(hoped_for);
    }
    /// A reply begins with three digits, and has several lines if the first ones have a dash behind them.
    void expect(char hoped_for) {
        std::string line = with_.next_line(ctx_);
        while (line.size() > 3 && line[3] == '-') line = with_.next_line(ctx_);
        if (!line.starts_with(hoped_for)) throw std::runtime_error(line);
    }

    const runnel::context ctx_;
    line_stream with_;
};

}  // namespace smtp
