// tests/excel_to_db_process.hpp — the program as a process of its own.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "excel_to_db_support.hpp"

extern char** environ;

namespace test {

struct result {
    int status = -1;  // 128 + the signal's number if one killed it
    std::string out;
    std::string err;
};

// The program, started with its output going to files in a folder, or elsewhere.
class process {
public:
    process(const temporary_folder& folder, std::vector<std::string> arguments,
            const std::filesystem::path& out = {}, const std::filesystem::path& err = {})
        : out_(out.empty() ? folder / "stdout.txt" : out),
          err_(err.empty() ? folder / "stderr.txt" : err) {
        arguments.insert(arguments.begin(), EXCEL_TO_DB_PROGRAM);
        std::vector<char*> argv;
        for (std::string& argument : arguments) argv.push_back(argument.data());
        argv.push_back(nullptr);

        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        constexpr int flags = O_WRONLY | O_CREAT | O_TRUNC;
        posix_spawn_file_actions_addopen(&actions, 1, out_.c_str(), flags, 0600);
        posix_spawn_file_actions_addopen(&actions, 2, err_.c_str(), flags, 0600);
        const int error =
            posix_spawn(&pid_, EXCEL_TO_DB_PROGRAM, &actions, nullptr, argv.data(), environ);
        posix_spawn_file_actions_destroy(&actions);
        if (error != 0) throw std::runtime_error("cannot start the program");
    }
    process(const process&) = delete;
    process& operator=(const process&) = delete;
    ~process() {
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            waitpid(pid_, nullptr, 0);
        }
    }

    bool has_open(const std::string& file) const {
        std::error_code error;
        const std::string folder = numbered("/proc/", static_cast<std::uint32_t>(pid_)) + "/fd";
        for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
            if (std::filesystem::read_symlink(entry.path(), error) == file) return true;
        }
        return false;
    }

    bool has_ended() const {
        siginfo_t info{};
        return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
               info.si_pid == pid_;
    }

    void signal(int number) const { ::kill(pid_, number); }

    result wait() {
        int status = 0;
        waitpid(pid_, &status, 0);
        pid_ = 0;
        return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
                std::filesystem::is_regular_file(out_) ? read_text(out_) : "",
                std::filesystem::is_regular_file(err_) ? read_text(err_) : ""};
    }

private:
    std::filesystem::path out_;
    std::filesystem::path err_;
    pid_t pid_ = 0;
};

// As long as it lives, no file grows beyond so many bytes, neither this process's nor those of the processes that it
// starts: a write beyond them fails, as it does on a disk that is full.
class full_disk {
public:
    explicit full_disk(rlim_t bytes) {
        before_handler_ = ::signal(SIGXFSZ, SIG_IGN);  // an error takes its place
        ::getrlimit(RLIMIT_FSIZE, &before_);
        const rlimit limit{bytes, before_.rlim_max};
        if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) throw std::runtime_error("no limit is set");
    }
    full_disk(const full_disk&) = delete;
    full_disk& operator=(const full_disk&) = delete;
    ~full_disk() {
        ::setrlimit(RLIMIT_FSIZE, &before_);
        ::signal(SIGXFSZ, before_handler_);
    }

private:
    rlimit before_{};
    void (*before_handler_)(int) = nullptr;
};

}  // namespace test
