// examples/excel_to_db/store/sqlite_store.cpp — schema, inserts, transactions and conflicts.
// SPDX-License-Identifier: BSL-1.0
#include "store/sqlite_store.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <runnel/blocking.hpp>
#include <string>
#include <thread>
#include <utility>

#include "store/sqlite_statement.hpp"

namespace excel_to_db {

namespace {

using namespace std::chrono_literals;

constexpr auto lock_patience = 5s;

constexpr const char* schema = R"sql(
CREATE TABLE IF NOT EXISTS businesses (
    id          INTEGER PRIMARY KEY,
    name        TEXT NOT NULL,
    category    TEXT,
    phone       TEXT,
    email       TEXT,
    address     TEXT,
    city        TEXT,
    country     TEXT,
    website     TEXT,
    description TEXT,
    created_at  DATETIME,
    updated_at  DATETIME,
    deleted_at  DATETIME
);
CREATE INDEX IF NOT EXISTS idx_businesses_name       ON businesses (name);
CREATE INDEX IF NOT EXISTS idx_businesses_category   ON businesses (category);
CREATE INDEX IF NOT EXISTS idx_businesses_email      ON businesses (email);
CREATE INDEX IF NOT EXISTS idx_businesses_city       ON businesses (city);
CREATE INDEX IF NOT EXISTS idx_businesses_country    ON businesses (country);
CREATE INDEX IF NOT EXISTS idx_businesses_deleted_at ON businesses (deleted_at);
)sql";

// Not unique: rows that were imported twice on purpose must not stop a later import that asks.
constexpr const char* natural_key_index =
    "CREATE INDEX IF NOT EXISTS idx_businesses_natural_key ON businesses (name, phone, email)";

constexpr std::string_view insert_head =
    "INSERT INTO businesses (name, category, phone, email, address, city, country, website,"
    " description, created_at, updated_at) VALUES ";

// Of the stored rows with this key the oldest is meant.
constexpr std::string_view find_sql =
    "SELECT id FROM businesses WHERE name = ?1 AND phone = ?2 AND email = ?3"
    " AND deleted_at IS NULL ORDER BY id LIMIT 1";

// A row that has these values already is not written again: importing a file twice is cheap.
constexpr std::string_view update_sql =
    "UPDATE businesses SET category = ?2, address = ?3, city = ?4, country = ?5, website = ?6,"
    " description = ?7, updated_at = ?8 WHERE id = ?1 AND (category IS NOT ?2 OR"
    " address IS NOT ?3 OR city IS NOT ?4 OR country IS NOT ?5 OR website IS NOT ?6 OR"
    " description IS NOT ?7)";

// Parameter 1 is the time; the fields follow, row after row.
std::string insert_sql(std::size_t rows) {
    std::string sql(insert_head);
    std::size_t parameter = 2;
    for (std::size_t row = 0; row < rows; ++row) {
        sql += row == 0 ? "(" : ",(";
        for (std::size_t c = 0; c < business_columns.size(); ++c) {
            sql += fmt::format("?{},", parameter++);
        }
        sql += "?1,?1)";
    }
    return sql;
}

std::string now_text() {
    const auto now =
        std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
    const auto milliseconds = (now.time_since_epoch() % 1s).count();
    return fmt::format("{:%Y-%m-%d %H:%M:%S}.{:03}+00:00",
                       fmt::gmtime(std::chrono::system_clock::to_time_t(now)), milliseconds);
}

// ---- 1. connection ----

class connection {
public:
    connection(const std::filesystem::path& file, std::function<bool()> give_up)
        : give_up_(std::move(give_up)) {
        sqlite3* db = nullptr;
        // No mutex of sqlite's own: a session is used by one goroutine at a time.
        const int code = sqlite3_open_v2(file.c_str(), &db,
                                         SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
                                             SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                                         nullptr);
        db_.reset(db);
        if (code != SQLITE_OK) throw_sqlite_error(db);
        if (sqlite3_db_readonly(db, "main") == 1) throw store_error("the file is read-only");
        sqlite3_busy_handler(db, &connection::on_busy, this);
        execute(db, "PRAGMA journal_mode = WAL");
        execute(db, "PRAGMA synchronous = FULL");
        execute(db, "PRAGMA cache_size = -16384");  // KiB: the indexes of a large import stay in it
        execute(db, "PRAGMA temp_store = MEMORY");  // an INSERT of many rows keeps an undo journal
        execute(db, "PRAGMA wal_autocheckpoint = 10000");  // pages: each checkpoint syncs twice
    }
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;
    ~connection() {
        // The last one to close a database copies the write-ahead log into it.
        runnel::blocking([this] { db_.reset(); });
    }

