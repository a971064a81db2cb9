// tests/trace_test.cpp — what a trace says is what happened: strict JSON, no goroutine in two places, arrows from waker to woken.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/trace.hpp>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <runnel/blocking.hpp>
#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/mutex.hpp>
#include <runnel/runtime.hpp>
#include <runnel/thread_lock.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;

// ---- 1. a strict reader of JSON ----

// Not std::stoull and its like, which use errno: the thread sanitizer takes two goroutines' of one thread for a race.
template <class Number>
Number to_number(std::string_view text, int base = 10) {
    Number n{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n, base);
    if (error != std::errc() || end != text.data() + text.size()) {
        throw std::runtime_error("not a number: " + std::string(text));
    }
    return n;
}

/// A value; numbers keep their text.
struct json {
    enum class kind { null, boolean, number, string, array, object } what = kind::null;
    std::string text;
    std::vector<json> items;
    std::map<std::string, json> members;

    bool has(const std::string& name) const { return members.count(name) != 0; }
    const json& at(const std::string& name) const {
        const auto found = members.find(name);
        if (found == members.end()) throw std::runtime_error("an event lacks \"" + name + "\"");
        return found->second;
    }
    std::uint64_t number() const {
        if (what != kind::number) throw std::runtime_error("not a number: " + text);
        return to_number<std::uint64_t>(text);
    }
    /// Of microseconds with three decimals, or none.
    std::int64_t nanoseconds() const {
        if (what != kind::number) throw std::runtime_error("not a time: " + text);
        const std::size_t point = text.find('.');
        if (point == std::string::npos) return to_number<std::int64_t>(text) * 1000;
        if (text.size() - point != 4)
            throw std::runtime_error("a time with other decimals: " + text);
        return to_number<std::int64_t>(text.substr(0, point)) * 1000 +
               to_number<std::int64_t>(text.substr(point + 1));
    }
};

class reader {
public:
    explicit reader(std::string_view text) : rest_(text) {}

    json whole() {
        json v = value();
        space();
        if (!rest_.empty()) fail("something after the end");
        return v;
    }

private:
    [[noreturn]] void fail(const std::string& what) const {
        throw std::runtime_error(what + " before: " + std::string(rest_.substr(0, 60)));
    }
    void space() {
        const std::size_t n = rest_.find_first_not_of(" \t\r\n");
        rest_.remove_prefix(n == std::string_view::npos ? rest_.size() : n);
    }
    bool take(std::string_view s) {
        if (rest_.substr(0, s.size()) != s) return false;
        rest_.remove_prefix(s.size());
        return true;
    }
    char next() {
        if (rest_.empty()) fail("cut off");
        const char c = rest_.front();
        rest_.remove_prefix(1);
        return c;
    }
    json value() {
        space();
        json v;
        if (take("{")) {
            v.what = json::kind::object;
            space();
            if (take("}")) return v;
            do {
                space();
                if (!take("\"")) fail("a name was expected");
                std::string name = string();
                space();
                if (!take(":")) fail("no colon");
                json member = value();
                if (!v.members.emplace(std::move(name), std::move(member)).second)
                    fail("a name twice");
                space();
            } while (take(","));
            if (!take("}")) fail("an object does not end");
        } else if (take("[")) {
            v.what = json::kind::array;
            space();
            if (take("]")) return v;
            do {
                v.items.push_back(value());
                space();
            } while (take(","));
            if (!take("]")) fail("an array does not end");
        } else if (take("\"")) {
            v.what = json::kind::string;
            v.text = string();
        } else if (take("true") || take("false")) {
            v.what = json::kind::boolean;
        } else if (!take("null")) {
            v.what = json::kind::number;
            v.text = number();
        }
        return v;
    }
    std::string string() {
        std::string s;
        for (;;) {
            char c = next();
            if (c == '"') return s;
            if (static_cast<unsigned char>(c) < 0x20) fail("a control character");
            if (c == '\\') {
                c = next();
                if (c == 'u') {
                    std::string code;
                    for (int i = 0; i < 4; ++i) code += next();
                    if (code.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) {
                        fail("an odd escape");
                    }
                    c = static_cast<char>(to_number<std::uint8_t>(code, 16));
                } else if (const std::size_t which = std::string_view("\"\\/bfnrt").find(c);
                           which != std::string_view::npos) {
                    c = "\"\\/\b\f\n\r\t"[which];
                } else {
                    fail("an odd escape");
                }
            }
            s += c;
        }
    }
    std::string digits() {
        const std::size_t n = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
        if (n == 0) fail("a digit was expected");
        std::string s(rest_.substr(0, n));
        rest_.remove_prefix(n);
        return s;
    }
    std::string number() {
        std::string s = take("-") ? "-" : "";
        const std::string whole = digits();
        if (whole.size() > 1 && whole[0] == '0') fail("a leading zero");
        s += whole;
        if (take(".")) s += "." + digits();
        return s;
    }

