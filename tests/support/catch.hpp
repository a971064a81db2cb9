// tests/support/catch.hpp — Catch2 behind one include: Debian's v2 and today's v3.
// SPDX-License-Identifier: BSL-1.0
//
//   Catch2's assertions are not thread-safe: they run on the test's own thread, never inside a
//   goroutine. Inside one, record into test::expectations (support.hpp) and assert afterwards.
#pragma once

#if __has_include(<catch2/catch_test_macros.hpp>)
#include <catch2/catch_approx.hpp>
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators_all.hpp>
#include <catch2/matchers/catch_matchers_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
