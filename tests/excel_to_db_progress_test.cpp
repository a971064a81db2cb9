// tests/excel_to_db_progress_test.cpp — what is shown while an import goes on, in virtual time.
// SPDX-License-Identifier: BSL-1.0
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <runnel/testing.hpp>

#include <runnel/time.hpp>

#include "progress.hpp"
#include "support/catch.hpp"
#include "support/simulated.hpp"

using namespace excel_to_db;
using namespace std::chrono_literals;
using test::on_seeds;
using test::require;
using test::stopwatch;

namespace {

import_progress progress(std::uint64_t rows, double fraction, std::uint64_t rejected = 0) {
    import_progress now;
    now.stats.success_count = rows - rejected;
    now.stats.error_count = rejected;
    now.fraction = fraction;
    return now;
}

// Keeps what is shown.
struct screen {
    progress_display::writer writer() {
        return [this](std::string_view text) { shown.emplace_back(text); };
    }
    std::vector<std::string> shown;
};

}  // namespace

TEST_CASE("a progress says what is known, and no more") {
    CHECK(progress_text(progress(4'200, 0.42, 13), 8'123.4, 10s) ==
          "42%, 4200 rows, 8123 rows/s, 13 rejected, 0:14 left");
    CHECK(progress_text(progress(1, 0.5), 0, 7'200s) == "50%, 1 rows, 0 rows/s, 2:00:00 left");
    CHECK(progress_text(progress(1, 1), 1, 90s) == "100%, 1 rows, 1 rows/s, 0:00 left");
    CHECK(progress_text(progress(1, 0.1), 1, 90s) == "10%, 1 rows, 1 rows/s, 13:30 left");
    // Too early to tell, and a sheet that does not say how long it is.
    CHECK(progress_text(progress(1, 0.5), 1, 900ms) == "50%, 1 rows, 1 rows/s");
    CHECK(progress_text(progress(1, 0.005), 1, 90s) == "0%, 1 rows, 1 rows/s");
    CHECK(progress_text(progress(1, 0), 1, 90s) == "1 rows, 1 rows/s");
}

TEST_CASE("the bar takes what room there is beside the text") {
    CHECK(with_bar(0.5, "text", 18) == "[#####-----] text");
    CHECK(with_bar(0, "text", 18) == "[----------] text");
    CHECK(with_bar(1, "text", 18) == "[##########] text");
    CHECK(with_bar(7, "text", 18) == "[##########] text");
    CHECK(with_bar(0.5, "text", 200) ==
          "[" + std::string(15, '#') + std::string(15, '-') + "] text");
    CHECK(with_bar(0.5, "text", 13) == "[##---] text");
    CHECK(with_bar(0.5, "text", 12) == "text");
    CHECK(with_bar(0.5, "text", 4) == "tex");
    CHECK(with_bar(0.5, "text", 0) == "");
}

TEST_CASE("lines come every five seconds once there is something to say") {
    on_seeds([] {
        screen out;
        {
            progress_display display(progress_style::lines, 80, out.writer());
            runnel::sleep_for(7s);
            display.update(progress(0, 0));
            runnel::sleep_for(2s);
            display.update(progress(1'000, 0.1));
            runnel::sleep_for(4s);
            require(
                out.shown == std::vector<std::string>{"10%, 1000 rows, 333 rows/s, 0:27 left\n"},
                "a line at ten seconds, three after the beginning");
            display.update(progress(5'000, 0.5, 13));
            runnel::sleep_for(4s);
            require(out.shown.size() == 2 && out.shown[1] ==
                                                 "50%, 5000 rows, 800 rows/s, 13 rejected, "
                                                 "0:08 left\n",
                    "the rate is that of the last five seconds");
        }
        require(out.shown.size() == 2, "nothing at the end");
    });
}

TEST_CASE("an import that stalls is shown to stall") {
    on_seeds([] {
        screen out;
        progress_display display(progress_style::lines, 80, out.writer());
        display.update(progress(1'000, 0.25));
        runnel::sleep_for(12s);
        require(out.shown == std::vector<std::string>{"25%, 1000 rows, 200 rows/s, 0:15 left\n",
                                                      "25%, 1000 rows, 0 rows/s, 0:30 left\n"},
                "the rate falls, and the rest grows");
    });
}

TEST_CASE("the bar is drawn ten times a second, in place, and wiped away") {
    on_seeds([] {
        screen out;
        {
            progress_display display(progress_style::bar, 38, out.writer());
            display.update(progress(10, 0.25));
            runnel::sleep_for(150ms);
            display.update(progress(40, 0.5));
            runnel::sleep_for(100ms);
        }
        require(
            out.shown == std::vector<std::string>{"\r\x1b[K[##--------] 25%, 10 rows, 100 rows/s",
                                                  "\r\x1b[K[#####-----] 50%, 40 rows, 200 rows/s",
                                                  "\r\x1b[K"},
            "two bars, and none");
    });
}

TEST_CASE("where there was nothing to show, nothing is shown") {
    on_seeds([] {
        screen out;
        {
            const progress_display display(progress_style::bar, 80, out.writer());
            runnel::sleep_for(1min);
        }
        require(out.shown.empty(), "no update has come");
    });
}

TEST_CASE("a slow terminal holds up nobody but the end") {
    on_seeds([] {
        const stopwatch since;
        {
            progress_display display(progress_style::bar, 80,
                                     [](std::string_view) { runnel::sleep_for(1min); });
            display.update(progress(1, 0.1));
            runnel::sleep_for(1s);
            for (std::uint64_t i = 0; i < 1'000; ++i) display.update(progress(i, 0.2));
            since.require_passed(1s, "updates take no time");
        }
        since.require_passed(2min + 100ms, "one bar and its end");
    });
}
