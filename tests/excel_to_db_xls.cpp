// tests/excel_to_db_xls.cpp — BIFF8 records, and sectors of 512 bytes.
// SPDX-License-Identifier: BSL-1.0
#include "excel_to_db_xls.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>

#include "excel_to_db_support.hpp"

namespace test {

namespace {

template <std::size_t Size>
std::string little(std::uint64_t value) {
    std::string bytes;
    for (std::size_t i = 0; i < Size; ++i) bytes += static_cast<char>(value >> (8 * i));
    return bytes;
}

std::string record_of(unsigned type, const std::string& body) {
    return little<2>(type) + little<2>(body.size()) + body;
}

// Length and flags: one byte a character where that is enough.
std::string unicode(std::u16string_view text) {
    const bool wide = std::any_of(text.begin(), text.end(), [](char16_t c) { return c > 0xFF; });
    std::string bytes = little<2>(text.size()) + little<1>(wide ? 1 : 0);
    for (const char16_t c : text) bytes += wide ? little<2>(c) : little<1>(c);
    return bytes;
}

std::string begin_record(unsigned content) {
    return record_of(0x0809, little<2>(0x0600) + little<2>(content) + std::string(12, '\0'));
}

const std::string end_record = record_of(0x000A, "");

}  // namespace

// ---- 1. cells ----

void xls_sheet_writer::record(unsigned type, const std::string& body) {
    records_ += record_of(type, body);
}

void xls_sheet_writer::cell(unsigned type, unsigned row, unsigned column, unsigned format,
                            const std::string& rest) {
    rows_ = std::max(rows_, row + 1);
    columns_ = std::max(columns_, column + 1);
    record(type, little<2>(row) + little<2>(column) + little<2>(format) + rest);
}

void xls_sheet_writer::text(unsigned row, unsigned column, std::u16string_view text) {
    cell(0x0204, row, column, 0, unicode(text));
}

void xls_sheet_writer::text(unsigned row, unsigned column, std::size_t shared) {
    cell(0x00FD, row, column, 0, little<4>(shared));
}

void xls_sheet_writer::number(unsigned row, unsigned column, double value, unsigned format) {
    cell(0x0203, row, column, format, little<8>(std::bit_cast<std::uint64_t>(value)));
}

void xls_sheet_writer::short_integer(unsigned row, unsigned column, int value, unsigned format) {
    cell(0x027E, row, column, format, little<4>((static_cast<std::uint32_t>(value) << 2) | 2));
}

void xls_sheet_writer::boolean(unsigned row, unsigned column, bool value) {
    cell(0x0205, row, column, 0, little<1>(value ? 1 : 0) + little<1>(0));
}

void xls_sheet_writer::error(unsigned row, unsigned column, unsigned code) {
    cell(0x0205, row, column, 0, little<1>(code) + little<1>(1));
}

void xls_sheet_writer::blanks(unsigned row, unsigned first, unsigned count) {
    rows_ = std::max(rows_, row + 1);
    columns_ = std::max(columns_, first + count);
    if (count == 1) return cell(0x0201, row, first, 0, "");
    record(0x00BE, little<2>(row) + little<2>(first) + std::string(2 * std::size_t{count}, '\0') +
                       little<2>(first + count - 1));
}

void xls_sheet_writer::formula(unsigned row, unsigned column, double result, unsigned format) {
    cell(0x0006, row, column, format,
         little<8>(std::bit_cast<std::uint64_t>(result)) + std::string(8, '\0'));
}

void xls_sheet_writer::formula_other(unsigned row, unsigned column, unsigned kind, unsigned value) {
    cell(0x0006, row, column, 0,
         little<2>(kind) + little<4>(value) + little<2>(0xFFFF) + std::string(8, '\0'));
}

void xls_sheet_writer::formula_text(unsigned row, unsigned column, std::u16string_view result) {
    formula_other(row, column, 0);
    record(0x0207, unicode(result));
}

// ---- 2. the workbook ----

unsigned xls_writer::declare_format(unsigned builtin) {
    cell_formats_ += record_of(0x00E0, little<2>(0) + little<2>(builtin) + std::string(16, '\0'));
    return ++declared_;
}

unsigned xls_writer::declare_format(std::string_view code) {
    const unsigned id = 164 + declared_;
    formats_ +=
        record_of(0x041E, little<2>(id) + unicode(std::u16string(code.begin(), code.end())));
    return declare_format(id);
}

std::size_t xls_writer::share(std::u16string_view text) {
    shared_ += unicode(text);
    return shared_count_++;
}

xls_sheet_writer& xls_writer::add_sheet(std::string_view name, bool visible, bool is_chart) {
    sheets_.push_back({std::string(name), visible, is_chart, {}});
    return sheets_.back().sheet;
}

std::string xls_writer::stream() const {
    std::string globals = begin_record(0x0005);
    if (protected_) globals += record_of(0x002F, std::string(54, 'x'));
    globals += record_of(0x0042, little<2>(1200));
    globals += record_of(0x0022, little<2>(from_1904_ ? 1 : 0));
    globals += formats_ + record_of(0x00E0, std::string(20, '\0')) + cell_formats_;
    const std::string shared =
        record_of(0x00FC, little<4>(shared_count_) + little<4>(shared_count_) + shared_);
    const std::string rest = (shared_count_ > 0 ? shared : std::string()) + end_record;

    std::vector<std::string> bodies;
    std::size_t listed = globals.size() + rest.size();
    for (const named_sheet& each : sheets_) {
        const auto [rows, columns] = each.sheet.claimed_.first > 0
                                         ? each.sheet.claimed_
                                         : std::pair{each.sheet.rows_, each.sheet.columns_};
        bodies.push_back(begin_record(each.is_chart ? 0x0020 : 0x0010) +
                         record_of(0x0200, little<4>(0) + little<4>(rows) + little<2>(0) +
                                               little<2>(columns) + little<2>(0)) +
                         each.sheet.records_ + end_record);
        listed += 4 + 8 + each.name.size();
    }
    std::string sheets;
    for (std::size_t i = 0; i < sheets_.size(); ++i) {
        const named_sheet& each = sheets_[i];
        globals +=
            record_of(0x0085, little<4>(listed + sheets.size()) + little<1>(each.visible ? 0 : 1) +
                                  little<1>(each.is_chart ? 2 : 0) + little<1>(each.name.size()) +
                                  little<1>(0) + each.name);
        sheets += bodies[i];
    }
    return globals + rest + sheets;
}

void xls_writer::write(const std::filesystem::path& file) const {
    write_text(file, ole_file_with("Workbook", stream()));
}

// ---- 3. the file ----

std::string ole_file_with(std::string_view name, std::string stream) {
    constexpr std::size_t sector = 512;
    constexpr std::size_t per_sector = sector / 4;
    constexpr std::uint64_t end_of_chain = 0xFFFFFFFE;
    constexpr std::uint64_t table_sector = 0xFFFFFFFD;
    constexpr std::uint64_t unused = 0xFFFFFFFF;
    // What is smaller would have to lie among the small streams.
    stream.resize(std::max((stream.size() + sector - 1) / sector * sector, 10 * sector), '\0');
    const std::size_t data = stream.size() / sector;
    std::size_t tables = 1;
    while (tables * per_sector < tables + 1 + data) ++tables;

    // Sectors: the allocation tables, the directory, the stream.
    std::string table;
    for (std::size_t i = 0; i < tables; ++i) table += little<4>(table_sector);
    table += little<4>(end_of_chain);
    for (std::size_t i = 1; i <= data; ++i) {
        table += little<4>(i == data ? end_of_chain : tables + 1 + i);
    }
    while (table.size() < tables * sector) table += little<4>(unused);

    std::string header("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", 8);
    header += std::string(16, '\0');
    header += little<2>(0x3E) + little<2>(3) + little<2>(0xFFFE) + little<2>(9) + little<2>(6);
    header += std::string(10, '\0') + little<4>(tables) + little<4>(tables) + little<4>(0);
    header += little<4>(4096) + little<4>(end_of_chain) + little<4>(0);
    header += little<4>(end_of_chain) + little<4>(0);
    for (std::size_t i = 0; i < 109; ++i) header += little<4>(i < tables ? i : unused);

    const auto entry = [](std::string_view label, unsigned kind, std::uint64_t child,
                          std::uint64_t start, std::size_t size) {
        std::string bytes;
        for (const char c : label) bytes += little<2>(static_cast<unsigned char>(c));
        bytes.resize(64, '\0');
        bytes += little<2>(2 * (label.size() + 1)) + little<1>(kind) + little<1>(1);
        bytes += little<4>(unused) + little<4>(unused) + little<4>(child) + std::string(36, '\0');
        return bytes + little<4>(start) + little<8>(size);
    };
    std::string directory = entry("Root Entry", 5, 1, end_of_chain, 0) +
                            entry(name, 2, unused, tables + 1, stream.size());
    directory.resize(sector, '\0');
    return header + table + directory + stream;
}

}  // namespace test
