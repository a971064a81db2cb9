// examples/excel_to_db/workbook/sheet_reader.cpp — from XML events to rows and typed cells.
// SPDX-License-Identifier: BSL-1.0
//
//   <sheetData>
//     <row r="2">
//       <c r="A2" t="s" s="1"><v>0</v></c> <c r="B2" t="inlineStr"><is><t>…</t></is></c>
#include "workbook/sheet_reader.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "workbook/cell_text.hpp"
#include "workbook/error.hpp"

namespace excel_to_db {

namespace {

constexpr std::size_t shown_of_too_long = 80;
// After a wide row the others do not get room for as much.
constexpr std::size_t reserved_columns = 64;

std::optional<std::uint64_t> whole_number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// The beginning of a text, not cut inside of a character.
std::string_view beginning(std::string_view text, std::size_t size) {
    if (text.size() <= size) return text;
    while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
    return text.substr(0, size);
}

// t="d" holds ISO 8601: 2023-03-15T12:00:00.000Z.
std::string iso_date_text(std::string_view text) {
    std::string result(text.substr(0, text.find_first_of(".Z")));
    const std::size_t t = result.find('T');
    if (t == std::string::npos) return result;
    if (result.substr(t + 1) == "00:00:00") return result.substr(0, t);
    result[t] = ' ';
    return result;
}

}  // namespace

void set_cell(sheet_row& row, std::size_t column, cell_kind kind, std::string_view text,
              const workbook_limits& limits) {
    if (row.text_bytes() + text.size() > limits.row_bytes) {
        throw workbook_error("holds more than " + std::to_string(limits.row_bytes >> 10) +
                             " KiB of text in row " + std::to_string(row.number()));
    }
    row.set(column, kind, text);
}

void set_text(sheet_row& row, std::size_t column, std::string_view text,
              const workbook_limits& limits) {
    if (text.size() > limits.cell_characters && utf16_length(text) > limits.cell_characters) {
        set_cell(row, column, cell_kind::too_long, beginning(text, shown_of_too_long), limits);
    } else {
        set_cell(row, column, text.empty() ? cell_kind::empty : cell_kind::text, text, limits);
    }
}

sheet_reader::sheet_reader(zip_entry part, const cell_styles& styles, bool dates_from_1904,
                           const workbook_limits& limits)
    : styles_(styles),
      from_1904_(dates_from_1904),
      limits_(limits),
      parser_(std::move(part), *this, limits) {}

bool sheet_reader::next(sheet_row& row) {
    while (!row_ready_) {
        if (!parser_.parse_some() && !row_ready_) return false;
    }
    row_ready_ = false;
    last_width_ = row_.width();
    row = std::move(row_);
    return true;
}

// ---- 1. elements ----

void sheet_reader::on_start(std::string_view element, const xml_attributes& attributes) {
    if (!in_data_) {
        in_data_ = element == "sheetData";
    } else if (!in_row_) {
        if (element == "row") start_row(attributes);
    } else if (!in_cell_) {
        if (element == "c") start_cell(attributes);
    } else if (element == "v" || element == "t") {
        in_value_ = !in_phonetic_;
        has_value_ = has_value_ || in_value_;
    } else if (element == "f") {
        has_formula_ = true;
    } else if (element == "rPh") {
        in_phonetic_ = true;
    }
}

void sheet_reader::on_end(std::string_view element) {
    in_value_ = false;
    if (in_cell_) {
        if (element == "c") end_cell();
        if (element == "rPh") in_phonetic_ = false;
    } else if (in_row_ && element == "row") {
        in_row_ = false;
        row_ready_ = true;
        parser_.pause();
    } else if (in_data_ && element == "sheetData") {
        in_data_ = false;
    }
}

void sheet_reader::on_text(std::string_view text) {
    // An escape is seven bytes a character; what is longer still is too long in any case.
    if (in_value_ && value_.size() <= limits_.cell_characters * 7) value_ += text;
}

// ---- 2. rows and cells ----

void sheet_reader::start_row(const xml_attributes& attributes) {
    std::uint64_t number = std::uint64_t{last_number_} + 1;
    if (const auto r = attributes.find("r")) {
        const auto given = whole_number(*r);
        if (!given || *given == 0) {
            throw workbook_error("is damaged: a row is numbered \"" +
                                 std::string(beginning(*r, shown_of_too_long)) + "\"");
        }
        if (*given < number) {
            throw workbook_error("is damaged: row " + std::string(*r) + " follows row " +
                                 std::to_string(last_number_));
        }
        number = *given;
    }
    if (number > limits_.rows) {
        throw workbook_too_large("has a row beyond number " + std::to_string(limits_.rows));
    }
    last_number_ = static_cast<std::uint32_t>(number);
    row_ = sheet_row(last_number_);
    row_.reserve(std::min(last_width_, reserved_columns), 0);
    next_column_ = 0;
    in_row_ = true;
}

void sheet_reader::start_cell(const xml_attributes& attributes) {
    column_ = next_column_;
    if (const auto r = attributes.find("r")) {
        const auto given = column_of(*r);
        if (!given) {
            throw workbook_error("is damaged: a cell in row " + std::to_string(last_number_) +
                                 " is called \"" + std::string(beginning(*r, shown_of_too_long)) +
                                 "\"");
        }
        column_ = *given;
    }
    if (column_ >= limits_.columns) {
        throw workbook_error("has a cell beyond column " + column_name(limits_.columns - 1) +
                             " in row " + std::to_string(last_number_));
    }
    next_column_ = column_ + 1;

    style_ = static_cast<std::size_t>(whole_number(attributes.find("s").value_or("0")).value_or(0));
    const std::string_view type = attributes.find("t").value_or("n");
    type_ = type == "s"                            ? cell_type::shared
            : type == "inlineStr" || type == "str" ? cell_type::text
            : type == "b"                          ? cell_type::boolean
            : type == "e"                          ? cell_type::error
            : type == "d"                          ? cell_type::date
                                                   : cell_type::number;
    value_.clear();
    has_value_ = has_formula_ = false;
    in_cell_ = true;
    in_phonetic_ = false;
}

void sheet_reader::end_cell() {
    in_cell_ = false;
    // Only a text may be empty and yet a value: the result of ="".
    if (!has_value_ || (type_ != cell_type::text && is_blank(value_))) {
        set(has_formula_ ? cell_kind::no_value : cell_kind::empty, {});
        return;
    }
    switch (type_) {
        case cell_type::number:
            set_number();
            break;
        case cell_type::shared:
            set_shared();
            break;
        case cell_type::text:
            unescape(value_);
            set_text(row_, column_, value_, limits_);
            break;
        case cell_type::boolean:
            if (value_ == "1" || value_ == "true") {
                set(cell_kind::text, "TRUE");
            } else if (value_ == "0" || value_ == "false") {
                set(cell_kind::text, "FALSE");
            } else {
                set(cell_kind::malformed, beginning(value_, shown_of_too_long));
            }
            break;
        case cell_type::error:
            set(cell_kind::error, beginning(value_, shown_of_too_long));
            break;
        case cell_type::date:
            set_text(row_, column_, iso_date_text(value_), limits_);
            break;
    }
}

void sheet_reader::set_number() {
    const auto look = styles_.look(style_);
    // Without knowing its style nobody can tell a number from a date.
    const auto text = !look                          ? std::nullopt
                      : *look == number_look::number ? number_text(value_)
                                                     : date_text(value_, *look, from_1904_);
    if (text) {
        set(cell_kind::text, *text);
    } else {
        set(cell_kind::malformed, beginning(value_, shown_of_too_long));
    }
}

void sheet_reader::set_shared() {
    const std::string_view digits = trimmed(value_);
    const auto index = whole_number(digits);
    if (!index || *index >= limits_.shared_strings) {
        set(cell_kind::malformed, beginning(digits, shown_of_too_long));
    } else {
        row_.refer(column_, static_cast<std::uint32_t>(*index));
    }
}

}  // namespace excel_to_db
