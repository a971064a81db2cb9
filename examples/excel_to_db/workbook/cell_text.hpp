// examples/excel_to_db/workbook/cell_text.hpp — from what a cell stores to the text it means.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace excel_to_db {

/// How a number is to be shown, as far as this importer cares.
enum class number_look : std::uint8_t { number, date, time, elapsed };

/// "D7" or "D" → 3; nothing if that is no column.
std::optional<std::size_t> column_of(std::string_view reference);

/// 3 → "D".
std::string column_name(std::size_t column);

/// The shortest digits that mean the same number: 2.567001234560E+11 → 256700123456. Nothing if
/// `text` is no finite number.
std::optional<std::string> number_text(std::string_view text);

/// A serial date as 2023-03-15, 2023-03-15 12:00:00 or, for a bare time of day, 12:00:00. A number
/// that Excel cannot show as a date stays a number.
std::optional<std::string> date_text(std::string_view text, number_look look, bool from_1904);

/// Turns Excel's _x000D_ escapes into the characters they stand for, in place.
void unescape(std::string& text);

/// Appends one Unicode character.
void append_utf8(std::string& out, unsigned code);

/// Excel's measure of length: UTF-16 units in well-formed UTF-8.
std::size_t utf16_length(std::string_view text);

/// Without the blanks of XML around it.
std::string_view trimmed(std::string_view text);

/// Whether all of `text` is white space or has no width (or there is none).
bool is_blank(std::string_view text);

}  // namespace excel_to_db
