# examples/check_output.cmake — runs an example and compares its output with the end of its source.
# SPDX-License-Identifier: BSL-1.0
#
#   cmake -DPROGRAM=… -DSOURCE=… -P check_output.cmake
cmake_minimum_required(VERSION 3.25)
file(READ "${SOURCE}" text)
if(NOT text MATCHES "\n// (Output|Unordered output):\n(.*)$")
    message(FATAL_ERROR "${SOURCE} ends with neither `// Output:` nor `// Unordered output:`")
endif()
set(order "${CMAKE_MATCH_1}")
string(REGEX REPLACE "(^|\n)// ?" "\\1" expected "${CMAKE_MATCH_2}")

execute_process(COMMAND "${PROGRAM}"
    RESULT_VARIABLE result OUTPUT_VARIABLE printed ERROR_VARIABLE errors TIMEOUT 50)
if(NOT result EQUAL 0)
    message(FATAL_ERROR "${PROGRAM} ended with ${result}\n${printed}${errors}")
endif()

# Blanks at the end of a line cannot be seen in a comment.
foreach(which IN ITEMS expected printed)
    string(REGEX REPLACE "[ \t]+\n" "\n" ${which} "${${which}}")
    string(REGEX REPLACE "\n+$" "" ${which} "${${which}}")
endforeach()
if(order STREQUAL "Unordered output")
    foreach(which IN ITEMS expected printed)
        # These three mean something in a list.
        string(REPLACE "[" "<" lines "${${which}}")
        string(REPLACE "]" ">" lines "${lines}")
        string(REPLACE ";" "," lines "${lines}")
        string(REPLACE "\n" ";" lines "${lines}")
        list(SORT lines)
        list(JOIN lines "\n" ${which})
    endforeach()
endif()
if(NOT printed STREQUAL expected)
    message(NOTICE "${SOURCE} says:\n${expected}\n\n${PROGRAM} printed:\n${printed}\n${errors}")
    message(FATAL_ERROR "the outputs differ")
endif()
