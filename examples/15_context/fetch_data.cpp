// examples/15_context/fetch_data.cpp — a slow call within a time limit, and who is left when the limit strikes.
// SPDX-License-Identifier: BSL-1.0
//
// In the guide: "Pattern 9: Context", fetchData. Its Go leaks a goroutine whenever the time is up: the call does not
// hear of it, and then sends its result on a channel without a buffer, where nobody receives any more. Here the
// call gets the context, and its result travels in a future, where it keeps nobody waiting.
#include <cstdio>
#include <map>
#include <stdexcept>
#include <string>

#include "../common/guide.hpp"

namespace {

const std::map<std::string, std::string> users{{"user-1", "Ada"}, {"user-2", "Grace"}};

std::string look_up(const std::string& id) {
    const auto found = users.find(id);
    if (found == users.end()) throw std::runtime_error("no " + id);
    return found->second;
}

/// The service: takes its time, and stops when the context says so.
std::string slow_call(const runnel::context& ctx, const std::string& id,
                      std::chrono::microseconds takes) {
    guide::wait(ctx, takes);
    return look_up(id);
}

std::string fetch_data(const runnel::context& parent, const std::string& id,
                       std::chrono::microseconds takes, std::chrono::microseconds limit) {
    const auto ctx = runnel::with_timeout(parent, limit);
    auto data = runnel::async(
        [call = runnel::context(ctx), id, takes] { return slow_call(call, id, takes); });
    return data.get();  // its result, or what it threw: the context's error if it was stopped
}

void show(const runnel::context& ctx, const std::string& id, std::chrono::microseconds takes,
          std::chrono::microseconds limit) {
    try {
        std::printf("%s: ", id.c_str());
        std::puts(fetch_data(ctx, id, takes, limit).c_str());
    } catch (const std::exception& e) {
        std::puts(e.what());
    }
}

/// As the guide does it: the channel has no buffer, and the call knows of no context.
std::string leaky_fetch(const runnel::chan<std::string>& result,
                        const runnel::recv_chan<runnel::unit>& service_answers) {
    const auto ctx = runnel::with_timeout(runnel::background(), guide::seconds(0.5));
    runnel::go([result, service_answers] {
        service_answers.recv();
        result.send(look_up("user-1"));
    });
    std::string text = "?";
    runnel::select(runnel::recv(result, [&](const std::string& data) { text = data; }),
                   runnel::done(ctx, [&] { text = ctx.err().message(); }));
    return text;
}

}  // namespace

int main(int argc, char** argv) {
    guide::parse(argc, argv);
    return runnel::run([] {
        const std::size_t base = runnel::num_goroutine();
        const auto nobody = runnel::background();
        show(nobody, "user-1", guide::seconds(0.5), guide::far_away);
        show(nobody, "user-9", guide::seconds(0.5), guide::far_away);
        show(nobody, "user-2", guide::stuck, guide::seconds(5));
        {
            const auto caller = runnel::with_cancel(nobody);
            const auto hangs_up = runnel::async([&] {
                runnel::sleep_for(guide::seconds(1));
                caller.cancel();
            });
            show(caller, "user-2", guide::stuck, guide::far_away);
            hangs_up.wait();  // it has `caller` in its hands
        }
        std::printf("goroutines left: %zu\n", guide::left_behind(base));

        auto result = runnel::make_chan<std::string>();
        auto answers = runnel::make_chan<runnel::unit>();
        std::printf("the guide's way: %s\n", leaky_fetch(result, answers).c_str());
        answers.close();  // too late
        std::printf("goroutines that wait for somebody to listen: %zu\n",
                    runnel::num_goroutine() - base);
        result.recv();
        std::printf("goroutines left: %zu\n", guide::left_behind(base));
        return 0;
    });
}
// Output:
// user-1: Ada
// user-9: no user-9
// user-2: context deadline exceeded
// user-2: context canceled
// goroutines left: 0
// the guide's way: context deadline exceeded
// goroutines that wait for somebody to listen: 1
// goroutines left: 0
