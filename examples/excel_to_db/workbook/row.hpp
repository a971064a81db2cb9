// examples/excel_to_db/workbook/row.hpp — one row of a sheet, and where rows come from.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace excel_to_db {

enum class cell_kind : std::uint8_t {
    empty,      // absent, or present with nothing in it
    text,       // text() is the value: numbers, dates and booleans are text by now
    error,      // text() is Excel's word, such as #DIV/0!
    no_value,   // a formula that was saved without its result
    malformed,  // text() is not what the cell's type promises
    too_long,   // text() is the beginning
    shared,     // a shared string, by number: only on the way to who reads the workbook
};

/// A row as it stands in the file: its number (the first is 1) and its cells up to the last one
/// that is present, empty or not. The text of all cells shares one buffer, so that a row costs
/// two allocations and moves through a channel for the price of three pointers.
class sheet_row {
public:
    sheet_row() = default;
    explicit sheet_row(std::uint32_t number) : number_(number) {}

    std::uint32_t number() const { return number_; }

    /// How many columns the row spans, gaps counted: the last cell's place.
    std::size_t width() const { return cells_.size(); }

    cell_kind kind(std::size_t column) const {
        return column < cells_.size() ? cells_[column].kind : cell_kind::empty;
    }

    /// Valid as long as the row is neither changed nor moved.
    std::string_view text(std::size_t column) const {
        if (column >= cells_.size()) return {};
        return std::string_view(text_).substr(cells_[column].offset, cells_[column].size);
    }

    std::size_t text_bytes() const { return text_.size(); }

    /// Of a shared string.
    std::uint32_t reference(std::size_t column) const { return cells_[column].offset; }

    /// Sets one cell; columns that were skipped become empty cells. The last value of a cell that
    /// a file gives twice stands.
    void set(std::size_t column, cell_kind kind, std::string_view text) {
        if (column >= cells_.size()) cells_.resize(column + 1);
        cells_[column] = {static_cast<std::uint32_t>(text_.size()),
                          static_cast<std::uint32_t>(text.size()), kind};
        text_.append(text);
    }
    void refer(std::size_t column, std::uint32_t shared_string) {
        if (column >= cells_.size()) cells_.resize(column + 1);
        cells_[column] = {shared_string, 0, cell_kind::shared};
    }

    /// Makes room for so much.
    void reserve(std::size_t columns, std::size_t text_bytes) {
        cells_.reserve(columns);
        text_.reserve(text_bytes);
    }

private:
    struct cell {
        std::uint32_t offset = 0;
        std::uint32_t size = 0;
        cell_kind kind = cell_kind::empty;
    };

    std::uint32_t number_ = 0;
    std::string text_;
    std::vector<cell> cells_;
};

/// A sheet that is read from top to bottom, row by row. Used by one goroutine at a time.
class row_source {
public:
    row_source() = default;
    row_source(const row_source&) = delete;
    row_source& operator=(const row_source&) = delete;
    virtual ~row_source() = default;

    virtual const std::string& sheet_name() const = 0;

    /// The next row that is present in the file, or false at the end. Throws `workbook_error`.
    virtual bool next(sheet_row& row) = 0;

    /// How much of the sheet `next` has used up, from 0 to 1, for a progress bar; 0 if that is not known.
    virtual double fraction_read() const { return 0; }
};

}  // namespace excel_to_db
