# SPDX-License-Identifier: GPL-3.0-or-later
# `cmake --install` and `cpack -G DEB`: the program, and its manual page and completions, which it prints itself.

set(made ${PROJECT_BINARY_DIR}/share)
file(MAKE_DIRECTORY ${made})
add_custom_command(OUTPUT ${made}/optctl.1.gz ${made}/optctl.bash ${made}/_optctl ${made}/optctl.fish
  COMMAND optctl help --man > ${made}/optctl.1
  COMMAND gzip -9nf ${made}/optctl.1
  COMMAND optctl completion bash > ${made}/optctl.bash
  COMMAND optctl completion zsh > ${made}/_optctl
  COMMAND optctl completion fish > ${made}/optctl.fish
  DEPENDS optctl
  VERBATIM)
add_custom_target(share ALL DEPENDS ${made}/optctl.1.gz)

# Under this name it is kubectl's plugin.
file(CREATE_LINK optctl ${made}/kubectl-optctl SYMBOLIC)

# A package needs none of the tests' programs.
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)
install(TARGETS optctl)
install(FILES ${made}/kubectl-optctl DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES ${made}/optctl.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${made}/optctl.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME optctl)
install(FILES ${made}/_optctl DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
install(FILES ${made}/optctl.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
install(FILES README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)
install(DIRECTORY docs examples DESTINATION ${CMAKE_INSTALL_DOCDIR} OPTIONAL)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "optctl maintainers <maintainers@optctl.dev>")
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "tzdata, libopenblas0") # the second is not linked
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "libpq5") # not linked either: a ledger in PostgreSQL
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
include(CPack)
