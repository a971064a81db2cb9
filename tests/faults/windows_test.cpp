// tests/faults/windows_test.cpp — what others may do in a window that is held open.
// SPDX-License-Identifier: BSL-1.0
#include <chrono>
#include <thread>

#include <runnel/runnel.hpp>

#include "support/catch.hpp"
#include "support/faults.hpp"
#include "support/support.hpp"

namespace {

TEST_CASE("shared_mutex: a reader that comes late does not get what was meant for an earlier one",
          "[faults][shared_mutex][late_reader]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::shared_mutex m;
        m.lock();
        // A reader comes while a writer holds it, and is held up before it has asked what it gets.
        test::held_at window("shared_mutex.ask");
        std::thread early([&] {
            m.lock_shared();
            m.unlock_shared();
        });
        expected.check(test::eventually([&] { return window.reached(); }), "it came");
        // Another writer waits; the first one unlocks. Now it is the early reader's, then that writer's.
        runnel::wait_group written;
        written.go([&] {
            m.lock();
            m.unlock();
        });
        expected.check(test::wait_parked(1), "the writer waits");
        m.unlock();
        expected.check(!m.try_lock(), "the early reader has it");
        expected.check(!m.try_lock_shared(), "a reader that comes now waits behind the writer");
        expected.check(!m.try_lock_shared_for(std::chrono::milliseconds(1)), "however long");
        window.release();
        written.wait();
        early.join();
        expected.check(m.try_lock(), "all have left");
        m.unlock();
    });
    expected.verify();
}

}  // namespace