    sqlite3* get() const { return db_.get(); }

private:
    // Runs within runnel::blocking, hence an ordinary sleep.
    static int on_busy(void* self, int attempts) {
        auto& me = *static_cast<connection*>(self);
        const auto now = std::chrono::steady_clock::now();
        if (attempts == 0) me.busy_since_ = now;
        if (now - me.busy_since_ > lock_patience || (me.give_up_ && me.give_up_())) return 0;
        std::this_thread::sleep_for(5ms);
        return 1;
    }

    std::function<bool()> give_up_;
    std::chrono::steady_clock::time_point busy_since_;
    sqlite_handle db_;
};

// Takes the write lock at once, so that a transaction never fails for it halfway; rolls back
// unless it is committed. Within another one it is a part of that: a savepoint.
class transaction {
public:
    explicit transaction(sqlite3* db) : db_(db), part_(is_open()) {
        execute(db, part_ ? "SAVEPOINT part" : "BEGIN IMMEDIATE");
    }
    transaction(const transaction&) = delete;
    transaction& operator=(const transaction&) = delete;
    ~transaction() {
        if (committed_ || !is_open()) return;
        sqlite3_exec(db_, part_ ? "ROLLBACK TO part; RELEASE part" : "ROLLBACK", nullptr, nullptr,
                     nullptr);
    }

    /// A trigger or a constraint may roll back everything by itself.
    bool is_open() const { return sqlite3_get_autocommit(db_) == 0; }

    void commit() {
        execute(db_, part_ ? "RELEASE part" : "COMMIT");
        committed_ = true;
    }

private:
    sqlite3* db_;
    bool part_;
    bool committed_ = false;
};

// ---- 2. session ----

class sqlite_session final : public store_transaction {
public:
    sqlite_session(const std::filesystem::path& file, conflict_rule rule,
                   std::function<bool()> give_up, std::shared_ptr<runnel::mutex> turn)
        : turn_(std::move(turn)),
          connection_(file, std::move(give_up)),
          rule_(rule),
          insert_(connection_.get(), insert_sql(1)),
          find_(connection_.get(), find_sql),
          update_(connection_.get(), update_sql) {}

    /// Makes of it one transaction to its end, whose turn it is all the time.
    void begin(std::unique_lock<runnel::mutex> my_turn) {
        runnel::blocking([this] { whole_.emplace(connection_.get()); });
        my_turn_ = std::move(my_turn);
    }

    ~sqlite_session() override {
        if (whole_) runnel::blocking([this] { whole_.reset(); });
    }

    refusal insert(const business& row) override {
        const auto my_turn = take_turn();
        return runnel::blocking([&] { return still_whole(insert_and_commit(row)); });
    }

    refusal insert_all(std::span<const business> rows, std::size_t rows_per_statement) override {
        const auto my_turn = take_turn();
        return runnel::blocking([&]() -> refusal {
            // Whether a row conflicts has to be asked row by row.
            const std::size_t step = rule_ == conflict_rule::none ? rows_per_statement : 1;
            const std::string now = now_text();
            transaction all(connection_.get());
            for (std::size_t i = 0; i < rows.size(); i += step) {
                const auto some = rows.subspan(i, std::min(step, rows.size() - i));
                refusal refused =
                    some.size() == 1 ? store_row(some[0], now) : insert_statement(some, now);
                if (refused) return still_whole(std::move(refused));
            }
            all.commit();
            return std::nullopt;
        });
    }

    std::vector<refusal> insert_each(std::span<const business> rows) override {
        const auto my_turn = take_turn();
        return runnel::blocking([&] {
            std::vector<refusal> answers;
            answers.reserve(rows.size());
            const std::string now = now_text();
            transaction all(connection_.get());
            for (const business& row : rows) {
                answers.push_back(still_whole(store_row(row, now)));
                if (!all.is_open()) return insert_one_by_one(rows);
            }
            all.commit();
            return answers;
        });
    }

    void commit() override {
        runnel::blocking([&] { whole_->commit(); });
    }

private:
    std::unique_lock<runnel::mutex> take_turn() {
        return whole_ ? std::unique_lock<runnel::mutex>() : std::unique_lock(*turn_);
    }

    // If the database itself has ended the transaction, what came next would be committed by itself.
    refusal still_whole(refusal answer) const {
        if (whole_ && !whole_->is_open()) {
            throw store_error(
                fmt::format("the database has rolled everything back: {}", answer.value_or("")));
        }
        return answer;
    }

    refusal insert_and_commit(const business& row) {
        const std::string now = now_text();
        if (rule_ == conflict_rule::none) return run_insert(insert_, {&row, 1}, now);
        transaction one(connection_.get());
        refusal refused = store_row(row, now);
        if (!refused) one.commit();
        return refused;
    }

    // The rows before the one that ended the transaction were rolled back with it.
    std::vector<refusal> insert_one_by_one(std::span<const business> rows) {
        std::vector<refusal> answers;
        answers.reserve(rows.size());
        try {
            for (const business& row : rows) answers.push_back(insert_and_commit(row));
        } catch (const store_error& error) {
            throw store_error(error.what(), std::move(answers));
        }
        return answers;
    }

