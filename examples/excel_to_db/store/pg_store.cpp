// examples/excel_to_db/store/pg_store.cpp — schema, the ways to insert, and what follows a loss.
// SPDX-License-Identifier: BSL-1.0
#include "store/pg_store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <runnel/time.hpp>
#include <utility>
#include <vector>

namespace excel_to_db {

namespace {

using namespace std::chrono_literals;

constexpr const char* schema_sql = R"sql(
CREATE TABLE IF NOT EXISTS businesses (
    id          bigserial PRIMARY KEY,
    name        text NOT NULL,
    category    text,
    phone       text,
    email       text,
    address     text,
    city        text,
    country     text,
    website     text,
    description text,
    created_at  timestamptz,
    updated_at  timestamptz,
    deleted_at  timestamptz
);
CREATE INDEX IF NOT EXISTS idx_businesses_name       ON businesses (name);
CREATE INDEX IF NOT EXISTS idx_businesses_category   ON businesses (category);
CREATE INDEX IF NOT EXISTS idx_businesses_email      ON businesses (email);
CREATE INDEX IF NOT EXISTS idx_businesses_city       ON businesses (city);
CREATE INDEX IF NOT EXISTS idx_businesses_country    ON businesses (country);
CREATE INDEX IF NOT EXISTS idx_businesses_deleted_at ON businesses (deleted_at);
)sql";

constexpr const char* natural_key_index =
    "CREATE INDEX IF NOT EXISTS idx_businesses_natural_key ON businesses (name, phone, email)";

// Of all transactions that look whether a row is there and then store it, one at a time.
constexpr const char* one_at_a_time = "SELECT pg_advisory_xact_lock(7205759403792793)";

constexpr std::string_view insert_head =
    "INSERT INTO businesses (name, category, phone, email, address, city, country, website,"
    " description, created_at, updated_at) ";

constexpr const char* copy_sql =
    "COPY businesses (name, category, phone, email, address, city, country, website, description,"
    " created_at, updated_at) FROM STDIN (FORMAT binary)";

// Of the stored rows with this key the oldest is meant. The answer is its id, or nothing.
constexpr std::string_view stored_sql =
    "WITH stored AS (SELECT id FROM businesses WHERE name = $2 AND phone = $4 AND email = $5"
    " AND deleted_at IS NULL ORDER BY id LIMIT 1), ";

constexpr std::string_view unless_stored_sql =
    "added AS (INSERT INTO businesses (name, category, phone, email, address, city, country,"
    " website, description, created_at, updated_at) SELECT $2, $3, $4, $5, $6, $7, $8, $9, $10,"
    " $1, $1 WHERE NOT EXISTS (SELECT FROM stored) RETURNING id) "
    "SELECT (SELECT id FROM stored), (SELECT count(*) FROM added)";

// A row that has these values already is not written again: importing a file twice is cheap.
constexpr std::string_view change_sql =
    "changed AS (UPDATE businesses b SET category = $3, address = $6, city = $7, country = $8,"
    " website = $9, description = $10, updated_at = $1 FROM stored WHERE b.id = stored.id AND"
    " (b.category, b.address, b.city, b.country, b.website, b.description) IS DISTINCT FROM"
    " ($3, $6, $7, $8, $9, $10)), ";

// Parameter 1 is the time; the fields follow, row after row.
std::string insert_sql(std::size_t rows) {
    std::string sql(insert_head);
    sql += "VALUES ";
    std::size_t parameter = 2;
    for (std::size_t row = 0; row < rows; ++row) {
        sql += row == 0 ? "(" : ",(";
        for (std::size_t c = 0; c < business_columns.size(); ++c) {
            sql += fmt::format("${},", parameter++);
        }
        sql += "$1,$1)";
    }
    return sql;
}

std::string one_row_sql(conflict_rule rule) {
    if (rule == conflict_rule::none) return insert_sql(1);
    std::string sql(stored_sql);
    if (rule == conflict_rule::update) sql += change_sql;
    return sql + std::string(unless_stored_sql);
}

pg_parameters make_parameters(std::span<const business> rows, pg_time now) {
    pg_parameters parameters(1 + rows.size() * business_columns.size());
    parameters.add(now);
    for (const business& row : rows) {
        for (const std::string_view field : row.fields) parameters.add(field);
    }
    return parameters;
}

// ---- 1. COPY's binary format ----

class copy_writer {
public:
    explicit copy_writer(pg_connection& connection) : connection_(connection) {
        text_.append("PGCOPY\n\xff\r\n\0", 11);
        number(0, 4);  // flags
        number(0, 4);  // no extension
    }

