// examples/excel_to_db/workbook/open_workbook.cpp — telling what a file is; finding its sheet.
// SPDX-License-Identifier: BSL-1.0
//
//   _rels/.rels → xl/workbook.xml → xl/_rels/workbook.xml.rels → the sheet, its strings and styles
#include "workbook/open_workbook.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <optional>
#include <runnel/blocking.hpp>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "workbook/cell_text.hpp"
#include "workbook/read_ahead.hpp"
#include "workbook/relationships.hpp"
#include "workbook/shared_strings.hpp"
#include "workbook/sheet_choice.hpp"
#include "workbook/sheet_reader.hpp"
#include "workbook/styles.hpp"
#include "workbook/xls_sheet.hpp"
#include "workbook/xml_parser.hpp"
#include "workbook/zip_archive.hpp"

namespace excel_to_db {

namespace {

// ---- 1. what kind of file ----

std::string first_bytes(const std::filesystem::path& file) {
    std::error_code error;
    const auto status = std::filesystem::status(file, error);
    if (!std::filesystem::exists(status)) throw workbook_error("no such file");
    if (std::filesystem::is_directory(status)) throw workbook_error("is a folder, not a workbook");
    if (!std::filesystem::is_regular_file(status)) {
        throw workbook_error("is not a regular file: a workbook cannot be read from a pipe");
    }
    return runnel::blocking([&] {
        std::ifstream in(file, std::ios::binary);
        if (!in) throw workbook_error("cannot be opened for reading");
        std::array<char, 512> bytes{};
        in.read(bytes.data(), bytes.size());
        return std::string(bytes.data(), static_cast<std::size_t>(in.gcount()));
    });
}

// Plain text whose first line has a separator in it.
bool is_separated_text(std::string_view begin) {
    const auto is_plain = [](char c) {
        return static_cast<unsigned char>(c) >= 0x20 || c == '\t' || c == '\r' || c == '\n';
    };
    return std::all_of(begin.begin(), begin.end(), is_plain) &&
           begin.substr(0, begin.find_first_of("\r\n")).find_first_of(",;\t") !=
               std::string_view::npos;
}

enum class workbook_kind { zip, ole };

workbook_kind kind_of(const std::filesystem::path& file) {
    using namespace std::string_view_literals;
    const std::string begin = first_bytes(file);
    if (begin.starts_with("PK\x03\x04"sv) || begin.starts_with("PK\x05\x06"sv)) {
        return workbook_kind::zip;
    }
    if (begin.starts_with("\xD0\xCF\x11\xE0"sv)) return workbook_kind::ole;
    if (begin.empty()) throw workbook_error("is empty");
    const std::string text = lowered(begin);
    if (text.find("<html") != std::string::npos || text.find("<table") != std::string::npos) {
        throw workbook_error("is an HTML page, not an .xlsx workbook");
    }
    if (text.find("<?xml") != std::string::npos &&
        (text.find("excel.sheet") != std::string::npos ||
         text.find("schemas-microsoft-com:office:spreadsheet") != std::string::npos)) {
        throw workbook_error("is an XML spreadsheet, not a workbook: save it as .xlsx");
    }
    if (is_separated_text(begin)) {
        throw workbook_error("is comma-separated text, not a workbook: save it as .xlsx");
    }
    throw workbook_error("is not an .xlsx workbook");
}

// ---- 2. which sheet ----

class workbook_handler final : public xml_handler {
public:
    explicit workbook_handler(const workbook_limits& limits) : limits_(limits) {}

    void on_start(std::string_view element, const xml_attributes& attributes) override {
        if (element == "workbookPr") {
            const auto value = attributes.find("date1904");
            from_1904 = value == "1" || value == "true";
        } else if (element == "sheets") {
            in_sheets_ = true;
        } else if (element == "sheet" && in_sheets_) {
            if (sheets.size() == limits_.sheets_and_parts) {
                throw workbook_error("lists too many sheets");
            }
            sheets.push_back({std::string(attributes.find("name").value_or("")),
                              std::string(attributes.find("id").value_or("")),
                              attributes.find("state").value_or("visible") == "visible"});
            bytes_ += sheets.back().name.size() + sheets.back().relationship.size();
            if (bytes_ > limits_.list_bytes) {
                throw workbook_error("lists sheets with names of more than " +
                                     std::to_string(limits_.list_bytes >> 10) + " KiB");
            }
        }
    }

    void on_end(std::string_view element) override {
        if (element == "sheets") in_sheets_ = false;
    }

