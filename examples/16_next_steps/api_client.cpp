// examples/16_next_steps/api_client.cpp — a client that tries again, keeps to a rate, and leaves a service alone that is down.
// SPDX-License-Identifier: BSL-1.0
//
//   get ── retry ── circuit breaker ── rate limiter ── HTTP ──> service
//            ▲            │
//            └── failed ──┴── three in a row: refused for a second, without asking
//
// In the guide: "Next Steps", concurrent API client. The service is the program's own: --port names another on this
// machine, of which it gets "/" with the same patience.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <exception>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include "../common/guide.hpp"
#include "../common/http.hpp"

namespace {

/// An answer that is not 200.
class refusal : public std::runtime_error {
public:
    explicit refusal(int code) : std::runtime_error(http::status_text(code)), status(code) {}
    const int status;
};

class api_client {
public:
    explicit api_client(std::string server) : server_(std::move(server)) {}

    std::string get(const runnel::context& ctx, const std::string& path) {
        return runnel::retry(
            ctx, {.attempts = 3, .first_delay = guide::seconds(0.5)},
            [&] { return breaker_.run([&] { return get_once(ctx, path); }, is_its_fault); },
            [](const std::exception_ptr& e) { return is_its_fault(e) && !is_open(e); });
    }

    static constexpr int burst = 2;
    static std::chrono::microseconds interval() { return guide::seconds(0.25); }
    runnel::circuit_state breaker() const { return breaker_.state(); }

private:
    std::string get_once(const runnel::context& ctx, const std::string& path) {
        if (limit_.wait(ctx) != runnel::op_status::ok) throw std::system_error(ctx.err());
        const http::response r = http::call(ctx, server_, {"GET", path});
        if (r.status != 200) throw refusal(r.status);
        return r.body;
    }

    /// Else it is ours: to ask again for what is not there changes nothing, and does not mean that the service is down.
    static bool is_its_fault(const std::exception_ptr& failure) {
        try {
            std::rethrow_exception(failure);
        } catch (const refusal& r) {
            return r.status >= 500;
        } catch (const std::exception&) {
            return true;
        }
    }
    static bool is_open(const std::exception_ptr& failure) {
        try {
            std::rethrow_exception(failure);
        } catch (const runnel::circuit_open&) {
            return true;
        } catch (const std::exception&) {
            return false;
        }
    }

    const std::string server_;
    runnel::rate_limiter limit_{interval(), burst};
    // A second even if the guide's are shorter: enough to try something meanwhile, however busy the machine is.
    runnel::circuit_breaker breaker_{{.failures = 3, .cool_down = std::chrono::seconds(1)}};
};

/// Counts who asks for what.
class service {
public:
    std::string address() const { return server_.address(); }
    int asked(const std::string& path) {
        const std::lock_guard guard(mutex_);
        return asked_[path];
    }
    std::atomic<bool> is_down{false};

private:
    http::response answer(const std::string& path) {
        int times = 0;
        {
            const std::lock_guard guard(mutex_);
            times = ++asked_[path];
        }
        if (is_down) return {503};
        if (path == "/flaky" && times < 3) return {503};
        if (path == "/missing") return {404};
        return {200, std::string("here is ").append(path)};
    }

    runnel::mutex mutex_;
    std::map<std::string, int> asked_;  // guarded by mutex_
    http::server server_{guide::loopback(0),
                         [this](const auto&, const auto& r) { return answer(r.target); }};
};

void show(api_client& client, service& s, const std::string& path) {
    const auto ctx = runnel::with_timeout(runnel::background(), guide::far_away);
    const int before = s.asked(path);
    std::string what;
    try {
        what = client.get(ctx, path);
    } catch (const std::exception& e) {
        what = guide::reason(e);
    }
    std::printf("%s: %s (requests: %d)\n", path.c_str(), what.c_str(), s.asked(path) - before);
}

void show_all() {
    service s;
    api_client client(s.address());
    show(client, s, "/orders");
    show(client, s, "/flaky");
    show(client, s, "/missing");

    // Twenty at once, and still no more than the service wants.
    constexpr int calls = 20;
    const guide::stopwatch watch;
    std::atomic<int> answered{0};
    runnel::group all;
    for (int i = 0; i < calls; ++i) {
        all.go([&] {
            if (!client.get(all.context(), "/stock").empty()) ++answered;
        });
    }
    all.wait();
    const double took = watch.milliseconds();
    const std::chrono::duration<double, std::milli> least =
        (calls - api_client::burst) * api_client::interval();
    std::printf("%d calls at once: %d answered, %s\n", calls, answered.load(),
                took >= least.count() ? "at the rate agreed" : "too fast");
    guide::note("%.1f ms, at least %.1f\n", took, least.count());

    const auto is_open = [&] { return client.breaker() == runnel::circuit_state::open; };
    s.is_down = true;
    show(client, s, "/orders");
    std::printf("circuit: %s\n", is_open() ? "open" : "closed");
    show(client, s, "/orders");
    s.is_down = false;
    while (is_open()) runnel::sleep_for(std::chrono::milliseconds(10));
    show(client, s, "/orders");
    std::printf("circuit: %s\n", is_open() ? "open" : "closed");
}

}  // namespace

int main(int argc, char** argv) {
    long long port = 0;
    guide::parse(argc, argv, {{"--port", port, 1, 65535}});
    return guide::run([port] {
        const std::size_t base = runnel::num_goroutine();
        if (port != 0) {
            const auto ctx = runnel::with_timeout(runnel::background(), guide::far_away);
            std::printf("%s\n", api_client(guide::loopback(port)).get(ctx, "/").c_str());
            return 0;
        }
        show_all();
        std::printf("goroutines left: %zu\n", guide::left_behind(base));
        return 0;
    });
}
// Output:
// /orders: here is /orders (requests: 1)
// /flaky: here is /flaky (requests: 3)
// /missing: 404 Not Found (requests: 1)
// 20 calls at once: 20 answered, at the rate agreed
// /orders: 503 Service Unavailable (requests: 3)
// circuit: open
// /orders: circuit breaker is open (requests: 0)
// /orders: here is /orders (requests: 1)
// circuit: closed
// goroutines left: 0
