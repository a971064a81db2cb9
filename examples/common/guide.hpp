// examples/common/guide.hpp — what the examples share: the length of a second, options, a folder, who is left.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdarg>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <runnel/runnel.hpp>

namespace guide {

// ---- 1. how a program is called ----

/// Says in one line what was wrong with the call, and ends the program.
[[noreturn]] inline void refuse(const std::string& why) {
    std::fprintf(stderr, "%s: %s\n", program_invocation_short_name, why.c_str());
    std::exit(2);
}

/// A whole number between `least` and `most`, or a refusal that names `what`.
inline long long number(const std::string& what, std::string_view text, long long least,
                        long long most) {
    long long n = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (error != std::errc() || end != text.data() + text.size() || n < least || n > most) {
        refuse(what + " takes a number from " + std::to_string(least) + " to " +
               std::to_string(most) + ", not '" + std::string(text) + "'");
    }
    return n;
}

/// How long a second of the guide lasts: RUNNEL_EXAMPLE_SECOND milliseconds, 20 unless that is set.
/// With 1000 a second of the guide's is a real one; some examples take fewer of them than the guide, and say so.
inline std::chrono::milliseconds one_second() {
    const char* set = std::getenv("RUNNEL_EXAMPLE_SECOND");
    return std::chrono::milliseconds(
        set != nullptr ? number("RUNNEL_EXAMPLE_SECOND", set, 1, 60'000) : 20);
}

/// `n` seconds of the guide.
inline std::chrono::microseconds seconds(double n) {
    static const std::chrono::microseconds one = one_second();
    return std::chrono::microseconds(std::llround(n * static_cast<double>(one.count())));
}

/// An option `--name <number>`.
struct option {
    const char* name;
    long long& value;
    long long least;
    long long most;
};

/// Reads the command line and the environment; refuses what it does not know. To be called first.
inline void parse(int argc, char** argv, std::initializer_list<option> options = {}) {
    seconds(1);
    std::string known;
    for (const option& o : options) known += std::string(" [") + o.name + " <number>]";
    for (int i = 1; i < argc; ++i) {
        const option* found = nullptr;
        for (const option& o : options) {
            if (std::string_view(argv[i]) == o.name) found = &o;
        }
        if (found == nullptr) {
            refuse("'" + std::string(argv[i]) +
                   "' is no option of it; usage: " + program_invocation_short_name + known);
        }
        if (++i == argc) refuse(std::string(found->name) + " takes a number");
        found->value = number(found->name, argv[i], found->least, found->most);
    }
}

/// An address of this machine that other machines do not reach. Port 0 is any that is free.
inline std::string loopback(long long port) {
    return std::string("127.0.0.1:").append(std::to_string(port));
}

/// Runs `f` as the main goroutine and returns its result. What it throws is told in one line: then the result is 1.
template <class F>
int run(F f) {
    try {
        return runnel::run(std::move(f));
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s: %s\n", program_invocation_short_name, e.what());
        return 1;
    }
}

/// Why something failed. Without the address that was dialled, which differs from run to run.
inline std::string reason(const std::exception& e) {
    const auto* of_system = dynamic_cast<const std::system_error*>(&e);
    return of_system != nullptr ? of_system->code().message() : e.what();
}

// ---- 2. time ----

class stopwatch {
public:
    double milliseconds() const {
        return std::chrono::duration<double, std::milli>(runnel::clock::now() - began_).count();
    }

private:
    runnel::clock::time_point began_ = runnel::clock::now();
};

/// A deadline that no busy machine reaches by accident: for what is not about deadlines.
inline constexpr std::chrono::seconds far_away{30};
/// How long a service takes that does not answer.
inline constexpr std::chrono::hours stuck{1};

/// Waits as somebody else's disk or server would let one wait: for `d`, or until the context is done.
/// Errors  std::system_error with the context's error.
inline void wait(const runnel::context& ctx, std::chrono::microseconds d) {
    if (!ctx.err() && ctx.done().recv_for(d).status() == runnel::op_status::timeout) return;
    throw std::system_error(ctx.err());
}

/// What differs from run to run, such as a time: on stderr, in step with stdout.
[[gnu::format(printf, 1, 2)]] inline void note(const char* format, ...) {
    std::fflush(stdout);
    std::va_list arguments;
    va_start(arguments, format);
    std::vfprintf(stderr, format, arguments);
    va_end(arguments);
}

// ---- 3. what is left ----

/// How many goroutines there are beyond `before`. Those about to end get the time to do so.
inline std::size_t left_behind(std::size_t before) {
    const auto patience = runnel::clock::now() + std::chrono::seconds(10);
    while (runnel::num_goroutine() > before && runnel::clock::now() < patience) {
        runnel::sleep_for(std::chrono::milliseconds(1));
    }
    const std::size_t now = runnel::num_goroutine();
    return now > before ? now - before : 0;
}

/// A folder of its own, which goes with all that is in it.
class temporary_folder {
public:
    temporary_folder() {
        std::string name = (std::filesystem::temp_directory_path() / "runnel-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) {
            throw std::system_error(errno, std::generic_category(), "mkdtemp");
        }
        path_ = name;
    }
    temporary_folder(const temporary_folder&) = delete;
    temporary_folder& operator=(const temporary_folder&) = delete;
    ~temporary_folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

private:
    std::filesystem::path path_;
};

}  // namespace guide
