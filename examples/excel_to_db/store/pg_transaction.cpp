// examples/excel_to_db/store/pg_transaction.cpp — calls that take back only themselves, and one commit.
// SPDX-License-Identifier: BSL-1.0
//
//   BEGIN ─▶ SAVEPOINT, rows, RELEASE ─▶ SAVEPOINT, rows that are refused, ROLLBACK TO ─▶ … ─▶ COMMIT
#include "store/pg_transaction.hpp"

#include <algorithm>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "store/pg_rows.hpp"

namespace excel_to_db {

namespace {

class pg_transaction final : public store_transaction {
public:
    pg_transaction(pg_pool& pool, const runnel::context& ctx, conflict_rule rule)
        : connection_(pool, ctx),
          rule_(rule),
          kind_(rule == conflict_rule::none ? table_kind::not_known : table_kind::other),
          trace_(pool.new_moment()) {
        try {
            begin_traced(*connection_, rule, trace_);
        } catch (const pg_lost&) {  // while it was idle
            connection_.replace();
            begin_traced(*connection_, rule, trace_);
        }
    }
    pg_transaction(const pg_transaction&) = delete;
    pg_transaction& operator=(const pg_transaction&) = delete;
    ~pg_transaction() override {
        if (ended_) return;
        try {
            connection_->roll_back();
        } catch (const store_error&) {  // the server rolls back by itself
        }
    }

    refusal insert(const business& row) override {
        return insert_in_savepoint(*connection_, rule_, row, trace_.moment);
    }

    refusal insert_all(std::span<const business> rows, std::size_t rows_per_statement) override {
        if (rows.empty()) return std::nullopt;
        const std::size_t step = rule_ == conflict_rule::none
                                     ? std::clamp<std::size_t>(rows_per_statement, 1, rows.size())
                                     : 1;
        const sent_rows sent = send_rows(*connection_, rule_, rows, step, trace_, call_, kind_);
        return sent.failed ? take_back_or_throw(*sent.failed) : sent.refused();
    }

    refusal load(std::span<const business> rows) override {
        if (rule_ != conflict_rule::none || rows.empty()) return insert_all(rows, 1);
        try {
            return copy_rows(*connection_, rows, trace_, call_, kind_);
        } catch (const pg_failure& failure) {
            return take_back_or_throw(failure);
        }
    }

    std::vector<refusal> insert_each(std::span<const business> rows) override {
        std::vector<refusal> answers;
        for (const business& row : rows) answers.push_back(insert(row));
        return answers;
    }

    void commit() override {
        ended_ = true;  // and after a loss there may be no connection any more
        trace_.found_by = pg_trace::means::transaction_id;
        trace_.name = {};
        try {
            const pg_answer answer = connection_->execute("COMMIT");
            if (std::string_view(PQcmdStatus(answer.get())) != "COMMIT") {
                throw store_error("the database has rolled everything back");
            }
        } catch (const pg_lost&) {
            if (!was_committed(connection_, trace_)) throw;
        }
    }

private:
    refusal take_back_or_throw(const pg_failure& failure) {
        if (!failure.is_refusal()) throw pg_failure(failure);
        connection_->execute(call_.take_back);
        return failure.what();
    }

    pg_pool::lease connection_;
    const conflict_rule rule_;
    const pg_bracket call_{
        {"SAVEPOINT rows"}, "RELEASE SAVEPOINT rows", "ROLLBACK TO SAVEPOINT rows", false};
    table_kind kind_;
    bool ended_ = false;
    pg_trace trace_;  // its moment is the created_at of all its rows
};

}  // namespace

std::unique_ptr<store_transaction> begin_transaction(pg_pool& pool, const runnel::context& ctx,
                                                     conflict_rule rule) {
    return std::make_unique<pg_transaction>(pool, ctx, rule);
}

}  // namespace excel_to_db