    std::string_view rest_;
};

TEST_CASE("the reader of these tests refuses what is not JSON", "[trace]") {
    const auto refuses = [](std::string_view text) {
        CHECK_THROWS_AS(reader(text).whole(), std::runtime_error);
    };
    for (const char* text : {"[", "[1,]", "[1 2]", "{\"a\":1,}", "{\"a\" 1}", "{\"a\":1,\"a\":2}",
                             "\"a", "\"\n\"", "\"\\x\"", "01", "1.", "tru", "[] []"}) {
        refuses(text);
    }
    CHECK(reader(" [1, {\"a\\n\": \"\\u0041\"}, []] ").whole().items[1].at("a\n").text == "A");
}

// ---- 2. a trace, read ----

/// A path for a file of this process; the file goes with it.
class file_for_trace {
public:
    file_for_trace() {
        static std::atomic<int> made{0};
        const char* folder = std::getenv("TMPDIR");
        path_ = std::string(folder != nullptr ? folder : "/tmp") + "/runnel_trace_" +
                std::to_string(::getpid()) + "_" + std::to_string(++made) + ".json";
    }
    ~file_for_trace() { std::remove(path_.c_str()); }
    file_for_trace(const file_for_trace&) = delete;
    file_for_trace& operator=(const file_for_trace&) = delete;

    const std::string& path() const { return path_; }
    std::string text() const {
        std::ifstream in(path_, std::ios::binary);
        std::ostringstream all;
        all << in.rdbuf();
        return all.str();
    }

private:
    std::string path_;
};

struct slice {
    std::uint64_t track = 0;
    std::uint64_t runtime = 0;
    std::uint64_t id = 0;
    std::int64_t from = 0;
    std::int64_t to = 0;
    bool blocking = false;
    std::string name;
    std::string why;
    std::string created_at;
    std::uint64_t created_by = 0;
    std::string on;
    std::size_t order = 0;
};

struct arrow {
    std::uint64_t id = 0;
    std::uint64_t track = 0;
    std::int64_t at = 0;
    bool end = false;
    std::size_t order = 0;
};

struct trace_file {
    std::vector<slice> slices;
    std::vector<arrow> arrows;  // in the order of time
    std::map<std::string, std::vector<std::uint64_t>> counters;
    std::map<std::uint64_t, std::string> tracks;                 // names
    std::map<std::uint64_t, std::string> runtimes;               // names
    std::map<std::uint64_t, std::vector<std::size_t>> by_track;  // of slices, in the order of time

    explicit trace_file(const std::string& text) {
        const json all = reader(text).whole();
        if (all.what != json::kind::array) throw std::runtime_error("not an array");
        for (const json& e : all.items) read(e);
        // At one moment: in the file's order.
        std::sort(arrows.begin(), arrows.end(), [](const arrow& a, const arrow& b) {
            return std::pair(a.at, a.order) < std::pair(b.at, b.order);
        });
        std::sort(slices.begin(), slices.end(), [](const slice& a, const slice& b) {
            return std::pair(a.from, a.order) < std::pair(b.from, b.order);
        });
        for (std::size_t i = 0; i < slices.size(); ++i) by_track[slices[i].track].push_back(i);
    }

