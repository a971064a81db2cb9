// tests/excel_to_db_workbook_test.cpp — reading sheets: all kinds of cells, hostile files.
// SPDX-License-Identifier: BSL-1.0
#include <fcntl.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "excel_to_db_support.hpp"
#include "sample.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"
#include "workbook/cell_text.hpp"
#include "workbook/limits.hpp"
#include "workbook/open_workbook.hpp"
#include "workbook/styles.hpp"
#include "workbook/text_pool.hpp"
#include "workbook/zip_archive.hpp"

using namespace excel_to_db;
using test::one_sheet;
using test::read_sheet;
using test::text_row;
using test::texts;
using test::zip_parts;

namespace {

std::vector<sheet_row> read_parts(const zip_parts& parts, std::string_view sheet = {},
                                  const workbook_limits& limits = {}) {
    const test::temporary_folder folder;
    test::write_zip(folder / "book.xlsx", parts);
    return read_sheet(folder / "book.xlsx", sheet, limits);
}

std::string read_row(std::string_view cells, std::string_view strings = {},
                     std::string_view styles = {}) {
    return texts(
        read_parts(one_sheet("<row>" + std::string(cells) + "</row>", strings, styles)).at(0));
}

std::string fault_of(const zip_parts& parts, std::string_view sheet = {},
                     const workbook_limits& limits = {}) {
    return test::message_of([&] { read_parts(parts, sheet, limits); });
}

std::string two_sheets(std::string_view attributes_of_first) {
    return "<workbook xmlns:r=\"r\"><sheets><sheet name=\"First\" sheetId=\"1\" r:id=\"rId1\" " +
           std::string(attributes_of_first) +
           "/><sheet name=\"Second\" sheetId=\"2\" r:id=\"rId4\"/></sheets></workbook>";
}

zip_parts with_two_sheets(std::string_view attributes_of_first) {
    zip_parts parts = one_sheet(text_row(1, {"first"}));
    test::set_part(parts, "xl/workbook.xml", two_sheets(attributes_of_first));
    test::set_part(parts, "xl/_rels/workbook.xml.rels",
                   "<Relationships><Relationship Id=\"rId1\" Type=\"x/worksheet\" "
                   "Target=\"worksheets/sheet1.xml\"/><Relationship Id=\"rId4\" "
                   "Type=\"x/worksheet\" Target=\"/xl/other/../other/s.xml\"/></Relationships>");
    test::set_part(parts, "xl/other/s.xml",
                   "<worksheet><sheetData>" + text_row(1, {"second"}) + "</sheetData></worksheet>");
    return parts;
}

constexpr std::string_view date_styles =
    "<numFmts><numFmt numFmtId=\"164\" formatCode=\"dd/mm/yyyy\\ hh:mm\"/>"
    "<numFmt numFmtId=\"165\" formatCode=\"[h]:mm:ss\"/>"
    "<numFmt numFmtId=\"166\" formatCode=\"0.00&quot; days&quot;\"/></numFmts>"
    "<cellStyleXfs><xf numFmtId=\"14\"/></cellStyleXfs>"
    "<cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/><xf numFmtId=\"164\"/>"
    "<xf numFmtId=\"165\"/><xf numFmtId=\"166\"/><xf numFmtId=\"20\"/></cellXfs>";

}  // namespace

// ---- 1. cells ----

TEST_CASE("texts come from the shared table, from the cell, and from a formula's result") {
    CHECK(read_row("<c t=\"s\"><v>1</v></c><c t=\"inlineStr\"><is><t>in</t></is></c>"
                   "<c t=\"str\"><f>A1</f><v>f</v></c>",
                   "<si><t>zero</t></si><si><t>one</t></si>") == "one|in|f");
}

TEST_CASE("rich text runs are joined and pronunciations left out") {
    const std::string rich =
        "<r><t>Ka</t></r><r><rPr><b/></rPr><t xml:space=\"preserve\">m </t></r>"
        "<rPh sb=\"0\" eb=\"1\"><t>no</t></rPh>";
    CHECK(read_row("<c t=\"s\"><v>0</v></c><c t=\"inlineStr\"><is>" + rich + "</is></c>",
                   "<si>" + rich + "</si>") == "Kam |Kam ");
}

