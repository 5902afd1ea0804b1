# SPDX-License-Identifier: GPL-3.0-or-later
# The report's page is part of the program: cmake/embed.cmake puts it together with dygraphs, which comes from the
# system (libjs-dygraphs) and is not copied into the tree.

find_file(DYGRAPHS_SCRIPT dygraph.min.js PATHS /usr/share/javascript/dygraphs REQUIRED)
find_file(DYGRAPHS_STYLE dygraph.min.css PATHS /usr/share/javascript/dygraphs REQUIRED)

set(report_folder ${PROJECT_SOURCE_DIR}/sim/report)
set(report_page ${PROJECT_BINARY_DIR}/report_page.c)
set(report_parts ${DYGRAPHS_STYLE} ${DYGRAPHS_SCRIPT} ${report_folder}/report.css ${report_folder}/basics.js
  ${report_folder}/charts.js ${report_folder}/decisions.js ${report_folder}/tune.js ${report_folder}/report.js)
list(JOIN report_parts "," joined_parts)
add_custom_command(OUTPUT ${report_page}
  COMMAND ${CMAKE_COMMAND} -DPAGE=${report_folder}/report.html -DPARTS=${joined_parts} -DOUTPUT=${report_page}
    -P ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
  DEPENDS ${report_folder}/report.html ${report_parts} ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
    ${PROJECT_SOURCE_DIR}/cmake/embed_parts.cmake
  VERBATIM)
target_sources(sim PRIVATE ${report_page})
