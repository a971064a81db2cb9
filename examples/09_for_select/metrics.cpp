// examples/09_for_select/metrics.cpp — what the machine does, measured by the clock and pushed to a collector, until told to stop.
// SPDX-License-Identifier: BSL-1.0
//
//   tick ── /proc ── POST ──> collector       cancel ──> stop, in the midst of a push, too
//
// In the guide: "Real-World Example: Metrics Collection". Its getCPUUsage, getMemoryUsage, getDiskIO and
// sendToMonitoring are left to the reader, and while it sends, it does not hear of the end: a done channel does not reach
// into the call. A context does. The collector is the program's own unless --port names another. A push that fails is
// told, and the next one is tried at its time; only a collector that is not there at the start is an error.
#include <atomic>
#include <cstdio>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>

#include "../common/guide.hpp"
#include "../common/http.hpp"
#include "proc.hpp"

namespace {

using proc::metrics;

// [collect]
void send_to_monitoring(const runnel::context& parent, const std::string& collector,
                        const metrics& m) {
    std::ostringstream text;
    for (const auto& [name, value] : m) text << name << ' ' << value << '\n';
    const auto ctx = runnel::with_timeout(parent, guide::far_away);
    const auto answer = http::call(ctx, collector, {"POST", "/metrics", text.str()});
    if (answer.status != 200) throw std::runtime_error(http::status_text(answer.status));
}

void collect_metrics(const runnel::context& ctx, const std::string& collector) {
    proc::reader machine;
    const auto push = [&] {
        send_to_monitoring(ctx, collector, runnel::blocking([&] { return machine.read(); }));
    };
    push();
    runnel::ticker ticker(guide::seconds(1));  // the guide's minute, less patiently
    while (!ctx.err()) {
        runnel::select(runnel::done(ctx), runnel::recv(ticker.chan(), [&] {
                           try {
                               push();
                           } catch (const std::exception& e) {
                               if (ctx.err()) return;
                               std::printf("failed to send metrics: %s\n",
                                           guide::reason(e).c_str());
                           }
                       }));
    }
    std::puts("stopping metrics collection");
}
// [/collect]

/// The other end: keeps what is pushed, but is busy the third time, and does not answer any more from the seventh on.
class collector {
public:
    std::string address() const { return server_.address(); }
    metrics next() const {
        auto m = kept_.recv_for(guide::far_away);
        if (!m) throw std::runtime_error("no metrics have come");
        return *m;
    }
    void wait_until_stuck() const {
        if (!stuck_.recv_for(guide::far_away)) throw std::runtime_error("nothing more has come");
    }

private:
    http::response answer(const runnel::context& ctx, const http::request& r) {
        if (r.target != "/metrics") return {404};
        if (r.method != "POST") return {405};
        if (++pushes_ == 3) return {503};
        if (pushes_ > 6) {
            stuck_.send(ctx);
            ctx.done().recv();  // until the client hangs up
        }
        metrics m;
        std::istringstream lines(r.body);
        std::string name;
        for (double value = 0; lines >> name >> value;) m[name] = value;
        if (!lines.eof() || m.empty()) return {400};
        kept_.send(m);
        return {200};
    }

    std::atomic<int> pushes_{0};
    const runnel::chan<runnel::unit> stuck_ = runnel::make_chan<runnel::unit>();
    const runnel::chan<metrics> kept_ = runnel::make_chan<metrics>(runnel::unbounded);
    http::server server_{guide::loopback(0),
                         [this](const auto& ctx, const auto& r) { return answer(ctx, r); }};
};

bool is_percentage(double d) { return d >= 0 && d <= 100; }

}  // namespace

int main(int argc, char** argv) {
    long long port = 0;
    guide::parse(argc, argv, {{"--port", port, 1, 65535}});
    return guide::run([port] {
        const std::size_t base = runnel::num_goroutine();
        {
            std::optional<collector> own;
            if (port == 0) own.emplace();
            const std::string address = own ? own->address() : guide::loopback(port);
            const auto ctx = runnel::with_cancel(runnel::background());
            auto collecting = runnel::async(collect_metrics, runnel::context(ctx), address);
            if (!own) collecting.wait_for(guide::seconds(10));
            for (int i = 1; own && i <= 5; ++i) {
                const metrics m = own->next();
                const bool sound = is_percentage(m.at("cpu_percent")) &&
                                   is_percentage(m.at("memory_percent")) &&
                                   m.at("disk_kilobytes") >= 0;
                std::printf("sample %d: %s\n", i, sound ? "sound" : "impossible");
                for (const auto& [name, value] : m) guide::note("%s %.1f\n", name.c_str(), value);
            }
            if (own) {
                own->wait_until_stuck();
                std::puts("stopping in the midst of a push");
            }
            ctx.cancel();
            collecting.get();
        }
        std::printf("goroutines left: %zu\n", guide::left_behind(base));
        return 0;
    });
}
// Unordered output:
// sample 1: sound
// sample 2: sound
// failed to send metrics: 503 Service Unavailable
// sample 3: sound
// sample 4: sound
// sample 5: sound
// stopping in the midst of a push
// stopping metrics collection
// goroutines left: 0
