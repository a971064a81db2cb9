# examples/check_refusal.cmake — runs an example with arguments that it must refuse: one line on stderr, and a failure.
# SPDX-License-Identifier: BSL-1.0
#
#   cmake -DPROGRAM=… -DARGUMENTS="…" -DSAYS="…" -P check_refusal.cmake
cmake_minimum_required(VERSION 3.25)
separate_arguments(arguments UNIX_COMMAND "${ARGUMENTS}")
execute_process(COMMAND "${PROGRAM}" ${arguments}
    RESULT_VARIABLE result OUTPUT_VARIABLE printed ERROR_VARIABLE errors TIMEOUT 50)
set(what "${PROGRAM} ${ARGUMENTS}\nended with ${result}\nstdout: ${printed}\nstderr: ${errors}")
# A signal or the end of the time is told in words.
if(NOT result MATCHES "^[1-9][0-9]*$")
    message(FATAL_ERROR "it should have failed by itself: ${what}")
endif()
if(NOT errors MATCHES "^[^\n]+\n$")
    message(FATAL_ERROR "it should have said one line on stderr: ${what}")
endif()
string(FIND "${errors}" "${SAYS}" at)
if(at EQUAL -1)
    message(FATAL_ERROR "it should have said `${SAYS}`: ${what}")
endif()
