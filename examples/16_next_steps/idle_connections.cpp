// examples/16_next_steps/idle_connections.cpp — what a server's connections cost while nobody says anything.
// SPDX-License-Identifier: BSL-1.0
//
//   clients, a process of their own                    server, measured
//     dial, write, read the echo, read ─────────────>  accept, a goroutine for each: read, echo, read
//
// The memory of one is what the server's process has more in RAM than before the first of them, by their number: a
// goroutine parked in read with its buffer of 64 bytes, a stream, and the runtime's tables; not what the kernel keeps
// for a socket. The time is what all of the server's threads use while all connections wait. Both are on stderr.
// --connections 10000 --seconds 10 takes more of them, for longer.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <runnel/net.hpp>

#include "../common/guide.hpp"

namespace {

namespace net = runnel::net;

using message = std::array<std::byte, 64>;

/// A process of the example needs one descriptor a connection, and a few more.
void allow_descriptors(long long connections) {
    const rlim_t needed = static_cast<rlim_t>(connections) + 100;
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    const rlim_t most = limit.rlim_max;
    limit.rlim_cur = std::min(std::max(limit.rlim_cur, needed), most);
    if (needed > most || ::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        guide::refuse("a process may have " + std::to_string(most) + " descriptors, not " +
                      std::to_string(needed));
    }
}

/// Bytes of the process that are in memory.
double resident_bytes() {
    std::ifstream statm("/proc/self/statm");
    double total = 0;
    double resident = 0;
    statm >> total >> resident;
    return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

/// What all threads of the process have computed, in milliseconds.
double cpu_milliseconds() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    const auto of = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_usec) / 1e3;
    };
    return of(used.ru_utime) + of(used.ru_stime);
}

// ---- 1. the clients ----

/// Opens them, and keeps them until the server closes them. Returns 0 if each was answered.
int be_clients(const std::string& address, long long connections) {
    std::vector<net::stream> streams(static_cast<std::size_t>(connections));
    std::atomic<std::size_t> next{0};
    std::atomic<long long> answered{0};
    {
        // A few at a time: the kernel lets wait only so many that the server has not accepted yet.
        runnel::wait_group dialling;
        for (int d = 0; d < 32; ++d) {
            dialling.go([&] {
                for (std::size_t i = next++; i < streams.size(); i = next++) {
                    message m{};
                    streams[i] = net::dial(address);
                    streams[i].write(m);
                    if (streams[i].read(m) == m.size()) ++answered;
                }
            });
        }
        dialling.wait();
    }
    runnel::wait_group waiting;
    for (net::stream& s : streams) {
        waiting.go([&s] {
            message m;
            std::error_code end;
            s.read_some(m, end);
        });
    }
    waiting.wait();
    return answered == connections ? 0 : 1;
}

// ---- 2. the server ----

void echo(net::stream& s, std::atomic<long long>& answered, runnel::latch& all_here) {
    message m;
    std::error_code error;
    bool is_here = false;
    while (const std::size_t n = s.read_some(m, error)) {
        s.write(std::span(m).first(n), error);
        if (error) break;
        if (!std::exchange(is_here, true)) {
            ++answered;
            all_here.count_down();
        }
    }
    if (!is_here) all_here.count_down();
}

int be_server(net::listener& listener, long long connections, long long seconds) {
    const std::size_t base = runnel::num_goroutine();
    const double before = resident_bytes();
    std::vector<net::stream> streams(static_cast<std::size_t>(connections));
    std::atomic<long long> answered{0};
    runnel::latch all_here(connections);
    runnel::wait_group wg;
    std::error_code error;
    for (net::stream& s : streams) {
        listener.set_deadline(runnel::clock::now() + guide::far_away);
        s = listener.accept(error);
        if (error) break;
        wg.go([&] { echo(s, answered, all_here); });
    }
    if (error) {
        for (net::stream& s : streams) s.close(error);
        wg.wait();
        throw std::runtime_error("the clients do not come");
    }
    all_here.wait();
    std::printf("%zu connections are open\n", streams.size());
    std::printf("%lld have been answered\n", answered.load());
    const double each = (resident_bytes() - before) / static_cast<double>(connections);

    const double worked = cpu_milliseconds();
    runnel::sleep_for(std::chrono::seconds(seconds));
    const double idle = cpu_milliseconds() - worked;

    for (net::stream& s : streams) s.close();
    wg.wait();
    std::printf("goroutines left: %zu\n", guide::left_behind(base));
    guide::note("%.0f bytes of memory each, beside the kernel's\n", each);
    guide::note("%.2f ms of processor time in %lld s\n", idle, seconds);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    long long connections = 1'000;
    long long seconds = 1;
    guide::parse(argc, argv,
                 {{"--connections", connections, 1, 1'000'000}, {"--seconds", seconds, 1, 3'600}});
    allow_descriptors(connections);
    auto listener = net::listen(guide::loopback(0));
    const std::string address = listener.local_endpoint().to_string();
    // Before the first goroutine: the child of a process that has some can run none.
    const pid_t clients = ::fork();
    if (clients == 0) ::_exit(guide::run([&] { return be_clients(address, connections); }));
    if (clients < 0) guide::refuse("no second process");
    const int result = guide::run([&] { return be_server(listener, connections, seconds); });
    int status = 0;
    ::waitpid(clients, &status, 0);
    std::printf("the clients' result: %d\n", status);
    return result;
}
// Output:
// 1000 connections are open
// 1000 have been answered
// goroutines left: 0
// the clients' result: 0
