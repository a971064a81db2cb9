// examples/03_industry/feed.cpp — a feed of videos from three sources, of what has come when the time is up.
// SPDX-License-Identifier: BSL-1.0
//
//   followed ─────┐
//   trending ─────┼── 500 ms at most ── merge, rank, the best few
//   recommended ──┘
//
// In the guide: "Social Media: ByteDance", generateFeed. Its Go throws everything away when the deadline strikes,
// says nothing of a source that failed, and leaves the slow one running. Here the feed is made of the
// sources that answered, names the others, and all three have ended when it is there.
#include <algorithm>
#include <cstdio>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "../common/guide.hpp"

namespace {

struct video {
    int id;
    std::string author;
    std::string tag;
    int views;
};

const std::vector<video> videos{
    {1, "mia", "cats", 900},   {2, "mia", "cooking", 40},   {3, "leo", "chess", 310},
    {4, "zoe", "cats", 5000},  {5, "zoe", "music", 120},    {6, "kim", "chess", 4100},
    {7, "kim", "cooking", 80}, {8, "ray", "cooking", 2600}, {9, "ray", "chess", 10},
};
const std::map<std::string, std::set<std::string>> follows{{"ann", {"mia", "leo"}}};
const std::map<std::string, std::set<std::string>> likes{{"ann", {"chess", "cooking"}}};

struct answer {
    std::string source;
    double weight = 0;  // what a video of this source counts
    std::vector<video> found;
    std::string error;
};

/// How the services behind the sources are today.
struct weather {
    std::chrono::microseconds recommendations_take = guide::seconds(0.05);
    bool trending_is_down = false;
};

template <class Matches>
std::vector<video> look_up(Matches matches) {
    std::vector<video> found;
    std::copy_if(videos.begin(), videos.end(), std::back_inserter(found), matches);
    return found;
}

std::vector<video> followed(const runnel::context& ctx, const std::string& user) {
    guide::wait(ctx, guide::seconds(0.02));
    return look_up([&](const video& v) { return follows.at(user).contains(v.author); });
}
std::vector<video> trending(const runnel::context& ctx, const weather& w) {
    guide::wait(ctx, guide::seconds(0.02));
    if (w.trending_is_down) throw std::runtime_error("service unavailable");
    return look_up([](const video& v) { return v.views >= 1000; });
}
std::vector<video> recommended(const runnel::context& ctx, const std::string& user,
                               const weather& w) {
    guide::wait(ctx, w.recommendations_take);
    return look_up([&](const video& v) { return likes.at(user).contains(v.tag); });
}

/// A video of several sources counts for each of them.
std::vector<int> rank(const std::vector<answer>& answers, std::size_t limit) {
    std::map<int, double> scores;
    for (const answer& a : answers) {
        for (const video& v : a.found) scores[v.id] += a.weight * (1 + v.views / 1e4);
    }
    std::vector<int> ids;
    for (const auto& [id, score] : scores) ids.push_back(id);
    std::sort(ids.begin(), ids.end(), [&](int a, int b) { return scores[a] > scores[b]; });
    ids.resize(std::min(ids.size(), limit));
    return ids;
}

void print_feed(const std::string& user, std::chrono::microseconds limit, const weather& w) {
    // [ask]
    const auto ctx = runnel::with_timeout(runnel::background(), limit);
    auto answers = runnel::make_chan<answer>(3);  // room for all: nobody waits to give his answer
    runnel::wait_group sources;
    const auto ask = [&](std::string name, double weight, auto fetch) {
        sources.go([&answers, name, weight, fetch] {
            answer a{name, weight, {}, {}};
            try {
                a.found = fetch();
            } catch (const std::exception& e) {
                a.error = e.what();
            }
            answers.send(a);
        });
    };
    ask("followed", 1.0, [&] { return followed(ctx, user); });
    ask("trending", 0.8, [&] { return trending(ctx, w); });
    ask("recommended", 0.9, [&] { return recommended(ctx, user, w); });
    // Each hears of the deadline itself: what they have by then is all there will be.
    sources.wait();
    answers.close();
    // [/ask]

    std::vector<answer> all;
    std::set<std::string> missing;
    for (answer& a : answers) {
        if (!a.error.empty()) missing.insert(a.source + ": " + a.error);
        all.push_back(std::move(a));
    }
    std::printf("feed:");
    for (const int id : rank(all, 4)) std::printf(" %d", id);
    std::puts("");
    for (const std::string& m : missing) std::printf("  without %s\n", m.c_str());
}

}  // namespace

int main(int argc, char** argv) {
    guide::parse(argc, argv);
    return runnel::run([] {
        const std::size_t base = runnel::num_goroutine();
        weather w;
        print_feed("ann", guide::far_away, w);
        w.trending_is_down = true;
        print_feed("ann", guide::far_away, w);
        w.trending_is_down = false;
        w.recommendations_take = guide::stuck;
        // Two real seconds: far enough for those that answer in a millisecond, however busy the machine.
        const guide::stopwatch watch;
        print_feed("ann", std::chrono::seconds(2), w);
        guide::note("%.0f ms\n", watch.milliseconds());
        std::printf("goroutines left: %zu\n", guide::left_behind(base));
        return 0;
    });
}
// Output:
// feed: 6 8 3 2
// feed: 3 2 6 8
//   without trending: service unavailable
// feed: 4 6 1 3
//   without recommended: context deadline exceeded
// goroutines left: 0
