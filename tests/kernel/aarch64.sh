#!/usr/bin/env bash
# Builds the scan, the search and what they need of base/ and tensor/ for AArch64, and runs their tests under qemu-user.
# Other libraries do not exist for that machine here, so this is no full build. The last line counts.
# usage: aarch64.sh [FOLDER]   FOLDER, made if needed, takes what is built; build/aarch64 by default
set -euo pipefail
shopt -s extglob # for the sources of search/: all but those that know bundles
cd "$(dirname "$0")/../.."
out=${1:-build/aarch64}
cc=${CC_AARCH64:-aarch64-linux-gnu-gcc}
for tool in "$cc" qemu-aarch64; do
  command -v "$tool" >/dev/null || { echo "skipped: there is no $tool"; echo "0 passed, 0 failed, 1 skipped"; exit 0; }
done
mkdir -p "$out"
flags=(-std=c11 -O2 -g -D_GNU_SOURCE -Wall -Wextra -Wconversion -Wno-sign-conversion -Werror -fno-math-errno -ffp-contract=off
       -Iinclude -Isrc -Itests -Itests/kernel/plain)
sources=(src/base/{alloc,blocks,buffer,bytes,cpu,crc32c,error,fault,file_folder,file_leftovers,file_map,file_write,log,pool}.c src/tensor/dtype.c
         src/search/!(index_set|index_tie).c src/kernel/scan/{scan,top,scan_neon}.c src/kernel/quant/quant{,_encode,_neon}.c)
passed=0 failed=0
"$cc" "${flags[@]}" -march=armv8.2-a+dotprod -c -o "$out/quant_dotprod.o" src/kernel/quant/quant_dotprod.c
for test in tests/kernel/test_{scan,quant}.c tests/unit/test_{search,index,index_file}.c; do
  program=$out/$(basename "$test" .c)
  "$cc" "${flags[@]}" -static -pthread -o "$program" "$test" "${sources[@]}" "$out/quant_dotprod.o" -lm
  echo "== $(basename "$program")"
  code=0
  qemu-aarch64 "$program" >"$out/run" 2>&1 || code=$?
  grep -v '^seed' "$out/run" || true
  ok=$(grep -c '^ok ' "$out/run" || true) bad=$(grep -c '^FAILED ' "$out/run" || true)
  [ "$bad" -gt 0 ] || { [ "$code" = 0 ] && [ "$ok" -gt 0 ]; } || { echo "exit code $code"; bad=1; }
  passed=$((passed + ok)) failed=$((failed + bad))
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
