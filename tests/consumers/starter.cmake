# tests/consumers/starter.cmake — examples/starter, copied elsewhere: with an installed runnel, or one that it fetches.
# SPDX-License-Identifier: BSL-1.0
#
#   cmake -DFROM=installed|fetched -DRUNNEL_SOURCE=… -DBUILD=… -DPREFIX=… -DGENERATOR=… -DCOMPILER=… -DBUILD_TYPE=…
#         -P starter.cmake
#   What is fetched is a repository made here of the working tree: nothing is asked of a network.
cmake_minimum_required(VERSION 3.25)
file(REMOVE_RECURSE "${BUILD}")
file(COPY "${RUNNEL_SOURCE}/examples/starter" DESTINATION "${BUILD}")

if(FROM STREQUAL "installed")
    set(where "-DCMAKE_PREFIX_PATH=${PREFIX}" "-DRUNNEL_REPOSITORY=${BUILD}/no_such_repository")
else()
    set(repository "${BUILD}/repository")
    file(COPY "${RUNNEL_SOURCE}/CMakeLists.txt" "${RUNNEL_SOURCE}/LICENSE" "${RUNNEL_SOURCE}/include"
        DESTINATION "${repository}")
    foreach(arguments IN ITEMS "init;--quiet;--initial-branch=main" "add;--all"
            "-c;user.name=test;-c;user.email=test@localhost;commit;--quiet;--no-verify;--message=a copy")
        execute_process(COMMAND git ${arguments} WORKING_DIRECTORY "${repository}" COMMAND_ERROR_IS_FATAL ANY)
    endforeach()
    # What the machine has installed is left out of account.
    set(where "-DRUNNEL_REPOSITORY=${repository}" -DCMAKE_DISABLE_FIND_PACKAGE_runnel=ON)
endif()

execute_process(
    COMMAND "${CMAKE_COMMAND}" -S "${BUILD}/starter" -B "${BUILD}/build" -G "${GENERATOR}"
        "-DCMAKE_CXX_COMPILER=${COMPILER}" "-DCMAKE_BUILD_TYPE=${BUILD_TYPE}" ${where}
    COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${CMAKE_COMMAND}" --build "${BUILD}/build" COMMAND_ERROR_IS_FATAL ANY)

set(fetched FALSE)
if(EXISTS "${BUILD}/build/_deps/runnel-src/include/runnel/runnel.hpp")
    set(fetched TRUE)
endif()
if((FROM STREQUAL "fetched") AND NOT fetched OR (FROM STREQUAL "installed") AND fetched)
    message(FATAL_ERROR "runnel did not come the way it should: ${FROM}")
endif()

execute_process(COMMAND "${BUILD}/build/starter"
    RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE errors TIMEOUT 60)
if(NOT result EQUAL 0 OR NOT output STREQUAL "three workers sent 60 in all\n")
    message(FATAL_ERROR "the starter ended with ${result}\n${output}${errors}")
endif()
# The README says the same.
file(READ "${RUNNEL_SOURCE}/examples/starter/README.md" readme)
string(STRIP "${output}" line)
string(FIND "${readme}" "# ${line}\n" at)
if(at EQUAL -1)
    message(FATAL_ERROR "examples/starter/README.md shows another output than \"${line}\"")
endif()
message(STATUS "${output}")
