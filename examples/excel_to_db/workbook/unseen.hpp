// examples/excel_to_db/workbook/unseen.hpp — characters that nobody sees: what a person takes for equal or empty.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace excel_to_db {

/// How many bytes the white space, or the character without a width, takes that `text` begins with: 0 if it begins with
/// another one. Web pages and word processors leave them in cells.
constexpr std::size_t unseen_at(std::string_view text) {
    struct range {
        std::string_view first;
        std::string_view last;
    };
    constexpr std::array<range, 13> unseen = {{
        {"\t", "\r"},
        {" ", " "},
        {"\xC2\x85", "\xC2\x85"},          // U+0085, a new line
        {"\xC2\xA0", "\xC2\xA0"},          // U+00A0, the space that breaks no line
        {"\xC2\xAD", "\xC2\xAD"},          // U+00AD, where a word may be broken
        {"\xE1\x9A\x80", "\xE1\x9A\x80"},  // U+1680
        {"\xE1\xA0\x8E", "\xE1\xA0\x8E"},  // U+180E
        {"\xE2\x80\x80", "\xE2\x80\x8F"},  // U+2000 to U+200F, spaces, joiners, marks of direction
        {"\xE2\x80\xA8", "\xE2\x80\xAF"},  // U+2028 to U+202F
        {"\xE2\x81\x9F", "\xE2\x81\xAF"},  // U+205F to U+206F
        {"\xE3\x80\x80", "\xE3\x80\x80"},  // U+3000
        {"\xEF\xB8\x80", "\xEF\xB8\x8F"},  // U+FE00 to U+FE0F, variants of what is before them
        {"\xEF\xBB\xBF", "\xEF\xBB\xBF"},  // U+FEFF
    }};
    for (const range& each : unseen) {
        const std::string_view begin = text.substr(0, each.first.size());
        if (begin.size() == each.first.size() && begin >= each.first && begin <= each.last) {
            return begin.size();
        }
    }
    return 0;
}

}  // namespace excel_to_db
