// examples/excel_to_db/store/sqlite_store.hpp — the embedded store: one SQLite file, one writer.
// SPDX-License-Identifier: BSL-1.0
//
//   WAL with synchronous=FULL: a committed row survives a power cut, as on a database server.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <runnel/mutex.hpp>

#include "store/store.hpp"

namespace excel_to_db {

class sqlite_store final : public store {
public:
    /// Opens or creates the file, the table `businesses` and its indexes. While another program
    /// holds the database locked, waits for up to five seconds, or until `give_up` says so.
    /// Stores of one file that share `turn` write one after the other in the order in which they come:
    /// SQLite itself lets who waits for its lock look again every now and then, and perhaps starve.
    /// Throws `store_error`.
    explicit sqlite_store(std::filesystem::path file, conflict_rule rule = conflict_rule::none,
                          std::function<bool()> give_up = {},
                          std::shared_ptr<runnel::mutex> turn = std::make_shared<runnel::mutex>());

    std::size_t useful_sessions() const override { return 1; }
    std::unique_ptr<store_session> open_session() override;
    std::unique_ptr<store_transaction> begin() override;
    void ping() override;

    /// How many rows the table holds.
    std::uint64_t count_rows();

private:
    std::filesystem::path file_;
    conflict_rule rule_;
    std::function<bool()> give_up_;
    std::shared_ptr<runnel::mutex> turn_;
};

}  // namespace excel_to_db
