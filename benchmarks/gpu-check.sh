#!/usr/bin/env bash
# Checks this program on a machine with a CUDA device and a PyTorch installation, without network and without a .NET SDK.
#   benchmarks/gpu-check.sh --publish FOLDER    on the machine where the sources are built: puts all that is needed into FOLDER (about 120 MB)
#   FOLDER/benchmarks/gpu-check.sh [--images IMAGES.gz] [--report FILE] [--quick]      on the machine with the GPU
# The second form builds the native library against PyTorch's own libtorch (needs g++, cmake, make and CUDA's headers), runs the tests of the binding,
# trains the quickstart model, and measures packs, single steps and a sweep beside PyTorch. Every part is tried; exit code 1 when one failed.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

publish() {
  set -e
  local target=$1 flags
  mkdir -p "$target/app"
  target=$(cd "$target" && pwd)
  flags=(-c Release -r linux-x64 --self-contained --nologo -v quiet --artifacts-path "$root/artifacts/gpu/build" -p:NuGetLockFilePath=obj/gpu.lock.json
    -p:RestoreLockedMode=false -p:DebugType=none -p:GenerateDocumentationFile=false -p:ErrorOnDuplicatePublishOutputFiles=false -nodeReuse:false -p:UseSharedCompilation=false)
  cd "$root"
  dotnet publish src/Cli/Cli.csproj "${flags[@]}" -o "$target/app"
  dotnet publish benchmarks/gpu/gpucheck.csproj "${flags[@]}" -o "$target/app"
  mkdir -p "$target/native" "$target/src/Torch" "$target/tests/Training/Torch" "$target/benchmarks" "$target/examples"
  cp -r src/Torch/native/. "$target/native"
  cp -r examples/. "$target/examples"
  cp -r benchmarks/gpu-check.sh benchmarks/sweep.sh "$target/benchmarks"
  mkdir -p "$target/benchmarks/shared"
  cp benchmarks/shared/report.sh "$target/benchmarks/shared"
  mkdir -p "$target/benchmarks/gpu" "$target/benchmarks/training" "$target/benchmarks/sweep"
  cp benchmarks/gpu/*.py "$target/benchmarks/gpu"
  cp benchmarks/training/pytorch_step.py "$target/benchmarks/training"
  cp benchmarks/sweep/*.py "$target/benchmarks/sweep"
  # Some tests compile kernel sources; they look for them beside a solution file, as in a checkout.
  ln -sfn ../../native "$target/src/Torch/native"
  cp -r tests/Training/Torch/Cuda "$target/tests/Training/Torch/"
  : >"$target/Vae.Distributed.sln"
  cat >"$target/vae" <<'SH'
#!/usr/bin/env bash
exec "$(dirname "${BASH_SOURCE[0]}")/app/vae" "$@"
SH
  chmod +x "$target/vae"
  git rev-parse --short HEAD >"$target/COMMIT" 2>/dev/null || true
  rm -f "$target/app/libvae_torch.so" # It was built for this machine's libtorch.
  echo "Published to $target; copy it to the machine with the GPU and run benchmarks/gpu-check.sh there." >&2
}

images='' report='' quick=no
while [ $# -gt 0 ]; do
  case "$1" in
    --publish | --images | --report) [ -n "${2-}" ] || { echo "$1 needs a value; see the head of $0" >&2; exit 2; } ;;&
    --images) [ -r "$2" ] || { echo "--images: $2 cannot be read" >&2; exit 2; } ;;&
    --publish) publish "${2:?--publish FOLDER}"; exit ;;
    --images) images=$(realpath "$2"); shift 2 ;;
    --report) report=$(realpath -m "$2"); shift 2 ;;
    --quick) quick=yes; shift ;;
    *) echo "unknown option $1; see the head of $0" >&2; exit 2 ;;
  esac
done
[ -x "$root/app/gpucheck" ] || { echo "$root holds no published program: run $0 --publish FOLDER where the sources are, and start the copy in FOLDER." >&2; exit 2; }

cd "$root"
export DOTNET_gcServer=0 VAE_NO_BUILD=1
python=${PYTHON:-python3}
steps=200 rounds=3
[ "$quick" = yes ] && { steps=60 rounds=1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=()

# Runs one part, shows its output as a code block or as it is, and notes a failure; later parts run all the same.
part() {
  local form=$1 title=$2 code
  shift 2
  printf '\n## %s\n\n' "$title"
  [ "$form" = text ] && echo '```'
  "$@" 2>&1
  code=$?
  [ "$form" = text ] && echo '```'
  [ $code -eq 0 ] || { failed+=("$title"); printf '\n**FAILED** (exit code %s)\n' "$code"; }
}

# Says everything that is missing at once, in words; the parts that need it fail after it.
needs() {
  local tool missing=0
  lacks() { echo "missing: $1"; missing=1; }
  for tool in g++ cmake make flock; do command -v "$tool" >/dev/null || lacks "$tool (to build the native library)"; done
  if ! command -v "$python" >/dev/null; then lacks "$python (set PYTHON to the interpreter that has PyTorch)"
  elif ! "$python" -c 'import torch' 2>/dev/null; then lacks "PyTorch for $python (set PYTHON to the interpreter that has it)"
  elif ! "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' 2>/dev/null; then
    lacks "a CUDA device that PyTorch can use: its torch.cuda.is_available() is false$("$python" -c 'import torch; print("" if torch.version.cuda else ", for this PyTorch is built without CUDA")')"
  fi
  [ $missing -eq 0 ] && echo "all there"
  return $missing
}

build() {
  local torch
  torch=$("$python" -c 'import os, torch; print(os.path.dirname(torch.__file__))') || return 1
  # Wheels keep CUDA's libraries beside torch; its own run paths find them.
  LIBTORCH=$torch bash native/build.sh "$root/build" || { tail -n 40 "$root/build/build.log"; return 1; }
  cp "$root/build/libvae_torch.so" app/
  grep -h -E '^-- with' "$root/build/build.log" || true
}

quickstart() {
  ./vae train examples/quickstart.yaml --device cuda --home "$work/home" --set training.epochs=3 -q && ./vae sweep list --home "$work/home"
}

sweep() {
  local data=$images
  if [ -z "$data" ]; then
    "$python" - "$work/images.gz" <<'PY'
import gzip, struct, sys
import torch
torch.manual_seed(1)
side = 28
blobs = []
for _ in range(10000): # Discs of random place and size: enough structure to learn, nothing to download.
    cy, cx, r = (torch.rand(3) * torch.tensor([14., 14., 6.]) + torch.tensor([7., 7., 3.])).tolist()
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    blobs.append((((y - cy) ** 2 + (x - cx) ** 2) < r * r).to(torch.uint8) * 255)
with gzip.open(sys.argv[1], "wb") as file:
    file.write(struct.pack(">IIII", 2051, len(blobs), side, side) + torch.stack(blobs).numpy().tobytes())
PY
    data=$work/images.gz
  fi
  "$python" benchmarks/sweep/compare.py --images "$data" --python "$python" --rounds 1 --steps 500 --trials 32 --device cuda --one-at-a-time --model mlp
}

write_report() {
  echo "# Check on a CUDA device"
  echo
  echo "- date $(date -u +%F), commit $(cat COMMIT 2>/dev/null || echo unknown)"
  echo "- $(nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>/dev/null | head -1 || echo 'nvidia-smi: not found')"
  echo "- processor $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) cores, Linux $(uname -r)"
  echo "- $("$python" -c 'import torch; print("PyTorch", torch.__version__, "CUDA", torch.version.cuda)' 2>/dev/null || echo 'PyTorch: not found')"
  part text "What is needed" needs
  part text "Native library against this PyTorch" build
  part text "Device" app/gpucheck facts
  part text "Tests of the binding" app/gpucheck tests
  part text "Quickstart on the device" quickstart
  part table "Packs and single steps beside eager PyTorch" "$python" benchmarks/gpu/compare.py --ours app/gpucheck --python "$python" --steps "$steps" --rounds "$rounds"
  [ "$quick" = yes ] || part table "A sweep of 32 trials beside one PyTorch process after the other" sweep
  printf '\n## Summary\n\n'
  if [ ${#failed[@]} -eq 0 ]; then echo "All parts passed."; else printf -- '- failed: %s\n' "${failed[@]}"; fi
  [ ${#failed[@]} -eq 0 ]
}

if [ -n "$report" ]; then write_report > >(tee "$report"); else write_report; fi
