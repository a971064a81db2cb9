// examples/excel_to_db/import/row_check.hpp — from a row to a business, or to the fault.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "import/business.hpp"
#include "import/header_map.hpp"
#include "import/warnings.hpp"
#include "workbook/row.hpp"

namespace excel_to_db {

struct check_options {
    bool pad_short = false;      // a row that ends too early is completed with empty cells
    bool check_formats = false;  // what is else a warning rejects the row
};

/// A row with nothing in it: not imported, not counted.
bool is_blank_row(const sheet_row& row);

struct row_fault {
    std::string_view kind;  // the same words for all rows with such a fault, for ever valid
    std::string reason;     // about this row
};

/// Why the row cannot be imported; nothing if it can.
std::optional<row_fault> find_fault(const sheet_row& row, const header_map& columns,
                                    const check_options& options);

/// Adds what is odd about the row: an email or a website that does not look like one.
void count_warnings(const sheet_row& row, const header_map& columns, warning_counts& counts);

/// Precondition: `find_fault` found none.
business make_business(const sheet_row& row, const header_map& columns);

}  // namespace excel_to_db
