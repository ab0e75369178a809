#!/bin/bash
# What `systemd.sh` runs as a unit: what both ways of installing the service need, and then the one that BY names, `by-script.sh`
# or `by-program.sh`.
set -u
cd /usr/src/room
. ./given
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
    find /home/me /etc /usr/local /var/lib/agentport -not -name '*.lock' -not -path '*/run/*' -not -path '/etc/*-' -not -name 'agentport.db-*' \
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
# hold PORT : nobody else listens there until `$holder` is killed
hold() {
    python3 -c 'import socket, sys, time
s = socket.socket(); s.bind(("127.0.0.1", int(sys.argv[1]))); s.listen(); time.sleep(600)' "$1" &
    holder=$!
    for _ in $(seq 100); do if grep -qi ":$(printf %04x "$1") .* 0A " /proc/net/tcp; then break; fi; sleep 0.05; done
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

. "./by-$BY.sh"
say end
exit 0
