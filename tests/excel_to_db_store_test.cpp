// tests/excel_to_db_store_test.cpp — what SQLite is asked to do, and what it may refuse.
// SPDX-License-Identifier: BSL-1.0
#include <sqlite3.h>

#include <atomic>
#include <memory>
#include <runnel/future.hpp>
#include <runnel/mutex.hpp>
#include <string>
#include <thread>
#include <vector>

#include "excel_to_db_support.hpp"
#include "import/importer.hpp"
#include "store/sqlite_store.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

using namespace excel_to_db;
using test::query;

namespace {

business named(std::string_view name) {
    business result;
    result.fields = {name, "shop", "1", "a@b.c", "street", "town", "land", "web", "text"};
    return result;
}

std::string rows_in(const std::filesystem::path& db) {
    return query(db, "SELECT count(*) FROM businesses");
}

std::string names_in(const std::filesystem::path& db) {
    return query(db,
                 "SELECT group_concat(name, ',') FROM (SELECT name FROM businesses ORDER BY id)");
}

// A table that refuses the name "bad" by what `raise` says.
void refuse_bad(const std::filesystem::path& db, const std::string& raise) {
    sqlite_store make_table(db);
    test::execute_sql(db,
                      "CREATE TRIGGER refuse BEFORE INSERT ON businesses WHEN NEW.name = 'bad' "
                      "BEGIN SELECT RAISE(" +
                          raise + "); END");
}

}  // namespace

TEST_CASE("a new database has the guide's columns and indexes, in WAL mode") {
    const test::temporary_folder folder;
    const auto db = folder / "new.db";
    sqlite_store store(db);
    CHECK(query(db, "SELECT group_concat(name, ',') FROM pragma_table_info('businesses')") ==
          "id,name,category,phone,email,address,city,country,website,description,"
          "created_at,updated_at,deleted_at");
    CHECK(query(db,
                "SELECT group_concat(name, ',') FROM (SELECT name FROM sqlite_master WHERE "
                "type = 'index' ORDER BY name)") ==
          "idx_businesses_category,idx_businesses_city,idx_businesses_country,"
          "idx_businesses_deleted_at,idx_businesses_email,idx_businesses_name");
    CHECK(query(db, "PRAGMA journal_mode") == "wal");
    CHECK(store.count_rows() == 0);
    CHECK(store.useful_sessions() == 1);
}

TEST_CASE("a row is stored field by field, empty cells as empty texts") {
    const test::temporary_folder folder;
    const auto db = folder / "one.db";
    sqlite_store store(db);
    business row = named("O'Neill; DROP TABLE");
    row.fields[1] = {};
    CHECK_FALSE(store.open_session()->insert(row));
    CHECK(query(db,
                "SELECT id || '|' || name || '|' || category || '|' || phone || '|' || email "
                "|| '|' || address || '|' || city || '|' || country || '|' || website || '|' "
                "|| description FROM businesses") ==
          "1|O'Neill; DROP TABLE||1|a@b.c|street|town|land|web|text");
    CHECK(query(db,
                "SELECT created_at = updated_at AND deleted_at IS NULL AND "
                "abs(julianday(created_at) - julianday('now')) < 0.01 FROM businesses") == "1");
}

TEST_CASE("rows are visible to other connections when the call returns") {
    const test::temporary_folder folder;
    const auto db = folder / "all.db";
    sqlite_store store(db);
    const auto session = store.open_session();
    const std::vector<business> rows(7, named("x"));
    CHECK_FALSE(session->insert(rows[0]));
    CHECK(rows_in(db) == "1");
    CHECK_FALSE(session->insert_all(rows, 3));
    CHECK(rows_in(db) == "8");
    CHECK(session->insert_each(rows).size() == 7);
    CHECK(rows_in(db) == "15");
    CHECK_FALSE(
        session->insert_all(std::vector<business>(max_batch_size, named("y")), max_batch_size));
    CHECK(store.count_rows() == 15 + max_batch_size);
}

