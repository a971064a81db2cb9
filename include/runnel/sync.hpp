// runnel/sync.hpp — all of Go's package sync, and what C++ has beside it.
// SPDX-License-Identifier: BSL-1.0
//
//   Layer   4
#pragma once

#include <runnel/barrier.hpp>
#include <runnel/condition_variable.hpp>
#include <runnel/latch.hpp>
#include <runnel/mutex.hpp>
#include <runnel/once.hpp>
#include <runnel/pool.hpp>
#include <runnel/semaphore.hpp>
#include <runnel/shared_mutex.hpp>
#include <runnel/wait_group.hpp>
