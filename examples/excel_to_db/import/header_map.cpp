// examples/excel_to_db/import/header_map.cpp — matching titles with fields.
// SPDX-License-Identifier: BSL-1.0
#include "import/header_map.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "workbook/cell_text.hpp"
#include "workbook/error.hpp"
#include "workbook/unseen.hpp"

namespace excel_to_db {

namespace {

constexpr std::size_t no_column = static_cast<std::size_t>(-1);

struct alias {
    std::string_view title;
    std::string_view field;
};
constexpr std::array<alias, 9> aliases = {{
    {"businessname", "name"},
    {"company", "name"},
    {"companyname", "name"},
    {"telephone", "phone"},
    {"phonenumber", "phone"},
    {"mail", "email"},
    {"emailaddress", "email"},
    {"url", "website"},
    {"streetaddress", "address"},
}};

std::string bare(std::string_view title) {
    std::string result;
    while (!title.empty()) {
        if (const std::size_t unseen = unseen_at(title); unseen > 0) {
            title.remove_prefix(unseen);
            continue;
        }
        const char c = title.front();
        title.remove_prefix(1);
        const bool beyond_ascii = (static_cast<unsigned char>(c) & 0x80) != 0;
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || beyond_ascii) {
            result += c;
        } else if (c >= 'A' && c <= 'Z') {
            result += static_cast<char>(c - 'A' + 'a');
        }
    }
    return result;
}

std::optional<std::size_t> field_of(std::string_view title) {
    std::string name = bare(title);
    for (const alias& other : aliases) {
        if (name == other.title) name = other.field;
    }
    const auto found = std::find(business_columns.begin(), business_columns.end(), name);
    if (found == business_columns.end()) return std::nullopt;
    return static_cast<std::size_t>(found - business_columns.begin());
}

}  // namespace

header_map::header_map() : header_map(sheet_row{}) {}

header_map::header_map(const sheet_row& header) {
    columns_.fill(no_column);
    std::vector<bool> claimed(std::max(header.width(), business_columns.size()), false);

    // 1. By title; of two columns with the same title the first one counts.
    for (std::size_t column = 0; column < header.width(); ++column) {
        const auto field = field_of(header.text(column));
        if (!field || columns_[*field] != no_column) continue;
        columns_[*field] = column;
        claimed[column] = true;
    }

    // 2. By place. Two passes, for a title may claim any column.
    for (std::size_t field = 0; field < columns_.size(); ++field) {
        if (columns_[field] != no_column) continue;
        if (claimed[field]) {
            throw workbook_error(
                fmt::format("has no column titled \"{}\", and column {} where it would be is "
                            "titled \"{}\"",
                            business_columns[field], column_name(field), header.text(field)));
        }
        columns_[field] = field;
        claimed[field] = true;
    }

    needed_width_ = *std::max_element(columns_.begin(), columns_.end()) + 1;
    for (std::size_t column = 0; column < header.width(); ++column) {
        if (!claimed[column] && !is_blank(header.text(column))) {
            ignored_.emplace_back(header.text(column));
        }
    }
}

bool has_known_title(const sheet_row& row) {
    for (std::size_t column = 0; column < row.width(); ++column) {
        if (field_of(row.text(column))) return true;
    }
    return false;
}

}  // namespace excel_to_db
