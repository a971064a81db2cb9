// tests/excel_to_db_import_test.cpp — the three methods: exact counts, whatever goes wrong.
// SPDX-License-Identifier: BSL-1.0
#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <runnel/context.hpp>
#include <string>
#include <utility>
#include <vector>

#include "excel_to_db_support.hpp"
#include "import/importer.hpp"
#include "import/run.hpp"
#include "sample.hpp"
#include "store/sqlite_store.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"
#include "workbook/cell_text.hpp"
#include "workbook/unseen.hpp"

using namespace excel_to_db;
using test::business_row;
using test::header_row;
using test::one_sheet;
using test::query;
using test::text_row;

namespace {

constexpr import_method all_methods[] = {import_method::sequential, import_method::concurrent,
                                         import_method::batch, import_method::pipeline,
                                         import_method::copy};

// Keeps what it is told.
class rejected_list final : public rejected_sink {
public:
    void begin(const sheet_row& row) override { header = row; }
    void add(const rejected_row& row) override { rows.push_back(row); }
    void end() override { ended = true; }

    std::vector<std::uint32_t> numbers() const {
        std::vector<std::uint32_t> result;
        for (const rejected_row& each : rows) result.push_back(each.row.number());
        return result;
    }

    sheet_row header;
    std::vector<rejected_row> rows;
    bool ended = false;
};

// Has no room for what it is told, or, if `at_end`, for the last of it.
class full_sink final : public rejected_sink {
public:
    explicit full_sink(bool at_end) : at_end_(at_end) {}

    void begin(const sheet_row&) override {}
    void add(const rejected_row&) override { fail_if(!at_end_); }
    void end() override { fail_if(at_end_); }

private:
    static void fail_if(bool full) {
        if (full) throw errors_file_error("full");
    }

    bool at_end_;
};

// A sqlite_store that calls `before` with the number of rows that each call is about to write
// after so many have been committed, and counts its calls.
class watched_store final : public store {
public:
    using hook = std::function<void(std::size_t committed, std::size_t writing)>;

    watched_store(const std::filesystem::path& db, hook before, std::size_t sessions = 1)
        : inner_(db), before_(std::move(before)), sessions_(sessions) {}

    std::size_t useful_sessions() const override { return sessions_; }
    std::unique_ptr<store_session> open_session() override {
        return std::make_unique<session>(*this, inner_.open_session(), nullptr);
    }
    std::unique_ptr<store_transaction> begin() override {
        auto whole = inner_.begin();
        auto& it = *whole;
        return std::make_unique<session>(*this, std::move(whole), &it);
    }

    std::atomic<std::size_t> committed{0};
    std::atomic<std::size_t> calls{0};

private:
    class session final : public store_transaction {
    public:
        session(watched_store& owner, std::unique_ptr<store_session> inner,
                store_transaction* whole)
            : owner_(owner), inner_(std::move(inner)), whole_(whole) {}

        void commit() override { whole_->commit(); }

        refusal insert(const business& row) override {
            return write(1, [&] { return inner_->insert(row); });
        }
        refusal insert_all(std::span<const business> rows, std::size_t step) override {
            return write(rows.size(), [&] { return inner_->insert_all(rows, step); });
        }
        std::vector<refusal> insert_each(std::span<const business> rows) override {
            owner_.before_(owner_.committed, rows.size());
            ++owner_.calls;
            auto answers = inner_->insert_each(rows);
            for (const refusal& answer : answers) owner_.committed += answer ? 0 : 1;
            return answers;
        }

    private:
        template <class F>
        refusal write(std::size_t rows, F insert) {
            owner_.before_(owner_.committed, rows);
            ++owner_.calls;
            refusal refused = insert();
            if (!refused) owner_.committed += rows;
            return refused;
        }

        watched_store& owner_;
        std::unique_ptr<store_session> inner_;
        store_transaction* whole_;  // the inner one, if it is one
    };

    sqlite_store inner_;
    hook before_;
    std::size_t sessions_;
};

struct fixture {
    test::temporary_folder folder;
    std::filesystem::path book = folder / "book.xlsx";
    std::filesystem::path db = folder / "imported.db";
    rejected_list rejected;
    rejected_sink* sink = &rejected;
    import_options options;

    void write_rows(const std::string& rows, bool with_header = true) const {
        test::write_zip(book, one_sheet((with_header ? header_row() : "") + rows));
    }

    import_report run(import_method method, const runnel::context& ctx = runnel::background()) {
        sqlite_store store(db);
        return run(method, store, ctx);
    }

    import_report run(import_method method, store& into,
                      const runnel::context& ctx = runnel::background()) {
        options.method = method;
        return runnel::run(
            [&] { return importer(runnel::background(), book, options).run(ctx, into, sink); });
    }

    std::uint64_t rows_in_db() const {
        return std::stoull(query(db, "SELECT count(*) FROM businesses"));
    }

    // A table that refuses names that begin with "bad".
    void refuse_bad() const {
        sqlite_store make_table(db);
        test::execute_sql(db,
                          "CREATE TRIGGER refuse BEFORE INSERT ON businesses WHEN NEW.name "
                          "LIKE 'bad%' BEGIN SELECT RAISE(ABORT, 'no bad names'); END");
    }
};

// Each method on each number of workers, with a fresh fixture.
//
// Batches are small: at most sixteen of them share a commit, so that a sheet of 2'000 rows takes
// several, and there is something left to stop.
template <class F>
void each_method(F check) {
    struct restore {
        std::size_t procs = runnel::max_procs();
        ~restore() { runnel::set_max_procs(procs); }
    } const restore_at_end;
    for (const std::size_t procs : test::worker_counts()) {
        runnel::set_max_procs(procs);
        for (const import_method method : all_methods) {
            INFO("method " << static_cast<int>(method) << ", max_procs " << procs);
            fixture f;
            f.options.workers = 8;
            f.options.batch_size = 20;
            check(f, method);
        }
    }
}

std::string failure_text(const import_report& report) {
    return test::message_of([&] {
        if (report.failure) std::rethrow_exception(report.failure);
    });
}

}  // namespace

// ---- 1. the guide's file ----

