// examples/excel_to_db/store/pg_store.cpp — schema, the ways to insert, and what follows a loss.
// SPDX-License-Identifier: BSL-1.0
#include "store/pg_store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <runnel/time.hpp>
#include <utility>
#include <vector>

#include "store/pg_rows.hpp"
#include "store/pg_transaction.hpp"

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

// Those who wait for a ping do not wait for longer.
constexpr auto ping_patience = 2s;

constexpr const char* natural_key_index =
    "CREATE INDEX IF NOT EXISTS idx_businesses_natural_key ON businesses (name, phone, email)";

// ---- 1. session ----

class pg_session final : public store_session {
public:
    /// `place`: of pool.try_reserve(), or none yet.
    pg_session(pg_pool& pool, const runnel::context& ctx, conflict_rule rule, pg_pool::place place)
        : pool_(pool),
          connection_(pool, ctx, place),
          rule_(rule),
          transaction_(whole_transaction(rule)),
          kind_(rule == conflict_rule::none ? table_kind::not_known : table_kind::other) {}

    refusal insert(const business& row) override {
        if (rule_ != conflict_rule::none) return insert_all({&row, 1}, 1);
        return settle([&](pg_trace& trace) {
            return send_row(*connection_, row, trace, transaction_, kind_);
        });
    }

    refusal insert_all(std::span<const business> rows, std::size_t rows_per_statement) override {
        if (rows.empty()) return std::nullopt;
        // Whether a row conflicts has to be asked row by row.
        const std::size_t step = rule_ == conflict_rule::none
                                     ? std::clamp<std::size_t>(rows_per_statement, 1, rows.size())
                                     : 1;
        return settle([&](pg_trace& trace) {
            return unless_failed(
                       send_rows(*connection_, rule_, rows, step, trace, transaction_, kind_))
                .refused();
        });
    }

    refusal insert_pipelined(std::span<const business> rows) override {
        return insert_all(rows, 1);
    }

    refusal load(std::span<const business> rows) override {
        if (rule_ != conflict_rule::none || rows.empty()) return insert_all(rows, 1);
        return settle([&](pg_trace& trace) {
            return copy_rows(*connection_, rows, trace, transaction_, kind_);
        });
    }

    std::vector<refusal> insert_each(std::span<const business> rows) override {
        std::vector<refusal> answers;
        if (rows.empty()) return answers;
        const refusal all_refused = settle(
            [&](pg_trace& trace) -> refusal {
                try {
                    answers = unless_failed(send_rows(*connection_, rule_, rows, 1, trace,
                                                      transaction_, kind_, keeping::in_any_case))
                                  .answers;
                    return std::nullopt;
                } catch (const pg_failure& failure) {
                    if (!failure.is_refusal()) throw;
                }
                connection_->roll_back();
                answers = insert_with_savepoints(rows, trace);
                return std::nullopt;
            },
            [&](const pg_trace& trace) { answers = trace.answers; });
        // Of those that were committed without a word none was refused.
        if (answers.empty() || all_refused) answers.assign(rows.size(), all_refused);
        return answers;
    }

private:
    static constexpr auto longest_pause = 500ms;

    /// Calls `attempt(trace)`, one transaction whose rows have the trace's moment as created_at, until it is known what
    /// has become of it; `afterwards(trace)` if it was committed and its answers are lost. Returns a refusal.
    /// Of a connection that is lost it is not known whether the transaction was committed, until its backend is gone and
    /// it has been looked for. A failure says that it was not.
    template <class Attempt, class Afterwards>
    refusal settle(Attempt attempt, Afterwards afterwards) {
        for (auto pause = 1ms;; pause = std::min(pause * 2, 2 * longest_pause)) {
            pg_trace trace(pool_.new_moment());
            bool lost = false;
            try {
                return attempt(trace);
            } catch (const pg_lost&) {
                lost = true;
            } catch (const pg_failure& failure) {
                if (failure.is_refusal()) {
                    leave_transaction();
                    return failure.what();
                }
                if (!failure.is_transient() || pause > longest_pause || connection_.is_ended()) {
                    leave_transaction();
                    throw;
                }
            }
            if (!lost) {
                leave_transaction();
                runnel::sleep_for(pause);
            } else if (was_committed(connection_, trace)) {
                afterwards(trace);
                return std::nullopt;
            } else if (connection_.is_ended()) {
                throw pg_lost("interrupted");
            }
        }
    }
    template <class Attempt>
    refusal settle(Attempt attempt) {
        return settle(attempt, [](const pg_trace&) {});
    }

