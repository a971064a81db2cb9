// examples/excel_to_db/workbook/zip_archive.cpp — finding entries; inflating under limits.
// SPDX-License-Identifier: BSL-1.0
#include "workbook/zip_archive.hpp"

#include <zip.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>
#include <mutex>
#include <runnel/blocking.hpp>
#include <utility>

#include "workbook/error.hpp"
#include "workbook/zip_directory.hpp"

namespace excel_to_db {

namespace {

std::string normalized(std::string_view name) {
    while (!name.empty() && (name.front() == '/' || name.front() == '\\')) name.remove_prefix(1);
    std::string result(name);
    for (char& c : result) {
        if (c == '\\') c = '/';
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return result;
}

bool climbs(std::string_view name) {
    return name == ".." || name.starts_with("../") || name.ends_with("/..") ||
           name.find("/../") != std::string_view::npos;
}

}  // namespace

// ---- 1. archive ----

void zip_archive::discard::operator()(zip* archive) const { zip_discard(archive); }

zip_archive::zip_archive(const std::filesystem::path& file, const workbook_limits& limits)
    : limits_(limits) {
    check_zip_directory(file, limits_);
    int error = 0;
    archive_.reset(runnel::blocking([&] { return zip_open(file.c_str(), ZIP_RDONLY, &error); }));
    if (!archive_) {
        if (error == ZIP_ER_NOENT || error == ZIP_ER_OPEN || error == ZIP_ER_READ) {
            throw workbook_error("cannot be read");
        }
        throw workbook_error("is a damaged or truncated workbook: its zip directory is missing");
    }

    const zip_int64_t entries = zip_get_num_entries(archive_.get(), 0);
    if (entries > static_cast<zip_int64_t>(limits_.zip_entries)) {
        throw workbook_too_large("holds more than " + std::to_string(limits_.zip_entries) +
                                 " zip entries");
    }
    for (zip_int64_t i = 0; i < entries; ++i) {
        const auto index = static_cast<zip_uint64_t>(i);
        const char* raw = zip_get_name(archive_.get(), index, ZIP_FL_ENC_GUESS);
        if (raw == nullptr) throw workbook_error("has a zip entry without a name");
        std::string name = normalized(raw);
        if (climbs(name)) throw workbook_error("has a zip entry whose name climbs out: " + name);
        if (!index_.emplace(name, index).second) {
            throw workbook_error("holds the zip entry " + name + " twice");
        }
    }
}

zip_archive::~zip_archive() = default;

bool zip_archive::contains(std::string_view part) const {
    return index_.find(normalized(part)) != index_.end();
}

zip_entry zip_archive::open(std::string_view part) {
    std::string name = normalized(part);
    const auto found = index_.find(name);
    if (found == index_.end()) throw workbook_error("lacks its part " + name);
    return zip_entry(*this, std::move(name), found->second);
}

// ---- 2. entry ----

struct zip_entry::inflater {
    inflater() {
        // Raw deflate: the zip's own headers replace zlib's.
        if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) throw std::bad_alloc();
    }
    inflater(const inflater&) = delete;
    inflater& operator=(const inflater&) = delete;
    ~inflater() { inflateEnd(&stream); }

