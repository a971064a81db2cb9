// runnel/detail/net_setup.hpp — how sockets begin: accepted, bound, connected.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      net.netFD, net.sysDialer, net.sysListener
//   Layer   3
//   Map     1. errors and patience   2. addresses   3. accept   4. listen   5. dial
#pragma once

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <initializer_list>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <runnel/detail/net_file.hpp>
#include <runnel/detail/resolve.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

// ---- 1. errors and patience ----

/// Of a system call's -errno.
inline std::error_code system_error_of(int negative) noexcept {
    return {-negative, std::generic_category()};
}
inline bool is_system_error(const std::error_code& e, std::initializer_list<int> any_of) noexcept {
    if (&e.category() != &std::generic_category()) return false;
    for (const int n : any_of) {
        if (e.value() == n) return true;
    }
    return false;
}

/// Errors of accept that are the connection's, not the listener's.
inline bool is_of_connection(const std::error_code& e) noexcept {
    return is_system_error(e, {ECONNABORTED, EPROTO, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, ENONET,
                               EHOSTUNREACH, ENETUNREACH});
}
inline bool is_want_of_room(const std::error_code& e) noexcept {
    return is_system_error(e, {EMFILE, ENFILE, ENOBUFS, ENOMEM});
}

/// Longer each time it is asked.
class back_off {
public:
    explicit back_off(duration first, duration longest) noexcept
        : next_(first), longest_(longest) {}
    time_point until() noexcept {
        const time_point end = now() + next_;
        next_ = next_ * 2 < longest_ ? next_ * 2 : longest_;
        return end;
    }

private:
    duration next_;
    const duration longest_;
};

// ---- 2. addresses ----

/// The endpoints that an address stands for. `ask(parts, all)` resolves a name.
template <class Ask>
std::vector<net::endpoint> endpoints_of(std::string_view address, std::error_code& e, Ask&& ask) {
    e.clear();
    std::vector<net::endpoint> all;
    constexpr std::string_view of_unix = "unix:";
    if (address.substr(0, of_unix.size()) == of_unix) {
        const std::string_view path = address.substr(of_unix.size());
        if (endpoint_access::fits(path)) {
            all.push_back(endpoint_access::unix_path(path));
        } else {
            e = net::errc::bad_address;
        }
        return all;
    }
    host_and_port parts;
    e = split_address(address, parts);
    if (e) return all;
    net::endpoint literal;
    if (port_number(parts.port) > 65535) {
        e = net::errc::bad_port;
    } else if (literal_endpoint(parts, literal)) {
        all.push_back(literal);
    } else {
        e = ask(parts, all);
    }
    return all;
}

inline net::endpoint local_endpoint_of(int fd) noexcept {
    return endpoint_access::ask(
        [&](sockaddr* address, socklen_t* size) { return socket_local(fd, address, size); });
}
/// Of the connection that was made by dialling `where`, which may stand for another address: 0.0.0.0 for 127.0.0.1.
inline net::endpoint remote_endpoint_of(int fd, const net::endpoint& where) noexcept {
    if (where.is_unix()) return where;
    const net::endpoint told = endpoint_access::ask(
        [&](sockaddr* address, socklen_t* size) { return socket_remote(fd, address, size); });
    return told == net::endpoint() ? where : told;  // it may be gone already
}

/// A connection whose other end has gone without a word is noticed, and fails, as in Go: after 15 s of silence it is asked
/// every 15 s, nine times. Sockets that are accepted have it from the one that listens.
inline void keep_alive(int fd) noexcept {
    socket_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    socket_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 15);
    socket_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 15);
    socket_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 9);
}

/// `fd` is connected, and `file`'s.
inline void set_up_stream(net_file& file, int fd, const net::endpoint& remote) noexcept {
    if (!remote.is_unix()) socket_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    file.set_endpoints(local_endpoint_of(fd), remote);
}

// ---- 3. accept ----

/// The next connection that comes.
inline net_handle accept_from(net_file* listening, done_source* done, std::error_code& e) {
    using namespace std::chrono_literals;
    net_call call(listening, direction::read, net_call::order::at_once, done, e);
    back_off patience(5ms, 1s);
    while (call.goes_on()) {
        int fd = -1;
        const net::endpoint remote = endpoint_access::ask([&](sockaddr* a, socklen_t* size) {
            fd = static_cast<int>(call.perform([&](int n) {
                *size = endpoint_access::capacity;
                return socket_accept(n, a, size);
            }));
            return fd;
        });
        if (fd >= 0) {
            net_handle file(net_file::make(fd));
            set_up_stream(*file.get(), fd, remote);
            return file;
        }
        if (is_of_connection(e)) {
            e.clear();
        } else if (is_want_of_room(e)) {
            e.clear();
            call.pause(patience.until());
        }
    }
    return {};
}

