// examples/15_context/http_api_call.cpp — a call over HTTP that is answered, too slow, or no longer wanted.
// SPDX-License-Identifier: BSL-1.0
//
//   context ──> client ── connection ──> server ──> context        who gives up hangs up, and the server hears of it
//
// In the guide: "Real-World Example: HTTP API Call", callExternalAPI. Its Go never looks at the status, so that an error
// page is decoded as if it were the user. That it looks at the context between the header and the body is not needed: the
// body is read under the same context. The server is the program's own unless --port names another.
#include <atomic>
#include <cstdio>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>

#include <nlohmann/json.hpp>

#include "../common/guide.hpp"
#include "../common/http.hpp"

namespace {

using runnel::unit;

struct user {
    std::string id;
    std::string name;
};

// [call]
user call_external_api(const runnel::context& ctx, const std::string& server,
                       const std::string& user_id) {
    const http::request r{"GET",
                          std::string("/users/").append(user_id),
                          {},
                          {{"Authorization", "Bearer token"}, {"Accept", "application/json"}}};
    const http::response answer = http::call(ctx, server, r);
    if (answer.status != 200) throw std::runtime_error(http::status_text(answer.status));
    const auto json = nlohmann::json::parse(answer.body, nullptr, false);
    if (!json.is_object() || !json.contains("id") || !json.contains("name")) {
        throw std::runtime_error("malformed answer");
    }
    return {json["id"].get<std::string>(), json["name"].get<std::string>()};
}
// [/call]

/// Knows some users, one of whom takes for ever.
class api {
public:
    std::string address() const { return server_.address(); }
    /// Waits until somebody has asked for that one.
    void wait_until_asked() const { asked_.recv(); }
    /// Waits until the server no longer works for him who has asked.
    void wait_until_dropped() const { dropped_.recv(); }

private:
    http::response answer(const runnel::context& ctx, const http::request& r) const {
        const auto token = r.fields.find("Authorization");
        if (token == r.fields.end() || token->second != "Bearer token") return {401};
        if (r.target == "/users/user-123") {
            return {200, R"({"id": "user-123", "name": "Ada", "follows": ["user-456"]})"};
        }
        if (r.target == "/users/user-456") return {200, R"({"id": "user-456")"};
        if (r.target != "/users/user-789") return {404};
        asked_.send();
        ctx.done().recv();
        dropped_.send();
        return {503};
    }

    const runnel::chan<unit> asked_ = runnel::make_chan<unit>(runnel::unbounded);
    const runnel::chan<unit> dropped_ = runnel::make_chan<unit>(runnel::unbounded);
    http::server server_{guide::loopback(0),
                         [this](const auto& ctx, const auto& r) { return answer(ctx, r); }};
};

void show(const runnel::context& ctx, const std::string& server, const std::string& id) {
    const guide::stopwatch watch;
    try {
        const user u = call_external_api(ctx, server, id);
        std::printf("%s: %s\n", u.id.c_str(), u.name.c_str());
    } catch (const std::exception& e) {
        if (ctx.err() == runnel::errc::deadline_exceeded) {
            std::printf("%s: API call timed out\n", id.c_str());
        } else {
            std::printf("%s: API call failed: %s\n", id.c_str(), guide::reason(e).c_str());
        }
    }
    guide::note("%.1f ms\n", watch.milliseconds());
}

}  // namespace

int main(int argc, char** argv) {
    long long port = 0;
    guide::parse(argc, argv, {{"--port", port, 1, 65535}});
    return guide::run([port] {
        const std::size_t base = runnel::num_goroutine();
        const auto patient = runnel::with_timeout(runnel::background(), guide::far_away);
        if (port != 0) {
            const user u = call_external_api(patient, guide::loopback(port), "user-123");
            std::printf("%s: %s\n", u.id.c_str(), u.name.c_str());
            return 0;
        }
        {
            const api service;
            const std::string server = service.address();
            for (const char* id : {"user-123", "user-456", "user-000"}) show(patient, server, id);
            {
                const auto ctx = runnel::with_timeout(runnel::background(), guide::seconds(3));
                show(ctx, server, "user-789");
            }
            {
                const auto ctx = runnel::with_cancel(runnel::background());
                const auto changes_his_mind = runnel::async([&] {
                    service.wait_until_asked();
                    ctx.cancel();
                });
                show(ctx, server, "user-789");
                changes_his_mind.wait();
            }
            service.wait_until_dropped();
            std::puts("the server has stopped working for nobody");
        }
        std::printf("goroutines left: %zu\n", guide::left_behind(base));
        return 0;
    });
}
// Output:
// user-123: Ada
// user-456: API call failed: malformed answer
// user-000: API call failed: 404 Not Found
// user-789: API call timed out
// user-789: API call failed: context canceled
// the server has stopped working for nobody
// goroutines left: 0