    std::vector<slice> of(std::uint64_t id) const {
        std::vector<slice> found;
        for (const slice& s : slices) {
            if (s.id == id) found.push_back(s);
        }
        return found;
    }
    std::size_t count(std::uint64_t id, std::string_view why) const {
        const auto all = of(id);
        return static_cast<std::size_t>(
            std::count_if(all.begin(), all.end(), [&](const slice& s) { return s.why == why; }));
    }
    /// What ran there then.
    const slice* around(const arrow& a) const {
        const auto on_track = by_track.find(a.track);
        if (on_track == by_track.end()) return nullptr;
        const auto& all = on_track->second;
        // At the border of two: the one that the arrow is about.
        auto after =
            std::upper_bound(all.begin(), all.end(), a.at,
                             [&](std::int64_t at, std::size_t i) { return at < slices[i].from; });
        while (after != all.begin() && slices[*--after].to >= a.at) {
            const slice& s = slices[*after];
            if (!s.blocking && (s.id == a.id) == a.end) return &s;
        }
        return nullptr;
    }
    /// Who woke `id`, for the slice that it runs in at `at`; 0: no arrow.
    std::uint64_t waker(const slice& woken) const {
        const arrow* begin = nullptr;
        for (const arrow& a : arrows) {
            if (a.id != woken.id) continue;
            if (!a.end) {
                begin = &a;
            } else if (a.track == woken.track && a.at >= woken.from && a.at <= woken.to &&
                       begin != nullptr) {
                const slice* from = around(*begin);
                return from != nullptr ? from->id : 0;
            }
        }
        return 0;
    }

private:
    void read(const json& e) {
        const std::string& kind = e.at("ph").text;
        const std::string& name = e.at("name").text;
        if (kind == "X") {
            const json& args = e.at("args");
            slice s;
            s.track = e.at("tid").number();
            s.runtime = e.at("pid").number();
            s.from = e.at("ts").nanoseconds();
            s.to = s.from + e.at("dur").nanoseconds();
            s.name = name;
            s.blocking = e.at("cat").text == "blocking";
            s.id = args.at("id").number();
            s.why = args.at("why").text;
            s.created_at = args.at("created_at").text;
            s.created_by = args.at("created_by").number();
            if (args.has("on")) s.on = args.at("on").text;
            s.order = slices.size();
            slices.push_back(s);
        } else if (kind == "s" || kind == "f") {
            if (e.at("cat").text != "wake" || (kind == "f" && e.at("bp").text != "e")) {
                throw std::runtime_error("an arrow of another kind");
            }
            arrows.push_back({e.at("id").number(), e.at("tid").number(), e.at("ts").nanoseconds(),
                              kind == "f", arrows.size()});
        } else if (kind == "C") {
            counters[name].push_back(e.at("args").at(name).number());
        } else if (kind == "M" && name == "thread_name") {
            tracks[e.at("tid").number()] = e.at("args").at("name").text;
        } else if (kind == "M" && name == "process_name") {
            runtimes[e.at("pid").number()] = e.at("args").at("name").text;
        } else if (kind != "M" && kind != "i") {
            throw std::runtime_error("an event of kind " + kind);
        }
    }
};

std::string shown(const slice& s) {
    return s.name + " [" + std::to_string(s.from) + ", " + std::to_string(s.to) + "] on " +
           std::to_string(s.track) + " until " + s.why;
}

/// What holds of every trace, also of one that lacks what was not written yet.
void check_slices(const trace_file& t) {
    std::map<std::uint64_t, const slice*> last_on;
    std::map<std::uint64_t, const slice*> last_of;
    for (const slice& s : t.slices) {
        if (s.to < s.from) FAIL("a slice ends before it begins: " << shown(s));
        if (const slice* before = std::exchange(last_on[s.track], &s);
            before != nullptr && before->to > s.from) {
            FAIL("two at once on a worker: " << shown(*before) << " and " << shown(s));
        }
        if (const slice* before = std::exchange(last_of[s.id], &s);
            before != nullptr && before->to > s.from) {
            FAIL("a goroutine in two places: " << shown(*before) << " and " << shown(s));
        }
        if (t.tracks.count(s.track) == 0) FAIL("a track without a name: " << shown(s));
        if (t.runtimes.count(s.runtime) == 0) FAIL("a runtime without a name: " << shown(s));
        if (s.why.empty()) FAIL("it stopped for no reason: " << shown(s));
    }
    SUCCEED("sound");
}

