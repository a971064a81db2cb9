// tests/support/descriptors.hpp — pipes and socket pairs for tests of I/O.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace test {

/// Closes it in the end; says nothing of it to the library.
class descriptor {
public:
    descriptor() = default;
    explicit descriptor(int fd) : fd_(fd) {}
    descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    descriptor& operator=(descriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~descriptor() { close(); }

    int get() const { return fd_; }
    void close() {
        if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    }

    bool put(char c = 'x') const { return ::write(fd_, &c, 1) == 1; }
    /// Nothing if nothing is there, or the end.
    std::string take(std::size_t most = 1) const {
        std::string all(most, '\0');
        const ssize_t n = ::read(fd_, all.data(), most);
        all.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
        return all;
    }
    /// Writes until there is no more room.
    void fill() const {
        const std::string some(4096, 'f');
        while (::write(fd_, some.data(), some.size()) > 0) {
        }
        while (::write(fd_, "f", 1) > 0) {
        }
    }
    void drain() const {
        while (!take(65536).empty()) {
        }
    }

private:
    int fd_ = -1;
};

/// Two ends, neither of which blocks. A pipe's can be read at `a` and written at `b`.
struct descriptor_pair {
    descriptor a;
    descriptor b;
};

inline descriptor_pair make_pipe() {
    int fds[2];
    if (::pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0) throw std::runtime_error("no pipe");
    return {descriptor(fds[0]), descriptor(fds[1])};
}

inline descriptor_pair make_socket_pair() {
    int fds[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0) {
        throw std::runtime_error("no socket pair");
    }
    return {descriptor(fds[0]), descriptor(fds[1])};
}

}  // namespace test
