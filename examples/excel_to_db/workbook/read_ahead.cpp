// examples/excel_to_db/workbook/read_ahead.cpp — rows by the hundred through a channel.
// SPDX-License-Identifier: BSL-1.0
#include "workbook/read_ahead.hpp"

#include <exception>
#include <utility>

namespace excel_to_db {

namespace {

// Ten thousand rows, or eight megabytes.
constexpr std::size_t rows_at_once = 320;
constexpr std::size_t bytes_at_once = std::size_t{256} << 10;
constexpr std::size_t queued = 32;

constexpr std::size_t cell_bytes = 16;

}  // namespace

read_ahead::read_ahead(sheet_reader& reader) : ready_(runnel::make_chan<some_rows>(queued)) {
    reading_.go([this, &reader] { read(reader); });
}

void read_ahead::read(sheet_reader& reader) {
    const auto& ctx = reading_.context();  // done only when nobody wants the rows any more
    some_rows next;
    std::size_t bytes = 0;
    std::exception_ptr damage;
    try {
        sheet_row row;
        while (reader.next(row)) {
            bytes += row.text_bytes() + row.width() * cell_bytes;
            next.rows.push_back(std::move(row));
            if (next.rows.size() < rows_at_once && bytes < bytes_at_once) continue;
            next.fraction = reader.fraction_read();
            if (ready_.send(ctx, std::move(next)) != runnel::op_status::ok) return;
            next = {};
            bytes = 0;
        }
    } catch (...) {
        damage = std::current_exception();
    }
    next.fraction = reader.fraction_read();
    if (ready_.send(ctx, std::move(next)) == runnel::op_status::ok) ready_.close(damage);
}

bool read_ahead::next(sheet_row& row) {
    while (given_ == taken_.rows.size()) {
        auto more = ready_.recv();
        if (!more) return false;
        given_before_ = taken_.fraction;
        taken_ = std::move(*more);
        given_ = 0;
    }
    row = std::move(taken_.rows[given_++]);
    return true;
}

double read_ahead::fraction_read() const {
    if (given_ == taken_.rows.size()) return taken_.fraction;
    const double part = static_cast<double>(given_) / static_cast<double>(taken_.rows.size());
    return given_before_ + (taken_.fraction - given_before_) * part;
}

}  // namespace excel_to_db
