# SentencePiece from its source archive, as a static library beside the
# system's Protobuf (Debian's own build carries another Protobuf and aborts).

set(_spm "${MAGNET_DEPS_DIR}/sentencepiece")
if(NOT EXISTS "${_spm}/CMakeLists.txt")
  message(FATAL_ERROR "SentencePiece is not in ${_spm}: run deploy/setup.sh first")
endif()
set(SPM_PROTOBUF_PROVIDER "package" CACHE STRING "" FORCE)
set(SPM_ENABLE_SHARED OFF CACHE BOOL "" FORCE)
set(SPM_ENABLE_TCMALLOC OFF CACHE BOOL "" FORCE)
set(SPM_BUILD_TEST OFF CACHE BOOL "" FORCE)
set(CMAKE_CXX_CLANG_TIDY "")  # not its sources
add_subdirectory("${_spm}" "${CMAKE_BINARY_DIR}/sentencepiece" EXCLUDE_FROM_ALL SYSTEM)
unset(CMAKE_CXX_CLANG_TIDY)  # back to the cache's
