// tests/support/precompiled.hpp — what most tests include, for the precompiled header. Tests do not rely on it.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <tuple>
#include <variant>
#include <vector>

#include <runnel/runnel.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"
