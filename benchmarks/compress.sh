#!/usr/bin/env bash
# Length and speed of `vae model compress` on held-out digits, black and white and grey, beside the model's own bound and beside gzip, bzip2, xz and PNG.
# usage: benchmarks/compress.sh --images IMAGES.gz [--epochs 60] [--save]
# IMAGES.gz: 10,000 images in IDX format; the first 8,000 train, the last 2,000 are compressed. Larger networks train for a third, a sixth or a twelfth of the epochs.
# QUIET=COMMAND runs what is timed through a command that waits until the machine is quiet. Needs python3 without any package. VAE=PROGRAM runs another build.
# --save writes benchmarks/results/compress-<date>.md.
# shellcheck source=benchmarks/shared/report.sh
source "$(dirname "$0")/shared/report.sh"
images='' epochs=60 vae=${VAE:-./vae} quiet=${QUIET:-}
read_options "images epochs" "" "" "$@"
images=$(realpath "${images:?--images IMAGES.gz is missing}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
build_benchmark compress

# name, binarization, epochs, model
run() {
  local name=$1 binarize=$2
  cat > "$work/$name.yaml" <<YAML
version: 1
name: $name
dataset: { source: idx, images: $images, holdout: 0.2, binarize: $binarize }
model: $4
training: { epochs: $3, batch: 64, learning_rate: 1e-3, seed: 1, evaluate_every: $3 }
YAML
  "$vae" sweep run "$work/$name.yaml" --home "$work/$name" --workers 1 --threads 2 -q >&2
  local how=()
  [ "$binarize" != dynamic ] || how=(--binarize dynamic)
  "$vae" model compress best:last --home "$work/$name" "${how[@]}" --threads 1 --out "$work/$name.vaez" --json > "$work/$name.json"
  "$vae" model decompress best:last "$work/$name.vaez" --home "$work/$name" --threads 1 --out "$work/$name.idx" --json >&2
}
third=$(((epochs + 2) / 3)) sixth=$(((epochs + 5) / 6)) twelfth=$(((epochs + 11) / 12))
run mlp fixed "$epochs" "{ architecture: mlp, encoder: [100], latent: 40 }"
run dynamic dynamic "$epochs" "{ architecture: mlp, encoder: [100], latent: 40 }"
run wide fixed "$third" "{ architecture: mlp, encoder: [512, 256], latent: 40 }"
run conv fixed "$sixth" "{ architecture: conv, latent: 32 }"
run grey none "$third" "{ architecture: mlp, encoder: [512, 256], latent: 40, likelihood: discretised_logistic, activation: silu }"
run greyconv none "$sixth" "{ architecture: conv, latent: 32, likelihood: discretised_logistic }"
run greyresnet none "$twelfth" "{ architecture: resnet, channels: [16, 32], blocks: 1, latent: 32, likelihood: discretised_logistic, activation: silu }"

report() {
  head_of "Compressing MNIST" \
    "the last 2,000 of the 10,000 test images of MNIST, which the models were not trained on; fixed: 128 and above is 1; dynamic: a grey value is the probability of a 1, drawn once; grey: bytes as they are" \
    "batch 64, Adam 1e-3, beta 1, seed 1; epochs: MLP 784-100-40 $epochs, MLP 784-512-256-40 $third, convolutional $sixth, residual $twelfth" \
    "every byte of a file counts: header, checksums, and what the first draws of both blocks of 1,000 images cost; decompressed and compared bit for bit" \
    "the bound is estimated from one draw of z for each image: its standard error is about 0.1 %"
  python3 - "$work" <<'PY'
import bz2, gzip, json, lzma, os, struct, sys, zlib

work = sys.argv[1]
names = {"mlp": "MLP 784-100-40, fixed", "dynamic": "MLP 784-100-40, dynamic", "wide": "MLP 784-512-256-40, fixed", "conv": "convolutional, latent 32, fixed",
         "grey": "MLP 784-512-256-40, silu, grey", "greyconv": "convolutional, latent 32, grey", "greyresnet": "residual, latent 32, silu, grey"}
found = {name: json.load(open(f"{work}/{name}.json")) for name in names}
print("| model | bits per pixel | the model's own bound | over it | of that header, start |")
print("| --- | ---: | ---: | ---: | ---: |")
for name, title in names.items():
    a = found[name]
    extra = (a["header_bytes"] * 8 + a["start_bits"]) / a["pixels"] / a["elbo_bits_per_pixel"]
    print(f"| {title} | {a['bits_per_pixel']:.4f} | {a['elbo_bits_per_pixel']:.4f} | {a['overhead'] * 100:.2f} % | {extra * 100:.2f} % |")

def png(width, depth, rows):
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    frame = lambda body: len(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, len(rows), depth, 0, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(body, 9)) + chunk(b"IEND", b""))
    plain = frame(b"".join(b"\0" + row for row in rows)) # No filter, as is best for two levels.
    return plain if depth == 1 else min(plain, frame(filtered(rows)))

def filtered(rows): # For each row the filter with the smallest sum of absolute differences, as the PNG specification advises.
    above, body = bytes(len(rows[0])), []
    for row in rows:
        left, corner = b"\0" + row[:-1], b"\0" + above[:-1]
        def paeth(a, b, c):
            p = a + b - c
            d = abs(p - a), abs(p - b), abs(p - c)
            return a if d[0] <= d[1] and d[0] <= d[2] else b if d[1] <= d[2] else c
        tries = [row, bytes(x - a & 255 for x, a in zip(row, left)), bytes(x - b & 255 for x, b in zip(row, above)),
                 bytes(x - (a + b >> 1) & 255 for x, a, b in zip(row, left, above)), bytes(x - paeth(a, b, c) & 255 for x, a, b, c in zip(row, left, above, corner))]
        best = min(range(5), key=lambda i: sum(min(v, 256 - v) for v in tries[i]))
        body.append(bytes([best]) + tries[best])
        above = row
    return b"".join(body)

def compress(named):
    return {f"{program}{title}": len(pack(data)) for title, data in named for program, pack in
            (("gzip -9", lambda d: gzip.compress(d, 9)), ("bzip2 -9", lambda d: bz2.compress(d, 9)), ("xz -9", lambda d: lzma.compress(d, preset=9)))}

def both(rows, depth):
    return {f"PNG of {depth} bit{'s'[:depth - 1]}, all images in one": png(28, depth, rows),
            f"PNG of {depth} bit{'s'[:depth - 1]}, one for each image": sum(png(28, depth, rows[i:i + 28]) for i in range(0, len(rows), 28))}

def bits(name):
    raw = open(f"{work}/{name}.idx", "rb").read()[16:]
    text = "".join("1" if v else "0" for v in raw)
    packed = int(text, 2).to_bytes(len(text) // 8, "big")
    rows = [int(text[at:at + 28].ljust(32, "0"), 2).to_bytes(4, "big") for at in range(0, len(text), 28)]
    sizes = {"`vae model compress`, MLP 784-100-40": os.path.getsize(f"{work}/{name}.vaez")}
    sizes |= compress(((", one byte per pixel", raw), (", packed, 28 bits to a row", b"".join(rows)), (", packed without gaps", packed))) | both(rows, 1)
    return {title: size * 8 / len(raw) for title, size in sizes.items()}

print("\n## Black and white, beside others\n")
print("| bits per pixel | fixed | dynamic |\n| --- | ---: | ---: |")
fixed, dynamic = bits("mlp"), bits("dynamic")
for title in fixed: print(f"| {title} | {fixed[title]:.4f} | {dynamic[title]:.4f} |")
ours = next(iter(fixed))
best = lambda sizes: min(v for k, v in sizes.items() if not k.startswith("`"))
print(f"\nThe best of the others needs {best(fixed) / fixed[ours]:.2f} times as many bits (fixed) and {best(dynamic) / dynamic[ours]:.2f} times (dynamic). The model is not counted: both sides must have it, as both must have gzip.")

raw = open(f"{work}/grey.idx", "rb").read()[16:]
grey = {f"`vae model compress`, {names[name]}": found[name]["bytes"] for name in ("grey", "greyconv", "greyresnet")}
grey |= compress((("", raw),)) | both([raw[at:at + 28] for at in range(0, len(raw), 28)], 8)
print("\n## Grey, beside others\n")
print("| | bits per pixel |\n| --- | ---: |")
for title, size in grey.items(): print(f"| {title} | {size * 8 / len(raw):.4f} |")
mine = min(v for k, v in grey.items() if k.startswith("`"))
print(f"\nThe best of the others needs {best(grey) / mine:.2f} times as many bits as the best model.\n")
PY
  echo "## Where the bits go"
  model() { dirname "$(find "$work/$1" -name model.safetensors | head -1)"; }
  local rates=benchmarks/compress/bin/Release/net10.0/compressrate name
  for name in mlp grey; do
    printf '\n%s:\n\n' "$name"
    "$rates" rate "$(model "$name")" "$work/$name.idx"
  done
  printf '\n## Where the time goes\n'
  for name in mlp wide conv grey greyconv greyresnet; do
    printf '\n%s:\n\n' "$name"
    ${quiet:+"$quiet"} "$rates" time "$(model "$name")" "$work/$name.idx"
  done
}
publish compress
