// bench/rows/net.cpp — connections. Of the contenders only runnel and Go have them.
// SPDX-License-Identifier: BSL-1.0
#include <array>
#include <atomic>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <runnel/net.hpp>

#include "../bench.hpp"

namespace {

constexpr int connections = 64;
constexpr int messages = 200;
using message = std::array<std::byte, 64>;

// An operation is one message that goes to a server and comes back.
void tcp_echo(benchmark::State& state) {
    auto listener = runnel::net::listen("127.0.0.1:0");
    const std::string address = listener.local_endpoint().to_string();
    runnel::wait_group servers;
    std::vector<runnel::net::stream> clients;
    for (int i = 0; i < connections; ++i) {
        clients.push_back(runnel::net::dial(address));
        servers.go([s = listener.accept()]() mutable {
            message m;
            while (s.read(m) != 0) s.write(m);
        });
    }
    std::atomic<long> came_back{0};
    for (auto _ : state) {
        runnel::wait_group wg;
        for (runnel::net::stream& client : clients) {
            wg.go([&] {
                message m{};
                long mine = 0;
                for (; mine < messages; ++mine) {
                    client.write(m);
                    client.read(m);
                }
                came_back += mine;
            });
        }
        wg.wait();
    }
    clients.clear();
    servers.wait();
    const auto expected = state.iterations() * connections * messages;
    bench::verify(state, came_back == expected);
    state.SetItemsProcessed(expected);
}

const bench::rows registered([] { bench::row("tcp_echo", {1, 2}, tcp_echo); });

}  // namespace
