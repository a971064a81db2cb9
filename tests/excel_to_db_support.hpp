// tests/excel_to_db_support.hpp — what the importer's tests share: workbooks, folders, SQL.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "workbook/limits.hpp"
#include "workbook/row.hpp"

namespace test {

/// A folder of its own, removed with everything in it.
class temporary_folder {
public:
    temporary_folder();
    temporary_folder(const temporary_folder&) = delete;
    temporary_folder& operator=(const temporary_folder&) = delete;
    ~temporary_folder();

    std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

private:
    std::filesystem::path path_;
};

/// Names and contents of a zip's entries.
using zip_parts = std::vector<std::pair<std::string, std::string>>;

void write_zip(const std::filesystem::path& file, const zip_parts& parts);
void write_text(const std::filesystem::path& file, std::string_view text);
std::string read_text(const std::filesystem::path& file);

/// The parts of a workbook with one sheet "Data" whose <sheetData> holds `rows`; `strings` are the
/// <si> elements of its shared strings and `styles` the inside of <styleSheet>.
zip_parts one_sheet(std::string_view rows, std::string_view strings = {},
                    std::string_view styles = {});

/// Replaces the content of a part, or adds the part.
void set_part(zip_parts& parts, const std::string& name, std::string content);

/// The XML of a row of inline strings.
std::string text_row(std::uint32_t number, const std::vector<std::string>& cells);

/// A header with the guide's titles, as XML.
std::string header_row();

/// "n" and 7 → "n7".
std::string numbered(std::string_view name, std::uint32_t number);

/// A complete row whose fields are made from `name`.
std::string business_row(std::uint32_t number, const std::string& name);

/// A row of nothing but a name, an email and a website.
std::string contact_row(std::uint32_t number, const std::string& email, const std::string& website);

/// The rows of a workbook's sheet, the first visible one if no other is asked for.
std::vector<excel_to_db::sheet_row> read_sheet(const std::filesystem::path& file,
                                               std::string_view sheet = {},
                                               const excel_to_db::workbook_limits& limits = {});

/// One row's texts, joined by bars.
std::string texts(const excel_to_db::sheet_row& row);

/// The first column of the first row of an SQL query; "" for NULL or no row.
std::string query(const std::filesystem::path& db, const std::string& sql);
void execute_sql(const std::filesystem::path& db, const std::string& sql);

/// What script/postgres told of its server by this variable. Throws if it did not.
std::string server_environment(const char* name);

/// What is thrown by `f`, as text; "" if nothing is.
template <class F>
std::string message_of(F f) {
    try {
        f();
    } catch (const std::exception& error) {
        return error.what();
    }
    return "";
}

}  // namespace test
