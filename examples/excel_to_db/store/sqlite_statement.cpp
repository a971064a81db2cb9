// examples/excel_to_db/store/sqlite_statement.cpp — stepping, binding, and telling errors apart.
// SPDX-License-Identifier: BSL-1.0
#include "store/sqlite_statement.hpp"

namespace excel_to_db {

void throw_sqlite_error(sqlite3* db) {
    throw store_error(db != nullptr ? sqlite3_errmsg(db) : "out of memory");
}

bool is_refusal(int code) {
    switch (code & 0xFF) {  // the low byte is the primary code
        case SQLITE_CONSTRAINT:
        case SQLITE_MISMATCH:
        case SQLITE_TOOBIG:
            return true;
        default:
            return false;
    }
}

sqlite_statement::sqlite_statement(sqlite3* db, std::string_view sql) : db_(db) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v3(db, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                           &statement, nullptr) != SQLITE_OK) {
        throw_sqlite_error(db);
    }
    statement_.reset(statement);
}

void sqlite_statement::bind(int place, std::string_view text) {
    // A null pointer would bind NULL, and an empty cell is the empty string.
    const char* data = text.empty() ? "" : text.data();
    if (sqlite3_bind_text64(statement_.get(), place, data, text.size(), SQLITE_STATIC,
                            SQLITE_UTF8) != SQLITE_OK) {
        throw_sqlite_error(db_);
    }
}

void sqlite_statement::bind(int place, std::int64_t number) {
    if (sqlite3_bind_int64(statement_.get(), place, number) != SQLITE_OK) throw_sqlite_error(db_);
}

int sqlite_statement::step() {
    const int code = sqlite3_step(statement_.get());
    if (code == SQLITE_ROW || code == SQLITE_DONE || is_refusal(code)) return code;
    const store_error failure(sqlite3_errmsg(db_));
    reset();
    throw failure;
}

std::string_view sqlite_statement::column_text(int column) const {
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
    if (text == nullptr) return {};
    return {text, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

void execute(sqlite3* db, const char* sql) {
    if (sqlite3_exec(db, sql, nullptr, nullptr, nullptr) != SQLITE_OK) throw_sqlite_error(db);
}

}  // namespace excel_to_db
