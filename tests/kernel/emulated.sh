#!/usr/bin/env bash
# Runs the tests of the kernels and of the search on a processor that Bochs emulates: one with AVX-512 and its VNNI, which few of
# the machines have that we develop on. Linux boots there from an image with the tests in it and reports over a serial line. Takes
# minutes. The last line counts.
# usage: emulated.sh [FOLDER]   FOLDER, made if needed, takes what is built; build/emulated by default
# $BOCHS, $MODEL, $SCREEN, $HIDDEN: a newer Bochs than Debian's, for example one that knows sapphire_rapids, which has AMX
set -euo pipefail
shopt -s extglob # for the sources of search/: all but those that know bundles
cd "$(dirname "$0")/../.."
out=${1:-build/emulated}
bochs=${BOCHS:-bochs} model=${MODEL:-corei7_icelake_u} screen=${SCREEN:-term}
# Bochs 2.7 says wrongly how large saved states are, so Linux must know nothing of protection keys, XSAVEC and XSAVES; and it has
# short fast strings without fast strings, over which Linux 6.1 stumbles.
hidden=${HIDDEN:-515,321,323,580}
minutes=${MINUTES:-60}
linux_package=linux-image-cloud-amd64

skip() {
  echo "skipped: $1"
  echo "0 passed, 0 failed, 1 skipped"
  exit 0
}