TEST_CASE("a refused row takes all with it, or only itself, as asked") {
    for (const std::string raise : {"ABORT, 'no'", "FAIL, 'no'", "ROLLBACK, 'no'", "IGNORE"}) {
        INFO(raise);
        const test::temporary_folder folder;
        const auto db = folder / "refuse.db";
        refuse_bad(db, raise);
        sqlite_store store(db);
        const auto session = store.open_session();
        const std::string reason = raise == "IGNORE" ? "the database ignored the row" : "no";
        const std::vector<business> rows = {named("a"), named("bad"), named("c"), named("d")};

        CHECK(session->insert(rows[1]) == reason);
        CHECK(session->insert_all(rows, 4) == reason);
        CHECK(session->insert_all(rows, 1) == reason);
        CHECK(rows_in(db) == "0");

        const auto answers = session->insert_each(rows);
        CHECK(answers == std::vector<refusal>{std::nullopt, reason, std::nullopt, std::nullopt});
        CHECK(names_in(db) == "a,c,d");
        CHECK_FALSE(session->insert(rows[0]));  // the session is as good as before
        CHECK(rows_in(db) == "4");
    }
}

TEST_CASE("a failure after rows were committed one by one brings their answers") {
    const test::temporary_folder folder;
    const auto db = folder / "settled.db";
    refuse_bad(db, "ROLLBACK, 'no'");
    // An error of the statement, not of a constraint: the database fails.
    test::execute_sql(db,
                      "CREATE TRIGGER fail BEFORE INSERT ON businesses WHEN NEW.name = 'broken' "
                      "BEGIN SELECT abs(-9223372036854775808); END");
    sqlite_store store(db);
    const auto session = store.open_session();
    const auto settled = [&](const std::vector<business>& rows) {
        try {
            session->insert_each(rows);
        } catch (const store_error& error) {
            CHECK(std::string(error.what()) == "integer overflow");
            return error.settled();
        }
        return std::vector<refusal>{"did not throw"};
    };

    CHECK(settled({named("a"), named("broken")}).empty());
    CHECK(rows_in(db) == "0");
    CHECK(settled({named("a"), named("bad"), named("c"), named("broken"), named("e")}) ==
          std::vector<refusal>{std::nullopt, "no", std::nullopt});
    CHECK(names_in(db) == "a,c");
}

TEST_CASE("what a transaction stores is there when it is committed, and not before") {
    const test::temporary_folder folder;
    const auto db = folder / "whole.db";
    sqlite_store store(db);
    const std::vector<business> rows(7, named("x"));
    {
        const auto whole = store.begin();
        CHECK_FALSE(whole->insert(rows[0]));
        CHECK_FALSE(whole->insert_all(rows, 3));
        CHECK_FALSE(whole->insert_pipelined(rows));
        CHECK_FALSE(whole->load(rows));
        CHECK(whole->insert_each(rows) == std::vector<refusal>(7));
        CHECK(rows_in(db) == "0");
        whole->commit();
        CHECK(rows_in(db) == "29");
    }
    {
        const auto given_up = store.begin();
        CHECK_FALSE(given_up->insert_all(rows, 3));
    }
    CHECK(rows_in(db) == "29");
    CHECK_FALSE(store.open_session()->insert(rows[0]));
    CHECK(rows_in(db) == "30");
}

