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
constexpr const char* check_table = "check_table";

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

// A trigger or a rule can let a row vanish without a failure, or change it; but for those that the server has made of a
// constraint. Under a stricter isolation one that was made just before the rows came would not be seen.
constexpr std::string_view is_plain_sql =
    "(current_setting('transaction_isolation') = 'read committed' AND"
    " EXISTS (SELECT FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
    " WHERE c.oid = 'businesses'::regclass AND relkind = 'r' AND NOT relhasrules AND NOT EXISTS"
    " (SELECT FROM pg_trigger WHERE tgrelid = c.oid AND NOT (tgisinternal AND tgconstraint <> 0))"
    " AND attname = 'created_at' AND atttypid = 'timestamptz'::regtype AND atttypmod = -1))";

// Rows of a plain table may be committed before their answers are read. Behind them, this fails for any other, and the
// commit with it. Nobody can make a trigger meanwhile, since the rows have locked the table.
std::string fail_unless_plain_sql() { return fmt::format("SELECT 1 / {}::int", is_plain_sql); }

// The processes that the server has had since it was started, and that no crash of it leaves alive. A transaction that
// has not reached the disk is forgotten in a crash, and another gets its id.
constexpr std::string_view server_processes =
    "ARRAY(SELECT pid FROM pg_stat_activity WHERE usesysid IS NULL AND datid IS NULL)";

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

// ---- the transaction's id ----

std::string id_sql(const pg_connection& connection) {
    if (!connection.server.empty()) return "SELECT txid_current()";
    return fmt::format("SELECT txid_current(), {}", server_processes);
}

void note_id(const pg_answer& answer, pg_connection& connection, pg_trace& trace) {
    if (connection.server.empty()) connection.server = PQgetvalue(answer.get(), 0, 1);
    trace.id = PQgetvalue(answer.get(), 0, 0);
    trace.server = connection.server;
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
    pg_bracket bracket{{"BEGIN"}, "COMMIT", "ROLLBACK", /*is_transaction=*/true};
    if (rule != conflict_rule::none) bracket.open.push_back(one_at_a_time);
    return bracket;
}

void begin_traced(pg_connection& connection, conflict_rule rule, pg_trace& trace) {
    const std::string sql =
        fmt::format("{}; {}", fmt::join(whole_transaction(rule).open, "; "), id_sql(connection));
    note_id(connection.execute(sql.c_str()), connection, trace);
}

refusal sent_rows::refused() const {
    const auto found = std::find_if(answers.begin(), answers.end(),
                                    [](const refusal& each) { return each.has_value(); });
    return found == answers.end() ? std::nullopt : *found;
}