/// What holds of a trace that is whole.
void check_sound(const trace_file& t) {
    check_slices(t);
    std::map<std::uint64_t, bool> under_way;
    for (const arrow& a : t.arrows) {
        if (under_way[a.id] != a.end) {
            FAIL("goroutine " << a.id << " was woken twice, or ran on an arrow of nobody's");
        }
        under_way[a.id] = !a.end;
        if (t.around(a) == nullptr) {
            FAIL("an arrow of goroutine " << a.id << " that " << (a.end ? "ends" : "begins")
                                          << " in no slice, at " << a.at);
        }
    }
}

/// The trace of what `f()` does as a main goroutine.
template <class F>
trace_file traced(F f) {
    const file_for_trace file;
    runnel::run([&] {
        runnel::trace::start(file.path());
        f();
        runnel::trace::stop();
    });
    return trace_file(file.text());
}

/// The same for each count of workers.
template <class F, class Check>
void traced_on_workers(F f, Check check) {
    for (const std::size_t n : test::worker_counts()) {
        INFO("max_procs = " << n);
        const test::procs workers(n);
        const trace_file t = traced(f);
        check_sound(t);
        check(t);
    }
}

/// Whoever is done counts until it has left its stack: waits until main alone is left.
void until_alone() {
    test::eventually([] { return runnel::num_goroutine() == 1; });
}

// ---- 3. slices ----

TEST_CASE("a goroutine's stretches are in the trace, with its name, its origin and why each ended",
          "[trace]") {
    std::atomic<std::uint64_t> main_id{0};
    std::atomic<std::uint64_t> id{0};
    traced_on_workers(
        [&] {
            main_id = runnel::goroutine_id();
            const auto ch = runnel::make_chan<int>();
            runnel::wait_group wg;
            wg.go([&] {
                id = runnel::goroutine_id();
                ch.recv();
            });
            test::wait_parked(1, "chan receive");
            ch.send(1);
            wg.wait();
            until_alone();
        },
        [&](const trace_file& t) {
            const auto its = t.of(id);
            REQUIRE(its.size() >= 2);
            CHECK(its.front().why == "chan receive");
            CHECK(test::contains(its.front().on, "0x"));
            CHECK(its.back().why == "end");
            for (const slice& s : its) {
                CHECK(s.name == "goroutine " + std::to_string(id));
                CHECK(test::contains(s.created_at, "trace_test.cpp:"));
                CHECK(s.created_by == main_id);
            }
            const auto mains = t.of(main_id);
            REQUIRE(!mains.empty());
            CHECK(mains.front().name == "main");
            CHECK(mains.front().from == 0);
            CHECK(mains.back().why == "end of the trace");
        });
}

TEST_CASE("no switch is left out, however many there are", "[trace]") {
    constexpr int rounds = 3000;  // more than a worker's memory holds
    std::atomic<std::uint64_t> id{0};
    traced_on_workers(
        [&] {
            const auto there = runnel::make_chan<int>();
            const auto back = runnel::make_chan<int>();
            runnel::wait_group wg;
            wg.go([&] {
                id = runnel::goroutine_id();
                for (int i = 0; i < rounds; ++i) {
                    there.recv();
                    back.send(i);
                }
            });
            test::wait_parked(1, "chan receive");
            for (int i = 0; i < rounds; ++i) {
                there.send(i);
                back.recv();
            }
            wg.wait();
            until_alone();
        },
        [&](const trace_file& t) {
            // With one worker each of them waits for each value; with more a value may be there already.
            if (runnel::max_procs() == 1) {
                CHECK(t.count(id, "chan receive") >= std::size_t{rounds});
            }
            CHECK(t.count(id, "chan receive") >= 1);
            CHECK(t.count(id, "end") == 1);
        });
}

