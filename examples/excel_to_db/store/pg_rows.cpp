// examples/excel_to_db/store/pg_rows.cpp — SQL for rows, COPY's binary format, and what answers mean.
// SPDX-License-Identifier: BSL-1.0
#include "store/pg_rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

namespace excel_to_db {

namespace {

// At most twice so many statements are under way at once: their answers have to fit into the socket's buffer.
constexpr std::size_t half_window = 128;

// Names of prepared statements.
constexpr const char* one_row = "one_row";
constexpr const char* some_rows = "some_rows";

// Parameter 1 is the time; the fields follow.
constexpr std::string_view insert_row_sql =
    "INSERT INTO businesses (name, category, phone, email, address, city, country, website,"
    " description, created_at, updated_at)"
    " VALUES ($2, $3, $4, $5, $6, $7, $8, $9, $10, $1, $1)";

// The same with an array for each field: one statement for any number of rows, which the server neither parses nor
// plans anew.
constexpr std::string_view insert_rows_sql =
    "INSERT INTO businesses (name, category, phone, email, address, city, country, website,"
    " description, created_at, updated_at)"
    " SELECT *, $1, $1 FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10)";

constexpr std::string_view copy_sql =
    "COPY businesses (name, category, phone, email, address, city, country, website, description,"
    " created_at, updated_at) FROM STDIN (FORMAT binary)";

// A trigger or a rule can let a row vanish without a failure. Of a table that has none, rows may be committed before
// their answers are read; behind them, this fails for any other, and the commit with it. Nobody can make a trigger
// meanwhile, since the rows have locked the table. Under a stricter isolation one that was made just before that would
// not be seen.
constexpr const char* none_vanishes_sql =
    "SELECT 1 / (current_setting('transaction_isolation') = 'read committed' AND"
    " EXISTS (SELECT FROM pg_class WHERE oid = 'businesses'::regclass AND relkind = 'r' AND"
    " NOT relhastriggers AND NOT relhasrules))::int";

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

std::string one_row_sql(conflict_rule rule) {
    if (rule == conflict_rule::none) return std::string(insert_row_sql);
    std::string sql(stored_sql);
    if (rule == conflict_rule::update) sql += change_sql;
    sql += unless_stored_sql;
    return sql;
}

pg_parameters row_parameters(const business& row, pg_time now) {
    pg_parameters parameters(1 + business_columns.size());
    parameters.add(now);
    for (const std::string_view field : row.fields) parameters.add(field);
    return parameters;
}

pg_parameters rows_parameters(std::span<const business> rows, pg_time now) {
    pg_parameters parameters(1 + business_columns.size());
    parameters.add(now);
    for (std::size_t c = 0; c < business_columns.size(); ++c) {
        std::size_t bytes = 0;
        for (const business& row : rows) bytes += row.fields[c].size();
        pg_text_array column(rows.size(), bytes);
        for (const business& row : rows) column.add(row.fields[c]);
        parameters.add(std::move(column));
    }
    return parameters;
}

// ---- what answers mean ----

bool is_good(const PGresult* result) {
    return PQresultStatus(result) == PGRES_COMMAND_OK || PQresultStatus(result) == PGRES_TUPLES_OK;
}

refusal stored(const PGresult* result, std::size_t expected) {
    if (affected_rows(result) == expected) return std::nullopt;
    return "the database ignored the row";
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

// Nothing counts as kept but by this: the answer to COMMIT is ROLLBACK in a transaction that has failed.
void expect_done(const pg_answer& answer, std::string_view sql) {
    const std::string_view tag = PQcmdStatus(answer.get());
    if (tag.empty() || !sql.starts_with(tag)) {
        throw store_error("the database has rolled everything back");
    }
}

// ---- COPY ----

class copy_writer {
public:
    explicit copy_writer(pg_connection& connection) : connection_(connection) {
        text_.append("PGCOPY\n\xff\r\n\0", 11);
        append_number(text_, std::uint32_t{0});  // flags
        append_number(text_, std::uint32_t{0});  // no extension
    }

    void row(const business& row, pg_time now) {
        append_number(text_, static_cast<std::uint16_t>(business_columns.size() + 2));
        for (const std::string_view field : row.fields) {
            append_number(text_, static_cast<std::uint32_t>(field.size()));
            text_.append(field);
        }
        for (int i = 0; i < 2; ++i) {
            append_number(text_, std::uint32_t{8});
            append_number(text_, static_cast<std::uint64_t>(now));
        }
        if (text_.size() >= buffer) put();
    }

    std::vector<pg_answer> end() {
        append_number(text_, std::uint16_t{0xFFFF});
        put();
        return connection_.end_copy();
    }

private:
    static constexpr std::size_t buffer = std::size_t{64} << 10;

    void put() {
        connection_.put(text_);
        text_.clear();
    }

    pg_connection& connection_;
    std::string text_;
};

std::vector<pg_answer> send_copy(pg_connection& connection, const std::string& sql,
                                 std::span<const business> rows, pg_time now) {
    connection.begin_copy(sql.c_str());
    copy_writer out(connection);
    for (const business& row : rows) out.row(row, now);
    return out.end();
}

}  // namespace

// ---- 1. one row ----

refusal insert_one_row(pg_connection& connection, const business& row, pg_time now) {
    if (connection.has_prepared(one_row)) {
        const auto answer = connection.execute_prepared(one_row, row_parameters(row, now));
        return stored(answer.get(), 1);
    }
    // Not prepared yet: that is done on the way.
    const sent_rows sent = send_rows(connection, conflict_rule::none, {&row, 1}, 1, now,
                                     whole_transaction(conflict_rule::none), keeping::in_any_case);
    if (sent.failed) throw pg_failure(*sent.failed);
    return sent.refused();
}

refusal insert_in_savepoint(pg_connection& connection, conflict_rule rule, const business& row,
                            pg_time now) {
    const pg_parameters parameters = row_parameters(row, now);
    const bool prepares = !connection.has_prepared(one_row);
    connection.begin_pipeline();
    connection.send("SAVEPOINT row");
    if (prepares) connection.send_prepare(one_row, one_row_sql(rule), parameters);
    connection.send_prepared(one_row, parameters);
    connection.send("RELEASE SAVEPOINT row");
    connection.sync();
    connection.answer();
    const pg_answer prepared = prepares ? connection.answer() : nullptr;
    const pg_answer answer = connection.answer();
    connection.answer();
    connection.read_sync();
    connection.end_pipeline();
    if (prepared && !is_good(prepared.get())) throw pg_failure(prepared.get());
    if (is_good(answer.get())) return answer_of(answer.get(), rule, 1);
    const pg_failure failure(answer.get());
    if (!failure.is_refusal()) throw pg_failure(failure);
    connection.execute("ROLLBACK TO SAVEPOINT row");
    return failure.what();
}

// ---- 2. many ----

pg_bracket whole_transaction(conflict_rule rule) {
    pg_bracket bracket{{"BEGIN"}, "COMMIT", "ROLLBACK"};
    if (rule != conflict_rule::none) bracket.open.push_back(one_at_a_time);
    return bracket;
}

refusal sent_rows::refused() const {
    const auto found = std::find_if(answers.begin(), answers.end(),
                                    [](const refusal& each) { return each.has_value(); });
    return found == answers.end() ? std::nullopt : *found;
}

sent_rows send_rows(pg_connection& connection, conflict_rule rule, std::span<const business> rows,
                    std::size_t step, pg_time now, const pg_bracket& bracket, keeping when) {
    const char* const insert = step == 1 ? one_row : some_rows;
    const auto parameters_of = [&](std::span<const business> some) {
        return step == 1 ? row_parameters(some.front(), now) : rows_parameters(some, now);
    };
    sent_rows result;
    std::vector<std::size_t> sizes;           // of the statements that were sent
    std::size_t ahead = bracket.open.size();  // answers before those of the rows
    const auto read = [&] {
        pg_answer answer = connection.answer();
        if (PQresultStatus(answer.get()) == PGRES_FATAL_ERROR && !result.failed) {
            result.failed.emplace(answer.get());
        }
        return answer;
    };
    const auto read_answers = [&](std::size_t count) {
        for (; ahead > 0; --ahead) read();
        while (result.answers.size() < count) {
            const pg_answer answer = read();
            const std::size_t size = sizes[result.answers.size()];
            result.answers.push_back(is_good(answer.get()) ? answer_of(answer.get(), rule, size)
                                                           : std::nullopt);
        }
    };

    // 1. The rows.
    connection.begin_pipeline();
    for (const char* sql : bracket.open) connection.send(sql);
    if (!connection.has_prepared(insert)) {
        connection.send_prepare(insert,
                                step == 1 ? one_row_sql(rule) : std::string(insert_rows_sql),
                                parameters_of(rows.first(1)));
        ++ahead;
    }
    while (!rows.empty() && !result.failed) {
        const auto some = rows.first(std::min(step, rows.size()));
        rows = rows.subspan(some.size());
        connection.send_prepared(insert, parameters_of(some));
        sizes.push_back(some.size());
        if (sizes.size() % half_window != 0) continue;
        connection.request_answers();
        if (sizes.size() > half_window) read_answers(sizes.size() - half_window);
    }

    // 2. The end, in the same breath if it depends on no answer: if a statement fails, the server passes over it.
    const char* end = bracket.keep;
    if (when == keeping::if_all_are_stored) {
        connection.request_answers();
        read_answers(sizes.size());
        if (result.refused()) end = bracket.take_back;
    } else if (when == keeping::unless_rows_may_vanish) {
        connection.send(none_vanishes_sql);
    }
    connection.send(end);
    connection.sync();

    // 3. What has become of it. If the connection breaks here, the end may have been reached or not: this throws, and
    // the caller has to look for the rows.
    read_answers(sizes.size());
    if (when == keeping::unless_rows_may_vanish) {
        const pg_answer none_vanishes = connection.answer();
        result.may_vanish = !result.failed && !is_good(none_vanishes.get());
    }
    const pg_answer ended = connection.answer();
    connection.read_sync();
    connection.end_pipeline();
    if (result.failed || result.may_vanish) return result;
    if (is_good(ended.get())) {
        expect_done(ended, end);
    } else {
        result.failed.emplace(ended.get());  // by a constraint that is checked only now
    }
    return result;
}

sent_rows send_all_rows(pg_connection& connection, conflict_rule rule,
                        std::span<const business> rows, std::size_t step, pg_time now,
                        const pg_bracket& bracket, bool& late) {
    if (!late) {
        sent_rows sent =
            send_rows(connection, rule, rows, step, now, bracket, keeping::unless_rows_may_vanish);
        if (!sent.may_vanish) return sent;
        late = true;
        connection.execute(bracket.take_back);
    }
    return send_rows(connection, rule, rows, step, now, bracket, keeping::if_all_are_stored);
}

refusal copy_rows(pg_connection& connection, std::span<const business> rows, pg_time now,
                  const pg_bracket& bracket, bool& late) {
    const std::string begin = fmt::format("{}; {}", fmt::join(bracket.open, "; "), copy_sql);
    if (!late) {
        // As in a pipeline: what follows a failure is passed over.
        const auto answers =
            send_copy(connection, fmt::format("{}; {}; {}", begin, none_vanishes_sql, bracket.keep),
                      rows, now);
        if (is_good(answers.back().get())) {
            expect_done(answers.back(), bracket.keep);
            return std::nullopt;
        }
        // The second answer is that to none_vanishes_sql.
        if (answers.size() != 2) throw pg_failure(answers.back().get());
        late = true;
        connection.execute(bracket.take_back);
    }
    const auto answers = send_copy(connection, begin, rows, now);
    if (!is_good(answers.back().get())) throw pg_failure(answers.back().get());
    const refusal refused = stored(answers.back().get(), rows.size());
    const char* const end = refused ? bracket.take_back : bracket.keep;
    expect_done(connection.execute(end), end);
    return refused;
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
