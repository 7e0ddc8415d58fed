# What `cmake --install` puts under the prefix. Components:
#   runtime    bin/magnet-server, magnet-client, magnet-model and, in lib/magnet, the
#              libraries of LibTorch's wheel that they need; with --strip a fifth smaller
#   train      bin/magnet-train
#   documents  man pages and completion, made from --help; the licences; the systemd
#              unit with its user and a first configuration
#   models     the default model, in share/magnet/models
#   cuda       the libraries of a machine with a GPU, beside the others; only when
#              named (--component cuda), after deploy/setup.sh --gpu
# The programs find lib/magnet from where they are: the tree may be moved as a whole.
# Debian's libraries are not copied: deploy/packages/debian-runtime.txt names them.

include(GNUInstallDirs)
set(MAGNET_PRIVATE_LIBDIR "lib/magnet")
set(_site "${MAGNET_DEPS_DIR}/site")

function(magnet_install program component)
  if(NOT TARGET ${program})
    return()
  endif()
  if(NOT program STREQUAL "magnet-client")  # it uses none of them
    set_target_properties(${program} PROPERTIES INSTALL_RPATH "$ORIGIN/../${MAGNET_PRIVATE_LIBDIR}")
  endif()
  install(TARGETS ${program} RUNTIME DESTINATION bin COMPONENT ${component})
endfunction()

foreach(_program IN ITEMS magnet-server magnet-client magnet-model)
  magnet_install(${_program} runtime)
endforeach()
magnet_install(magnet-train train)

set(_libraries
  "${_site}/torch/lib/libtorch_cpu.so" "${_site}/torch/lib/libc10.so"
  "${_site}/torch/lib/libgomp.so.1"
  "${_site}/nvidia/cu13/lib/libcudart.so.13" "${_site}/nvidia/cu13/lib/libcupti.so.13")
install(FILES ${_libraries} DESTINATION ${MAGNET_PRIVATE_LIBDIR} COMPONENT runtime)