TEST_CASE("goroutines that yield to each other have a slice for each turn", "[trace]") {
    constexpr int turns = 300;
    const test::procs one(1);
    std::vector<std::uint64_t> ids;
    runnel::mutex lock;
    const trace_file t = traced([&] {
        runnel::wait_group wg;
        for (int k = 0; k < 3; ++k) {
            wg.go([&] {
                {
                    const std::lock_guard guard(lock);
                    ids.push_back(runnel::goroutine_id());
                }
                for (int i = 0; i < turns; ++i) runnel::yield();
            });
        }
        wg.wait();
        until_alone();
    });
    check_sound(t);
    REQUIRE(ids.size() == 3);
    // The last one may yield alone, and goes on at once: 2/3 of all turns have somebody to go to.
    std::size_t yields = 0;
    for (const std::uint64_t id : ids) {
        yields += t.count(id, "yield");
        CHECK(t.count(id, "end") == 1);
    }
    CHECK(yields >= std::size_t{2 * turns});
    CHECK(yields <= std::size_t{3 * turns});
}

TEST_CASE("a goroutine that computes all the time has one slice as long as the trace", "[trace]") {
    const file_for_trace file;
    runnel::runtime one({.max_procs = 1});
    std::atomic<std::uint64_t> id{0};
    std::atomic<bool> enough{false};
    one.go([&] {
        id = runnel::goroutine_id();
        while (!enough) {
        }
    });
    REQUIRE(test::eventually([&] { return id != 0; }));
    const auto before = std::chrono::steady_clock::now();
    runnel::trace::start(file.path());
    runnel::trace::stop();
    const std::chrono::nanoseconds whole = std::chrono::steady_clock::now() - before;
    enough = true;
    const trace_file t(file.text());
    check_sound(t);
    const auto its = t.of(id);
    REQUIRE(its.size() == 1);
    CHECK(its[0].from == 0);
    CHECK(its[0].to > 0);
    CHECK(its[0].to <= whole.count());
    CHECK(its[0].why == "end of the trace");
}

TEST_CASE("what was running when the trace began is in it from there until it parks", "[trace]") {
    const file_for_trace file;
    runnel::runtime one({.max_procs = 1});
    std::atomic<std::uint64_t> id{0};
    std::atomic<bool> go_on{false};
    const auto ch = runnel::make_chan<int>();
    one.go([&] {
        id = runnel::goroutine_id();
        while (!go_on) {
        }
        ch.recv();
    });
    REQUIRE(test::eventually([&] { return id != 0; }));
    runnel::trace::start(file.path());
    go_on = true;
    REQUIRE(test::wait_parked(1, "chan receive"));
    ch.send(1);
    REQUIRE(test::eventually([&] { return one.num_goroutine() == 0; }));
    runnel::trace::stop();
    const trace_file t(file.text());
    check_sound(t);
    const auto its = t.of(id);
    REQUIRE(its.size() == 2);
    CHECK(its[0].from == 0);
    CHECK(its[0].why == "chan receive");
    CHECK(its[1].why == "end");
    CHECK(t.waker(its[1]) == 0);  // a thread's doing
}

TEST_CASE("the time inside blocking is shown on its thread", "[trace]") {
    std::atomic<std::uint64_t> id{0};
    traced_on_workers(
        [&] {
            const auto ran = runnel::make_chan<int>();
            runnel::wait_group wg;
            wg.go([&] {
                id = runnel::goroutine_id();
                runnel::blocking([&] { ran.recv(); });  // until another goroutine has run
            });
            ran.send(1);
            wg.wait();
            until_alone();
        },
        [&](const trace_file& t) {
            const auto its = t.of(id);
            REQUIRE(its.size() == 3);
            CHECK(its[0].why == "blocking");
            CHECK(its[1].blocking);
            CHECK(its[1].name == "goroutine " + std::to_string(id) + " in blocking()");
            CHECK(its[1].from == its[0].to);
            CHECK(its[1].track == its[0].track);
            CHECK(its[2].track == its[0].track);
            CHECK(its[2].why == "end");
        });
}

TEST_CASE("a pinned goroutine stays on its track", "[trace]") {
    std::atomic<std::uint64_t> id{0};
    traced_on_workers(
        [&] {
            const auto ch = runnel::make_chan<int>();
            runnel::wait_group wg;
            wg.go([&] {
                const runnel::thread_lock pin;
                id = runnel::goroutine_id();
                for (int i = 0; i < 5; ++i) {
                    ch.recv();
                    runnel::yield();
                }
            });
            for (int i = 0; i < 5; ++i) ch.send(i);
            wg.wait();
            until_alone();
        },
        [&](const trace_file& t) {
            const auto its = t.of(id);
            REQUIRE(its.size() >= 6);
            for (const slice& s : its) CHECK(s.track == its.front().track);
            CHECK(t.count(id, "yield") >= 5);
            CHECK(its.back().why == "end");
        });
}