    std::vector<sheet_entry> sheets;
    bool from_1904 = false;

private:
    const workbook_limits& limits_;
    std::size_t bytes_ = 0;
    bool in_sheets_ = false;
};

// ---- 3. the sheet and what it needs ----

std::string find_workbook_part(zip_archive& zip) {
    for (const auto& [id, target] : read_relationships(zip, "")) {
        if (target.role == "officeDocument" && zip.contains(target.part)) {
            if (lowered(target.part).ends_with(".bin")) {
                throw workbook_error("is a binary .xlsb workbook: save it as .xlsx");
            }
            return target.part;
        }
    }
    if (zip.contains("xl/workbook.xml")) return "xl/workbook.xml";
    if (zip.contains("content.xml")) {
        throw workbook_error("is an OpenDocument file: save it as .xlsx");
    }
    throw workbook_error("is a zip file, but no workbook");
}

class xlsx_sheet final : public row_source {
public:
    xlsx_sheet(const runnel::context& ctx, const std::filesystem::path& file,
               std::string_view wanted, const workbook_limits& limits)
        : zip_(file, limits), strings_(limits) {
        const std::string workbook = find_workbook_part(zip_);
        workbook_handler book(limits);
        xml_parser(zip_.open(workbook), book, limits).parse_all();
        const auto parts = read_relationships(zip_, workbook);

        // Chart and macro sheets have no rows.
        std::erase_if(book.sheets, [&](const sheet_entry& sheet) {
            const auto part = parts.find(sheet.relationship);
            return part != parts.end() && part->second.role != "worksheet";
        });
        const sheet_entry& sheet = choose_sheet(book.sheets, wanted);
        name_ = sheet.name;
        const auto part = parts.find(sheet.relationship);
        if (part == parts.end()) {
            throw workbook_error("is damaged: it does not say where sheet \"" + name_ + "\" is");
        }

        for (const auto& [id, target] : parts) {
            if (target.role != "styles") continue;
            styles_ = zip_.contains(target.part) ? cell_styles(zip_, target.part)
                                                 : cell_styles::missing();
        }
        // The rows are parsed meanwhile.
        reader_.emplace(zip_.open(part->second.part), styles_, book.from_1904, limits);
        rows_.emplace(*reader_);
        for (const auto& [id, target] : parts) {
            if (target.role == "sharedStrings" && zip_.contains(target.part)) {
                strings_.read(ctx, zip_, target.part);
            }
        }
    }

    const std::string& sheet_name() const override { return name_; }
    bool next(sheet_row& row) override {
        if (!rows_->next(row)) return false;
        fill_in_strings(row);
        return true;
    }
    double fraction_read() const override { return rows_->fraction_read(); }

private:
    void fill_in_strings(sheet_row& row) {
        row.reserve(0, last_bytes_);
        for (std::size_t column = 0; column < row.width(); ++column) {
            if (row.kind(column) != cell_kind::shared) continue;
            const std::size_t i = row.reference(column);
            if (i < strings_.size()) {
                set_text(row, column, strings_.text(i), zip_.limits());
            } else if (strings_.size() > 0) {
                set_cell(row, column, cell_kind::malformed, std::to_string(i), zip_.limits());
            } else {
                throw workbook_error("is damaged: cell " + column_name(column) +
                                     std::to_string(row.number()) +
                                     " refers to a shared text, and there is none");
            }
        }
        last_bytes_ = std::min(row.text_bytes(), reserved_bytes);
    }

    static constexpr std::size_t reserved_bytes = 1'000;

    zip_archive zip_;
    shared_strings strings_;
    cell_styles styles_;
    std::string name_;
    std::optional<sheet_reader> reader_;
    std::optional<read_ahead> rows_;  // behind all that it uses
    std::size_t last_bytes_ = 0;      // of the last row's texts: the next one's are as long
};

}  // namespace

std::unique_ptr<row_source> open_workbook(const runnel::context& ctx,
                                          const std::filesystem::path& file, std::string_view sheet,
                                          const workbook_limits& limits) {
    if (kind_of(file) == workbook_kind::ole) {
#if EXCEL_TO_DB_XLS
        return open_xls(ctx, file, sheet, limits);
#else
        throw workbook_error(
            "is an old binary .xls workbook, or one protected by a password: this program was "
            "built without libfreexl, "
            "which reads the former; save it as an .xlsx workbook without a password");
#endif
    }
    return std::make_unique<xlsx_sheet>(ctx, file, sheet, limits);
}

}  // namespace excel_to_db
