// examples/11_pipeline/log_pipeline.cpp — a log of a million lines: read, parsed, filtered, formatted, all at once.
// SPDX-License-Identifier: BSL-1.0
//
//   read ── lines ──> parse ── entries ──> errors only ── entries ──> format ── text ──> main
//
// In the guide: "Real-World Example: Log Processing Pipeline". Its Go logs that the file cannot be opened and goes
// on with an empty one; it stops without a word at a read error and at a line of more than 64 KiB; and it has no place
// for lines that are no entries. Here errors travel down the pipeline: the channels are closed with them. Long lines are
// lines, and bad ones are counted. --lines says how many lines there are.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "../common/guide.hpp"

namespace {

using runnel::recv_chan;

struct entry {
    std::string time;
    std::string level;
    std::string message;
};

// ---- 1. the stages ----

/// Runs `f` on all that comes, and sends on what it returns. Ends when its input does, with the same error if it
/// ended with one, or with the context.
template <class In, class F>
auto stage(const runnel::context& ctx, const recv_chan<In>& in, F f) {
    using out_type = typename std::invoke_result_t<F&, In>::value_type;
    auto out = runnel::make_chan<out_type>(64);
    runnel::go([ctx, in, f = std::move(f), out]() mutable {
        try {
            while (auto v = in.recv(ctx)) {
                std::optional<out_type> result = f(std::move(*v));
                if (result && out.send(ctx, std::move(*result)) != runnel::op_status::ok) break;
            }
            out.close();
        } catch (const std::exception&) {
            out.close(std::current_exception());
        }
    });
    return recv_chan<out_type>(out);
}

// [read]
recv_chan<std::string> read_lines(const runnel::context& ctx, const std::filesystem::path& file) {
    auto out = runnel::make_chan<std::string>(64);
    runnel::go([ctx, file, out] {
        const auto fail = [&](const std::string& what) {
            out.close(std::make_exception_ptr(std::runtime_error(what)));
        };
        std::ifstream in(file);
        if (!in) return fail("cannot open " + file.filename().string());
        std::string line;  // what of the last line is there
        std::vector<char> block(65536);
        bool more = true;
        while (more) {
            // The disk may take its time: other goroutines run meanwhile.
            runnel::blocking([&] { in.read(block.data(), std::ssize(block)); });
            more = in.gcount() > 0;
            std::string_view rest(block.data(), static_cast<std::size_t>(in.gcount()));
            for (std::size_t end; more && (end = rest.find('\n')) != rest.npos;) {
                line += rest.substr(0, end);
                rest.remove_prefix(end + 1);
                more = out.send(ctx, std::exchange(line, {})) == runnel::op_status::ok;
            }
            line += rest;
        }
        if (in.bad()) return fail("cannot read " + file.filename().string());
        if (!line.empty()) out.send(ctx, line);
        out.close();
    });
    return out;
}
// [/read]

/// `2025-11-03T08:15:30Z LEVEL message`, or nothing.
std::optional<entry> parse(std::string_view line) {
    constexpr std::string_view shape = "dddd-dd-ddTdd:dd:ddZ ";
    if (line.size() < shape.size()) return {};
    for (std::size_t i = 0; i < shape.size(); ++i) {
        const bool digit = line[i] >= '0' && line[i] <= '9';
        if (shape[i] == 'd' ? !digit : line[i] != shape[i]) return {};
    }
    const std::string_view rest = line.substr(shape.size());
    for (const std::string_view level : {"DEBUG", "INFO", "WARN", "ERROR"}) {
        if (rest.size() > level.size() + 1 && rest.starts_with(level) &&
            rest[level.size()] == ' ') {
            return entry{std::string(line.substr(0, shape.size() - 1)), std::string(level),
                         std::string(rest.substr(level.size() + 1))};
        }
    }
    return {};
}

// [process]
recv_chan<std::string> process_log(const runnel::context& ctx, const std::filesystem::path& file,
                                   std::atomic<long>& malformed) {
    const auto entries = stage(ctx, read_lines(ctx, file), [&malformed](const std::string& line) {
        std::optional<entry> e = parse(line);
        if (!e) ++malformed;
        return e;
    });
    const auto errors = stage(ctx, entries, [](entry e) {
        return e.level == "ERROR" ? std::optional(std::move(e)) : std::nullopt;
    });
    return stage(ctx, errors, [](const entry& e) {
        return std::optional("[" + e.time + "] " + e.level + ": " + e.message);
    });
}
// [/process]

// ---- 2. the log ----

void generate_log(const std::filesystem::path& file, long long lines) {
    std::ofstream out(file);
    for (long long i = 0; i < lines; ++i) {
        char time[32];
        std::snprintf(time, sizeof time, "2025-11-03T%02d:%02d:%02dZ ",
                      static_cast<int>(i / 3600 % 24), static_cast<int>(i / 60 % 60),
                      static_cast<int>(i % 60));
        if (i % 5000 == 4999) {
            out << "  at line " << i << " of a stack trace\n";
        } else if (i % 1000 == 7) {
            out << time << "ERROR request " << i << " failed\n";
        } else {
            out << time << (i % 3 == 0 ? "DEBUG" : "INFO") << " request " << i << '\n';
        }
    }
    out << "2025-11-04T00:00:00Z ERROR " << std::string(100'000, 'x');  // and no end of line
}

}  // namespace

int main(int argc, char** argv) {
    long long lines = 1'000'000;
    guide::parse(argc, argv, {{"--lines", lines, 0, 1'000'000'000}});
    return runnel::run([lines] {
        const std::size_t base = runnel::num_goroutine();
        const guide::temporary_folder folder;
        const auto file = folder / "service.log";
        generate_log(file, lines);
        std::atomic<long> malformed{0};
        {
            const auto ctx = runnel::with_cancel(runnel::background());
            const guide::stopwatch watch;
            long errors = 0;
            std::size_t longest = 0;
            for (const std::string& text : process_log(ctx, file, malformed)) {
                if (++errors <= 3) std::printf("%.60s\n", text.c_str());
                longest = std::max(longest, text.size());
            }
            std::printf("%ld errors, %ld malformed lines, the longest error has %zu bytes\n",
                        errors, malformed.load(), longest);
            guide::note("%lld lines in %.0f ms\n", lines + 1, watch.milliseconds());
        }
        {
            // The reader has seen enough: the end of the scope cancels, and every stage ends.
            const auto ctx = runnel::with_cancel(runnel::background());
            const auto text = process_log(ctx, file, malformed);
            std::printf("once more, the first: %.60s\n", text.recv().value().c_str());
        }
        std::printf("goroutines left: %zu\n", guide::left_behind(base));
        create_directory(folder / "logs");  // it can be opened, but not read
        for (const char* name : {"no.log", "logs"}) {
            try {
                for (const std::string& text :
                     process_log(runnel::background(), folder / name, malformed)) {
                    std::puts(text.c_str());
                }
            } catch (const std::exception& e) {
                std::printf("another file: %s\n", e.what());
            }
        }
        std::printf("goroutines left: %zu\n", guide::left_behind(base));
        return 0;
    });
}
// Output:
// [2025-11-03T00:00:07Z] ERROR: request 7 failed
// [2025-11-03T00:16:47Z] ERROR: request 1007 failed
// [2025-11-03T00:33:27Z] ERROR: request 2007 failed
// 1001 errors, 200 malformed lines, the longest error has 100030 bytes
// once more, the first: [2025-11-03T00:00:07Z] ERROR: request 7 failed
// goroutines left: 0
// another file: cannot open no.log
// another file: cannot read logs
// goroutines left: 0
