// runnel/detail/assert.hpp — fatal reports and debug assertions.
// SPDX-License-Identifier: BSL-1.0
//
//   Layer   0
//   Rule    a fatal path needs no scheduler, no lock and no allocation: it writes and ends.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include <unistd.h>

#include <runnel/detail/config.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

/// Writes all of `text` to stderr; async-signal-safe.
inline void write_stderr(const char* text, std::size_t n) noexcept {
    while (n > 0) {
        const auto written = ::write(2, text, n);
        if (written <= 0) return;
        text += written;
        n -= static_cast<std::size_t>(written);
    }
}
inline void write_stderr(const char* text) noexcept { write_stderr(text, std::strlen(text)); }

/// A number's digits: no memory, no locale.
class decimal {
public:
    explicit decimal(unsigned long long v) noexcept {
        do {
            text_[--begin_] = static_cast<char>('0' + v % 10);
            v /= 10;
        } while (v != 0);
    }
    std::string_view view() const noexcept { return {text_ + begin_, sizeof text_ - begin_}; }

private:
    char text_[20]{};  // of the largest, 2^64 - 1
    std::size_t begin_ = sizeof text_;
};

/// A line built without allocation, for reports from signal handlers and fatal paths.
class report_line {
public:
    static constexpr std::size_t capacity = 1024;

    report_line& operator<<(const char* s) noexcept {
        while (*s != '\0' && size_ < sizeof buffer_) buffer_[size_++] = *s++;
        return *this;
    }
    report_line& operator<<(unsigned long long v) noexcept {
        const decimal number(v);
        for (const char c : number.view()) {
            if (size_ < sizeof buffer_) buffer_[size_++] = c;
        }
        return *this;
    }
    report_line& operator<<(const void* p) noexcept {
        *this << "0x";
        auto v = reinterpret_cast<unsigned long>(p);
        int shift = 60;
        while (shift > 0 && ((v >> shift) & 0xf) == 0) shift -= 4;
        for (; shift >= 0 && size_ < sizeof buffer_; shift -= 4) {
            buffer_[size_++] = "0123456789abcdef"[(v >> shift) & 0xf];
        }
        return *this;
    }
    report_line& operator<<(std::string_view s) noexcept {
        for (const char c : s) {
            if (size_ < sizeof buffer_) buffer_[size_++] = c;
        }
        return *this;
    }
    const char* text() const noexcept { return buffer_; }
    std::string_view view() const noexcept { return {buffer_, size_}; }
    std::size_t size() const noexcept { return size_; }
    void print() const noexcept { write_stderr(buffer_, size_); }

private:
    char buffer_[capacity];
    std::size_t size_ = 0;
};

[[noreturn]] RUNNEL_NOINLINE inline void fatal(const char* what) noexcept {
    (report_line{} << "runnel: fatal: " << what << "\n").print();
    std::abort();
}

}  // namespace detail
}  // namespace v0
}  // namespace runnel

// Checked in debug builds, and wherever RUNNEL_CHECKED is defined.
#if !defined(NDEBUG) || defined(RUNNEL_CHECKED)
#define RUNNEL_ASSERT(cond, sentence) \
    (RUNNEL_LIKELY(cond) ? static_cast<void>(0) : ::runnel::detail::fatal(sentence))
#define RUNNEL_DEBUG 1
#else
#define RUNNEL_ASSERT(cond, sentence) static_cast<void>(0)
#define RUNNEL_DEBUG 0
#endif
