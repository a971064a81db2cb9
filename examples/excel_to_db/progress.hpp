// examples/excel_to_db/progress.hpp — how far an import has come: a bar, or a line now and then.
// SPDX-License-Identifier: BSL-1.0
//
//   The importer only notes how far it is. A goroutine of the display's own looks at that by a ticker, so that a slow
//   terminal does not hold up the import, and a stalled import does not hold up the clock.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <runnel/context.hpp>
#include <runnel/mutex.hpp>
#include <runnel/wait_group.hpp>
#include <string>
#include <string_view>

#include "import/stats.hpp"

namespace excel_to_db {

/// "42%, 4200 rows, 8123 rows/s, 13 rejected, 0:04 left". What is not known, or not there, is left out.
std::string progress_text(const import_progress& now, double rows_per_second,
                          std::chrono::nanoseconds elapsed);

/// The text behind a bar, if there is room for one in so many columns.
std::string with_bar(double fraction, const std::string& text, std::size_t columns);

enum class progress_style { bar, lines };

/// Shows what `update` was told last, from the first time on until it is destroyed. The bar is then wiped away.
class progress_display {
public:
    using writer = std::function<void(std::string_view)>;

    static constexpr std::chrono::milliseconds bar_interval{100};
    static constexpr std::chrono::seconds line_interval{5};

    /// `write` is called by one goroutine at a time. It must not throw.
    progress_display(progress_style style, std::size_t columns, writer write);
    progress_display(const progress_display&) = delete;
    progress_display& operator=(const progress_display&) = delete;
    ~progress_display();

    /// Any goroutine may call it.
    void update(const import_progress& now);

private:
    using clock = std::chrono::steady_clock;
    struct sample {
        clock::time_point when;
        std::uint64_t rows = 0;
    };

    void paint();
    void draw();
    double rate_until(const sample& now);

    const progress_style style_;
    const std::size_t columns_;
    const writer write_;
    runnel::mutex mutex_;
    import_progress latest_;     // guarded by mutex_
    bool told_ = false;          // guarded by mutex_
    clock::time_point start_;    // guarded by mutex_; of the first update
    std::deque<sample> recent_;  // the painter's
    bool drawn_ = false;         // the painter's
    runnel::cancel_context context_;
    runnel::wait_group painter_;
};

}  // namespace excel_to_db
