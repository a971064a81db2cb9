// examples/excel_to_db/store/dry_store.hpp — the store of a dry run: it takes every row and keeps none.
// SPDX-License-Identifier: BSL-1.0
//
//   So a dry run is an import like any other, by the same code, and cannot disagree with it about a row.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "store/store.hpp"

namespace excel_to_db {

class dry_store final : public store {
public:
    std::size_t useful_sessions() const override { return 1; }
    std::unique_ptr<store_session> open_session() override { return begin(); }
    std::unique_ptr<store_transaction> begin() override { return std::make_unique<session>(); }

private:
    class session final : public store_transaction {
    public:
        refusal insert(const business&) override { return std::nullopt; }
        refusal insert_all(std::span<const business>, std::size_t) override { return std::nullopt; }
        std::vector<refusal> insert_each(std::span<const business> rows) override {
            return std::vector<refusal>(rows.size());
        }
        void commit() override {}
    };
};

}  // namespace excel_to_db
