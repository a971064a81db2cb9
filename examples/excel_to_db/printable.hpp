// examples/excel_to_db/printable.hpp — texts of files and of others, for a terminal or a log.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>
#include <string_view>

namespace excel_to_db {

/// `text` with its control characters written out, as \x1B or \n: what a workbook holds can neither command a terminal
/// nor begin a line of its own.
std::string printable(std::string_view text);

}  // namespace excel_to_db
