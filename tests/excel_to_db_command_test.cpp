// tests/excel_to_db_command_test.cpp — the program itself: its output, its exit status, its signals.
// SPDX-License-Identifier: BSL-1.0
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "excel_to_db_process.hpp"
#include "excel_to_db_support.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

using test::process;
using test::query;
using test::result;

namespace {

struct fixture {
    test::temporary_folder folder;
    std::string book = (folder / "sample.xlsx").string();
    std::string db = (folder / "out.db").string();
    std::string errors = (folder / "errors.csv").string();

    result run(std::vector<std::string> arguments) const {
        return process(folder, std::move(arguments)).wait();
    }
    void generate(int rows, int bad) const {
        REQUIRE(
            run({"generate", book, "--rows", std::to_string(rows), "--bad", std::to_string(bad)})
                .status == 0);
    }
    // An import begins with the table, which is not there yet either.
    bool has_rows() const {
        try {
            return rows_in_db() != "0";
        } catch (const std::exception&) {
            return false;
        }
    }
    std::string rows_in_db() const { return query(db, "SELECT count(*) FROM businesses"); }
};

// Failures are one line on stderr, and nothing else.
void check_complaint(const result& r, int status, const std::string& part) {
    CHECK(r.status == status);
    CHECK(r.out.empty());
    CHECK(r.err.starts_with("excel_to_db: "));
    CHECK(std::count(r.err.begin(), r.err.end(), '\n') == 1);
    CHECK(r.err.ends_with('\n'));
    INFO(r.err);
    CHECK(test::contains(r.err, part));
}

// A workbook whose sheet and whose tenth title would command a terminal.
void write_commanding_book(const std::string& file) {
    test::zip_parts parts = test::one_sheet(
        "<row><c t=\"str\"><v>Name</v></c><c r=\"J1\" t=\"str\"><v>_x001B_]0;title_x0007_</v></c>"
        "</row>" +
        test::business_row(2, "a"));
    for (auto& [name, content] : parts) {
        if (name == "xl/workbook.xml") {
            content.replace(content.find("\"Data\""), 6, "\"two&#10;lines&#x9B;2J\"");
        }
    }
    test::write_zip(file, parts);
}

}  // namespace

TEST_CASE("what a file holds commands no terminal, and is no line of its own") {
    const fixture f;
    write_commanding_book(f.book);
    const result r = f.run({"import", f.book, "--db", f.db});
    CHECK(r.status == 0);
    INFO(r.out);
    CHECK(test::contains(r.out, "sheet \"two\\nlines\\x9B2J\""));
    CHECK(test::contains(r.out, "column \"\\x1B]0;title\\x07\" was not imported"));
    CHECK(r.out.find('\x1B') == std::string::npos);
    check_complaint(f.run({"import", f.book, "--dry-run", "--sheet", "none"}), 1,
                    "\"two\\nlines\\x9B2J\"");
}

TEST_CASE("what needs no temporary folder does without one") {
    const fixture f;
    f.generate(10, 0);
    ::setenv("TMPDIR", "/nonexistent", 1);
    const result help = f.run({"--help"});
    const result imported = f.run({"import", f.book, "--db", f.db});
    const result served = f.run({"serve", "--db", f.db, "--listen", "127.0.0.1:0"});
    ::unsetenv("TMPDIR");
    CHECK(help.status == 0);
    CHECK(imported.status == 0);
    check_complaint(served, 1, "--spool");
}