# --strip knows targets only; LibTorch's symbol table is 93 MB.
install(CODE "
  if(CMAKE_INSTALL_DO_STRIP)
    foreach(library IN ITEMS libtorch_cpu.so libc10.so)
      execute_process(COMMAND_ERROR_IS_FATAL ANY COMMAND \"${CMAKE_STRIP}\" --strip-unneeded
        \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${MAGNET_PRIVATE_LIBDIR}/\${library}\")
    endforeach()
  endif()" COMPONENT runtime)

install(CODE "
  file(GLOB libraries
    \"${_site}/torch/lib/libtorch_cuda*.so\" \"${_site}/torch/lib/libc10_cuda.so\"
    \"${_site}/torch/lib/libcaffe2_nvrtc.so\" \"${_site}/torch/lib/libtorch_nvshmem.so\"
    \"${_site}/nvidia/*/lib/*.so*\")
  # Profiling, several machines, and second copies.
  list(FILTER libraries EXCLUDE REGEX
    \"alt[.]so|nvperf|checkpoint|pcsampling|nvblas|cufftw|cusolverMg|nvshmem_(bootstrap|transport)|_rdma|nvtx\")
  if(NOT EXISTS \"${_site}/nvidia/cudnn/lib\")
    message(FATAL_ERROR \"The CUDA libraries are not in ${_site}: run deploy/setup.sh --gpu first\")
  endif()
  file(INSTALL \${libraries} DESTINATION \"\${CMAKE_INSTALL_PREFIX}/${MAGNET_PRIVATE_LIBDIR}\")
  " COMPONENT cuda EXCLUDE_FROM_ALL)

# --------------------------------------------------------------------------

set(_licences "${CMAKE_INSTALL_DATADIR}/doc/magnet")
install(FILES LICENSE DESTINATION ${_licences} COMPONENT runtime)
file(GLOB _wheels "${_site}/torch-*.dist-info" "${_site}/nvidia_cuda_runtime-*.dist-info"
  "${_site}/nvidia_cuda_cupti-*.dist-info")
foreach(_wheel IN LISTS _wheels)
  cmake_path(GET _wheel STEM LAST_ONLY _name)
  install(DIRECTORY "${_wheel}/licenses/" DESTINATION "${_licences}/${_name}" COMPONENT runtime)
endforeach()

# The unit names /usr/local/bin; what is installed names the real prefix.
install(CODE "
  file(READ \"${CMAKE_SOURCE_DIR}/deploy/systemd/magnet-server.service\" unit)
  string(REPLACE \"/usr/local/bin/\" \"\${CMAKE_INSTALL_PREFIX}/bin/\" unit \"\${unit}\")
  file(WRITE \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/lib/systemd/system/magnet-server.service\"
    \"\${unit}\")" COMPONENT documents)
install(DIRECTORY models/default DESTINATION "${CMAKE_INSTALL_DATADIR}/magnet/models"
  COMPONENT models)
install(FILES deploy/systemd/magnet.conf DESTINATION lib/sysusers.d COMPONENT documents)
install(FILES deploy/systemd/server.yaml DESTINATION "${CMAKE_INSTALL_DATADIR}/magnet"
  COMPONENT documents)

# --------------------------------------------------------------------------

set(_pages "")
find_program(MAGNET_HELP2MAN help2man)
if(NOT MAGNET_HELP2MAN)
  message(STATUS "help2man not found: no man pages")
endif()

# magnet_man_page(PROGRAM SECTION "what it does" [COMMAND])
function(magnet_man_page program section name)
  if(NOT MAGNET_HELP2MAN OR NOT TARGET ${program})
    return()
  endif()
  string(JOIN "-" page ${program} ${ARGN})
  set(file "${CMAKE_BINARY_DIR}/man/${page}.${section}")
  add_custom_command(OUTPUT "${file}"
    COMMAND "${CMAKE_COMMAND}" -E make_directory "${CMAKE_BINARY_DIR}/man"
    COMMAND "${MAGNET_HELP2MAN}" --no-info --section=${section} "--name=${name}"
            "--version-string=${page} ${PROJECT_VERSION}" "--source=magnet ${PROJECT_VERSION}"
            "--output=${file}" "$<TARGET_FILE:${program}> ${ARGN}"
    DEPENDS ${program} VERBATIM COMMENT "Man page ${page}(${section})")
  install(FILES "${file}" DESTINATION "${CMAKE_INSTALL_MANDIR}/man${section}" COMPONENT documents)
  set(_pages ${_pages} "${file}" PARENT_SCOPE)
endfunction()

magnet_man_page(magnet-server 8 "serves text-to-music models over gRPC")
magnet_man_page(magnet-client 1 "makes music from text with a magnet-server")
magnet_man_page(magnet-client 1 "make music from text" generate)
magnet_man_page(magnet-client 1 "list a server's models" models)
magnet_man_page(magnet-client 1 "ask whether a server takes requests" health)
magnet_man_page(magnet-client 1 "measure a server under load" load)
magnet_man_page(magnet-client 1 "print a script that completes command lines" completion)
magnet_man_page(magnet-model 1 "converts, inspects and runs MAGNeT models, offline")
magnet_man_page(magnet-model 1 "make music from a prompt" generate)
magnet_man_page(magnet-model 1 "make a bundle from published checkpoints" convert)
magnet_man_page(magnet-model 1 "show sizes, parameters, licence and memory of a model" inspect)
magnet_man_page(magnet-model 1 "show a text as the model reads it" tokenize)
magnet_man_page(magnet-model 1 "turn audio into codes" encode)
magnet_man_page(magnet-model 1 "turn codes into audio" decode)
magnet_man_page(magnet-model 1 "time each precision on this CPU" precisions)
magnet_man_page(magnet-train 1 "makes data sets and trains models")

if(TARGET magnet-client)
  set(_completion "${CMAKE_BINARY_DIR}/completion/magnet-client")
  add_custom_command(OUTPUT "${_completion}"
    COMMAND "${CMAKE_COMMAND}" -E make_directory "${CMAKE_BINARY_DIR}/completion"
    COMMAND magnet-client completion bash > "${_completion}"
    DEPENDS magnet-client VERBATIM COMMENT "Completion of magnet-client")
  install(FILES "${_completion}" COMPONENT documents
    DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions")
  list(APPEND _pages "${_completion}")
endif()
add_custom_target(magnet-documents ALL DEPENDS ${_pages})
