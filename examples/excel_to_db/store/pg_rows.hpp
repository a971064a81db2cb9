// examples/excel_to_db/store/pg_rows.hpp — rows on their way to PostgreSQL: statements, COPY, and answers.
// SPDX-License-Identifier: BSL-1.0
//
//   What sessions and transactions have in common. The statements are prepared once for each connection, by names:
//   a pool's connections all serve one conflict rule.
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

/// Whether the server has done what it was asked.
bool is_good(const PGresult* result);

/// Prepares the statement for one row, whose answer `answer_of` reads, and stores the row by it.
void prepare_one_row(pg_connection& connection, conflict_rule rule, const business& row,
                     pg_time now);
pg_answer insert_one_row(pg_connection& connection, const business& row, pg_time now);
refusal answer_of(const PGresult* result, conflict_rule rule, std::size_t rows);

/// Within a transaction, whose other rows a refusal leaves alone: in one round trip, for a row that is not refused.
/// The statement is prepared.
refusal insert_in_savepoint(pg_connection& connection, conflict_rule rule, const business& row,
                            pg_time now);

/// One answer a statement.
struct sent_rows {
    std::vector<refusal> answers;
    std::optional<pg_failure> failed;  // the first of the statements' failures

    /// The first refusal, if there is one.
    refusal refused() const;
};

/// Statements of `step` rows each, all under way at once. To be prepared before the pipeline begins; sent in it,
/// behind `unread` statements whose answers only have to be good. The answers are read.
void prepare_rows(pg_connection& connection, conflict_rule rule, std::span<const business> rows,
                  std::size_t step, pg_time now);
sent_rows send_rows(pg_connection& connection, conflict_rule rule, std::span<const business> rows,
                    std::size_t step, pg_time now, std::size_t unread);

/// By COPY, within a transaction. Throws `pg_failure`.
refusal copy_rows(pg_connection& connection, std::span<const business> rows, pg_time now);

/// Replaces the lost connection, and looks whether the transaction was committed that has stored rows with this moment.
/// Throws `commit_unknown` if the server does not come back, or the waiting for it is ended.
bool was_committed(pg_pool::lease& connection, pg_time moment);

}  // namespace excel_to_db
