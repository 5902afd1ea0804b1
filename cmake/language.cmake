# SPDX-License-Identifier: GPL-3.0-or-later
# How our C is compiled: the `options` target that every room links.

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
# Assertions stay in: they stand at the boundaries of plugins, not in inner loops.
set(CMAKE_C_FLAGS_RELEASE "-O3 -g")
set(CMAKE_C_FLAGS_DEBUG "-O1 -g")

add_library(options INTERFACE)
target_compile_options(options INTERFACE
  -Wall -Wextra -Werror -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes -Wvla
  -Wcast-qual -Wwrite-strings -Wformat=2 -Wundef -fno-common
  # An empty cell of a table is an empty format.
  -Wno-format-zero-length
  # The same seed gives the same bytes on every machine: no fused multiply-add behind our back.
  -ffp-contract=off -fno-math-errno -fstack-protector-strong)
if(CMAKE_C_COMPILER_ID STREQUAL GNU)
  # Messages for people are cut at the end of their buffers, on purpose.
  target_compile_options(options INTERFACE -Wno-format-truncation)
endif()
target_compile_definitions(options INTERFACE _GNU_SOURCE OPTCTL_VERSION="${PROJECT_VERSION}")
target_include_directories(options INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
target_link_options(options INTERFACE -Wl,--as-needed)

if(CMAKE_BUILD_TYPE STREQUAL Release)
  target_compile_definitions(options INTERFACE _FORTIFY_SOURCE=2)
  target_link_options(options INTERFACE -pie -Wl,-z,relro,-z,now)
endif()
if(OPTCTL_SANITIZE OR OPTCTL_FUZZ)
  set(sanitize -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_compile_options(options INTERFACE ${sanitize})
  target_link_options(options INTERFACE ${sanitize})
endif()
if(OPTCTL_FUZZ)
  target_compile_options(options INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(OPTCTL_COVERAGE)
  target_compile_options(options INTERFACE --coverage -O0)
  target_link_options(options INTERFACE --coverage)
endif()
