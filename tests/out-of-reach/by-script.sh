#!/bin/bash
# The service, installed by `deploy/install.sh`: it starts, comes back when it dies, and an installation that fails leaves all as it was.
say first
# of a first installation that fails nothing stays: the program is none, and the service cannot start
everything >/tmp/before
echo '#!/bin/false' >broken
sh deploy/install.sh --binary broken 2>&1 | grep -o 'everything is as it was before'
everything | diff /tmp/before - && echo unchanged
hold 4747
sh deploy/install.sh --binary agentport --domain agentport.example.com 2>&1 | grep -o 'everything is as it was before'
kill "$holder"
unit
everything | diff /tmp/before - && echo unchanged

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
unlike
sh deploy/install.sh --binary newer --sha256 "$(printf '%064d' 0)" 2>&1 | grep -o 'nothing was installed'
[ "$(main)" = "$before_it" ] && like_before
say planted
# the service's user prepares its home for whatever root may open there
install -m 0600 /dev/null /etc/roots-own
as_agentport() { setpriv --reuid=agentport --regid=agentport --clear-groups "$@"; }
as_agentport sh -c 'cd /var/lib/agentport/.agentport && for end in before new; do
    mkdir "agentport.toml.$end" && ln -s /etc/roots-own "agentport.toml.$end/+var+lib+agentport+.agentport+agentport.toml"
done'
sh deploy/install.sh --binary newer --domain agentport.example.com 2>&1 | grep -o 'everything is as it was before'
stat -c '%U %s' /etc/roots-own
rm -r /etc/roots-own /var/lib/agentport/.agentport/agentport.toml.before /var/lib/agentport/.agentport/agentport.toml.new
# what could not be written there is as it was
like_before
say upgrade-script
sh deploy/install.sh --binary newer --domain agentport.example.com 2>&1 | grep -o 'everything is as it was before'
like_before
say upgrade-broken
sh deploy/install.sh --binary broken 2>&1 | grep -o 'everything is as it was before'
like_before
rm /etc/systemd/system/agentport.service.d/room.conf
say script-undone
sh deploy/install.sh --uninstall --purge >/dev/null
unit
find /usr/local/bin /var/lib/agentport /etc/systemd/system -name '*agentport*' 2>/dev/null
getent passwd agentport
