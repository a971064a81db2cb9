// examples/09_for_select/metrics.cpp — what the machine does, measured by the clock and pushed to a collector, until told to stop.
// SPDX-License-Identifier: BSL-1.0
//
//   tick ── /proc ── POST ──> collector       done ──> stop
//
// In the guide: "Real-World Example: Metrics Collection". Its getCPUUsage, getMemoryUsage, getDiskIO and
// sendToMonitoring are left to the reader. The collector is the program's own unless --port names another. A push that
// fails is told, and the next one is tried at its time; only a collector that is not there at the start is an error.
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

void send_to_monitoring(const std::string& collector, const metrics& m) {
    std::ostringstream text;
    for (const auto& [name, value] : m) text << name << ' ' << value << '\n';
    const auto ctx = runnel::with_timeout(runnel::background(), guide::far_away);
    const auto answer = http::call(ctx, collector, {"POST", "/metrics", text.str()});
    if (answer.status != 200) throw std::runtime_error(http::status_text(answer.status));
}

void collect_metrics(const runnel::recv_chan<runnel::unit>& done, const std::string& collector) {
    proc::reader machine;
    const auto read = [&] { return runnel::blocking([&] { return machine.read(); }); };
    send_to_monitoring(collector, read());
    runnel::ticker ticker(guide::seconds(1));  // the guide's minute, less patiently
    for (bool more = true; more;) {
        runnel::select(runnel::recv(done,
                                    [&] {
                                        std::puts("stopping metrics collection");
                                        more = false;
                                    }),
                       runnel::recv(ticker.chan(), [&] {
                           try {
                               send_to_monitoring(collector, read());
                           } catch (const std::exception& e) {
                               std::printf("failed to send metrics: %s\n",
                                           guide::reason(e).c_str());
                           }
                       }));
    }
}

/// The other end: keeps what is pushed, but is busy the third time.
class collector {
public:
    std::string address() const { return server_.address(); }
    metrics next() const {
        auto m = kept_.recv_for(guide::far_away);
        if (!m) throw std::runtime_error("no metrics have come");
        return *m;
    }

private:
    http::response answer(const http::request& r) {
        if (r.target != "/metrics") return {404};
        if (r.method != "POST") return {405};
        if (++pushes_ == 3) return {503};
        metrics m;
        std::istringstream lines(r.body);
        std::string name;
        for (double value = 0; lines >> name >> value;) m[name] = value;
        if (!lines.eof() || m.empty()) return {400};
        kept_.send(m);
        return {200};
    }

    std::atomic<int> pushes_{0};
    const runnel::chan<metrics> kept_ = runnel::make_chan<metrics>(runnel::unbounded);
    http::server server_{guide::loopback(0),
                         [this](const auto&, const auto& r) { return answer(r); }};
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
            auto done = runnel::make_chan<runnel::unit>();
            auto collecting = runnel::async([=] { collect_metrics(done, address); });
            if (!own) collecting.wait_for(guide::seconds(10));
            for (int i = 1; own && i <= 5; ++i) {
                const metrics m = own->next();
                const bool sound = is_percentage(m.at("cpu_percent")) &&
                                   is_percentage(m.at("memory_percent")) &&
                                   m.at("disk_kilobytes") >= 0;
                std::printf("sample %d: %s\n", i, sound ? "sound" : "impossible");
                for (const auto& [name, value] : m) guide::note("%s %.1f\n", name.c_str(), value);
            }
            done.close();
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
// stopping metrics collection
// goroutines left: 0
