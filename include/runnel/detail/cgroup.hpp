// runnel/detail/cgroup.hpp — how much processor time the kernel grants this process.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      internal/runtime/cgroup
//   Layer   1
//   Tests   tests/detail/cgroup_test.cpp
//
//   A quota binds all groups below it, so the least one from the process's own group up to the root
//   counts. In a container the path in /proc/self/cgroup may be the host's and not be mounted here: then
//   what is at the root of the mount is the container's own group, and the walk ends there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include <runnel/detail/config.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

class cgroup_quota {
public:
    /// Files are looked for below `root`, which is empty but in tests.
    explicit cgroup_quota(const char* root = "") noexcept : root_(root) {}

    /// The least quota in processors, rounded up; 0 if there is none.
    std::uint32_t processors() noexcept {
        std::FILE* f = open("/proc/self/cgroup", "", "", "");
        if (f == nullptr) return 0;
        char line[path_size];
        while (std::fgets(line, sizeof line, f) != nullptr) look_at(line);
        std::fclose(f);
        return least_;
    }

private:
    static constexpr std::size_t path_size = 1024;
    static constexpr const char* mount = "/sys/fs/cgroup";

    // "4:cpu,cpuacct:/a/b" of version 1, "0::/a/b" of version 2.
    void look_at(char* line) noexcept {
        line[std::strcspn(line, "\n")] = '\0';
        char* const controllers = std::strchr(line, ':');
        if (controllers == nullptr) return;
        char* const group = std::strchr(controllers + 1, ':');
        if (group == nullptr) return;
        *group = '\0';
        *controllers = '/';  // as a directory of that name
        if (controllers[1] == '\0') {
            for_each_above(group + 1, [this](const char* g) {
                look_at_version_2("", g);
                look_at_version_2("/unified", g);
            });
        } else if (names_cpu(controllers + 1)) {
            for_each_above(group + 1, [this, controllers](const char* g) {
                look_at_version_1("/cpu", g);
                look_at_version_1(controllers, g);
            });
        }
    }

    static bool names_cpu(const char* list) noexcept {
        for (;;) {
            const std::size_t n = std::strcspn(list, ",");
            if (n == 3 && std::strncmp(list, "cpu", n) == 0) return true;
            if (list[n] == '\0') return false;
            list += n + 1;
        }
    }

    // "/a/b", "/a" and "".
    template <class Look>
    static void for_each_above(char* group, Look look) noexcept {
        if (std::strstr(group, "/..") != nullptr) *group = '\0';  // outside of what is mounted here
        for (;;) {
            look(static_cast<const char*>(group));
            char* const last = std::strrchr(group, '/');
            if (last == nullptr) return;
            *last = '\0';
        }
    }

    void look_at_version_2(const char* hierarchy, const char* group) noexcept {
        long quota = 0;
        long period = 0;
        if (std::FILE* f = open(mount, hierarchy, group, "/cpu.max"); f != nullptr) {
            // Without a quota it says "max".
            if (std::fscanf(f, "%ld %ld", &quota, &period) == 2) count(quota, period);
            std::fclose(f);
        }
    }

    void look_at_version_1(const char* hierarchy, const char* group) noexcept {
        const long quota = read_number(hierarchy, group, "/cpu.cfs_quota_us");
        if (quota > 0) count(quota, read_number(hierarchy, group, "/cpu.cfs_period_us"));
    }

    long read_number(const char* hierarchy, const char* group, const char* file) noexcept {
        std::FILE* f = open(mount, hierarchy, group, file);
        if (f == nullptr) return -1;
        long n = -1;
        if (std::fscanf(f, "%ld", &n) != 1) n = -1;
        std::fclose(f);
        return n;
    }

    void count(long quota, long period) noexcept {
        if (quota <= 0 || period <= 0) return;
        const long n = quota / period + (quota % period != 0 ? 1 : 0);
        if (n < static_cast<long>(most) && (least_ == 0 || n < static_cast<long>(least_))) {
            least_ = static_cast<std::uint32_t>(n);
        }
    }

    std::FILE* open(const char* a, const char* b, const char* c, const char* d) noexcept {
        char path[path_size];
        const int n = std::snprintf(path, sizeof path, "%s%s%s%s%s", root_, a, b, c, d);
        if (n < 0 || static_cast<std::size_t>(n) >= sizeof path) return nullptr;
        return std::fopen(path, "re");
    }

    static constexpr std::uint32_t most = 1'000'000;  // more is no limit

    const char* root_;
    std::uint32_t least_ = 0;
};

}  // namespace detail
}  // namespace v0
}  // namespace runnel
