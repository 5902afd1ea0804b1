# SPDX-License-Identifier: GPL-3.0-or-later
# tests/ROOM/test_SUBJECT.c is a cmocka program that links ROOM (controller, hence everything, for folders that are
# no room); tests/cli/NAME/ is a scenario of the command line; tests/e2e/ runs the whole program beside others;
# tests/bench and tests/fuzz are built on demand.

enable_testing()
set(test_seconds 300)
if(OPTCTL_SANITIZE OR OPTCTL_COVERAGE)
  set(test_seconds 600)
endif()

# add_executable for one C file of tests/, linked to the room its folder names. ret_target is the target's name.
function(test_program source prefix ret_target)
  cmake_path(GET source STEM stem)
  cmake_path(GET source PARENT_PATH folder)
  cmake_path(GET folder FILENAME room_name)
  if(NOT TARGET ${room_name})
    set(link controller)
  else()
    set(link ${room_name})
  endif()
  string(REGEX REPLACE "^${prefix}_" "" subject ${stem})
  add_executable(${room_name}_${stem} ${source})
  target_link_libraries(${room_name}_${stem} PRIVATE ${link})
  set(${ret_target} ${room_name}_${stem} PARENT_SCOPE)
  set(${ret_target}_name ${room_name}/${subject} PARENT_SCOPE)
endfunction()

# What several tests share: measured data of others, made-up documents, the check against a JSON Schema.
file(GLOB support_sources CONFIGURE_DEPENDS tests/support/*.c)
add_library(support STATIC ${support_sources})
target_link_libraries(support PUBLIC core PkgConfig::CMOCKA PkgConfig::OPENSSL)

file(GLOB test_sources CONFIGURE_DEPENDS tests/*/test_*.c)
foreach(source ${test_sources})
  test_program(${source} test program)
  target_link_libraries(${program} PRIVATE support)
  add_test(NAME ${program_name} COMMAND ${program} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${program_name} PROPERTIES TIMEOUT ${test_seconds})
endforeach()
# It waits for its own sockets by the machine's clock, a little at each of a hundred thousand steps.
set_tests_properties(soak/soak PROPERTIES TIMEOUT 900)
# librdkafka's brokers and clients run in threads of their own, by the machine's clock: they get the machine to themselves.
set_tests_properties(collectors/kafka engines/kafka_read PROPERTIES RUN_SERIAL TRUE)

