# SPDX-License-Identifier: GPL-3.0-or-later
# The page that a running optctl serves is part of the program. It shares style, numbers and charts with the report.

set(page_folder ${PROJECT_SOURCE_DIR}/controller/page)
set(page_source ${PROJECT_BINARY_DIR}/page_files.c)
set(page_parts ${page_folder}/index.html ${page_folder}/icon.svg ${page_folder}/page.css ${report_folder}/report.css
  ${DYGRAPHS_STYLE} ${DYGRAPHS_SCRIPT} ${report_folder}/basics.js ${report_folder}/charts.js ${report_folder}/decisions.js
  ${page_folder}/page.js)
list(JOIN page_parts "," joined_page_parts)
set(page_scripts ${PROJECT_SOURCE_DIR}/cmake/embed_files.cmake ${PROJECT_SOURCE_DIR}/cmake/embed_parts.cmake)
add_custom_command(OUTPUT ${page_source}
  COMMAND ${CMAKE_COMMAND} -DFILES=${joined_page_parts} -DOUTPUT=${page_source} -P ${PROJECT_SOURCE_DIR}/cmake/embed_files.cmake
  DEPENDS ${page_parts} ${page_scripts}
  VERBATIM)
target_sources(controller PRIVATE ${page_source})
