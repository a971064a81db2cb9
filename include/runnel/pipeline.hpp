// runnel/pipeline.hpp — all stages of pipelines, and what goes with them.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      the patterns of "Go Concurrency Patterns: Pipelines and cancellation"
//   Layer   5; includes layers 0-5
//   Tests   tests/pipeline_test.cpp, and those of each header
//
//   What all stages have in common. A stage takes a context and a recv_chan (or chan) first, and returns a recv_chan
//   that it alone sends on: unbuffered, so that no stage runs ahead of its reader. It closes that channel
//     - when its input ends, after all that came of it;
//     - with the exception, when its function throws or its input was closed with one: so whoever reads at
//       the end sees it;
//     - when the context is done, as soon as its function is not running. What was on its way then is dropped:
//       ctx.err() tells the reader why.
//   Functions are destroyed before the channel is closed. A stage ends with its input or its context: whoever stops
//   reading before the end cancels, and all goroutines of the pipeline end.
//   A function that calls goexit ends its goroutine, as if its input had ended there.
//   Move-only elements flow through all of them but tee and broadcast.
#pragma once

#include <runnel/any_of_done.hpp>
#include <runnel/batch.hpp>
#include <runnel/bridge.hpp>
#include <runnel/broadcast.hpp>
#include <runnel/debounce.hpp>
#include <runnel/fan_in.hpp>
#include <runnel/fan_out.hpp>
#include <runnel/first_of.hpp>
#include <runnel/from.hpp>
#include <runnel/generate.hpp>
#include <runnel/heartbeat.hpp>
#include <runnel/or_done.hpp>
#include <runnel/parallel.hpp>
#include <runnel/rate_limiter.hpp>
#include <runnel/stage.hpp>
#include <runnel/tee.hpp>
#include <runnel/throttle.hpp>
#include <runnel/transform.hpp>
#include <runnel/watch.hpp>
