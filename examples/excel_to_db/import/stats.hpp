// examples/excel_to_db/import/stats.hpp — the guide's import statistics.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "import/warnings.hpp"

namespace excel_to_db {

struct import_stats {
    std::uint64_t success_count = 0;  // rows that are committed
    std::uint64_t error_count = 0;    // rows that were rejected
    std::chrono::nanoseconds duration{0};
    warning_counts warnings;              // of committed rows
    std::uint64_t rolled_back_count = 0;  // rows that were stored and taken back: all or nothing
    bool dry_run = false;  // success_count says what would be committed, and nothing is

    /// By definition, not by counting: the three numbers cannot disagree.
    std::uint64_t total_records() const { return success_count + error_count; }

    /// Committed rows a second; 0 if no time has passed.
    double records_per_second() const;
};

/// How far an import has come.
struct import_progress {
    import_stats stats;
    double fraction = 0;  // of the sheet that has been read, from 0 to 1
};

/// As Go prints a duration ("1.234s", "1m30.5s", "153.2ms"), to the millisecond from one second
/// on, else to the microsecond.
std::string duration_text(std::chrono::nanoseconds duration);

/// The guide's `stats` object; what the guide does not know is in it only where there is something to say.
std::string to_json(const import_stats& stats);

}  // namespace excel_to_db
