// examples/excel_to_db/workbook/error.hpp — what is thrown for a file that cannot be read.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <stdexcept>

namespace excel_to_db {

/// The file is not a workbook, is damaged, or breaks a limit. `what()` is one readable sentence
/// that does not repeat the file's name.
class workbook_error : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// It asks for more than `workbook_limits` grants.
class workbook_too_large : public workbook_error {
public:
    using workbook_error::workbook_error;
};

}  // namespace excel_to_db