// ---- 4. listen ----

inline net_handle listen_at(const net::endpoint& where, std::error_code& e) {
    const int family = endpoint_access::family(where);
    const int fd = socket_open(family);
    if (fd < 0) {
        e = system_error_of(fd);
        return {};
    }
    net_handle file(net_file::make(fd));
    if (!where.is_unix()) {
        socket_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
        keep_alive(fd);
    }
    if (family == AF_INET6) {
        socket_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, endpoint_access::is_any(where) ? 0 : 1);
    }
    int r = socket_bind(fd, endpoint_access::get(where), endpoint_access::size(where));
    if (r == 0) {
        if (where.is_unix() && where.address()[0] != '@') file->remove_path_at_close();
        file->set_endpoints(local_endpoint_of(fd), {});
        r = socket_listen(fd);
    }
    if (r < 0) {
        e = system_error_of(r);
        return {};
    }
    e.clear();
    return file;
}

/// Listens at the first that this machine has.
inline net_handle listen_any(std::vector<net::endpoint> all, std::error_code& e) {
    // IPv6's socket for all addresses takes IPv4's connections, too.
    for (net::endpoint& a : all) {
        if (endpoint_access::is_any(a)) std::swap(a, all.front());
    }
    std::error_code first;
    for (const net::endpoint& where : all) {
        net_handle file = listen_at(where, e);
        if (!e) return file;
        if (!first) first = e;
        // A family of addresses that this machine does not have.
        if (!is_system_error(e, {EAFNOSUPPORT, EADDRNOTAVAIL})) break;
    }
    e = first;
    return {};
}

// ---- 5. dial ----

/// Connects to one endpoint.
inline net_handle dial_to(const net::endpoint& where, time_point deadline, done_source* done,
                          std::error_code& e) {
    using namespace std::chrono_literals;
    for (int attempt = 1;; ++attempt) {
        const int fd = socket_open(endpoint_access::family(where));
        if (fd < 0) {
            e = system_error_of(fd);
            return {};
        }
        net_handle file(net_file::make(fd));
        if (!where.is_unix()) keep_alive(fd);
        file->set_deadline(direction::write, deadline);
        {
            net_call call(file.get(), direction::write, net_call::order::at_once, done, e);
            back_off patience(1ms, 50ms);
            while (call.goes_on()) {
                bool begun = false;
                const long r = call.perform([&](int n) {
                    if (std::exchange(begun, true)) return socket_connected(n);
                    return socket_connect(n, endpoint_access::get(where),
                                          endpoint_access::size(where));
                });
                if (r >= 0 || !is_system_error(e, {EBUSY})) break;
                e.clear();
                call.pause(patience.until());
            }
        }
        if (e) return {};
        file->set_deadline(direction::write, no_deadline);
        set_up_stream(*file.get(), fd, remote_endpoint_of(fd, where));
        // Nobody listened, but the port that we were given happened to be the one we dialled: the system
        // has connected us with ourselves.
        if (where.is_unix() || !(file->local() == file->remote())) return file;
        if (attempt == 3) {
            e = std::make_error_code(std::errc::connection_refused);
            return {};
        }
    }
}

/// Connects to the first that answers.
inline net_handle dial_any(const std::vector<net::endpoint>& all, time_point deadline,
                           done_source* done, std::error_code& e) {
    using namespace std::chrono_literals;
    std::error_code first;
    for (std::size_t i = 0; i < all.size(); ++i) {
        // An address that does not answer is not to use up the time of all: an equal share of what is left, but
        // not less than two seconds. The last one's limit is the context itself.
        time_point limit = no_deadline;
        if (deadline != no_deadline && i + 1 < all.size()) {
            const duration share = (deadline - now()) / static_cast<int>(all.size() - i);
            limit = deadline_after(share > 2s ? share : duration(2s));
        }
        net_handle file = dial_to(all[i], limit, done, e);
        if (!e) return file;
        if (!first) first = e;
        if (e == make_error_code(errc::canceled)) return {};
    }
    e = first;
    return {};
}

}  // namespace detail
}  // namespace v0
}  // namespace runnel
