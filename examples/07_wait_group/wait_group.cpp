// examples/07_wait_group/wait_group.cpp — waiting until a number of goroutines are through.
// SPDX-License-Identifier: BSL-1.0
//
//   add(), add(), add()   3 ── done() ── 2 ── done() ── 1 ── done() ── 0   wait() returns
//
// In the guide: "Pattern 1: WaitGroups", processItems.
#include <atomic>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

#include "../common/guide.hpp"

namespace {

/// An item is a word; to process it is to count its vowels.
std::size_t process(const std::string& word) {
    std::size_t vowels = 0;
    for (const char c : word) vowels += std::string("aeiou").find(c) != std::string::npos ? 1 : 0;
    return vowels;
}

}  // namespace

int main(int argc, char** argv) {
    guide::parse(argc, argv);
    return runnel::run([] {
        const std::vector<std::string> words{"narrow", "channel", "between", "two", "rivers"};

        // As in Go: count first, start then, and be done whatever happens.
        runnel::wait_group wg;
        std::vector<std::size_t> vowels(words.size());
        for (std::size_t i = 0; i < words.size(); ++i) {
            wg.add(1);
            runnel::go([&wg, &words, &vowels, i] {
                vowels[i] = process(words[i]);
                wg.done();
            });
        }
        wg.wait();
        for (std::size_t i = 0; i < words.size(); ++i) {
            std::printf("%s: %zu vowels\n", words[i].c_str(), vowels[i]);
        }
        std::puts("all items processed");

        // The three steps in one. It is done even if the function ends otherwise than by its last line.
        std::atomic<int> failed{0};
        for (int i = 0; i < 6; ++i) {
            wg.go([&failed, i] {
                try {
                    if (i % 2 == 1) throw std::runtime_error("odd");
                } catch (const std::exception&) {
                    ++failed;
                    runnel::goexit();
                }
            });
        }
        wg.wait();
        std::printf("6 started, %d failed, all waited for\n", failed.load());

        // With a limit, which Go has not.
        auto gate = runnel::make_chan<runnel::unit>();
        wg.go([gate] { gate.recv(); });
        std::printf("within 0.5 s: %s\n", wg.wait_for(guide::seconds(0.5)) ? "done" : "not done");
        gate.close();
        std::printf("after the gate was opened: %s\n",
                    wg.wait_for(guide::far_away) ? "done" : "not done");

        try {
            wg.done();
        } catch (const runnel::negative_counter& e) {
            std::printf("one done too many: %s\n", e.what());
        }
        return 0;
    });
}
// Output:
// narrow: 2 vowels
// channel: 2 vowels
// between: 3 vowels
// two: 1 vowels
// rivers: 2 vowels
// all items processed
// 6 started, 3 failed, all waited for
// within 0.5 s: not done
// after the gate was opened: done
// one done too many: negative WaitGroup counter
