// runnel/runnel.hpp — everything but the opt-in headers (io, net, trace, testing).
// SPDX-License-Identifier: BSL-1.0
//
//   Layer   6
#pragma once

#include <runnel/blocking.hpp>
#include <runnel/chan.hpp>
#include <runnel/debug.hpp>
#include <runnel/error.hpp>
#include <runnel/future.hpp>
#include <runnel/go.hpp>
#include <runnel/local.hpp>
#include <runnel/runtime.hpp>
#include <runnel/select.hpp>
#include <runnel/thread_lock.hpp>
#include <runnel/version.hpp>
