// examples/excel_to_db/workbook/limits.hpp — how much a workbook may ask of the machine.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>

namespace excel_to_db {

/// Excel's own limits where it has one; else room for the largest honest sheet. A hostile file
/// meets one of them before it costs memory or hours.
struct workbook_limits {
    std::size_t zip_entries = 10'000;
    std::uint64_t zip_directory_bytes = std::uint64_t{4} << 20;

    // Inflated bytes, counted as they are produced: the sizes in a zip's headers may lie.
    std::uint64_t inflated_bytes = std::uint64_t{8} << 30;
    std::uint64_t ratio_free_bytes = std::uint64_t{64} << 20;  // below it, any ratio will do
    std::uint64_t inflate_ratio = 200;                         // honest sheets reach about 10

    std::size_t xml_depth = 64;
    std::size_t xml_token_bytes = std::size_t{1} << 20;  // one tag, comment or attribute list

    std::uint32_t rows = 1'048'576;
    std::uint32_t columns = 16'384;
    std::size_t cell_characters = 32'767;           // UTF-16 units, as Excel counts
    std::size_t row_bytes = std::size_t{1} << 20;   // nine full cells of three-byte letters
    std::size_t sheets_and_parts = 10'000;          // entries in a list of sheets or parts
    std::size_t list_bytes = std::size_t{4} << 20;  // what is kept of all of them
    std::size_t cell_formats = 65'536;
    std::size_t shared_strings = 20'000'000;  // eight bytes of memory each
    std::uint64_t shared_string_bytes = std::uint64_t{4} << 30;
    std::uint64_t xls_bytes = std::uint64_t{64} << 20;  // an .xls is read into memory as a whole
    std::uint64_t xls_cells = 8'000'000;                // with room for every cell of its sheets
    std::size_t shared_bytes_in_memory = std::size_t{64} << 20;  // the rest goes to a file
    std::filesystem::path spool;  // where that is made; empty: in the temporary folder
};

}  // namespace excel_to_db