TEST_CASE("escaped characters are decoded once") {
    CHECK(read_row("<c t=\"s\"><v>0</v></c><c t=\"inlineStr\"><is><t>_x005F_x000D_</t></is></c>"
                   "<c t=\"str\"><v>_xD83D__xDE00_ _xD83D_ _xZZZZ_ _x41</v></c>",
                   "<si><t>a_x000D_b</t></si>") ==
          "a\rb|_x000D_|\xF0\x9F\x98\x80 _xD83D_ _xZZZZ_ _x41");
}

TEST_CASE("numbers keep their shortest digits") {
    CHECK(number_text("256700123456") == "256700123456");
    CHECK(number_text("2.567001234560E+11") == "256700123456");
    CHECK(number_text("0.1") == "0.1");
    CHECK(number_text("0.10000000000000001") == "0.1");
    CHECK(number_text("-0") == "0");
    CHECK(number_text("007") == "7");
    CHECK(number_text("1E20") == "100000000000000000000");
    CHECK(number_text("1e300") == "1e+300");
    CHECK(number_text(" 12 ") == "12");
    CHECK_FALSE(number_text("nan"));
    CHECK_FALSE(number_text("1e999"));
    CHECK_FALSE(number_text("12a"));
    CHECK_FALSE(number_text(""));
    CHECK(read_row("<c><v>2.56700123456E+11</v></c><c t=\"n\"><v>1.5</v></c>") ==
          "256700123456|1.5");
}

TEST_CASE("booleans are words") {
    CHECK(read_row("<c t=\"b\"><v>1</v></c><c t=\"b\"><v>0</v></c>") == "TRUE|FALSE");
}

TEST_CASE("a number is a date where its style says so") {
    CHECK(read_row("<c s=\"1\"><v>45000</v></c><c s=\"2\"><v>45000.5</v></c>"
                   "<c s=\"3\"><v>1.5</v></c><c s=\"4\"><v>45000</v></c><c s=\"0\"><v>45000</v></c>"
                   "<c s=\"5\"><v>0.25</v></c><c t=\"d\" s=\"1\"><v>2023-03-15T00:00:00</v></c>"
                   "<c t=\"d\"><v>2023-03-15T12:00:00.000Z</v></c>",
                   {}, date_styles) ==
          "2023-03-15|2023-03-15 12:00:00|36:00:00|45000|45000|06:00:00|2023-03-15|"
          "2023-03-15 12:00:00");
}

TEST_CASE("serial dates follow Excel's two calendars") {
    CHECK(date_text("1", number_look::date, false) == "1900-01-01");
    CHECK(date_text("59", number_look::date, false) == "1900-02-28");
    CHECK(date_text("60", number_look::date, false) == "1900-02-29");
    CHECK(date_text("61", number_look::date, false) == "1900-03-01");
    CHECK(date_text("0", number_look::date, true) == "1904-01-01");
    CHECK(date_text("43538.5", number_look::date, true) == "2023-03-15 12:00:00");
    CHECK(date_text("45000.999999", number_look::date, false) == "2023-03-16");
    CHECK(date_text("-1", number_look::date, false) == "-1");
    CHECK(date_text("2958465", number_look::date, false) == "9999-12-31");
    CHECK(date_text("2958466", number_look::date, false) == "2958466");

    zip_parts parts = one_sheet("<row><c s=\"1\"><v>43538</v></c></row>", {}, date_styles);
    test::set_part(parts, "xl/workbook.xml",
                   "<workbook xmlns:r=\"r\"><workbookPr date1904=\"1\"/><sheets>"
                   "<sheet name=\"Data\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>");
    CHECK(texts(read_parts(parts).at(0)) == "2023-03-15");
}

