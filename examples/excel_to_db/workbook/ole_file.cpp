// examples/excel_to_db/workbook/ole_file.cpp — following chains of sectors.
// SPDX-License-Identifier: BSL-1.0
//
//   header ─▶ allocation table (for each sector, the next) ─▶ directory ─▶ streams
//                                                               └─▶ a stream of small sectors, with a table of its own
#include "workbook/ole_file.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "workbook/little_endian.hpp"

namespace excel_to_db {

namespace {

using namespace std::string_view_literals;

constexpr std::uint64_t last_sector = 0xFFFFFFFA;  // what is greater has another meaning
constexpr std::size_t small_sector_size = 64;
constexpr std::size_t entry_size = 128;

}  // namespace

// ---- 1. opening ----

ole_file::ole_file(std::string bytes) : bytes_(std::move(bytes)) {
    if (!bytes_.starts_with("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"sv)) throw_damaged_xls();
    const std::uint64_t shift = number_at<2>(bytes_, 30);
    if (shift != 9 && shift != 12) throw_damaged_xls();
    sector_size_ = std::size_t{1} << shift;
    read_allocation();
    read_directory();
}

void ole_file::read_allocation() {
    constexpr std::size_t listed_in_header = 109;
    const std::size_t sectors = bytes_.size() / sector_size_;
    const std::size_t per_sector = sector_size_ / 4;
    std::vector<std::uint64_t> table;
    for (std::size_t i = 0; i < listed_in_header; ++i) {
        table.push_back(number_at<4>(bytes_, 76 + 4 * i));
    }
    std::uint64_t more = number_at<4>(bytes_, 68);
    for (std::size_t i = 0; more <= last_sector; ++i) {
        if (i > sectors) throw_damaged_xls();
        const std::string_view list = sector(more);
        for (std::size_t k = 0; k + 1 < per_sector; ++k) table.push_back(number_at<4>(list, 4 * k));
        more = number_at<4>(list, sector_size_ - 4);
    }
    for (const std::uint64_t each : table) {
        if (each > last_sector) continue;
        if (next_.size() >= sectors + per_sector)
            break;  // of more sectors there is no need to know
        const std::string_view part = sector(each);
        for (std::size_t k = 0; k < per_sector; ++k) {
            next_.push_back(static_cast<std::uint32_t>(number_at<4>(part, 4 * k)));
        }
    }
}

void ole_file::read_directory() {
    constexpr std::uint64_t is_stream = 2;
    constexpr std::uint64_t is_root = 5;
    const std::string directory = chain_to_end(number_at<4>(bytes_, 48));
    for (std::size_t at = 0; at + entry_size <= directory.size(); at += entry_size) {
        const std::string_view raw = std::string_view(directory).substr(at, entry_size);
        entry each;
        // UTF-16 with a zero at the end; the names that matter are ASCII.
        const std::size_t name_size = std::min<std::size_t>(number_at<2>(raw, 64), 64);
        for (std::size_t i = 0; i + 2 < name_size; i += 2) each.name += raw[i];
        each.start = number_at<4>(raw, 116);
        each.size = number_at<4>(raw, 120);
        const std::uint64_t type = number_at<1>(raw, 66);
        if (type == is_stream) streams_.push_back(std::move(each));
        if (type == is_root) small_streams_ = std::move(each);
    }
}

const ole_file::entry* ole_file::find(std::string_view stream) const {
    const auto found = std::find_if(streams_.begin(), streams_.end(),
                                    [&](const entry& each) { return each.name == stream; });
    return found == streams_.end() ? nullptr : &*found;
}

// ---- 2. reading ----

std::string_view ole_file::sector(std::uint64_t number) const {
    return bytes_at(bytes_, static_cast<std::size_t>((number + 1) * sector_size_), sector_size_);
}

std::string ole_file::chain(std::uint64_t start, std::uint64_t size) const {
    if (size > bytes_.size()) throw_damaged_xls();
    std::string result;
    for (std::uint64_t at = start; result.size() < size; at = next_[at]) {
        if (at >= next_.size()) throw_damaged_xls();
        result += sector(at);
    }
    result.resize(size);
    return result;
}

std::string ole_file::chain_to_end(std::uint64_t start) const {
    std::string result;
    for (std::uint64_t at = start; at <= last_sector; at = next_[at]) {
        if (at >= next_.size() || result.size() > bytes_.size()) throw_damaged_xls();
        result += sector(at);
    }
    return result;
}

std::string ole_file::read(std::string_view stream) const {
    const entry* const found = find(stream);
    if (found == nullptr) throw_damaged_xls();
    const std::uint64_t smallest = number_at<4>(bytes_, 56);
    if (found->size >= smallest) return chain(found->start, found->size);

    const std::string container = chain(small_streams_.start, small_streams_.size);
    if (found->size > container.size()) throw_damaged_xls();
    const std::string table = chain_to_end(number_at<4>(bytes_, 60));
    std::string result;
    for (std::uint64_t at = found->start; result.size() < found->size;
         at = number_at<4>(table, static_cast<std::size_t>(at * 4))) {
        const auto place = static_cast<std::size_t>(at * small_sector_size);
        if (at > last_sector || place >= container.size()) throw_damaged_xls();
        result += container.substr(place, small_sector_size);
    }
    result.resize(found->size);
    return result;
}

}  // namespace excel_to_db
