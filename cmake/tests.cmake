# SPDX-License-Identifier: GPL-3.0-or-later
# tests/ROOM/test_SUBJECT.c is a cmocka program that links ROOM (controller, hence everything, for folders that are
# no room); tests/cli/NAME/ is a scenario of the command line; tests/e2e/ runs the whole program beside others;
# tests/bench and tests/fuzz are built on demand.

enable_testing()
set(test_seconds 300)
if(OPTCTL_SANITIZE OR OPTCTL_COVERAGE)
  set(test_seconds 1200)
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
# Every fault on every call of every target: under sanitizers on a busy machine that takes a while.
set_tests_properties(conformance/actuators conformance/collectors PROPERTIES TIMEOUT 1500)

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
add_test(NAME e2e/report_browser COMMAND ${PROJECT_SOURCE_DIR}/tests/e2e/report_browser $<TARGET_FILE:report_pages>
  $<TARGET_FILE:optctl>)
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

# A search that is killed at any moment goes on.
add_test(NAME e2e/tune-killed COMMAND ${PROJECT_SOURCE_DIR}/tests/e2e/tune_killed $<TARGET_FILE:optctl>)
set_tests_properties(e2e/tune-killed PROPERTIES TIMEOUT 600 LABELS e2e)

add_test(NAME e2e/package COMMAND ${PROJECT_SOURCE_DIR}/tests/e2e/package ${PROJECT_BINARY_DIR})
set_tests_properties(e2e/package PROPERTIES TIMEOUT 120 SKIP_RETURN_CODE 77)
add_test(NAME e2e/image COMMAND ${PROJECT_SOURCE_DIR}/tests/e2e/image ${PROJECT_BINARY_DIR})
set_tests_properties(e2e/image PROPERTIES TIMEOUT 300 SKIP_RETURN_CODE 77)

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

# optctl beside a real Spark (docs/e2e.md). tune goes by the clock, so nothing else runs meanwhile.
set(spark ${PROJECT_SOURCE_DIR}/tests/e2e/spark/e2e)
add_test(NAME e2e/spark/fetch COMMAND ${spark} fetch)
set_tests_properties(e2e/spark/fetch PROPERTIES TIMEOUT 900 SKIP_RETURN_CODE 77 LABELS e2e FIXTURES_SETUP spark)
add_test(NAME e2e/spark/tune
  COMMAND ${spark} --optctl $<TARGET_FILE:optctl> --folder ${PROJECT_BINARY_DIR}/e2e/spark-tune tune)
set_tests_properties(e2e/spark/tune PROPERTIES
  TIMEOUT 900 SKIP_RETURN_CODE 77 LABELS e2e FIXTURES_REQUIRED spark RUN_SERIAL ON)

add_test(NAME e2e/spark/nightly
  COMMAND ${spark} --optctl $<TARGET_FILE:optctl> --folder ${PROJECT_BINARY_DIR}/e2e/spark-nightly nightly)
set_tests_properties(e2e/spark/nightly PROPERTIES TIMEOUT 1800 SKIP_RETURN_CODE 77 LABELS e2e FIXTURES_REQUIRED spark)
add_test(NAME e2e/spark/skew
  COMMAND ${spark} --optctl $<TARGET_FILE:optctl> --folder ${PROJECT_BINARY_DIR}/e2e/spark-skew skew)
set_tests_properties(e2e/spark/skew PROPERTIES TIMEOUT 1800 SKIP_RETURN_CODE 77 LABELS e2e FIXTURES_REQUIRED spark)
add_test(NAME e2e/spark/sizes
  COMMAND ${spark} --optctl $<TARGET_FILE:optctl> --folder ${PROJECT_BINARY_DIR}/e2e/spark-sizes sizes)
set_tests_properties(e2e/spark/sizes PROPERTIES TIMEOUT 900 SKIP_RETURN_CODE 77 LABELS e2e FIXTURES_REQUIRED spark RUN_SERIAL ON)