TEST_CASE("format codes tell dates from numbers") {
    CHECK(look_of_format("General") == number_look::number);
    CHECK(look_of_format("#,##0.00 \"days\"") == number_look::number);
    CHECK(look_of_format("[Red]0.00;\\d0") == number_look::number);
    CHECK(look_of_format("0.00E+00") == number_look::number);
    CHECK(look_of_format("_-* #,##0.00\\ _m") == number_look::number);
    CHECK(look_of_format("[$-409]mmm-yy") == number_look::date);
    CHECK(look_of_format("mmmm") == number_look::date);
    CHECK(look_of_format("yyyy\"年\"m\"月\"") == number_look::date);
    CHECK(look_of_format("h:mm AM/PM") == number_look::time);
    CHECK(look_of_format("AM/PM h:mm") == number_look::time);
    CHECK(look_of_format("mm:ss") == number_look::time);
    CHECK(look_of_format("[mm]:ss") == number_look::elapsed);
}

TEST_CASE("what is no value is named as such") {
    const sheet_row row =
        read_parts(one_sheet("<row><c t=\"e\"><v>#DIV/0!</v></c><c><f>1+1</f></c>"
                             "<c><v>abc</v></c><c s=\"0\"/><c t=\"s\"/>"
                             "<c t=\"str\"><f>B1</f><v></v></c><c t=\"b\"><v>2</v></c>"
                             "<c><f>1+1</f><v></v></c><c t=\"s\"><v/></c></row>"))
            .at(0);
    CHECK(row.kind(0) == cell_kind::error);
    CHECK(row.text(0) == "#DIV/0!");
    CHECK(row.kind(1) == cell_kind::no_value);
    CHECK(row.kind(2) == cell_kind::malformed);
    CHECK(row.text(2) == "abc");
    CHECK(row.kind(3) == cell_kind::empty);
    CHECK(row.kind(4) == cell_kind::empty);
    CHECK(row.kind(5) == cell_kind::empty);
    CHECK(row.kind(6) == cell_kind::malformed);
    CHECK(row.kind(7) == cell_kind::no_value);
    CHECK(row.kind(8) == cell_kind::empty);
    CHECK(row.width() == 9);
}

