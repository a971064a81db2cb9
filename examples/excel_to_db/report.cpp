// examples/excel_to_db/report.cpp — counts, reasons, warnings, and the first rejected rows.
// SPDX-License-Identifier: BSL-1.0
#include "report.hpp"

#include <fmt/format.h>

#include "import/methods.hpp"
#include "store/open_store.hpp"

namespace excel_to_db {

void print_report(const import_command& command, const importer& job, const import_report& report) {
    const import_stats& stats = report.stats;
    fmt::print("{}, sheet \"{}\" -> {}\n", command.file.string(), job.sheet_name(),
               command.dry_run ? "nowhere: this is a dry run, nothing is stored"
                               : fmt::format("{} ({})", shown_store(command.db),
                                             method_name(command.options.method)));
    fmt::print("  total    {:>10}\n", stats.total_records());
    fmt::print("  success  {:>10}\n", stats.success_count);
    fmt::print("  errors   {:>10}\n", stats.error_count);
    for (const reason_count& each : report.reasons) {
        fmt::print("           {:>10}   {}\n", each.count, each.reason);
    }
    if (stats.rolled_back_count > 0) fmt::print("  undone   {:>10}\n", stats.rolled_back_count);
    for (const named_warning& each : row_warnings) {
        const std::uint64_t count = stats.warnings.of(each.warning);
        if (count > 0) fmt::print("  warning  {:>10}   {}\n", count, each.text);
    }
    if (report.skipped_count > 0) fmt::print("  blank    {:>10}\n", report.skipped_count);
    fmt::print("  time     {:>10}   {:.0f} rows/s\n", duration_text(stats.duration),
               stats.records_per_second());
    for (const std::string& title : job.columns().ignored()) {
        fmt::print("  column \"{}\" was not imported\n", title);
    }
    for (const rejected_row& rejected : report.first_rejected) {
        fmt::print("  row {}: {}\n", rejected.row.number(), rejected.reason);
    }
    if (stats.error_count > report.first_rejected.size()) {
        fmt::print("  and {} more{}\n", stats.error_count - report.first_rejected.size(),
                   command.errors.empty() ? " (--errors FILE lists them all)" : "");
    }
    if (!command.errors.empty()) {
        fmt::print("  rejected rows: {}\n", command.errors.string());
    }
}

std::string committed_text(const import_stats& stats) {
    if (stats.dry_run) return "nothing is stored by a dry run";
    std::string text = fmt::format("{} row{} committed", stats.success_count,
                                   stats.success_count == 1 ? " is" : "s are");
    if (stats.rolled_back_count > 0) {
        text += fmt::format(", {} rolled back", stats.rolled_back_count);
    }
    return text;
}

}  // namespace excel_to_db