TEST_CASE("an import tells its progress, and the last of it is its result") {
    each_method([](fixture& f, import_method method) {
        write_sample(f.book, {.rows = 3'000, .bad = 7});
        std::vector<import_progress> told;
        f.options.on_progress = [&](const import_progress& now) { told.push_back(now); };
        const import_report report = f.run(method);
        CHECK(told.size() > 1);
        bool grows = true;
        bool within = true;
        for (std::size_t i = 0; i < told.size(); ++i) {
            within = within && told[i].fraction >= 0 && told[i].fraction <= 1;
            if (i == 0) continue;
            grows = grows && told[i].fraction >= told[i - 1].fraction &&
                    told[i].stats.total_records() >= told[i - 1].stats.total_records() &&
                    told[i].stats.duration >= told[i - 1].stats.duration;
        }
        CHECK(grows);
        CHECK(within);
        CHECK(told.back().fraction > 0.9);
        CHECK(told.back().stats.success_count == report.stats.success_count);
        CHECK(told.back().stats.error_count == 7);
        // The others may have read everything by then.
        if (method == import_method::sequential) CHECK(told.front().fraction < 0.1);
    });
}

TEST_CASE("ten thousand rows, thirteen of them bad: every method says and stores the same") {
    for (const bool constant_memory : {false, true}) {
        const sample_options sample{10'000, 13, constant_memory};
        fixture f;
        write_sample(f.book, sample);
        for (const import_method method : all_methods) {
            INFO("method " << static_cast<int>(method) << ", inline " << constant_memory);
            f.db = f.folder / test::numbered("m", static_cast<std::uint32_t>(method));
            f.rejected.rows.clear();
            const import_report report = f.run(method);
            CHECK(report.ending == import_ending::finished);
            CHECK(report.stats.total_records() == 10'000);
            CHECK(report.stats.success_count == 9'987);
            CHECK(report.stats.error_count == 13);
            CHECK(report.stats.duration.count() > 0);
            CHECK(f.rejected.numbers() == bad_sheet_rows(sample));
            CHECK(f.rejected.ended);
            CHECK(f.rejected.header.text(8) == "Description");
            CHECK(f.rejected.rows.at(0).reason == "insufficient columns: 3 of 9 cells");
            CHECK(f.rejected.rows.at(0).row.width() == 3);
            CHECK(report.first_rejected.size() == 5);
            CHECK(f.rows_in_db() == 9'987);
            CHECK(query(f.db, "SELECT count(DISTINCT name) FROM businesses") == "9987");
        }
        // What was stored is the same, too.
        for (const char* other : {"m1", "m2"}) {
            test::execute_sql(
                f.folder / "m0",
                "ATTACH '" + (f.folder / other).string() +
                    "' AS other; "
                    "CREATE TABLE \"" +
                    std::string(other) +
                    "\" AS "
                    "SELECT name, category, phone, email, address, city, country, "
                    "website, description FROM businesses EXCEPT SELECT name, category, "
                    "phone, email, address, city, country, website, description "
                    "FROM other.businesses");
            CHECK(query(f.folder / "m0", "SELECT count(*) FROM \"" + std::string(other) + "\"") ==
                  "0");
        }
    }
}

TEST_CASE("an odd last batch is counted by its size") {
    for (const std::size_t size : {std::size_t{1}, std::size_t{7}, std::size_t{100}}) {
        fixture f;
        write_sample(f.book, {103, 2, false});
        f.options.batch_size = size;
        const import_report report = f.run(import_method::batch);
        CHECK(report.stats.success_count == 101);
        CHECK(report.stats.error_count == 2);
        CHECK(f.rows_in_db() == 101);
    }
}

TEST_CASE("any number of workers and of sessions counts alike") {
    for (const std::size_t workers : {std::size_t{1}, std::size_t{3}, std::size_t{64}}) {
        for (const import_method method : {import_method::concurrent, import_method::batch}) {
            fixture f;
            write_sample(f.book, {500, 5, false});
            f.options.workers = workers;
            f.options.batch_size = 20;
            watched_store store(f.db, [](std::size_t, std::size_t) {}, 4);
            const import_report report = f.run(method, store);
            CHECK(report.ending == import_ending::finished);
            CHECK(report.stats.success_count == 495);
            CHECK(f.rejected.numbers() == bad_sheet_rows({500, 5, false}));
            CHECK(f.rows_in_db() == 495);
        }
    }
}

TEST_CASE("workers' rows are committed in groups, and batches together") {
    fixture f;
    write_sample(f.book, {400, 0, false});
    f.options.workers = 8;
    watched_store concurrent(f.db, [](std::size_t, std::size_t) {});
    CHECK(f.run(import_method::concurrent, concurrent).stats.success_count == 400);
    CHECK(concurrent.calls < 400);
    f.db = f.folder / "batch.db";
    watched_store batch(f.db, [](std::size_t, std::size_t) {});
    CHECK(f.run(import_method::batch, batch).stats.success_count == 400);
    CHECK(batch.calls <= 4);
}

// ---- 2. rows ----

TEST_CASE(
    "short rows are rejected, rows with empty last cells are not, blank rows are passed over") {
    each_method([](fixture& f, import_method method) {
        f.write_rows(business_row(2, "a") + text_row(3, {"short", "shop", "1", "e", "s", "t"}) +
                     "<row r=\"4\"/>" + text_row(5, {"", "", " "}) +
                     text_row(7, {"b", "", "", "", "", "", "", "", ""}) +
                     "<row r=\"8\"><c r=\"A8\" t=\"inlineStr\"><is><t>gap</t></is></c>"
                     "<c r=\"I8\" t=\"inlineStr\"><is><t>end</t></is></c></row>");
        const import_report report = f.run(method);
        CHECK(report.stats.success_count == 3);
        CHECK(report.stats.error_count == 1);
        CHECK(report.skipped_count == 2);
        CHECK(f.rejected.numbers() == std::vector<std::uint32_t>{3});
        CHECK(f.rejected.rows.at(0).reason == "insufficient columns: 6 of 9 cells");
        CHECK(query(f.db,
                    "SELECT category || '|' || description FROM businesses WHERE "
                    "name = 'gap'") == "|end");
    });
}

TEST_CASE("short rows can be completed instead") {
    fixture f;
    f.write_rows(text_row(2, {"short", "shop"}));
    f.options.checks.pad_short = true;
    CHECK(f.run(import_method::batch).stats.success_count == 1);
    CHECK(query(f.db, "SELECT category || '|' || city FROM businesses") == "shop|");
}

TEST_CASE("faulty cells reject their rows, each with its reason") {
    each_method([](fixture& f, import_method method) {
        const std::string rest = "<c/><c/><c/><c/><c/><c/><c r=\"I9\"/></row>";
        const std::string name = "<c t=\"inlineStr\"><is><t>n</t></is></c>";
        f.write_rows("<row r=\"2\">" + name + "<c t=\"e\"><v>#N/A</v></c>" + rest +
                     "<row r=\"3\">" + name + "<c><f>1+1</f></c>" + rest + "<row r=\"4\">" + name +
                     "<c><v>x1</v></c>" + rest + "<row r=\"5\"><c/><c><v>1</v></c>" + rest +
                     "<row r=\"6\">" + name + "<c t=\"str\"><v>a_x0000_b</v></c>" + rest +
                     "<row r=\"7\">" + name + "<c t=\"str\"><v>" + std::string(32'768, 'x') +
                     "</v></c>" + rest + "<row r=\"8\">" + name + "<c t=\"b\"><v>1</v></c>" + rest);
        const import_report report = f.run(method);
        CHECK(report.stats.success_count == 1);
        REQUIRE(f.rejected.numbers() == std::vector<std::uint32_t>{2, 3, 4, 5, 6, 7});
        CHECK(f.rejected.rows[0].reason == "cell B2 holds the error #N/A");
        CHECK(f.rejected.rows[1].reason == "cell B3 holds a formula without its result");
        CHECK(f.rejected.rows[2].reason == "cell B4 holds \"x1\", which is not of the cell's type");
        CHECK(f.rejected.rows[3].reason == "the name is empty");
        CHECK(f.rejected.rows[4].reason == "cell B6 holds a NUL character");
        CHECK(f.rejected.rows[5].reason == "cell B7 is longer than a cell may be");
        CHECK(query(f.db, "SELECT category FROM businesses") == "TRUE");
    });
}

namespace {

std::string row_with(std::uint32_t number, const std::string& email, const std::string& site,
                     const std::string& name = "n") {
    return text_row(number, {name, "", "", email, "", "", "", site, ""});
}

}  // namespace

TEST_CASE("rows are rejected for their emails and websites if asked") {
    fixture f;
    const auto row = [](std::uint32_t number, const std::string& email, const std::string& site) {
        return row_with(number, email, site);
    };
    f.write_rows(row(2, "a@b.c", "www.x.y/z") + row(3, "ab.c", "") + row(4, "", "nowhere") +
                 row(5, "", "") + row(6, "a@b", "https://x.y"));
    CHECK(f.run(import_method::batch).stats.error_count == 0);
    f.options.checks.check_formats = true;
    const import_report report = f.run(import_method::batch);
    CHECK(f.rejected.numbers() == std::vector<std::uint32_t>{3, 4, 6});
    CHECK(f.rejected.rows[0].reason == "the email is not an address");
    CHECK(f.rejected.rows[1].reason == "the website is not a URL");
    for (const named_warning& each : row_warnings) {
        CHECK(report.stats.warnings.of(each.warning) == 0);
    }
}

TEST_CASE("else they are warnings, which are counted of the rows that are committed") {
    each_method([](fixture& f, import_method method) {
        f.refuse_bad();
        std::string rows = row_with(2, "ab.c", "") + row_with(3, "a@b.c", "nowhere") +
                           row_with(4, "a@b", "no where.com") + row_with(5, "", "") +
                           row_with(6, "a@b.c", "https://x.y/z") +
                           row_with(7, "ab.c", "nowhere", "bad") +  // for the database
                           text_row(8, {"short", "", "", "ab.c"});
        for (std::uint32_t row = 9; row < 109; ++row) {
            rows += row_with(row, row % 4 == 0 ? "a b@c.d" : "a@b.c", "x.y");
        }
        f.write_rows(rows);
        const import_report report = f.run(method);
        CHECK(report.stats.success_count == 105);
        CHECK(f.rejected.numbers() == std::vector<std::uint32_t>{7, 8});
        CHECK(report.stats.warnings.of(row_warning::email) == 2 + 25);
        CHECK(report.stats.warnings.of(row_warning::website) == 2);
    });
}

namespace {

// Takes every row, and keeps how many came at once.
class counting_store final : public store {
public:
    std::size_t useful_sessions() const override { return 1; }
    std::unique_ptr<store_session> open_session() override {
        class session final : public store_session {
        public:
            explicit session(std::size_t& most) : most_(most) {}
            refusal insert(const business&) override { return std::nullopt; }
            refusal insert_all(std::span<const business> rows, std::size_t) override {
                most_ = std::max(most_, rows.size());
                return std::nullopt;
            }
            std::vector<refusal> insert_each(std::span<const business> rows) override {
                return std::vector<refusal>(rows.size());
            }

        private:
            std::size_t& most_;
        };
        return std::make_unique<session>(most);
    }

    std::size_t most = 0;
};

}  // namespace

TEST_CASE("rows with thousands of empty cells go by few at a time") {
    fixture f;
    std::string rows;
    for (std::uint32_t i = 2; i <= 301; ++i) {
        std::string row = business_row(i, "x");
        rows += row.replace(row.find("</row>"), 6, "<c r=\"XFD\"/></row>");
    }
    f.write_rows(rows);
    for (const import_method method :
         {import_method::batch, import_method::pipeline, import_method::copy}) {
        counting_store db;
        f.options.method = method;
        const import_report report = importer(runnel::background(), f.book, f.options)
                                         .run(runnel::background(), db, nullptr);
        CHECK(report.stats.success_count == 300);
        // A row is a quarter of a megabyte: a few in a piece, and not more than sixteen pieces.
        CHECK(db.most <= 80);
    }
}

// ---- 3. headers ----

TEST_CASE("columns are found by their titles, in any order and spelling") {
    fixture f;
    f.write_rows(text_row(1, {"No.", "DESCRIPTION", "Web Site", "country", "City", "Street address",
                              "E-Mail", "Phone number", "Category", "Company"}) +
                     text_row(2, {"1", "d", "w", "co", "ci", "a", "e", "p", "ca", "n"}) +
                     text_row(3, {"2", "d", "w"}),
                 false);
    f.options.method = import_method::sequential;
    importer job(runnel::background(), f.book, f.options);
    CHECK(job.columns().ignored() == std::vector<std::string>{"No."});
    const import_report report = f.run(import_method::sequential);
    CHECK(report.stats.success_count == 1);
    CHECK(f.rejected.rows.at(0).reason == "insufficient columns: 3 of 10 cells");
    CHECK(query(f.db,
                "SELECT name || category || phone || email || address || city || country || "
                "website || description FROM businesses") == "ncapeacicowd");
}

TEST_CASE("what nobody sees of a title or a name counts for nothing") {
    const std::vector<std::string> unseen = {"\xC2\xA0",     "\xE2\x80\x8B", "\xE2\x80\xAF",
                                             "\xEF\xBB\xBF", "\t",           "\xC2\xAD",
                                             "\xE3\x80\x80"};
    for (const std::string& some : unseen) {
        INFO(some);
        fixture f;
        f.write_rows(text_row(1, {"Name", "Phone" + some, some + "Category", "E" + some + "mail",
                                  "Address", "City", "Country", "Website", "Description", some}) +
                         text_row(2, {"n", "p", "ca", "e", "a", "ci", "co", "w", "d"}) +
                         text_row(3, {some, "p", "ca", "e", "a", "ci", "co", "w", "d"}) +
                         text_row(4, {some + "n", "p", "ca", "e", "a", "ci", "co", "w", "d"}),
                     false);
        CHECK(importer(runnel::background(), f.book, f.options).columns().ignored().empty());
        CHECK(f.run(import_method::batch).stats.success_count == 2);
        CHECK(query(f.db, "SELECT phone || category || email FROM businesses") == "pcae");
        CHECK(f.rejected.rows.at(0).reason == "the name is empty");
    }
    // But for these a title is what it was.
    CHECK(unseen_at("\xC3\xA9") == 0);
    CHECK(unseen_at("\xE2\x80\x93") == 0);
    CHECK(unseen_at("\xC2") == 0);
    CHECK(unseen_at("") == 0);
    CHECK_FALSE(is_blank(" x"));
}

TEST_CASE("row 1 is the header even if none of its titles is known") {
    fixture f;
    f.write_rows(text_row(1, {"Firma", "Branche"}) + business_row(2, "x"), false);
    CHECK(f.run(import_method::batch).stats.success_count == 1);
    CHECK(query(f.db, "SELECT name || city FROM businesses") == "xTown");
}

TEST_CASE("a sheet that begins below row 1 loses no row") {
    fixture f;
    f.write_rows(business_row(3, "x") + business_row(4, "y"), false);
    CHECK(f.run(import_method::batch).stats.success_count == 2);
    f.write_rows("<row r=\"1\"/>" + text_row(3, {"Name", "Category"}) + business_row(4, "y"),
                 false);
    CHECK(f.run(import_method::batch).stats.success_count == 1);
}

TEST_CASE("a field whose place is taken by another one is missed before anything is written") {
    fixture f;
    f.write_rows(text_row(1, {"Name", "Email"}) + business_row(2, "x"), false);
    CHECK(test::message_of([&] { importer(runnel::background(), f.book, f.options); }) ==
          "has no column titled \"category\", and column B where it would be is titled \"Email\"");
}

TEST_CASE("a sheet with nothing below its header is refused") {
    fixture f;
    for (const std::string& rows : {std::string(), "<row r=\"5\"/>" + text_row(6, {"", " "})}) {
        f.write_rows(rows);
        CHECK(test::message_of([&] { importer(runnel::background(), f.book, f.options); }) ==
              "has no rows below the header in sheet \"Data\"");
    }
    f.write_rows({}, false);
    CHECK(test::contains(
        test::message_of([&] { importer(runnel::background(), f.book, f.options); }), "no rows"));
}

// ---- 4. a database that refuses rows ----

TEST_CASE("bad rows sink neither their batch nor their group") {
    each_method([](fixture& f, import_method method) {
        f.refuse_bad();
        std::string rows;
        std::vector<std::uint32_t> bad;
        for (std::uint32_t row = 2; row < 502; ++row) {
            // alone, in pairs, many in one batch, at both ends
            const bool is_bad = row == 2 || row == 77 || row == 78 || row == 501 ||
                                (row > 300 && row < 400 && row % 9 == 0);
            if (is_bad) bad.push_back(row);
            rows += business_row(row, (is_bad ? "bad" : "good") + std::to_string(row));
        }
        f.write_rows(rows);
        const import_report report = f.run(method);
        CHECK(report.ending == import_ending::finished);
        CHECK(report.stats.error_count == bad.size());
        CHECK(report.stats.success_count == 500 - bad.size());
        CHECK(f.rejected.numbers() == bad);
        CHECK(f.rejected.rows.at(0).reason == "no bad names");
        CHECK(f.rows_in_db() == 500 - bad.size());
    });
}

TEST_CASE("one bad row among a hundred costs a few statements, not a hundred") {
    fixture f;
    f.refuse_bad();
    std::string rows;
    for (std::uint32_t row = 2; row < 102; ++row) {
        rows += business_row(row, (row == 60 ? "bad" : "good") + std::to_string(row));
    }
    f.write_rows(rows);
    watched_store store(f.db, [](std::size_t, std::size_t) {});
    CHECK(f.run(import_method::batch, store).stats.success_count == 99);
    CHECK(store.calls < 20);
}

// ---- 5. reasons ----

TEST_CASE("the report says how many rows were rejected for what") {
    each_method([](fixture& f, import_method method) {
        f.refuse_bad();
        std::string rows;
        for (std::uint32_t row = 2; row < 202; ++row) {
            if (row % 20 == 2) {
                rows += text_row(row, std::vector<std::string>(1 + row % 7, "short"));
            } else if (row % 50 == 0) {
                rows += text_row(row, {" ", "no", "name", "", "", "", "", "", "."});
            } else {
                rows += business_row(row, test::numbered(row % 40 == 7 ? "bad" : "good", row));
            }
        }
        f.write_rows(rows);
        const import_report report = f.run(method);
        CHECK(report.stats.error_count == 19);
        CHECK(report.reasons == std::vector<reason_count>{{"insufficient columns", 10},
                                                          {"no bad names", 5},
                                                          {"the name is empty", 4}});
    });
}

TEST_CASE("rows that are stored already are one reason, whatever their ids") {
    fixture f;
    write_sample(f.book, {30, 0, false});
    CHECK(f.run(import_method::batch).reasons.empty());
    sqlite_store strict(f.db, conflict_rule::error);
    CHECK(f.run(import_method::batch, strict).reasons ==
          std::vector<reason_count>{
              {"name, phone and email are those of the stored business …", 30}});
}

TEST_CASE("a database's words are one reason without the row's own") {
    CHECK(kind_of_refusal("no bad names") == "no bad names");
    CHECK(kind_of_refusal("duplicate key value violates unique constraint \"one_name_2\" "
                          "(Key (name)=(a b) already exists.)") ==
          "duplicate key value violates unique constraint \"one_name_2\"");
    CHECK(kind_of_refusal("invalid byte sequence for encoding \"UTF8\": 0xe9 0x20 0x41") ==
          "invalid byte sequence for encoding \"UTF8\": …");
    CHECK(kind_of_refusal("index row size 30016 exceeds 2704") == "index row size … exceeds …");
    CHECK(kind_of_refusal("(all of it)") == "(all of it)");
    CHECK(kind_of_refusal("") == "");
}

TEST_CASE("reasons are counted one by one, but no more than a handful") {
    reason_counts counts;
    const auto reject = [&](const std::string& reason, std::string_view kind = {}) {
        counts.add({reason, sheet_row(1), kind});
    };
    reject("cell A1 holds …", "a cell holds");
    for (int i = 0; i < 3; ++i) reject("twice");
    reject("cell B2 holds …", "a cell holds");
    for (std::size_t i = 0; i < 2 * reason_counts::most_reasons; ++i) {
        reject("for " + std::string(i + 1, 'x'));
    }
    const auto sorted = counts.sorted();
    REQUIRE(sorted.size() == reason_counts::most_reasons + 1);
    CHECK(sorted[0] == reason_count{"twice", 3});
    CHECK(sorted[1] == reason_count{"a cell holds", 2});
    CHECK(sorted[2] == reason_count{"for x", 1});
    CHECK(sorted.back() ==
          reason_count{std::string(reason_counts::other_reasons), reason_counts::most_reasons + 2});
    CHECK(counts.refused() == 3 + 2 * reason_counts::most_reasons);
}

// ---- 6. stopping early ----

TEST_CASE("a cancelled import reports exactly what it has committed") {
    each_method([](fixture& f, import_method method) {
        write_sample(f.book, {2'000, 20, false});
        runnel::cancel_context ctx = runnel::with_cancel(runnel::background());
        watched_store store(f.db, [&](std::size_t committed, std::size_t) {
            if (committed >= 300) ctx.cancel();
        });
        const import_report report = f.run(method, store, ctx);
        CHECK(report.ending == import_ending::canceled);
        CHECK(report.stats.success_count >= 300);
        CHECK(report.stats.success_count < 1'980);
        CHECK(report.stats.success_count == f.rows_in_db());
        CHECK(report.stats.error_count == f.rejected.rows.size());
        CHECK(f.rejected.ended);
    });
}

TEST_CASE("an import that is cancelled before it begins writes nothing") {
    each_method([](fixture& f, import_method method) {
        write_sample(f.book, {50, 0, false});
        runnel::cancel_context ctx = runnel::with_cancel(runnel::background());
        ctx.cancel();
        const import_report report = f.run(method, ctx);
        CHECK(report.ending == import_ending::canceled);
        CHECK(report.stats.total_records() == 0);
        CHECK(f.rows_in_db() == 0);
    });
}

TEST_CASE("opening a workbook ends with the context") {
    fixture f;
    runnel::cancel_context ctx = runnel::with_cancel(runnel::background());
    ctx.cancel();
    const auto fault = [&] { return test::message_of([&] { importer(ctx, f.book, f.options); }); };
    write_sample(f.book, {50, 0, false});  // in the shared strings
    CHECK(fault() == "context canceled");
    f.write_rows("<row r=\"2\"/>" + business_row(3, "x"));  // in the blank rows
    CHECK(fault() == "context canceled");
}

TEST_CASE("a lock that is no longer waited for is part of the cancellation") {
    each_method([](fixture& f, import_method method) {
        write_sample(f.book, {2'000, 0, false});
        runnel::cancel_context ctx = runnel::with_cancel(runnel::background());
        watched_store store(f.db, [&](std::size_t committed, std::size_t) {
            if (committed < 100) return;
            ctx.cancel();
            throw store_error("database is locked");
        });
        const import_report report = f.run(method, store, ctx);
        CHECK(report.ending == import_ending::canceled);
        CHECK(report.stats.success_count == f.rows_in_db());
    });
}

TEST_CASE("a database that fails in the middle ends the import with the truth") {
    each_method([](fixture& f, import_method method) {
        write_sample(f.book, {2'000, 0, false});
        watched_store store(f.db, [](std::size_t committed, std::size_t) {
            if (committed >= 250) throw store_error("disk full");
        });
        const import_report report = f.run(method, store);
        CHECK(report.ending == import_ending::failed);
        CHECK(failure_text(report) == "disk full");
        CHECK(report.stats.success_count >= 250);
        CHECK(report.stats.success_count < 2'000);
        CHECK(report.stats.error_count == 0);
        CHECK(report.stats.success_count == f.rows_in_db());
    });
}

TEST_CASE("rows that were committed one by one before a failure are counted") {
    each_method([](fixture& f, import_method method) {
        {
            sqlite_store make_table(f.db);
            test::execute_sql(f.db,
                              "CREATE TRIGGER refuse BEFORE INSERT ON businesses WHEN NEW.name "
                              "LIKE 'bad%' BEGIN SELECT RAISE(ROLLBACK, 'no bad names'); END; "
                              "CREATE TRIGGER fail BEFORE INSERT ON businesses WHEN NEW.name = "
                              "'broken' BEGIN SELECT abs(-9223372036854775808); END");
        }
        // One batch whose first rows make it ask for each row. Its last four, which one worker
        // takes, are a good one, a bad one that ends the transaction, a good one, and the failure.
        std::string rows;
        for (std::uint32_t row = 2; row <= 21; ++row) {
            const bool is_bad = row < 10 || row == 19;
            rows += business_row(
                row, row == 21 ? "broken" : test::numbered(is_bad ? "bad" : "good", row));
        }
        f.write_rows(rows);
        const import_report report = f.run(method);
        CHECK(report.ending == import_ending::failed);
        CHECK(failure_text(report) == "integer overflow");
        CHECK(report.stats.success_count == f.rows_in_db());
        CHECK(report.stats.error_count == f.rejected.rows.size());
        // Workers may come to the failure first; even then its job's good rows precede it.
        const bool in_order = method != import_method::concurrent;
        CHECK(report.stats.success_count >= (in_order ? 10 : 2));
        CHECK(report.stats.error_count >= (in_order ? 9 : 1));
    });
}

TEST_CASE("a store that cannot open a session fails the import and hangs nobody") {
    struct closed_store final : store {
        std::size_t useful_sessions() const override { return 2; }
        std::unique_ptr<store_session> open_session() override {
            throw store_error("no connection");
        }
    };
    each_method([](fixture& f, import_method method) {
        write_sample(f.book, {1'000, 0, false});
        closed_store store;
        const import_report report = f.run(method, store);
        CHECK(report.ending == import_ending::failed);
        CHECK(failure_text(report) == "no connection");
        CHECK(report.stats.total_records() == 0);
    });
}

TEST_CASE("the rows above the damage are imported, by every method alike") {
    each_method([](fixture& f, import_method method) {
        std::string rows;
        for (std::uint32_t row = 2; row <= 251; ++row)
            rows += business_row(row, test::numbered("n", row));
        f.write_rows(rows + "<row r=\"9\"/>");
        const import_report report = f.run(method);
        CHECK(report.ending == import_ending::failed);
        CHECK(failure_text(report) == "is damaged: row 9 follows row 251");
        CHECK(report.stats.success_count == 250);
        CHECK(f.rows_in_db() == 250);
    });
}

TEST_CASE("too many rejected rows end the import") {
    each_method([](fixture& f, import_method method) {
        write_sample(f.book, {2'000, 1'000, false});
        f.options.max_errors = 10;
        f.options.batch_size = 5;  // so that fewer rows than there are can be on their way
        const import_report report = f.run(method);
        CHECK(report.ending == import_ending::failed);
        CHECK(failure_text(report) == "more than 10 rows were rejected");
        CHECK(report.stats.error_count > 10);
        CHECK(report.stats.total_records() < 2'000);
        CHECK(report.stats.success_count == f.rows_in_db());
    });
}

TEST_CASE("as many rejected rows as are allowed do no harm") {
    fixture f;
    write_sample(f.book, {100, 10, false});
    f.options.max_errors = 10;
    CHECK(f.run(import_method::batch).ending == import_ending::finished);
}

TEST_CASE("rejected rows that cannot be told fail the import") {
    each_method([](fixture& f, import_method method) {
        write_sample(f.book, {2'000, 100, false});
        full_sink sink(/*at_end=*/false);
        f.sink = &sink;
        const import_report report = f.run(method);
        CHECK(report.ending == import_ending::failed);
        CHECK(failure_text(report) == "full");
        CHECK(report.stats.success_count == f.rows_in_db());
    });
}

TEST_CASE("what a lost database leaves unknown is told, even of a cancelled import") {
    each_method([](fixture& f, import_method method) {
        write_sample(f.book, {2'000, 0, false});
        runnel::cancel_context ctx = runnel::with_cancel(runnel::background());
        watched_store store(f.db, [&](std::size_t committed, std::size_t) {
            if (committed < 200) return;
            ctx.cancel();
            throw commit_unknown("not known");
        });
        const import_report report = f.run(method, store, ctx);
        CHECK(report.ending == import_ending::failed);
        CHECK(failure_text(report) == "not known");
        CHECK(report.stats.success_count >= 200);
        CHECK(report.stats.success_count == f.rows_in_db());
    });
}

TEST_CASE("of several failures the first is told, or the first that leaves something unknown") {
    import_run run(runnel::background());
    const auto told = [&run](std::exception_ptr failure) {
        run.remember(std::move(failure));
        return test::message_of([&] { std::rethrow_exception(run.failure()); });
    };
    CHECK(told(std::make_exception_ptr(store_error("a"))) == "a");
    CHECK(told(std::make_exception_ptr(store_error("b"))) == "a");
    CHECK(told(std::make_exception_ptr(commit_unknown("c"))) == "c");
    CHECK(told(std::make_exception_ptr(commit_unknown("d"))) == "c");
    CHECK(told(std::make_exception_ptr(store_error("e"))) == "c");
}

TEST_CASE("an import leaves no goroutine behind") {
    for (const import_method method : all_methods) {
        fixture f;
        write_sample(f.book, {300, 3, false});
        f.options.method = method;
        sqlite_store store(f.db);
        bool alone = false;
        runnel::run([&] {
            const auto before = runnel::num_goroutine();
            importer(runnel::background(), f.book, f.options)
                .run(runnel::background(), store, nullptr);
            alone = test::eventually([&] { return runnel::num_goroutine() <= before; });
        });
        CHECK(alone);
    }
}

// ---- 7. all or nothing ----

namespace {

// Ten rows that were there before.
void store_ten(const fixture& f) {
    sqlite_store store(f.db);
    const auto session = store.open_session();
    business row;
    row.fields.fill("old");
    session->insert_all(std::vector<business>(10, row), 10);
}

void check_undone(const fixture& f, const import_report& report, import_ending ending) {
    CHECK(report.ending == ending);
    CHECK(report.stats.success_count == 0);
    CHECK(report.stats.total_records() == report.stats.error_count);
    CHECK(report.stats.error_count == f.rejected.rows.size());
    CHECK(f.rejected.ended);
    CHECK(f.rows_in_db() == 10);
    CHECK(query(f.db, "SELECT count(*) FROM businesses WHERE name = 'old'") == "10");
}

}  // namespace

TEST_CASE("all rows become visible together, at the end") {
    each_method([](fixture& f, import_method method) {
        store_ten(f);
        write_sample(f.book, {1'000, 7, false});
        f.options.all_or_nothing = true;
        std::uint64_t told = 0;
        std::uint64_t seen = 0;
        f.options.on_progress = [&](const import_progress& now) {
            told = now.stats.success_count;
            seen = std::max(seen, f.rows_in_db());
        };
        const import_report report = f.run(method);
        CHECK(report.ending == import_ending::finished);
        CHECK(report.stats.success_count == 993);
        CHECK(report.stats.error_count == 7);
        CHECK(report.stats.rolled_back_count == 0);
        CHECK(f.rejected.numbers() == bad_sheet_rows({1'000, 7, false}));
        CHECK(told == 993);
        CHECK(seen == 10);
        CHECK(f.rows_in_db() == 1'003);
    });
}

TEST_CASE("rows that the database refuses undo all, and all of them are told") {
    each_method([](fixture& f, import_method method) {
        store_ten(f);
        f.refuse_bad();
        std::string rows;
        std::vector<std::uint32_t> bad;
        for (std::uint32_t row = 2; row < 402; ++row) {
            const bool is_bad = row == 2 || row == 401 || (row > 200 && row < 300 && row % 9 == 0);
            if (is_bad || row == 77) bad.push_back(row);
            rows += row == 77 ? text_row(row, {"short", "", "", "ab.c"})
                              : business_row(row, test::numbered(is_bad ? "bad" : "good", row));
        }
        f.write_rows(rows);
        f.options.all_or_nothing = true;
        const import_report report = f.run(method);
        check_undone(f, report, import_ending::refused);
        CHECK(f.rejected.numbers() == bad);
        CHECK(report.refused_count == bad.size() - 1);
        CHECK(report.stats.rolled_back_count == 400 - bad.size());
        CHECK_FALSE(report.failure);
    });
}

TEST_CASE("warnings about rows that are undone are none") {
    fixture f;
    store_ten(f);
    f.refuse_bad();
    f.write_rows(row_with(2, "ab.c", "") + row_with(3, "ab.c", "", "bad"));
    f.options.all_or_nothing = true;
    const import_report report = f.run(import_method::batch);
    check_undone(f, report, import_ending::refused);
    CHECK(report.stats.warnings.of(row_warning::email) == 0);
}

TEST_CASE("a database that rolls back by itself fails the import, and nothing is left of it") {
    each_method([](fixture& f, import_method method) {
        store_ten(f);
        test::execute_sql(f.db,
                          "CREATE TRIGGER refuse BEFORE INSERT ON businesses WHEN NEW.name = "
                          "'bad' BEGIN SELECT RAISE(ROLLBACK, 'no bad names'); END");
        std::string rows;
        for (std::uint32_t row = 2; row < 202; ++row) {
            rows += business_row(row, row == 150 ? "bad" : test::numbered("good", row));
        }
        f.write_rows(rows);
        f.options.all_or_nothing = true;
        const import_report report = f.run(method);
        check_undone(f, report, import_ending::failed);
        CHECK(failure_text(report) == "the database has rolled everything back: no bad names");
    });
}

TEST_CASE("whatever ends an import early undoes it") {
    each_method([](fixture& f, import_method method) {
        store_ten(f);
        write_sample(f.book, {2'000, 100, false});
        f.options.all_or_nothing = true;
        {
            INFO("cancelled");
            runnel::cancel_context ctx = runnel::with_cancel(runnel::background());
            watched_store store(f.db, [&](std::size_t committed, std::size_t) {
                if (committed >= 300) ctx.cancel();
            });
            const import_report report = f.run(method, store, ctx);
            check_undone(f, report, import_ending::canceled);
            CHECK(report.stats.rolled_back_count >= 300);
            CHECK(report.stats.rolled_back_count < 1'900);
        }
        {
            INFO("too many errors");
            f.rejected.rows.clear();
            f.rejected.ended = false;
            f.options.max_errors = 50;
            const import_report report = f.run(method);
            check_undone(f, report, import_ending::failed);
            CHECK(failure_text(report) == "more than 50 rows were rejected");
            f.options.max_errors.reset();
        }
        {
            INFO("damage");
            f.rejected.rows.clear();
            f.rejected.ended = false;
            std::string rows;
            for (std::uint32_t row = 2; row <= 251; ++row) {
                rows += business_row(row, test::numbered("n", row));
            }
            f.write_rows(rows + "<row r=\"9\"/>");
            const import_report report = f.run(method);
            check_undone(f, report, import_ending::failed);
            CHECK(failure_text(report) == "is damaged: row 9 follows row 251");
            CHECK(report.stats.rolled_back_count == 250);
        }
    });
}

TEST_CASE("rejected rows that cannot be told undo an import before it is committed") {
    fixture f;
    store_ten(f);
    write_sample(f.book, {200, 1, false});
    f.options.all_or_nothing = true;
    full_sink sink(/*at_end=*/true);
    f.sink = &sink;
    const import_report report = f.run(import_method::batch);
    CHECK(report.ending == import_ending::failed);
    CHECK(failure_text(report) == "full");
    CHECK(report.stats.rolled_back_count == 199);
    CHECK(f.rows_in_db() == 10);
}

TEST_CASE("a single rejected row undoes all if no more are allowed") {
    fixture f;
    store_ten(f);
    write_sample(f.book, {200, 1, false});
    f.options.all_or_nothing = true;
    f.options.max_errors = 0;
    check_undone(f, f.run(import_method::batch), import_ending::failed);
}

TEST_CASE("rows that are stored already meet the conflict rule within one transaction too") {
    each_method([](fixture& f, import_method method) {
        f.options.all_or_nothing = true;
        f.write_rows(business_row(2, "a") + business_row(3, "b") + business_row(4, "a"));
        sqlite_store skip(f.db, conflict_rule::skip);
        CHECK(f.run(method, skip).stats.success_count == 3);
        CHECK(f.rows_in_db() == 2);
        sqlite_store update(f.db, conflict_rule::update);
        CHECK(f.run(method, update).stats.success_count == 3);
        CHECK(f.rows_in_db() == 2);
        f.write_rows(business_row(2, "c") + business_row(3, "b"));
        sqlite_store error(f.db, conflict_rule::error);
        const import_report report = f.run(method, error);
        CHECK(report.ending == import_ending::refused);
        CHECK(report.refused_count == 1);
        CHECK(f.rows_in_db() == 2);
    });
}

namespace {

// One whose commit ends as it is told.
class store_with_commit final : public store {
public:
    explicit store_with_commit(std::function<void()> commit) : commit_(std::move(commit)) {}

    std::size_t useful_sessions() const override { return 1; }
    std::unique_ptr<store_session> open_session() override { return begin(); }
    std::unique_ptr<store_transaction> begin() override {
        return std::make_unique<transaction>(commit_);
    }

private:
    class transaction final : public store_transaction {
    public:
        explicit transaction(const std::function<void()>& commit) : commit_(commit) {}
        refusal insert(const business&) override { return std::nullopt; }
        refusal insert_all(std::span<const business>, std::size_t) override { return std::nullopt; }
        std::vector<refusal> insert_each(std::span<const business> rows) override {
            return std::vector<refusal>(rows.size());
        }
        void commit() override { commit_(); }

    private:
        const std::function<void()>& commit_;
    };

    std::function<void()> commit_;
};

}  // namespace

TEST_CASE("a commit that fails is the end of all, and one whose end is not known is not guessed") {
    each_method([](fixture& f, import_method method) {
        write_sample(f.book, {100, 1, false});
        f.options.all_or_nothing = true;
        store_with_commit full([] { throw store_error("disk full"); });
        import_report report = f.run(method, full);
        CHECK(report.ending == import_ending::failed);
        CHECK(failure_text(report) == "disk full");
        CHECK(report.stats.success_count == 0);
        CHECK(report.stats.rolled_back_count == 99);

        store_with_commit lost([] { throw commit_unknown("not known"); });
        report = f.run(method, lost);
        CHECK(report.ending == import_ending::failed);
        CHECK(failure_text(report) == "not known");
        CHECK(report.stats.success_count == 0);
        CHECK(report.stats.rolled_back_count == 0);

        // A cancellation at the very end does not make success of it.
        runnel::cancel_context ctx = runnel::with_cancel(runnel::background());
        store_with_commit given_up([&] {
            ctx.cancel();
            throw store_error("database is locked");
        });
        report = f.run(method, given_up, ctx);
        CHECK(report.ending == import_ending::canceled);
        CHECK(report.stats.success_count == 0);
    });
}

TEST_CASE("a store without transactions says so") {
    fixture f;
    write_sample(f.book, {10, 0, false});
    f.options.all_or_nothing = true;
    struct plain_store final : store {
        explicit plain_store(const std::filesystem::path& db) : inner(db) {}
        std::size_t useful_sessions() const override { return 1; }
        std::unique_ptr<store_session> open_session() override { return inner.open_session(); }
        sqlite_store inner;
    } store(f.db);
    const import_report report = f.run(import_method::batch, store);
    CHECK(report.ending == import_ending::failed);
    CHECK(failure_text(report) == "this database cannot store all or nothing");
    CHECK(f.rows_in_db() == 0);
}

// ---- 8. numbers ----

TEST_CASE("a second import after a cancelled one adds exactly what it says") {
    fixture f;
    write_sample(f.book, {1'000, 10, false});
    runnel::cancel_context ctx = runnel::with_cancel(runnel::background());
    watched_store store(f.db, [&](std::size_t committed, std::size_t) {
        if (committed >= 200) ctx.cancel();
    });
    const auto first = f.run(import_method::concurrent, store, ctx).stats.success_count;
    CHECK(f.rows_in_db() == first);
    CHECK(f.run(import_method::concurrent).stats.success_count == 990);
    CHECK(f.rows_in_db() == first + 990);

    // With a natural key the rest is completed, and nothing is doubled.
    std::filesystem::remove(f.db);
    runnel::cancel_context again = runnel::with_cancel(runnel::background());
    watched_store half(f.db, [&](std::size_t committed, std::size_t) {
        if (committed >= 200) again.cancel();
    });
    f.run(import_method::batch, half, again);
    sqlite_store skip(f.db, conflict_rule::skip);
    CHECK(f.run(import_method::batch, skip).stats.success_count == 990);
    CHECK(f.rows_in_db() == 990);
}

TEST_CASE("durations are written as Go writes them") {
    using namespace std::chrono_literals;
    CHECK(duration_text(0ns) == "0s");
    CHECK(duration_text(1'500ns) == "2µs");
    CHECK(duration_text(153'200us) == "153.2ms");
    CHECK(duration_text(45'200ms) == "45.2s");
    CHECK(duration_text(1'234'567'891ns) == "1.235s");
    CHECK(duration_text(90'500ms) == "1m30.5s");
    CHECK(duration_text(3'600s) == "1h0m0s");
    CHECK(duration_text(999'999'900ns) == "1s");
}

TEST_CASE("the statistics are the guide's object, with numbers that are numbers") {
    import_stats stats;
    CHECK(stats.records_per_second() == 0);
    stats.success_count = 9'987;
    stats.error_count = 13;
    stats.duration = std::chrono::milliseconds(500);
    CHECK(to_json(stats) ==
          "{\n  \"total_records\": 10000,\n  \"success_count\": 9987,\n  \"error_count\": 13,\n"
          "  \"duration\": \"500ms\",\n  \"records_per_second\": 19974.0\n}");

    // More than the guide's only where there is more to say.
    stats.warnings.add(row_warning::website);
    stats.rolled_back_count = 7;
    stats.dry_run = true;
    CHECK(to_json(stats) ==
          "{\n  \"total_records\": 10000,\n  \"success_count\": 9987,\n  \"error_count\": 13,\n"
          "  \"duration\": \"500ms\",\n  \"records_per_second\": 19974.0,\n"
          "  \"warnings\": {\n    \"website\": 1\n  },\n  \"rolled_back_count\": 7,\n  "
          "\"dry_run\": true\n}");
}

TEST_CASE("rejected rows are written as CSV, guarded against being run as formulas") {
    const test::temporary_folder folder;
    const auto row = [](std::uint32_t number, const std::vector<std::string>& cells) {
        sheet_row result(number);
        for (std::size_t i = 0; i < cells.size(); ++i) result.set(i, cell_kind::text, cells[i]);
        return result;
    };
    rejected_csv csv(folder / "errors.csv");
    csv.begin(row(1, {"Name", "Phone, all", "Note"}));
    csv.add({"short, very", row(7, {"=1+1", "+256 7"})});
    csv.add({"x", row(8, {"@a\"b", "-1", "two\nlines", "extra"})});
    csv.add({"y", row(9, {"Zürich"})});
    csv.end();
    CHECK(test::read_text(folder / "errors.csv") ==
          "sheet_row,reason,Name,\"Phone, all\",Note\n"
          "7,\"short, very\",'=1+1,+256 7,\n"
          "8,x,\"'@a\"\"b\",-1,\"two\nlines\",extra\n"
          "9,y,Zürich,,\n");
    CHECK(test::contains(test::message_of([&] { rejected_csv(folder / "no/errors.csv"); }),
                         "cannot write"));
    test::write_text(folder / "old.csv", "old");
    rejected_csv again(folder / "old.csv");
    CHECK(test::read_text(folder / "old.csv") == "old");
    again.begin(row(1, {"A"}));
    again.end();
    CHECK(test::read_text(folder / "old.csv") == "sheet_row,reason,A\n");
    rejected_csv blanks(folder / "blanks.csv");
    blanks.begin(row(1, {"A", "B", "C"}));
    blanks.add({"x", row(2, {"\t=1", "\r@x", " \n =1"})});
    blanks.add({"x", row(3, {" x=1", "\t", "+1"})});
    blanks.end();
    CHECK(test::read_text(folder / "blanks.csv") ==
          "sheet_row,reason,A,B,C\n2,x,'\t=1,\"'\r@x\",\"' \n =1\"\n3,x, x=1,\t,+1\n");
    // Every record has the header's width: what it takes in the file is what counts.
    sheet_row wide(1);
    wide.set(9'999, cell_kind::text, "far");
    rejected_csv bounded(folder / "bounded.csv", 100'000);
    bounded.begin(wide);
    CHECK_FALSE(bounded.truncated());
    for (std::uint32_t number = 2; number < 100; ++number) bounded.add({"x", row(number, {"y"})});
    bounded.end();
    CHECK(bounded.truncated());
    CHECK(std::filesystem::file_size(folder / "bounded.csv") < 100'000);
    CHECK(std::filesystem::file_size(folder / "bounded.csv") > 80'000);
    rejected_csv full("/dev/full");
    CHECK(test::contains(test::message_of([&] { full.begin(row(1, {"Name"})); }), "cannot write"));
}
