#!/usr/bin/env bash
# The compiled kernel under a sanitizer: run_sanitizer.sh address,undefined|thread FOLDER [CASES]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
native=$here/../../kerasrnn/kernels/native
flags=(-std=c++17 -O1 -g -ffp-contract=fast -fsanitize="$1" -fno-sanitize-recover=all)
objects=()
sources=("$here/native_driver.cc" "$native/threads.cc" "$native/isa_baseline.cc")
[[ $(uname -m) == x86_64 ]] && sources+=("$native/isa_avx2.cc" "$native/isa_avx512.cc")
for source in "${sources[@]}"; do
    object=$2/$(basename "$source" .cc).o
    machine=()
    [[ $source == *isa_avx* ]] && machine=(-mavx2 -mfma)
    [[ $source == *isa_avx512* ]] && machine+=(-mavx512f -mavx512dq -mavx512vl -mavx512bw)
    "${CXX:-g++}" "${flags[@]}" "${machine[@]}" -c "$source" -o "$object" &
    objects+=("$object")
done
wait
"${CXX:-g++}" "${flags[@]}" "${objects[@]}" -pthread -o "$2/driver"
UBSAN_OPTIONS=print_stacktrace=1 "$2/driver" "${3:-100}"
