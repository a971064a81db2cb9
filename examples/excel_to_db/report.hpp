// examples/excel_to_db/report.hpp — what is printed of an import when it has ended.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>

#include "options.hpp"

namespace excel_to_db {

/// On standard output, for people.
void print_report(const import_command& command, const importer& job, const import_report& report);

/// "17 rows are committed"
std::string committed_text(const import_stats& stats);

}  // namespace excel_to_db
