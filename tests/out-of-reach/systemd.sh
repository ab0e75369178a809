#!/bin/bash
# A computer of its own within this one that systemd runs: its first process is the systemd that is installed here, its files are
# this computer's with every change in memory, its network is its own. `tests/it/systemd.rs` starts it, as root; it runs
# `started.sh` as a unit and ends, and nothing of it is left.
#
# BY: which way it is installed. OUT: a folder for what it says. PROGRAM, HOME_FROM, KEY_FROM, DEPLOY, PARTS: what it takes along. CODES: codes of the owner.
set -eu
umask 022

if [ "${1-}" != inside ]; then
    groups=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
    group=$groups/agentport-test.$$
    mkdir "$group"
    # what is in it has ended by then, and the kernel takes its time to notice
    trap 'for _ in $(seq 50); do find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || :; [ -d "$group" ] || break; sleep 0.1; done' EXIT
    (
        echo "$BASHPID" >"$group/cgroup.procs"
        exec timeout --signal=KILL "${LONGEST:-230}" unshare --mount --pid --fork --kill-child --uts --ipc --net --cgroup --propagation private \
            --mount-proc /bin/bash "$0" inside
    ) || :
    exit 0
fi

room=$(mktemp -d)
mount -t tmpfs -o mode=755 tmpfs "$room"
mkdir "$room/changes" "$room/work" "$room/root" "$room/taken"
cp "$PROGRAM" "$room/taken/agentport"
cp -a "$HOME_FROM" "$room/taken/home"
cp "$KEY_FROM" "$room/taken/key"
cp -r "$DEPLOY" "$room/taken/deploy"
install -m 0755 "$PARTS"/*.sh "$room/taken/"
printf '%s\n' "$CODES" >"$room/taken/codes"
printf 'BY=%s\nSITE_PORT=%s\nSERVICE_PORT=%s\n' "$BY" "$SITE_PORT" "$SERVICE_PORT" >"$room/taken/given"

mount -t overlay overlay -o "lowerdir=/,upperdir=$room/changes,workdir=$room/work" "$room/root"
cd "$room/root"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
for place in dev run tmp home var/tmp var/lib usr/local/bin usr/src etc/systemd/system; do
    mkdir -p "$place"
    mount -t tmpfs -o mode=755 tmpfs "$place"
done
chmod 1777 tmp var/tmp
for device in null zero full random urandom tty; do
    touch "dev/$device"
    mount --bind "/dev/$device" "dev/$device"
done
ln -s /proc/self/fd dev/fd
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mkdir usr/src/room usr/src/room/out
mount --bind "$OUT" usr/src/room/out
cp -a "$room/taken/." usr/src/room/
: >etc/machine-id
rm -f etc/ld.so.preload
sed -i '/^agentport:/d' etc/passwd etc/shadow etc/group etc/gshadow
cat >etc/systemd/system/room.service <<UNIT
[Unit]
Description=What the test does
SuccessAction=exit-force
FailureAction=exit-force
[Service]
Type=oneshot
ExecStart=/bin/bash /usr/src/room/started.sh
StandardOutput=file:/usr/src/room/out/told
StandardError=file:/usr/src/room/out/failed
UNIT
mkdir old
pivot_root . old
umount -l /old
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --unit=room.service
