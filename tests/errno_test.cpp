// tests/errno_test.cpp — errno that follows its goroutine.
// SPDX-License-Identifier: BSL-1.0
#include <pthread.h>
#include <unistd.h>

#include <set>
#include <thread>

#include <runnel/blocking.hpp>
#include <runnel/go.hpp>
#include <runnel/runtime.hpp>

#include "hazards/migrate.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

// Last, as it asks for.
#include <runnel/errno.hpp>

namespace {

TEST_CASE("errno is still what system calls set and programs assign to", "[errno]") {
    errno = 0;
    CHECK(::close(-1) == -1);
    CHECK(errno == EBADF);
    errno = ENOENT;
    CHECK(errno == ENOENT);
    int& reference = errno;
    reference = EIO;
    CHECK(errno == EIO);
}

TEST_CASE("each thread has an errno of its own", "[errno]") {
    errno = 5;
    std::thread([] { errno = 6; }).join();
    CHECK(errno == 5);
}

// In one function, so that a compiler may remember the address from before the park.
TEST_CASE("after a park errno is the present thread's", "[errno]") {
    test::expectations expected;
    const std::size_t before = runnel::set_max_procs(2);
    const int rounds = test::scale(100);
    runnel::run([&] {
        for (int i = 0; i < rounds; ++i) {
            errno = 0;
            const int* here = &errno;
            test::migrate();
            expected.check(&errno != here, "another thread's errno");
            ::close(-1);
            expected.check_eq(errno, EBADF, "set by a system call after the park");
        }
    });
    runnel::set_max_procs(before);
    expected.verify();
}

TEST_CASE("inside blocking errno is the thread's", "[errno]") {
    CHECK(runnel::run([] {
              return runnel::blocking([] {
                  errno = 0;
                  ::close(-1);
                  return errno;
              });
          }) == EBADF);
}

}  // namespace
