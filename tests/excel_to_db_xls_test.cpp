// tests/excel_to_db_xls_test.cpp — old binary workbooks: all kinds of cells, hostile files.
// SPDX-License-Identifier: BSL-1.0
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "excel_to_db_support.hpp"
#include "excel_to_db_xls.hpp"
#include "import/importer.hpp"
#include "store/sqlite_store.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"
#include "workbook/ole_file.hpp"
#include "workbook/open_workbook.hpp"
#include "workbook/xls_records.hpp"

using namespace excel_to_db;
using test::xls_sheet_writer;
using test::xls_writer;

namespace {

struct fixture {
    test::temporary_folder folder;
    std::filesystem::path book = folder / "book.xls";

    std::vector<sheet_row> read(std::string_view sheet = {},
                                const workbook_limits& limits = {}) const {
        return test::read_sheet(book, sheet, limits);
    }
    std::vector<sheet_row> read(const xls_writer& workbook, std::string_view sheet = {},
                                const workbook_limits& limits = {}) const {
        workbook.write(book);
        return read(sheet, limits);
    }
    std::string fault(const xls_writer& workbook, std::string_view sheet = {},
                      const workbook_limits& limits = {}) const {
        return test::message_of([&] { read(workbook, sheet, limits); });
    }
};

xls_writer plain_workbook(unsigned rows) {
    xls_writer workbook;
    xls_sheet_writer& sheet = workbook.add_sheet("Data");
    for (unsigned row = 0; row < rows; ++row) {
        sheet.text(row, 0, u"text");
        sheet.number(row, 1, row);
    }
    return workbook;
}

}  // namespace

// ---- 1. the container ----

