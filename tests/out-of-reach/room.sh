#!/bin/bash
# A computer of its own within this one: new mounts over everything that an installation changes, its own processes, and two users.
# `tests/it/out_of_reach.rs` starts it by `unshare`, as root; nothing of it is left when it ends.
#
# PROGRAM, HOME_FROM, KEY_FROM: the program, and a home with its key to begin with. SITE_PORT: where its site is. WAYS: the ways
# to try. CODE, CODE_AGAIN: codes of the owner.
set -eu
umask 022
mount -t tmpfs -o mode=700 tmpfs /mnt
cp -a /etc /mnt/etc
cp "$PROGRAM" /mnt/agentport
cp -a "$HOME_FROM" /mnt/home
cp "$KEY_FROM" /mnt/key
install -m 0755 "$WAYS" /mnt/ways.sh
mount --bind /mnt/etc /etc
for place in /usr/local/bin /usr/local/sbin /usr/src /var/lib /var/tmp /var/spool /run /home /tmp; do
    mount -t tmpfs -o mode=755 tmpfs "$place"
done
chmod 1777 /tmp /var/tmp
install -m 0755 /mnt/ways.sh /usr/src/ways.sh
mkdir /etc/systemd/system -p
rm -f /etc/ld.so.preload
# no user of the computer outside counts here
sed -i '/^agentport:/d' /etc/passwd /etc/shadow /etc/group /etc/gshadow
useradd --create-home --shell /bin/bash me
useradd --create-home --shell /bin/bash mallory

site=http://localhost:$SITE_PORT
as() { local user=$1; shift; (cd "/home/$user" && setpriv --reuid="$user" --regid="$user" --clear-groups env -i HOME="/home/$user" USER="$user" PATH=/usr/bin:/bin "$@"); }
say() { printf '== %s\n' "$*"; }

# the desktop as it is before: a home of the user's, and a host that starts the program
desktop() {
    find /home/me -mindepth 1 -delete
    cp -a /mnt/home /home/me/.agentport
    install -m 0600 /mnt/key /home/me/.agentport.key
    sed -i 's|^key_file = .*|key_file = "~/.agentport.key"|' /home/me/.agentport/agentport.toml
    install -D -m 0755 /mnt/agentport /home/me/bin/agentport
    chown -R me:me /home/me
    as me /home/me/bin/agentport host add openclaw --yes --json >/dev/null
}
# call PROGRAM [VARIABLE=VALUE...] : a refund is asked for as the host's agent does; prints the approval's id
ask() {
    local program=$1; shift
    printf '%s\n' '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}' \
        '{"jsonrpc":"2.0","method":"notifications/initialized"}' \
        '{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"stripe_create_refund","arguments":{"charge":"ch_1","amount":500}}}' |
        as me env "$@" timeout 60 "$program" stdio --as openclaw | grep -o 'apr_[a-z0-9]*' | head -n 1
}
try() { as me env AT_SITE="$site" "$@" bash /usr/src/ways.sh; }

say control
desktop
approval=$(ask /home/me/bin/agentport)
as me /home/me/bin/agentport serve >/dev/null 2>/tmp/serve.log &
for _ in $(seq 300); do if grep -q 'the approval site is at' /tmp/serve.log; then break; fi; sleep 0.1; done
pid=$(pgrep -u me -f '^/home/me/bin/agentport serve')
install -D -m 0755 -o me /mnt/agentport /home/me/own/agentport
try MINE=/home/me/own/agentport AT_HOME=/home/me/.agentport AT_KEY=/home/me/.agentport.key AT_PROGRAM=/home/me/bin/agentport \
    AT_UNIT=/home/me/.config/systemd/user/agentport.service AT_PID="$pid" AT_USER=me AT_SOCKET= AT_APPROVAL="$approval"
