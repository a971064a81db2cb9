// examples/excel_to_db/workbook/sheet_reader.hpp — the rows of one worksheet part.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "workbook/limits.hpp"
#include "workbook/row.hpp"
#include "workbook/styles.hpp"
#include "workbook/xml_parser.hpp"

namespace excel_to_db {

/// Sets a cell within the limits of a row, or throws `workbook_error`.
void set_cell(sheet_row& row, std::size_t column, cell_kind kind, std::string_view text,
              const workbook_limits& limits);
/// The same with a text, which may be empty, or too long for a cell.
void set_text(sheet_row& row, std::size_t column, std::string_view text,
              const workbook_limits& limits);

/// Parses a worksheet and pauses the parser after every row, so that no file, however it is
/// built, makes it hold more than one. Shared strings it leaves as references.
class sheet_reader final : private xml_handler {
public:
    /// `styles` must outlive the reader.
    sheet_reader(zip_entry part, const cell_styles& styles, bool dates_from_1904,
                 const workbook_limits& limits);

    bool next(sheet_row& row);
    double fraction_read() const { return parser_.fraction_read(); }

private:
    enum class cell_type : std::uint8_t { number, shared, text, boolean, error, date };

    void on_start(std::string_view element, const xml_attributes& attributes) override;
    void on_end(std::string_view element) override;
    void on_text(std::string_view text) override;

    void start_row(const xml_attributes& attributes);
    void start_cell(const xml_attributes& attributes);
    void end_cell();
    void set(cell_kind kind, std::string_view text) {
        set_cell(row_, column_, kind, text, limits_);
    }
    void set_number();
    void set_shared();

    const cell_styles& styles_;
    const bool from_1904_;
    const workbook_limits limits_;

    sheet_row row_;
    bool row_ready_ = false;
    std::size_t last_width_ = 0;
    std::uint32_t last_number_ = 0;

    std::size_t column_ = 0;       // of the present cell
    std::size_t next_column_ = 0;  // of a cell that does not name its place
    cell_type type_ = cell_type::number;
    std::size_t style_ = 0;
    std::string value_;  // what <v> or <t> held
    bool has_value_ = false;
    bool has_formula_ = false;

    bool in_data_ = false;
    bool in_row_ = false;
    bool in_cell_ = false;
    bool in_phonetic_ = false;
    bool in_value_ = false;

    xml_parser parser_;  // last: it is given *this
};

}  // namespace excel_to_db
