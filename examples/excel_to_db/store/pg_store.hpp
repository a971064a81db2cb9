// examples/excel_to_db/store/pg_store.hpp — the server: PostgreSQL, many connections on few threads.
// SPDX-License-Identifier: BSL-1.0
//
//   A connection that breaks is replaced, and what was under way is done again only if it was not committed: the
//   old backend is ended first, and then its transaction is looked for (pg_rows.hpp).
//   Deadlocks and conflicts of transactions are tried again.
#pragma once

#include <cstdint>
#include <memory>
#include <runnel/context.hpp>
#include <string>

#include "store/pg_pool.hpp"
#include "store/store.hpp"

namespace excel_to_db {

struct pg_options {
    std::size_t connections = 32;  // at most
    std::string schema;            // where the table is; empty: where the server says
};

class pg_store final : public store {
public:
    /// Makes the table `businesses` and its indexes, if need be. `ctx` ends all waiting for connections. Under a
    /// `rule` one session stores at a time, and importers exclude each other; other writers are not held off.
    /// Throws `store_error`.
    pg_store(runnel::context ctx, const std::string& url, conflict_rule rule = conflict_rule::none,
             const pg_options& options = {});

    /// The same database for one of several imports: they share the connections of `other`, and `ctx` ends the waiting
    /// of this one.
    pg_store(runnel::context ctx, const pg_store& other);

    std::size_t useful_sessions() const override;
    std::size_t useful_bulk_sessions() const override;
    std::unique_ptr<store_session> open_session() override;
    std::unique_ptr<store_session> try_open_session() override;
    std::unique_ptr<store_transaction> begin() override;
    void ping() override;

    std::uint64_t count_rows();

    /// Removes the schema and all that is in it. Precondition: one was given, and no session is open.
    void drop_schema();

private:
    const runnel::context ctx_;
    const conflict_rule rule_;
    const std::string schema_;
    const std::shared_ptr<pg_pool> pool_;
};

/// Whether `url` names a PostgreSQL server: postgres://… or postgresql://…
bool is_postgres_url(std::string_view url);

}  // namespace excel_to_db
