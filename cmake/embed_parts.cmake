# SPDX-License-Identifier: GPL-3.0-or-later
# What embed.cmake and embed_files.cmake share.

# A file's text without the reference to a source map, which a browser's tools would try to load.
function(read_part path result)
  file(READ "${path}" text)
  string(REGEX REPLACE "\n*/[/*]# sourceMappingURL=[^\n]*\n*$" "\n" text "${text}")
  set(${result} "${text}" PARENT_SCOPE)
endfunction()

# Text as the inside of a C array of bytes.
function(c_bytes text result)
  string(HEX "${text}" hex)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  set(${result} "${bytes}" PARENT_SCOPE)
endfunction()