    z_stream stream{};
    std::array<char, 64 * 1024> input{};
};

void zip_entry::close_file::operator()(zip_file* file) const { zip_fclose(file); }

zip_entry::zip_entry(zip_archive& archive, std::string name, std::uint64_t index)
    : archive_(&archive), name_(std::move(name)) {
    const std::lock_guard lock(archive.in_libzip_);
    zip_stat_t info;
    zip_stat_init(&info);
    if (zip_stat_index(archive.archive_.get(), index, 0, &info) != 0) {
        throw workbook_error("has no readable directory record of " + name_);
    }
    if ((info.valid & ZIP_STAT_ENCRYPTION_METHOD) != 0 && info.encryption_method != ZIP_EM_NONE) {
        throw workbook_error("is protected by a password");
    }
    if (info.comp_method == ZIP_CM_DEFLATE) {
        inflater_ = std::make_unique<inflater>();
    } else if (info.comp_method != ZIP_CM_STORE) {
        throw workbook_error("compresses " + name_ + " by a method other than deflate");
    }
    expected_checksum_ = info.crc;
    compressed_size_ = info.comp_size;
    file_.reset(zip_fopen_index(archive.archive_.get(), index, ZIP_FL_COMPRESSED));
    if (!file_) throw workbook_error("is damaged: " + name_ + " is not where the directory says");
}

zip_entry::zip_entry(zip_entry&&) noexcept = default;
zip_entry::~zip_entry() {
    if (!file_) return;
    const std::lock_guard lock(archive_->in_libzip_);
    file_.reset();
}

std::size_t zip_entry::read(std::span<char> out) {
    if (ended_ || out.empty()) return 0;
    const std::size_t size =
        runnel::blocking([&] { return inflater_ ? read_deflated(out) : read_stored(out); });
    count(size);
    checksum_ = static_cast<std::uint32_t>(
        crc32_z(checksum_, reinterpret_cast<const Bytef*>(out.data()), size));
    if (ended_ && checksum_ != expected_checksum_) {
        throw workbook_error("is damaged: the checksum of " + name_ + " does not match");
    }
    return size;
}

double zip_entry::fraction_read() const {
    if (ended_ || compressed_size_ == 0) return ended_ ? 1 : 0;
    const std::uint64_t waiting = inflater_ ? inflater_->stream.avail_in : 0;
    return std::min(
        1.0, static_cast<double>(consumed_ - waiting) / static_cast<double>(compressed_size_));
}

std::size_t zip_entry::read_stored(std::span<char> out) {
    std::size_t size = 0;
    while (size < out.size()) {
        const std::size_t got = read_raw(out.subspan(size));
        if (got == 0) {
            ended_ = true;
            break;
        }
        size += got;
    }
    return size;
}

std::size_t zip_entry::read_deflated(std::span<char> out) {
    z_stream& stream = inflater_->stream;
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out =
        static_cast<uInt>(std::min<std::size_t>(out.size(), std::numeric_limits<uInt>::max()));
    const std::size_t wanted = stream.avail_out;
    while (stream.avail_out > 0 && !ended_) {
        if (stream.avail_in == 0) {
            const std::size_t got = read_raw(inflater_->input);
            if (got == 0) throw workbook_error("is damaged: " + name_ + " ends too early");
            stream.next_in = reinterpret_cast<Bytef*>(inflater_->input.data());
            stream.avail_in = static_cast<uInt>(got);
        }
        const int status = inflate(&stream, Z_NO_FLUSH);
        if (status == Z_STREAM_END) {
            ended_ = true;
        } else if (status != Z_OK) {
            throw workbook_error("is damaged: " + name_ + " cannot be inflated");
        }
    }
    return wanted - stream.avail_out;
}

std::size_t zip_entry::read_raw(std::span<char> out) {
    const zip_int64_t got = [&] {
        const std::lock_guard lock(archive_->in_libzip_);
        return zip_fread(file_.get(), out.data(), out.size());
    }();
    if (got < 0) throw workbook_error("is damaged: " + name_ + " cannot be read");
    consumed_ += static_cast<std::uint64_t>(got);
    return static_cast<std::size_t>(got);
}

void zip_entry::count(std::size_t produced) {
    const workbook_limits& limits = archive_->limits_;
    produced_ += produced;
    if (archive_->inflated_.fetch_add(produced) + produced > limits.inflated_bytes) {
        throw workbook_too_large("inflates to more than " +
                                 std::to_string(limits.inflated_bytes >> 20) + " MiB");
    }
    if (produced_ > limits.ratio_free_bytes && produced_ / limits.inflate_ratio > consumed_) {
        throw workbook_too_large("looks like a zip bomb: " + name_ + " grows more than " +
                                 std::to_string(limits.inflate_ratio) + "-fold");
    }
}

}  // namespace excel_to_db
