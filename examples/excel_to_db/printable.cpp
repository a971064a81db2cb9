// examples/excel_to_db/printable.cpp — the control characters of ASCII and of Unicode.
// SPDX-License-Identifier: BSL-1.0
#include "printable.hpp"

#include <fmt/format.h>

#include <cstddef>

namespace excel_to_db {

std::string printable(std::string_view text) {
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
        if (byte == '\n') {
            result += "\\n";
        } else if (byte < 0x20 || byte == 0x7F) {
            result += fmt::format("\\x{:02X}", byte);
        } else if (byte == 0xC2 && next >= 0x80 && next < 0xA0) {  // U+0080 to U+009F
            result += fmt::format("\\x{:02X}", next);
            ++i;
        } else {
            result += text[i];
        }
    }
    return result;
}

}  // namespace excel_to_db
