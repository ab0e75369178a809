#!/bin/bash
# What `systemd.sh` runs as a unit: the service is installed and really started, by the script and by the program; it is out of the
# reach of the agent's user; a start that fails leaves all as it was; and a desktop with a keyring has its secrets back in the end.
set -u
cd /usr/src/room
. ./ports
useradd --create-home --shell /bin/bash me
useradd --create-home --shell /bin/bash mallory
uid=$(id -u me)
socket=/run/agentport/agentport.sock
as() { local user=$1; shift; (cd "/home/$user" && setpriv --reuid="$user" --regid="$user" --clear-groups env -i HOME="/home/$user" USER="$user" PATH=/usr/bin:/bin "$@"); }
service() { setpriv --reuid=agentport --regid=agentport --init-groups --reset-env /usr/local/bin/agentport "$@"; }
say() { printf '== %s\n' "$*"; }
code() { head -n 1 codes && sed -i 1d codes; }
main() { systemctl show -p MainPID --value agentport.service; }
# state of the unit, its user, and what answers
unit() {
    systemctl is-enabled agentport.service 2>/dev/null
    systemctl is-active agentport.service
    stat -c '%U' "/proc/$(main)" 2>/dev/null
}
answers() { for _ in $(seq 100); do if [ "$(status http://localhost:4747/healthz)" = 200 ]; then return; fi; sleep 0.1; done; journalctl --no-pager -u agentport.service | tail -n 20 >&2; }
status() { curl --silent --max-time 10 --output /dev/null --write-out '%{http_code}\n' "$@"; }
# every file that an installation may change, with owner, mode and content
everything() {
    find /home/me /etc /usr/local /var/lib/agentport -not -name '*.lock' -not -path '*/run/*' -not -name 'agentport.db-*' \
        \( -type f -printf '%p %u %m ' -exec sha256sum {} \; -o -printf '%p %u %m\n' \) 2>/dev/null | sed 's| /.*||; s|  .*||' | sort
    getent passwd agentport
}
desktop() {
    find /home/me -mindepth 1 -delete
    cp -a home /home/me/.agentport
    install -m 0600 key /home/me/.agentport.key
    sed -i 's|^key_file = .*|key_file = "~/.agentport.key"|' /home/me/.agentport/agentport.toml
    install -D -m 0755 agentport /home/me/bin/agentport
    chown -R me:me /home/me
    as me /home/me/bin/agentport host add openclaw --yes --json >/dev/null
}
works() {
    as me "$@" /home/me/bin/agentport log verify --json | grep -o '"ok":[a-z]*'
    as me "$@" /home/me/bin/agentport call stripe.get_balance --args '{}' --json | grep -o '"status":"[a-z_]*"'
}

# a service of the test's own, where the home's account leads
python3 -c 'import http.server, sys
class Any(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("content-type", "application/json"); self.end_headers(); self.wfile.write(b"{\"livemode\": false}")
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Any).serve_forever()' "$SERVICE_PORT" &

say systemd
cat /proc/1/comm
desktop
works

say script
sh deploy/install.sh --binary agentport >/dev/null
answers
unit
status http://localhost:4747/healthz
status --unix-socket "$socket" http://localhost/tools
systemd-analyze security agentport.service --no-pager | grep -o 'Overall exposure.*: [0-9.]*'
say killed
before=$(main)
[ "$before" = 0 ] || kill -KILL "$before"
for _ in $(seq 50); do if [ "$(main)" != "$before" ]; then break; fi; sleep 0.1; done
answers
systemctl show -p NRestarts --value agentport.service
status http://localhost:4747/healthz
say upgrade
# a newer program, which takes the log to a schema of its own and does not start; the one before it starts
{ cat agentport; echo newer; } >newer
chmod 0755 newer
cat >serve.sh <<'SERVE'
cmp -s /usr/local/bin/agentport /usr/src/room/newer || exec /usr/local/bin/agentport serve
cd /var/lib/agentport/.agentport || exit 1
[ -e agentport.db.schema-7 ] || python3 -c 'import sqlite3
ledger = sqlite3.connect("agentport.db", isolation_level=None)
ledger.execute("VACUUM INTO \"agentport.db.schema-7\"")
ledger.execute("CREATE TABLE newer (it)")
ledger.execute("PRAGMA user_version = 99")'
exit 1
SERVE
unlike() {
    mkdir -p /etc/systemd/system/agentport.service.d
    printf '[Service]\nExecStart=\nExecStart=/bin/bash /usr/src/room/serve.sh\n' >/etc/systemd/system/agentport.service.d/room.conf
    # as an older version had it
    echo '# older' >>/etc/systemd/system/agentport.service
    systemctl daemon-reload
    systemctl restart agentport.service
    answers
    before_it=$(main)
    service log verify --json | grep -o '"records":[0-9]*' >records
    everything | grep -v '/agentport\.db' >/tmp/before
}
like_before() {
    answers
    unit
    # what the newer program had made of the log
    rm /var/lib/agentport/.agentport/agentport.db.newer 2>/dev/null && echo newer
    everything | grep -v '/agentport\.db' | diff /tmp/before - && echo unchanged
    service log verify --json | grep -o '"ok":[a-z]*'
    # each start without an owner leaves a record of its link
    [ "$(service log verify --json | grep -o '[0-9]*}$' | tr -d '}')" -ge "$(grep -o '[0-9]*$' records)" ] && echo records
}
unlike
sh deploy/install.sh --binary newer --sha256 "$(printf '%064d' 0)" 2>&1 | grep -o 'nothing was installed'
[ "$(main)" = "$before_it" ] && like_before
say upgrade-script
sh deploy/install.sh --binary newer --domain agentport.example.com 2>&1 | grep -o 'everything is as it was before'
like_before
say upgrade-broken
echo '#!/bin/false' >broken
sh deploy/install.sh --binary broken 2>&1 | grep -o 'everything is as it was before'
like_before
rm /etc/systemd/system/agentport.service.d/room.conf
say script-undone
sh deploy/install.sh --uninstall --purge >/dev/null
unit
find /usr/local/bin /var/lib/agentport /etc/systemd/system -name '*agentport*' 2>/dev/null
getent passwd agentport

