// examples/16_next_steps/realtime.cpp — a stream of measurements, summed up window by window while it flows.
// SPDX-License-Identifier: BSL-1.0
//
//   sensor ─┐                    window 0-99 ms   window 100-199 ms …
//   sensor ─┼── measurements ──> [count max mean] [count max mean]
//   sensor ─┘
//
// A measurement belongs to the window in which it was made, however late it comes. Each sensor promises to be
// at most 50 ms late: so a window is complete, and told, when the slowest sensor has come 50 ms past its end. What
// breaks the promise is counted, and left out. In the guide: "Next Steps", real-time data processor.
#include <algorithm>
#include <cstdio>
#include <map>
#include <utility>
#include <vector>

#include "../common/guide.hpp"

namespace {

constexpr int window_length = 100;  // milliseconds of the sensors' clock
constexpr int lateness = 50;

struct measurement {
    int sensor;
    int made_at;
    int value;
    bool last = false;
};
struct window {
    int begins = 0;
    int count = 0;
    int max = 0;
    long sum = 0;
};

/// 500 ms of values, every 5 ms one; every eighth comes 40 ms late, and one of sensor 2 much too late.
void run_sensor(int id, const runnel::send_chan<measurement>& out) {
    std::vector<std::pair<int, measurement>> by_arrival;
    for (int t = 0; t < 500; t += 5) {
        const int delay = id == 2 && t == 200 ? 160 : t % 40 == 0 ? 40 : 0;
        by_arrival.emplace_back(t + delay, measurement{id, t, 100 * id + t % 70});
    }
    std::sort(by_arrival.begin(), by_arrival.end(), [](const auto& a, const auto& b) {
        return std::pair(a.first, a.second.made_at) < std::pair(b.first, b.second.made_at);
    });
    int now = 0;
    for (const auto& [arrives, m] : by_arrival) {
        runnel::sleep_for(guide::seconds((arrives - now) / 100.0));
        now = arrives;
        out.send(m);
    }
    out.send({id, 0, 0, true});
}

/// Sums up per window, and sends a window as soon as it is complete.
class aggregator {
public:
    aggregator(int sensors, runnel::send_chan<window> out) : out_(std::move(out)) {
        for (int id = 1; id <= sensors; ++id) seen_until_[id] = 0;
    }
    void add(const measurement& m) {
        if (m.last) {
            seen_until_.erase(m.sensor);
        } else {
            int& until = seen_until_.at(m.sensor);
            if (m.made_at < until - lateness) {
                ++too_late;
                return;
            }
            until = std::max(until, m.made_at);
            window& w = open_[m.made_at / window_length * window_length];
            ++w.count;
            w.max = std::max(w.max, m.value);
            w.sum += m.value;
        }
        close_complete();
    }

    int too_late = 0;

private:
    void close_complete() {
        while (!open_.empty()) {
            const auto first = open_.begin();
            const int complete_at = first->first + window_length + lateness;
            const bool complete =
                std::all_of(seen_until_.begin(), seen_until_.end(),
                            [&](const auto& sensor) { return sensor.second >= complete_at; });
            if (!complete) return;
            first->second.begins = first->first;
            out_.send(first->second);
            open_.erase(first);
        }
    }

    const runnel::send_chan<window> out_;
    std::map<int, int> seen_until_;  // by sensor that still runs
    std::map<int, window> open_;     // by the begin of the window
};

}  // namespace

int main(int argc, char** argv) {
    guide::parse(argc, argv);
    return runnel::run([] {
        const std::size_t base = runnel::num_goroutine();
        constexpr int sensors = 3;
        auto measurements = runnel::make_chan<measurement>(32);
        auto windows = runnel::make_chan<window>(4);
        runnel::wait_group running;
        for (int id = 1; id <= sensors; ++id) {
            running.go([id, measurements] { run_sensor(id, measurements); });
        }
        runnel::go([&running, measurements] {
            running.wait();
            measurements.close();
        });
        auto too_late = runnel::async([measurements, windows] {
            aggregator a(sensors, windows);
            for (const measurement& m : measurements) a.add(m);
            windows.close();
            return a.too_late;
        });

        const guide::stopwatch watch;
        for (const window& w : windows) {
            std::printf("%3d-%3d ms: %d values, max %d, mean %.1f\n", w.begins,
                        w.begins + window_length - 1, w.count, w.max,
                        static_cast<double>(w.sum) / w.count);
            guide::note("after %.0f ms\n", watch.milliseconds());
        }
        std::printf("too late: %d\n", too_late.get());
        std::printf("goroutines left: %zu\n", guide::left_behind(base));
        return 0;
    });
}
// Output:
//   0- 99 ms: 60 values, max 365, mean 226.5
// 100-199 ms: 60 values, max 365, mean 235.5
// 200-299 ms: 59 values, max 365, mean 230.0
// 300-399 ms: 60 values, max 365, mean 232.5
// 400-499 ms: 60 values, max 365, mean 234.5
// too late: 1
// goroutines left: 0
