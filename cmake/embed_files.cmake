# SPDX-License-Identifier: GPL-3.0-or-later
# Writes files as C arrays with their names and content types (controller/page/page.h), so that the program can serve
# them.
#
#   cmake -DFILES=index.html,page.css,… -DOUTPUT=files.c -P embed_files.cmake
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/embed_parts.cmake)

set(type_html "text/html; charset=utf-8")
set(type_css "text/css; charset=utf-8")
set(type_js "text/javascript; charset=utf-8")
set(type_svg "image/svg+xml")

set(arrays "")
set(table "")
set(number 0)
string(REPLACE "," ";" files "${FILES}")
foreach(file IN LISTS files)
  read_part("${file}" text)
  c_bytes("${text}" bytes)
  cmake_path(GET file FILENAME name)
  cmake_path(GET file EXTENSION LAST_ONLY ending)
  string(SUBSTRING "${ending}" 1 -1 ending)
  string(APPEND arrays "static const unsigned char file_${number}[] = {${bytes}};\n")
  string(APPEND table "        {\"${name}\", \"${type_${ending}}\", file_${number}, sizeof file_${number}},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(WRITE "${OUTPUT}" "#include \"controller/page/page.h\"\n\n${arrays}\n"
  "const struct page_file page_files[] = {\n${table}        {NULL, NULL, NULL, 0},\n};\n")