TEST_CASE("an OLE2 file gives its stream back, and takes no nonsense") {
    std::string content;
    for (int i = 0; i < 100'000; ++i) content += static_cast<char>(i * 7);
    const std::string file = test::ole_file_with("Workbook", content);
    const ole_file ole(file);
    CHECK(ole.contains("Workbook"));
    CHECK_FALSE(ole.contains("Book"));
    CHECK(ole.read("Workbook").starts_with(content));
    CHECK_THROWS_AS(ole.read("Book"), workbook_error);

    const auto fault = [](std::string bytes) {
        return test::message_of([&] { ole_file(std::move(bytes)).read("Workbook"); });
    };
    const std::string damaged = "is an old binary .xls workbook, damaged or truncated";
    for (std::size_t size = 0; size < file.size(); size += 999) {
        CHECK(fault(file.substr(0, size)) == damaged);
    }
    // Chains that go in circles: the first sector of data is followed by itself, then the directory.
    std::string circle = file;
    const std::size_t tables = 2;  // of 128 sectors each: 196 of data, and the directory
    const std::size_t entry = 512 + 4 * (tables + 1);
    circle[entry] = static_cast<char>(tables + 1);
    CHECK(fault(circle).empty());  // not told from a longer one, but it ends
    circle = file;
    circle.replace(512 + 4 * tables, 4, std::string{static_cast<char>(tables), 0, 0, 0});
    CHECK(fault(circle) == damaged);

    // A small stream that claims gigabytes, of a chain that goes in circles.
    std::string small = file;
    const auto put = [&small](std::size_t at, std::uint32_t value) {
        for (std::size_t i = 0; i < 4; ++i) small[at + i] = static_cast<char>(value >> (8 * i));
    };
    const std::size_t directory = 512 * (1 + tables);
    const std::size_t data = directory + 512;
    put(56, 0xFFFFFFFF);               // every stream is small,
    put(60, tables + 1);               // and what follows what, the first sector of data says
    put(directory + 116, tables + 2);  // they lie in the second one
    put(directory + 120, 512);
    put(data, 0);  // where the first is followed by itself
    put(directory + 128 + 116, 0);
    put(directory + 128 + 120, 512);
    CHECK(fault(small).empty());
    put(directory + 128 + 120, 0x60000000);
    CHECK(fault(small) == damaged);
}

#if EXCEL_TO_DB_XLS

// ---- 2. cells ----

using test::texts;

TEST_CASE("texts, numbers and booleans of an .xls are those of an .xlsx") {
    const fixture f;
    xls_writer workbook;
    const std::size_t shared = workbook.share(u"shared \u20AC");
    workbook.share(u"unused");
    xls_sheet_writer& sheet = workbook.add_sheet("Data");
    sheet.text(0, 0, u"caf\u00E9");
    sheet.text(0, 1, u"\u65E5\u672C \U0001F600");
    sheet.text(0, 2, shared);
    sheet.number(0, 3, 256700123456.0);
    sheet.number(0, 4, 0.1);
    sheet.short_integer(0, 5, -17);
    sheet.boolean(0, 6, true);
    sheet.boolean(0, 7, false);
    const auto rows = f.read(workbook);
    REQUIRE(rows.size() == 1);
    CHECK(texts(rows[0]) ==
          "caf\xC3\xA9|\xE6\x97\xA5\xE6\x9C\xAC \xF0\x9F\x98\x80|shared \xE2\x82\xAC|256700123456|"
          "0.1|-17|TRUE|FALSE");
}

TEST_CASE("a number in an .xls is a date where its format says so") {
    const fixture f;
    for (const bool from_1904 : {false, true}) {
        INFO("from 1904: " << from_1904);
        xls_writer workbook;
        if (from_1904) workbook.count_from_1904();
        const unsigned date = workbook.declare_format(14);
        const unsigned moment = workbook.declare_format("dd/mm/yyyy hh:mm");
        const unsigned time = workbook.declare_format(20);
        const double day = from_1904 ? 43'538 : 45'000;
        xls_sheet_writer& sheet = workbook.add_sheet("Data");
        sheet.number(0, 0, day, date);
        sheet.short_integer(0, 1, static_cast<int>(day), date);
        sheet.number(0, 2, day + 0.5, moment);
        sheet.number(0, 3, day, moment);
        sheet.number(0, 4, 0.25, time);
        sheet.number(0, 5, day);
        sheet.formula(0, 6, day, date);
        sheet.formula(0, 7, day + 0.5, moment);
        CHECK(texts(f.read(workbook).at(0)) ==
              "2023-03-15|2023-03-15|2023-03-15 12:00:00|2023-03-15|06:00:00|" +
                  std::string(from_1904 ? "43538" : "45000") + "|2023-03-15|2023-03-15 12:00:00");
    }
}

TEST_CASE("a formula in an .xls is what it was when the workbook was saved") {
    const fixture f;
    xls_writer workbook;
    xls_sheet_writer& sheet = workbook.add_sheet("Data");
    sheet.formula(0, 0, 42);
    sheet.formula_text(0, 1, u"result \u20AC");
    sheet.formula_other(0, 2, 1, 1);
    sheet.formula_other(0, 3, 2, 0x2A);
    sheet.formula_other(0, 4, 3);
    sheet.formula_other(0, 5, 0);
    sheet.text(0, 6, u"next");
    const sheet_row row = f.read(workbook).at(0);
    CHECK(texts(row) == "42|result \xE2\x82\xAC|TRUE|#N/A|||next");
    CHECK(row.kind(0) == cell_kind::text);
    CHECK(row.kind(3) == cell_kind::error);
    CHECK(row.kind(4) == cell_kind::empty);
    CHECK(row.kind(5) == cell_kind::no_value);
}

TEST_CASE("errors in an .xls are named, and rows end with their last cell, be it blank") {
    const fixture f;
    xls_writer workbook;
    xls_sheet_writer& sheet = workbook.add_sheet("Data");
    const std::vector<std::pair<unsigned, std::string>> errors = {
        {0x00, "#NULL!"}, {0x07, "#DIV/0!"}, {0x0F, "#VALUE!"}, {0x17, "#REF!"},
        {0x1D, "#NAME?"}, {0x24, "#NUM!"},   {0x2A, "#N/A"}};
    for (unsigned i = 0; i < errors.size(); ++i) sheet.error(0, i, errors[i].first);
    sheet.text(2, 0, u"a");
    sheet.blanks(2, 1, 1);
    sheet.text(3, 0, u"b");
    sheet.blanks(3, 2, 5);
    sheet.text(9, 1, u"c");
    const auto rows = f.read(workbook);
    REQUIRE(rows.size() == 4);
    for (std::size_t i = 0; i < errors.size(); ++i) {
        CHECK(rows[0].kind(i) == cell_kind::error);
        CHECK(rows[0].text(i) == errors[i].second);
    }
    CHECK(rows[1].number() == 3);
    CHECK(rows[1].width() == 2);
    CHECK(rows[2].number() == 4);
    CHECK(rows[2].width() == 7);
    CHECK(rows[3].number() == 10);
    CHECK(texts(rows[3]) == "|c");
}

// ---- 3. sheets ----

TEST_CASE("the sheets of an .xls are chosen as those of an .xlsx") {
    const fixture f;
    xls_writer workbook;
    workbook.add_sheet("Hidden", false).text(0, 0, u"hidden");
    workbook.add_sheet("Chart", true, true).number(0, 0, 1);
    workbook.add_sheet("First").text(0, 0, u"first");
    workbook.add_sheet("Second").text(0, 0, u"second");
    CHECK(texts(f.read(workbook).at(0)) == "first");
    CHECK(texts(f.read("hidden").at(0)) == "hidden");
    CHECK(texts(f.read("Second").at(0)) == "second");
    CHECK(texts(f.read("3").at(0)) == "second");
    CHECK(f.fault(workbook, "Chart") ==
          "has no sheet \"Chart\"; it has \"Hidden\", \"First\", \"Second\"");
    CHECK(open_workbook(runnel::background(), f.book)->sheet_name() == "First");
}

TEST_CASE("an .xls is imported whatever it is called, and its progress is known") {
    fixture f;
    f.book = f.folder / "book.xlsx";
    xls_writer workbook;
    xls_sheet_writer& sheet = workbook.add_sheet("Data");
    for (unsigned column = 0; column < business_columns.size(); ++column) {
        const std::string_view title = business_columns[column];
        sheet.text(0, column, std::u16string(title.begin(), title.end()));
    }
    for (unsigned row = 1; row <= 2'000; ++row) {
        const unsigned width = row % 100 == 7 ? 4 : 9;
        for (unsigned column = 0; column < width; ++column) {
            if (column == 8 && row % 2 == 0) {
                sheet.blanks(row, column, 1);  // no description, and yet the row is whole
            } else {
                sheet.number(row, column, row);
            }
        }
    }
    workbook.write(f.book);
    for (const import_method method : {import_method::sequential, import_method::batch}) {
        import_options options;
        options.method = method;
        double last = 0;
        bool within = true;
        options.on_progress = [&](const import_progress& now) {
            within = within && now.fraction >= last && now.fraction <= 1;
            last = now.fraction;
        };
        const auto db = f.folder / test::numbered("m", static_cast<std::uint32_t>(method));
        const import_report report = runnel::run([&] {
            sqlite_store store(db);
            return importer(runnel::background(), f.book, options)
                .run(runnel::background(), store, nullptr);
        });
        CHECK(report.ending == import_ending::finished);
        CHECK(report.stats.success_count == 1'980);
        CHECK(report.stats.error_count == 20);
        CHECK(report.first_rejected.at(0).row.number() == 8);
        CHECK(test::query(db, "SELECT count(*) FROM businesses WHERE description = ''") == "1000");
        CHECK(within);
        CHECK(last == 1);
    }
}

// ---- 4. files that are something else, damaged, or mean harm ----

TEST_CASE("a workbook with a password is told from a damaged one") {
    const fixture f;
    xls_writer workbook = plain_workbook(10);
    workbook.protect();
    CHECK(f.fault(workbook) == "is protected by a password");
    test::write_text(f.book, test::ole_file_with("EncryptedPackage", "x"));
    CHECK(test::message_of([&] { f.read(); }) == "is protected by a password");
    test::write_text(f.book, test::ole_file_with("WordDocument", "x"));
    CHECK(test::message_of([&] { f.read(); }) == "is an old binary file, but no .xls workbook");
    test::write_text(f.book, test::ole_file_with("Workbook", std::string(5'000, 'x')));
    CHECK(test::message_of([&] { f.read(); }) != "");
}

TEST_CASE("a truncated .xls is refused, wherever it was cut") {
    const fixture f;
    plain_workbook(1'000).write(f.book);
    const std::string whole = test::read_text(f.book);
    for (std::size_t tenth = 0; tenth < 10; ++tenth) {
        INFO(tenth);
        test::write_text(f.book, whole.substr(0, 8 + (whole.size() - 8) * tenth / 10));
        CHECK(test::message_of([&] { f.read(); }) ==
              "is an old binary .xls workbook, damaged or truncated");
    }
    // Records that end too early in a file that is whole.
    const std::string stream = plain_workbook(1'000).stream();
    test::write_text(f.book, test::ole_file_with("Workbook", stream.substr(0, stream.size() / 2)));
    CHECK(test::message_of([&] { f.read(); }) ==
          "is an old binary .xls workbook, damaged or truncated");
}

TEST_CASE("what an .xls claims is bounded before libfreexl believes it") {
    const fixture f;
    workbook_limits limits;
    xls_writer workbook = plain_workbook(100);
    limits.xls_bytes = 4'096;
    CHECK(test::contains(f.fault(workbook, {}, limits), "more than 0 MiB"));
    limits = {};
    limits.xls_cells = 300;  // two hundred claimed, two hundred there
    CHECK(f.fault(workbook, {}, limits) == "claims to have more than 300 cells");
    limits.xls_cells = 400;
    CHECK(f.fault(workbook, {}, limits).empty());
    limits = {};
    limits.rows = 99;
    CHECK(f.fault(workbook, {}, limits) == "has a row beyond number 99");

    xls_writer vast;
    xls_sheet_writer& sheet = vast.add_sheet("Data");
    sheet.text(0, 0, u"x");
    sheet.claim_size(65'536, 256);
    CHECK(f.fault(vast) == "claims to have more than 8000000 cells");

    xls_writer empty;
    empty.add_sheet("Data").record(0x0200, std::string("\0\0\0\0\0\0\xFF\xFF\0\0\0\0\0\0", 14));
    CHECK(f.fault(empty) == "is damaged: it claims more rows than there can be");

    xls_writer again;
    xls_sheet_writer& often = again.add_sheet("Data");
    often.text(0, 0, u"x");
    for (int i = 0; i < 100; ++i) {
        often.record(0x0200, std::string("\0\0\0\0\0\0\1\0\0\0\2\0\0\0", 14));  // 65536 rows of 2
    }
    CHECK(f.fault(again) == "claims to have more than 8000000 cells");

    // Blanks that are many in one record, and many times.
    xls_writer wide;
    wide.add_sheet("Data").blanks(1, 0, 2'000);
    limits = {};
    limits.xls_cells = 1'000;
    CHECK(f.fault(wide, {}, limits) == "claims to have more than 1000 cells");
    limits = {};
    limits.columns = 1'999;
    CHECK(f.fault(wide, {}, limits) == "has a cell beyond column BXW in row 2");
    xls_writer repeated;
    xls_sheet_writer& blank = repeated.add_sheet("Data");
    for (int i = 0; i < 500; ++i) blank.blanks(1, 0, 4'000);
    repeated.write(f.book);
    const xls_records records(ole_file(test::read_text(f.book)).read("Workbook"), {});
    CHECK(records.cells(records.sheets().at(0)).size() ==
          1);  // a blank is there for its place only

    xls_writer late;
    const unsigned date = late.declare_format(14);
    late.add_sheet("Data").number(0, 0, 2e9, date);
    CHECK(f.fault(late) == "has a date that is none");
}

TEST_CASE("a text in an .xls ends with its record, whatever it claims") {
    const fixture f;
    const auto with_label = [](const std::string& text) {
        xls_writer workbook;
        xls_sheet_writer& sheet = workbook.add_sheet("Data");
        sheet.record(0x0204, std::string(6, '\0') + text);
        sheet.claim_size(1, 1);
        return workbook;
    };
    using namespace std::string_literals;
    CHECK(texts(f.read(with_label("\x02\0\0ab"s)).at(0)) == "ab");
    const std::string damaged = "is damaged: a text is longer than its record";
    CHECK(f.fault(with_label("\x03\0\0ab"s)) == damaged);
    CHECK(f.fault(with_label("\x02\0\x01"s + "ab"s)) == damaged);  // of two bytes each
    CHECK(f.fault(with_label("\x79\x79\x79yyy"s)) == damaged);
    xls_writer mixed;
    mixed.add_sheet("Data").record(0x0809, std::string("\0\5\x10\0", 4));
    CHECK(f.fault(mixed) == "is damaged: its sheets are of several versions of Excel");
}

TEST_CASE("flipped bits in an .xls end in rows or in a sentence") {
    const fixture f;
    xls_writer workbook = plain_workbook(200);
    xls_sheet_writer& more = workbook.add_sheet("More");
    more.formula_text(0, 0, u"x");
    more.error(0, 1, 7);
    workbook.write(f.book);
    const std::string whole = test::read_text(f.book);
    std::size_t refused = 0;
    for (std::size_t at = 8; at < whole.size(); at += 13) {
        std::string bent = whole;
        bent[at] = static_cast<char>(bent[at] ^ (1 << at % 8));
        test::write_text(f.book, bent);
        std::vector<sheet_row> rows;
        const std::string fault = test::message_of([&] { rows = f.read(); });
        refused += fault.empty() ? 0 : 1;
        CHECK((fault.empty() || fault.find('\n') == std::string::npos));
        CHECK(rows.size() <= 65'536);
    }
    CHECK(refused > 100);
}

#else

TEST_CASE("without libfreexl an .xls is refused in one sentence") {
    const fixture f;
    CHECK(test::contains(f.fault(plain_workbook(3)), "built without libfreexl"));
}

#endif
