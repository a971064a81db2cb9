// tests/detail/cgroup_test.cpp — the least quota from a process's group up to the root, of both versions.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/detail/cgroup.hpp>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

/// A file system of a few files, gone with the object.
class tree {
public:
    tree() {
        std::string name = (std::filesystem::temp_directory_path() / "runnel-cgroup-XXXXXX");
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        root_ = name;
    }
    ~tree() { std::filesystem::remove_all(root_); }
    tree(const tree&) = delete;
    tree& operator=(const tree&) = delete;

    tree& file(const std::string& path, const std::string& text) {
        const std::filesystem::path p = root_ + path;
        std::filesystem::create_directories(p.parent_path());
        std::ofstream(p) << text << '\n';
        return *this;
    }
    /// A version 2 group's limit.
    tree& limit(const std::string& group, const std::string& text) {
        return file("/sys/fs/cgroup" + group + "/cpu.max", text);
    }
    /// A version 1 group's.
    tree& limit(const std::string& group, long quota, long period) {
        file("/sys/fs/cgroup" + group + "/cpu.cfs_quota_us", std::to_string(quota));
        return file("/sys/fs/cgroup" + group + "/cpu.cfs_period_us", std::to_string(period));
    }
    tree& process(const std::string& lines) { return file("/proc/self/cgroup", lines); }

    std::uint32_t quota() const { return runnel::detail::cgroup_quota(root_.c_str()).processors(); }

private:
    std::string root_;
};

TEST_CASE("without a limit there is no quota", "[cgroup]") {
    CHECK(tree().quota() == 0);
    CHECK(tree().process("0::/").quota() == 0);
    CHECK(tree().process("0::/").limit("", "max 100000").quota() == 0);
    CHECK(tree().process("1:cpu:/").limit("/cpu", -1, 100'000).quota() == 0);
}

TEST_CASE("a quota is rounded up to whole processors", "[cgroup]") {
    CHECK(tree().process("0::/").limit("", "200000 100000").quota() == 2);
    CHECK(tree().process("0::/").limit("", "200001 100000").quota() == 3);
    CHECK(tree().process("0::/").limit("", "1000 100000").quota() == 1);
    CHECK(tree().process("0::/").limit("", "50000 10000").quota() == 5);
}

TEST_CASE("the least quota from the group up to the root counts", "[cgroup]") {
    tree t;
    t.process("0::/slice/service/leaf");
    t.limit("/slice/service/leaf", "max 100000");
    t.limit("/slice/service", "800000 100000");
    CHECK(t.quota() == 8);
    t.limit("/slice", "300000 100000");
    CHECK(t.quota() == 3);
    t.limit("", "600000 100000");
    CHECK(t.quota() == 3);
    t.limit("/slice/service/leaf", "100000 100000");
    CHECK(t.quota() == 1);
    t.limit("/slice/other", "1000 100000");
    t.limit("/slice/service/leaf/below", "1000 100000");
    t.limit("/slice/service/leaf", "max 100000");
    CHECK(t.quota() == 3);
}

TEST_CASE("version 1 is read where its cpu controller is mounted", "[cgroup]") {
    const std::string lines = "5:memory:/elsewhere\n4:cpuset:/only\n3:cpu,cpuacct:/box/job\n0::/";
    CHECK(tree().process(lines).limit("/cpu/box", 400'000, 100'000).quota() == 4);
    CHECK(tree().process(lines).limit("/cpu,cpuacct/box/job", 150'000, 50'000).quota() == 3);
    CHECK(tree().process(lines).limit("/cpuset/only", 100'000, 100'000).quota() == 0);
    CHECK(tree().process(lines).limit("/cpu/box", 400'000, 0).quota() == 0);
    // Both versions at once.
    CHECK(tree()
              .process(lines)
              .limit("/cpu/box", 400'000, 100'000)
              .limit("/unified", "200000 100000")
              .quota() == 2);
}

TEST_CASE("a container's own limit is found at the root of its mount", "[cgroup]") {
    CHECK(tree()
              .process("2:cpu,cpuacct:/docker/0123456789abcdef")
              .limit("/cpu,cpuacct", 250'000, 100'000)
              .quota() == 3);
    CHECK(tree().process("0::/../../host").limit("", "200000 100000").quota() == 2);
}

TEST_CASE("what cannot be understood is no quota", "[cgroup]") {
    CHECK(tree().process("").quota() == 0);
    CHECK(tree().process("0:/").limit("", "100000 100000").quota() == 0);
    CHECK(tree().process("nonsense\n::\n0::/").limit("", "100000 100000").quota() == 1);
    CHECK(tree().process("0::/").limit("", "many").quota() == 0);
    CHECK(tree().process("0::/").limit("", "9223372036854775807 1").quota() == 0);
    CHECK(tree().process("0::/" + std::string(5000, 'x')).quota() == 0);
}

}  // namespace
