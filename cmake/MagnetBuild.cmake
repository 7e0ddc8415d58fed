# How every target of this project is built, and the two functions that make them.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
# One setting for libraries and programs, or they could not share a precompiled header.
add_compile_options($<$<NOT:$<COMPILE_LANGUAGE:CUDA>>:-fPIC>)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

# Files of a target are compiled six at a time: half the work of a clean build,
# most of which is reading the same headers. Off in the dev preset.
option(MAGNET_UNITY_BUILD "Compile the sources of a target in batches" ON)

find_program(MAGNET_CCACHE ccache)
if(MAGNET_CCACHE)
  # Precompiled headers are cached only when ccache may ignore their time stamps.
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      "${MAGNET_CCACHE}")
endif()
# Not mold: Debian 12's makes programs now and then that the loader refuses (a .tbss at the
# end of a page lets the read-only part begin in a page that is not there).
find_program(MAGNET_LLD ld.lld)
if(MAGNET_LLD)
  add_link_options(-fuse-ld=lld)
endif()

if(MAGNET_SANITIZER)
  # vptr needs the type information of classes that the libraries keep hidden.
  add_compile_options(-fsanitize=${MAGNET_SANITIZER} -fno-sanitize=vptr -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${MAGNET_SANITIZER})
endif()

# magnet_library(NAME SOURCES a.cc ... DEPS target ... [TORCH])
# A static library of one folder. TORCH: its sources use LibTorch; they share
# one precompiled header. PLAIN_SOURCES, of all three functions: those that are
# compiled alone: without that header (a third of the time), and in no batch.
function(magnet_library name)
  cmake_parse_arguments(ARG "TORCH" "" "SOURCES;PLAIN_SOURCES;DEPS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES} ${ARG_PLAIN_SOURCES})
  magnet_configure_target(${name} "${ARG_TORCH}" "${ARG_PLAIN_SOURCES}")
  target_link_libraries(${name} PUBLIC ${ARG_DEPS})
endfunction()

# magnet_program(NAME SOURCES ... DEPS ... [TORCH])
function(magnet_program name)
  cmake_parse_arguments(ARG "TORCH" "" "SOURCES;PLAIN_SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES} ${ARG_PLAIN_SOURCES})
  magnet_configure_target(${name} "${ARG_TORCH}" "${ARG_PLAIN_SOURCES}")
  target_link_libraries(${name} PRIVATE ${ARG_DEPS})
endfunction()

# magnet_test(NAME LABEL unit SOURCES ... DEPS ... [TORCH])
# One CTest test per executable. LABEL is one of unit, parity, integration, fault, gpu.
function(magnet_test name)
  cmake_parse_arguments(ARG "TORCH" "LABEL;TIMEOUT" "SOURCES;PLAIN_SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES} ${ARG_PLAIN_SOURCES})
  magnet_configure_target(${name} "${ARG_TORCH}" "${ARG_PLAIN_SOURCES}")
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} GTest::gmock GTest::gtest_main)
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
    if(MAGNET_SANITIZER)
      set(ARG_TIMEOUT 1800)
    endif()
  endif()
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES
    LABELS "${ARG_LABEL}" TIMEOUT ${ARG_TIMEOUT}
    ENVIRONMENT "MAGNET_TESTDATA=${CMAKE_SOURCE_DIR}/tests/testdata;OMP_WAIT_POLICY=passive")
endfunction()

function(magnet_configure_target name uses_torch plain_sources)
  target_include_directories(${name} PRIVATE "${CMAKE_SOURCE_DIR}")
  target_compile_options(${name} PRIVATE -Wall -Wextra -Wno-unused-parameter)
  if(MAGNET_UNITY_BUILD)
    set_target_properties(${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 6)
  endif()
  if(plain_sources)
    set_source_files_properties(${plain_sources} PROPERTIES
      SKIP_UNITY_BUILD_INCLUSION ON SKIP_PRECOMPILE_HEADERS ON)
  endif()
  if(TARGET magnet_absl_mutex_for_tsan AND NOT name STREQUAL magnet_absl_mutex_for_tsan)
    target_link_libraries(${name} PRIVATE magnet_absl_mutex_for_tsan)
  endif()
  if(uses_torch)
    target_link_libraries(${name} PRIVATE magnet_torch_headers)
    target_precompile_headers(${name} REUSE_FROM magnet_torch_headers)
  endif()
endfunction()

# magnet_compile_for(avx2|avx512 FILE [FLAG ...])
# One of the folder's PLAIN_SOURCES: with AVX2 and FMA (CpuHasAvx2), or with AVX-512 F, BW, DQ and VL besides
# (CpuHasAvx512), and what FLAGs add. Such a file must call nothing that is defined in a header for all, or other
# files might be linked with its copy.
function(magnet_compile_for instructions file)
  if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    return()
  endif()
  set(flags -O3 -mavx2 -mfma ${ARGN})
  if(instructions STREQUAL "avx512")
    # The last two: GCC 12 warns of its own headers, which start from registers of any content.
    list(APPEND flags -mavx512f -mavx512bw -mavx512dq -mavx512vl -Wno-uninitialized -Wno-maybe-uninitialized)
  elseif(NOT instructions STREQUAL "avx2")
    message(FATAL_ERROR "magnet_compile_for: expected avx2 or avx512, found ${instructions}")
  endif()
  set_source_files_properties(${file} PROPERTIES COMPILE_OPTIONS "${flags}")
endfunction()
