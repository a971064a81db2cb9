// examples/06_select/select_monitor.cpp — one loop that reacts to readings, ticks, alarms and a request to stop.
// SPDX-License-Identifier: BSL-1.0
#include <chrono>
#include <cstdio>

#include <runnel/runnel.hpp>

using namespace std::chrono_literals;

int main() {
    return runnel::run([] {
        auto readings = runnel::make_chan<int>();
        auto alarms = runnel::make_chan<int>(8);
        auto stop = runnel::make_chan<runnel::unit>();

        // A sensor whose values rise and fall: too high ones are alarms.
        runnel::go([=] {
            for (int i = 0; i < 50; ++i) {
                const int value = i % 10 * (i % 10);
                readings.send(value);
                if (value > 60) alarms.send(value);
                if (i % 10 == 9) runnel::sleep_for(5ms);
            }
            stop.close();
        });

        int count = 0;
        long sum = 0;
        int alarmed = 0;
        int ticks = 0;
        runnel::ticker heartbeat(2ms);
        for (bool more = true; more;) {
            runnel::select(runnel::recv(readings,
                                        [&](int v) {
                                            ++count;
                                            sum += v;
                                        }),
                           runnel::recv(alarms, [&] { ++alarmed; }),
                           runnel::recv(heartbeat.chan(), [&] { ++ticks; }),
                           runnel::recv(stop, [&] { more = false; }));
        }
        while (alarms.try_recv()) ++alarmed;  // those that came with the request to stop
        std::printf("%d readings, average %.1f\n", count, static_cast<double>(sum) / count);
        std::printf("%d alarms\n", alarmed);
        std::printf("heart beats: %s\n", ticks >= 3 ? "yes" : "no");
        return 0;
    });
}
// Output:
// 50 readings, average 28.5
// 10 alarms
// heart beats: yes
