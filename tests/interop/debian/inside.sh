#!/bin/sh
# overlay.sh TREE SCRIPT ARG…: runs SCRIPT of this folder in a throw-away copy of TREE, with a network of its own.
set -eu
tree=$1; shift
work=$(mktemp -d /var/tmp/rdover.XXXX)
trap 'rm -rf "$work"' EXIT
unshare --mount --net --pid --fork sh -eu -c '
  work=$1; tree=$2; shift 2
  mount -t tmpfs tmpfs "$work"
  mkdir "$work/up" "$work/work" "$work/root"
  mount -t overlay overlay -o "lowerdir=$tree,upperdir=$work/up,workdir=$work/work" "$work/root"
  mount --rbind /dev "$work/root/dev"
  mount -t proc proc "$work/root/proc"
  mkdir -p "$work/root/mnt/replydesk"
  cp -r "$SHARE"/. "$work/root/mnt/replydesk/"
  exec chroot "$work/root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 "$@"
' sh "$work" "$tree" "$@"