    void leave_transaction() {
        try {
            connection_->roll_back();
        } catch (const pg_lost&) {
            connection_.replace();  // the server rolls back by itself
        }
    }

    static sent_rows unless_failed(sent_rows sent) {
        if (sent.failed) throw pg_failure(*sent.failed);
        return sent;
    }

    // One transaction in which a refused row takes nothing with it: a round trip a row.
    std::vector<refusal> insert_with_savepoints(std::span<const business> rows, pg_trace& trace) {
        trace = pg_trace(trace.moment);
        begin_traced(*connection_, rule_, trace);
        trace.name = rows.front().fields[name_column];
        for (const business& row : rows) {
            trace.answers.push_back(insert_in_savepoint(*connection_, rule_, row, trace.moment));
        }
        trace.found_by = pg_trace::means::transaction_id;
        connection_->execute("COMMIT");
        return trace.answers;
    }

    pg_pool& pool_;
    pg_pool::lease connection_;
    const conflict_rule rule_;
    const pg_bracket transaction_;
    table_kind kind_;
};

std::string with_schema(const std::string& url, const std::string& schema) {
    if (schema.empty()) return url;
    return url + (url.find('?') == std::string::npos ? "?" : "&") + "options=-csearch_path%3D" +
           schema;
}

}  // namespace

// ---- 2. store ----

bool is_postgres_url(std::string_view url) {
    return url.starts_with("postgres://") || url.starts_with("postgresql://");
}

pg_store::pg_store(runnel::context ctx, const std::string& url, conflict_rule rule,
                   const pg_options& options)
    : ctx_(std::move(ctx)),
      rule_(rule),
      schema_(options.schema),
      pool_(std::make_shared<pg_pool>(with_schema(url, options.schema), options.connections)) {
    pg_pool::lease connection(*pool_, ctx_);
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

pg_store::pg_store(runnel::context ctx, const pg_store& other)
    : ctx_(std::move(ctx)), rule_(other.rule_), schema_(other.schema_), pool_(other.pool_) {}

std::size_t pg_store::useful_sessions() const {
    return rule_ == conflict_rule::none ? pool_->size() : 1;
}

std::size_t pg_store::useful_bulk_sessions() const {
    return rule_ == conflict_rule::none ? std::min<std::size_t>(pool_->size(), 2) : 1;
}

std::unique_ptr<store_session> pg_store::open_session() {
    return std::make_unique<pg_session>(*pool_, ctx_, rule_, pg_pool::place::none);
}

std::unique_ptr<store_session> pg_store::try_open_session() {
    if (!pool_->try_reserve()) return nullptr;
    try {
        return std::make_unique<pg_session>(*pool_, ctx_, rule_, pg_pool::place::reserved);
    } catch (const pg_lost&) {  // the server grants no more
        return nullptr;
    }
}

std::unique_ptr<store_transaction> pg_store::begin() {
    return begin_transaction(*pool_, ctx_, rule_);
}

void pg_store::ping() { pool_->ping(runnel::with_timeout(ctx_, ping_patience)); }

std::uint64_t pg_store::count_rows() {
    const pg_pool::lease connection(*pool_, ctx_);
    const pg_answer count = connection->execute("SELECT count(*) FROM businesses");
    return std::stoull(PQgetvalue(count.get(), 0, 0));
}

void pg_store::drop_schema() {
    pg_pool::lease(*pool_, ctx_)->execute(fmt::format("DROP SCHEMA {} CASCADE", schema_).c_str());
}

}  // namespace excel_to_db
