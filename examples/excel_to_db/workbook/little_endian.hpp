// examples/excel_to_db/workbook/little_endian.hpp — numbers in the binary files of old.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "workbook/error.hpp"

namespace excel_to_db {

[[noreturn]] inline void throw_damaged_xls() {
    throw workbook_error("is an old binary .xls workbook, damaged or truncated");
}

/// `size` bytes of the text from `at` on. Throws `workbook_error` if they are not all there.
inline std::string_view bytes_at(std::string_view text, std::size_t at, std::size_t size) {
    if (at > text.size() || text.size() - at < size) throw_damaged_xls();
    return text.substr(at, size);
}

/// The number of `Size` bytes that stands there, the least significant one first.
template <std::size_t Size>
std::uint64_t number_at(std::string_view text, std::size_t at) {
    const std::string_view bytes = bytes_at(text, at, Size);
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < Size; ++i) {
        value |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
    }
    return value;
}

}  // namespace excel_to_db
