// tests/excel_to_db_xls.hpp — writing an .xls workbook, record by record, and the file around it.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace test {

/// The records of one sheet. Rows and columns are counted from 0; `format` is 0 for a number, and what was declared
/// after that in the order of its declaration.
class xls_sheet_writer {
public:
    void text(unsigned row, unsigned column, std::u16string_view text);
    /// One that the workbook shares.
    void text(unsigned row, unsigned column, std::size_t shared);
    void number(unsigned row, unsigned column, double value, unsigned format = 0);
    void short_integer(unsigned row, unsigned column, int value, unsigned format = 0);
    void boolean(unsigned row, unsigned column, bool value);
    void error(unsigned row, unsigned column, unsigned code);
    void blanks(unsigned row, unsigned first, unsigned count);
    void formula(unsigned row, unsigned column, double result, unsigned format = 0);
    void formula_text(unsigned row, unsigned column, std::u16string_view result);
    /// A formula whose result is 1 a boolean, 2 an error, 3 the empty text, or 0 a text that does not come.
    void formula_other(unsigned row, unsigned column, unsigned kind, unsigned value = 0);
    /// Anything else.
    void record(unsigned type, const std::string& body);

    /// Instead of the size that the cells have.
    void claim_size(std::uint32_t rows, unsigned columns) { claimed_ = {rows, columns}; }

private:
    friend class xls_writer;
    void cell(unsigned type, unsigned row, unsigned column, unsigned format,
              const std::string& rest);

    std::string records_;
    std::uint32_t rows_ = 0;
    unsigned columns_ = 0;
    std::pair<std::uint32_t, unsigned> claimed_{0, 0};
};

/// A workbook of Excel 97 (BIFF8).
class xls_writer {
public:
    /// Returns the number to give for it; built-in formats have theirs from Excel.
    unsigned declare_format(unsigned builtin);
    unsigned declare_format(std::string_view code);
    /// Returns the number to give for it.
    std::size_t share(std::u16string_view text);
    void count_from_1904() { from_1904_ = true; }
    void protect() { protected_ = true; }

    /// Valid until the next call.
    xls_sheet_writer& add_sheet(std::string_view name, bool visible = true, bool is_chart = false);

    /// The stream of records, and the file with this stream in it.
    std::string stream() const;
    void write(const std::filesystem::path& file) const;

private:
    struct named_sheet {
        std::string name;
        bool visible;
        bool is_chart;
        xls_sheet_writer sheet;
    };

    std::string formats_;
    std::string cell_formats_;
    unsigned declared_ = 0;
    std::string shared_;
    std::size_t shared_count_ = 0;
    bool from_1904_ = false;
    bool protected_ = false;
    std::vector<named_sheet> sheets_;
};

/// An OLE2 file with one stream in it.
std::string ole_file_with(std::string_view name, std::string stream);

}  // namespace test
