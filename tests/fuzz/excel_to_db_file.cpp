// tests/fuzz/excel_to_db_file.cpp — a fuzzer's bytes as the file of a workbook: a zip, or the container of an .xls.
// SPDX-License-Identifier: BSL-1.0
#include "excel_to_db_support.hpp"
#include "excel_to_db_xls.hpp"
#include "fuzz/excel_to_db_workbook.hpp"
#include "fuzz/seeds.hpp"

namespace test {

std::vector<std::string> fuzz_seeds() {
    const temporary_folder folder;
    write_zip(folder / "book.xlsx",
              one_sheet("<row><c t=\"s\"><v>0</v></c><c s=\"1\"><v>45000</v></c></row>" +
                            text_row(2, {"a", "b"}),
                        "<si><t>text</t></si>", "<cellXfs><xf/><xf numFmtId=\"14\"/></cellXfs>"));
    xls_writer old;
    xls_sheet_writer& sheet = old.add_sheet("Data");
    sheet.text(0, 0, u"text");
    sheet.number(0, 1, 7);
    sheet.blanks(1, 0, 5);
    sheet.formula_text(2, 0, u"formula");
    old.write(folder / "book.xls");
    return {read_text(folder / "book.xlsx"), read_text(folder / "book.xls"), "name,phone\n1,2\n",
            "<?xml version=\"1.0\"?><?mso-application progid=\"Excel.Sheet\"?><Workbook/>",
            ole_file_with("EncryptedPackage", "x")};
}

}  // namespace test

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    test::read_as_workbook({reinterpret_cast<const char*>(data), size});
    return 0;
}
