// examples/excel_to_db/store/open_store.hpp — from what the user writes to a store.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <functional>
#include <memory>
#include <runnel/context.hpp>
#include <string>

#include "store/store.hpp"

namespace excel_to_db {

/// `where` is postgres://user@host/database, or the name of an SQLite file. A server gets at most `connections`.
/// Waiting for the database ends when `ctx` is done. Throws `store_error`.
std::unique_ptr<store> open_store(const runnel::context& ctx, const std::string& where,
                                  conflict_rule rule, std::size_t connections);

/// Makes stores of one database for imports at the same time: `make(own)`, where waiting ends when the import's `own`
/// context is done. They share the connections of a server, and take turns in a file; `ctx` ends the waiting for the
/// first connection. Throws `store_error`, as `make` does.
std::function<std::unique_ptr<store>(const runnel::context& own)> shared_stores(
    const runnel::context& ctx, const std::string& where, conflict_rule rule,
    std::size_t connections);

/// `where` for messages: without a password.
std::string shown_store(const std::string& where);

}  // namespace excel_to_db
