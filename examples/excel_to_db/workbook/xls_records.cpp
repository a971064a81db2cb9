// examples/excel_to_db/workbook/xls_records.cpp — a walk along the records of BIFF5 and BIFF8.
// SPDX-License-Identifier: BSL-1.0
//
//   type (2 bytes), size (2 bytes), body: BOF … EOF for the workbook, then BOF … EOF for each sheet
#include "workbook/xls_records.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <optional>
#include <tuple>
#include <utility>

#include "workbook/error.hpp"
#include "workbook/little_endian.hpp"
#include "workbook/styles.hpp"

namespace excel_to_db {

namespace {

namespace type {
constexpr std::uint64_t end = 0x000A;
constexpr std::uint64_t date_mode = 0x0022;
constexpr std::uint64_t password = 0x002F;
constexpr std::uint64_t sheet = 0x0085;
constexpr std::uint64_t many_numbers = 0x00BD;
constexpr std::uint64_t many_blanks = 0x00BE;
constexpr std::uint64_t cell_format = 0x00E0;
constexpr std::uint64_t dimension = 0x0200;
constexpr std::uint64_t rich_label = 0x00D6;
constexpr std::uint64_t blank = 0x0201;
constexpr std::uint64_t number = 0x0203;
constexpr std::uint64_t label = 0x0204;
constexpr std::uint64_t bool_or_error = 0x0205;
constexpr std::uint64_t string = 0x0207;
constexpr std::uint64_t short_number = 0x027E;
constexpr std::uint64_t format = 0x041E;
constexpr std::uint64_t begin = 0x0809;

bool is_formula(std::uint64_t t) { return t == 0x0006 || t == 0x0206 || t == 0x0406; }
bool is_cell(std::uint64_t t) {
    // The last one is a shared text.
    return t == many_numbers || t == many_blanks || t == blank || t == number ||
           t == bool_or_error || t == short_number || t == label || t == rich_label || t == 0x00FD;
}
}  // namespace type

constexpr std::uint64_t most_rows = 65'536;  // that a cell can name

std::string_view error_text(std::uint64_t code) {
    switch (code) {
        case 0x00:
            return "#NULL!";
        case 0x07:
            return "#DIV/0!";
        case 0x0F:
            return "#VALUE!";
        case 0x17:
            return "#REF!";
        case 0x1D:
            return "#NAME?";
        case 0x24:
            return "#NUM!";
        case 0x2A:
            return "#N/A";
        default:
            return "#ERROR!";
    }
}

double real_at(std::string_view body, std::size_t at) {
    return std::bit_cast<double>(number_at<8>(body, at));
}

// Thirty bits of an integer or of a real number, and perhaps a hundredth of that.
double short_number_at(std::string_view body, std::size_t at) {
    const auto bits = static_cast<std::uint32_t>(number_at<4>(body, at));
    const double value = (bits & 2) != 0 ? static_cast<double>(static_cast<std::int32_t>(bits) >> 2)
                                         : std::bit_cast<double>(std::uint64_t{bits & ~3U} << 32);
    return (bits & 1) != 0 ? value / 100 : value;
}

void set_bool_or_error(xls_cell& cell, std::uint64_t value, bool is_error) {
    cell.kind = is_error ? cell_kind::error : cell_kind::text;
    cell.text = is_error ? error_text(value) : value != 0 ? "TRUE" : "FALSE";
}

xls_cell cell_at(std::string_view body) {
    return {static_cast<std::uint32_t>(number_at<2>(body, 0)),
            static_cast<std::uint32_t>(number_at<2>(body, 2))};
}

// `count` characters of one or two bytes, as the flags in front of them say; nothing if they go on in another record.
std::optional<std::string> unicode_at(std::string_view body, std::size_t at, std::size_t count) {
    const bool wide = (number_at<1>(body, at) & 1) != 0;
    const std::string_view bytes = body.substr(at + 1);
    if (bytes.size() < count * (wide ? 2 : 1)) return std::nullopt;
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
        auto code =
            static_cast<unsigned>(wide ? number_at<2>(bytes, 2 * i) : number_at<1>(bytes, i));
        const bool pair = wide && code >= 0xD800 && code <= 0xDBFF && i + 1 < count;
        const auto low = pair ? static_cast<unsigned>(number_at<2>(bytes, 2 * i + 2)) : 0U;
        if (low >= 0xDC00 && low <= 0xDFFF) {
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            ++i;
        }
        append_utf8(text, code >= 0xD800 && code <= 0xDFFF ? 0xFFFDU : code);
    }
    return text;
}

}  // namespace