file(GLOB cli_scenarios CONFIGURE_DEPENDS tests/cli/*/cmd)
foreach(scenario ${cli_scenarios})
  cmake_path(GET scenario PARENT_PATH folder)
  cmake_path(GET folder FILENAME name)
  add_test(NAME cli/${name} COMMAND ${PROJECT_SOURCE_DIR}/tests/cli/run $<TARGET_FILE:optctl> ${folder})
  set_tests_properties(cli/${name} PROPERTIES TIMEOUT 60 SKIP_RETURN_CODE 77)
endforeach()

# The report in a real browser: pages are written by a program and read by headless Chromium.
add_executable(report_pages tests/e2e/report_pages.c)
target_link_libraries(report_pages PRIVATE sim support)
add_test(NAME e2e/report_browser COMMAND ${PROJECT_SOURCE_DIR}/tests/e2e/report_browser $<TARGET_FILE:report_pages>)
set_tests_properties(e2e/report_browser PROPERTIES TIMEOUT ${test_seconds} SKIP_RETURN_CODE 77)

# The page of a running optctl, likewise: a program serves it over a scripted source.
add_executable(page_server tests/e2e/page_server.c)
target_link_libraries(page_server PRIVATE controller support)
add_test(NAME e2e/page_browser COMMAND ${PROJECT_SOURCE_DIR}/tests/e2e/page_browser $<TARGET_FILE:page_server>
  WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
set_tests_properties(e2e/page_browser PROPERTIES TIMEOUT 600 SKIP_RETURN_CODE 77)

# What optctl was told in confidence, looked for in all that it leaves behind.
add_test(NAME system/secrets COMMAND ${PROJECT_SOURCE_DIR}/tests/e2e/secrets $<TARGET_FILE:optctl>)
set_tests_properties(system/secrets PROPERTIES TIMEOUT 600 SKIP_RETURN_CODE 77)

add_test(NAME e2e/package COMMAND ${PROJECT_SOURCE_DIR}/tests/e2e/package ${PROJECT_BINARY_DIR})
set_tests_properties(e2e/package PROPERTIES TIMEOUT 120 SKIP_RETURN_CODE 77)

# optctl beside real Flink, Kafka and Prometheus (docs/e2e.md): a module in tests/e2e/real/cases/ is a case. What cannot be
# fetched is skipped by name.
set(real ${PROJECT_SOURCE_DIR}/tests/e2e/real/e2e)
add_test(NAME e2e/real/fetch COMMAND ${real} fetch)
set_tests_properties(e2e/real/fetch PROPERTIES TIMEOUT 1800 SKIP_RETURN_CODE 77 LABELS e2e FIXTURES_SETUP real_systems)
file(GLOB real_cases CONFIGURE_DEPENDS tests/e2e/real/cases/[a-z]*.py)
foreach(case ${real_cases})
  cmake_path(GET case STEM name)
  string(REPLACE "_" "-" name ${name})
  add_test(NAME e2e/real/${name}
    COMMAND ${real} --optctl $<TARGET_FILE:optctl> --folder ${PROJECT_BINARY_DIR}/e2e/${name} case ${name})
  set_tests_properties(e2e/real/${name} PROPERTIES TIMEOUT 900 SKIP_RETURN_CODE 77 LABELS e2e FIXTURES_REQUIRED real_systems)
endforeach()
# Every release of Flink whose answers differ, from the oldest that can be rescaled in place.
foreach(version 1.18.1 1.20.3 2.3.0)
  add_test(NAME e2e/real/load-up-flink-${version}
    COMMAND ${real} --flink ${version} --optctl $<TARGET_FILE:optctl>
      --folder ${PROJECT_BINARY_DIR}/e2e/load-up-flink-${version} case load-up)
  set_tests_properties(e2e/real/load-up-flink-${version} PROPERTIES
    TIMEOUT 900 SKIP_RETURN_CODE 77 LABELS e2e FIXTURES_REQUIRED real_systems)
endforeach()
# The longest first, so that none of them is left alone at the end.
set_tests_properties(e2e/real/daily e2e/real/killed-at-every-point e2e/real/killed-while-restarting PROPERTIES COST 400)

# optctl beside a real Kubernetes control plane, built from Go modules (docs/e2e.md): a module in tests/e2e/kube/cases/ is a case.
set(kube ${PROJECT_SOURCE_DIR}/tests/e2e/kube/e2e)
add_executable(kube_client tests/e2e/kube/client.c)
target_link_libraries(kube_client PRIVATE core PkgConfig::CMOCKA)
add_test(NAME e2e/kube/fetch COMMAND ${kube} fetch)
set_tests_properties(e2e/kube/fetch PROPERTIES TIMEOUT 7200 SKIP_RETURN_CODE 77 LABELS e2e FIXTURES_SETUP kube_programs)
file(GLOB kube_cases CONFIGURE_DEPENDS tests/e2e/kube/cases/[a-z]*.py)
foreach(case ${kube_cases})
  cmake_path(GET case STEM name)
  string(REPLACE "_" "-" name ${name})
  add_test(NAME e2e/kube/${name}
    COMMAND ${kube} --build ${PROJECT_BINARY_DIR} --folder ${PROJECT_BINARY_DIR}/e2e/kube-${name} case ${name})
  set_tests_properties(e2e/kube/${name} PROPERTIES TIMEOUT 900 SKIP_RETURN_CODE 77 LABELS e2e FIXTURES_REQUIRED kube_programs)
endforeach()

if(OPTCTL_BENCH)
  file(GLOB bench_sources CONFIGURE_DEPENDS tests/bench/bench_*.c)
  foreach(source ${bench_sources})
    test_program(${source} bench program)
  endforeach()
endif()

if(OPTCTL_FUZZ)
  file(GLOB fuzz_sources CONFIGURE_DEPENDS tests/fuzz/fuzz_*.c)
  foreach(source ${fuzz_sources})
    test_program(${source} fuzz program)
    target_link_options(${program} PRIVATE -fsanitize=fuzzer)
  endforeach()
endif()
