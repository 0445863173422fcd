# `cmake --install`: program, libraries, header, pkg-config file, man pages, completions, licence.
include(GNUInstallDirs)

# What a static link needs, as pkg-config names and as flags.
set(PC_REQUIRES_PRIVATE "libprotobuf-c, jansson, re2, zlib")
set(PC_LIBS_PRIVATE "-lisal -lsnappy -lstdc++ -lpthread -lm -ldl")
configure_file(${CMAKE_CURRENT_SOURCE_DIR}/inlay.pc.in ${CMAKE_BINARY_DIR}/inlay.pc.in @ONLY)

# The prefix is known when installing, not before (cmake --install --prefix), so the file is completed then.
install(CODE "
  set(prefix \"\${CMAKE_INSTALL_PREFIX}\")
  get_filename_component(prefix \"\${prefix}\" ABSOLUTE)
  file(READ \"${CMAKE_BINARY_DIR}/inlay.pc.in\" content)
  string(REPLACE \"%PREFIX%\" \"\${prefix}\" content \"\${content}\")
  file(WRITE \"${CMAKE_BINARY_DIR}/inlay.pc\" \"\${content}\")
")
install(FILES ${CMAKE_BINARY_DIR}/inlay.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(TARGETS inlay_shared LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES ${archive} DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES ${CMAKE_SOURCE_DIR}/include/inlay/inlay.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/inlay)
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
if(TARGET inlay)
  install(TARGETS inlay RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(DIRECTORY ${CMAKE_SOURCE_DIR}/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 FILES_MATCHING PATTERN "*.1")
  install(FILES ${CMAKE_SOURCE_DIR}/completions/inlay.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
          RENAME inlay OPTIONAL)
  install(FILES ${CMAKE_SOURCE_DIR}/completions/_inlay DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions OPTIONAL)
  install(FILES ${CMAKE_SOURCE_DIR}/completions/inlay.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d OPTIONAL)
endif()
