// examples/excel_to_db/sample.cpp — made-up businesses, written with libxlsxwriter.
// SPDX-License-Identifier: BSL-1.0
#include "sample.hpp"

#include <fmt/format.h>
#include <xlsxwriter.h>

#include <array>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <random>
#include <string>
#include <string_view>
#include <system_error>

#include "import/business.hpp"

namespace excel_to_db {

namespace {

constexpr std::uint32_t max_rows = 1'048'575;  // Excel's limit, less the header

using cells = std::array<std::string, business_columns.size()>;

constexpr std::array<std::string_view, 16> adjectives = {
    "Blue",  "Golden", "Quiet", "Bright", "Royal", "Green",  "Silver", "Happy",
    "Urban", "Sunny",  "Prime", "Grand",  "Swift", "Honest", "Old",    "New"};
constexpr std::array<std::string_view, 16> nouns = {
    "River",  "Mountain", "Harbour", "Garden", "Falcon", "Lion",    "Market", "Bridge",
    "Valley", "Lantern",  "Anchor",  "Forest", "Crown",  "Compass", "Summit", "Meadow"};
struct trade {
    std::string_view category, name, offer;
};
constexpr std::array<trade, 8> trades = {{
    {"Restaurant", "Kitchen", "Fresh meals and catering"},
    {"Retail", "Stores", "Household goods and groceries"},
    {"Health", "Clinic", "Check-ups and a pharmacy"},
    {"Education", "Academy", "Evening courses for adults"},
    {"Transport", "Logistics", "Freight and courier services"},
    {"Technology", "Systems", "Software, networks and repairs"},
    {"Construction", "Builders", "Houses, offices and renovation"},
    {"Hospitality", "Hotel", "Rooms, conferences and a garden café"},
}};
struct place {
    std::string_view city, country, prefix, domain;
};
constexpr std::array<place, 10> places = {{
    {"Kampala", "Uganda", "+256", "ug"},
    {"Nairobi", "Kenya", "+254", "ke"},
    {"Lagos", "Nigeria", "+234", "ng"},
    {"Accra", "Ghana", "+233", "gh"},
    {"London", "United Kingdom", "+44", "uk"},
    {"Zürich", "Switzerland", "+41", "ch"},
    {"São Paulo", "Brazil", "+55", "br"},
    {"Toronto", "Canada", "+1", "ca"},
    {"Singapore", "Singapore", "+65", "sg"},
    {"Sydney", "Australia", "+61", "au"},
}};

std::string lowered(std::string_view text) {
    std::string result;
    for (const char c : text) result += (c >= 'A' && c <= 'Z') ? static_cast<char>(c + 32) : c;
    return result;
}

// The generator's numbers are fixed by the standard; its distributions are not, hence the modulo.
cells make_business(std::uint32_t number, std::mt19937& random) {
    const auto pick = [&](const auto& list) -> const auto& { return list[random() % list.size()]; };
    const std::string_view adjective = pick(adjectives);
    const std::string_view noun = pick(nouns);
    const trade& kind = pick(trades);
    const place& where = pick(places);
    const std::string domain =
        fmt::format("{}{}{}.example.{}", lowered(adjective), lowered(noun), number, where.domain);
    return {fmt::format("{} {} {} {}", adjective, noun, kind.name, number),
            std::string(kind.category),
            fmt::format("{}{:09}", where.prefix, random() % 1'000'000'000),
            fmt::format("info@{}", domain),
            fmt::format("{} {} Street", 1 + random() % 999, pick(nouns)),
            std::string(where.city),
            std::string(where.country),
            fmt::format("https://www.{}", domain),
            fmt::format("{} in {}. Branch {} of the {} group, serving customers since {}.",
                        kind.offer, where.city, 1 + random() % 50, noun, 1950 + random() % 75)};
}

[[noreturn]] void throw_unwritable(int error) {
    throw sample_error(
        fmt::format("cannot be written: {}", std::generic_category().message(error)));
}

void close_probe(std::FILE* probe) {
    if (probe == nullptr) throw_unwritable(errno);
    std::fclose(probe);
}

// Renaming asks the folder, not the file it replaces, be that write-protected or a device. And
// libxlsxwriter tells stderr itself when it cannot create the file; asking first keeps it silent.
void require_writable(const std::filesystem::path& file) {
    std::error_code error;
    if (std::filesystem::is_directory(file, error)) throw_unwritable(EISDIR);
    if (std::filesystem::exists(file, error)) {
        if (!std::filesystem::is_regular_file(file, error)) {
            throw sample_error("is not a regular file");
        }
        close_probe(std::fopen(file.c_str(), "r+b"));
    }
    close_probe(std::fopen(partial_sample(file).c_str(), "wb"));
}

void remove_partial(const std::filesystem::path& file) {
    std::error_code ignored;
    std::filesystem::remove(partial_sample(file), ignored);
}

// A link is followed: the workbook takes the place of what it leads to.
std::filesystem::path without_links(const std::filesystem::path& file) {
    std::error_code error;
    std::filesystem::path target = std::filesystem::canonical(file, error);
    return error ? file : target;
}

}  // namespace

std::vector<std::uint32_t> bad_sheet_rows(const sample_options& options) {
    std::vector<std::uint32_t> rows;
    rows.reserve(options.bad);
    for (std::uint64_t i = 0; i < options.bad; ++i) {
        // The middle of the i-th of `bad` equal stretches; row 1 is the header.
        rows.push_back(static_cast<std::uint32_t>(2 + (2 * i + 1) * options.rows /
                                                          (2 * std::uint64_t{options.bad})));
    }
    return rows;
}

std::filesystem::path partial_sample(const std::filesystem::path& file) {
    std::filesystem::path partial = without_links(file);
    partial += ".part";
    return partial;
}

void write_sample(const std::filesystem::path& file, const sample_options& options) {
    if (options.rows > max_rows) {
        throw sample_error(fmt::format("a sheet holds at most {} rows", max_rows));
    }
    if (options.bad > options.rows) throw sample_error("there cannot be more bad rows than rows");
    require_writable(file);

    lxw_workbook_options settings{};
    settings.constant_memory = options.constant_memory ? LXW_TRUE : LXW_FALSE;
    lxw_workbook* book = workbook_new_opt(partial_sample(file).c_str(), &settings);
    if (book == nullptr) {
        remove_partial(file);
        throw sample_error("cannot be written: out of memory");
    }
    lxw_worksheet* sheet = workbook_add_worksheet(book, "Sheet1");

    const auto write = [&](std::uint32_t row, std::size_t column, const std::string& text) {
        worksheet_write_string(sheet, row, static_cast<lxw_col_t>(column), text.c_str(), nullptr);
    };
    for (std::size_t c = 0; c < business_columns.size(); ++c) {
        std::string title(business_columns[c]);
        title[0] = static_cast<char>(std::toupper(title[0]));
        write(0, c, title);
    }

    std::mt19937 random(20'231'115);
    const std::vector<std::uint32_t> bad = bad_sheet_rows(options);
    auto next_bad = bad.begin();
    for (std::uint32_t row = 1; row <= options.rows; ++row) {
        const cells texts = make_business(row, random);
        std::size_t width = texts.size();
        if (next_bad != bad.end() && *next_bad == row + 1) {
            width = 3 + static_cast<std::size_t>(next_bad - bad.begin()) % 6;  // 3 to 8 cells
            ++next_bad;
        }
        for (std::size_t c = 0; c < width; ++c) write(row, c, texts[c]);
    }

    if (const lxw_error error = workbook_close(book); error != LXW_NO_ERROR) {
        remove_partial(file);
        throw sample_error(fmt::format("cannot be written: {}", lxw_strerror(error)));
    }
    std::error_code error;
    std::filesystem::rename(partial_sample(file), without_links(file), error);
    if (error) {
        remove_partial(file);
        throw_unwritable(error.value());
    }
}

}  // namespace excel_to_db
