#!/usr/bin/env bash
# Makes the tests start the RabbitMQ of another root folder, such as a newer Debian's in a debootstrap:
#
#   debootstrap --variant=minbase --include=rabbitmq-server trixie /var/tmp/rabbitmq4      (once, as root)
#   tools/chroot-rabbitmq.sh /var/tmp/rabbitmq4 npx jest test/client
#   tools/chroot-rabbitmq.sh /var/tmp/rabbitmq4 npm run test:soak
#
# The command runs with `rabbitmq-server`, `rabbitmqctl` and `epmd` of that root first on its PATH, each a script that
# changes the root; /proc, /dev and the temporary folder, where the nodes keep their data, are mounted there while the command runs.
# Kill, restart and rabbitmqctl work as with an installed RabbitMQ. AMQP_URL is unset. Needs root.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 2; }
root=$(realpath "$1"); shift
temporary=$(realpath "${TMPDIR:-/tmp}")
programs=$(mktemp -d)

mounted=()
cleanup() {
  for place in "${mounted[@]}"; do umount -l "$place"; done
  rm -rf "$programs"
}
trap cleanup EXIT
mount_at() { # source, place, options
  mountpoint -q "$2" && return
  mkdir -p "$2"
  mount "${@:3}" "$1" "$2"
  mounted=("$2" "${mounted[@]}")
}
mount_at proc "$root/proc" -t proc
mount_at /dev "$root/dev" --bind
mount_at "$temporary" "$root$temporary" --bind
# Erlang looks up the machine's own name at each start. If no file has the name, a slow DNS server delays the start.
cp /etc/hosts "$root/etc/hosts"

wrap() { # name, program inside
  # The script keeps the environment, which holds the node's settings, and the mark by which the guardian finds its processes.
  printf '#!/bin/sh\nPATH=/usr/sbin:/usr/bin:/sbin:/bin exec chroot %q %q "$@"\n' "$root" "$2" >"$programs/$1"
  chmod 755 "$programs/$1"
}
wrap rabbitmq-server /usr/lib/rabbitmq/bin/rabbitmq-server
wrap rabbitmqctl /usr/lib/rabbitmq/bin/rabbitmqctl
wrap epmd /usr/bin/epmd

env -u AMQP_URL PATH="$programs:$PATH" "$@"