TEST_CASE("a cell may hold 32767 characters and not one more") {
    const std::string full(32'767, 'x');
    const auto rows = read_parts(one_sheet(text_row(1, {full}) + text_row(2, {full + "x"}) +
                                               "<row r=\"3\"><c t=\"s\"><v>0</v></c></row>",
                                           "<si><t>" + full + full + "</t></si>"));
    CHECK(rows.at(0).text(0) == full);
    CHECK(rows.at(1).kind(0) == cell_kind::too_long);
    CHECK(rows.at(2).kind(0) == cell_kind::too_long);
    CHECK(rows.at(1).text(0).size() < 100);
}

// ---- 2. places ----

TEST_CASE("gaps, cells without a place and rows without a number find theirs") {
    const auto rows = read_parts(one_sheet(
        "<row r=\"3\"><c r=\"B3\"><v>1</v></c><c r=\"D3\"><v>2</v></c><c><v>3</v></c></row>"
        "<row><c><v>4</v></c></row><row r=\"9\"/>"));
    REQUIRE(rows.size() == 3);
    CHECK(rows[0].number() == 3);
    CHECK(texts(rows[0]) == "|1||2|3");
    CHECK(rows[1].number() == 4);
    CHECK(texts(rows[1]) == "4");
    CHECK(rows[2].number() == 9);
    CHECK(rows[2].width() == 0);
}

TEST_CASE("columns are counted in letters") {
    CHECK(column_of("A1") == 0U);
    CHECK(column_of("Z1") == 25U);
    CHECK(column_of("AA10") == 26U);
    CHECK(column_of("xfd1") == 16'383U);
    CHECK_FALSE(column_of("17"));
    CHECK_FALSE(column_of("AAAA1"));
    for (const std::size_t column : {0U, 25U, 26U, 701U, 702U, 16'383U}) {
        CHECK(column_of(column_name(column)) == column);
    }
}

TEST_CASE("prefixed elements, CDATA, a byte order mark and UTF-16 are read alike") {
    zip_parts parts = one_sheet({});
    test::set_part(parts, "xl/worksheets/sheet1.xml",
                   "\xEF\xBB\xBF<x:worksheet xmlns:x=\"m\"><x:sheetData><x:row r=\"1\">"
                   "<x:c t=\"inlineStr\"><x:is><x:t><![CDATA[a<b]]> &amp; c</x:t></x:is></x:c>"
                   "</x:row></x:sheetData></x:worksheet>");
    CHECK(texts(read_parts(parts).at(0)) == "a<b & c");

    const std::string ascii =
        "<worksheet><sheetData><row><c><v>7</v></c></row></sheetData></worksheet>";
    std::string utf16 = "\xFF\xFE";
    for (const char c : ascii) {
        utf16 += c;
        utf16 += '\0';
    }
    test::set_part(parts, "xl/worksheets/sheet1.xml", utf16);
    CHECK(texts(read_parts(parts).at(0)) == "7");
}

TEST_CASE("sheets are found by the workbook's own list, by name, by number, or as first visible") {
    const zip_parts parts = with_two_sheets("");
    CHECK(texts(read_parts(parts).at(0)) == "first");
    CHECK(texts(read_parts(parts, "Second").at(0)) == "second");
    CHECK(texts(read_parts(parts, "second").at(0)) == "second");
    CHECK(texts(read_parts(parts, "2").at(0)) == "second");
    CHECK(texts(read_parts(with_two_sheets("state=\"hidden\"")).at(0)) == "second");
    CHECK(texts(read_parts(with_two_sheets("state=\"hidden\""), "First").at(0)) == "first");

    CHECK(fault_of(parts, "Third") == "has no sheet \"Third\"; it has \"First\", \"Second\"");
    CHECK(test::contains(fault_of(parts, "3"), "has no sheet \"3\""));
}

TEST_CASE("part names match whatever their case and slashes") {
    zip_parts parts = one_sheet(text_row(1, {"here"}));
    for (auto& [name, content] : parts) {
        if (name == "xl/worksheets/sheet1.xml") name = "xl\\Worksheets\\SHEET1.xml";
    }
    CHECK(texts(read_parts(parts).at(0)) == "here");
}

TEST_CASE("both kinds of generated workbook hold the rows that were asked for") {
    const test::temporary_folder folder;
    for (const bool constant_memory : {false, true}) {
        const sample_options options{1'000, 7, constant_memory};
        write_sample(folder / "sample.xlsx", options);
        const auto rows = read_sheet(folder / "sample.xlsx");
        REQUIRE(rows.size() == 1'001);
        CHECK(texts(rows[0]) ==
              "Name|Category|Phone|Email|Address|City|Country|Website|Description");
        std::vector<std::uint32_t> bad;
        for (const sheet_row& row : rows) {
            if (row.width() < 9) bad.push_back(row.number());
        }
        CHECK(bad == bad_sheet_rows(options));
        CHECK(bad.size() == 7);
    }
}

TEST_CASE("a sample may be empty, or bad from end to end") {
    CHECK(bad_sheet_rows({5, 5, false}) == std::vector<std::uint32_t>{2, 3, 4, 5, 6});
    CHECK(bad_sheet_rows({5, 0, false}).empty());
    const test::temporary_folder folder;
    CHECK(test::message_of([&] { write_sample(folder / "s.xlsx", {1, 2, false}); }) ==
          "there cannot be more bad rows than rows");
    CHECK(test::contains(test::message_of([&] { write_sample(folder / "no/s.xlsx", {}); }),
                         "cannot be written"));
    CHECK(test::contains(test::message_of([&] { write_sample(folder / "", {}); }), "directory"));
}

TEST_CASE("a sample takes the place of a file, be it linked, but of nothing else") {
    const test::temporary_folder folder;
    const auto file = folder / "s.xlsx";
    const auto link = folder / "link.xlsx";
    test::write_text(file, "old");
    std::filesystem::create_symlink(file, link);
    write_sample(link, {3, 0, false});
    CHECK(std::filesystem::is_symlink(link));
    CHECK(test::read_text(file).starts_with("PK"));
    CHECK_FALSE(std::filesystem::exists(partial_sample(link)));

    CHECK(test::message_of([&] { write_sample("/dev/null", {}); }) == "is not a regular file");
    CHECK_FALSE(std::filesystem::exists("/dev/null.part"));
}

// ---- 3. files that are something else, or damaged ----

TEST_CASE("what is not a workbook is told by its content") {
    const test::temporary_folder folder;
    const auto fault = [&](std::string_view content) {
        test::write_text(folder / "book.xlsx", content);
        return test::message_of([&] { read_sheet(folder / "book.xlsx"); });
    };
    CHECK(fault("") == "is empty");
    CHECK(fault("name category\n") == "is not an .xlsx workbook");
    CHECK(fault(std::string("a,b\0c", 5)) == "is not an .xlsx workbook");
    for (const char* text : {"name,category\n", "name;phone\r\n1;2\r\n", "name\tphone\n"}) {
        CHECK(fault(text) == "is comma-separated text, not a workbook: save it as .xlsx");
    }
    CHECK(fault("<?xml version=\"1.0\"?>\n<?mso-application progid=\"Excel.Sheet\"?><Workbook/>") ==
          "is an XML spreadsheet, not a workbook: save it as .xlsx");
    CHECK(test::contains(fault("<HTML><table>"), "HTML"));
    CHECK(test::contains(fault("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"), ".xls workbook"));
    CHECK(test::contains(fault(std::string("PK\x03\x04") + std::string(500, 'x')), "truncated"));

    CHECK(test::message_of([&] { read_sheet(folder / "none.xlsx"); }) == "no such file");
    CHECK(test::contains(test::message_of([&] { read_sheet("/"); }), "folder"));
    CHECK(fault_of({{"mimetype", "x"}, {"content.xml", "<x/>"}}) ==
          "is an OpenDocument file: save it as .xlsx");
    CHECK(fault_of({{"a.txt", "x"}}) == "is a zip file, but no workbook");
}

TEST_CASE("a truncated workbook is refused, wherever it was cut") {
    const test::temporary_folder folder;
    write_sample(folder / "whole.xlsx", {200, 0, false});
    const std::string whole = test::read_text(folder / "whole.xlsx");
    for (std::size_t tenth = 1; tenth < 10; ++tenth) {
        test::write_text(folder / "cut.xlsx", whole.substr(0, whole.size() * tenth / 10));
        CHECK(test::contains(test::message_of([&] { read_sheet(folder / "cut.xlsx"); }),
                             "truncated"));
    }
}

TEST_CASE("flipped bits never pass for data") {
    const test::temporary_folder folder;
    write_sample(folder / "whole.xlsx", {50, 0, false});
    const std::string whole = test::read_text(folder / "whole.xlsx");
    const auto expected = read_sheet(folder / "whole.xlsx");
    std::size_t refused = 0;
    for (std::size_t at = 30; at < whole.size(); at += whole.size() / 60) {
        std::string bent = whole;
        bent[at] = static_cast<char>(bent[at] ^ 0x10);
        test::write_text(folder / "bent.xlsx", bent);
        std::vector<sheet_row> rows;
        // A part that is not read may be bent without harm.
        if (!test::message_of([&] { rows = read_sheet(folder / "bent.xlsx"); }).empty()) {
            ++refused;
            continue;
        }
        REQUIRE(rows.size() == expected.size());
        CHECK(std::equal(rows.begin(), rows.end(), expected.begin(),
                         [](const auto& a, const auto& b) { return texts(a) == texts(b); }));
    }
    CHECK(refused > 10);
}

TEST_CASE("broken XML, broken references and missing parts are named") {
    zip_parts parts = one_sheet("<row><c>");
    CHECK(test::contains(fault_of(parts), "xl/worksheets/sheet1.xml: mismatched tag"));
    parts = one_sheet("<row><c t=\"s\"><v>5</v></c></row>");
    CHECK(fault_of(parts) == "is damaged: cell A1 refers to a shared text, and there is none");
    parts = one_sheet("<row r=\"5\"/><row r=\"4\"/>");
    CHECK(fault_of(parts) == "is damaged: row 4 follows row 5");
    CHECK(test::contains(fault_of(one_sheet("<row r=\"0\"/>")), "numbered \"0\""));
    CHECK(test::contains(fault_of(one_sheet("<row><c r=\"7\"/></row>")), "called \"7\""));
    std::erase_if(parts, [](const auto& part) { return test::contains(part.first, "sheet1"); });
    CHECK(fault_of(parts) == "lacks its part xl/worksheets/sheet1.xml");
    parts = one_sheet({});
    parts.emplace_back("XL/workbook.XML", "<workbook/>");
    CHECK(fault_of(parts) == "holds the zip entry xl/workbook.xml twice");
    parts = one_sheet({});
    parts.emplace_back("../evil", "x");
    CHECK(test::contains(fault_of(parts), "climbs out"));
}

TEST_CASE("a reference that leads nowhere is its cell's fault, not the workbook's") {
    const auto rows = read_parts(one_sheet(
        "<row><c t=\"s\"><v> 0 </v></c><c t=\"s\"><v>-1</v></c><c t=\"s\"><v>1</v></c></row>"
        "<row><c t=\"s\"><v>0</v></c></row>",
        "<si><t>q</t></si>"));
    REQUIRE(rows.size() == 2);
    CHECK(texts(rows[0]) == "q|-1|1");
    CHECK(rows[0].kind(0) == cell_kind::text);
    CHECK(rows[0].kind(1) == cell_kind::malformed);
    CHECK(rows[0].kind(2) == cell_kind::malformed);
    CHECK(texts(rows[1]) == "q");
}

TEST_CASE("parts that are listed but absent matter to those cells only that need them") {
    zip_parts parts = one_sheet(
        "<row><c t=\"str\" s=\"3\"><v>x</v></c><c><v>7</v></c><c s=\"1\"><v>45000</v></c></row>",
        "<si><t>unused</t></si>", date_styles);
    std::erase_if(parts, [](const auto& part) {
        return part.first == "xl/styles.xml" || part.first == "xl/sharedStrings.xml";
    });
    const auto rows = read_parts(parts);
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].kind(0) == cell_kind::text);
    CHECK(rows[0].kind(1) == cell_kind::text);
    CHECK(rows[0].kind(2) == cell_kind::malformed);  // a date? nobody knows
    CHECK(texts(rows[0]) == "x|7|45000");
}

TEST_CASE("what has no width is blank, too") {
    CHECK(is_blank(""));
    CHECK(is_blank(" \t\r\n\v\f"));
    CHECK(is_blank("\u00A0\u200B \u200D\u2060\uFEFF\u3000\u00AD\u2003"));
    CHECK_FALSE(is_blank("\u00A0x"));
    CHECK_FALSE(is_blank("\u00E9"));
    CHECK_FALSE(is_blank("\xC2"));
}

// ---- 4. files that mean harm ----

TEST_CASE("a DOCTYPE is refused in every part") {
    const std::string laughs =
        "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;\">]><x>&b;</x>";
    for (const char* part : {"xl/workbook.xml", "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml",
                             "xl/styles.xml", "_rels/.rels", "xl/_rels/workbook.xml.rels"}) {
        zip_parts parts = one_sheet(text_row(1, {"x"}));
        test::set_part(parts, part, laughs);
        CHECK(test::contains(fault_of(parts), "DOCTYPE"));
    }
}

TEST_CASE("a zip bomb stops at its ratio, and a large file at its size") {
    workbook_limits limits;
    limits.ratio_free_bytes = std::uint64_t{1} << 20;
    zip_parts parts = one_sheet(text_row(1, {"x"}) + std::string(std::size_t{8} << 20, ' '));
    CHECK(test::contains(fault_of(parts, {}, limits), "zip bomb"));
    CHECK(fault_of(parts).empty());  // eight megabytes are no bomb by themselves

    limits = {};
    limits.inflated_bytes = std::uint64_t{4} << 20;
    CHECK(fault_of(parts, {}, limits) == "inflates to more than 4 MiB");

    parts = one_sheet({}, std::string(std::size_t{100} << 20, ' '));
    CHECK(test::contains(fault_of(parts), "zip bomb"));  // under the limits of every day
}

// A zip's directory of empty entries, and its end record, which claims so many.
std::string zip_directory(std::size_t entries, std::size_t claimed, bool zip64 = false) {
    const auto little = [](std::size_t value, std::size_t size) {
        std::string bytes;
        for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(value >> (8 * i));
        return bytes;
    };
    std::string directory;
    for (std::size_t i = 0; i < entries; ++i) {
        const std::string name = std::to_string(i);
        directory += "PK\x01\x02" + std::string(24, '\0') + little(name.size(), 2) +
                     std::string(16, '\0') + name;
    }
    std::string end;
    const std::string size = little(directory.size(), 8);
    if (zip64) {
        end = "PK\x06\x06" + little(44, 8) + std::string(12, '\0') + little(claimed, 8) +
              little(claimed, 8) + size + little(0, 8) + "PK\x06\x07" + little(0, 4) + size +
              little(1, 4);
        claimed = 0xFFFF;
    }
    end += "PK\x05\x06" + little(0, 4) + little(claimed, 2) + little(claimed, 2) +
           size.substr(0, 4) + little(0, 6);
    return directory + end;
}

TEST_CASE("a zip's directory is bounded before it is read") {
    const test::temporary_folder folder;
    const auto fault = [&](const std::string& bytes, const workbook_limits& limits = {}) {
        test::write_text(folder / "book.xlsx", bytes);
        return test::message_of([&] { zip_archive(folder / "book.xlsx", limits); });
    };
    const std::string too_many = "holds more than 10000 zip entries";
    CHECK(fault(zip_directory(10'000, 10'000)).empty());
    CHECK(fault(zip_directory(10'000, 10'000, true)).empty());
    CHECK(fault(zip_directory(1, 65'535)) == too_many);
    CHECK(fault(zip_directory(1, std::size_t{1} << 40, true)) == too_many);
    // More than it claims, and damaged at its end.
    std::string hidden = zip_directory(10'002, 5);
    hidden[hidden.rfind("PK\x01\x02")] = 'x';
    CHECK(fault(hidden) == too_many);

    workbook_limits limits;
    limits.zip_directory_bytes = 4'096;
    CHECK(fault(zip_directory(100, 100), limits) == "has a zip directory of more than 4 KiB");
    const std::string empty_end = zip_directory(0, 0);
    CHECK(fault(zip_directory(3, 3) + empty_end) == "is damaged: it has two zip directories");
    CHECK(fault(zip_directory(3, 3) + empty_end.substr(0, 20)).empty());
}

TEST_CASE("lists of parts and of sheets are bounded in bytes, too") {
    const std::string large(900'000, 'A');
    std::string relations;
    std::string sheets;
    for (int i = 0; i < 6; ++i) {
        const std::string n = std::to_string(i);
        relations += "<Relationship Id=\"x" + n + "\" Type=\"a/b\" Target=\"" + large + "\"/>";
        sheets += "<sheet name=\"" + large + "\" r:id=\"x" + n + "\"/>";
    }
    zip_parts parts = one_sheet(text_row(1, {"x"}));
    test::set_part(parts, "_rels/.rels", "<Relationships>" + relations + "</Relationships>");
    CHECK(fault_of(parts) == "lists parts with names of more than 4096 KiB");
    parts = one_sheet(text_row(1, {"x"}));
    test::set_part(parts, "xl/workbook.xml",
                   "<workbook xmlns:r=\"r\"><sheets>" + sheets + "</sheets></workbook>");
    CHECK(fault_of(parts) == "lists sheets with names of more than 4096 KiB");
}

TEST_CASE("depth, tokens, rows, columns and row sizes are bounded") {
    std::string deep;
    for (int i = 0; i < 100; ++i) deep += "<a>";
    CHECK(test::contains(fault_of(one_sheet(deep)), "too deeply"));

    CHECK(test::contains(
        fault_of(one_sheet("<!--" + std::string(std::size_t{3} << 20, 'x') + "-->")), "XML token"));
    CHECK(test::contains(
        fault_of(one_sheet("<row r=\"" + std::string(std::size_t{3} << 20, '1') + "\"/>")),
        "XML token"));

    CHECK(test::contains(fault_of(one_sheet("<row r=\"1048577\"/>")), "beyond number 1048576"));
    CHECK(test::contains(fault_of(one_sheet("<row><c r=\"XFE1\"/></row>")), "beyond column XFD"));

    // A short text that is referred to again and again.
    std::string cells;
    for (int i = 0; i < 100; ++i) cells += "<c t=\"s\"><v>0</v></c>";
    CHECK(test::contains(fault_of(one_sheet("<row>" + cells + "</row>",
                                            "<si><t>" + std::string(32'000, 'x') + "</t></si>")),
                         "KiB of text in row 1"));
}

// ---- 5. reading ahead ----

TEST_CASE("a workbook that is closed before its end leaves nothing behind") {
    const test::temporary_folder folder;
    std::string rows;
    for (int i = 0; i < 20'000; ++i) rows += "<row/>";  // more than are read ahead
    test::write_zip(folder / "book.xlsx", one_sheet(rows));
    runnel::run([&] {
        const auto alone = [] { return runnel::num_goroutine() == 1; };
        REQUIRE(test::eventually(alone));  // those of other tests have left their stacks
        sheet_row row;
        {
            const auto source =
                open_workbook(runnel::background(), folder / "book.xlsx", {}, workbook_limits());
            CHECK(source->next(row));
            CHECK(runnel::num_goroutine() == 2);
        }
        CHECK(row.number() == 1);
        CHECK(test::eventually(alone));
    });
}

TEST_CASE("the rows above a damage come before it") {
    const test::temporary_folder folder;
    std::string rows;
    for (int i = 0; i < 1'000; ++i) rows += "<row/>";
    test::write_zip(folder / "book.xlsx", one_sheet(rows + "<row r=\"5\"/>"));
    const auto source =
        open_workbook(runnel::background(), folder / "book.xlsx", {}, workbook_limits());
    sheet_row row;
    std::uint32_t seen = 0;
    const std::string fault = test::message_of([&] {
        while (source->next(row)) seen = row.number();
    });
    CHECK(fault == "is damaged: row 5 follows row 1000");
    CHECK(seen == 1'000);
}

// ---- 6. the pool behind the shared strings ----

TEST_CASE("a text pool gives back what it was given, in memory and from its file") {
    for (const std::size_t bound :
         {std::size_t{0}, std::size_t{100'000}, std::size_t{10'000'000}}) {
        text_pool pool(bound);
        std::vector<std::string> expected;
        for (std::size_t i = 0; i < 3'000; ++i) {
            expected.push_back(std::string(i * 37 % 900, static_cast<char>('a' + i % 26)));
            pool.add(expected.back());
        }
        pool.seal();
        REQUIRE(pool.size() == expected.size());
        bool equal = true;
        for (std::size_t i = 0; i < expected.size(); ++i)
            equal = equal && pool.at(i) == expected[i];
        for (std::size_t i = expected.size(); i-- > 0;) equal = equal && pool.at(i) == expected[i];
        CHECK(equal);
    }
}

TEST_CASE("a text pool's file is in the folder that is named for it, and no program gets it") {
    const test::temporary_folder folder;
    text_pool pool(0, folder / ".");
    pool.add("x");
    const int file = pool.file();
    CHECK((::fcntl(file, F_GETFD) & FD_CLOEXEC) != 0);
    const std::string link = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(file));
    CHECK(link.starts_with(std::filesystem::canonical(folder / ".").string() + "/"));
    CHECK(test::message_of([&] {
              text_pool nowhere(0, folder / "none");
              nowhere.add("x");
          }).starts_with("cannot make a temporary file"));
}

TEST_CASE("shared strings that do not fit in memory are read all the same") {
    const test::temporary_folder folder;
    write_sample(folder / "sample.xlsx", {500, 0, false});
    workbook_limits limits;
    limits.shared_bytes_in_memory = 10'000;
    const auto spilled = read_sheet(folder / "sample.xlsx", {}, limits);
    const auto expected = read_sheet(folder / "sample.xlsx");
    REQUIRE(spilled.size() == expected.size());
    CHECK(std::equal(spilled.begin(), spilled.end(), expected.begin(),
                     [](const auto& a, const auto& b) { return texts(a) == texts(b); }));
}
