// tests/support/connections.hpp — connected streams, and what tests send over them.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include <unistd.h>

#include <runnel/net.hpp>

namespace test {

/// Two ends of one connection. `address` may have port 0.
struct connection {
    runnel::net::stream a;  // dialled
    runnel::net::stream b;  // accepted
};

inline connection connect_to(runnel::net::listener& l) {
    connection c;
    c.a = runnel::net::dial(l.local_endpoint().to_string());
    c.b = l.accept();
    return c;
}
inline connection make_connection(const std::string& address = "127.0.0.1:0") {
    auto l = runnel::net::listen(address);
    return connect_to(l);
}

/// An address of a Unix socket that nobody else uses, outside the file system.
inline std::string unused_unix_name() {
    static std::atomic<int> last{0};
    return "unix:@runnel-test-" + std::to_string(::getpid()) + "-" + std::to_string(++last);
}

inline std::span<std::byte> bytes_of(std::string& text) {
    return std::as_writable_bytes(std::span(text));
}

/// What read_some() gets, at most so much; empty at the end of the stream.
inline std::string take(runnel::net::stream& from, std::size_t most = 4096) {
    std::string text(most, '\0');
    text.resize(from.read_some(bytes_of(text)));
    return text;
}
/// The same, or the message of the error.
inline std::string take_or_error(runnel::net::stream& from, std::size_t most = 4096) {
    std::string text(most, '\0');
    std::error_code e;
    text.resize(from.read_some(bytes_of(text), e));
    return e ? e.message() : text;
}
/// Exactly so much, or what comes until the end.
inline std::string take_all(runnel::net::stream& from, std::size_t size) {
    std::string text(size, '\0');
    std::error_code e;
    text.resize(from.read(bytes_of(text), e));
    return text;
}

/// More than the buffers of a connection ever hold.
inline const std::string& too_much() {
    static const std::string text(16U << 20, 'g');
    return text;
}
/// Writes until there is no more room, for now: how much that was. The system may find room for some more later.
inline std::size_t fill(runnel::net::stream& to) {
    const std::string some(65536, 'f');
    std::size_t all = 0;
    std::error_code e;
    to.set_write_deadline(runnel::clock::now() + std::chrono::milliseconds(50));
    while (!e) all += to.write(some, e);
    to.set_write_deadline({});
    return all;
}

inline std::size_t open_descriptors() {
    std::size_t n = 0;
    for ([[maybe_unused]] const auto& entry :
         std::filesystem::directory_iterator("/proc/self/fd")) {
        ++n;
    }
    return n - 1;  // the one that looks
}

}  // namespace test
