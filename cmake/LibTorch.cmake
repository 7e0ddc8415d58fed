# LibTorch from the unpacked wheel. Only libtorch_cpu and libc10 are linked:
# libtorch_cuda is loaded at run time where there is a GPU (model/device.h).

set(_torch "${MAGNET_DEPS_DIR}/site/torch")
if(NOT EXISTS "${_torch}/lib/libtorch_cpu.so")
  message(FATAL_ERROR "LibTorch is not in ${_torch}: run deploy/setup.sh first")
endif()
set(_nvidia "${MAGNET_DEPS_DIR}/site/nvidia/cu13/lib")

add_library(c10 SHARED IMPORTED)
set_target_properties(c10 PROPERTIES IMPORTED_LOCATION "${_torch}/lib/libc10.so")
add_library(torch_cpu SHARED IMPORTED)
set_target_properties(torch_cpu PROPERTIES IMPORTED_LOCATION "${_torch}/lib/libtorch_cpu.so")

add_library(libgomp SHARED IMPORTED)
set_target_properties(libgomp PROPERTIES IMPORTED_LOCATION "${_torch}/lib/libgomp.so.1")

# -idirafter: the wheel carries its own google/protobuf, which must not win
# over the system's.
add_library(libtorch INTERFACE)
target_compile_options(libtorch INTERFACE
  "SHELL:-idirafter ${_torch}/include"
  "SHELL:-idirafter ${_torch}/include/torch/csrc/api/include")
target_link_libraries(libtorch INTERFACE torch_cpu c10)
target_link_options(libtorch INTERFACE "-Wl,-rpath-link,${_nvidia}")

# The one precompiled header; magnet_library(... TORCH) reuses it.
file(WRITE "${CMAKE_BINARY_DIR}/torch_headers.cc" "// Owns the precompiled header.\n")
add_library(magnet_torch_headers STATIC "${CMAKE_BINARY_DIR}/torch_headers.cc")
target_link_libraries(magnet_torch_headers PUBLIC libtorch)
target_include_directories(magnet_torch_headers PRIVATE "${CMAKE_SOURCE_DIR}")
target_compile_options(magnet_torch_headers PRIVATE -Wall -Wextra -Wno-unused-parameter)
target_precompile_headers(magnet_torch_headers PRIVATE "${CMAKE_SOURCE_DIR}/model/torch.h")
