#!/usr/bin/env bash
# usage: build.sh FOLDER     builds libvae_torch.so into FOLDER. Exit codes: 0 built, 3 libtorch missing, 4 tools missing, 1 does not compile.
set -u
source_folder=$(cd "$(dirname "$0")" && pwd)
build_folder=${1:?folder}
for tool in g++ cmake make flock; do
  command -v "$tool" >/dev/null || { echo "$tool is missing" >&2; exit 4; }
done
mkdir -p "$build_folder"
exec 9>"$build_folder/build.lock"
flock 9
log="$build_folder/build.log"
torch_dir=()
[ -n "${Torch_DIR:-}" ] && torch_dir=("-DTorch_DIR=$Torch_DIR")
if ! cmake -S "$source_folder" -B "$build_folder" -G "Unix Makefiles" -DCMAKE_BUILD_TYPE=Release "${torch_dir[@]}" >"$log" 2>&1; then
  cat "$log" >&2
  grep -q "libtorch is missing" "$log" && exit 3
  exit 1
fi
if ! cmake --build "$build_folder" --parallel "$(nproc)" >>"$log" 2>&1; then
  cat "$log" >&2
  grep -q "fatal error: \(ATen\|torch\|c10\)/" "$log" && exit 3
  exit 1
fi
