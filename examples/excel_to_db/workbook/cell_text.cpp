// examples/excel_to_db/workbook/cell_text.cpp — numbers, dates, escapes and cell references.
// SPDX-License-Identifier: BSL-1.0
#include "workbook/cell_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>

#include "workbook/unseen.hpp"

namespace excel_to_db {

namespace {

constexpr double last_serial = 2'958'466.0;  // the day after 9999-12-31

std::optional<double> parse_number(std::string_view text) {
    text = trimmed(text);
    if (text.starts_with('+')) text.remove_prefix(1);
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) {
        return std::nullopt;
    }
    return value;
}

std::string shortest_digits(double value) {
    if (value == 0) return "0";  // and not -0
    std::array<char, 64> digits;
    const double size = std::fabs(value);
    // Outside of these bounds plain notation would be mostly zeros.
    const auto format =
        size < 1e21 && size >= 1e-9 ? std::chars_format::fixed : std::chars_format::scientific;
    const auto result = std::to_chars(digits.data(), digits.data() + digits.size(), value, format);
    return std::string(digits.data(), result.ptr);
}

bool is_plain_integer(std::string_view text) {
    return !text.empty() && text.size() <= 15 && (text[0] != '0' || text.size() == 1) &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// The calendar day of a serial number. Excel's 1900 had a 29 February (serial 60).
std::string day_text(std::int64_t serial, bool from_1904) {
    using namespace std::chrono;
    if (!from_1904 && serial == 60) return "1900-02-29";
    const sys_days first = from_1904     ? sys_days{year{1904} / January / 1}
                           : serial < 60 ? sys_days{year{1899} / December / 31}
                                         : sys_days{year{1899} / December / 30};
    const year_month_day day{first + days{serial}};
    return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(day.year()),
                       static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
}

std::string time_text(std::int64_t seconds) {
    return fmt::format("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

// The UTF-16 unit of an escape that begins at `at`, such as _x000D_.
std::optional<unsigned> escaped_unit(std::string_view text, std::size_t at) {
    constexpr std::size_t length = 7;
    if (text.size() - at < length || text[at + 1] != 'x' || text[at + 6] != '_') return {};
    unsigned unit = 0;
    const char* digits = text.data() + at + 2;
    const auto [end, error] = std::from_chars(digits, digits + 4, unit, 16);
    if (error != std::errc{} || end != digits + 4) return {};
    return unit;
}

}  // namespace

std::optional<std::size_t> column_of(std::string_view reference) {
    std::size_t column = 0;
    std::size_t letters = 0;
    for (char c : reference) {
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
        if (c < 'A' || c > 'Z') break;
        if (++letters > 3) return std::nullopt;
        column = column * 26 + static_cast<std::size_t>(c - 'A') + 1;
    }
    if (letters == 0) return std::nullopt;
    return column - 1;
}

std::string column_name(std::size_t column) {
    std::string name;
    for (std::size_t rest = column + 1; rest > 0; rest = (rest - 1) / 26) {
        name.insert(name.begin(), static_cast<char>('A' + (rest - 1) % 26));
    }
    return name;
}

std::optional<std::string> number_text(std::string_view text) {
    if (is_plain_integer(text)) return std::string(text);
    const auto value = parse_number(text);
    if (!value) return std::nullopt;
    return shortest_digits(*value);
}

std::optional<std::string> date_text(std::string_view text, number_look look, bool from_1904) {
    const auto value = parse_number(text);
    if (!value) return std::nullopt;
    if (look == number_look::number || *value < 0 || *value >= last_serial) {
        return shortest_digits(*value);
    }

    constexpr std::int64_t day = 24 * 60 * 60;
    const auto seconds = static_cast<std::int64_t>(std::llround(*value * day));
    if (look == number_look::elapsed || (look == number_look::time && seconds < day)) {
        return time_text(seconds);
    }
    std::string result = day_text(seconds / day, from_1904);
    if (seconds % day != 0) result.append(" ").append(time_text(seconds % day));
    return result;
}

void append_utf8(std::string& out, unsigned code) {
    const auto byte = [&](unsigned value) { out += static_cast<char>(value); };
    if (code < 0x80) {
        byte(code);
    } else if (code < 0x800) {
        byte(0xC0 | code >> 6);
        byte(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        byte(0xE0 | code >> 12);
        byte(0x80 | (code >> 6 & 0x3F));
        byte(0x80 | (code & 0x3F));
    } else {
        byte(0xF0 | code >> 18);
        byte(0x80 | (code >> 12 & 0x3F));
        byte(0x80 | (code >> 6 & 0x3F));
        byte(0x80 | (code & 0x3F));
    }
}

void unescape(std::string& text) {
    std::size_t from = text.find("_x");
    if (from == std::string::npos) return;

    std::string result(text, 0, from);
    while (from < text.size()) {
        const auto unit = text[from] == '_' ? escaped_unit(text, from) : std::nullopt;
        if (unit && (*unit < 0xD800 || *unit > 0xDFFF)) {
            append_utf8(result, *unit);
            from += 7;
            continue;
        }
        if (unit && *unit < 0xDC00 && from + 7 < text.size() && text[from + 7] == '_') {
            const auto low = escaped_unit(text, from + 7);
            if (low && *low >= 0xDC00 && *low <= 0xDFFF) {
                append_utf8(result, 0x10000 + ((*unit - 0xD800) << 10) + (*low - 0xDC00));
                from += 14;
                continue;
            }
        }
        result += text[from++];  // an escape of half a character is left as it stands
    }
    text = std::move(result);
}

std::size_t utf16_length(std::string_view text) {
    std::size_t length = 0;
    for (char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if ((byte & 0xC0) != 0x80) length += byte >= 0xF0 ? 2 : 1;
    }
    return length;
}

std::string_view trimmed(std::string_view text) {
    const std::size_t begin = text.find_first_not_of(" \t\r\n");
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

bool is_blank(std::string_view text) {
    while (!text.empty()) {
        // Nearly always the first character is a letter or a digit, and that is all there is to see.
        if (const char first = text.front(); first > ' ' && first <= '~') return false;
        const std::size_t size = unseen_at(text);
        if (size == 0) return false;
        text.remove_prefix(size);
    }
    return true;
}

}  // namespace excel_to_db
