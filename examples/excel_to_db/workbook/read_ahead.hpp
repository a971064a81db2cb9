// examples/excel_to_db/workbook/read_ahead.hpp — a sheet's rows, parsed before they are asked for.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <runnel/chan.hpp>
#include <runnel/group.hpp>
#include <vector>

#include "workbook/sheet_reader.hpp"

namespace excel_to_db {

/// Runs a reader in a goroutine of its own, a bounded number of rows ahead: so a sheet is parsed while its shared strings
/// are, and later while its rows are being stored. Used by one goroutine at a time.
class read_ahead {
public:
    /// Begins at once. `reader` is used by nobody else, and outlives this.
    explicit read_ahead(sheet_reader& reader);

    /// As sheet_reader::next(): what it throws, it throws in its place in the sheet.
    bool next(sheet_row& row);
    /// Of what `next` has given, not of what has been parsed.
    double fraction_read() const;

private:
    struct some_rows {
        std::vector<sheet_row> rows;
        double fraction = 0;  // of the sheet, at the end of these
    };

    void read(sheet_reader& reader);

    const runnel::chan<some_rows> ready_;
    some_rows taken_;
    std::size_t given_ = 0;    // of those
    double given_before_ = 0;  // a fraction of the sheet
    runnel::group reading_;    // last: ends before what it works on
};

}  // namespace excel_to_db
