// examples/16_next_steps/chat_server.hpp — a room in which everybody hears what the others say.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>

#include <runnel/runnel.hpp>

#include "../common/guide.hpp"
#include "../common/lines.hpp"

namespace chat {

using guide::line_stream;

/// Talks in lines: asks for a name, then passes on what is said. "/names" tells who is there, "/quit" says goodbye.
/// Each member has a goroutine that reads, another that writes, and between the room and the latter a channel with `patience`
/// places: nobody waits for a slow member, who is sent away when these are taken.
class server {
public:
    server(const std::string& address, std::size_t patience)
        : patience_(patience),
          lines_(address,
                 [this](const runnel::context& ctx, line_stream& with) { receive(ctx, with); }) {}

    std::string address() const { return lines_.address(); }

private:
    struct member {
        std::string name;
        runnel::chan<std::string> to_hear;
        const runnel::cancel_context here;
    };

    /// A conversation from its beginning to its end.
    void receive(const runnel::context& ctx, line_stream& with) {
        member m{{}, runnel::make_chan<std::string>(patience_), runnel::with_cancel(ctx)};
        if (!come_in(m, with)) return;
        runnel::wait_group writing;
        writing.go([&] {
            std::error_code e;
            for (std::string& line : m.to_hear) {
                with.connection().write(line.append("\r\n"), m.here, e);
                if (e) return m.here.cancel();
            }
        });
        listen(m, with);
        m.to_hear.close();  // nobody else has it any more
        with.connection().set_deadline(runnel::clock::now() + guide::far_away);
        writing.wait();
    }

    /// Asks until there is a name that nobody else has. False if the other end has gone before.
    bool come_in(member& m, line_stream& with) {
        with.connection().set_deadline(runnel::clock::now() + guide::far_away);
        for (const char* question = "your name?";; question = "taken; another name?") {
            with.write_line(question, m.here);
            auto answer = with.read_line(m.here);
            while (answer && !is_name(*answer)) {
                with.write_line("1 to 20 small letters; your name?", m.here);
                answer = with.read_line(m.here);
            }
            if (!answer) return false;
            const std::lock_guard guard(mutex_);
            if (!members_.try_emplace(*answer, &m).second) continue;
            m.name = *answer;
            tell(m, "* welcome, " + m.name + "; here are: " + names());
            tell_others(m, "* " + m.name + " has come");
            break;
        }
        with.connection().set_deadline({});
        return true;
    }

    /// Passes on what is said, until the member leaves in one way or another.
    void listen(member& m, line_stream& with) {
        const char* how = "has left";
        try {
            while (const auto line = with.read_line(m.here)) {
                const std::lock_guard guard(mutex_);
                if (*line == "/quit") {
                    tell(m, "* goodbye");
                    break;
                }
                if (*line == "/names") {
                    tell(m, "* here are: " + names());
                } else {
                    tell_others(m, "<" + m.name + "> " + *line);
                }
            }
        } catch (const std::system_error&) {
            how = m.here.cause() == std::errc::no_buffer_space ? "was too slow" : "is gone";
        }
        const std::lock_guard guard(mutex_);
        members_.erase(m.name);
        tell_others(m, "* " + m.name + " " + how);
    }

    // With the mutex held.
    void tell(member& m, const std::string& text) {
        if (m.to_hear.try_send(text) == runnel::op_status::ok) return;
        m.here.cancel(std::make_error_code(std::errc::no_buffer_space));
    }
    void tell_others(const member& who, const std::string& text) {
        for (const auto& [name, m] : members_) {
            if (m != &who) tell(*m, text);
        }
    }
    std::string names() const {
        std::string all;
        for (const auto& [name, m] : members_) all.append(all.empty() ? "" : ", ").append(name);
        return all;
    }
    static bool is_name(const std::string& s) {
        return !s.empty() && s.size() <= 20 &&
               std::all_of(s.begin(), s.end(), [](char c) { return c >= 'a' && c <= 'z'; });
    }

    const std::size_t patience_;
    runnel::mutex mutex_;
    std::map<std::string, member*> members_;  // guarded by mutex_
    guide::line_server lines_;
};

}  // namespace chat
