#!/usr/bin/env bash
# Builds the images and runs a real cluster of containers once: one coordinator, two workers, one small sweep; then checks the
# result and the metrics, and removes everything it made. Exit status 0 means that all of it worked.
#   deploy/try-containers.sh [--no-build] [--keep]
# Needs Debian and root (podman runs the containers). Without a registry in reach, the base image is made by debootstrap.
# At most about 15 minutes, most of it building for the first time; every wait has a deadline.
set -euo pipefail
unset CDPATH
root=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.." && pwd -P)
program=$root/vae
# shellcheck source=eng/bootstrap.sh
source "$root/eng/bootstrap.sh"

build=1 keep=0
for argument in "$@"; do
    case $argument in
        --no-build) build=0 ;;
        --keep) keep=1 ;;
        *) say "usage: deploy/try-containers.sh [--no-build] [--keep]"; exit 2 ;;
    esac
done
[[ $EUID -eq 0 ]] || fail "this needs root." "sudo deploy/try-containers.sh"

coordinator_image=localhost/vae-coordinator:dev
worker_image=localhost/vae-worker:dev
local_base=localhost/debian:bookworm-slim
run=vae-try-$$
work=$(mkdir -p "$root/artifacts" && mktemp -d "$root/artifacts/try-containers.XXXXXX")
export CONTAINERS_CONF=$work/containers.conf

