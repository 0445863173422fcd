#!/bin/sh
# definitions.sh [WORDNET_DIR [OUT_DIR]]
#
# Turns WordNet's data files (wndb(5WN)) into two text files of one line a meaning, line N of one belonging to line N of
# the other: OUT_DIR/definitions.txt (the definition without its examples) and OUT_DIR/labels.txt (up to three of its
# words, a comma between).
# Needs nothing but a POSIX shell and awk.
set -eu
wordnet=${1:-/usr/share/wordnet}
out=${2:-.}
for part in noun verb adj adv; do
    [ -r "$wordnet/data.$part" ] || {
        echo "definitions.sh: $wordnet/data.$part: not there (Debian: apt-get install wordnet-base)" >&2
        exit 1
    }
done
mkdir -p "$out"

# A data line: OFFSET LEXFILE TYPE COUNT(hex) WORD ID [WORD ID]... POINTERS [FRAMES] | DEFINITION; "EXAMPLE"
# Lines of the licence at the head begin with blanks. An adjective may carry its place in parentheses: asleep(p).
LC_ALL=C awk -v definitions="$out/definitions.txt.part" -v labels="$out/labels.txt.part" '
function hex(digits) {
    return 16 * (index("0123456789abcdef", substr(digits, 1, 1)) - 1) + index("0123456789abcdef", substr(digits, 2, 1)) - 1
}
/^[0-9]/ {
    words = hex(tolower($4))
    if (words > 3)
        words = 3
    label = $5
    for (i = 1; i < words; i++)
        label = label ", " $(5 + 2 * i)
    gsub(/\([a-z]+\)/, "", label)
    gsub(/_/, " ", label)
    print label > labels

    text = substr($0, index($0, " | ") + 3)
    example = index(text, "; \"")
    if (example > 1)
        text = substr(text, 1, example - 1)
    sub(/[ \t\r]+$/, "", text)
    print text > definitions
}' "$wordnet/data.noun" "$wordnet/data.verb" "$wordnet/data.adj" "$wordnet/data.adv"
mv "$out/definitions.txt.part" "$out/definitions.txt"
mv "$out/labels.txt.part" "$out/labels.txt"
