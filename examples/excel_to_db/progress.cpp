// examples/excel_to_db/progress.cpp — rates, remaining times, and drawing.
// SPDX-License-Identifier: BSL-1.0
#include "progress.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <runnel/time.hpp>
#include <utility>

namespace excel_to_db {

namespace {

using namespace std::chrono_literals;

// The rate is that of the last seconds; the remaining time follows from all that has passed.
constexpr auto rate_window = 5s;
constexpr auto least_elapsed = 1s;
constexpr double least_fraction = 0.01;

constexpr std::size_t widest_bar = 30;
constexpr std::size_t narrowest_bar = 5;

constexpr std::string_view wipe = "\r\x1b[K";

double seconds(std::chrono::nanoseconds duration) {
    return std::chrono::duration<double>(duration).count();
}

// 0:04, 12:30, 1:00:00
std::string clock_text(double duration) {
    const auto whole = static_cast<std::uint64_t>(duration + 0.5);
    if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
    return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

}  // namespace

// ---- 1. texts ----

std::string progress_text(const import_progress& now, double rows_per_second,
                          std::chrono::nanoseconds elapsed) {
    std::string text;
    if (now.fraction > 0) text = fmt::format("{:.0f}%, ", std::min(now.fraction, 1.0) * 100);
    text += fmt::format("{} rows, {:.0f} rows/s", now.stats.total_records(), rows_per_second);
    if (now.stats.error_count > 0) text += fmt::format(", {} rejected", now.stats.error_count);
    if (now.fraction >= least_fraction && elapsed >= least_elapsed) {
        const double left = seconds(elapsed) * (1 - now.fraction) / now.fraction;
        text += fmt::format(", {} left", clock_text(std::max(left, 0.0)));
    }
    return text;
}

std::string with_bar(double fraction, const std::string& text, std::size_t columns) {
    // Beside the bar: its ends, a blank, and the last column, after which some terminals begin a new line.
    const std::size_t taken = text.size() + 4;
    const std::size_t width = std::min(columns > taken ? columns - taken : 0, widest_bar);
    if (width < narrowest_bar) return text.substr(0, columns > 0 ? columns - 1 : 0);
    const auto filled =
        static_cast<std::size_t>(std::clamp(fraction, 0.0, 1.0) * static_cast<double>(width));
    return fmt::format("[{}{}] {}", std::string(filled, '#'), std::string(width - filled, '-'),
                       text);
}

// ---- 2. display ----

progress_display::progress_display(progress_style style, std::size_t columns, writer write)
    : style_(style),
      columns_(columns),
      write_(std::move(write)),
      context_(runnel::with_cancel(runnel::background())) {
    painter_.go([this] { paint(); });
}

progress_display::~progress_display() {
    context_.cancel();
    painter_.wait();
    if (drawn_ && style_ == progress_style::bar) write_(wipe);
}

void progress_display::update(const import_progress& now) {
    const std::lock_guard guard(mutex_);
    if (!std::exchange(told_, true)) start_ = clock::now();
    latest_ = now;
}

void progress_display::paint() {
    const runnel::ticker ticks(style_ == progress_style::bar
                                   ? std::chrono::nanoseconds(bar_interval)
                                   : std::chrono::nanoseconds(line_interval));
    // Of a tick and the end that have both come, either may be received.
    while (ticks.chan().recv(context_) && !context_.err()) draw();
}

void progress_display::draw() {
    import_progress latest;
    clock::time_point start;
    {
        const std::lock_guard guard(mutex_);
        if (!told_) return;
        latest = latest_;
        start = start_;
    }
    const auto now = clock::now();
    if (recent_.empty()) recent_.push_back({start, 0});
    const double rate = rate_until({now, latest.stats.total_records()});
    const std::string text = progress_text(latest, rate, now - start);
    if (style_ == progress_style::bar) {
        write_(std::string(wipe) + with_bar(latest.fraction, text, columns_));
    } else {
        write_(text + "\n");
    }
    drawn_ = true;
}

double progress_display::rate_until(const sample& now) {
    recent_.push_back(now);
    while (recent_.size() > 2 && now.when - recent_[1].when >= rate_window) recent_.pop_front();
    const sample& then = recent_.front();
    const double passed = seconds(now.when - then.when);
    return passed > 0 ? static_cast<double>(now.rows - then.rows) / passed : 0.0;
}

}  // namespace excel_to_db
