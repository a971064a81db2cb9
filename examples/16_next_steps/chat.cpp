// examples/16_next_steps/chat.cpp — a chat: a server, and people who come, talk, do not listen, and leave.
// SPDX-License-Identifier: BSL-1.0
//
//   ada ──────> reader ──> room ──┬──> channel ──> writer ──> grace
//                                 └──> channel ──> writer ──> edsger, who does not read: his channel fills up
//
// In the guide: "Next Steps", chat server. The server is the program's own, on loopback, unless --port names another
// of its kind on this machine.
#include <array>
#include <cstddef>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "../common/guide.hpp"
#include "../common/lines.hpp"
#include "chat_server.hpp"

namespace {

/// Somebody at the other end.
class person {
public:
    person(const runnel::context& ctx, const std::string& server)
        : ctx_(ctx), with_(guide::dial(server, ctx)) {}

    void says(const std::string& line) { with_.write_line(line, ctx_); }
    std::string hears() { return with_.read_line(ctx_).value_or("(nothing more)"); }
    /// Says it, and shows what is said to that.
    void asks(const std::string& line) {
        says(line);
        std::printf("%s -> %s\n", line.c_str(), hears().c_str());
    }

private:
    const runnel::context ctx_;
    guide::line_stream with_;
};

void show(const char* who, person& p) { std::printf("%s hears: %s\n", who, p.hears().c_str()); }

/// Says `lines` lines while listening, and counts those of the others that come in their order.
int talk(person& p, const std::string& name, int lines, int others) {
    runnel::group speaking;
    speaking.go([&] {
        for (int i = 0; i < lines; ++i) p.says(std::string(name).append(std::to_string(i)));
    });
    std::map<std::string, int> next;
    int in_order = 0;
    for (int i = 0; i < lines * others; ++i) {
        const std::string line = p.hears();  // "<name> name0"
        const std::size_t end = line.find("> ");
        const std::string speaker = line.substr(1, end - 1);
        if (line.substr(end + 2) == std::string(speaker).append(std::to_string(next[speaker]++)))
            ++in_order;
    }
    speaking.wait();
    return in_order;
}

void hold_chat(const std::string& server) {
    const auto ctx = runnel::with_timeout(runnel::background(), 4 * guide::far_away);
    person ada(ctx, server);
    show("ada", ada);
    ada.asks("ada");
    std::optional<person> grace(std::in_place, ctx, server);
    show("grace", *grace);
    grace->asks("x y");
    grace->asks("ada");
    grace->asks("grace");
    show("ada", ada);
    ada.says("hello");
    show("grace", *grace);
    grace->says("good morning");
    show("ada", ada);  // and nothing of what she has said herself

    std::puts("-- all at once");
    person barbara(ctx, server);
    barbara.hears();
    barbara.asks("barbara");
    show("ada", ada);
    show("grace", *grace);
    std::array<int, 3> heard{};
    runnel::group talking;
    talking.go([&] { heard[0] = talk(ada, "ada", 100, 2); });
    talking.go([&] { heard[1] = talk(barbara, "barbara", 100, 2); });
    talking.go([&] { heard[2] = talk(*grace, "grace", 100, 2); });
    talking.wait();
    std::printf("of the others' 200 lines, heard in order: %d, %d, %d\n", heard[0], heard[1],
                heard[2]);
    barbara.asks("/quit");
    show("ada", ada);
    show("grace", *grace);

    std::puts("-- one who does not listen");
    person edsger(ctx, server);
    edsger.hears();
    edsger.says("edsger");
    show("ada", ada);
    show("grace", *grace);
    int said = 0;
    int missed = 0;
    for (bool is_gone = false; !is_gone; ++said) {
        const std::string line = std::to_string(said).append(8000, '.');
        ada.says(line);
        std::string last = grace->hears();
        if (last == "* edsger was too slow") {
            is_gone = true;
            last = grace->hears();
        }
        if (last != "<ada> " + line) ++missed;
    }
    show("ada", ada);
    std::printf("what grace has missed meanwhile: %d lines\n", missed);
    guide::note("%d lines of 8 KB until he was sent away\n", said);

    std::puts("-- gone without a word");
    grace.reset();
    show("ada", ada);
    {
        const person passes_by(ctx, server);
    }
    ada.asks("/names");
}

}  // namespace

int main(int argc, char** argv) {
    long long port = 0;
    guide::parse(argc, argv, {{"--port", port, 1, 65535}});
    return guide::run([port] {
        const std::size_t base = runnel::num_goroutine();
        {
            std::optional<chat::server> own;
            if (port == 0) own.emplace(guide::loopback(0), 256);
            hold_chat(own ? own->address() : guide::loopback(port));
        }
        std::printf("goroutines left: %zu\n", guide::left_behind(base));
        return 0;
    });
}
// Output:
// ada hears: your name?
// ada -> * welcome, ada; here are: ada
// grace hears: your name?
// x y -> 1 to 20 small letters; your name?
// ada -> taken; another name?
// grace -> * welcome, grace; here are: ada, grace
// ada hears: * grace has come
// grace hears: <ada> hello
// ada hears: <grace> good morning
// -- all at once
// barbara -> * welcome, barbara; here are: ada, barbara, grace
// ada hears: * barbara has come
// grace hears: * barbara has come
// of the others' 200 lines, heard in order: 200, 200, 200
// /quit -> * goodbye
// ada hears: * barbara has left
// grace hears: * barbara has left
// -- one who does not listen
// ada hears: * edsger has come
// grace hears: * edsger has come
// ada hears: * edsger was too slow
// what grace has missed meanwhile: 0 lines
// -- gone without a word
// ada hears: * grace has left
// /names -> * here are: ada
// goroutines left: 0