say cannot-start
everything >/tmp/before
python3 -c 'import socket, sys, time
s = socket.socket(); s.bind(("127.0.0.1", int(sys.argv[1]))); s.listen(); time.sleep(600)' "$SITE_PORT" &
holder=$!
for _ in $(seq 100); do if grep -qi ":$(printf %04x "$SITE_PORT") .* 0A " /proc/net/tcp; then break; fi; sleep 0.05; done
code | /home/me/bin/agentport install --service --for-user me --code-stdin 2>&1 | tail -n 3
journalctl --no-pager -u agentport.service | tail -n 8 >&2
unit
everything | diff /tmp/before - && say unchanged
kill "$holder"
works

say started
desktop
code | /home/me/bin/agentport install --service --for-user me --code-stdin >/dev/null
unit
grep -o 'unix:[^"]*' /home/me/.openclaw/openclaw.json
say ways
as me env AT_SITE="http://localhost:$SITE_PORT" MINE=/home/me/bin/agentport AT_HOME=/var/lib/agentport/.agentport AT_KEY=/var/lib/agentport/.agentport.key \
    AT_PROGRAM=/usr/local/bin/agentport AT_UNIT=/etc/systemd/system/agentport.service AT_PID="$(main)" AT_USER=agentport \
    AT_SOCKET="$socket" AT_APPROVAL=apr_none bash /usr/src/room/ways.sh
say stranger
as mallory curl --silent --unix-socket "$socket" --output /dev/null --write-out '%{http_code}\n' http://localhost/tools
as me curl --silent --unix-socket "$socket" --output /dev/null --write-out '%{http_code}\n' http://localhost/tools
as me curl --silent --unix-socket "$socket" -d '{}' -H 'content-type: application/json' http://localhost/stripe/get_balance | grep -o '"status":"[a-z_]*"'
service log verify --json | grep -o '"ok":[a-z]*'
say upgrade-program
unlike
./newer install --service --for-user me 2>&1 | grep -o 'everything is as it was before'
like_before
rm -r /etc/systemd/system/agentport.service.d
say undone
/usr/local/bin/agentport uninstall --service | tail -n 1
unit
getent passwd agentport
works

say keyring
desktop
install -d -o me -g me -m 0700 "/run/user/$uid"
session=(DBUS_SESSION_BUS_ADDRESS="unix:path=/run/user/$uid/bus" XDG_RUNTIME_DIR="/run/user/$uid")
as me env "${session[@]}" dbus-daemon --session --address="unix:path=/run/user/$uid/bus" --nofork --nopidfile >/dev/null 2>&1 &
for _ in $(seq 100); do if [ -S "/run/user/$uid/bus" ]; then break; fi; sleep 0.05; done
owned() { as me env "${session[@]}" dbus-send --session --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.NameHasOwner string:org.freedesktop.secrets 2>/dev/null | grep -q 'boolean true'; }
printf %s throwaway | as me env "${session[@]}" gnome-keyring-daemon --unlock --components=secrets --foreground >/dev/null 2>&1 &
for _ in $(seq 200); do if owned; then break; fi; sleep 0.05; done
kept() {
    as me env "${session[@]}" dbus-send --session --print-reply --dest=org.freedesktop.secrets /org/freedesktop/secrets/collection/login \
        org.freedesktop.DBus.Properties.Get string:org.freedesktop.Secret.Collection string:Items | grep -c 'object path'
}
code | as me env "${session[@]}" /home/me/bin/agentport secrets move --to keyring --code-stdin --json
works env "${session[@]}"
kept
say keyring-moved
code | /home/me/bin/agentport install --service --for-user me --code-stdin >/dev/null
unit
kept
grep -o '^store = "[a-z]*"' /var/lib/agentport/.agentport/agentport.toml
service accounts --json | grep -o '"secret":"[a-z ]*"'
as me curl --silent --unix-socket "$socket" -d '{}' -H 'content-type: application/json' http://localhost/stripe/get_balance | grep -o '"status":"[a-z_]*"'
say keyring-back
/usr/local/bin/agentport uninstall --service | tail -n 1
kept
grep -o '^store = "[a-z]*"' /home/me/.agentport/agentport.toml
works env "${session[@]}"
say end
exit 0
