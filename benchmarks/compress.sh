#!/usr/bin/env bash
# Length and speed of `vae model compress` on held-out black and white digits, beside the model's own bound and beside gzip, bzip2, xz and PNG.
# usage: benchmarks/compress.sh IMAGES.gz [--epochs 60] [--save]
# IMAGES.gz: 10,000 images in IDX format; the first 8,000 train, the last 2,000 are compressed. --save writes benchmarks/results/compress-<date>.md.
set -euo pipefail
cd "$(dirname "$0")/.."
images=$(realpath "${1:?usage: benchmarks/compress.sh IMAGES.gz [--epochs 60] [--save]}")
shift
command="benchmarks/compress.sh $(basename "$images") $*"
epochs=60 save=no
while [ $# -gt 0 ]; do
  case "$1" in
    --epochs) epochs=$2; shift 2 ;;
    --save) save=yes; shift ;;
    *) echo "unknown option $1; see the head of $0" >&2; exit 2 ;;
  esac
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
dotnet build benchmarks/compress -c Release -v q --nologo >&2

# name, binarization, epochs, model
run() {
  local name=$1 binarize=$2
  cat > "$work/$name.yaml" <<YAML
version: 1
name: $name
dataset: { source: idx, images: $images, holdout: 0.2, binarize: $binarize }
model: $4
training: { epochs: $3, batch: 64, learning_rate: 1e-3, seed: 1 }
YAML
  ./vae sweep run "$work/$name.yaml" --home "$work/$name" --workers 1 --threads 2 -q >&2
  local how=()
  [ "$binarize" = fixed ] || how=(--binarize "$binarize")
  ./vae model compress best:last --home "$work/$name" "${how[@]}" --threads 1 --out "$work/$name.vaez" --json > "$work/$name.json"
  ./vae model decompress best:last "$work/$name.vaez" --home "$work/$name" --threads 1 --out "$work/$name.idx" --json > "$work/$name.back.json"
}
run mlp fixed "$epochs" "{ architecture: mlp, encoder: [100], latent: 40 }"
run dynamic dynamic "$epochs" "{ architecture: mlp, encoder: [100], latent: 40 }"
run wide fixed $((epochs / 3)) "{ architecture: mlp, encoder: [512, 256], latent: 40 }"
run conv fixed $((epochs / 6)) "{ architecture: conv, latent: 32 }"

report() {
  echo "# Compressing binarized MNIST"
  echo
  echo "- date $(date -u +%F), commit $(git rev-parse --short HEAD)$([ -z "$(git status --porcelain)" ] || echo ' with changes')"
  echo "- processor $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) cores, Linux $(uname -r)"
  echo "- the last 2,000 of the 10,000 test images of MNIST, which the models were not trained on; fixed: 128 and above is 1; dynamic: a grey value is the probability of a 1, drawn once"
  echo "- every byte of a file counts: header, checksums, and what the first draws of both blocks of 1,000 images cost; decompressed and compared bit for bit"
  echo "- command: \`$command\`"
  echo
  python3 - "$work" <<'PY'
import bz2, gzip, json, lzma, os, struct, sys, zlib

work = sys.argv[1]
load = lambda name: json.load(open(f"{work}/{name}.json"))
names = [("mlp", "MLP 784-100-40, fixed"), ("dynamic", "MLP 784-100-40, dynamic"), ("wide", "MLP 784-512-256-40, fixed"), ("conv", "convolutional, latent 32, fixed")]
print("| model | bits per pixel | the model's own bound | over it | of that header, start | images/s, compress | images/s, decompress |")
print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
for name, title in names:
    a, b = load(name), load(name + ".back")
    extra = (a["header_bytes"] * 8 + a["start_bits"]) / a["pixels"] / a["elbo_bits_per_pixel"]
    print(f"| {title} | {a['bits_per_pixel']:.4f} | {a['elbo_bits_per_pixel']:.4f} | {a['overhead']:.2%} | {extra:.2%} | {a['images_per_second']:,.0f} | {b['images_per_second']:,.0f} |")
print("\nOne thread, the program's first seconds included (compiling, weights, checksums).\n")

def png(width, rows):  # One bit per pixel, no filter, as is best for two levels.
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    body = b"".join(b"\0" + row for row in rows)
    return len(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, len(rows), 1, 0, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(body, 9)) + chunk(b"IEND", b""))

print("| bits per pixel | fixed | dynamic |\n| --- | ---: | ---: |")
def sizes(name):
    raw = open(f"{work}/{name}.idx", "rb").read()[16:]
    bits = "".join("1" if v else "0" for v in raw)
    packed = int(bits, 2).to_bytes(len(bits) // 8, "big")
    row = lambda at: int(bits[at:at + 28].ljust(32, "0"), 2).to_bytes(4, "big")
    rows = [row(at) for at in range(0, len(bits), 28)]
    found = {"`vae model compress`, MLP 784-100-40": os.path.getsize(f"{work}/{name}.vaez")}
    for title, data in ((", one byte per pixel", raw), (", packed, 28 bits to a row", b"".join(rows)), (", packed without gaps", packed)):
        found["gzip -9" + title] = len(gzip.compress(data, 9))
        found["bzip2 -9" + title] = len(bz2.compress(data, 9))
        found["xz -9" + title] = len(lzma.compress(data, preset=9))
    found["PNG of 1 bit, all images in one"] = png(28, rows)
    found["PNG of 1 bit, one for each image"] = sum(png(28, rows[i:i + 28]) for i in range(0, len(rows), 28))
    found["packed, not compressed"] = len(packed)
    return {title: size * 8 / len(raw) for title, size in found.items()}
fixed, dynamic = sizes("mlp"), sizes("dynamic")
for title in fixed: print(f"| {title} | {fixed[title]:.4f} | {dynamic[title]:.4f} |")
best = min(v for k, v in fixed.items() if not k.startswith("`"))
print(f"\nThe best of the others needs {best / fixed[next(iter(fixed))]:.2f} times as many bits (fixed). The model is not counted: both sides must have it, as both must have gzip.")
PY
  echo
  echo "## Where the bits go"
  model() { dirname "$(find "$work/$1" -name model.safetensors | head -1)"; }
  benchmarks/compress/bin/Release/net10.0/compressrate rate "$(model mlp)" "$work/mlp.idx"
  echo
  echo "## Where the time goes"
  for name in mlp wide conv; do
    echo
    echo "$name:"
    echo
    benchmarks/compress/bin/Release/net10.0/compressrate time "$(model "$name")" "$work/mlp.idx"
  done
}
if [ "$save" = yes ]; then
  mkdir -p benchmarks/results
  report | tee "benchmarks/results/compress-$(date -u +%F).md"
else
  report
fi