namespace {

sent_rows send_and_keep(pg_connection& connection, conflict_rule rule,
                        std::span<const business> rows, std::size_t step, pg_trace& trace,
                        const pg_bracket& bracket, keeping when) {
    const bool at_once = when == keeping::in_a_plain_table;
    const char* const insert = step == 1 ? one_row : some_rows;
    const auto parameters_of = [&](std::span<const business> some) {
        return step == 1 ? row_parameters(some.front(), trace.moment)
                         : rows_parameters(some, trace.moment);
    };
    trace.name = rows.front().fields[name_column];
    if (at_once && bracket.is_transaction) trace.found_by = pg_trace::means::rows;
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
    if (at_once && !connection.has_prepared(check_table)) {
        connection.send_prepare(check_table, fail_unless_plain_sql(), pg_parameters());
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
    if (at_once) {
        connection.send_prepared(check_table, pg_parameters());
    } else {
        if (bracket.is_transaction) connection.send(id_sql(connection).c_str());
        connection.request_answers();
        read_answers(sizes.size());
        const pg_answer id = bracket.is_transaction ? read() : nullptr;
        if (when == keeping::if_all_are_stored && result.refused()) {
            end = bracket.take_back;
        } else if (id && is_good(id.get())) {
            note_id(id, connection, trace);
            trace.found_by = pg_trace::means::transaction_id;
            trace.answers = result.answers;
        }
    }
    connection.send(end);
    connection.sync();

    // 3. What has become of it. If the connection breaks here, the end may have been reached or not: this throws, and
    // the caller has to look for the rows.
    read_answers(sizes.size());
    if (at_once) {
        const pg_answer checked = connection.answer();
        result.is_plain = result.failed || is_good(checked.get());
    }
    const pg_answer ended = connection.answer();
    connection.read_sync();
    connection.end_pipeline();
    if (result.failed || !result.is_plain) return result;
    if (is_good(ended.get())) {
        expect_done(ended, end);
    } else {
        result.failed.emplace(ended.get());  // by a constraint that is checked only now
    }
    return result;
}

}  // namespace

sent_rows send_rows(pg_connection& connection, conflict_rule rule, std::span<const business> rows,
                    std::size_t step, pg_trace& trace, const pg_bracket& bracket, table_kind& kind,
                    keeping late) {
    if (kind != table_kind::other) {
        sent_rows sent =
            send_and_keep(connection, rule, rows, step, trace, bracket, keeping::in_a_plain_table);
        kind = sent.is_plain ? table_kind::plain : table_kind::other;
        if (sent.is_plain) return sent;
        trace.found_by = pg_trace::means::nothing;
        connection.execute(bracket.take_back);
    }
    return send_and_keep(connection, rule, rows, step, trace, bracket, late);
}

refusal send_row(pg_connection& connection, const business& row, pg_trace& trace,
                 const pg_bracket& bracket, table_kind& kind) {
    if (kind == table_kind::plain && connection.has_prepared(one_row)) {
        trace.name = row.fields[name_column];
        trace.found_by = pg_trace::means::rows_if_plain;
        const auto answer = connection.execute_prepared(one_row, row_parameters(row, trace.moment));
        refusal refused = stored(answer.get(), 1);
        if (refused) kind = table_kind::other;
        return refused;
    }
    const sent_rows sent =
        send_rows(connection, conflict_rule::none, {&row, 1}, 1, trace, bracket, kind);
    if (sent.failed) throw pg_failure(*sent.failed);
    return sent.refused();
}

refusal copy_rows(pg_connection& connection, std::span<const business> rows, pg_trace& trace,
                  const pg_bracket& bracket, table_kind& kind) {
    using means = pg_trace::means;
    std::string sql = fmt::format("{}; {}", fmt::join(bracket.open, "; "), copy_sql);
    trace.name = rows.front().fields[name_column];
    if (kind != table_kind::other) {
        // As in a pipeline: what follows a failure is passed over.
        if (bracket.is_transaction) trace.found_by = means::rows;
        const auto answers = send_copy(
            connection, fmt::format("{}; {}; {}", sql, fail_unless_plain_sql(), bracket.keep), rows,
            trace.moment);
        if (is_good(answers.back().get())) {
            expect_done(answers.back(), bracket.keep);
            kind = table_kind::plain;
            return std::nullopt;
        }
        // The second answer is whether the table is a plain one.
        if (answers.size() != 2) throw pg_failure(answers.back().get());
        kind = table_kind::other;
        trace.found_by = means::nothing;
        connection.execute(bracket.take_back);
    }
    if (bracket.is_transaction) sql += "; " + id_sql(connection);
    const auto answers = send_copy(connection, sql, rows, trace.moment);
    if (!is_good(answers.back().get())) throw pg_failure(answers.back().get());
    const refusal refused = stored(answers.front().get(), rows.size());
    const char* const end = refused ? bracket.take_back : bracket.keep;
    if (bracket.is_transaction && !refused) {
        note_id(answers.back(), connection, trace);
        trace.found_by = means::transaction_id;
    }
    expect_done(connection.execute(end), end);
    return refused;
}

// ---- 3. after a loss ----

namespace {

bool has_rows(pg_connection& connection, const pg_trace& trace) {
    pg_parameters parameters(2);
    parameters.add(trace.moment);
    parameters.add(trace.name);
    const pg_answer found = connection.execute(
        "SELECT 1 FROM businesses WHERE created_at = $1 AND ($2 = '' OR name = $2) LIMIT 1",
        parameters);
    return PQntuples(found.get()) != 0;
}

bool is_true(const pg_answer& answer, int column) {
    return std::string_view(PQgetvalue(answer.get(), 0, column)) == "t";
}

bool is_plain_table(pg_connection& connection) {
    return is_true(connection.execute(fmt::format("SELECT {}", is_plain_sql).c_str()), 0);
}

// Of a transaction that is no longer under way, since its backend is gone.
bool has_committed(pg_connection& connection, const pg_trace& trace) {
    pg_parameters parameters(2);
    parameters.add(trace.id);
    parameters.add(trace.server);
    // An id that has not been given yet was given before a crash.
    const std::string sql = fmt::format(
        "SELECT CASE WHEN $1::bigint < txid_snapshot_xmax(txid_current_snapshot())"
        " THEN txid_status($1::bigint) ELSE 'aborted' END, $2::int[] && {}",
        server_processes);
    const pg_answer answer = connection.execute(sql.c_str(), parameters);
    const std::string_view status = PQgetvalue(answer.get(), 0, 0);
    if (status.empty()) throw store_error("the server does not remember");
    if (status != "committed") return false;
    if (is_true(answer, 1) || has_rows(connection, trace)) return true;
    throw store_error("the server has crashed since");  // and may have given the id to another
}

bool look_for(pg_connection& connection, const pg_trace& trace) {
    switch (trace.found_by) {
        case pg_trace::means::nothing:
            return false;
        case pg_trace::means::rows:
            return has_rows(connection, trace);
        case pg_trace::means::rows_if_plain:
            if (has_rows(connection, trace)) return true;
            if (is_plain_table(connection)) return false;
            throw store_error("the table has got a trigger or a rule since");
        case pg_trace::means::transaction_id:
            break;
    }
    return has_committed(connection, trace);
}

}  // namespace

bool was_committed(pg_pool::lease& connection, const pg_trace& trace) {
    try {
        return connection.replace([&](pg_connection& c) { return look_for(c, trace); });
    } catch (const store_error& error) {
        if (trace.found_by == pg_trace::means::nothing) throw;
        throw commit_unknown(
            fmt::format("the connection was lost before the answer came, and what has become of it "
                        "cannot be learnt ({}): whether what was sent last is stored is not known",
                        error.what()));
    }
}

}  // namespace excel_to_db
