# tests/compile_fail/check.cmake — runs one compile-fail file: the control, then the failure.
# SPDX-License-Identifier: BSL-1.0
#
#   cmake -DFILE=… -DCOMPILER=… -DINCLUDES=dir|dir… -P check.cmake
cmake_minimum_required(VERSION 3.25)
file(STRINGS "${FILE}" lines LIMIT_COUNT 1)
# FATAL_ERROR would wrap the compiler's words.
function(fail reason)
    message(NOTICE "${FILE}: ${reason}")
    message(FATAL_ERROR "failed")
endfunction()

if(NOT lines MATCHES "^// expect-error: (.+)$")
    fail("the first line must be `// expect-error: <regex>`")
endif()
set(expected "${CMAKE_MATCH_1}")
set(ENV{LC_ALL} C)  # plain quotes, English words

set(command "${COMPILER}" -std=c++20 -fsyntax-only -Wall -Wextra -Werror)
string(REPLACE "|" ";" includes "${INCLUDES}")
foreach(dir IN LISTS includes)
    list(APPEND command "-I${dir}")
endforeach()

execute_process(COMMAND ${command} "${FILE}" RESULT_VARIABLE result ERROR_VARIABLE errors)
if(NOT result EQUAL 0)
    fail("the control, without RUNNEL_EXPECT_FAIL, must compile\n${errors}")
endif()

execute_process(COMMAND ${command} -DRUNNEL_EXPECT_FAIL "${FILE}"
    RESULT_VARIABLE result ERROR_VARIABLE errors)
if(result EQUAL 0)
    fail("compiles, though it must not")
endif()
# What is read first is to say it.
string(REGEX MATCH "[^\n]*error: [^\n]*" first "${errors}")
if(NOT first MATCHES "error: .*(${expected})")
    fail("the first `error:` line does not match \"${expected}\"\n${errors}")
endif()