pkill -KILL -u me || :
rm -rf /tmp/* /etc/agentport /etc/ld.so.preload

say dry-run
desktop
find /home/me /etc /usr/local /var/lib -newer /mnt/key -type f | sort >/mnt/before
/home/me/bin/agentport install --service --for-user me --dry-run
find /home/me /etc /usr/local /var/lib -newer /mnt/key -type f | sort | diff /mnt/before - && say unchanged

say wrong-code
cp -a /home/me /mnt/me.before
if echo 000000 | /home/me/bin/agentport install --service --for-user me --code-stdin --json; then say 'it was taken'; fi
diff -r --no-dereference /mnt/me.before/.agentport /home/me/.agentport -x run -x '*.lock' -x 'agentport.db-*' >/dev/null || say 'something changed'
as me /home/me/bin/agentport log verify --json
if [ ! -e /var/lib/agentport ] && [ ! -e /usr/local/bin/agentport ] && ! getent passwd agentport; then say nothing-left; fi

# a server that the host started before, and that is still running when all has moved
coproc old { as me /home/me/bin/agentport stdio --as openclaw 2>/dev/null; }
printf '%s\n' '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}' \
    '{"jsonrpc":"2.0","method":"notifications/initialized"}' >&"${old[1]}"
read -r _ <&"${old[0]}"

say install
echo "$CODE" | /home/me/bin/agentport install --service --for-user me --code-stdin
say old-server
printf '%s\n' '{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"stripe_get_balance","arguments":{}}}' >&"${old[1]}"
while read -r line <&"${old[0]}"; do case $line in *'"id":2'*) printf '%s\n' "$line"; break ;; esac; done
kill "$old_PID" 2>/dev/null || :
say again
/home/me/bin/agentport install --service --for-user me --json >/mnt/again && say same
say left
find /home/me -name '.agentport*' | sort
cat /home/me/.openclaw/openclaw.json
stat -c '%U:%G %a %n' /usr/local/bin/agentport /var/lib/agentport /var/lib/agentport/.agentport /var/lib/agentport/.agentport/* /etc/systemd/system/agentport.service /etc/agentport/service.json

say service
serve() {
    install -d -o agentport -g agentport -m 0755 /run/agentport
    (cd / && exec setpriv --reuid=agentport --regid=agentport --init-groups --reset-env /usr/local/bin/agentport serve >/dev/null 2>/run/serve.log) &
    for _ in $(seq 300); do if grep -q 'the approval site is at' /run/serve.log 2>/dev/null; then break; fi; sleep 0.1; done
}
serve
approval=$(ask /usr/local/bin/agentport AGENTPORT_URL=unix:/run/agentport/agentport.sock)
pid=$(pgrep -u agentport -f '^/usr/local/bin/agentport serve')
printf '%s\n' "${approval:+an approval waits}"

say ways
try MINE=/home/me/bin/agentport AT_HOME=/var/lib/agentport/.agentport AT_KEY=/var/lib/agentport/.agentport.key \
    AT_PROGRAM=/usr/local/bin/agentport AT_UNIT=/etc/systemd/system/agentport.service AT_PID="$pid" AT_USER=agentport \
    AT_SOCKET=/run/agentport/agentport.sock AT_APPROVAL="$approval"
say stranger
as mallory curl --silent --unix-socket /run/agentport/agentport.sock --output /dev/null --write-out '%{http_code}\n' http://localhost/tools
as me curl --silent --unix-socket /run/agentport/agentport.sock --output /dev/null --write-out '%{http_code}\n' http://localhost/tools

say owner
setpriv --reuid=agentport --regid=agentport --init-groups --reset-env sh -c "echo $CODE_AGAIN | /usr/local/bin/agentport approvals approve $approval --code-stdin --json" | grep -o '"status":"[a-z_]*"' | head -n 1
setpriv --reuid=agentport --regid=agentport --init-groups --reset-env /usr/local/bin/agentport log verify --json

say not-while-it-runs
/usr/local/bin/agentport uninstall --service 2>&1 || :
say undo
kill "$pid"
while [ -d "/proc/$pid" ]; do sleep 0.1; done
/usr/local/bin/agentport uninstall --service
find /usr/local/bin /var/lib /etc/agentport /etc/systemd/system/agentport.service 2>/dev/null -name '*agentport*' || :
getent passwd agentport || say 'no user'
cat /home/me/.openclaw/openclaw.json
as me /home/me/bin/agentport log verify --json
as me /home/me/bin/agentport call stripe.get_balance --args '{}' --json | grep -o '"status":"[a-z_]*"'
