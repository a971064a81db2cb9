// examples/excel_to_db/workbook/xls_sheet.cpp — libfreexl's cells, and those that it does not have.
// SPDX-License-Identifier: BSL-1.0
#include "workbook/xls_sheet.hpp"

#include <fmt/format.h>
#include <freexl.h>

#include <algorithm>
#include <fstream>
#include <runnel/blocking.hpp>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "workbook/cell_text.hpp"
#include "workbook/error.hpp"
#include "workbook/ole_file.hpp"
#include "workbook/sheet_choice.hpp"
#include "workbook/xls_records.hpp"

namespace excel_to_db {

namespace {

// libfreexl's word for a workbook that it has read.
class freexl_workbook {
public:
    freexl_workbook() = default;
    freexl_workbook(const freexl_workbook&) = delete;
    freexl_workbook& operator=(const freexl_workbook&) = delete;
    ~freexl_workbook() {
        if (handle_ != nullptr) freexl_close(handle_);
    }

    void open(const std::filesystem::path& file) {
        const int error = runnel::blocking([&] { return freexl_open(file.c_str(), &handle_); });
        if (error != FREEXL_OK) {
            throw workbook_error(
                fmt::format("is a damaged .xls workbook: libfreexl gives up with {}", error));
        }
    }

    const void* get() const { return handle_; }

private:
    const void* handle_ = nullptr;
};

std::string read_whole(const std::filesystem::path& file, std::uint64_t limit) {
    return runnel::blocking([&] {
        std::ifstream in(file, std::ios::binary | std::ios::ate);
        const std::streamoff size = in ? static_cast<std::streamoff>(in.tellg()) : -1;
        if (size < 0) throw workbook_error("cannot be read");
        if (static_cast<std::uint64_t>(size) > limit) {
            throw workbook_too_large(
                fmt::format("is an .xls workbook of more than {} MiB", limit >> 20));
        }
        std::string bytes(static_cast<std::size_t>(size), '\0');
        in.seekg(0);
        in.read(bytes.data(), size);
        if (!in) throw workbook_error("cannot be read");
        return bytes;
    });
}

// An .xlsx with a password is an OLE2 file, too.
xls_records read_records(const std::filesystem::path& file, const workbook_limits& limits) {
    const ole_file container(read_whole(file, limits.xls_bytes));
    // Of two, one for Excel 5 and one for Excel 97, the second is read; which one libfreexl reads is its affair.
    if (container.contains("Workbook") && container.contains("Book")) {
        static_cast<void>(xls_records(container.read("Book"), limits));
    }
    for (const char* name : {"Workbook", "Book"}) {
        if (container.contains(name)) return {container.read(name), limits};
    }
    if (container.contains("EncryptedPackage")) {
        throw workbook_error("is protected by a password");
    }
    throw workbook_error("is an old binary file, but no .xls workbook");
}

class xls_sheet final : public row_source {
public:
    xls_sheet(const runnel::context& ctx, const std::filesystem::path& file,
              std::string_view wanted, const workbook_limits& limits)
        : limits_(limits) {
        const xls_records records = read_records(file, limits);
        if (records.is_protected()) throw workbook_error("is protected by a password");
        if (const std::error_code done = ctx.err()) throw std::system_error(done);
        workbook_.open(file);
        choose(records, wanted);
        if (const std::error_code done = ctx.err()) throw std::system_error(done);
    }

    const std::string& sheet_name() const override { return name_; }

    bool next(sheet_row& row) override {
        for (; at_ < rows_; ++at_) {
            sheet_row read(at_ + 1);
            for (std::uint16_t column = 0; column < columns_; ++column) {
                FreeXL_CellValue value{};
                if (freexl_get_cell_value(workbook_.get(), at_, column, &value) == FREEXL_OK) {
                    set(read, column, value);
                }
            }
            for (; next_own_ < own_.size() && own_[next_own_].row == at_; ++next_own_) {
                const xls_cell& cell = own_[next_own_];
                if (cell.kind == cell_kind::empty && cell.column < read.width()) continue;
                set(read, cell.column, cell.kind, cell.text);
            }
            if (read.width() == 0) continue;
            row = std::move(read);
            ++at_;
            return true;
        }
        return false;
    }

