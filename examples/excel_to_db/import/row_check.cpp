// examples/excel_to_db/import/row_check.cpp — the rules a row has to keep.
// SPDX-License-Identifier: BSL-1.0
#include "import/row_check.hpp"

#include <fmt/format.h>

#include <string_view>

#include "workbook/cell_text.hpp"

namespace excel_to_db {

namespace {

constexpr std::size_t website_column = 7;

bool has_space(std::string_view text) {
    return text.find_first_of(" \t\r\n") != std::string_view::npos;
}

// something@host.domain, no more: whether it exists, only mail can tell.
bool looks_like_email(std::string_view text) {
    const std::size_t at = text.find('@');
    if (at == 0 || at == std::string_view::npos || has_space(text)) return false;
    const std::string_view host = text.substr(at + 1);
    const std::size_t dot = host.rfind('.');
    return host.find('@') == std::string_view::npos && dot != std::string_view::npos && dot > 0 &&
           dot + 1 < host.size();
}

bool looks_like_website(std::string_view text) {
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (text.starts_with(scheme)) text.remove_prefix(scheme.size());
    }
    const std::string_view host = text.substr(0, text.find('/'));
    const std::size_t dot = host.find('.');
    return !has_space(text) && dot != std::string_view::npos && dot > 0 && dot + 1 < host.size();
}

bool deserves(const sheet_row& row, const header_map& columns, row_warning warning) {
    const bool is_email = warning == row_warning::email;
    const std::string_view text =
        row.text(columns.column(is_email ? email_column : website_column));
    if (text.empty()) return false;
    return is_email ? !looks_like_email(text) : !looks_like_website(text);
}

std::optional<row_fault> fault_of_cell(const sheet_row& row, std::size_t column) {
    const auto cell = [&] { return column_name(column) + std::to_string(row.number()); };
    switch (row.kind(column)) {
        case cell_kind::error:
            return row_fault{"a cell holds an error",
                             fmt::format("cell {} holds the error {}", cell(), row.text(column))};
        case cell_kind::no_value:
            return row_fault{"a cell holds a formula without its result",
                             fmt::format("cell {} holds a formula without its result", cell())};
        case cell_kind::malformed:
            return row_fault{"a cell holds what is not of its type",
                             fmt::format("cell {} holds \"{}\", which is not of the cell's type",
                                         cell(), row.text(column))};
        case cell_kind::too_long:
            return row_fault{"a cell is longer than it may be",
                             fmt::format("cell {} is longer than a cell may be", cell())};
        case cell_kind::empty:
        case cell_kind::text:
        case cell_kind::shared:
            break;
    }
    if (row.text(column).find('\0') != std::string_view::npos) {
        return row_fault{"a cell holds a NUL character",
                         fmt::format("cell {} holds a NUL character", cell())};
    }
    return std::nullopt;
}

row_fault named(std::string_view kind) { return {kind, std::string(kind)}; }

}  // namespace

bool is_blank_row(const sheet_row& row) {
    for (std::size_t column = 0; column < row.width(); ++column) {
        const cell_kind kind = row.kind(column);
        if (kind != cell_kind::empty && kind != cell_kind::text) return false;
        if (!is_blank(row.text(column))) return false;
    }
    return true;
}

std::optional<row_fault> find_fault(const sheet_row& row, const header_map& columns,
                                    const check_options& options) {
    if (row.width() < columns.needed_width() && !options.pad_short) {
        return row_fault{"insufficient columns", fmt::format("insufficient columns: {} of {} cells",
                                                             row.width(), columns.needed_width())};
    }
    for (std::size_t field = 0; field < business_columns.size(); ++field) {
        if (auto fault = fault_of_cell(row, columns.column(field))) return fault;
    }
    if (is_blank(row.text(columns.column(name_column)))) return named("the name is empty");

    if (options.check_formats) {
        for (const named_warning& each : row_warnings) {
            if (deserves(row, columns, each.warning)) return named(each.text);
        }
    }
    return std::nullopt;
}

void count_warnings(const sheet_row& row, const header_map& columns, warning_counts& counts) {
    for (const named_warning& each : row_warnings) {
        if (deserves(row, columns, each.warning)) counts.add(each.warning);
    }
}

business make_business(const sheet_row& row, const header_map& columns) {
    business result;
    for (std::size_t field = 0; field < business_columns.size(); ++field) {
        result.fields[field] = row.text(columns.column(field));
    }
    return result;
}

}  // namespace excel_to_db
