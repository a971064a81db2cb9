// examples/excel_to_db/import/rejected_rows.cpp — writing CSV.
// SPDX-License-Identifier: BSL-1.0
#include "import/rejected_rows.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <runnel/blocking.hpp>
#include <string_view>
#include <system_error>
#include <utility>

namespace excel_to_db {

namespace {

constexpr std::size_t write_size = 64 * 1024;

void append_field(std::string& out, std::string_view text) {
    const std::size_t begin = text.find_first_not_of(" \t\r\n");
    const bool guard =
        begin != std::string_view::npos && (text[begin] == '=' || text[begin] == '@');
    if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
        if (guard) out += '\'';
        out += text;
        return;
    }
    out += guard ? "\"'" : "\"";
    for (const char c : text) {
        if (c == '"') out += '"';
        out += c;
    }
    out += '"';
}

}  // namespace

rejected_csv::rejected_csv(std::filesystem::path file, std::uint64_t room)
    : path_(std::move(file)), room_(room) {
    // errno belongs to the thread: it is read before the goroutine may go on upon another one.
    const int error = runnel::blocking([&] {
        file_.reset(std::fopen(path_.c_str(), "ab"));
        return file_ ? 0 : errno;
    });
    if (error != 0) fail(error);
}

void rejected_csv::begin(const sheet_row& header) {
    // A pipe or a terminal cannot be emptied, and need not be.
    runnel::blocking([&] { static_cast<void>(::ftruncate(::fileno(file_.get()), 0) == 0); });
    width_ = header.width();
    pending_ = "sheet_row,reason";
    append_cells(header);
    room_ -= std::min<std::uint64_t>(room_, pending_.size());
    write();
}

void rejected_csv::add(const rejected_row& rejected) {
    if (truncated_) return;
    const std::size_t before = pending_.size();
    pending_ += std::to_string(rejected.row.number());
    pending_ += ',';
    append_field(pending_, rejected.reason);
    append_cells(rejected.row);
    const std::size_t size = pending_.size() - before;
    if (size > room_) {
        truncated_ = true;
        pending_.resize(before);
        return;
    }
    room_ -= size;
    if (pending_.size() >= write_size) write();
}

void rejected_csv::end() { write(); }

void rejected_csv::append_cells(const sheet_row& row) {
    for (std::size_t column = 0; column < std::max(width_, row.width()); ++column) {
        pending_ += ',';
        append_field(pending_, row.text(column));
    }
    pending_ += '\n';
}

void rejected_csv::write() {
    // Flushed at once, so that a full disk is noticed while it can still be reported.
    const int error = runnel::blocking([&] {
        const bool written =
            std::fwrite(pending_.data(), 1, pending_.size(), file_.get()) == pending_.size() &&
            std::fflush(file_.get()) == 0;
        return written ? 0 : errno;
    });
    pending_.clear();
    if (error != 0) fail(error);
}

void rejected_csv::fail(int error) const {
    throw errors_file_error("cannot write " + path_.string() + ": " +
                            std::generic_category().message(error));
}

}  // namespace excel_to_db