TEST_CASE("the three methods print the guide's statistics, alone, as JSON") {
    const fixture f;
    f.generate(10'000, 13);
    int imports = 0;
    for (const std::string method : {"sequential", "concurrent", "batch"}) {
        const result r = f.run({"import", f.book, "--db", f.db, "--method", method, "--json"});
        CHECK(r.status == 0);
        CHECK(r.err.empty());
        const auto stats = nlohmann::json::parse(r.out);
        CHECK(stats.size() == 5);
        CHECK(stats.at("total_records") == 10'000);
        CHECK(stats.at("success_count") == 9'987);
        CHECK(stats.at("error_count") == 13);
        CHECK(stats.at("duration").get<std::string>().ends_with("s"));
        CHECK(stats.at("records_per_second").get<double>() > 0);
        CHECK(f.rows_in_db() == std::to_string(9'987 * ++imports));
    }
}

TEST_CASE("the summary is readable, and rejected rows go to the errors file") {
    const fixture f;
    f.generate(20, 2);
    const result r = f.run({"import", f.book, "--db", f.db, "--errors", f.errors});
    CHECK(r.status == 0);
    CHECK(r.err.empty());
    CHECK(test::contains(r.out, "sheet \"Sheet1\""));
    CHECK(test::contains(r.out, "success          18\n"));
    CHECK(test::contains(r.out,
                         "errors            2\n                    2   insufficient columns\n"));
    CHECK(test::contains(r.out, "row 7: insufficient columns: 3 of 9 cells\n"));

    const std::string csv = test::read_text(f.errors);
    CHECK(
        csv.starts_with("sheet_row,reason,Name,Category,Phone,Email,Address,City,Country,"
                        "Website,Description\n7,insufficient columns: 3 of 9 cells,"));
    CHECK(test::contains(csv, "\n17,insufficient columns: 4 of 9 cells,"));
    CHECK(std::count(csv.begin(), csv.end(), '\n') == 3);
}

TEST_CASE("what is odd about imported rows is told by kind, or rejects them") {
    const fixture f;
    test::write_zip(f.book,
                    test::one_sheet(test::header_row() + test::contact_row(2, "a@b.c", "x.y") +
                                    test::contact_row(3, "ab.c", "x.y") +
                                    test::contact_row(4, "a@", "nowhere")));
    const result told = f.run({"import", f.book, "--db", f.db, "--strict"});
    CHECK(told.status == 0);
    CHECK(test::contains(told.out, "  success           3\n"));
    CHECK(test::contains(told.out, "  warning           2   the email is not an address\n"));
    CHECK(test::contains(told.out, "  warning           1   the website is not a URL\n"));

    const auto stats = nlohmann::json::parse(f.run({"import", f.book, "--db", f.db, "--json"}).out);
    CHECK(stats.size() == 6);
    CHECK(stats.at("success_count") == 3);
    CHECK(stats.at("warnings") == nlohmann::json({{"email", 2}, {"website", 1}}));

    const result rejected = f.run({"import", f.book, "--db", f.db, "--check-formats"});
    CHECK(rejected.status == 0);
    CHECK(test::contains(rejected.out, "  errors            2\n"));
    CHECK(test::contains(rejected.out, "row 3: the email is not an address\n"));
    CHECK_FALSE(test::contains(rejected.out, "warning"));
}

TEST_CASE("all or nothing is stored if that is asked for") {
    const fixture f;
    f.generate(300, 4);
    REQUIRE(f.run({"import", f.book, "--db", f.db, "--all-or-nothing"}).status == 0);
    CHECK(f.rows_in_db() == "296");

    // One row of these is refused.
    test::execute_sql(f.db,
                      "CREATE TRIGGER refuse BEFORE INSERT ON businesses WHEN (SELECT count(*) "
                      "FROM businesses) = 400 BEGIN SELECT RAISE(ABORT, 'no more of them'); END");
    result r = f.run({"import", f.book, "--db", f.db, "--all-or-nothing", "--method", "sequential",
                      "--errors", f.errors});
    CHECK(r.status == 1);
    CHECK(r.err ==
          "excel_to_db: the database refused 192 rows, and it was to be all or nothing; 0 rows are "
          "committed, 104 rolled back\n");
    CHECK(test::contains(r.out, "  success           0\n"));
    CHECK(test::contains(r.out, "  errors          196\n"));
    CHECK(test::contains(r.out, "                  192   no more of them\n"));
    CHECK(test::contains(r.out, "                    4   insufficient columns\n"));
    CHECK(test::contains(r.out, "  undone          104\n"));
    const std::string csv = test::read_text(f.errors);
    CHECK(std::count(csv.begin(), csv.end(), '\n') == 197);
    CHECK(f.rows_in_db() == "296");

    r = f.run({"import", f.book, "--db", f.db, "--all-or-nothing", "--json"});
    CHECK(r.status == 1);
    const auto stats = nlohmann::json::parse(r.out);
    CHECK(stats.at("success_count") == 0);
    CHECK(stats.at("rolled_back_count") == 104);
    CHECK(stats.at("total_records") == 196);

    check_complaint(
        f.run({"import", f.book, "--db", f.db, "--all-or-nothing", "--max-errors", "0"}), 1,
        "more than 0 rows were rejected; 0 rows are committed");
    CHECK(f.rows_in_db() == "296");
}

TEST_CASE("Ctrl-C leaves nothing of an import of all or nothing") {
    const fixture f;
    f.generate(20'000, 0);
    REQUIRE(f.run({"import", f.book, "--db", f.db}).status == 0);
    // So slow that it does not end before the signal.
    test::execute_sql(f.db,
                      "CREATE TRIGGER dally AFTER INSERT ON businesses BEGIN SELECT max(n) FROM "
                      "(WITH RECURSIVE s(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM s WHERE n "
                      "< 3000) SELECT n FROM s); END");
    sqlite3* other = nullptr;
    REQUIRE(sqlite3_open(f.db.c_str(), &other) == SQLITE_OK);
    for (const std::string method : {"sequential", "concurrent", "batch"}) {
        INFO(method);
        process import(f.folder, {"import", f.book, "--db", f.db, "--all-or-nothing", "--method",
                                  method, "--json"});
        const bool begun = test::eventually([&] {
            if (sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr) == SQLITE_BUSY) {
                return true;
            }
            sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr);
            return false;
        });
        import.signal(SIGINT);
        const result r = import.wait();
        CHECK(begun);
        CHECK(r.status == 130);
        const auto stats = nlohmann::json::parse(r.out);
        CHECK(stats.at("success_count") == 0);
        CHECK(test::contains(r.err, "interrupted; 0 rows are committed"));
        CHECK(f.rows_in_db() == "20000");
    }
    sqlite3_close(other);
}

TEST_CASE("a dry run says what an import would, and touches no database") {
    const fixture f;
    f.generate(300, 4);
    for (const std::string method : {"sequential", "concurrent", "batch", "pipeline", "copy"}) {
        INFO(method);
        const result r = f.run({"import", f.book, "--dry-run", "--method", method, "--json"});
        CHECK(r.status == 0);
        CHECK(r.err.empty());
        const auto stats = nlohmann::json::parse(r.out);
        CHECK(stats.size() == 6);
        CHECK(stats.at("dry_run") == true);
        CHECK(stats.at("total_records") == 300);
        CHECK(stats.at("success_count") == 296);
        CHECK(stats.at("error_count") == 4);
    }

    // The database may be named; it is neither made nor asked, nor is a server.
    const result named = f.run({"import", f.book, "--dry-run", "--db", f.db});
    CHECK(named.status == 0);
    CHECK(test::contains(named.out, "this is a dry run, nothing is stored"));
    CHECK(test::contains(named.out, "success         296\n"));
    CHECK(test::contains(named.out, "insufficient columns: 3 of 9 cells\n"));
    CHECK_FALSE(std::filesystem::exists(f.db));
    CHECK(f.run({"import", f.book, "--dry-run", "--db", "postgres:///x?host=/nowhere"}).status ==
          0);

    // What it finds wrong goes the usual ways.
    CHECK(f.run({"import", f.book, "--dry-run", "--strict"}).status == 3);
    CHECK(f.run({"import", f.book, "--dry-run", "--errors", f.errors}).status == 0);
    const std::string csv = test::read_text(f.errors);
    CHECK(std::count(csv.begin(), csv.end(), '\n') == 5);
    check_complaint(f.run({"import", f.book, "--dry-run", "--max-errors", "2"}), 1,
                    "more than 2 rows were rejected; nothing is stored by a dry run");
    check_complaint(f.run({"import", (f.folder / "none.xlsx").string(), "--dry-run"}), 1,
                    "no such file");
}

namespace {

// A terminal that keeps what is written to it.
class terminal {
public:
    terminal() : master_(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
        if (master_ < 0 || ::grantpt(master_) != 0 || ::unlockpt(master_) != 0) {
            throw std::runtime_error("there is no terminal to be had");
        }
        name_ = ::ptsname(master_);
        // While it is open here, the end of a process that has it open too is not the terminal's.
        slave_ = ::open(name_.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC);
        reader_ = std::thread([this] {
            std::array<char, 4096> buffer;
            for (ssize_t n = 0; (n = ::read(master_, buffer.data(), buffer.size())) > 0;) {
                text_.append(buffer.data(), static_cast<std::size_t>(n));
            }
        });
    }
    terminal(const terminal&) = delete;
    terminal& operator=(const terminal&) = delete;
    ~terminal() {
        end();
        ::close(master_);
    }

    const std::string& name() const { return name_; }

    /// All that was written, once nobody writes any more.
    const std::string& end() {
        if (reader_.joinable()) {
            ::close(slave_);
            reader_.join();
        }
        return text_;
    }

private:
    int master_;
    int slave_ = -1;
    std::string name_;
    std::string text_;  // the reader's until it has ended
    std::thread reader_;
};

}  // namespace

TEST_CASE("on a terminal a bar shows the progress, and is gone at the end") {
    const fixture f;
    f.generate(60'000, 5);
    terminal t;
    const result r =
        process(f.folder, {"import", f.book, "--db", f.db, "--method", "sequential"}, {}, t.name())
            .wait();
    CHECK(r.status == 0);
    CHECK(test::contains(r.out, "success       59995\n"));
    const std::string& shown = t.end();
    INFO(shown);
    CHECK(shown.starts_with("\r\x1b[K["));
    for (const char* part : {"#", "] ", "%, ", " rows, ", " rows/s"}) {
        CHECK(test::contains(shown, part));
    }
    CHECK(shown.ends_with("\r\x1b[K"));
}

TEST_CASE("no bar is shown to programs, nor if nobody is to be told") {
    const fixture f;
    f.generate(2'000, 1);
    for (const std::string option : {"--json", "--quiet"}) {
        INFO(option);
        terminal t;
        const result r =
            process(f.folder, {"import", f.book, "--db", f.db, "--method", "sequential", option},
                    {}, t.name())
                .wait();
        CHECK(r.status == 0);
        CHECK(r.out.empty() == (option == "--quiet"));
        CHECK(t.end().empty());
    }
    CHECK(f.run({"import", f.book, "--db", f.db}).err.empty());
    // Failures are told all the same.
    check_complaint(f.run({"import", (f.folder / "none.xlsx").string(), "--db", f.db, "-q"}), 1,
                    "no such file");
}

TEST_CASE("rejected rows are an error only under --strict") {
    const fixture f;
    f.generate(20, 2);
    CHECK(f.run({"import", f.book, "--db", f.db}).status == 0);
    CHECK(f.run({"import", f.book, "--db", f.db, "--strict"}).status == 3);
    CHECK(f.rows_in_db() == "36");
    f.generate(20, 0);
    CHECK(f.run({"import", f.book, "--db", f.db, "--strict"}).status == 0);
}

TEST_CASE("a file imported twice is doubled, or not, as asked") {
    const fixture f;
    f.generate(50, 0);
    const auto import = [&](const std::string& rule) {
        return f.run({"import", f.book, "--db", f.db, "--on-conflict", rule, "--json"}).out;
    };
    import("none");
    import("none");
    CHECK(f.rows_in_db() == "100");
    CHECK(nlohmann::json::parse(import("skip")).at("success_count") == 50);
    CHECK(nlohmann::json::parse(import("update")).at("success_count") == 50);
    CHECK(nlohmann::json::parse(import("error")).at("error_count") == 50);
    CHECK(f.rows_in_db() == "100");
}

TEST_CASE("compare prints the guide's table and leaves nothing behind") {
    const fixture f;
    f.generate(300, 3);
    std::filesystem::create_directory(f.folder / "work");
    const result r = f.run({"compare", f.book, "--folder", (f.folder / "work").string()});
    CHECK(r.status == 0);
    CHECK(r.err.empty());
    CHECK(test::contains(r.out, "300 rows: 297 imported, 3 rejected"));
    std::smatch line;
    REQUIRE(std::regex_search(r.out, line,
                              std::regex("^Method +Time +Records/sec +Speedup +Improvement\n"
                                         "Sequential +[^ ]+ +([0-9]+) rec/s +1\\.0x +baseline\n")));
    const double baseline = std::stod(line[1]);
    // Which method is the faster one is the machine's affair; that each line agrees with itself is not.
    for (const std::string method : {"Concurrent", "Batch"}) {
        REQUIRE(std::regex_search(
            r.out, line,
            std::regex(method + " +[^ ]+ +([0-9]+) rec/s +([0-9.]+)x +[0-9]+% (faster|slower)\n")));
        INFO(line.str());
        const double rate = std::stod(line[1]);
        const double speedup = std::stod(line[2]);
        const double expected = rate / baseline;
        const double rounding = 0.06 + expected * (0.6 / rate + 0.6 / baseline);
        CHECK(std::abs(speedup - expected) <= rounding);
        CHECK((line[3] == "faster" ? rate >= baseline : rate <= baseline));
    }
    CHECK(std::filesystem::is_empty(f.folder / "work"));
}

TEST_CASE("compare shows no figures if the methods disagree about the rows") {
    const fixture f;
    f.generate(5, 1);
    std::filesystem::rename(f.book, f.folder / "other.xlsx");
    f.generate(5, 0);
    const auto work = f.folder / "work";
    std::filesystem::create_directory(work);
    process compare(f.folder, {"compare", f.book, "--folder", work.string(), "--rounds", "300"});
    // Each measurement has a folder of its own: with the second one, the first has been made.
    std::set<std::filesystem::path> folders;
    const bool begun = test::eventually([&] {
        for (const auto& entry : std::filesystem::directory_iterator(work)) {
            folders.insert(entry.path());
        }
        return folders.size() >= 2;
    });
    std::filesystem::rename(f.folder / "other.xlsx", f.book);
    const result r = compare.wait();
    CHECK(begun);
    check_complaint(r, 1, "the methods disagree about the rows");
    CHECK(std::filesystem::is_empty(work));
}

TEST_CASE("bad input is refused with one line, before anything is written") {
    const fixture f;
    f.generate(100, 1);
    const auto import = [&](const std::string& file) {
        return f.run({"import", file, "--db", f.db, "--json"});
    };
    const auto file = [&](const std::string& content) {
        test::write_text(f.folder / "bad.xlsx", content);
        return (f.folder / "bad.xlsx").string();
    };
    const std::string whole = test::read_text(f.book);

    check_complaint(import((f.folder / "none.xlsx").string()), 1, "none.xlsx: no such file");
    check_complaint(import(file("name;phone\n")), 1, "is comma-separated text");
    check_complaint(import(file(whole.substr(0, whole.size() / 2))), 1, "truncated");
    check_complaint(import(file("")), 1, "is empty");
    f.generate(0, 0);
    check_complaint(import(f.book), 1, "has no rows");
    f.generate(5, 0);
    check_complaint(f.run({"import", f.book, "--db", f.db, "--sheet", "Prices"}), 1,
                    "no sheet \"Prices\"");
    check_complaint(f.run({"compare", (f.folder / "none.xlsx").string()}), 1, "no such file");
    CHECK_FALSE(std::filesystem::exists(f.db));

    check_complaint(
        f.run({"import", f.book, "--db", f.db, "--errors", (f.folder / "no/errors.csv").string()}),
        1, "cannot write");
    CHECK_FALSE(std::filesystem::exists(f.db));
    check_complaint(f.run({"import", f.book, "--db", f.db, "--errors", f.book}), 1,
                    "must not be the workbook");
    check_complaint(f.run({"import", f.book, "--db", (f.folder / "no/out.db").string()}), 1,
                    "unable to open");
    check_complaint(f.run({"generate", (f.folder / "no/s.xlsx").string()}), 1, "cannot be written");
}

TEST_CASE("wrong usage is told in one line, and help in many") {
    const fixture f;
    check_complaint(f.run({}), 2, "--help");
    check_complaint(f.run({"import", f.book}), 2, "--db");
    check_complaint(f.run({"import", f.book, "--db", f.db, "--method", "magic"}), 2, "--method");
    check_complaint(f.run({"import", f.book, "--db", f.db, "--batch-size", "0"}), 2, "batch-size");
    const result r = f.run({"import", "--help"});
    CHECK(r.status == 0);
    CHECK(test::contains(r.out, "--on-conflict"));
}

TEST_CASE("results that cannot be printed are a failure") {
    const fixture f;
    f.generate(20, 0);
    const std::vector<std::vector<std::string>> commands = {
        {"import", f.book, "--db", f.db, "--json"},
        {"import", f.book, "--db", f.db},
        {"compare", f.book, "--folder", (f.folder / "").string()},
        {"generate", (f.folder / "other.xlsx").string()},
        {"--help"}};
    for (const auto& command : commands) {
        INFO(command.front());
        check_complaint(process(f.folder, command, "/dev/full").wait(), 1,
                        "cannot write to standard output");
    }
}

TEST_CASE("damage in the middle is reported together with what was committed") {
    const fixture f;
    std::string rows = test::header_row();
    for (std::uint32_t row = 2; row < 152; ++row) {
        rows += test::business_row(row, test::numbered("n", row));
    }
    test::write_zip(f.book, test::one_sheet(rows + "<row r=\"3\"/>"));
    check_complaint(f.run({"import", f.book, "--db", f.db}), 1,
                    "row 3 follows row 151; 150 rows are committed");
    CHECK(f.rows_in_db() == "150");
}

TEST_CASE("Ctrl-C ends the wait for a locked database") {
    const fixture f;
    f.generate(10, 0);
    REQUIRE(f.run({"import", f.book, "--db", f.db}).status == 0);
    sqlite3* other = nullptr;
    REQUIRE(sqlite3_open(f.db.c_str(), &other) == SQLITE_OK);
    REQUIRE(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr) == SQLITE_OK);
    for (const bool json : {false, true}) {
        INFO("json " << json);
        std::vector<std::string> arguments = {"import", f.book, "--db", f.db};
        if (json) arguments.emplace_back("--json");
        process import(f.folder, std::move(arguments));
        // It opens the database before it waits for the lock.
        const bool opened = test::eventually([&] { return import.has_open(f.db); });
        import.signal(SIGINT);
        result r = import.wait();
        CHECK(opened);
        if (json) {
            const auto stats = nlohmann::json::parse(r.out, nullptr, false);
            CHECK(stats.is_object());
            CHECK(stats.value("total_records", -1) == 0);
            CHECK(stats.size() == 5);
            r.out.clear();
        }
        check_complaint(r, 130, "interrupted; 0 rows are committed");
    }
    sqlite3_close(other);
    CHECK(f.rows_in_db() == "10");
}

TEST_CASE("Ctrl-C ends the opening of a large workbook") {
    const fixture f;
    std::string strings;
    for (int i = 0; i < 1'000'000; ++i) strings += "<si><t>x</t></si>";
    test::write_zip(f.book,
                    test::one_sheet(test::header_row() + test::business_row(2, "a"), strings));
    process import(f.folder, {"import", f.book, "--db", f.db});
    const bool opened = test::eventually([&] { return import.has_open(f.book); });
    import.signal(SIGINT);
    const result r = import.wait();
    CHECK(opened);
    check_complaint(r, 130, "interrupted; 0 rows are committed");
    CHECK_FALSE(std::filesystem::exists(f.db));

    process compare(f.folder, {"compare", f.book, "--folder", (f.folder / "").string()});
    CHECK(test::eventually([&] { return compare.has_open(f.book); }));
    compare.signal(SIGINT);
    check_complaint(compare.wait(), 130, "interrupted");
}

TEST_CASE("Ctrl-C ends generate at once and leaves what was there before") {
    const fixture f;
    for (const bool replacing : {false, true}) {
        INFO("replacing " << replacing);
        if (replacing) test::write_text(f.book, "old");
        process generate(f.folder, {"generate", f.book, "--rows", "100000"});
        // Its last part, which libxlsxwriter does not interrupt, has begun: after as long as the machine makes
        // it take, which the watchdog alone judges.
        bool begun = false;
        test::eventually(
            [&] {
                std::error_code error;
                const auto size = std::filesystem::file_size(f.book + ".part", error);
                begun = !error && size > 0;
                return begun || generate.has_ended();
            },
            std::chrono::hours(1));
        generate.signal(SIGINT);
        const result r = generate.wait();
        CHECK(begun);
        check_complaint(r, 130, "interrupted");
        CHECK_FALSE(std::filesystem::exists(f.book + ".part"));
        if (replacing) {
            CHECK(test::read_text(f.book) == "old");
        } else {
            CHECK_FALSE(std::filesystem::exists(f.book));
        }
    }
}

TEST_CASE("Ctrl-C ends an import with what is committed, and the truth about it") {
    fixture f;
    f.generate(60'000, 0);
    for (const std::string method : {"sequential", "concurrent"}) {
        for (const int number : {SIGINT, SIGTERM}) {
            INFO(method << ", signal " << number);
            f.db =
                (f.folder / (method + test::numbered("", static_cast<unsigned>(number)))).string();
            process import(f.folder,
                           {"import", f.book, "--db", f.db, "--method", method, "--json"});
            const bool begun = test::eventually([&] { return f.has_rows(); });
            import.signal(number);
            const result r = import.wait();
            CHECK(begun);
            CHECK(r.status == 130);
            const auto stats = nlohmann::json::parse(r.out);
            CHECK(stats.at("success_count") > 0);
            CHECK(stats.at("success_count") < 60'000);
            CHECK(stats.at("total_records") == stats.at("success_count"));
            const std::string committed = stats.at("success_count").dump();
            CHECK(f.rows_in_db() == committed);
            const std::string rows = committed == "1" ? "1 row is" : committed + " rows are";
            CHECK(r.err == "excel_to_db: interrupted; " + rows + " committed\n");
        }
    }
}

TEST_CASE("an import that was killed can be completed without doubling a row") {
    const fixture f;
    f.generate(20'000, 0);
    process import(f.folder, {"import", f.book, "--db", f.db, "--method", "sequential"});
    const bool begun = test::eventually([&] { return f.has_rows(); });
    import.signal(SIGKILL);
    CHECK(import.wait().status == 128 + SIGKILL);
    CHECK(begun);
    CHECK(f.rows_in_db() != "20000");
    CHECK(f.run({"import", f.book, "--db", f.db, "--on-conflict", "skip"}).status == 0);
    CHECK(f.rows_in_db() == "20000");
}

TEST_CASE("a full disk ends an import with what is committed, and the truth about it") {
    for (const std::string method : {"sequential", "concurrent", "batch"}) {
        INFO(method);
        const fixture f;
        f.generate(8'000, 0);
        const std::vector<std::string> import = {"import", f.book,     "--db",
                                                 f.db,     "--method", method};
        result r;
        {
            // Room for some transactions, by far not for all.
            const test::full_disk disk(3 << 20);
            std::vector<std::string> as_json = import;
            as_json.push_back("--json");
            r = f.run(as_json);
        }
        CHECK(r.status == 1);
        INFO(r.err);
        const auto stats = nlohmann::json::parse(r.out);
        CHECK(stats.at("success_count") > 0);
        CHECK(stats.at("success_count") < 8'000);
        CHECK(stats.at("error_count") == 0);
        const std::string committed = stats.at("success_count").dump();
        CHECK(r.err.starts_with("excel_to_db: database " + f.db + ": "));
        CHECK(r.err.ends_with("; " + committed + " rows are committed\n"));
        CHECK(std::count(r.err.begin(), r.err.end(), '\n') == 1);
        CHECK(f.rows_in_db() == committed);
        // Once there is room again, the rest can be had without doubling a row.
        std::vector<std::string> again = import;
        again.insert(again.end(), {"--on-conflict", "skip"});
        CHECK(f.run(again).status == 0);
        CHECK(f.rows_in_db() == "8000");
        CHECK(query(f.db, "SELECT count(DISTINCT name || phone || email) FROM businesses") ==
              "8000");
        std::set<std::string> files;
        for (const auto& entry : std::filesystem::directory_iterator(f.folder / ".")) {
            files.insert(entry.path().filename().string());
        }
        CHECK(files == std::set<std::string>{"sample.xlsx", "out.db", "stdout.txt", "stderr.txt"});
    }
}

TEST_CASE("a full disk leaves nothing of an import of all or nothing") {
    const fixture f;
    f.generate(8'000, 0);
    result r;
    {
        const test::full_disk disk(3 << 20);
        r = f.run({"import", f.book, "--db", f.db, "--all-or-nothing", "--json"});
    }
    CHECK(r.status == 1);
    INFO(r.err);
    CHECK(nlohmann::json::parse(r.out).at("success_count") == 0);
    CHECK(std::count(r.err.begin(), r.err.end(), '\n') == 1);
    CHECK(f.rows_in_db() == "0");
}
