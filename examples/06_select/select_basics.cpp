// examples/06_select/select_basics.cpp — select waits for the first of several channels.
// SPDX-License-Identifier: BSL-1.0
#include <chrono>
#include <cstdio>
#include <string>
#include <utility>

#include <runnel/runnel.hpp>

using namespace std::chrono_literals;

namespace {

/// Receives, sends or times out, whichever can be done first. `otherwise` is the default case, which
/// comes at once if nothing else can: left out, the select waits.
template <class... Default>
void look(const runnel::chan<std::string>& ch1, const runnel::chan<std::string>& ch2,
          const runnel::chan<int>& ch3, Default... otherwise) {
    runnel::select(
        runnel::recv(ch1, [](const std::string& m) { std::printf("from ch1: %s\n", m.c_str()); }),
        runnel::recv(ch2, [](const std::string& m) { std::printf("from ch2: %s\n", m.c_str()); }),
        runnel::send(ch3, 42, [] { std::puts("sent to ch3"); }),
        runnel::timeout(10ms, [] { std::puts("timeout"); }), std::move(otherwise)...);
}

}  // namespace

int main() {
    return runnel::run([] {
        auto slow = runnel::make_chan<std::string>();
        auto fast = runnel::make_chan<std::string>();
        auto one_is_there = runnel::make_chan<runnel::unit>();
        runnel::go([=] {
            one_is_there.recv();
            runnel::sleep_for(90ms);
            slow.send("two");
        });
        runnel::go([=] {
            runnel::sleep_for(10ms);
            fast.send("one");
            one_is_there.close();
        });
        for (int i = 0; i < 2; ++i) {
            runnel::select(
                runnel::recv(slow,
                             [](const std::string& m) { std::printf("slow: %s\n", m.c_str()); }),
                runnel::recv(fast,
                             [](const std::string& m) { std::printf("fast: %s\n", m.c_str()); }));
        }

        auto ch1 = runnel::make_chan<std::string>(1);
        auto ch2 = runnel::make_chan<std::string>(1);
        auto ch3 = runnel::make_chan<int>(1);
        const auto none = runnel::otherwise([] { std::puts("no channel ready"); });
        ch3.send(41);  // it is full
        look(ch1, ch2, ch3, none);
        ch1.send("hello");
        look(ch1, ch2, ch3, none);
        ch2.send("world");
        look(ch1, ch2, ch3, none);
        ch3.recv();
        look(ch1, ch2, ch3, none);
        look(ch1, ch2, ch3);

        // Of several ready cases one is chosen at random, each as often as the others.
        auto a = runnel::make_chan<int>();
        auto b = runnel::make_chan<int>();
        a.close();
        b.close();
        int first = 0;
        for (int i = 0; i < 1000; ++i)
            first += runnel::select(runnel::recv(a), runnel::recv(b)) == 0;
        std::printf("fair: %s\n", first > 400 && first < 600 ? "yes" : "no");
        return 0;
    });
}
// Output:
// fast: one
// slow: two
// no channel ready
// from ch1: hello
// from ch2: world
// sent to ch3
// timeout
// fair: yes
