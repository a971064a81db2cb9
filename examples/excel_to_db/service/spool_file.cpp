// examples/excel_to_db/service/spool_file.cpp — files that are unlinked as soon as they are made.
// SPDX-License-Identifier: BSL-1.0
#include "service/spool_file.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <runnel/blocking.hpp>
#include <string>
#include <system_error>
#include <utility>

namespace excel_to_db {

namespace {

[[noreturn]] void fail(int error, const char* what) {
    throw std::system_error(error, std::generic_category(), what);
}

}  // namespace

spool_file::spool_file(const std::filesystem::path& folder) {
    std::string name = (folder / "excel_to_db-XXXXXX").string();
    // errno belongs to the thread: it is read before the goroutine may go on upon another one.
    const int error = runnel::blocking([&] {
        file_ = mkostemp(name.data(), O_CLOEXEC);
        if (file_ < 0) return errno;
        unlink(name.c_str());
        return 0;
    });
    if (error != 0) fail(error, "cannot make a temporary file");
}

spool_file::spool_file(spool_file&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

spool_file::~spool_file() {
    // Closing gives the blocks back, which takes a while if they are many.
    if (file_ >= 0) runnel::blocking([this] { close(file_); });
}

void spool_file::append(std::string_view bytes) {
    const int error = runnel::blocking([&] {
        while (!bytes.empty()) {
            const ssize_t n = write(file_, bytes.data(), bytes.size());
            if (n < 0 && errno != EINTR) return errno;
            if (n > 0) bytes.remove_prefix(static_cast<std::size_t>(n));
        }
        return 0;
    });
    if (error != 0) fail(error, "cannot write a temporary file");
}

std::uint64_t spool_file::size() const {
    struct stat info{};
    if (const int error = fstat(file_, &info) == 0 ? 0 : errno; error != 0) {
        fail(error, "cannot read a temporary file");
    }
    return static_cast<std::uint64_t>(info.st_size);
}

std::size_t spool_file::read_at(std::uint64_t offset, std::span<char> out) const {
    std::size_t got = 0;
    const int error = runnel::blocking([&] {
        while (got < out.size()) {
            const ssize_t n =
                pread(file_, out.data() + got, out.size() - got, static_cast<off_t>(offset + got));
            if (n < 0 && errno != EINTR) return errno;
            if (n == 0) break;
            if (n > 0) got += static_cast<std::size_t>(n);
        }
        return 0;
    });
    if (error != 0) fail(error, "cannot read a temporary file");
    return got;
}

std::filesystem::path spool_file::path() const { return "/proc/self/fd/" + std::to_string(file_); }

}  // namespace excel_to_db