# Puts a kernel at $out/linux: Debian's for virtual machines, unpacked and not installed.
find_linux() {
  [ -e "$out/linux" ] && return
  local name folder
  name=$(apt-cache depends "$linux_package" 2>/dev/null | sed -n 's/.*Depends: \(linux-image-[0-9]\)/\1/p' | head -1)
  folder=$(mktemp -d)
  if [ -n "$name" ] && (cd "$folder" && apt-get download "$name") >/dev/null 2>&1; then
    dpkg -x "$folder"/*.deb "$folder/unpacked"
    cp "$folder"/unpacked/boot/vmlinuz-* "$out/linux"
  fi
  rm -rf "$folder"
  [ -e "$out/linux" ]
}

build_tests() {
  local flags sources sets avx2="-mavx2 -mfma -mf16c" objects=() source object test
  local avx512="-mavx512f -mavx512bw -mavx512vl -mavx512dq $avx2"
  flags=(-std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -fno-math-errno -ffp-contract=off -Iinclude -Isrc -Itests -Itests/kernel/plain)
  sources=(src/base/{alloc,blocks,buffer,bytes,cpu,crc32c,error,fault,file_folder,file_leftovers,file_map,file_write,log,pool}.c
           src/tensor/dtype.c src/search/!(index_set|index_tie).c src/kernel/{scan,quant,gemm,norms,stats}/!(*_neon|*_dotprod).c)
  for source in "${sources[@]}"; do
    object=$out/$(basename "$source" .c).o
    sets="" # as src/CMakeLists.txt has them, -O3 for kernels too
    case $source in
      *_avx2.c) sets=$avx2 ;;
      *_avx512.c) sets=$avx512 ;;
      *_avxvnni.c) sets="$avx2 -mavxvnni" ;;
      *_vnni.c) sets="$avx512 -mavx512vnni" ;;
      *_amx.c) sets="$avx512 -mavx512vnni -mamx-tile -mamx-int8" ;;
    esac
    [[ $source != src/kernel/* ]] || sets="-O3 $sets"
    # shellcheck disable=SC2086
    gcc -O2 "${flags[@]}" $sets -c -o "$object" "$source"
    objects+=("$object")
  done
  for test in tests/kernel/test_{norms,stats,quant,scan,gemm}.c tests/unit/test_{cpu,search,index}.c; do
    gcc -O2 "${flags[@]}" -static -pthread -Wl,--no-warnings -o "$out/root/$(basename "$test" .c)" "$test" "${objects[@]}" -lm
  done
}

# What Linux starts: every test at all levels, and searches with each of the levels in turn.
write_init() {
  cat <<'END'
#!/busybox sh
/busybox mount -t proc proc /proc
/busybox mount -t tmpfs tmpfs /tmp
run() {
  echo "== $1 ${INLAY_CPU:-}"
  /$1 2>&1
  echo "exit code $?"
}
export INDEX_ROUNDS=20
for test in test_cpu test_norms test_stats test_quant test_scan test_gemm; do run $test; done
for INLAY_CPU in avxvnni avx512 vnni amx; do
  export INLAY_CPU
  run test_search
  run test_index
done
echo "== END"
/busybox sleep 100000
END
}

write_image() {
  local root=$out/root image=$out/image syslinux=/usr/lib/syslinux/modules/bios
  mkdir -p "$root"/{proc,tmp,dev} "$image/isolinux"
  cp /bin/busybox "$root/busybox"
  write_init >"$root/init"
  chmod +x "$root/init"
  (cd "$root" && find . | /bin/busybox cpio -o -H newc) 2>/dev/null | gzip -1 >"$image/initrd"
  cp "$out/linux" "$image/linux"
  cp /usr/lib/ISOLINUX/isolinux.bin "$syslinux/ldlinux.c32" "$image/isolinux"
  # Linux waits by counting instructions: a slow clock makes that short
  cat >"$image/isolinux/isolinux.cfg" <<END
default test
label test
  kernel /linux
  append initrd=/initrd console=ttyS0 nokaslr mitigations=off acpi=off cryptomgr.notests tsc=reliable tsc_early_khz=50000 lpj=100000 clearcpuid=$hidden
END
  xorriso -as mkisofs -quiet -o "$out/image.iso" -b isolinux/isolinux.bin -c isolinux/boot.cat -no-emul-boot -boot-load-size 4 \
    -boot-info-table "$image" 2>/dev/null
  cat >"$out/bochsrc" <<END
display_library: $screen
cpu: model=$model, count=1, ips=50000000
memory: guest=512, host=512
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
ata0-master: type=cdrom, path=$out/image.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=$out/serial
log: $out/bochs.log
panic: action=fatal
error: action=ignore
info: action=ignore
END
}

# Until the tests have ended. Debian's Bochs has a debugger, which must be told to begin, and wants a terminal.
emulate() {
  local options="" waited=0 script
  echo c >"$out/begin"
  [[ $("$bochs" --help 2>&1 || true) != *" -rc "* ]] || options="-rc $out/begin"
  rm -f "$out/pid"
  : >"$out/serial"
  TERM=xterm script -qec "stty rows 50 cols 132; echo \$\$ >$out/pid; exec $bochs -q -f $out/bochsrc $options" /dev/null \
    </dev/null >"$out/screen" 2>&1 &
  script=$!
  trap '[ ! -e "$out/pid" ] || kill -9 "$(cat "$out/pid")" 2>/dev/null || true' EXIT
  until grep -q '^== END' "$out/serial" 2>/dev/null; do
    sleep 2
    waited=$((waited + 2))
    if [ "$waited" -gt $((minutes * 60)) ]; then echo "not done after $minutes minutes"; break; fi
    kill -0 "$script" 2>/dev/null || { echo "the emulator has ended"; break; }
  done
}

# Counts what came over the serial line. A level that was not there was not tested.
count() {
  local ok bad skipped wrong level
  tr -d '\r' <"$out/serial" | sed -n '/^== test/,$p' >"$out/run" || true
  grep -v -E '^(seed|== END)' "$out/run" || true
  ok=$(grep -c '^ok ' "$out/run" || true) bad=$(grep -c '^FAILED ' "$out/run" || true)
  skipped=$(grep -c '^skipped ' "$out/run" || true)
  wrong=$(grep -c '^exit code [^0]' "$out/run" || true)
  [ "$wrong" -le "$bad" ] || bad=$wrong
  for level in avx512 vnni; do
    grep -q "^level $level$" "$out/run" || { echo "level $level was not run"; bad=$((bad + 1)); }
  done
  grep -q '^== END' "$out/serial" || bad=$((bad + 1))
  echo "$ok passed, $bad failed, $skipped skipped"
  [ "$bad" = 0 ]
}

for tool in "$bochs" script xorriso gcc apt-get dpkg; do
  command -v "$tool" >/dev/null || skip "there is no $tool"
done
for file in /bin/busybox /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 /usr/share/bochs/BIOS-bochs-latest; do
  [ -e "$file" ] || skip "there is no $file"
done
mkdir -p "$out/root"
find_linux || skip "$linux_package cannot be had"
build_tests
write_image
emulate
count
