# Input filter of the API reference: headers as doxygen reads them. The opening comment describes the file, all
# declarations join the group of their folder, and comments are plain text, in which only `code`, paragraphs and lists
# are markup. Lines keep their numbers.

# Escapes what doxygen would take for markup outside of backticks, which may be in different lines of a comment.
function plain(text,   out, i, c) {
  out = ""
  for (i = 1; i <= length(text); ++i) {
    c = substr(text, i, 1)
    if (c == "`") quoted = !quoted
    if (!quoted && (index("\\@<>&#%*", c) > 0 || substr(text, i, 2) == "::" && out !~ /[A-Za-z0-9_]$/)) out = out "\\"
    out = out c
  }
  return out
}

FNR == 1 {
  opening = 1
  quoted = 0
  group = FILENAME
  sub(/.*\/include\/vlmt\//, "", group)
  group = group ~ /\// ? "folder_" group : "folder_vlmt"
  sub(/\/[^\/]*$/, "", group)
  gsub(/\//, "_", group)
}

opening && /^\/\// {
  print "///" plain(substr($0, 3))
  next
}
opening {
  opening = 0
  quoted = 0
  if (/^#pragma once/) {
    print "/// \\file"
    next
  }
}

/^VLMT_BEGIN_NAMESPACE/ { $0 = $0 " /** \\addtogroup " group " */ /** \\{ */" }
/^VLMT_END_NAMESPACE/ { $0 = "/** \\} */ " $0 }

{
  at = index($0, "///")
  if (at == 0) {
    quoted = 0
    print
    next
  }
  length_of_mark = substr($0, at + 3, 1) == "<" ? 4 : 3
  if (length_of_mark == 4) quoted = 0
  print substr($0, 1, at + length_of_mark - 1) plain(substr($0, at + length_of_mark))
}
