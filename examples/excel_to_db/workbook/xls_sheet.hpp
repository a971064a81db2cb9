// examples/excel_to_db/workbook/xls_sheet.hpp — the rows of an old binary workbook, by libfreexl.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <filesystem>
#include <memory>
#include <runnel/context.hpp>
#include <string_view>

#include "workbook/limits.hpp"
#include "workbook/row.hpp"

namespace excel_to_db {

/// As `open_workbook`, of a file that is an OLE2 file. Holds the whole workbook in memory.
std::unique_ptr<row_source> open_xls(const runnel::context& ctx, const std::filesystem::path& file,
                                     std::string_view wanted, const workbook_limits& limits);

}  // namespace excel_to_db
