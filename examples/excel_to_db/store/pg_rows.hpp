// examples/excel_to_db/store/pg_rows.hpp — rows on their way to PostgreSQL: statements, COPY, and answers.
// SPDX-License-Identifier: BSL-1.0
//
//   What sessions and transactions have in common. The statements are prepared once for each connection, by names:
//   a pool's connections all serve one conflict rule. Rows go out with what begins and what ends them:
//
//       BEGIN ─ PREPARE, the first time ─ rows … ─ can none vanish? ─ COMMIT ─ sync
//
//   When one of these fails, the server passes over the others up to the sync, so that nothing is committed. Nothing
//   counts as committed before the answer to COMMIT, which is ROLLBACK where the transaction has failed. If the
//   connection breaks before that, it is not known: was_committed() looks for the rows, once the server can do nothing
//   more for them.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "store/pg_pool.hpp"
#include "store/store.hpp"

namespace excel_to_db {

/// Of all transactions that look whether a row is there and then store it, one at a time.
inline constexpr const char* one_at_a_time = "SELECT pg_advisory_xact_lock(7205759403792793)";

// ---- 1. one row ----

/// Stores it in a transaction of its own. Under no rule.
refusal insert_one_row(pg_connection& connection, const business& row, pg_time now);

/// Within a transaction, whose other rows a refusal leaves alone: in one round trip, for a row that is not refused.
refusal insert_in_savepoint(pg_connection& connection, conflict_rule rule, const business& row,
                            pg_time now);

// ---- 2. many ----

/// What rows are sent in: a transaction, or a part of one that can be taken back by itself.
struct pg_bracket {
    std::vector<const char*> open;
    const char* keep;
    const char* take_back;
};

/// A transaction, of those that look first one at a time.
pg_bracket whole_transaction(conflict_rule rule);

/// When a bracket is kept in which no statement has failed.
enum class keeping {
    in_any_case,
    unless_rows_may_vanish,  // if the table is one that refuses no row but by a failure
    if_all_are_stored,       // when their answers have come, which takes a round trip more
};

struct sent_rows {
    std::vector<refusal> answers;  // one a statement

    // In either case no row is kept, and the bracket may still be open.
    std::optional<pg_failure> failed;  // the first failure
    bool may_vanish = false;

    /// The first refusal, if there is one.
    refusal refused() const;
};

/// Sends statements of `step` rows each, all under way at once, and the bracket about them. Throws `pg_lost` if the
/// connection breaks: then the rows are kept or not.
sent_rows send_rows(pg_connection& connection, conflict_rule rule, std::span<const business> rows,
                    std::size_t step, pg_time now, const pg_bracket& bracket, keeping when);

/// All rows or none, in one round trip if the table is one whose rows cannot vanish. `late`, kept for each user of a
/// connection, says that it is not; at first it is whether there is a rule.
sent_rows send_all_rows(pg_connection& connection, conflict_rule rule,
                        std::span<const business> rows, std::size_t step, pg_time now,
                        const pg_bracket& bracket, bool& late);

/// The same by COPY, in two round trips; under no rule. Throws `pg_failure`, with the bracket open.
refusal copy_rows(pg_connection& connection, std::span<const business> rows, pg_time now,
                  const pg_bracket& bracket, bool& late);

// ---- 3. after a loss ----

/// Replaces the lost connection, and looks whether the transaction was committed that has stored rows with this moment.
/// Throws `commit_unknown` if the server does not come back, or the waiting for it is ended.
bool was_committed(pg_pool::lease& connection, pg_time moment);

}  // namespace excel_to_db
