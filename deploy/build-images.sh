#!/usr/bin/env bash
# Publishes the program and builds the two images.
#   deploy/build-images.sh [--tag TAG] [--prefix REGISTRY/PATH] [--base IMAGE] [--worker-base IMAGE --libtorch FOLDER]
#   --tag           default dev
#   --prefix        default localhost/vae: the images are PREFIX-coordinator:TAG and PREFIX-worker:TAG
#   --base          what both are built from, default docker.io/library/debian:bookworm-slim
#   --worker-base, --libtorch   an image with a libtorch of its own (CUDA), and the folder in it that holds include/ and lib/
# Uses podman when there is one, else docker; VAE_CONTAINER_TOOL chooses.
set -euo pipefail
unset CDPATH
root=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.." && pwd -P)

tag=dev prefix=localhost/vae base=docker.io/library/debian:bookworm-slim worker_base='' libtorch=''
usage() { sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" >&2; exit 2; }
while (($#)); do
    [[ $# -ge 2 ]] || usage
    case $1 in
        --tag) tag=$2 ;;
        --prefix) prefix=$2 ;;
        --base) base=$2 ;;
        --worker-base) worker_base=$2 ;;
        --libtorch) libtorch=$2 ;;
        *) usage ;;
    esac
    shift 2
done

tool=${VAE_CONTAINER_TOOL-}
if [[ -z $tool ]]; then
    for candidate in podman docker; do
        if command -v "$candidate" >/dev/null; then tool=$candidate; break; fi
    done
fi
if [[ -z $tool ]]; then
    echo "error: neither podman nor docker was found. Debian: apt-get install podman" >&2
    exit 1
fi

context=$root/artifacts/images/context
rm -rf "$context"
mkdir -p "$context"

# Output, intermediate files and lock files go to a place of their own: publishing for one platform restores more than the checkout's
# lock files name, and must not disturb what `./vae` has built.
echo "Publishing ..." >&2
(
    cd "$root"
    dotnet publish src/Cli/Cli.csproj -c Release -r linux-x64 --self-contained --nologo -v quiet \
        --artifacts-path "$root/artifacts/images/build" -o "$context/app" \
        -p:NuGetLockFilePath=obj/images.lock.json -p:RestoreLockedMode=false -p:DebugType=none -p:GenerateDocumentationFile=false \
        -nodeReuse:false -p:UseSharedCompilation=false
) >&2 </dev/null
cp -r "$root/src/Torch/native" "$context/native"

echo "Building $prefix-coordinator:$tag ..." >&2
"$tool" build --build-arg "BASE=$base" -f "$root/deploy/images/coordinator.Dockerfile" -t "$prefix-coordinator:$tag" "$context" >&2
echo "Building $prefix-worker:$tag ..." >&2
"$tool" build --build-arg "BASE=${worker_base:-$base}" --build-arg "LIBTORCH=$libtorch" -f "$root/deploy/images/worker.Dockerfile" \
    -t "$prefix-worker:$tag" "$context" >&2
printf '%s\n' "$prefix-coordinator:$tag" "$prefix-worker:$tag"