# A study on a real MLflow server.
set(mlflow ${PROJECT_SOURCE_DIR}/tests/e2e/mlflow/e2e)
add_test(NAME e2e/mlflow/fetch COMMAND ${mlflow} fetch)
set_tests_properties(e2e/mlflow/fetch PROPERTIES TIMEOUT 900 SKIP_RETURN_CODE 77 LABELS e2e FIXTURES_SETUP mlflow)
add_test(NAME e2e/mlflow/tune
  COMMAND ${mlflow} --optctl $<TARGET_FILE:optctl> --folder ${PROJECT_BINARY_DIR}/e2e/mlflow-tune tune)
set_tests_properties(e2e/mlflow/tune PROPERTIES TIMEOUT 900 SKIP_RETURN_CODE 77 LABELS e2e FIXTURES_REQUIRED mlflow)

# optctl beside a real Kubernetes control plane, built from Go modules (docs/e2e.md): a module in tests/e2e/kube/cases/ is a case.
set(kube ${PROJECT_SOURCE_DIR}/tests/e2e/kube/e2e)
add_executable(kube_client tests/e2e/kube/client.c)
target_link_libraries(kube_client PRIVATE core PkgConfig::CMOCKA)
add_executable(kube_topic tests/e2e/kube/topic.c)
target_link_libraries(kube_topic PRIVATE actuators support)
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

# Dashboards, rules and alerts beside a real Prometheus and Alertmanager.
foreach(case rules dashboards live)
  add_test(NAME e2e/monitoring/${case}
    COMMAND ${PROJECT_SOURCE_DIR}/tests/e2e/monitoring/e2e --optctl $<TARGET_FILE:optctl>
      --folder ${PROJECT_BINARY_DIR}/e2e/monitoring-${case} ${case})
  set_tests_properties(e2e/monitoring/${case} PROPERTIES TIMEOUT 300 SKIP_RETURN_CODE 77 LABELS e2e)
endforeach()
set_tests_properties(e2e/monitoring/dashboards PROPERTIES FIXTURES_REQUIRED kube_programs)

# The ledger in a real PostgreSQL of Debian.
add_test(NAME e2e/postgres
  COMMAND ${PROJECT_SOURCE_DIR}/tests/e2e/postgres/e2e --build ${PROJECT_BINARY_DIR} --folder ${PROJECT_BINARY_DIR}/e2e/postgres)
set_tests_properties(e2e/postgres PROPERTIES TIMEOUT 600 SKIP_RETURN_CODE 77 LABELS e2e)

# The longest first, so that none of them is left alone at the end.
set_tests_properties(conformance/actuators conformance/collectors controller/loop_restart PROPERTIES COST 300)
set_tests_properties(core/ledger_faults controller/operator_faults system/secrets conformance/kafka engines/kafka_read
  PROPERTIES COST 200)

# scripts/test gives out a core in four parts, and three parts more. A test takes four, unless it does little more than
# wait, for time-outs of real libraries or for a program that waits.
set(waiting conformance/kafka core/http_client_stream core/http_server_defence system/secrets)
get_property(all_tests DIRECTORY PROPERTY TESTS)
list(REMOVE_ITEM all_tests ${waiting})
set_tests_properties(${all_tests} PROPERTIES PROCESSORS 4)

if(OPTCTL_BENCH)
  file(GLOB bench_sources CONFIGURE_DEPENDS tests/bench/bench_*.c)
  foreach(source ${bench_sources})
    test_program(${source} bench program)
    target_link_libraries(${program} PRIVATE support)
  endforeach()
endif()

if(OPTCTL_FUZZ)
  file(GLOB fuzz_sources CONFIGURE_DEPENDS tests/fuzz/fuzz_*.c)
  foreach(source ${fuzz_sources})
    test_program(${source} fuzz program)
    target_link_options(${program} PRIVATE -fsanitize=fuzzer)
  endforeach()
endif()
