// examples/excel_to_db/workbook/text_pool.cpp — the blocks in memory and the file behind them.
// SPDX-License-Identifier: BSL-1.0
#include "workbook/text_pool.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <runnel/blocking.hpp>
#include <system_error>

namespace excel_to_db {

namespace {

constexpr std::size_t block_size = std::size_t{1} << 20;
constexpr std::size_t window_size = std::size_t{64} << 10;

[[noreturn]] void fail(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

int open_unnamed_file(const std::filesystem::path& folder) {
    std::string name =
        (folder.empty() ? std::filesystem::temp_directory_path() : folder) / "excel_to_db-XXXXXX";
    const int file = mkostemp(name.data(), O_CLOEXEC);
    if (file < 0) fail("cannot make a temporary file");
    unlink(name.c_str());
    return file;
}

}  // namespace

text_pool::~text_pool() {
    if (file_ >= 0) close(file_);
}

void text_pool::add(std::string_view text) {
    text = text.substr(0, max_size);
    if (file_ < 0) {
        // The rest of a block that is too small for this string stays unused.
        const std::uint64_t room = block_size - end_ % block_size;
        const std::uint64_t begin = text.size() <= room ? end_ : end_ + room;
        if (begin + text.size() <= bound_) {
            if ((begin + text.size() + block_size - 1) / block_size > blocks_.size()) {
                blocks_.push_back(std::make_unique<char[]>(block_size));
            }
            if (!text.empty()) {
                std::memcpy(blocks_[begin / block_size].get() + begin % block_size, text.data(),
                            text.size());
            }
            places_.emplace_back(begin, text.size());
            end_ = begin + text.size();
            return;
        }
        file_ = open_unnamed_file(folder_);
        end_ = bound_;
    }
    add_to_file(text);
}

void text_pool::add_to_file(std::string_view text) {
    places_.emplace_back(end_, text.size());
    end_ += text.size();
    pending_ += text;
    if (pending_.size() >= window_size) flush();
}

void text_pool::flush() {
    runnel::blocking([&] {
        std::size_t written = 0;
        while (written < pending_.size()) {
            const ssize_t n = write(file_, pending_.data() + written, pending_.size() - written);
            if (n < 0 && errno != EINTR) fail("cannot write a temporary file");
            if (n > 0) written += static_cast<std::size_t>(n);
        }
    });
    pending_.clear();
}

void text_pool::seal() {
    if (file_ >= 0) flush();
}

std::string_view text_pool::at(std::size_t i) {
    const std::uint64_t offset = places_[i].offset();
    const std::size_t size = places_[i].size();
    if (size == 0) return {};
    if (offset < bound_) {
        return {blocks_[offset / block_size].get() + offset % block_size, size};
    }

    // Sheets mostly use strings in the order of the table: one window serves many look-ups.
    const std::uint64_t at = offset - bound_;
    if (at < window_ || at + size > window_ + pending_.size()) {
        window_ = at;
        pending_.resize(static_cast<std::size_t>(
            std::min<std::uint64_t>(std::max(window_size, size), end_ - bound_ - at)));
        runnel::blocking([&] {
            std::size_t got = 0;
            while (got < pending_.size()) {
                const ssize_t n = pread(file_, pending_.data() + got, pending_.size() - got,
                                        static_cast<off_t>(at + got));
                if (n == 0) errno = EIO;
                if (n <= 0 && errno != EINTR) fail("cannot read a temporary file");
                if (n > 0) got += static_cast<std::size_t>(n);
            }
        });
    }
    return std::string_view(pending_).substr(static_cast<std::size_t>(at - window_), size);
}

}  // namespace excel_to_db
