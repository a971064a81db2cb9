// runnel/detail/socket.hpp — the system calls of sockets.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      internal/poll, syscall
//   Layer   1
//   Rule    system call wrappers are not inlined and return -errno: see platform.hpp
//
//   All sockets are non-blocking and closed on exec; none raises SIGPIPE.
#pragma once

#include <cerrno>
#include <cstddef>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <runnel/detail/config.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

/// A new one, or -errno.
RUNNEL_NOINLINE inline int socket_open(int family) noexcept {
    const int fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd < 0 ? -errno : fd;
}
RUNNEL_NOINLINE inline int socket_option(int fd, int level, int name, int value) noexcept {
    return ::setsockopt(fd, level, name, &value, sizeof value) == 0 ? 0 : -errno;
}
RUNNEL_NOINLINE inline int socket_bind(int fd, const sockaddr* address, socklen_t size) noexcept {
    return ::bind(fd, address, size) == 0 ? 0 : -errno;
}
/// With as long a queue as the system allows.
RUNNEL_NOINLINE inline int socket_listen(int fd) noexcept {
    return ::listen(fd, 65535) == 0 ? 0 : -errno;
}
RUNNEL_NOINLINE inline int socket_local(int fd, sockaddr* address, socklen_t* size) noexcept {
    return ::getsockname(fd, address, size) == 0 ? 0 : -errno;
}
RUNNEL_NOINLINE inline int socket_remote(int fd, sockaddr* address, socklen_t* size) noexcept {
    return ::getpeername(fd, address, size) == 0 ? 0 : -errno;
}

/// A connection that has come, -EAGAIN if none has.
RUNNEL_NOINLINE inline int socket_accept(int fd, sockaddr* address, socklen_t* size) noexcept {
    for (;;) {
        const int made = ::accept4(fd, address, size, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (made >= 0) return made;
        if (errno != EINTR) return -errno;
    }
}

/// 0; -EAGAIN: it will be writable once it is decided; -EBUSY: a local listener has no room, and nothing will tell
/// when it has.
RUNNEL_NOINLINE inline int socket_connect(int fd, const sockaddr* address,
                                          socklen_t size) noexcept {
    if (::connect(fd, address, size) == 0) return 0;
    switch (errno) {
        case EISCONN:
            return 0;
        case EINPROGRESS:
        case EALREADY:
        case EINTR:  // it goes on by itself
            return -EAGAIN;
        case EAGAIN:
            return -EBUSY;
        default:
            return -errno;
    }
}
/// What has become of the attempt to connect: 0, -EAGAIN if it goes on, or why it failed.
RUNNEL_NOINLINE inline int socket_connected(int fd) noexcept {
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return -errno;
    if (error == EINPROGRESS || error == EALREADY) return -EAGAIN;
    if (error != 0) return -error;
    // A wake-up may have had another reason.
    sockaddr_storage peer{};
    size = sizeof peer;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0) return 0;
    return errno == ENOTCONN ? -EAGAIN : -errno;
}

/// How many bytes have come; 0 at the end of the stream.
RUNNEL_NOINLINE inline long socket_receive(int fd, void* into, std::size_t most) noexcept {
    if (most > 1 && RUNNEL_FAULT("socket.short")) most = 1 + most / 2;
    for (;;) {
        const ssize_t n = ::recv(fd, into, most, 0);
        if (n >= 0) return n;
        if (errno != EINTR) return -errno;
    }
}
RUNNEL_NOINLINE inline long socket_send(int fd, const void* from, std::size_t most) noexcept {
    if (most > 1 && RUNNEL_FAULT("socket.short")) most = 1 + most / 2;
    for (;;) {
        const ssize_t n = ::send(fd, from, most, MSG_NOSIGNAL);
        if (n >= 0) return n;
        if (errno != EINTR) return -errno;
    }
}
/// The same with several buffers.
RUNNEL_NOINLINE inline long socket_receive(int fd, iovec* into, std::size_t count) noexcept {
    msghdr message{};
    message.msg_iov = into;
    message.msg_iovlen = count;
    for (;;) {
        const ssize_t n = ::recvmsg(fd, &message, 0);
        if (n >= 0) return n;
        if (errno != EINTR) return -errno;
    }
}
RUNNEL_NOINLINE inline long socket_send(int fd, iovec* from, std::size_t count) noexcept {
    msghdr message{};
    message.msg_iov = from;
    message.msg_iovlen = count;
    for (;;) {
        const ssize_t n = ::sendmsg(fd, &message, MSG_NOSIGNAL);
        if (n >= 0) return n;
        if (errno != EINTR) return -errno;
    }
}

RUNNEL_NOINLINE inline int socket_shutdown(int fd, int how) noexcept {
    return ::shutdown(fd, how) == 0 ? 0 : -errno;
}
/// The number is free afterwards, whatever comes of it.
RUNNEL_NOINLINE inline void close_number(int fd) noexcept { ::close(fd); }
RUNNEL_NOINLINE inline void remove_path(const char* path) noexcept { ::unlink(path); }

}  // namespace detail
}  // namespace v0
}  // namespace runnel
