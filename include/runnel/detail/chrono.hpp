// runnel/detail/chrono.hpp — durations and clocks, without calendars and streams.
// SPDX-License-Identifier: BSL-1.0
//
//   Layer   0
//   libstdc++'s <chrono> brings <sstream> as well, from version 13 on also <format>: a tenth of what the umbrella
//   header takes to compile, and more. Its own headers that need a clock (<mutex>, <thread>) include this part alone.
#pragma once

#include <version>

#if defined(_GLIBCXX_RELEASE) && __has_include(<bits/chrono.h>)
#include <bits/chrono.h>
#else
#include <chrono>
#endif