    void row(const business& row, pg_time now) {
        number(business_columns.size() + 2, 2);
        for (const std::string_view field : row.fields) {
            number(field.size(), 4);
            text_.append(field);
        }
        for (int i = 0; i < 2; ++i) {
            number(8, 4);
            number(static_cast<std::uint64_t>(now), 8);
        }
        if (text_.size() >= buffer) put();
    }

    pg_answer end() {
        number(0xFFFF, 2);
        put();
        return connection_.end_copy();
    }

private:
    static constexpr std::size_t buffer = std::size_t{64} << 10;

    void number(std::uint64_t value, unsigned bytes) {
        while (bytes-- > 0) text_.push_back(static_cast<char>(value >> (8 * bytes)));
    }
    void put() {
        connection_.put(text_);
        text_.clear();
    }

    pg_connection& connection_;
    std::string text_;
};

// ---- 2. session ----

class pg_session final : public store_session {
public:
    /// `place`: of pool.try_reserve(), or none yet.
    pg_session(pg_pool& pool, conflict_rule rule, pg_pool::place place)
        : pool_(pool), connection_(pool, true, place), rule_(rule), one_row_(one_row_sql(rule)) {}

    refusal insert(const business& row) override {
        const std::span<const business> rows(&row, 1);
        if (rule_ != conflict_rule::none) return insert_all(rows, 1);
        return settle([&](pg_time now) {
            const pg_parameters parameters = make_parameters(rows, now);
            connection_->prepare("one_row", one_row_, parameters);
            return stored(connection_->execute_prepared("one_row", parameters).get(), 1);
        });
    }

    refusal insert_all(std::span<const business> rows, std::size_t rows_per_statement) override {
        if (rows.empty()) return std::nullopt;
        // Whether a row conflicts has to be asked row by row.
        const std::size_t step = rule_ == conflict_rule::none
                                     ? std::clamp<std::size_t>(rows_per_statement, 1, rows.size())
                                     : 1;
        return settle([&](pg_time now) -> refusal {
            const auto answers = transact(rows, step, now, /*all_or_none=*/true);
            const auto refused = std::find_if(answers.begin(), answers.end(),
                                              [](const refusal& r) { return r.has_value(); });
            return refused == answers.end() ? std::nullopt : *refused;
        });
    }

    refusal insert_pipelined(std::span<const business> rows) override {
        return insert_all(rows, 1);
    }

    refusal load(std::span<const business> rows) override {
        if (rule_ != conflict_rule::none || rows.empty()) return insert_all(rows, 1);
        return settle([&](pg_time now) {
            connection_->execute("BEGIN");
            connection_->begin_copy(copy_sql);
            copy_writer out(*connection_);
            for (const business& row : rows) out.row(row, now);
            const refusal refused = stored(out.end().get(), rows.size());
            connection_->execute(refused ? "ROLLBACK" : "COMMIT");
            return refused;
        });
    }

    std::vector<refusal> insert_each(std::span<const business> rows) override {
        std::vector<refusal> answers;
        if (rows.empty()) return answers;
        const refusal all_refused = settle(
            [&](pg_time now) -> refusal {
                try {
                    answers = transact(rows, 1, now, /*all_or_none=*/false);
                    return std::nullopt;
                } catch (const pg_failure& failure) {
                    if (!failure.is_refusal()) throw;
                }
                connection_->roll_back();
                answers = insert_with_savepoints(rows, now);
                return std::nullopt;
            },
            [&](pg_time now) { answers = answers_afterwards(rows, now); });
        if (all_refused) answers.assign(rows.size(), all_refused);
        return answers;
    }

private:
    // So many statements are sent before answers are read: no more of those than fit into the socket's buffer.
    static constexpr std::size_t window = 256;
    static constexpr auto longest_pause = 500ms;

    static refusal stored(const PGresult* result, std::size_t expected) {
        if (affected_rows(result) == expected) return std::nullopt;
        return "the database ignored the row";
    }

    refusal answer_of(const PGresult* result, std::size_t rows) const {
        if (rule_ == conflict_rule::none) return stored(result, rows);
        // The id of the row that was there already, and how many were added.
        if (PQgetisnull(result, 0, 0) == 0) {
            if (rule_ != conflict_rule::error) return std::nullopt;
            return fmt::format("name, phone and email are those of the stored business {}",
                               PQgetvalue(result, 0, 0));
        }
        if (std::string_view(PQgetvalue(result, 0, 1)) == "1") return std::nullopt;
        return "the database ignored the row";
    }

