// examples/excel_to_db/workbook/sheet_choice.cpp — by name, by number, or the first that is visible.
// SPDX-License-Identifier: BSL-1.0
#include "workbook/sheet_choice.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "workbook/error.hpp"

namespace excel_to_db {

namespace {

std::string names_of(const std::vector<sheet_entry>& sheets) {
    constexpr std::size_t shown = 10;
    std::string names;
    for (std::size_t i = 0; i < std::min(sheets.size(), shown); ++i) {
        names += (i == 0 ? "\"" : ", \"") + sheets[i].name + "\"";
    }
    return sheets.size() > shown ? names + ", …" : names;
}

}  // namespace

std::string lowered(std::string_view text) {
    std::string result(text);
    for (char& c : result) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return result;
}

const sheet_entry& choose_sheet(const std::vector<sheet_entry>& sheets, std::string_view wanted) {
    if (sheets.empty()) throw workbook_error("has no worksheet");
    const auto found = [&](auto test) -> const sheet_entry* {
        const auto it = std::find_if(sheets.begin(), sheets.end(), test);
        return it == sheets.end() ? nullptr : &*it;
    };
    if (wanted.empty()) {
        if (const auto* s = found([](const auto& sheet) { return sheet.visible; })) return *s;
        throw workbook_error("has only hidden sheets: name one of " + names_of(sheets));
    }
    if (const auto* s = found([&](const auto& sheet) { return sheet.name == wanted; })) return *s;
    const std::string low = lowered(wanted);
    if (const auto* s = found([&](const auto& sheet) { return lowered(sheet.name) == low; })) {
        return *s;
    }
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(wanted.data(), wanted.data() + wanted.size(), number);
    if (error == std::errc{} && end == wanted.data() + wanted.size() && number >= 1 &&
        number <= sheets.size()) {
        return sheets[number - 1];
    }
    throw workbook_error("has no sheet \"" + std::string(wanted) + "\"; it has " +
                         names_of(sheets));
}

}  // namespace excel_to_db