// ---- 1. the workbook ----

xls_records::xls_records(std::string stream, const workbook_limits& limits)
    : stream_(std::move(stream)) {
    read_globals(limits.sheets_and_parts);
    if (protected_) return;
    check_texts();
    check_costs(limits);
}

xls_records::record xls_records::next_record(std::uint64_t& at) const {
    const auto place = static_cast<std::size_t>(at);
    const auto size = static_cast<std::size_t>(number_at<2>(stream_, place + 2));
    at += 4 + size;
    return {number_at<2>(stream_, place), bytes_at(stream_, place + 4, size)};
}

void xls_records::read_globals(std::size_t max_sheets) {
    std::uint64_t at = 0;
    record each = next_record(at);
    const std::uint64_t version = number_at<2>(each.body, 0);
    if (each.type != type::begin || (version != 0x0500 && version != 0x0600)) {
        throw workbook_error("is not an .xls workbook of Excel 5 or later");
    }
    newest_ = version == 0x0600;
    while (!protected_ && (each = next_record(at)).type != type::end) {
        switch (each.type) {
            case type::password:
                protected_ = true;
                break;
            case type::date_mode:
                from_1904_ = number_at<2>(each.body, 0) == 1;
                break;
            case type::format:
                read_format(each.body);
                break;
            case type::cell_format:
                cell_formats_.push_back(number_at<2>(each.body, 2));
                break;
            case type::sheet:
                if (sheets_.size() == max_sheets) throw workbook_error("lists too many sheets");
                sheets_.push_back({number_at<4>(each.body, 0), number_at<1>(each.body, 4) == 0,
                                   number_at<1>(each.body, 5) == 0});
                break;
            default:
                break;
        }
    }
}

void xls_records::read_format(std::string_view body) {
    const auto length =
        static_cast<std::size_t>(newest_ ? number_at<2>(body, 2) : number_at<1>(body, 2));
    const std::optional<std::string> code =
        newest_ ? unicode_at(body, 4, length) : std::string(body.substr(3, length));
    if (code) formats_[number_at<2>(body, 0)] = look_of_format(*code);
}

number_look xls_records::look(std::uint64_t cell_format) const {
    if (cell_format >= cell_formats_.size()) return number_look::number;
    const std::uint64_t id = cell_formats_[static_cast<std::size_t>(cell_format)];
    const auto own = formats_.find(id);
    return own != formats_.end() ? own->second : look_of_builtin(static_cast<unsigned>(id));
}

// ---- 2. sheets ----

// How many cells stand in a record of them: formats alone, or formats and numbers, between its place and its last column.
std::uint64_t xls_records::cells_in(const record& each) {
    constexpr std::size_t around = 6;
    if (each.type != type::many_blanks && each.type != type::many_numbers) return 1;
    const std::size_t cell = each.type == type::many_blanks ? 2 : 6;
    return each.body.size() < around + cell ? 1 : (each.body.size() - around) / cell;
}

// Returns where it ends. A chart within it has a BOF and an EOF of its own.
template <class F>
std::uint64_t xls_records::each_record(const xls_sheet_entry& sheet, F use) const {
    std::uint64_t at = sheet.offset;
    std::size_t depth = 0;
    do {
        const record each = next_record(at);
        if (each.type == type::begin) {
            ++depth;
        } else if (depth == 0) {
            throw workbook_error("is damaged: a sheet does not begin where it should");
        } else if (each.type == type::end) {
            --depth;
        } else if (depth == 1) {
            use(each);
        }
    } while (depth > 0);
    return at;
}

