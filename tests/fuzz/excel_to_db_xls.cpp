// tests/fuzz/excel_to_db_xls.cpp — a fuzzer's bytes as the records of an .xls, in a container that is sound.
// SPDX-License-Identifier: BSL-1.0
#include "excel_to_db_xls.hpp"

#include "fuzz/excel_to_db_workbook.hpp"
#include "fuzz/seeds.hpp"

namespace test {

std::vector<std::string> fuzz_seeds() {
    xls_writer all;
    const unsigned date = all.declare_format(14);
    const unsigned own = all.declare_format("yyyy-mm-dd");
    const std::size_t shared = all.share(u"shared");
    xls_sheet_writer& sheet = all.add_sheet("Data");
    sheet.text(0, 0, u"text");
    sheet.text(0, 1, shared);
    sheet.number(1, 0, 1.5);
    sheet.number(1, 1, 45'000, date);
    sheet.short_integer(1, 2, 45'000, own);
    sheet.boolean(2, 0, true);
    sheet.error(2, 1, 7);
    sheet.blanks(3, 0, 9);
    sheet.formula(4, 0, 2.5);
    sheet.formula_text(4, 1, u"result");
    sheet.formula_other(4, 2, 3);
    all.add_sheet("Hidden", false).text(0, 0, u"x");
    all.add_sheet("Chart", true, true);
    xls_writer protected_one;
    protected_one.protect();
    protected_one.add_sheet("Data").text(0, 0, u"x");
    return {all.stream(), protected_one.stream()};
}

}  // namespace test

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string stream(reinterpret_cast<const char*>(data), size);
    test::read_as_workbook(test::ole_file_with("Workbook", stream));
    return 0;
}
