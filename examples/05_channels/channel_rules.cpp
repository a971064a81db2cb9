// examples/05_channels/channel_rules.cpp — what each operation does on a nil, an open and a closed channel.
// SPDX-License-Identifier: BSL-1.0
#include <chrono>
#include <cstdio>
#include <string>

#include <runnel/runnel.hpp>

namespace {

using namespace std::chrono_literals;

enum class kind { nil, empty, full, closed, closed_with_values };

runnel::chan<int> make(kind k) {
    if (k == kind::nil) return {};
    auto c = runnel::make_chan<int>(1);
    if (k == kind::full || k == kind::closed_with_values) c.send(7);
    if (k == kind::closed || k == kind::closed_with_values) c.close();
    return c;
}

template <class F>
std::string result_or_panic(F f) {
    try {
        return f();
    } catch (const runnel::panic& e) {
        return std::string("panic: ") + e.what();
    }
}

// Asked with a small time limit: what does not come to an end by itself "parks".
std::string send_on(const runnel::chan<int>& c) {
    return result_or_panic(
        [&] { return c.send_for(1, 1ms) == runnel::op_status::ok ? "sent" : "parks"; });
}
std::string receive_from(const runnel::chan<int>& c) {
    const auto r = c.recv_for(1ms);
    if (r) return "value " + std::to_string(*r);
    return r.status() == runnel::op_status::closed ? "no value, closed" : "parks";
}
std::string close(const runnel::chan<int>& c) {
    return result_or_panic([&] { return c.close(), "closed"; });
}

void row(const char* name, kind k) {
    std::printf("%-8s| %-30s| %-17s| %s\n", name, send_on(make(k)).c_str(),
                receive_from(make(k)).c_str(), close(make(k)).c_str());
}

/// The same without a limit: parks until the channel is closed.
std::string send_parked(const runnel::chan<int>& c) {
    return result_or_panic([&] { return c.send(1), "sent"; });
}
std::string receive_parked(const runnel::chan<int>& c) {
    return c.recv() ? "a value" : "no value, closed";
}

bool is_parked(const char* reason) {
    for (const auto& g : runnel::debug::goroutines()) {
        if (g.wait_reason == reason) return true;
    }
    return false;
}

void close_under(const char* reason, kind k, std::string (*operation)(const runnel::chan<int>&)) {
    const auto c = make(k);
    auto result = runnel::async(operation, c);
    while (!is_parked(reason)) runnel::yield();
    c.close();
    std::printf("closed under a parked %s: %s\n", reason, result.get().c_str());
}

}  // namespace

int main() {
    return runnel::run([] {
        std::puts("channel | send                          | receive          | close");
        row("nil", kind::nil);
        row("empty", kind::empty);
        row("full", kind::full);
        row("closed", kind::closed);
        row("closed+", kind::closed_with_values);
        close_under("chan send", kind::full, send_parked);
        close_under("chan receive", kind::empty, receive_parked);
        return 0;
    });
}
// Output:
// channel | send                          | receive          | close
// nil     | parks                         | parks            | panic: close of nil channel
// empty   | sent                          | parks            | closed
// full    | parks                         | value 7          | closed
// closed  | panic: send on closed channel | no value, closed | panic: close of closed channel
// closed+ | panic: send on closed channel | value 7          | panic: close of closed channel
// closed under a parked chan send: panic: send on closed channel
// closed under a parked chan receive: no value, closed
