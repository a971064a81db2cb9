// tests/excel_to_db_support.cpp — writing zips with libzip, asking databases with sqlite3.
// SPDX-License-Identifier: BSL-1.0
#include "excel_to_db_support.hpp"

#include <sqlite3.h>
#include <stdlib.h>
#include <zip.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "import/business.hpp"
#include "workbook/open_workbook.hpp"

namespace test {

namespace {

constexpr std::string_view declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";
constexpr std::string_view main_namespace =
    "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
constexpr std::string_view relations_namespace =
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

std::string text(std::string_view a, std::string_view b, std::string_view c = {},
                 std::string_view d = {}, std::string_view e = {}) {
    std::string result;
    for (const std::string_view part : {a, b, c, d, e}) result += part;
    return result;
}

std::string relation(std::string_view id, std::string_view role, std::string_view target) {
    return text("<Relationship Id=\"", id, "\" Type=\"", relations_namespace, "/") +
           text(role, "\" Target=\"", target, "\"/>");
}

std::string relations(const std::string& list) {
    return text(declaration,
                "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/"
                "relationships\">",
                list, "</Relationships>");
}

class database {
public:
    explicit database(const std::filesystem::path& file) {
        if (sqlite3_open(file.c_str(), &db_) != SQLITE_OK) fail();
        sqlite3_busy_timeout(db_, 5000);
    }
    database(const database&) = delete;
    database& operator=(const database&) = delete;
    ~database() { sqlite3_close(db_); }

    sqlite3* get() const { return db_; }
    [[noreturn]] void fail() const { throw std::runtime_error(sqlite3_errmsg(db_)); }

private:
    sqlite3* db_ = nullptr;
};

}  // namespace

// ---- 1. files ----

temporary_folder::temporary_folder() {
    // In memory where there is such a place: thousands of commits would measure the disk.
    const std::filesystem::path memory = "/dev/shm";
    const auto parent =
        std::filesystem::is_directory(memory) ? memory : std::filesystem::temp_directory_path();
    std::string name = (parent / "excel_to_db_test-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a folder");
    path_ = name;
}

temporary_folder::~temporary_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

void write_zip(const std::filesystem::path& file, const zip_parts& parts) {
    zip_t* archive = zip_open(file.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
    if (archive == nullptr) throw std::runtime_error("cannot make " + file.string());
    for (const auto& [name, content] : parts) {
        zip_source_t* source = zip_source_buffer(archive, content.data(), content.size(), 0);
        if (zip_file_add(archive, name.c_str(), source, ZIP_FL_ENC_UTF_8) < 0) {
            throw std::runtime_error("cannot add " + name);
        }
    }
    if (zip_close(archive) != 0) throw std::runtime_error("cannot write " + file.string());
}

void write_text(const std::filesystem::path& file, std::string_view content) {
    std::ofstream out(file, std::ios::binary);
    out << content;
    if (!out) throw std::runtime_error("cannot write " + file.string());
}

std::string read_text(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in) throw std::runtime_error("cannot read " + file.string());
    std::ostringstream content;
    content << in.rdbuf();
    return content.str();
}

// ---- 2. workbooks ----

zip_parts one_sheet(std::string_view rows, std::string_view strings, std::string_view styles) {
    const std::string open =
        text(" xmlns=\"", main_namespace, "\" xmlns:r=\"", relations_namespace, "\">");
    return {
        {"_rels/.rels", relations(relation("rId1", "officeDocument", "xl/workbook.xml"))},
        {"xl/workbook.xml",
         text(declaration, "<workbook", open,
              "<sheets><sheet name=\"Data\" sheetId=\"1\" r:id=\"rId1\"/></sheets>",
              "</workbook>")},
        {"xl/_rels/workbook.xml.rels",
         relations(relation("rId1", "worksheet", "worksheets/sheet1.xml") +
                   relation("rId2", "sharedStrings", "sharedStrings.xml") +
                   relation("rId3", "styles", "styles.xml"))},
        {"xl/worksheets/sheet1.xml",
         text(declaration, "<worksheet", open, "<sheetData>", rows) + "</sheetData></worksheet>"},
        {"xl/sharedStrings.xml", text(declaration, "<sst", open, strings, "</sst>")},
        {"xl/styles.xml", text(declaration, "<styleSheet", open, styles, "</styleSheet>")},
    };
}

void set_part(zip_parts& parts, const std::string& name, std::string content) {
    const auto found = std::find_if(parts.begin(), parts.end(),
                                    [&](const auto& part) { return part.first == name; });
    if (found == parts.end()) {
        parts.emplace_back(name, std::move(content));
    } else {
        found->second = std::move(content);
    }
}

std::string text_row(std::uint32_t number, const std::vector<std::string>& cells) {
    std::string row = "<row r=\"" + std::to_string(number) + "\">";
    for (const std::string& cell : cells) {
        row += cell.empty() ? "<c/>" : "<c t=\"inlineStr\"><is><t>" + cell + "</t></is></c>";
    }
    return row + "</row>";
}

std::string numbered(std::string_view name, std::uint32_t number) {
    return std::string(name).append(std::to_string(number));
}

std::string header_row() {
    return text_row(1, std::vector<std::string>(excel_to_db::business_columns.begin(),
                                                excel_to_db::business_columns.end()));
}

std::string business_row(std::uint32_t number, const std::string& name) {
    return text_row(number, {name, "shop", "+1 " + name, name + "@example.com", "1 Street", "Town",
                             "Land", "https://example.com/" + name, "about " + name});
}

std::string contact_row(std::uint32_t number, const std::string& email,
                        const std::string& website) {
    return text_row(number, {"n", "", "", email, "", "", "", website, ""});
}

std::vector<excel_to_db::sheet_row> read_sheet(const std::filesystem::path& file,
                                               std::string_view sheet,
                                               const excel_to_db::workbook_limits& limits) {
    const auto source = excel_to_db::open_workbook(runnel::background(), file, sheet, limits);
    std::vector<excel_to_db::sheet_row> rows;
    excel_to_db::sheet_row row;
    while (source->next(row)) rows.push_back(std::move(row));
    return rows;
}

std::string texts(const excel_to_db::sheet_row& row) {
    std::string joined;
    for (std::size_t column = 0; column < row.width(); ++column) {
        if (column > 0) joined += "|";
        joined += row.text(column);
    }
    return joined;
}

// ---- 3. databases ----

std::string query(const std::filesystem::path& file, const std::string& sql) {
    const database db(file);
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(db.get(), sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) db.fail();
    std::string result;
    if (sqlite3_step(statement) == SQLITE_ROW) {
        const auto* value = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
        if (value != nullptr) {
            result.assign(value, static_cast<std::size_t>(sqlite3_column_bytes(statement, 0)));
        }
    }
    sqlite3_finalize(statement);
    return result;
}

void execute_sql(const std::filesystem::path& file, const std::string& sql) {
    const database db(file);
    if (sqlite3_exec(db.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) db.fail();
}

std::string server_environment(const char* name) {
    const char* value = std::getenv(name);
    if (value == nullptr) {
        throw std::runtime_error(std::string(name) +
                                 " is not set: use script/postgres run, for TLS with --tls");
    }
    return value;
}

}  // namespace test
