#!/usr/bin/env bash
# Boots this machine's own root file system, under a layer that takes all writes and vanishes, with systemd as process 1
# of namespaces of its own. Runs inside `unshare`, in a cgroup of its own: see machine.py.
#
#   machine.sh DIRECTORY PROJECT        DIRECTORY is empty and becomes the new root's scaffold; PROJECT is seen inside, to be
#                                       read only, as /srv/freshbooks-syncd
set -euo pipefail

scaffold=$1 project=$2
mount -t tmpfs -o mode=755 scaffold "$scaffold"
root=$scaffold/root
mkdir "$root" "$scaffold/written" "$scaffold/work"
mount -t overlay overlay -o "lowerdir=/,upperdir=$scaffold/written,workdir=$scaffold/work" "$root"

# What a container is expected to bring along.
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
umount -R "$root/sys/fs/cgroup" 2>/dev/null || true
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"          # the cgroup namespace makes ours its top
mount -t tmpfs -o mode=755 dev "$root/dev"
for device in null zero full random urandom tty; do
    : >"$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for stream in stdin:0 stdout:1 stderr:2; do ln -s "fd/${stream#*:}" "$root/dev/${stream%:*}"; done
mount -t tmpfs -o mode=755 run "$root/run"
mount -t tmpfs -o mode=1777 tmp "$root/tmp"
mkdir -p "$root/srv/freshbooks-syncd"
mount --bind "$project" "$root/srv/freshbooks-syncd"
mount -o remount,bind,ro "$root/srv/freshbooks-syncd"

# A fresh machine with the host's programs, but none of its services.
: >"$root/etc/fstab"
rm -f "$root/etc/machine-id"
: >"$root/etc/machine-id"
rm -rf "$root"/etc/systemd/system/*.wants "$root"/etc/systemd/system/freshbooks-syncd*

ip link set lo up
hostname machine
cd "$root"
mkdir -p mnt
pivot_root . mnt
umount -l /mnt
mount --make-rshared /                                  # else LoadCredential= gives an empty directory
exec env -i container=machine PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb /lib/systemd/systemd --system
