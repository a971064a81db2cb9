// examples/excel_to_db/import/header_map.hpp — which column of the sheet holds which field.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "import/business.hpp"
#include "workbook/row.hpp"

namespace excel_to_db {

/// A title names its field whatever its case, spaces and punctuation ("E-Mail", "web site"), and whatever nobody sees
/// of it; a few other words for a field are known as well. A field that no title names takes its own place
/// in the guide's order, if no other field has claimed that column.
class header_map {
public:
    /// Throws `workbook_error` if a field is left without a column.
    explicit header_map(const sheet_row& header);

    /// The guide's order, for a sheet without any title.
    header_map();

    std::size_t column(std::size_t field) const { return columns_[field]; }

    /// The number of cells a complete row has at least.
    std::size_t needed_width() const { return needed_width_; }

    /// Titles of columns that hold no field.
    const std::vector<std::string>& ignored() const { return ignored_; }

private:
    std::array<std::size_t, business_columns.size()> columns_{};
    std::size_t needed_width_ = 0;
    std::vector<std::string> ignored_;
};

/// Whether any cell of the row is a title that names a field.
bool has_known_title(const sheet_row& row);

}  // namespace excel_to_db