    double fraction_read() const override {
        return rows_ == 0 ? 1 : static_cast<double>(at_) / rows_;
    }

private:
    void choose(const xls_records& records, std::string_view wanted) {
        unsigned count = 0;
        freexl_get_info(workbook_.get(), FREEXL_BIFF_SHEET_COUNT, &count);
        // Newer versions list worksheets only.
        const bool lists_all = count == records.sheets().size();
        std::vector<sheet_entry> sheets;
        std::vector<std::pair<std::uint16_t, const xls_sheet_entry*>> places;
        std::uint16_t number = 0;
        for (const xls_sheet_entry& each : records.sheets()) {
            if (each.worksheet) {
                const char* name = nullptr;
                freexl_get_worksheet_name(workbook_.get(), number, &name);
                sheets.push_back({name != nullptr ? name : "", {}, each.visible});
                places.emplace_back(number, &each);
            }
            if (each.worksheet || lists_all) ++number;
        }
        const sheet_entry& chosen = choose_sheet(sheets, wanted);
        name_ = chosen.name;
        const auto& [place, entry] = places[static_cast<std::size_t>(&chosen - sheets.data())];
        own_ = records.cells(*entry);
        if (freexl_select_active_worksheet(workbook_.get(), place) != FREEXL_OK ||
            freexl_worksheet_dimensions(workbook_.get(), &rows_, &columns_) != FREEXL_OK) {
            throw workbook_error("is a damaged .xls workbook: it lacks sheet \"" + name_ + "\"");
        }
        if (!own_.empty()) rows_ = std::max(rows_, own_.back().row + 1);
    }

    void set(sheet_row& row, std::size_t column, const FreeXL_CellValue& value) const {
        switch (value.type) {
            case FREEXL_CELL_INT:
                set(row, column, cell_kind::text, std::to_string(value.value.int_value));
                break;
            case FREEXL_CELL_DOUBLE: {
                const std::string digits = fmt::format("{}", value.value.double_value);
                const auto text = number_text(digits);
                set(row, column, text ? cell_kind::text : cell_kind::malformed,
                    text.value_or(digits));
                break;
            }
            case FREEXL_CELL_TEXT:
            case FREEXL_CELL_SST_TEXT:
            case FREEXL_CELL_DATE:
            case FREEXL_CELL_TIME:
                set(row, column, cell_kind::text, value.value.text_value);
                break;
            case FREEXL_CELL_DATETIME: {
                std::string_view text = value.value.text_value;
                if (text.ends_with(" 00:00:00")) text.remove_suffix(9);
                set(row, column, cell_kind::text, text);
                break;
            }
            default:  // nothing there
                break;
        }
    }

    void set(sheet_row& row, std::size_t column, cell_kind kind, std::string_view text) const {
        if (row.text_bytes() + text.size() > limits_.row_bytes) {
            throw workbook_error(fmt::format("holds more than {} KiB of text in row {}",
                                             limits_.row_bytes >> 10, row.number()));
        }
        if (text.size() > limits_.cell_characters && utf16_length(text) > limits_.cell_characters) {
            kind = cell_kind::too_long;
        }
        if (kind == cell_kind::text && text.empty()) kind = cell_kind::empty;
        row.set(column, kind, text);
    }

    const workbook_limits limits_;
    freexl_workbook workbook_;
    std::string name_;
    std::vector<xls_cell> own_;
    std::size_t next_own_ = 0;
    unsigned rows_ = 0;
    unsigned short columns_ = 0;
    unsigned at_ = 0;
};

}  // namespace

std::unique_ptr<row_source> open_xls(const runnel::context& ctx, const std::filesystem::path& file,
                                     std::string_view wanted, const workbook_limits& limits) {
    return std::make_unique<xls_sheet>(ctx, file, wanted, limits);
}

}  // namespace excel_to_db
