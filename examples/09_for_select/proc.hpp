// examples/09_for_select/proc.hpp — how busy the machine is, as Linux tells in /proc.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>

namespace proc {

/// By name.
using metrics = std::map<std::string, double>;

inline std::ifstream opened(const char* path) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error(std::string("cannot read ").append(path));
    return file;
}

/// The numbers of a file of lines "name 123 kB", "name: 123".
inline double field(const char* path, const std::string& wanted) {
    std::ifstream file = opened(path);
    std::string name;
    for (double value = 0; file >> name >> value; file.ignore(100, '\n')) {
        if (name == wanted) return value;
    }
    throw std::runtime_error(std::string(path).append(" has no ").append(wanted));
}

/// Reads /proc. CPU and disk are of the time since the last call.
class reader {
public:
    metrics read() {
        const double memory = field("/proc/meminfo", "MemTotal:");
        const double free = field("/proc/meminfo", "MemAvailable:");
        return {{"cpu_percent", cpu_usage()},
                {"memory_percent", 100 * (memory - free) / memory},
                {"disk_kilobytes", disk_io()}};
    }

private:
    double cpu_usage() {
        std::ifstream file = opened("/proc/stat");
        std::string name;
        file >> name;
        // user nice system idle iowait irq softirq steal
        double all = 0;
        double idle = 0;
        double ticks = 0;
        for (int i = 0; i < 8 && file >> ticks; ++i) {
            all += ticks;
            if (i == 3 || i == 4) idle += ticks;
        }
        const double passed = all - std::exchange(all_, all);
        const double idled = idle - std::exchange(idle_, idle);
        // The clock of these counts is slow, and its idle time may go back a little.
        if (passed > 0) usage_ = 100 * std::clamp((passed - idled) / passed, 0.0, 1.0);
        return usage_;
    }
    double disk_io() {
        const double now = field("/proc/vmstat", "pgpgin") + field("/proc/vmstat", "pgpgout");
        return now - std::exchange(disk_, now);
    }

    double all_ = 0;
    double idle_ = 0;
    double usage_ = 0;
    double disk_ = 0;
};

}  // namespace proc
