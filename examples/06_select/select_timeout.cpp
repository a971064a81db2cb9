// examples/06_select/select_timeout.cpp — waiting no longer than one likes.
// SPDX-License-Identifier: BSL-1.0
#include <chrono>
#include <cstdio>
#include <string>

#include <runnel/runnel.hpp>

using namespace std::chrono_literals;

namespace {

runnel::recv_chan<std::string> ask(std::chrono::milliseconds latency) {
    auto answer =
        runnel::make_chan<std::string>(1);  // of one: a late answer does not keep the goroutine
    runnel::go([=] {
        runnel::sleep_for(latency);
        answer.send("the answer");
    });
    return answer;
}

void wait_for(const char* who, std::chrono::milliseconds latency, std::chrono::milliseconds limit) {
    runnel::select(
        runnel::recv(ask(latency),
                     [&](const std::string& s) { std::printf("%s: %s\n", who, s.c_str()); }),
        runnel::timeout(limit, [&] { std::printf("%s: timed out\n", who); }));
}

}  // namespace

int main() {
    return runnel::run([] {
        wait_for("fast server", 2ms, 10s);
        wait_for("slow server", 10s, 20ms);
        // On one channel it is shorter.
        std::printf("slow server: %s\n", runnel::to_string(ask(10s).recv_for(10ms).status()));
        return 0;
    });
}
// Output:
// fast server: the answer
// slow server: timed out
// slow server: timeout
