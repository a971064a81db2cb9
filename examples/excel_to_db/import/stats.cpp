// examples/excel_to_db/import/stats.cpp — Go's way to write a duration; JSON.
// SPDX-License-Identifier: BSL-1.0
#include "import/stats.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace excel_to_db {

namespace {

// 12.500 → 12.5, 3.000 → 3
std::string without_zeros(std::string number) {
    number.erase(number.find_last_not_of('0') + 1);
    if (number.ends_with('.')) number.pop_back();
    return number;
}

}  // namespace

double import_stats::records_per_second() const {
    const double seconds = std::chrono::duration<double>(duration).count();
    return seconds > 0 ? static_cast<double>(success_count) / seconds : 0.0;
}

std::string duration_text(std::chrono::nanoseconds duration) {
    using namespace std::chrono_literals;
    if (duration >= 999'999'500ns) {
        const auto total = std::chrono::round<std::chrono::milliseconds>(duration).count();
        const auto seconds = total / 1000;
        std::string text;
        if (seconds >= 3600) text += fmt::format("{}h", seconds / 3600);
        if (seconds >= 60) text += fmt::format("{}m", seconds / 60 % 60);
        return text + without_zeros(fmt::format("{}.{:03}", seconds % 60, total % 1000)) + "s";
    }
    const auto micro = std::chrono::round<std::chrono::microseconds>(duration).count();
    if (micro >= 1000) {
        return without_zeros(fmt::format("{}.{:03}", micro / 1000, micro % 1000)) + "ms";
    }
    return micro == 0 ? "0s" : fmt::format("{}µs", micro);
}

std::string to_json(const import_stats& stats) {
    nlohmann::ordered_json object = {
        {"total_records", stats.total_records()},
        {"success_count", stats.success_count},
        {"error_count", stats.error_count},
        {"duration", duration_text(stats.duration)},
        {"records_per_second", stats.records_per_second()},
    };
    for (const named_warning& each : row_warnings) {
        const std::uint64_t count = stats.warnings.of(each.warning);
        if (count > 0) object["warnings"][std::string(each.name)] = count;
    }
    if (stats.rolled_back_count > 0) object["rolled_back_count"] = stats.rolled_back_count;
    if (stats.dry_run) object["dry_run"] = true;
    return object.dump(2);
}

}  // namespace excel_to_db