TEST_CASE("within a transaction a refused row takes its own call with it, no more") {
    for (const std::string raise : {"ABORT, 'no'", "FAIL, 'no'", "IGNORE"}) {
        INFO(raise);
        const test::temporary_folder folder;
        const auto db = folder / "refuse.db";
        refuse_bad(db, raise);
        sqlite_store store(db);
        const std::string reason = raise == "IGNORE" ? "the database ignored the row" : "no";
        const std::vector<business> rows = {named("a"), named("bad"), named("c"), named("d")};
        const auto whole = store.begin();
        CHECK_FALSE(whole->insert(named("first")));
        CHECK(whole->insert(rows[1]) == reason);
        CHECK(whole->insert_all(rows, 4) == reason);
        CHECK(whole->insert_all(rows, 1) == reason);
        CHECK(whole->load(rows) == reason);
        CHECK(whole->insert_each(rows) ==
              std::vector<refusal>{std::nullopt, reason, std::nullopt, std::nullopt});
        whole->commit();
        CHECK(names_in(db) == "first,a,c,d");
    }
}

TEST_CASE("a transaction that the database has ended stores nothing more") {
    const test::temporary_folder folder;
    const auto db = folder / "ended.db";
    refuse_bad(db, "ROLLBACK, 'no'");
    sqlite_store store(db);
    const std::vector<business> rows = {named("a"), named("bad"), named("c")};
    const auto fault = [&](auto call) {
        const auto whole = store.begin();
        CHECK_FALSE(whole->insert(rows[0]));
        return test::message_of([&] { call(*whole); });
    };
    const std::string ended = "the database has rolled everything back: no";
    CHECK(fault([&](store_transaction& whole) { whole.insert(rows[1]); }) == ended);
    CHECK(fault([&](store_transaction& whole) { whole.insert_all(rows, 3); }) == ended);
    CHECK(fault([&](store_transaction& whole) { whole.insert_all(rows, 1); }) == ended);
    CHECK(fault([&](store_transaction& whole) { whole.insert_each(rows); }) == ended);
    CHECK(rows_in(db) == "0");
}

TEST_CASE("rows that are stored already are inserted, skipped, updated or refused") {
    const test::temporary_folder folder;
    const auto db = folder / "conflict.db";
    const auto with = [&](conflict_rule rule) { return sqlite_store(db, rule).open_session(); };
    const business first = named("x");
    business changed = first;
    changed.fields[5] = "city";
    business other = first;
    other.fields[2] = "another phone";

    CHECK_FALSE(with(conflict_rule::none)->insert(first));
    CHECK_FALSE(with(conflict_rule::none)->insert(first));
    CHECK(rows_in(db) == "2");

    CHECK_FALSE(with(conflict_rule::skip)->insert(changed));
    CHECK(rows_in(db) == "2");
    CHECK(query(db, "SELECT count(*) FROM businesses WHERE city = 'city'") == "0");
    CHECK_FALSE(with(conflict_rule::skip)->insert(other));
    CHECK(rows_in(db) == "3");

    CHECK_FALSE(with(conflict_rule::update)->insert(changed));
    CHECK(rows_in(db) == "3");
    CHECK(query(db, "SELECT group_concat(id) FROM businesses WHERE city = 'city'") == "1");

    CHECK(with(conflict_rule::error)->insert(first) ==
          "name, phone and email are those of the stored business 1");
    CHECK(rows_in(db) == "3");

    test::execute_sql(db, "UPDATE businesses SET deleted_at = 'now'");
    CHECK_FALSE(with(conflict_rule::error)->insert(first));  // deleted rows do not count
    CHECK(rows_in(db) == "4");
    CHECK_FALSE(with(conflict_rule::none)->insert(first));  // and a rule binds no later import
    CHECK(rows_in(db) == "5");
}

TEST_CASE("duplicates within one call meet the conflict rule as well") {
    const test::temporary_folder folder;
    const std::vector<business> rows = {named("x"), named("x"), named("y")};
    sqlite_store skip(folder / "skip.db", conflict_rule::skip);
    CHECK_FALSE(skip.open_session()->insert_all(rows, 3));
    CHECK(names_in(folder / "skip.db") == "x,y");

    sqlite_store error(folder / "error.db", conflict_rule::error);
    CHECK(error.open_session()->insert_all(rows, 3));
    CHECK(rows_in(folder / "error.db") == "0");
    const auto answers = error.open_session()->insert_each(rows);
    REQUIRE(answers.size() == 3);
    CHECK((!answers[0] && answers[1] && !answers[2]));
    CHECK(names_in(folder / "error.db") == "x,y");
}

