// examples/excel_to_db/sample.hpp — a workbook to try the importer on.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <vector>

namespace excel_to_db {

struct sample_options {
    std::uint32_t rows = 10'000;
    std::uint32_t bad = 0;  // rows that lack cells at their end, spread over the sheet
    /// Writes each row as it is made, with its texts in the cells instead of in a shared table:
    /// memory stays small however many rows there are.
    bool constant_memory = false;
};

class sample_error : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Writes (or replaces) `file`: a header and `rows` rows. The same options give the same cells.
/// The workbook grows under the name `partial_sample(file)` and is renamed when it is complete, so
/// that whatever happens there is never half of one under the name that was asked for.
std::filesystem::path partial_sample(const std::filesystem::path& file);
void write_sample(const std::filesystem::path& file, const sample_options& options);

/// The sheet rows of the bad ones, ascending.
std::vector<std::uint32_t> bad_sheet_rows(const sample_options& options);

}  // namespace excel_to_db
