#!/usr/bin/env bash
# The compiled kernel under a sanitizer: run_sanitizer.sh address,undefined|thread FOLDER [CASES]
# First its arithmetic with right arrays, then its operations with wrong ones.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
native=$here/../../kerasrnn/kernels/native
folder=$2
flags=(-std=c++17 -O1 -g -ffp-contract=fast -fsanitize="$1" -fno-sanitize-recover=all)
flags+=(-Wall -Wextra -Werror)
kernel=(threads operations isa_baseline isa_baseline_double)
[[ $(uname -m) == x86_64 ]] &&
    kernel+=(isa_avx2 isa_avx2_double isa_avx512 isa_avx512_bfloat16)
bfloat16=-mavx512bf16
"${CXX:-g++}" "$bfloat16" -x c++ -c /dev/null -o /dev/null 2>/dev/null || bfloat16=
running=()
for name in "${kernel[@]}" tensorflow xla c_interface native_driver inputs_driver fake_tensorflow; do
    source=$native/$name.cc
    [[ -e $source ]] || source=$here/$name.cc
    machine=()
    [[ $name == isa_avx* ]] && machine=(-mavx2 -mfma)
    [[ $name == isa_avx512* ]] && machine+=(-mavx512f -mavx512dq -mavx512vl -mavx512bw)
    [[ $name == *bfloat16 && -n $bfloat16 ]] && machine+=("$bfloat16")
    "${CXX:-g++}" "${flags[@]}" "${machine[@]}" -c "$source" -o "$folder/$name.o" &
    running+=($!)
done
for one in "${running[@]}"; do wait "$one"; done
link() {
    local objects=("${@/#/$folder/}")
    "${CXX:-g++}" "${flags[@]}" "${objects[@]/%/.o}" -pthread -o "$folder/$1.run"
    UBSAN_OPTIONS=print_stacktrace=1 "$folder/$1.run" "${cases:-100}"
}
cases=${3:-}
link native_driver "${kernel[@]}"
link inputs_driver fake_tensorflow tensorflow xla c_interface "${kernel[@]}"
