// examples/excel_to_db/workbook/zip_directory.cpp — the record at a zip's end, and a walk along its directory.
// SPDX-License-Identifier: BSL-1.0
//
//   entries ─ directory: a record for each ─ (zip64: end record, its place) ─ end record ─ comment
#include "workbook/zip_directory.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <optional>
#include <runnel/blocking.hpp>
#include <string>
#include <string_view>

#include "workbook/error.hpp"
#include "workbook/little_endian.hpp"

namespace excel_to_db {

namespace {

using namespace std::string_view_literals;

constexpr std::string_view end_mark = "PK\x05\x06"sv;
constexpr std::string_view end64_mark = "PK\x06\x06"sv;
constexpr std::string_view end64_place_mark = "PK\x06\x07"sv;
constexpr std::string_view record_mark = "PK\x01\x02"sv;
constexpr std::size_t end_size = 22;
constexpr std::size_t end64_size = 56;
constexpr std::size_t end64_place_size = 20;
constexpr std::size_t record_size = 46;
// Where libzip looks for an end record: it may have a comment behind it.
constexpr std::size_t searched = 65'536 + end_size + end64_place_size;

struct directory {
    std::uint64_t entries = 0;  // as it claims
    std::uint64_t size = 0;
    std::uint64_t offset = 0;
};

// As much of it as there is.
std::string read_at(std::ifstream& in, std::uint64_t offset, std::uint64_t size) {
    std::string bytes(static_cast<std::size_t>(size), '\0');
    in.clear();
    in.seekg(static_cast<std::streamoff>(offset));
    in.read(bytes.data(), static_cast<std::streamsize>(size));
    bytes.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
    return bytes;
}

// What the end record at `at` of the file's `end` tells; nothing if libzip, too, would pass over it.
std::optional<directory> directory_of(std::ifstream& in, std::string_view end, std::size_t at,
                                      std::uint64_t end_begins) {
    if (end.size() - at < end_size) return std::nullopt;
    directory found;
    if (at >= end64_place_size && end.substr(at - end64_place_size).starts_with(end64_place_mark)) {
        const std::uint64_t place = number_at<8>(end, at - end64_place_size + 8);
        if (place > end_begins + at) return std::nullopt;
        const std::string end64 = read_at(in, place, end64_size);
        if (end64.size() < end64_size || !end64.starts_with(end64_mark)) return std::nullopt;
        found = {number_at<8>(end64, 32), number_at<8>(end64, 40), number_at<8>(end64, 48)};
    } else {
        found = {number_at<2>(end, at + 10), number_at<4>(end, at + 12),
                 number_at<4>(end, at + 16)};
        // Of several disks, or of fewer entries than there are: no archive.
        if (number_at<4>(end, at + 4) != 0 || number_at<2>(end, at + 8) != found.entries) {
            return std::nullopt;
        }
    }
    const std::uint64_t limit = end_begins + at;
    if (found.size > limit || found.offset > limit - found.size) return std::nullopt;
    if (found.size > 0 && read_at(in, found.offset, record_mark.size()) != record_mark) {
        return std::nullopt;
    }
    return found;
}

[[noreturn]] void throw_too_many(const workbook_limits& limits) {
    throw workbook_too_large("holds more than " + std::to_string(limits.zip_entries) +
                             " zip entries");
}

void check(std::ifstream& in, const directory& found, const workbook_limits& limits) {
    if (found.entries > limits.zip_entries) throw_too_many(limits);
    if (found.size > limits.zip_directory_bytes) {
        throw workbook_too_large("has a zip directory of more than " +
                                 std::to_string(limits.zip_directory_bytes >> 10) + " KiB");
    }
    // Without zip64, libzip takes the claimed number for the rest of a division, and reads on.
    const std::string bytes = read_at(in, found.offset, found.size);
    const std::string_view records = bytes;
    std::size_t entries = 0;
    std::size_t at = 0;
    while (records.size() - at >= record_size && records.substr(at).starts_with(record_mark)) {
        if (++entries > limits.zip_entries) throw_too_many(limits);
        const std::string_view record = records.substr(at, record_size);
        // A name, extra fields and a comment follow it.
        const std::uint64_t more =
            number_at<2>(record, 28) + number_at<2>(record, 30) + number_at<2>(record, 32);
        at = std::min(at + record_size + static_cast<std::size_t>(more), records.size());
    }
}

}  // namespace

void check_zip_directory(const std::filesystem::path& file, const workbook_limits& limits) {
    runnel::blocking([&] {
        std::ifstream in(file, std::ios::binary | std::ios::ate);
        const std::streamoff length = in ? static_cast<std::streamoff>(in.tellg()) : -1;
        if (length < 0) throw workbook_error("cannot be read");
        const auto size = static_cast<std::uint64_t>(length);
        const std::uint64_t begin = size - std::min<std::uint64_t>(size, searched);
        const std::string end = read_at(in, begin, size - begin);
        bool seen = false;
        for (std::size_t at = end.find(end_mark); at != std::string::npos;
             at = end.find(end_mark, at + 1)) {
            const auto found = directory_of(in, end, at, begin);
            if (!found) continue;
            // libzip would read each of them, and choose.
            if (seen) throw workbook_error("is damaged: it has two zip directories");
            seen = true;
            check(in, *found, limits);
        }
    });
}

}  // namespace excel_to_db
