#!/bin/sh
# run.sh [TEXT_FILE [QUESTION...]]
#
# The reverse dictionary: WordNet's definitions become vectors, the vectors go into the extractor's own SavedModel, and
# that one model answers questions. With TEXT_FILE (one text a line) the texts are its lines instead.
# INLAY names the program, INLAY_DEMO the folder to work in. Run again, only what is out of date is made again.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
inlay=${INLAY:-$root/build/release/inlay}
wordnet=${WORDNET:-/usr/share/wordnet}
own=${1:-}
work=${INLAY_DEMO:-$root/build/demo}
if [ -n "$own" ]; then
    [ -r "$own" ] || { echo "run.sh: $own: cannot be read" >&2; exit 1; }
    work=$work/own-$(basename "$own" | tr -c 'A-Za-z0-9\n' -)
    shift
fi
[ -x "$inlay" ] || { echo "run.sh: no program at $inlay (make builds it, INLAY names another)" >&2; exit 1; }
mkdir -p "$work"

now() { date +%s%3N; }
size() { du -sh --apparent-size "$1" | cut -f1; }
short() { case $1 in "$PWD"/*) echo "${1#"$PWD"/}" ;; *) echo "$1" ;; esac; }

# step WHAT RESULT INPUT COMMAND... : runs COMMAND unless RESULT is newer than INPUT; tells size and time
step() {
    what=$1 result=$2 input=$3
    shift 3
    if [ -e "$result" ] && [ "$result" -nt "$input" ]; then
        printf '%-34s %8s   %s\n' "$what" "$(size "$result")" "there already"
        return
    fi
    start=$(now)
    "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
    touch "$result"
    printf '%-34s %8s   %d ms\n' "$what" "$(size "$result")" "$(($(now) - start))"
}

# Under another name until it is whole; and inlay encode would resume vectors of other texts.
encode() {
    rm -rf "$work/vectors" "$work/vectors.part" &&
        "$inlay" encode "$here/extractor" --lines "$texts" -o "$work/vectors.part" &&
        mv "$work/vectors.part" "$work/vectors"
}

fuse() {
    "$inlay" fuse "$here/extractor" --embeddings "$work/vectors" --labels "$labels" --force -o "$work/model"
}

if [ -n "$own" ]; then
    texts=$own labels=$own
    echo "$(wc -l <"$own") lines of $own"
else
    texts=$work/definitions.txt labels=$work/labels.txt
    step "definitions of WordNet" "$texts" "$wordnet/data.noun" "$here/definitions.sh" "$wordnet" "$work"
fi
step "a vector for each (inlay encode)" "$work/vectors" "$texts" encode
step "one model (inlay fuse)" "$work/model" "$work/vectors" fuse

if [ -z "$own" ]; then
    set -- "a sweet frozen dessert made of cream" "instrument for measuring temperature" "fear of spiders" \
        "someone who repairs shoes"
fi
for question; do
    echo
    start=$(now)
    "$inlay" query "$work/model" --text "$question" --k 5
    echo "($(($(now) - start)) ms, the whole process)"
done

program=$(short "$inlay") model=$(short "$work/model") script=$(short "$here/run.sh")
cat <<END

What to try next:
  $program query $model --text "a place where books are kept"
  $program query $model --text - --json          questions from the keyboard, a line each
  $program show $model                           what is inside
  $script FILE.txt "what to look for"            your own text file, a text a line
  python3 -c 'import tensorflow as tf; print(tf.saved_model.load("$model").signatures["search"](
      text=tf.constant(["a young cat"]), k=tf.constant(5))["labels"])'     the same model in TensorFlow
END
