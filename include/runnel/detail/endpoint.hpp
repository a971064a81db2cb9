// runnel/detail/endpoint.hpp — net::endpoint: one end of a connection.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      net.Addr, net.TCPAddr, net.UnixAddr
//   Layer   1
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <runnel/detail/config.hpp>

namespace runnel {
inline namespace v0 {

namespace detail {
struct endpoint_access;
}  // namespace detail

namespace net {

/// An IP address with a port, or the path of a Unix socket. A value: cheap to copy, and good for ever.
class endpoint {
public:
    endpoint() noexcept { std::memset(&raw_, 0, sizeof raw_); }

    /// "127.0.0.1", "::1", "fe80::1%eth0"; the path of a Unix socket, with `@` in front of an abstract name, empty
    /// if it has none, as the dialling end.
    std::string address() const;
    /// 0 for a Unix socket.
    std::uint16_t port() const noexcept {
        switch (raw_.any.sa_family) {
            case AF_INET:
                return ntohs(raw_.v4.sin_port);
            case AF_INET6:
                return ntohs(raw_.v6.sin6_port);
            default:
                return 0;
        }
    }
    /// As listen() and dial() take it: "127.0.0.1:80", "[::1]:80", "unix:/path". Empty if there is no endpoint.
    std::string to_string() const;

    bool is_unix() const noexcept { return raw_.any.sa_family == AF_UNIX; }

    friend bool operator==(const endpoint& a, const endpoint& b) noexcept {
        return a.size_ == b.size_ && std::memcmp(&a.raw_, &b.raw_, a.size_) == 0;
    }

private:
    friend struct detail::endpoint_access;

    union any_address {
        sockaddr any;
        sockaddr_in v4;
        sockaddr_in6 v6;
        sockaddr_un local;
    };
    any_address raw_;     // all zero beyond size_
    socklen_t size_ = 0;  // 0: none
};

}  // namespace net

namespace detail {

/// For those who hand it to system calls.
struct endpoint_access {
    static constexpr socklen_t capacity = sizeof(net::endpoint::any_address);

    static const sockaddr* get(const net::endpoint& e) noexcept { return &e.raw_.any; }
    static socklen_t size(const net::endpoint& e) noexcept { return e.size_; }
    static int family(const net::endpoint& e) noexcept { return e.raw_.any.sa_family; }

    static net::endpoint from(const sockaddr* address, socklen_t size) noexcept {
        net::endpoint e;
        e.size_ = size < capacity ? size : capacity;
        std::memcpy(&e.raw_, address, e.size_);
        return unmapped(e);
    }
    /// What a call such as getsockname fills in.
    template <class Call>
    static net::endpoint ask(Call&& call) noexcept {
        net::endpoint e;
        socklen_t size = capacity;
        if (call(&e.raw_.any, &size) >= 0) e.size_ = size < capacity ? size : capacity;
        return unmapped(e);
    }

    static net::endpoint v4(in_addr address, std::uint16_t port) noexcept {
        net::endpoint e;
        e.raw_.v4.sin_family = AF_INET;
        e.raw_.v4.sin_addr = address;
        e.raw_.v4.sin_port = htons(port);
        e.size_ = sizeof(sockaddr_in);
        return e;
    }
    static net::endpoint v6(const in6_addr& address, std::uint16_t port) noexcept {
        net::endpoint e;
        e.raw_.v6.sin6_family = AF_INET6;
        e.raw_.v6.sin6_addr = address;
        e.raw_.v6.sin6_port = htons(port);
        e.size_ = sizeof(sockaddr_in6);
        return unmapped(e);
    }
    /// As what it is, if it is IPv4's within IPv6, "::ffff:127.0.0.1": a socket for both shows IPv4's so.
    static net::endpoint unmapped(const net::endpoint& e) noexcept {
        if (family(e) != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&e.raw_.v6.sin6_addr)) return e;
        in_addr inner;
        std::memcpy(&inner, &e.raw_.v6.sin6_addr.s6_addr[12], sizeof inner);
        return v4(inner, e.port());
    }
    /// `path` is not empty and fits. One that begins with `@` is an abstract name.
    static net::endpoint unix_path(std::string_view path) noexcept {
        net::endpoint e;
        e.raw_.local.sun_family = AF_UNIX;
        std::memcpy(e.raw_.local.sun_path, path.data(), path.size());
        const bool abstract = path[0] == '@';
        if (abstract) e.raw_.local.sun_path[0] = '\0';
        e.size_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() +
                                         (abstract ? 0U : 1U));
        return e;
    }
    static bool fits(std::string_view path) noexcept {
        return !path.empty() && path.size() < sizeof(sockaddr_un::sun_path) &&
               path.find('\0') == std::string_view::npos;
    }
    static bool is_any(const net::endpoint& e) noexcept {
        return family(e) == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&e.raw_.v6.sin6_addr);
    }
};

}  // namespace detail

inline std::string net::endpoint::address() const {
    char text[INET6_ADDRSTRLEN + 1 + IF_NAMESIZE] = "";
    switch (raw_.any.sa_family) {
        case AF_INET:
            ::inet_ntop(AF_INET, &raw_.v4.sin_addr, text, sizeof text);
            return text;
        case AF_INET6: {
            ::inet_ntop(AF_INET6, &raw_.v6.sin6_addr, text, sizeof text);
            std::string all = text;
            if (raw_.v6.sin6_scope_id != 0) {
                char zone[IF_NAMESIZE];
                const bool named = ::if_indextoname(raw_.v6.sin6_scope_id, zone) != nullptr;
                all += '%';
                all += named ? zone : std::to_string(raw_.v6.sin6_scope_id);
            }
            return all;
        }
        case AF_UNIX: {
            constexpr std::size_t head = offsetof(sockaddr_un, sun_path);
            if (size_ <= head) return "";
            std::string_view path(raw_.local.sun_path, size_ - head);
            if (path[0] == '\0') return std::string("@").append(path.substr(1));
            return std::string(path.substr(0, path.find('\0')));
        }
        default:
            return "";
    }
}

inline std::string net::endpoint::to_string() const {
    switch (raw_.any.sa_family) {
        case AF_INET:
            return address() + ":" + std::to_string(port());
        case AF_INET6:
            return std::string("[").append(address()).append("]:").append(std::to_string(port()));
        case AF_UNIX:
            return std::string("unix:").append(address());
        default:
            return "";
    }
}

}  // namespace v0
}  // namespace runnel