// ---- 4. arrows ----

TEST_CASE("an arrow points from the one who wakes to the one who is woken", "[trace]") {
    std::atomic<std::uint64_t> waker{0};
    std::atomic<std::uint64_t> woken{0};
    traced_on_workers(
        [&] {
            const auto ch = runnel::make_chan<int>();
            runnel::wait_group wg;
            wg.go([&] {
                woken = runnel::goroutine_id();
                ch.recv();
            });
            test::wait_parked(1, "chan receive");
            wg.go([&] {
                waker = runnel::goroutine_id();
                ch.send(1);
            });
            wg.wait();
            until_alone();
        },
        [&](const trace_file& t) {
            const auto its = t.of(woken);
            REQUIRE(its.size() == 2);
            CHECK(t.waker(its[1]) == waker);
        });
}

TEST_CASE("an arrow points from the one who says go to the first slice", "[trace]") {
    std::atomic<std::uint64_t> parent{0};
    std::atomic<std::uint64_t> child{0};
    traced_on_workers(
        [&] {
            parent = runnel::goroutine_id();
            runnel::wait_group wg;
            wg.go([&] { child = runnel::goroutine_id(); });
            wg.wait();
            until_alone();
        },
        [&](const trace_file& t) {
            const auto its = t.of(child);
            REQUIRE(its.size() == 1);
            CHECK(t.waker(its[0]) == parent);
            CHECK(its[0].why == "end");
        });
}

TEST_CASE("a timer wakes without an arrow", "[trace]") {
    std::atomic<std::uint64_t> id{0};
    traced_on_workers(
        [&] {
            runnel::wait_group wg;
            wg.go([&] {
                id = runnel::goroutine_id();
                runnel::sleep_for(1ms);
            });
            wg.wait();
            until_alone();
        },
        [&](const trace_file& t) {
            const auto its = t.of(id);
            REQUIRE(its.size() == 2);
            CHECK(its[0].why == "sleep");
            CHECK(t.waker(its[1]) == 0);
        });
}

TEST_CASE("each runtime is a process of its own, and arrows go from one to the other", "[trace]") {
    const file_for_trace file;
    std::atomic<std::uint64_t> waker{0};
    std::atomic<std::uint64_t> woken{0};
    const auto ch = runnel::make_chan<int>();
    runnel::runtime one({.max_procs = 1});
    one.go([&] {
        woken = runnel::goroutine_id();
        ch.recv();
    });
    REQUIRE(test::wait_parked(1, "chan receive"));
    runnel::trace::start(file.path());
    {
        runnel::runtime other({.max_procs = 1});  // made, and gone, while the trace goes on
        other.run([&] {
            waker = runnel::goroutine_id();
            runnel::yield();
            ch.send(1);
        });
        REQUIRE(test::eventually([&] { return one.num_goroutine() == 0; }));
    }
    runnel::trace::stop();
    const trace_file t(file.text());
    check_sound(t);
    const auto its = t.of(woken);
    const auto wakers = t.of(waker);
    REQUIRE(its.size() == 1);
    REQUIRE(!wakers.empty());
    CHECK(t.waker(its[0]) == waker);
    CHECK(its[0].runtime != wakers[0].runtime);
    CHECK(its[0].track != wakers[0].track);
    CHECK(t.runtimes.at(its[0].runtime) != t.runtimes.at(wakers[0].runtime));
}

// ---- 5. counters ----