TEST_CASE("an update that changes nothing writes nothing") {
    const test::temporary_folder folder;
    const auto db = folder / "same.db";
    CHECK_FALSE(sqlite_store(db).open_session()->insert(named("x")));
    test::execute_sql(db, "UPDATE businesses SET updated_at = 'then'");
    CHECK_FALSE(sqlite_store(db, conflict_rule::update).open_session()->insert(named("x")));
    CHECK(query(db, "SELECT updated_at FROM businesses") == "then");
}

TEST_CASE("a database that cannot be written is an error, not a refusal") {
    const test::temporary_folder folder;
    const auto fault = [](const std::filesystem::path& db) {
        return test::message_of([&] { sqlite_store store(db); });
    };
    CHECK(test::contains(fault(folder / "no/folder.db"), "unable to open"));
    CHECK(test::contains(fault(folder / ""), "unable to open"));
    test::write_text(folder / "text.db", std::string(5'000, 'x'));
    CHECK(test::contains(fault(folder / "text.db"), "not a database"));
    test::execute_sql(folder / "other.db", "CREATE TABLE businesses (title TEXT)");
    CHECK(test::contains(fault(folder / "other.db"), "no such column: name"));
}

TEST_CASE("a locked database is waited for, until there is reason to give up") {
    const test::temporary_folder folder;
    const auto db = folder / "locked.db";
    std::atomic<int> asked{0};
    std::atomic<bool> give_up{false};
    sqlite_store store(db, conflict_rule::none, [&] {
        ++asked;
        return give_up.load();
    });
    const auto session = store.open_session();

    sqlite3* other = nullptr;
    REQUIRE(sqlite3_open(db.c_str(), &other) == SQLITE_OK);
    REQUIRE(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr) == SQLITE_OK);

    give_up = true;
    CHECK(test::contains(test::message_of([&] { session->insert(named("x")); }), "locked"));
    CHECK(rows_in(db) == "0");

    give_up = false;
    asked = 0;
    std::thread release([&] {
        while (asked == 0) std::this_thread::yield();
        sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr);
    });
    CHECK_FALSE(session->insert(named("x")));
    release.join();
    sqlite3_close(other);
    CHECK(rows_in(db) == "1");
}

TEST_CASE("stores that share a turn write one after the other") {
    const test::temporary_folder folder;
    const auto db = folder / "turns.db";
    const auto turn = std::make_shared<runnel::mutex>();
    sqlite_store first(db, conflict_rule::none, {}, turn);
    const business row = named("a");
    const std::vector<business> rows = {row, row};

    turn->lock();  // as the session of another store does while it writes
    std::vector<runnel::future<void>> waiting;
    waiting.push_back(runnel::async([&] { first.open_session()->insert(row); }));
    waiting.push_back(runnel::async([&] { first.open_session()->insert_all(rows, 2); }));
    waiting.push_back(runnel::async([&] { first.open_session()->insert_each(rows); }));
    waiting.push_back(
        runnel::async([&] { sqlite_store second(db, conflict_rule::none, {}, turn); }));
    CHECK(test::wait_parked(4, "sync.Mutex.Lock"));
    CHECK(rows_in(db) == "0");
    turn->unlock();
    for (auto& each : waiting) each.get();
    CHECK(rows_in(db) == "5");

    // A transaction has its turn to its end.
    auto whole = first.begin();
    auto after = runnel::async([&] { first.open_session()->insert(row); });
    CHECK(test::wait_parked(1, "sync.Mutex.Lock"));
    CHECK_FALSE(whole->insert_all(rows, 2));
    whole->commit();
    CHECK(rows_in(db) == "7");
    whole.reset();
    after.get();
    CHECK(rows_in(db) == "8");
}