    static bool is_good(const PGresult* result) {
        return PQresultStatus(result) == PGRES_COMMAND_OK ||
               PQresultStatus(result) == PGRES_TUPLES_OK;
    }

    /// Calls `attempt(moment)`, one transaction whose rows have that moment as created_at, until it is known what has
    /// become of it; `afterwards(moment)` if it was committed and its answers are lost. Returns a refusal.
    template <class Attempt, class Afterwards>
    refusal settle(Attempt attempt, Afterwards afterwards) {
        for (auto pause = 1ms;; pause = std::min(pause * 2, 2 * longest_pause)) {
            const pg_time now = pool_.take_moments(1);
            bool lost = false;
            try {
                return attempt(now);
            } catch (const pg_lost&) {
                lost = true;
            } catch (const pg_failure& failure) {
                if (failure.is_refusal()) {
                    leave_transaction();
                    return failure.what();
                }
                if (!failure.is_transient() || pause > longest_pause) {
                    leave_transaction();
                    throw;
                }
            }
            if (!lost) {
                leave_transaction();
                runnel::sleep_for(pause);
            } else if (has_stored(now)) {
                afterwards(now);
                return std::nullopt;
            }
        }
    }
    template <class Attempt>
    refusal settle(Attempt attempt) {
        return settle(attempt, [](pg_time) {});
    }

    void leave_transaction() {
        try {
            connection_->roll_back();
        } catch (const pg_lost&) {
            connection_.replace();  // the server rolls back by itself
        }
    }

    // Replaces the lost connection, and looks for what its transaction has left.
    bool has_stored(pg_time moment) {
        pg_parameters parameters(1);
        parameters.add(moment);
        for (;;) {
            connection_.replace();
            try {
                const pg_answer found = connection_->execute(
                    "SELECT 1 FROM businesses WHERE created_at = $1 LIMIT 1", parameters);
                return PQntuples(found.get()) != 0;
            } catch (const pg_lost&) {
            }
        }
    }

    std::vector<refusal> answers_afterwards(std::span<const business> rows, pg_time moment) {
        std::vector<refusal> answers;
        for (const business& row : rows) {
            pg_parameters parameters(4);
            parameters.add(moment);
            for (const std::size_t c : {name_column, phone_column, email_column}) {
                parameters.add(row.fields[c]);
            }
            const pg_answer found = connection_->execute(
                "SELECT 1 FROM businesses WHERE created_at = $1 AND name = $2 AND phone = $3 AND"
                " email = $4 LIMIT 1",
                parameters);
            answers.emplace_back();
            if (PQntuples(found.get()) == 0 &&
                (rule_ == conflict_rule::none || rule_ == conflict_rule::error)) {
                answers.back() = "refused; the connection was lost before the reason came";
            }
        }
        return answers;
    }

    // One transaction of statements with `step` rows each, all under way at once; one answer a statement. Commits
    // unless one is refused and `all_or_none`.
    std::vector<refusal> transact(std::span<const business> rows, std::size_t step, pg_time now,
                                  bool all_or_none) {
        const std::string name = step == 1 ? "one_row" : fmt::format("rows_{}", step);
        connection_->prepare(name, step == 1 ? one_row_ : insert_sql(step),
                             make_parameters(rows.first(step), now));

        connection_->begin_pipeline();
        connection_->send("BEGIN");
        std::size_t unread = 1;  // answers that say nothing but that all is well
        if (rule_ != conflict_rule::none) {
            connection_->send(one_at_a_time);
            ++unread;
        }
        std::vector<refusal> answers;
        std::vector<std::size_t> sizes;  // of the statements that were sent
        std::optional<pg_failure> failed;
        const auto read_answers = [&] {
            connection_->request_answers();
            while (unread > 0 || answers.size() < sizes.size()) {
                const pg_answer answer = connection_->answer();
                if (PQresultStatus(answer.get()) == PGRES_FATAL_ERROR && !failed) {
                    failed.emplace(answer.get());
                }
                if (unread > 0) {
                    --unread;
                } else {
                    answers.push_back(is_good(answer.get())
                                          ? answer_of(answer.get(), sizes[answers.size()])
                                          : std::nullopt);
                }
            }
        };
        while (!rows.empty() && !failed) {
            const auto some = rows.first(std::min(step, rows.size()));
            rows = rows.subspan(some.size());
            const pg_parameters parameters = make_parameters(some, now);
            if (some.size() == step) {
                connection_->send_prepared(name, parameters);
            } else {
                connection_->send(insert_sql(some.size()).c_str(), parameters);
            }
            sizes.push_back(some.size());
            if (sizes.size() % window == 0) read_answers();
        }
        read_answers();
        const bool refused = std::any_of(answers.begin(), answers.end(),
                                         [](const refusal& r) { return r.has_value(); });
        connection_->send(refused && all_or_none ? "ROLLBACK" : "COMMIT");
        connection_->sync();
        const pg_answer end = connection_->answer();
        if (!failed && !is_good(end.get())) failed.emplace(end.get());  // by a deferred constraint
        connection_->read_sync();
        connection_->end_pipeline();
        if (failed) throw pg_failure(*failed);
        return answers;
    }

