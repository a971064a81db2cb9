// examples/excel_to_db/report.cpp — counts, reasons, warnings, and the first rejected rows.
// SPDX-License-Identifier: BSL-1.0
#include "report.hpp"

#include <fmt/format.h>

#include <utility>

#include "import/methods.hpp"
#include "printable.hpp"
#include "store/open_store.hpp"

namespace excel_to_db {

namespace {

template <class... Values>
void line(fmt::format_string<Values...> format, Values&&... values) {
    fmt::print("{}\n", printable(fmt::format(format, std::forward<Values>(values)...)));
}

}  // namespace

void print_report(const import_command& command, const importer& job, const import_report& report) {
    const import_stats& stats = report.stats;
    line("{}, sheet \"{}\" -> {}", command.file.string(), job.sheet_name(),
         command.dry_run ? "nowhere: this is a dry run, nothing is stored"
                         : fmt::format("{} ({})", shown_store(command.db),
                                       method_name(command.options.method)));
    line("  total    {:>10}", stats.total_records());
    line("  success  {:>10}", stats.success_count);
    line("  errors   {:>10}", stats.error_count);
    for (const reason_count& each : report.reasons) {
        line("           {:>10}   {}", each.count, each.reason);
    }
    if (stats.rolled_back_count > 0) line("  undone   {:>10}", stats.rolled_back_count);
    for (const named_warning& each : row_warnings) {
        const std::uint64_t count = stats.warnings.of(each.warning);
        if (count > 0) line("  warning  {:>10}   {}", count, each.text);
    }
    if (report.skipped_count > 0) line("  blank    {:>10}", report.skipped_count);
    line("  time     {:>10}   {:.0f} rows/s", duration_text(stats.duration),
         stats.records_per_second());
    for (const std::string& title : job.columns().ignored()) {
        line("  column \"{}\" was not imported", title);
    }
    for (const rejected_row& rejected : report.first_rejected) {
        line("  row {}: {}", rejected.row.number(), rejected.reason);
    }
    if (stats.error_count > report.first_rejected.size()) {
        line("  and {} more{}", stats.error_count - report.first_rejected.size(),
             command.errors.empty() ? " (--errors FILE lists them all)" : "");
    }
    if (!command.errors.empty()) {
        line("  rejected rows: {}", command.errors.string());
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
