#!/bin/bash
# The service, installed by the program for a user who has a home: it is out of the reach of the agent's user, a start or an upgrade
# that fails leaves all as it was, and a desktop with a keyring has its secrets back in the end.
say cannot-start
everything >/tmp/before
hold "$SITE_PORT"
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
