// examples/excel_to_db/store/transaction_store.hpp — one transaction as a store with room for one session.
// SPDX-License-Identifier: BSL-1.0
//
//   For the import methods, which need not know that nothing of what they commit is committed yet.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "store/store.hpp"

namespace excel_to_db {

class transaction_store final : public store {
public:
    /// `whole` must outlive the store and its session, of which there is one at a time.
    explicit transaction_store(store_transaction& whole) : whole_(whole) {}

    std::size_t useful_sessions() const override { return 1; }
    std::unique_ptr<store_session> open_session() override {
        return std::make_unique<session>(whole_);
    }

private:
    class session final : public store_session {
    public:
        explicit session(store_transaction& whole) : whole_(whole) {}

        refusal insert(const business& row) override { return whole_.insert(row); }
        refusal insert_all(std::span<const business> rows, std::size_t step) override {
            return whole_.insert_all(rows, step);
        }
        refusal insert_pipelined(std::span<const business> rows) override {
            return whole_.insert_pipelined(rows);
        }
        refusal load(std::span<const business> rows) override { return whole_.load(rows); }
        std::vector<refusal> insert_each(std::span<const business> rows) override {
            return whole_.insert_each(rows);
        }

    private:
        store_transaction& whole_;
    };

    store_transaction& whole_;
};

}  // namespace excel_to_db
