// examples/excel_to_db/store/pg_transaction.hpp — all that an import stores on PostgreSQL, as one transaction.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memory>

#include "store/pg_pool.hpp"
#include "store/store.hpp"

namespace excel_to_db {

/// On a connection of the pool, which it keeps; `ctx` ends the waiting for one. A connection that is lost takes everything with it: only a commit is
/// looked for when the server is back, and `commit_unknown` thrown if it does not come back.
std::unique_ptr<store_transaction> begin_transaction(pg_pool& pool, const runnel::context& ctx,
                                                     conflict_rule rule);

}  // namespace excel_to_db
