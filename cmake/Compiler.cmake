# How our own code is compiled. Settings of directory scope come before any target, warnings go on our targets alone.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# Debug builds are for the tests: assertions on, and fast enough to stress.
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g1")

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER "${CCACHE}")
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CCACHE}")
endif()

if(PARTITA_SANITIZE STREQUAL "address")
  # Undefined behaviour stops the program, or a test could pass over its report.
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(PARTITA_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
elseif(PARTITA_SANITIZE)
  message(FATAL_ERROR "PARTITA_SANITIZE is \"${PARTITA_SANITIZE}\", but must be address, thread or empty.")
endif()

add_library(partita_options INTERFACE)
target_compile_options(partita_options INTERFACE -Wall -Wextra)
# gcc sees values that may not be set where a sanitizer's checks keep it from following them.
if(PARTITA_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(partita_options INTERFACE -Wno-maybe-uninitialized)
endif()
# Releases of clang as old as may fuzz misread what a lambda requires of its arguments. clang-tidy has the analysis, too.
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND NOT PARTITA_FUZZ)
  target_compile_options(partita_options INTERFACE -Wthread-safety)
endif()
