// examples/excel_to_db/store/open_store.cpp — which store a name means.
// SPDX-License-Identifier: BSL-1.0
#include "store/open_store.hpp"

#include <memory>
#include <runnel/mutex.hpp>
#include <utility>

#include "store/pg_store.hpp"
#include "store/sqlite_store.hpp"

namespace excel_to_db {

namespace {

std::function<bool()> give_up_with(const runnel::context& ctx) {
    return [ctx] { return static_cast<bool>(ctx.err()); };
}

}  // namespace

std::unique_ptr<store> open_store(const runnel::context& ctx, const std::string& where,
                                  conflict_rule rule, std::size_t connections) {
    if (is_postgres_url(where)) {
        return std::make_unique<pg_store>(ctx, where, rule,
                                          pg_options{.connections = connections, .schema = {}});
    }
    return std::make_unique<sqlite_store>(where, rule, give_up_with(ctx));
}

std::function<std::unique_ptr<store>(const runnel::context& ctx)> shared_stores(
    const runnel::context& ctx, const std::string& where, conflict_rule rule,
    std::size_t connections) {
    if (is_postgres_url(where)) {
        const auto server = std::make_shared<pg_store>(
            ctx, where, rule, pg_options{.connections = connections, .schema = {}});
        return [server](const runnel::context& own) {
            return std::make_unique<pg_store>(own, *server);
        };
    }
    return [where, rule, turn = std::make_shared<runnel::mutex>()](const runnel::context& own) {
        return std::make_unique<sqlite_store>(where, rule, give_up_with(own), turn);
    };
}

std::string shown_store(const std::string& where) {
    return is_postgres_url(where) ? without_password(where) : where;
}

}  // namespace excel_to_db
