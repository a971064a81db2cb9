// runnel/detail/resolve.hpp — from what a program writes, "host:port" or "unix:/path", to endpoints.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      net.SplitHostPort, net.Resolver
//   Layer   1
//   Map     1. addresses that need nobody   2. names
//   Rule    system call wrappers are not inlined and return -errno: see platform.hpp
#pragma once

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <netdb.h>

#include <runnel/detail/endpoint.hpp>
#include <runnel/detail/net_error.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

// ---- 1. addresses that need nobody ----

/// The two parts of an address; the host may be empty.
struct host_and_port {
    std::string host;
    std::string port;
};

/// Errors  no_port, bad_address.
inline std::error_code split_address(std::string_view address, host_and_port& out) {
    const std::size_t colon = address.rfind(':');
    if (colon == std::string_view::npos || address.back() == ']') return net::errc::no_port;
    std::string_view host = address.substr(0, colon);
    if (!host.empty() && host.front() == '[') {
        if (host.back() != ']') return net::errc::bad_address;
        host = host.substr(1, host.size() - 2);
    } else if (host.find(':') != std::string_view::npos) {
        return net::errc::bad_address;  // an IPv6 address without brackets, perhaps without a port
    }
    if (host.find_first_of(std::string_view("[]\0", 3)) != std::string_view::npos) {
        return net::errc::bad_address;
    }
    out.host = host;
    out.port = address.substr(colon + 1);
    if (out.port.empty()) return net::errc::no_port;
    return {};
}

/// -1 if it may be a name; over 65535 if it is no port.
inline long port_number(std::string_view port) noexcept {
    unsigned long n = 0;
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), n);
    // getaddrinfo would take a sign or a blank for the beginning of a number, and see nothing behind a zero.
    const bool may_be_name = port[0] > '9' && port.find('\0') == std::string_view::npos;
    if (end != port.data() + port.size()) return may_be_name ? -1 : 65536;
    return error == std::errc() && n <= 65535 ? static_cast<long>(n) : 65536;
}

/// True if the host is an IP address and the port a number, so that nobody has to be asked.
inline bool literal_endpoint(const host_and_port& from, net::endpoint& out) noexcept {
    const long port = port_number(from.port);
    if (port < 0 || port > 65535) return false;
    in_addr v4{};
    if (::inet_pton(AF_INET, from.host.c_str(), &v4) == 1) {
        out = endpoint_access::v4(v4, static_cast<std::uint16_t>(port));
        return true;
    }
    in6_addr v6{};
    if (::inet_pton(AF_INET6, from.host.c_str(), &v6) == 1) {
        out = endpoint_access::v6(v6, static_cast<std::uint16_t>(port));
        return true;
    }
    return false;
}

// ---- 2. names ----

/// Asks whom the system asks: files, name servers. Blocks its thread meanwhile. No host: all addresses of this machine
/// to listen on, its own to dial.
RUNNEL_NOINLINE inline std::error_code look_up(const host_and_port& from, bool to_listen,
                                               std::vector<net::endpoint>& out) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_family = AF_UNSPEC;
    // Who has colons is no name: an IPv6 address, perhaps with a zone, or nothing.
    const bool is_number = from.host.find(':') != std::string::npos;
    hints.ai_flags = (to_listen ? AI_PASSIVE : 0) | (is_number ? AI_NUMERICHOST : 0);
    addrinfo* found = nullptr;
    const int r = ::getaddrinfo(from.host.empty() ? nullptr : from.host.c_str(), from.port.c_str(),
                                &hints, &found);
    switch (r) {
        case 0:
            break;
        case EAI_SYSTEM:
            return {errno, std::generic_category()};
        case EAI_MEMORY:
            return std::make_error_code(std::errc::not_enough_memory);
        case EAI_SERVICE:
            return net::errc::bad_port;
        case EAI_NONAME:
        case EAI_NODATA:
        case EAI_ADDRFAMILY:
            return is_number ? net::errc::bad_address : net::errc::unknown_host;
        default:
            return net::errc::resolving_failed;
    }
    struct freeing {
        addrinfo* all;
        ~freeing() { ::freeaddrinfo(all); }
    } const freed{found};
    for (const addrinfo* a = found; a != nullptr; a = a->ai_next) {
        if (a->ai_family != AF_INET && a->ai_family != AF_INET6) continue;
        out.push_back(endpoint_access::from(a->ai_addr, a->ai_addrlen));
    }
    return out.empty() ? make_error_code(net::errc::unknown_host) : std::error_code();
}

}  // namespace detail
}  // namespace v0
}  // namespace runnel
