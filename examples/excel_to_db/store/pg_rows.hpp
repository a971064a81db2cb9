// examples/excel_to_db/store/pg_rows.hpp — rows on their way to PostgreSQL: statements, COPY, and answers.
// SPDX-License-Identifier: BSL-1.0
//
//   What sessions and transactions have in common. The statements are prepared once for each connection, by names:
//   a pool's connections all serve one conflict rule. Rows go out with what begins and what ends them:
//
//       BEGIN ─ PREPARE, the first time ─ rows … ─ is the table a plain one? ─ COMMIT ─ sync
//
//   When one of these fails, the server passes over the others up to the sync, so that nothing is committed. Nothing
//   counts as committed before the answer to COMMIT, which is ROLLBACK where the transaction has failed. If the
//   connection breaks before that, it is not known: was_committed() asks, once the server can do nothing more for it.
//
//   In a plain table rows are found again by their created_at, which they keep as it was sent. Of any other table it is
//   the transaction's id that the server is asked about. That has to be here before COMMIT is sent, with the answers for
//   which such a table makes one wait anyway:
//
//       BEGIN ─ rows … ─ id? ─┤ answers ├─ COMMIT
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/pg_pool.hpp"
#include "store/store.hpp"

namespace excel_to_db {

/// Of all transactions that look whether a row is there and then store it, one at a time.
inline constexpr const char* one_at_a_time = "SELECT pg_advisory_xact_lock(7205759403792793)";

/// What a user of a connection has found the table to be.
enum class table_kind {
    not_known,
    plain,  // keeps every row as it was sent, or fails: there are no triggers, no rules, and times to the microsecond
    other,  // rows may vanish, or be changed
};

/// What a transaction can be found by when its connection is lost.
struct pg_trace {
    explicit pg_trace(pg_time m) : moment(m) {}

    enum class means {
        nothing,        // its COMMIT has not been sent
        rows,           // with this moment and name, if it was committed
        rows_if_plain,  // the same, unless the table was no plain one any more
        transaction_id,
    };

    pg_time moment;  // created_at of its rows
    means found_by = means::nothing;
    std::string_view name;         // of its first row, or empty: of any
    std::string id;                // of the transaction
    std::string server;            // see server_processes
    std::vector<refusal> answers;  // to its rows, if they were there before COMMIT was sent
};

// ---- 1. one row ----

/// Within a transaction, whose other rows a refusal leaves alone: in one round trip, for a row that is not refused.
refusal insert_in_savepoint(pg_connection& connection, conflict_rule rule, const business& row,
                            pg_time now);

// ---- 2. many ----

/// What rows are sent in: a transaction, or a part of one that can be taken back by itself.
struct pg_bracket {
    std::vector<const char*> open;
    const char* keep;
    const char* take_back;
    bool is_transaction;
};

/// A transaction, of those that look first one at a time.
pg_bracket whole_transaction(conflict_rule rule);

/// Begins such a transaction in one round trip, and notes its id.
void begin_traced(pg_connection& connection, conflict_rule rule, pg_trace& trace);

/// When a bracket is kept in which no statement has failed.
enum class keeping {
    in_a_plain_table,
    if_all_are_stored,  // when their answers have come, which takes a round trip more
    in_any_case,        // likewise
};

struct sent_rows {
    std::vector<refusal> answers;  // one a statement

    // In either case no row is kept, and the bracket may still be open.
    std::optional<pg_failure> failed;  // the first failure
    bool is_plain = true;

    /// The first refusal, if there is one.
    refusal refused() const;
};

/// Sends statements of `step` rows each, all under way at once, and the bracket about them: in one round trip if the
/// table is a plain one. `late` is when it is kept else. `kind` is kept for each user of a connection; under a rule it is
/// `other` from the start. Throws `pg_lost` if the connection breaks: then the rows are kept or not.
sent_rows send_rows(pg_connection& connection, conflict_rule rule, std::span<const business> rows,
                    std::size_t step, pg_trace& trace, const pg_bracket& bracket, table_kind& kind,
                    keeping late = keeping::if_all_are_stored);

/// The same for one row in a transaction of its own, under no rule.
refusal send_row(pg_connection& connection, const business& row, pg_trace& trace,
                 const pg_bracket& bracket, table_kind& kind);

/// All rows or none by COPY, in two round trips; under no rule. Throws `pg_failure`, with the bracket open.
refusal copy_rows(pg_connection& connection, std::span<const business> rows, pg_trace& trace,
                  const pg_bracket& bracket, table_kind& kind);

// ---- 3. after a loss ----

/// Replaces the lost connection, and looks whether the transaction was committed. Throws `commit_unknown` if the server
/// does not come back, if the waiting for it is ended, or if nothing tells; `pg_lost` if it cannot have been.
bool was_committed(pg_pool::lease& connection, const pg_trace& trace);

}  // namespace excel_to_db