    refusal store_row(const business& row, const std::string& now) {
        if (rule_ != conflict_rule::none) {
            if (const auto id = find(row)) {
                if (rule_ == conflict_rule::skip) return std::nullopt;
                if (rule_ == conflict_rule::update) return run_update(*id, row, now);
                return fmt::format("name, phone and email are those of the stored business {}",
                                   *id);
            }
        }
        return run_insert(insert_, {&row, 1}, now);
    }

    std::optional<std::int64_t> find(const business& row) {
        find_.bind(1, row.fields[name_column]);
        find_.bind(2, row.fields[phone_column]);
        find_.bind(3, row.fields[email_column]);
        std::optional<std::int64_t> id;
        if (find_.step() == SQLITE_ROW) id = find_.column_int(0);
        find_.reset();
        return id;
    }

    refusal run_update(std::int64_t id, const business& row, const std::string& now) {
        update_.bind(1, id);
        int place = 2;
        for (std::size_t c = 0; c < row.fields.size(); ++c) {
            if (c != name_column && c != phone_column && c != email_column) {
                update_.bind(place++, row.fields[c]);
            }
        }
        update_.bind(place, now);
        return finish(update_, update_.step());
    }

    refusal insert_statement(std::span<const business> rows, const std::string& now) {
        auto found = inserts_.find(rows.size());
        if (found == inserts_.end()) {
            if (inserts_.size() == max_kept_statements) inserts_.erase(inserts_.begin());
            found =
                inserts_.try_emplace(rows.size(), connection_.get(), insert_sql(rows.size())).first;
        }
        return run_insert(found->second, rows, now);
    }

    refusal run_insert(sqlite_statement& statement, std::span<const business> rows,
                       const std::string& now) {
        statement.bind(1, now);
        int place = 2;
        for (const business& row : rows) {
            for (const std::string_view field : row.fields) statement.bind(place++, field);
        }
        refusal refused = finish(statement, statement.step());
        // A trigger or a constraint of the table's own may drop a row without a word.
        if (!refused &&
            sqlite3_changes64(connection_.get()) != static_cast<sqlite3_int64>(rows.size())) {
            refused = "the database ignored the row";
        }
        return refused;
    }

    refusal finish(sqlite_statement& statement, int code) {
        refusal refused;
        if (is_refusal(code)) refused = sqlite3_errmsg(connection_.get());
        statement.reset();
        return refused;
    }

    // The sizes that occur: the batch size, the last batch's, and those that bisecting makes.
    static constexpr std::size_t max_kept_statements = 32;

    const std::shared_ptr<runnel::mutex> turn_;
    std::unique_lock<runnel::mutex> my_turn_;  // of a transaction
    connection connection_;
    std::optional<transaction> whole_;
    const conflict_rule rule_;
    sqlite_statement insert_;
    sqlite_statement find_;
    sqlite_statement update_;
    std::map<std::size_t, sqlite_statement> inserts_;  // by the number of rows; smallest goes first
};

}  // namespace

// ---- 3. store ----

sqlite_store::sqlite_store(std::filesystem::path file, conflict_rule rule,
                           std::function<bool()> give_up, std::shared_ptr<runnel::mutex> turn)
    : file_(std::move(file)), rule_(rule), give_up_(std::move(give_up)), turn_(std::move(turn)) {
    const std::lock_guard my_turn(*turn_);
    runnel::blocking([&] {
        connection db(file_, give_up_);
        transaction all(db.get());
        execute(db.get(), schema);
        if (rule_ != conflict_rule::none) execute(db.get(), natural_key_index);
        all.commit();
    });
}

std::unique_ptr<store_session> sqlite_store::open_session() {
    return runnel::blocking(
        [&] { return std::make_unique<sqlite_session>(file_, rule_, give_up_, turn_); });
}

std::unique_ptr<store_transaction> sqlite_store::begin() {
    std::unique_lock my_turn(*turn_);
    auto session = runnel::blocking(
        [&] { return std::make_unique<sqlite_session>(file_, rule_, give_up_, turn_); });
    session->begin(std::move(my_turn));
    return session;
}

void sqlite_store::ping() {
    runnel::blocking([&] {
        const connection db(file_, give_up_);
        sqlite_statement(db.get(), "SELECT 1 FROM businesses LIMIT 1").step();
    });
}

std::uint64_t sqlite_store::count_rows() {
    return runnel::blocking([&] {
        connection db(file_, give_up_);
        sqlite_statement count(db.get(), "SELECT count(*) FROM businesses");
        count.step();
        return static_cast<std::uint64_t>(count.column_int(0));
    });
}

}  // namespace excel_to_db