clean_up() {
    local status=$?
    trap - EXIT
    if ((status != 0)); then
        say "== what the containers said last"
        for container in coordinator worker-1 worker-2; do
            say "-- $container"
            podman logs --tail 20 "$run-$container" >&2 || true
        done
    fi
    if ((keep)); then
        say "Kept: containers $run-*, network $run, folder $work"
    else
        podman rm --force --volumes --time 10 "$run-worker-1" "$run-worker-2" "$run-coordinator" >/dev/null 2>&1 || true
        podman volume rm --force "$run-state" "$run-cache-1" "$run-cache-2" >/dev/null 2>&1 || true
        podman network rm --force "$run" >/dev/null 2>&1 || true
        rm -rf "$work"
    fi
    exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

install_podman() {
    local -a packages=()
    command -v podman >/dev/null || packages+=(podman buildah)
    # runc, because crun of Debian 12 refuses hybrid cgroups; the network back ends are only recommended by podman, not required.
    command -v runc >/dev/null || packages+=(runc)
    [[ -e /usr/lib/podman/netavark ]] || packages+=(netavark aardvark-dns conmon iptables nftables catatonit)
    command -v curl >/dev/null || packages+=(curl)
    ((${#packages[@]} == 0)) && return 0
    say "Installing ${packages[*]} ..."
    apt_install "${packages[@]}" || fail "could not install ${packages[*]}." "See artifacts/install.log"
}

# These settings work in plain virtual machines as well as inside of containers without systemd.
write_configuration() {
    cat >"$CONTAINERS_CONF" <<'CONF'
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=30000:30000"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
CONF
}

ensure_base() {
    podman image exists "$local_base" && { base=$local_base; return 0; }
    base=docker.io/library/debian:bookworm-slim
    podman image exists "$base" && return 0
    timeout 60 podman pull -q "$base" >/dev/null 2>&1 && return 0
    say "No registry in reach: making the base image with debootstrap ..."
    command -v debootstrap >/dev/null || apt_install debootstrap || fail "could not install debootstrap." "See artifacts/install.log"
    debootstrap --variant=minbase bookworm "$work/base" >"$work/debootstrap.log" 2>&1 || { tail -n 5 "$work/debootstrap.log" >&2; fail "debootstrap failed."; }
    tar -C "$work/base" -c . | podman import - "$local_base" >/dev/null 2>&1
    rm -rf "$work/base"
    base=$local_base
}

# until_true SECONDS WHAT COMMAND...: asks again every half second until the command succeeds or the time is over.
until_true() {
    local deadline=$((SECONDS + $1)) what=$2
    shift 2
    until "$@"; do
        ((SECONDS < deadline)) || fail "waited too long for $what."
        sleep 0.5
    done
}

answers() { curl --silent --fail --max-time 5 --output /dev/null "$@"; }
metric() { curl --silent --fail --max-time 5 "$1/metrics" | awk -v name="$2" '$1 ~ "^" name "([{]|$)" { sum += $NF } END { printf "%d\n", sum }'; }
at_least() { [[ $(metric "$1" "$2") -ge $3 ]]; }

# As the Kubernetes manifests have it: own user, read-only root, no capabilities, no way to gain any.
hardened=(--read-only --read-only-tmpfs=false --tmpfs "/tmp:rw,size=512m,mode=1777" --user 10001:10001 --cap-drop=ALL
    --security-opt=no-new-privileges --pids-limit 512 --network "$run" --stop-timeout 60)

# Podman's name server complains on machines without syslog, so its talk is shown only with a failure.
start() { podman run --detach "${hardened[@]}" "$@" >/dev/null 2>"$work/podman.log" || { cat "$work/podman.log" >&2; fail "a container did not start."; }; }

start_coordinator() {
    start --name "$run-coordinator" --memory 1g --cpus 1 --volume "$work/secret:/etc/vae:ro" \
        --volume "$run-state:/var/lib/vae" --publish 127.0.0.1::7432 "$coordinator_image" \
        coordinator --home /var/lib/vae --listen 0.0.0.0 --port 7431 --http-port 7432 --http-host "$run-coordinator" \
        --token-file /etc/vae/token --log-format json
    url=http://$(podman port "$run-coordinator" 7432/tcp)
}

start_worker() {
    start --name "$run-worker-$1" --memory 2g --cpus 1 --volume "$work/secret:/etc/vae:ro" \
        --volume "$run-cache-$1:/var/cache/vae" --publish 127.0.0.1::7434 "$worker_image" \
        worker --coordinator "$run-coordinator:7431" --name "worker-$1" --data-listen 0.0.0.0 --data-port 7433 --data-host "$run-worker-$1" \
        --http-port 7434 --http-listen 0.0.0.0 --token-file /etc/vae/token --cache /var/cache/vae --threads 1 --log-format json
}

write_sweep() {
    cat >"$work/sweep.yaml" <<'YAML'
version: 1
name: try-containers
dataset: { source: sprites, count: 1200, size: 32, holdout: 0.2 }
model: { architecture: mlp, encoder: [64], likelihood: bernoulli }
training: { epochs: 2, batch: 64, learning_rate: 1e-3 }
search:
  method: grid
  parameters:
    training.beta: { values: [1, 4] }
    model.latent: { values: [4, 8] }
resources: { workers_per_pack: 2 }
YAML
}

install_podman
write_configuration
if ((build)); then
    ensure_base
    VAE_CONTAINER_TOOL=podman "$root/deploy/build-images.sh" --base "$base" >"$work/build.log" 2>&1 || { tail -n 20 "$work/build.log" >&2; fail "the images could not be built."; }
fi

"$program" --version >/dev/null # Builds it where it is not built yet, so that this is not counted as the sweep's time.
say "Starting one coordinator and two workers ..."
# As Kubernetes mounts a Secret: a link to a file that root owns and the group of the containers' user may read.
mkdir -p "$work/secret/..data"
head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$work/secret/..data/token"
chown 0:10001 "$work/secret/..data/token"
chmod 0440 "$work/secret/..data/token"
ln -s ..data/token "$work/secret/token"
podman network create "$run" >/dev/null
start_coordinator
until_true 60 "the coordinator" answers "$url/readyz"
# As the kubelet asks: by the container's own address. As other pods ask: by the Service's name. And as nobody should.
address=$(podman inspect --format "{{(index .NetworkSettings.Networks \"$run\").IPAddress}}" "$run-coordinator")
answers "http://$address:7432/readyz" || fail "the coordinator refuses its own address."
answers "$url/readyz" --header "Host: $run-coordinator:7432" || fail "the coordinator refuses the name that --http-host gives it."
! answers "$url/readyz" --header "Host: rebound.example:7432" || fail "the coordinator answers to any name."
start_worker 1
start_worker 2
until_true 60 "two workers" at_least "$url" vae_worker_up 2

say "Running a sweep of four trials, two workers each ..."
write_sweep
started=$SECONDS
timeout 300 "$program" sweep run "$work/sweep.yaml" --cluster "$url" --token-file "$work/secret/token" --json >"$work/result.jsonl" 2>"$work/run.log" || {
    status=$?
    tail -n 20 "$work/run.log" >&2
    fail "the sweep ended with status $status."
}

took=$((SECONDS - started))

say "Checking the metrics and the models ..."
finished=$(metric "$url" 'vae_trials_finished_total')
((finished == 4)) || fail "four trials should have finished; vae_trials_finished_total says $finished."
best=$(curl --silent --fail --max-time 5 "$url/metrics" | grep '^vae_sweep_best_elbo{' || true)
[[ -n $best ]] || fail "/metrics shows no vae_sweep_best_elbo."
for worker in 1 2; do
    worker_url=http://$(podman port "$run-worker-$worker" 7434/tcp)
    at_least "$worker_url" vae_train_steps_total 1 || fail "worker-$worker has trained nothing."
    at_least "$worker_url" vae_allreduce_bytes_total 1 || fail "worker-$worker has sent no gradient to the other one."
done
models=$(podman exec "$run-coordinator" find /var/lib/vae/sweeps -name model.safetensors -size +0 | wc -l)
((models == 4)) || fail "the coordinator should hold four models; it holds $models."

say "Restarting the coordinator; it must know the sweep afterwards ..."
podman kill --signal KILL "$run-coordinator" >/dev/null
podman start "$run-coordinator" >/dev/null
url=http://$(podman port "$run-coordinator" 7432/tcp)
until_true 60 "the restarted coordinator" answers "$url/readyz"
"$program" sweep list --cluster "$url" --token-file "$work/secret/token" | grep -q try-containers || fail "the restarted coordinator does not know the sweep."

say "Stopping ..."
for worker in 1 2; do
    podman stop --time 60 "$run-worker-$worker" >/dev/null
    status=$(podman inspect --format '{{.State.ExitCode}}' "$run-worker-$worker")
    ((status == 0)) || fail "worker-$worker answered SIGTERM with status $status."
done
for image in "$coordinator_image" "$worker_image"; do
    podman image inspect --format '{{index .RepoTags 0}} {{.Size}}' "$image" | awk '{ printf "%s: %d MB\n", $1, $2 / 1e6 }'
done
echo "ok: 4 trials of 2 workers each in containers, in $took s; $best"
