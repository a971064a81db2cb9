// examples/excel_to_db/workbook/xls_records.hpp — what libfreexl does not tell of an .xls workbook.
// SPDX-License-Identifier: BSL-1.0
//
//   libfreexl passes over formulas and blank cells, takes booleans and errors for the number 1, does not say which
//   sheets are hidden, takes a file that is cut off for a shorter one, and believes what a file says of its size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "workbook/cell_text.hpp"
#include "workbook/limits.hpp"
#include "workbook/row.hpp"

namespace excel_to_db {

struct xls_sheet_entry {
    std::uint64_t offset = 0;  // of its records in the stream
    bool visible = true;
    bool worksheet = true;  // and not a chart, or a macro
};

/// A cell that is not to be had from libfreexl.
struct xls_cell {
    std::uint32_t row = 0;  // the first is 0
    std::uint32_t column = 0;
    cell_kind kind = cell_kind::empty;
    std::string text{};
};

class xls_records {
public:
    /// The stream "Workbook" of a file (or "Book", in one of Excel 5). Throws `workbook_error` if it is damaged, and
    /// `workbook_too_large` if reading it would cost more than the limits grant.
    xls_records(std::string stream, const workbook_limits& limits);

    /// Encrypted by a password: then nothing else is known.
    bool is_protected() const { return protected_; }

    const std::vector<xls_sheet_entry>& sheets() const { return sheets_; }

    /// Row by row, each from left to right. Of a row's blank cells only the last: they do not differ from a gap, but
    /// a row ends with its last cell.
    std::vector<xls_cell> cells(const xls_sheet_entry& sheet) const;

private:
    struct record {
        std::uint64_t type = 0;
        std::string_view body;
    };

    record next_record(std::uint64_t& at) const;
    static std::uint64_t cells_in(const record& each);
    template <class F>
    std::uint64_t each_record(const xls_sheet_entry& sheet, F use) const;
    void read_globals(std::size_t max_sheets);
    void read_format(std::string_view body);
    void check_costs(const workbook_limits& limits) const;
    void check_texts() const;
    void check_text(const record& each) const;
    void check_date(std::uint64_t format, double value) const;
    number_look look(std::uint64_t cell_format) const;
    xls_cell formula(std::string_view body) const;
    void set_string(xls_cell& cell, std::string_view body) const;

    std::string stream_;
    bool newest_ = true;  // BIFF8: texts are Unicode
    bool protected_ = false;
    bool from_1904_ = false;
    std::vector<xls_sheet_entry> sheets_;
    std::unordered_map<std::uint64_t, number_look> formats_;
    std::vector<std::uint64_t> cell_formats_;  // the number format of each
};

}  // namespace excel_to_db
