// examples/excel_to_db/store/open_store.cpp — which store a name means.
// SPDX-License-Identifier: BSL-1.0
#include "store/open_store.hpp"

#include <runnel/mutex.hpp>
#include <utility>

#include "store/pg_store.hpp"
#include "store/sqlite_store.hpp"

namespace excel_to_db {

namespace {

class borrowed_store final : public store {
public:
    explicit borrowed_store(std::shared_ptr<store> owner) : owner_(std::move(owner)) {}

    std::size_t useful_sessions() const override { return owner_->useful_sessions(); }
    std::size_t useful_bulk_sessions() const override { return owner_->useful_bulk_sessions(); }
    std::unique_ptr<store_session> open_session() override { return owner_->open_session(); }
    std::unique_ptr<store_session> try_open_session() override {
        return owner_->try_open_session();
    }
    std::unique_ptr<store_transaction> begin() override { return owner_->begin(); }
    void ping() override { owner_->ping(); }

private:
    std::shared_ptr<store> owner_;
};

}  // namespace

std::unique_ptr<store> open_store(const runnel::context& ctx, const std::string& where,
                                  conflict_rule rule, std::size_t connections) {
    if (is_postgres_url(where)) {
        return std::make_unique<pg_store>(ctx, where, rule,
                                          pg_options{.connections = connections, .schema = {}});
    }
    return std::make_unique<sqlite_store>(where, rule,
                                          [ctx] { return static_cast<bool>(ctx.err()); });
}

std::function<std::unique_ptr<store>(std::function<bool()> give_up)> shared_stores(
    const runnel::context& ctx, const std::string& where, conflict_rule rule,
    std::size_t connections) {
    if (is_postgres_url(where)) {
        const std::shared_ptr<store> server = open_store(ctx, where, rule, connections);
        return [server](const std::function<bool()>&) {
            return std::make_unique<borrowed_store>(server);
        };
    }
    return [where, rule, turn = std::make_shared<runnel::mutex>()](std::function<bool()> give_up) {
        return std::make_unique<sqlite_store>(where, rule, std::move(give_up), turn);
    };
}

std::string shown_store(const std::string& where) {
    return is_postgres_url(where) ? without_password(where) : where;
}

}  // namespace excel_to_db