TEST_CASE("counters tell how many goroutines and timers there are", "[trace]") {
    constexpr std::size_t n = 50;
    traced_on_workers(
        [&] {
            const auto ch = runnel::make_chan<int>();
            runnel::wait_group wg;
            for (std::size_t i = 0; i < n; ++i) wg.go([&] { ch.recv_for(1h); });
            test::wait_parked(n, "chan receive");
            // Who waits sets its timer a moment later.
            if (!test::eventually([&] { return runnel::stats().timers >= n; })) {
                throw std::runtime_error("fewer timers than goroutines that wait for theirs");
            }
            runnel::trace::stop();
            for (std::size_t i = 0; i < n; ++i) ch.send(1);
            wg.wait();
        },
        [&](const trace_file& t) {
            for (const char* name : {"goroutines", "runnable", "active workers", "timers"}) {
                INFO(name);
                REQUIRE(t.counters.count(name) == 1);
                CHECK(t.counters.at(name).size() >= 2);
            }
            const auto most = [&](const char* name) {
                const auto& all = t.counters.at(name);
                return *std::max_element(all.begin(), all.end());
            };
            CHECK(most("goroutines") == n + 1);
            CHECK(most("timers") >= n);
            CHECK(most("timers") <= n + 1);  // main's own, while it waited for them
        });
}

// ---- 6. start and stop ----

TEST_CASE("one trace at a time", "[trace]") {
    const file_for_trace file;
    runnel::trace::stop();  // none: nothing
    runnel::trace::start(file.path());
    std::string said;
    try {
        runnel::trace::start(file.path());
    } catch (const runnel::panic& e) {
        said = e.what();
    }
    runnel::trace::stop();
    runnel::trace::stop();
    CHECK(said == "trace::start: a trace goes on already");
    const trace_file t(file.text());
    check_sound(t);
    CHECK(t.slices.empty());  // nothing ran
}

TEST_CASE("a file that cannot be written is an error, and the next trace goes well", "[trace]") {
    const auto code_of = [](const std::string& path) {
        try {
            runnel::trace::start(path);
            runnel::trace::stop();
        } catch (const std::system_error& e) {
            CHECK(test::contains(e.what(), path));
            return e.code();
        }
        return std::error_code();
    };
    CHECK(code_of("/no/such/folder/trace.json") == std::errc::no_such_file_or_directory);
    CHECK(code_of("/dev/full") == std::errc::no_space_on_device);
    const file_for_trace file;
    CHECK(!code_of(file.path()));
    check_sound(trace_file(file.text()));
}

TEST_CASE("traces come and go while goroutines run", "[trace]") {
    for (const std::size_t n : test::worker_counts()) {
        INFO("max_procs = " << n);
        const test::procs workers(n);
        const int traces = test::scale(60);
        std::vector<std::string> texts;
        runnel::run([&] {
            std::atomic<bool> enough{false};
            runnel::wait_group wg;
            runnel::wait_group receivers;
            const auto ch = runnel::make_chan<int>();
            for (int k = 0; k < 4; ++k) {
                wg.go([&] {
                    while (!enough) ch.send(1);
                });
                receivers.go([&] {
                    for (;;) {
                        const auto v = ch.recv_for(200us);  // some of them time out
                        if (v.status() == runnel::op_status::closed) return;
                    }
                });
                wg.go([&] {
                    while (!enough) {
                        runnel::go([] {});
                        runnel::yield();
                        runnel::blocking([] {});
                    }
                });
            }
            for (int i = 0; i < traces; ++i) {
                const file_for_trace file;
                runnel::trace::start(file.path());
                runnel::sleep_for(std::chrono::microseconds(i % 7 * 50));
                runnel::trace::stop();
                texts.push_back(file.text());
            }
            enough = true;
            wg.wait();
            ch.close();
            receivers.wait();
        });
        std::size_t slices = 0;
        for (const std::string& text : texts) {
            const trace_file t(text);
            check_sound(t);
            slices += t.slices.size();
        }
        CHECK(slices > static_cast<std::size_t>(traces));
    }
}

TEST_CASE("who starts and stops at once has one trace, and no other is harmed", "[trace]") {
    test::expectations expected;
    std::atomic<int> going{0};
    test::on_workers([&] {
        runnel::wait_group wg;
        for (int k = 0; k < 4; ++k) {
            wg.go([&] {
                for (int i = 0; i < test::scale(100); ++i) {
                    const file_for_trace file;
                    try {
                        runnel::trace::start(file.path());
                    } catch (const runnel::panic&) {
                        runnel::yield();
                        continue;
                    }
                    expected.check_eq(++going, 1, "a trace beside another");
                    runnel::yield();
                    --going;
                    runnel::trace::stop();
                    try {
                        const trace_file t(file.text());
                        expected.check(!t.slices.empty(), "its own slice");
                    } catch (const std::exception& e) {
                        expected.check(false, e.what());
                    }
                }
            });
        }
        wg.wait();
    });
    expected.verify();
}

