#!/usr/bin/env bash
# Launches one small job in every way there is and compares the shards byte by byte; some three minutes.
#
#     tests/pipelines/launch/try_submit.sh [ENVIRONMENT [SCRIPT]]
#
# ENVIRONMENT (default .venv, as `make demo` makes it) is a virtual environment with this package; SCRIPT is
# render.py (the default), curate.py or mix.py. Runs as root, with an empty home folder and in namespaces of its own:
# the `ray stop` of `ray submit` ends every Ray process it can see. Needs Debian's util-linux, iproute2,
# openssh-server, openssh-client and rsync.
set -euo pipefail

main() {
    checkout=$(cd "$(dirname "$0")/../../.." && pwd)
    environment=$(cd "${1:-$checkout/.venv}" && pwd) # not resolved further: its name is in its scripts
    check "$environment"
    home=$(mktemp -d /tmp/smallprint-launch.XXXX)
    trap 'rm -rf "$home"' EXIT
    mkdir -p /tmp/ray
    HOME=$home unshare --fork --pid --kill-child --mount --net --mount-proc \
        "$0" inside "$checkout" "$environment" "${2:-render.py}"
}

check() {
    local missing=()
    for program in unshare ip /usr/sbin/sshd ssh ssh-keygen rsync; do
        command -v "$program" > /dev/null || missing+=("$program")
    done
    [ ${#missing[@]} = 0 ] ||
        fail "missing: ${missing[*]}; apt-get install util-linux iproute2 openssh-server openssh-client rsync"
    [ "$(id -u)" = 0 ] || fail "namespaces of its own take root: run it with sudo"
    [ -x "$1/bin/ray" ] || fail "$1 holds no bin/ray: name an environment with this package, or run make demo"
}

fail() {
    echo "try_submit.sh: $*" >&2
    exit 1
}

inside() {
    checkout=$1 environment=$2 script=pipelines/$3
    choose_job "$3"
    export PATH="$environment/bin:$PATH" RAY_USAGE_STATS_ENABLED=0
    unset RAY_ADDRESS RAY_AUTH_MODE
    ip link set lo up
    mount -t tmpfs tmpfs /tmp/ray # Ray's sessions, and where it keeps the address of a running cluster
    cd "$checkout"

    [ "$3" != mix.py ] || python pipelines/render.py --photos builtin --image-size 128 --num-images 48 \
        --images-per-shard 12 --workers 0 --out "$HOME/rendered" > /dev/null 2>&1 || fail "nothing to mix was rendered"

    launch processes python "$script" "${command[@]}" --backend processes --workers 2
    launch inline python "$script" "${command[@]}" --workers 0
    launch ray python "$script" "${command[@]}"
    by_job_submit
    by_submit
    compare
}

# The same job each time; OUT is absolute, since submitted jobs run in folders of their own.
choose_job() {
    case $1 in
    render.py)
        command=()
        job=(--photos builtin --image-size 128 --num-images 24 --images-per-shard 6)
        shards=(data) ;;
    curate.py)
        command=(run)
        job=(--source builtin builtin builtin) # three shards, two of copies
        shards=(scores/data text/data duplicates/data packed/general/data) ;;
    mix.py)
        command=()
        job=(--inputs "$HOME/rendered" --ratios synthetic=1 --images-per-shard 4 --test-share 0.2)
        shards=(train test) ;;
    *) fail "no job for $1: name render.py, curate.py or mix.py" ;;
    esac
}

launch() {
    local name=$1 began=$SECONDS
    shift
    echo "== $name: $* ${job[*]} --out $HOME/$name"
    if ! "$@" "${job[@]}" --out "$HOME/$name" < /dev/null > "$HOME/$name.log" 2>&1; then
        cat "$HOME/$name.log"
        fail "$name failed"
    fi
    grep -E '^(Running entrypoint|images|speed|general)|succeeded' "$HOME/$name.log" || true
    echo "   $((SECONDS - began)) s"
}

# The local Ray above has left a token in ~/.ray: from then on clusters ask for it, and clients must be told.
by_job_submit() {
    export RAY_AUTH_MODE=token
    ray get-auth-token --generate > /dev/null 2>&1
    ray start --head > "$HOME/start.log" 2>&1 || fail "ray start: $(cat "$HOME/start.log")"
    launch job-submit ray job submit --working-dir . -- python "$script" "${command[@]}"
    ray stop > /dev/null 2>&1
    unset RAY_AUTH_MODE
}

by_submit() {
    export TMPDIR=$HOME # where `ray submit` leaves what it knows of a cluster
    tests/pipelines/launch/ssh_to_self.sh
    ln -s "$environment" "$HOME/.smallprint/venv" # instead of the one that setup_commands would make
    # ssh takes ~ in the name of a key for the home folder that the password file says.
    sed "s|~/.smallprint/ssh|$HOME/.smallprint/ssh|" cluster.yaml > "$HOME/cluster.yaml"
    launch submit ray submit --start --cluster-name "try$$" "$HOME/cluster.yaml" "$script" "${command[@]}"
    ray down --yes --cluster-name "try$$" "$HOME/cluster.yaml" < /dev/null > "$HOME/down.log" 2>&1 ||
        fail "ray down: $(cat "$HOME/down.log")"
}

compare() {
    for name in processes inline ray job-submit submit; do
        (cd "$HOME/$name" && find "${shards[@]}" -name '*.parquet' | sort | xargs sha256sum) > "$HOME/$name.sums"
        cmp "$HOME/processes.sums" "$HOME/$name.sums" || fail "$name made other bytes"
    done
    echo "== all five made the same bytes"
    cat "$HOME/processes.sums"
}

if [ "${1:-}" = inside ]; then
    inside "$2" "$3" "$4"
else
    main "$@"
fi
