# examples/excel_to_db/service/embed.cmake — the page's files as C++ text: cmake -DFOLDER=… -DOUTPUT=… -P
# SPDX-License-Identifier: BSL-1.0
set(text "// made by embed.cmake\n#pragma once\n\n#include <string_view>\n\nnamespace excel_to_db {\n\n")
foreach(name IN ITEMS index.html page.css page.js)
    file(READ "${FOLDER}/${name}" content)
    string(MAKE_C_IDENTIFIER "${name}" identifier)
    string(APPEND text
        "inline constexpr std::string_view ${identifier} = R\"file(${content})file\";\n\n")
endforeach()
file(WRITE "${OUTPUT}" "${text}}  // namespace excel_to_db\n")