// ---- 7. the end of the process ----

std::string path_from_environment() {
    const char* path = std::getenv("TRACE_FILE");
    return path != nullptr ? path : "";
}

void start_and_do_something() {
    runnel::trace::start(path_from_environment());
    const auto ch = runnel::make_chan<int>();
    runnel::go([ch] {
        for (int i = 0; i < 10; ++i) ch.send(i);
    });
    for (int i = 0; i < 10; ++i) ch.recv();
}

CHILD_SCENARIO(traces_and_returns) {
    runnel::run([] { start_and_do_something(); });
    return 0;
}

CHILD_SCENARIO(traces_and_exits) {
    runnel::run([] {
        start_and_do_something();
        std::exit(3);
    });
    return 0;
}

CHILD_SCENARIO(traces_and_deadlocks) {
    runnel::run([] {
        start_and_do_something();
        runnel::make_chan<int>().recv();
    });
    return 0;
}

CHILD_SCENARIO(traces_and_dies) {
    runnel::run([] {
        start_and_do_something();
        for (int i = 0; i < 3000; ++i) {
            runnel::go([] {});
            runnel::yield();
        }
        ::_exit(4);
    });
    return 0;
}

CHILD_SCENARIO(forks_while_tracing) {
    runnel::run([] {
        start_and_do_something();
        const pid_t child = ::fork();
        if (child == 0) {
            runnel::trace::stop();  // the parent's trace is none of its business
            ::_exit(0);
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        runnel::trace::stop();
    });
    return 0;
}

CHILD_SCENARIO(traces_into_a_small_file) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{200, 200};
    ::setrlimit(RLIMIT_FSIZE, &small);
    int status = 1;
    runnel::run([&] {
        start_and_do_something();
        try {
            runnel::trace::stop();
        } catch (const std::system_error& e) {
            if (e.code() == std::errc::file_too_large) status = 7;
        }
        runnel::trace::stop();
    });
    return status;
}

TEST_CASE("a trace that nobody stops ends with the process, and is whole", "[trace]") {
    const auto ended = [](const char* scenario, int status) {
        INFO(scenario);
        const file_for_trace file;
        const auto r = test::run_scenario(scenario, {"TRACE_FILE=" + file.path()});
        CHECK(r.status == status);
        const trace_file t(file.text());
        check_sound(t);
        CHECK(t.slices.size() >= 10);
    };
    ended("traces_and_returns", 0);
    ended("traces_and_exits", 3);
    ended("traces_and_deadlocks", 2);
    ended("forks_while_tracing", 0);
}

TEST_CASE("when the process dies the trace lacks its end, and perhaps some of its last event",
          "[trace]") {
    const file_for_trace file;
    const auto r = test::run_scenario("traces_and_dies", {"TRACE_FILE=" + file.path()});
    CHECK(r.status == 4);
    // Another worker may have been writing.
    const std::string text = file.text();
    const trace_file t(text.substr(0, text.rfind(",\n")) + "]");
    check_slices(t);
    CHECK(t.slices.size() >= 1000);
}

TEST_CASE("what could not be written is told by stop", "[trace]") {
    const file_for_trace file;
    const auto r = test::run_scenario("traces_into_a_small_file", {"TRACE_FILE=" + file.path()});
    CHECK(r.status == 7);
}

// ---- 8. the guide's ----

// [trace]
/// What the workers do while `f` runs, for https://ui.perfetto.dev.
template <class F>
void record(const std::string& path, F f) {
    runnel::trace::start(path);
    f();
    runnel::trace::stop();
}
// [/trace]

TEST_CASE("the guide's example writes a trace", "[trace]") {
    const file_for_trace file;
    runnel::run([&] {
        record(file.path(), [] {
            runnel::wait_group wg;
            for (int i = 0; i < 10; ++i) wg.go([] { runnel::yield(); });
            wg.wait();
        });
    });
    const trace_file t(file.text());
    check_sound(t);
    CHECK(t.slices.size() > 10);
}

}  // namespace