    // One transaction in which a refused row takes nothing with it: a round trip a row.
    std::vector<refusal> insert_with_savepoints(std::span<const business> rows, pg_time now) {
        std::vector<refusal> answers;
        connection_->execute("BEGIN");
        if (rule_ != conflict_rule::none) connection_->execute(one_at_a_time);
        for (std::size_t i = 0; i < rows.size(); ++i) {
            connection_->begin_pipeline();
            connection_->send("SAVEPOINT row");
            connection_->send_prepared("one_row", make_parameters(rows.subspan(i, 1), now));
            connection_->send("RELEASE SAVEPOINT row");
            connection_->sync();
            connection_->answer();
            const pg_answer answer = connection_->answer();
            connection_->answer();
            connection_->read_sync();
            connection_->end_pipeline();
            if (is_good(answer.get())) {
                answers.push_back(answer_of(answer.get(), 1));
                continue;
            }
            const pg_failure failure(answer.get());
            if (!failure.is_refusal()) throw pg_failure(failure);
            connection_->execute("ROLLBACK TO SAVEPOINT row");
            answers.push_back(failure.what());
        }
        connection_->execute("COMMIT");
        return answers;
    }

    pg_pool& pool_;
    pg_pool::lease connection_;
    const conflict_rule rule_;
    const std::string one_row_;
};

std::string with_schema(const std::string& url, const std::string& schema) {
    if (schema.empty()) return url;
    return url + (url.find('?') == std::string::npos ? "?" : "&") + "options=-csearch_path%3D" +
           schema;
}

}  // namespace

// ---- 3. store ----

bool is_postgres_url(std::string_view url) {
    return url.starts_with("postgres://") || url.starts_with("postgresql://");
}

pg_store::pg_store(const runnel::context& ctx, const std::string& url, conflict_rule rule,
                   pg_options options)
    : rule_(rule),
      schema_(options.schema),
      pool_(ctx, with_schema(url, options.schema), options.connections) {
    pg_pool::lease connection(pool_);
    // Without the notices about what is there already; and two that begin at once do not make it twice.
    std::string sql = "SET client_min_messages = warning; BEGIN; ";
    sql += one_at_a_time;
    sql += ";";
    if (!schema_.empty()) sql += fmt::format("CREATE SCHEMA IF NOT EXISTS {};", schema_);
    sql += schema_sql;
    if (rule != conflict_rule::none) sql += std::string(natural_key_index) + ";";
    sql += "COMMIT";
    for (int attempt = 1;; ++attempt) {
        try {
            connection->execute(sql.c_str());
            return;
        } catch (const pg_lost&) {
            if (attempt == 3) throw;
        }
        connection.replace();
    }
}

std::size_t pg_store::useful_sessions() const {
    return rule_ == conflict_rule::none ? pool_.size() : 1;
}

std::size_t pg_store::useful_bulk_sessions() const {
    return rule_ == conflict_rule::none ? std::min<std::size_t>(pool_.size(), 2) : 1;
}

std::unique_ptr<store_session> pg_store::open_session() {
    return std::make_unique<pg_session>(pool_, rule_, pg_pool::place::none);
}

std::unique_ptr<store_session> pg_store::try_open_session() {
    if (!pool_.try_reserve()) return nullptr;
    return std::make_unique<pg_session>(pool_, rule_, pg_pool::place::reserved);
}

void pg_store::ping() { pg_pool::lease(pool_, /*patiently=*/false)->execute("SELECT 1"); }

std::uint64_t pg_store::count_rows() {
    const pg_pool::lease connection(pool_);
    const pg_answer count = connection->execute("SELECT count(*) FROM businesses");
    return std::stoull(PQgetvalue(count.get(), 0, 0));
}

void pg_store::drop_schema() {
    pg_pool::lease(pool_)->execute(fmt::format("DROP SCHEMA {} CASCADE", schema_).c_str());
}

}  // namespace excel_to_db