// libfreexl makes room for all sheets at once, for every cell of their rectangles, and counts the days of a date.
void xls_records::check_costs(const workbook_limits& limits) const {
    std::vector<xls_sheet_entry> ordered = sheets_;
    std::sort(ordered.begin(), ordered.end(),
              [](const auto& a, const auto& b) { return a.offset < b.offset; });
    std::uint64_t end = 0;
    std::uint64_t cells = 0;
    for (const xls_sheet_entry& sheet : ordered) {
        if (!sheet.worksheet &&
            number_at<2>(stream_, static_cast<std::size_t>(sheet.offset)) != type::begin) {
            continue;
        }
        if (sheet.offset < end) throw workbook_error("is damaged: its sheets overlap");
        std::uint64_t rows = 0;
        std::uint64_t columns = 0;
        end = each_record(sheet, [&](const record& each) {
            if (each.type == type::dimension) {
                // Rows without columns are no cells, and yet each of them is gone through.
                if (newest_ && number_at<4>(each.body, 4) > most_rows) {
                    throw workbook_error("is damaged: it claims more rows than there can be");
                }
                cells += newest_ ? number_at<4>(each.body, 4) * number_at<2>(each.body, 10)
                                 : number_at<2>(each.body, 2) * number_at<2>(each.body, 6);
            } else if (type::is_cell(each.type) || type::is_formula(each.type)) {
                const std::uint64_t row = number_at<2>(each.body, 0) + 1;
                rows = std::max(rows, row);
                columns = std::max(columns, number_at<2>(each.body, 2) + cells_in(each));
                if (columns > limits.columns) {
                    throw workbook_error(fmt::format("has a cell beyond column {} in row {}",
                                                     column_name(limits.columns - 1), row));
                }
            }
            if (each.type == type::number) {
                check_date(number_at<2>(each.body, 4), real_at(each.body, 6));
            } else if (each.type == type::short_number) {
                check_date(number_at<2>(each.body, 4), short_number_at(each.body, 6));
            } else if (each.type == type::many_numbers) {
                for (std::size_t i = 4; i + 6 < each.body.size(); i += 6) {
                    check_date(number_at<2>(each.body, i), short_number_at(each.body, i + 2));
                }
            }
            if (cells > limits.xls_cells) {
                throw workbook_too_large(
                    fmt::format("claims to have more than {} cells", limits.xls_cells));
            }
        });
        cells += rows * columns;  // what it makes room for if the size is not said
        if (rows > limits.rows) {
            throw workbook_too_large(fmt::format("has a row beyond number {}", limits.rows));
        }
    }
    if (cells > limits.xls_cells) {
        throw workbook_too_large(
            fmt::format("claims to have more than {} cells", limits.xls_cells));
    }
}

// libfreexl copies as many characters as a record says that it has, whether they are there or not; it goes along all
// records of the stream, and takes each substream for what its own beginning says.
void xls_records::check_texts() const {
    for (std::uint64_t at = 0; stream_.size() - at >= 4;) {
        const std::uint64_t size = number_at<2>(stream_, static_cast<std::size_t>(at) + 2);
        if (size > stream_.size() - at - 4) return;  // it ends here
        check_text(next_record(at));
    }
}

