# What stands outside the repository: abseil, xxhash, zlib, lz4 and, for the extension, Python with pybind11.

include(FetchContent)
find_package(Threads REQUIRED)

# Target partita_absl: the system's abseil, else its source, built along as static libraries.
find_package(absl CONFIG QUIET)
if(NOT absl_FOUND)
  set(ABSL_PROPAGATE_CXX_STD ON)
  set(BUILD_SHARED_LIBS OFF)
  FetchContent_Declare(absl SYSTEM
    URL https://github.com/abseil/abseil-cpp/archive/refs/tags/20240722.0.tar.gz
    URL_HASH SHA256=f50e5ac311a81382da7fa75b97310e4b9006474f9560ac46f54a9967f07d4ae3)
  FetchContent_MakeAvailable(absl)
endif()
# Debian ships shared and static libraries and names the shared ones. With the static ones, and libstdc++ linked in as they want
# it (they are not position-independent towards it), the extension needs nothing else. Those with thread-local variables cannot
# be linked so at all: no absl::flat_hash_map, absl::Cord or absl::Status in the engine.
get_property(imported DIRECTORY PROPERTY IMPORTED_TARGETS)
foreach(target IN LISTS imported)
  get_target_property(location ${target} IMPORTED_LOCATION_NONE)
  string(REGEX REPLACE "\\.so.*$" ".a" archive "${location}")
  if(target MATCHES "^absl::" AND EXISTS "${archive}" AND NOT PARTITA_SANITIZE)
    set_target_properties(${target} PROPERTIES IMPORTED_LOCATION_NONE "${archive}")
  endif()
endforeach()
add_library(partita_absl INTERFACE)
target_link_libraries(partita_absl INTERFACE
  absl::btree absl::core_headers absl::function_ref absl::inlined_vector absl::span absl::strings Threads::Threads)

# Target partita_xxhash: the header alone, compiled in.
add_library(partita_xxhash INTERFACE)
find_path(XXHASH_INCLUDE_DIR xxhash.h)
if(NOT XXHASH_INCLUDE_DIR)
  FetchContent_Declare(xxhash
    URL https://github.com/Cyan4973/xxHash/archive/refs/tags/v0.8.2.tar.gz
    URL_HASH SHA256=baee0c6afd4f03165de7a4e67988d16f0f2b257b51d0e3cb91909302a26a79c4
    SOURCE_SUBDIR no-build-of-its-own)
  FetchContent_MakeAvailable(xxhash)
  set(XXHASH_INCLUDE_DIR "${xxhash_SOURCE_DIR}")
endif()
target_include_directories(partita_xxhash SYSTEM INTERFACE "${XXHASH_INCLUDE_DIR}")
target_compile_definitions(partita_xxhash INTERFACE XXH_INLINE_ALL)

# Target partita_zlib: the system's archive, so that the extension needs no library beside it, else its source.
set(ZLIB_USE_STATIC_LIBS ON)
find_package(ZLIB QUIET)
if(ZLIB_FOUND)
  add_library(partita_zlib INTERFACE)
  target_link_libraries(partita_zlib INTERFACE ZLIB::ZLIB)
else()
  FetchContent_Declare(zlib
    URL https://github.com/madler/zlib/releases/download/v1.3.1/zlib-1.3.1.tar.gz
    URL_HASH SHA256=9a93b2b7dfdac77ceba5a558a580e74667dd6fede4585b91eefb60f03b72df23
    SOURCE_SUBDIR no-build-of-its-own)
  FetchContent_MakeAvailable(zlib)
  set(zlib_names adler32 compress crc32 deflate inffast inflate inftrees trees zutil)
  list(TRANSFORM zlib_names PREPEND "${zlib_SOURCE_DIR}/")
  list(TRANSFORM zlib_names APPEND ".c")
  add_library(partita_zlib STATIC EXCLUDE_FROM_ALL ${zlib_names})
  target_include_directories(partita_zlib SYSTEM PUBLIC "${zlib_SOURCE_DIR}")
  target_compile_options(partita_zlib PRIVATE -w)
endif()

# Target partita_lz4: the system's, as a static library where there is one, else its source.
find_path(LZ4_INCLUDE_DIR lz4.h)
find_library(LZ4_LIBRARY NAMES liblz4.a lz4)
add_library(partita_lz4 INTERFACE)
if(LZ4_INCLUDE_DIR AND LZ4_LIBRARY)
  target_include_directories(partita_lz4 SYSTEM INTERFACE "${LZ4_INCLUDE_DIR}")
  target_link_libraries(partita_lz4 INTERFACE "${LZ4_LIBRARY}")
else()
  FetchContent_Declare(lz4
    URL https://github.com/lz4/lz4/archive/refs/tags/v1.9.4.tar.gz
    URL_HASH SHA256=0b0e3aa07c8c063ddf40b082bdf7e37a1562bda40a0ff5272957f3e987e0e54b
    SOURCE_SUBDIR no-build-of-its-own)
  FetchContent_MakeAvailable(lz4)
  add_library(partita_lz4_source STATIC "${lz4_SOURCE_DIR}/lib/lz4.c")
  set_target_properties(partita_lz4_source PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_include_directories(partita_lz4_source SYSTEM PUBLIC "${lz4_SOURCE_DIR}/lib")
  target_link_libraries(partita_lz4 INTERFACE partita_lz4_source)
endif()

# pybind11 is found through pip's build environment, or through the interpreter that has it installed.
set(PYBIND11_FINDPYTHON ON)
find_package(Python 3.10 REQUIRED COMPONENTS Interpreter Development.Module)
if(NOT SKBUILD AND NOT pybind11_DIR)
  execute_process(COMMAND "${Python_EXECUTABLE}" -m pybind11 --cmakedir
                  OUTPUT_VARIABLE pybind11_DIR OUTPUT_STRIP_TRAILING_WHITESPACE)
endif()
find_package(pybind11 3 CONFIG REQUIRED)
