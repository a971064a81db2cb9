// examples/excel_to_db/store/sqlite_statement.hpp — sqlite3 handles with an owner.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "store/store.hpp"

namespace excel_to_db {

struct close_sqlite {
    void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
};
using sqlite_handle = std::unique_ptr<sqlite3, close_sqlite>;

/// Throws `store_error` with sqlite's words for the last failure on `db`.
[[noreturn]] void throw_sqlite_error(sqlite3* db);

/// Whether `code` says that one row was refused, the database being well.
bool is_refusal(int code);

/// A prepared statement. Texts that are bound must live until the next `reset`.
class sqlite_statement {
public:
    sqlite_statement(sqlite3* db, std::string_view sql);

    void bind(int place, std::string_view text);
    void bind(int place, std::int64_t number);

    /// One sqlite3_step: SQLITE_ROW, SQLITE_DONE, or a code for which `is_refusal` holds. Throws
    /// for every other one.
    int step();

    /// A statement that is not reset holds its locks.
    void reset() { sqlite3_reset(statement_.get()); }

    std::int64_t column_int(int column) const {
        return sqlite3_column_int64(statement_.get(), column);
    }
    std::string_view column_text(int column) const;

private:
    struct finalize {
        void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
    };

    sqlite3* db_;
    std::unique_ptr<sqlite3_stmt, finalize> statement_;
};

/// Runs a statement that has no parameters and whose rows do not matter.
void execute(sqlite3* db, const char* sql);

}  // namespace excel_to_db
