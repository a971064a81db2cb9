// runnel/runnel.hpp — everything but the opt-in headers (io, net, trace, testing).
// SPDX-License-Identifier: BSL-1.0
//
//   Layer   6
#pragma once

#include <runnel/any_of_done.hpp>
#include <runnel/barrier.hpp>
#include <runnel/batch.hpp>
#include <runnel/blocking.hpp>
#include <runnel/bridge.hpp>
#include <runnel/broadcast.hpp>
#include <runnel/chan.hpp>
#include <runnel/circuit_breaker.hpp>
#include <runnel/condition_variable.hpp>
#include <runnel/context.hpp>
#include <runnel/debounce.hpp>
#include <runnel/debug.hpp>
#include <runnel/error.hpp>
#include <runnel/fan_in.hpp>
#include <runnel/fan_out.hpp>
#include <runnel/first_of.hpp>
#include <runnel/from.hpp>
#include <runnel/future.hpp>
#include <runnel/generate.hpp>
#include <runnel/go.hpp>
#include <runnel/group.hpp>
#include <runnel/heartbeat.hpp>
#include <runnel/latch.hpp>
#include <runnel/local.hpp>
#include <runnel/mutex.hpp>
#include <runnel/once.hpp>
#include <runnel/or_done.hpp>
#include <runnel/outcome.hpp>
#include <runnel/parallel.hpp>
#include <runnel/pipeline.hpp>
#include <runnel/pool.hpp>
#include <runnel/rate_limiter.hpp>
#include <runnel/retry.hpp>
#include <runnel/runtime.hpp>
#include <runnel/select.hpp>
#include <runnel/semaphore.hpp>
#include <runnel/shared_mutex.hpp>
#include <runnel/singleflight.hpp>
#include <runnel/stage.hpp>
#include <runnel/sync.hpp>
#include <runnel/tee.hpp>
#include <runnel/thread_lock.hpp>
#include <runnel/throttle.hpp>
#include <runnel/time.hpp>
#include <runnel/transform.hpp>
#include <runnel/version.hpp>
#include <runnel/wait_group.hpp>
#include <runnel/watch.hpp>
#include <runnel/worker_pool.hpp>
