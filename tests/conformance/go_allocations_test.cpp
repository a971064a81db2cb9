// tests/conformance/go_allocations_test.cpp — what starting and parking goroutines allocates: nothing.
// SPDX-License-Identifier: BSL-1.0
#include <array>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>

#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/mutex.hpp>
#include <runnel/runtime.hpp>
#include <runnel/select.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

#if RUNNEL_TEST_COUNTS

namespace {

using namespace std::chrono_literals;
using test::allocations_of;

// [C-114]
TEST_CASE("a goroutine with a small callable allocates nothing", "[C-114]") {
    long small = -1;
    long with_arguments = -1;
    long large = -1;
    runnel::run([&] {
        std::atomic<int> ran{0};
        const auto settle = [&](int n) {
            while (ran < n) runnel::yield();
            ran = 0;
        };
        small = allocations_of([&] {
            std::array<char, 100> words{};
            for (int i = 0; i < 100; ++i) runnel::go([&ran, words] { ran += 1 + words[0]; });
            settle(100);
        });
        with_arguments = allocations_of([&] {
            for (int i = 0; i < 100; ++i) {
                runnel::go([](std::atomic<int>* r, int n) { *r += n; }, &ran, 1);
            }
            settle(100);
        });
        large = allocations_of([&] {
            std::array<char, 1000> words{};
            for (int i = 0; i < 100; ++i) runnel::go([&ran, words] { ran += 1 + words[0]; });
            settle(100);
        });
    });
    CHECK(small == 0);
    CHECK(with_arguments == 0);
    CHECK(large == 100);
}

TEST_CASE("nothing that waits allocates", "[C-114]") {
    test::expectations expected;
    runnel::run([&] {
        const auto ping = runnel::make_chan<int>();
        const auto pong = runnel::make_chan<int>(1);
        runnel::go([=] {
            for (int v : ping) pong.send(v);
        });
        expected.check_eq(allocations_of([&] {
                              for (int i = 0; i < 100; ++i) {
                                  ping.send(i);
                                  pong.recv();
                              }
                          }),
                          0, "channels");
        expected.check_eq(allocations_of([&] {
                              for (int i = 0; i < 100; ++i) {
                                  runnel::select(runnel::send(ping, i), runnel::timeout(1h));
                                  runnel::select(runnel::recv(pong), runnel::timeout(1h));
                              }
                          }),
                          0, "select with a timeout");
        expected.check_eq(allocations_of([&] {
                              for (int i = 0; i < 20; ++i) runnel::sleep_for(10us);
                              ping.send_for(1, 1h);
                              pong.recv_for(1h);
                              runnel::yield();
                          }),
                          0, "sleeps and limits");
        runnel::mutex m;
        runnel::wait_group wg;
        expected.check_eq(allocations_of([&] {
                              for (int i = 0; i < 20; ++i) {
                                  wg.go([&] {
                                      m.lock();
                                      runnel::yield();
                                      m.unlock();
                                  });
                              }
                              wg.wait();
                          }),
                          0, "locks and wait groups");
        ping.close();
    });
    expected.verify();
}

}  // namespace

#else

TEST_CASE("allocations are counted only without sanitizers", "[C-114]") { SUCCEED(); }

#endif