void xls_records::check_text(const record& each) const {
    std::size_t length_at = 0;
    std::size_t length_size = 2;
    switch (each.type) {
        case type::begin:
            if ((number_at<2>(each.body, 0) == 0x0600) != newest_) {
                throw workbook_error("is damaged: its sheets are of several versions of Excel");
            }
            return;
        case type::label:
        case type::rich_label:
            length_at = 6;
            break;
        case type::format:
            length_at = 2;
            length_size = newest_ ? 2 : 1;
            break;
        case type::sheet:
            length_at = 6;
            length_size = 1;
            break;
        default:
            return;
    }
    std::uint64_t size =
        length_size == 2 ? number_at<2>(each.body, length_at) : number_at<1>(each.body, length_at);
    std::uint64_t before = length_at + length_size;
    if (newest_) {
        const std::uint64_t flags = number_at<1>(each.body, length_at + length_size);
        if ((flags & 1) != 0) size *= 2;
        // Runs of letters and Asian pronunciation have their sizes before the text.
        before += 1 + ((flags & 8) != 0 ? 2U : 0U) + ((flags & 4) != 0 ? 4U : 0U);
    }
    if (before + size > each.body.size()) {
        throw workbook_error("is damaged: a text is longer than its record");
    }
}

void xls_records::check_date(std::uint64_t format, double value) const {
    constexpr double last = 2'958'466;  // the day after 9999-12-31
    if (std::fabs(value) < last || look(format) == number_look::number) return;
    throw workbook_error("has a date that is none");
}

std::vector<xls_cell> xls_records::cells(const xls_sheet_entry& sheet) const {
    std::vector<xls_cell> found;
    std::unordered_map<std::uint32_t, std::uint32_t> blank_ends;  // of each row, the last blank
    bool awaits_string = false;
    each_record(sheet, [&](const record& each) {
        if (type::is_formula(each.type)) {
            found.push_back(formula(each.body));
            awaits_string = found.back().kind == cell_kind::no_value;
            return;
        }
        switch (each.type) {
            case type::string:
                if (std::exchange(awaits_string, false)) set_string(found.back(), each.body);
                break;
            case type::bool_or_error:
                found.push_back(cell_at(each.body));
                set_bool_or_error(found.back(), number_at<1>(each.body, 6),
                                  number_at<1>(each.body, 7) != 0);
                break;
            case type::blank:
            case type::many_blanks: {
                xls_cell last = cell_at(each.body);
                last.column += static_cast<std::uint32_t>(cells_in(each)) - 1;
                std::uint32_t& widest = blank_ends[last.row];
                widest = std::max(widest, last.column);
                break;
            }
            default:
                break;
        }
    });
    for (const auto& [row, column] : blank_ends) found.push_back({row, column});
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
        const auto order = [](const xls_cell& cell) {
            return std::tuple(cell.row, cell.column, cell.kind == cell_kind::empty);
        };
        return order(a) < order(b);
    });
    return found;
}

// ---- 3. what a formula was when the workbook was saved ----

xls_cell xls_records::formula(std::string_view body) const {
    xls_cell cell = cell_at(body);
    if (number_at<2>(body, 12) != 0xFFFF) {  // a number, which never begins so
        const std::string digits = fmt::format("{}", real_at(body, 6));
        const number_look how = look(number_at<2>(body, 4));
        const auto text =
            how == number_look::number ? number_text(digits) : date_text(digits, how, from_1904_);
        cell.kind = text ? cell_kind::text : cell_kind::malformed;
        cell.text = text.value_or(digits);
        return cell;
    }
    switch (number_at<1>(body, 6)) {
        case 0:
            cell.kind = cell_kind::no_value;  // until its string comes, in a record of its own
            break;
        case 1:
        case 2:
            set_bool_or_error(cell, number_at<1>(body, 8), number_at<1>(body, 6) == 2);
            break;
        default:  // the empty text
            break;
    }
    return cell;
}

void xls_records::set_string(xls_cell& cell, std::string_view body) const {
    const auto length = static_cast<std::size_t>(number_at<2>(body, 0));
    std::optional<std::string> text;
    if (newest_) {
        text = unicode_at(body, 2, length);
    } else {
        // In the code page of the time; what is not ASCII is not guessed.
        const std::string_view bytes = body.substr(2, length);
        const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
        if (bytes.size() == length && std::all_of(bytes.begin(), bytes.end(), is_ascii))
            text = bytes;
    }
    if (!text) return;
    cell.kind = text->empty() ? cell_kind::empty : cell_kind::text;
    cell.text = std::move(*text);
}

}  // namespace excel_to_db
