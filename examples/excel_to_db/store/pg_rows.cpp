// examples/excel_to_db/store/pg_rows.cpp — SQL for rows, COPY's binary format, and what answers mean.
// SPDX-License-Identifier: BSL-1.0
#include "store/pg_rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace excel_to_db {

namespace {

// So many statements are sent before answers are read: no more of those than fit into the socket's buffer.
constexpr std::size_t window = 256;

constexpr const char* one_row = "one_row";

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

std::string name_of_statement(std::size_t rows) {
    return rows == 1 ? one_row : fmt::format("rows_{}", rows);
}

refusal stored(const PGresult* result, std::size_t expected) {
    if (affected_rows(result) == expected) return std::nullopt;
    return "the database ignored the row";
}

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

}  // namespace

// ---- 1. one row ----

bool is_good(const PGresult* result) {
    return PQresultStatus(result) == PGRES_COMMAND_OK || PQresultStatus(result) == PGRES_TUPLES_OK;
}

void prepare_one_row(pg_connection& connection, conflict_rule rule, const business& row,
                     pg_time now) {
    if (connection.has_prepared(one_row)) return;
    connection.prepare(one_row, one_row_sql(rule), make_parameters({&row, 1}, now));
}

pg_answer insert_one_row(pg_connection& connection, const business& row, pg_time now) {
    return connection.execute_prepared(one_row, make_parameters({&row, 1}, now));
}

refusal answer_of(const PGresult* result, conflict_rule rule, std::size_t rows) {
    if (rule == conflict_rule::none) return stored(result, rows);
    // The id of the row that was there already, and how many were added.
    if (PQgetisnull(result, 0, 0) == 0) {
        if (rule != conflict_rule::error) return std::nullopt;
        return fmt::format("name, phone and email are those of the stored business {}",
                           PQgetvalue(result, 0, 0));
    }
    if (std::string_view(PQgetvalue(result, 0, 1)) == "1") return std::nullopt;
    return "the database ignored the row";
}

refusal insert_in_savepoint(pg_connection& connection, conflict_rule rule, const business& row,
                            pg_time now) {
    connection.begin_pipeline();
    connection.send("SAVEPOINT row");
    connection.send_prepared(one_row, make_parameters({&row, 1}, now));
    connection.send("RELEASE SAVEPOINT row");
    connection.sync();
    connection.answer();
    const pg_answer answer = connection.answer();
    connection.answer();
    connection.read_sync();
    connection.end_pipeline();
    if (is_good(answer.get())) return answer_of(answer.get(), rule, 1);
    const pg_failure failure(answer.get());
    if (!failure.is_refusal()) throw pg_failure(failure);
    connection.execute("ROLLBACK TO SAVEPOINT row");
    return failure.what();
}

// ---- 2. many ----

refusal sent_rows::refused() const {
    const auto found = std::find_if(answers.begin(), answers.end(),
                                    [](const refusal& each) { return each.has_value(); });
    return found == answers.end() ? std::nullopt : *found;
}

void prepare_rows(pg_connection& connection, conflict_rule rule, std::span<const business> rows,
                  std::size_t step, pg_time now) {
    const std::string name = name_of_statement(step);
    if (connection.has_prepared(name)) return;
    connection.prepare(name, step == 1 ? one_row_sql(rule) : insert_sql(step),
                       make_parameters(rows.first(step), now));
}

sent_rows send_rows(pg_connection& connection, conflict_rule rule, std::span<const business> rows,
                    std::size_t step, pg_time now, std::size_t unread) {
    const std::string name = name_of_statement(step);
    sent_rows result;
    std::vector<std::size_t> sizes;  // of the statements that were sent
    const auto read_answers = [&] {
        connection.request_answers();
        while (unread > 0 || result.answers.size() < sizes.size()) {
            const pg_answer answer = connection.answer();
            if (PQresultStatus(answer.get()) == PGRES_FATAL_ERROR && !result.failed) {
                result.failed.emplace(answer.get());
            }
            if (unread > 0) {
                --unread;
            } else {
                const std::size_t size = sizes[result.answers.size()];
                result.answers.push_back(is_good(answer.get()) ? answer_of(answer.get(), rule, size)
                                                               : std::nullopt);
            }
        }
    };
    while (!rows.empty() && !result.failed) {
        const auto some = rows.first(std::min(step, rows.size()));
        rows = rows.subspan(some.size());
        const pg_parameters parameters = make_parameters(some, now);
        if (some.size() == step) {
            connection.send_prepared(name, parameters);
        } else {
            connection.send(insert_sql(some.size()).c_str(), parameters);
        }
        sizes.push_back(some.size());
        if (sizes.size() % window == 0) read_answers();
    }
    read_answers();
    return result;
}

refusal copy_rows(pg_connection& connection, std::span<const business> rows, pg_time now) {
    connection.begin_copy(copy_sql);
    copy_writer out(connection);
    for (const business& row : rows) out.row(row, now);
    return stored(out.end().get(), rows.size());
}

// ---- 3. after a loss ----

bool was_committed(pg_pool::lease& connection, pg_time moment) {
    pg_parameters parameters(1);
    parameters.add(moment);
    try {
        for (;;) {
            connection.replace();
            try {
                const pg_answer found = connection->execute(
                    "SELECT 1 FROM businesses WHERE created_at = $1 OR updated_at = $1 LIMIT 1",
                    parameters);
                return PQntuples(found.get()) != 0;
            } catch (const pg_lost&) {  // this one too
            }
        }
    } catch (const store_error& error) {
        throw commit_unknown(
            fmt::format("the connection was lost before the answer came, and there is no other to "
                        "ask by ({}): whether what was sent last is stored is not known",
                        error.what()));
    }
}

}  // namespace excel_to_db
