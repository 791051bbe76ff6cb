#!/usr/bin/env bash
# Lets ssh reach this very machine with no server running: `sshd -i` as a proxy command serves one connection.
# Leaves keys and sshd.conf in ~/.smallprint/ssh, which cluster.yaml names. Needs Debian's openssh-server.
set -euo pipefail

[ -x /usr/sbin/sshd ] || { echo "sshd is missing: apt-get install openssh-server" >&2; exit 1; }
folder=$HOME/.smallprint/ssh
mkdir -p "$folder"
for key in host_key user_key; do
    [ -f "$folder/$key" ] || ssh-keygen -q -t ed25519 -N '' -f "$folder/$key"
done
cat > "$folder/sshd.conf" <<END
HostKey $folder/host_key
AuthorizedKeysFile $folder/user_key.pub
PasswordAuthentication no
UsePAM no
StrictModes no
PidFile none
LogLevel ERROR
SetEnv HOME=$HOME
END
[ "$(id -u)" != 0 ] || mkdir -p /run/sshd # where sshd of root keeps its children apart
