// examples/excel_to_db/workbook/open_workbook.hpp — from a file to the rows of one of its sheets.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <filesystem>
#include <memory>
#include <runnel/context.hpp>
#include <string_view>

#include "workbook/error.hpp"
#include "workbook/limits.hpp"
#include "workbook/row.hpp"

namespace excel_to_db {

/// Opens the sheet named `sheet`, or the n-th one if no sheet bears that name and `sheet` is a
/// number; without it, the first visible one. What kind of file it is, its first bytes tell,
/// never its name. Throws `workbook_error`, or `std::system_error` with the context's error once
/// `ctx` is done; the rows that follow do not look at it.
std::unique_ptr<row_source> open_workbook(const runnel::context& ctx,
                                          const std::filesystem::path& file,
                                          std::string_view sheet = {},
                                          const workbook_limits& limits = {});

}  // namespace excel_to_db
