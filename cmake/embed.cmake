# SPDX-License-Identifier: GPL-3.0-or-later
# Puts the report's page together and writes it as a C array, so that the program carries it.
#
#   cmake -DPAGE=report.html -DPARTS=report.css,report.js,… -DOUTPUT=page.c -P embed.cmake
#
# In the page @NAME@ stands for the part of that file name. The page's content security policy (@SCRIPT_POLICY@)
# allows exactly the scripts that are embedded, by their SHA-256.
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/embed_parts.cmake)

# CSP wants base64, CMake's hash is hexadecimal: three bytes (six digits) become four letters.
function(base64_of_hex hex result)
  set(letters "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
  set(text "")
  string(LENGTH "${hex}" digits)
  math(EXPR padded "(${digits} + 5) / 6 * 6")
  math(EXPR kept "(${digits} * 4 + 5) / 6")
  foreach(at RANGE 0 ${padded} 6)
    string(SUBSTRING "${hex}000000" ${at} 6 group)
    foreach(shift 18 12 6 0)
      math(EXPR index "(0x${group} >> ${shift}) & 63")
      string(SUBSTRING "${letters}" ${index} 1 letter)
      string(APPEND text "${letter}")
    endforeach()
    math(EXPR next "${at} + 6")
    if(next GREATER_EQUAL padded)
      break()
    endif()
  endforeach()
  string(SUBSTRING "${text}" 0 ${kept} text)
  math(EXPR missing "(4 - ${kept} % 4) % 4")
  string(REPEAT "=" ${missing} padding)
  set(${result} "${text}${padding}" PARENT_SCOPE)
endfunction()

# The text of a file that goes into an element of the page.
function(read_inner_part path result)
  read_part("${path}" text)
  string(TOLOWER "${text}" lower)
  foreach(end "</script" "</style" "<!--")
    string(FIND "${lower}" "${end}" at)
    if(NOT at EQUAL -1)
      message(FATAL_ERROR "${path}: holds ${end}, which would end or comment out the element it is embedded in")
    endif()
  endforeach()
  set(${result} "${text}" PARENT_SCOPE)
endfunction()

file(READ "${PAGE}" page)
set(policy "")
string(REPLACE "," ";" parts "${PARTS}")
foreach(part IN LISTS parts)
  read_inner_part("${part}" text)
  cmake_path(GET part FILENAME name)
  if(name MATCHES "js$")
    string(SHA256 hash "${text}")
    base64_of_hex(${hash} hash)
    string(APPEND policy " 'sha256-${hash}'")
  endif()
  string(REPLACE "@${name}@" "${text}" page "${page}")
endforeach()
string(REPLACE "@SCRIPT_POLICY@" "script-src${policy}" page "${page}")

c_bytes("${page}" bytes)
file(WRITE "${OUTPUT}" "#include \"sim/report/page.h\"\n\nconst unsigned char report_page[] = {${bytes}};\n"
  "const size_t report_page_length = sizeof report_page;\n")
