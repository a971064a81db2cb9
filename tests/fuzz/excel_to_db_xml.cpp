// tests/fuzz/excel_to_db_xml.cpp — a fuzzer's bytes as the XML parts of an .xlsx, each ended by a zero byte.
// SPDX-License-Identifier: BSL-1.0
#include <zlib.h>

#include <algorithm>
#include <array>

#include "excel_to_db_support.hpp"
#include "fuzz/excel_to_db_workbook.hpp"
#include "fuzz/seeds.hpp"

namespace test {

namespace {

// What comes first is bent most.
constexpr std::array names = {
    "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml",       "xl/styles.xml",
    "xl/workbook.xml",          "xl/_rels/workbook.xml.rels", "_rels/.rels"};

std::string little(std::size_t value, std::size_t size) {
    std::string bytes;
    for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(value >> (8 * i));
    return bytes;
}

// Stored, not deflated: the bytes are the fuzzer's own, and the checksums are right.
std::string zip_of(const zip_parts& parts) {
    std::string file;
    std::string directory;
    for (const auto& [name, content] : parts) {
        const auto checksum =
            ::crc32_z(0, reinterpret_cast<const Bytef*>(content.data()), content.size());
        const std::string common = std::string(8, '\0') + little(checksum, 4) +
                                   little(content.size(), 4) + little(content.size(), 4) +
                                   little(name.size(), 2) + little(0, 2);
        directory += "PK\x01\x02" + little(20, 2) + little(20, 2) + common + std::string(10, '\0') +
                     little(file.size(), 4) + name;
        file += "PK\x03\x04" + little(20, 2) + common + name + content;
    }
    return file + directory + "PK\x05\x06" + little(0, 4) + little(parts.size(), 2) +
           little(parts.size(), 2) + little(directory.size(), 4) + little(file.size(), 4) +
           little(0, 2);
}

std::string joined(const zip_parts& parts) {
    std::string bytes;
    for (const char* name : names) {
        const auto found = std::find_if(parts.begin(), parts.end(),
                                        [&](const auto& part) { return part.first == name; });
        if (found != parts.end()) bytes += found->second;
        bytes += '\0';
    }
    return bytes;
}

}  // namespace

std::vector<std::string> fuzz_seeds() {
    const std::string styles =
        "<numFmts><numFmt numFmtId=\"164\" formatCode=\"dd/mm/yyyy\\ hh:mm;[h]\"/></numFmts>"
        "<cellXfs><xf/><xf numFmtId=\"14\"/><xf numFmtId=\"164\"/></cellXfs>";
    return {
        joined(one_sheet(text_row(1, {"a", "_x000D_b"}) +
                             "<row r=\"7\"><c r=\"C7\" t=\"s\"><v>1</v></c><c t=\"b\"><v>1</v></c>"
                             "<c s=\"2\"><v>45000.5</v></c><c t=\"e\"><v>#N/A</v></c>"
                             "<c t=\"d\"><v>2023-03-15T12:00:00Z</v></c><c><f>A1</f></c></row>",
                         "<si><t>x</t></si><si><r><t>y</t></r><rPh><t>z</t></rPh></si>", styles)),
        joined(one_sheet(header_row() + business_row(2, "n") + "<row><c t=\"str\"/></row>"))};
}

}  // namespace test

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    test::zip_parts parts = test::one_sheet("<row/>", "<si><t>x</t></si>", "<cellXfs/>");
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    for (const char* name : test::names) {
        const auto end = std::min(rest.find('\0'), rest.size());
        if (end > 0) test::set_part(parts, name, std::string(rest.substr(0, end)));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    test::read_as_workbook(test::zip_of(parts));
    return 0;
}
