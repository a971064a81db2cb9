// examples/08_done_channel/http_shutdown.cpp — a server that ends gracefully: what has begun is finished, nothing new is taken.
// SPDX-License-Identifier: BSL-1.0
//
//   close(done) ──> Shutdown ──┬──> new connections are refused
//                              ├──> idle connections are closed
//                              └──> requests in flight are answered, if they come to an end within 5 s
//
// In the guide: "Real-World Example: HTTP Server Shutdown", startServer. Its main goroutine returns as soon as the server
// takes no more connections, and cuts off those that Shutdown is still waiting for; here that is waited for.
#include <cstdio>
#include <string>
#include <vector>

#include "../common/guide.hpp"
#include "../common/http.hpp"

namespace {

using runnel::unit;

/// A server whose "/report" takes until `gate` is closed. Each that begins is told through `begun`.
struct reports {
    runnel::chan<unit> gate = runnel::make_chan<unit>();
    runnel::chan<unit> begun = runnel::make_chan<unit>();

    http::response answer(const runnel::context& ctx, const http::request& r) const {
        if (r.target != "/report") return {200, "well"};
        begun.send(ctx);
        runnel::select(runnel::recv(gate), runnel::done(ctx));
        return {200, "the report"};
    }
};

// [serve]
/// Serves until `done` is closed, and then at most `limit` longer.
std::error_code serve(http::server& server, const runnel::recv_chan<unit>& done,
                      std::chrono::microseconds limit) {
    done.recv();
    const auto ctx = runnel::with_timeout(runnel::background(), limit);
    const std::error_code e = server.shutdown(ctx);
    server.close();  // whoever is not done by now is cut off
    return e;
}
// [/serve]

/// What a client sees: "200 OK: the report".
std::string get(const std::string& address, const std::string& target) {
    const auto ctx = runnel::with_timeout(runnel::background(), guide::far_away);
    try {
        const http::response r = http::call(ctx, address, {"GET", target});
        return http::status_text(r.status).append(": ").append(r.body);
    } catch (const std::exception& e) {
        return guide::reason(e);
    }
}

void show(const reports& service, long long port, bool reports_end,
          std::chrono::microseconds limit) {
    http::server server(guide::loopback(port),
                        [&](const auto& ctx, const auto& r) { return service.answer(ctx, r); });
    const std::string address = server.address();
    auto done = runnel::make_chan<unit>();
    auto ending = runnel::async([&, done] { return serve(server, done, limit); });

    std::vector<runnel::future<std::string>> clients;
    for (int i = 0; i < 3; ++i) {
        clients.push_back(runnel::async([address] { return get(address, "/report"); }));
    }
    for (int i = 0; i < 3; ++i) service.begun.recv();
    std::puts("3 requests in flight");
    const auto ctx = runnel::with_timeout(runnel::background(), guide::far_away);
    auto idle = guide::dial(address, ctx);
    std::printf("a client that stays: %d\n", http::exchange(ctx, idle, {}).status);

    std::puts("shutting down");
    const guide::stopwatch watch;
    done.close();
    server.wait_until_refusing();
    std::printf("a new client: %s\n", get(address, "/").c_str());
    std::printf("the one that stayed: %s\n", idle.read_line(ctx) ? "hears more" : "sent away");
    if (reports_end) service.gate.close();
    for (auto& c : clients) std::printf("in flight: %s\n", c.get().c_str());
    const std::error_code e = ending.get();
    std::printf("shutdown: %s\n", e ? e.message().c_str() : "all answered");
    guide::note("%.1f ms\n", watch.milliseconds());
}

}  // namespace

int main(int argc, char** argv) {
    long long port = 0;
    guide::parse(argc, argv, {{"--port", port, 1, 65535}});
    return guide::run([port] {
        const std::size_t base = runnel::num_goroutine();
        show({}, port, true, guide::far_away);
        std::puts("-- the same with reports that never end");
        show({}, port, false, guide::seconds(5));
        std::printf("goroutines left: %zu\n", guide::left_behind(base));
        return 0;
    });
}
// Output:
// 3 requests in flight
// a client that stays: 200
// shutting down
// a new client: Connection refused
// the one that stayed: sent away
// in flight: 200 OK: the report
// in flight: 200 OK: the report
// in flight: 200 OK: the report
// shutdown: all answered
// -- the same with reports that never end
// 3 requests in flight
// a client that stays: 200
// shutting down
// a new client: Connection refused
// the one that stayed: sent away
// in flight: unexpected end of the stream
// in flight: unexpected end of the stream
// in flight: unexpected end of the stream
// shutdown: context deadline exceeded
// goroutines left: 0
