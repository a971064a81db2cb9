// examples/excel_to_db/tools/delay_proxy.cpp — a network with a round trip, for a server on this machine.
// SPDX-License-Identifier: BSL-1.0
//
//   delay_proxy LISTEN TARGET MILLISECONDS     addresses as runnel::net takes them: host:port, unix:/path
//
//   Each direction of each connection keeps what it has read for half of the round trip, without holding up what
//   follows. Prints the address it listens on, and serves until it is ended.
//
//   It must not be late: the kernel may let sleepers sleep 50 µs longer, which would be a tenth of a millisecond's round
//   trip.
#include <sys/prctl.h>

#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <memory>
#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/net.hpp>
#include <runnel/runtime.hpp>
#include <runnel/time.hpp>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace {

using clock_type = std::chrono::steady_clock;

struct parcel {
    clock_type::time_point due;
    std::string bytes;
};

struct connection {
    runnel::net::stream client;
    runnel::net::stream server;
};

// A direction whose end is reached, or broken, is passed on as its end.
void carry(const std::shared_ptr<connection>& both, runnel::net::stream& from,
           runnel::net::stream& to, clock_type::duration delay) {
    const auto parcels = runnel::make_chan<parcel>(1024);
    runnel::go([both, &to, parcels] {
        std::error_code error;
        for (const parcel& each : parcels) {
            runnel::sleep_until(each.due);
            if (!error) to.write(each.bytes, error);
        }
        to.shutdown(runnel::net::half::write, error);
    });
    std::array<std::byte, std::size_t{64} << 10> buffer;
    for (;;) {
        std::error_code error;
        const std::size_t n = from.read_some(buffer, error);
        if (error || n == 0) break;
        parcels.send({clock_type::now() + delay,
                      std::string(reinterpret_cast<const char*>(buffer.data()), n)});
    }
    parcels.close();
}

int serve(const std::string& listen_at, const std::string& target, clock_type::duration delay) {
    auto listener = runnel::net::listen(listen_at);
    std::printf("%s\n", listener.local_endpoint().to_string().c_str());
    std::fflush(stdout);
    for (;;) {
        auto client = std::make_shared<runnel::net::stream>(listener.accept());
        runnel::go([client, target, delay] {
            try {
                auto both = std::make_shared<connection>(
                    connection{std::move(*client), runnel::net::dial(target)});
                runnel::go([both, delay] { carry(both, both->server, both->client, delay); });
                carry(both, both->client, both->server, delay);
            } catch (const std::system_error& error) {
                std::fprintf(stderr, "delay_proxy: %s\n", error.what());
            }
        });
    }
}

}  // namespace

int main(int argc, char** argv) {
    double milliseconds = -1;
    if (argc == 4) {
        const std::string_view text = argv[3];
        const auto end = text.data() + text.size();
        if (std::from_chars(text.data(), end, milliseconds).ptr != end) milliseconds = -1;
    }
    if (!(milliseconds >= 0 && milliseconds <= 60'000)) {
        std::fprintf(stderr, "usage: delay_proxy LISTEN TARGET MILLISECONDS\n");
        return 2;
    }
    const auto delay = std::chrono::duration_cast<clock_type::duration>(
        std::chrono::duration<double, std::milli>(milliseconds / 2));
    ::prctl(PR_SET_TIMERSLACK, 1UL);  // nanoseconds; the threads to come inherit it
    try {
        return runnel::run([&] { return serve(argv[1], argv[2], delay); });
    } catch (const std::exception& error) {
        std::fprintf(stderr, "delay_proxy: %s\n", error.what());
        return 1;
    }
}
