#!/usr/bin/env bash
# .ci/check_tidy.sh — clang-tidy-19 has nothing to say about the headers (.clang-tidy: which checks).
# SPDX-License-Identifier: BSL-1.0
#
#   .ci/check_tidy.sh             every public header but the one that needs Boost.Asio
#   .ci/check_tidy.sh file.cpp…   these files
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v clang-tidy-19 >/dev/null; then
    echo "check_tidy: there is no clang-tidy-19 here; not checked"
    exit 0
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
if [ $# = 0 ]; then
    for header in include/runnel/*.hpp; do
        name=$(basename "$header")
        [ "$name" = asio.hpp ] || echo "#include <runnel/$name>"
    done >"$folder/all_headers.cpp"
    cp .clang-tidy "$folder"
    set -- "$folder/all_headers.cpp"
fi
if clang-tidy-19 --quiet --warnings-as-errors='*' "$@" -- -std=c++20 -Iinclude -Itests 2>"$folder/log"; then
    echo "check_tidy: 0 problems"
else
    grep -v 'warnings generated' "$folder/log" || true
    echo "check_tidy: see above"
    exit 1
fi
