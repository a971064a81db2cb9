// examples/excel_to_db/workbook/zip_directory.hpp — how large a zip's directory is, before libzip reads it.
// SPDX-License-Identifier: BSL-1.0
//
//   libzip puts all entries' names into a hash table whose function is known: names that were chosen for it make
//   that quadratic, and nothing can stop it once it has begun. So their number is bounded before.
#pragma once

#include <filesystem>

#include "workbook/limits.hpp"

namespace excel_to_db {

/// Throws `workbook_too_large` if the directory has too many entries or bytes, and `workbook_error` if the file has
/// two of them. Whether it is sound is libzip's to say.
void check_zip_directory(const std::filesystem::path& file, const workbook_limits& limits);

}  // namespace excel_to_db
