#!/bin/sh
# Installs AgentPort's gateway as a service under a user of its own. Doing it twice changes nothing more.
#
#   install.sh --binary FILE | --from URL --sha256 HEX
#              [--domain NAME [--tls-cert FILE --tls-key FILE | --acme MAIL]] [--dry-run]
#   install.sh --uninstall [--purge] [--dry-run]
#
# --from fetches a released program over https and compares it with --sha256 before anything runs it; with --binary the
# checksum is optional. --domain is the name that people and agents come by: with a certificate the gateway answers there
# itself, on port 443, and with --acme it orders one from Let's Encrypt, whose terms you agree to with it (they write to MAIL);
# without, put a proxy in front of 127.0.0.1:4747 (deploy/Caddyfile). Where the program does not start, all is as it was before: the
# one before it, its unit, settings and log come back, and the service runs again; of a first installation nothing stays. --uninstall keeps what the gateway
# knows under /var/lib/agentport; --purge removes that too, the log and every credential with it.
set -eu

user=agentport
state=/var/lib/agentport
home=$state/.agentport
key=$state/.agentport.key
program=/usr/local/bin/agentport
unit=/etc/systemd/system/agentport.service
dropin=/etc/systemd/system/agentport.service.d/port.conf
socket=/run/agentport/agentport.sock
here=$(cd "$(dirname "$0")" && pwd)

binary='' from='' sha256='' domain='' acme='' cert='' certkey='' dry='' remove='' purge=''
folder='' before=''

say() { printf '%s\n' "$*"; }

fail() {
    printf 'install.sh: %s\n' "$*" >&2
    exit 1
}

# run COMMAND... : runs it, or says that it would
run() {
    if [ -n "$dry" ]; then
        say "would run: $*"
    else
        "$@"
    fi
}

# as_service COMMAND... : the same as the service's user. What lies in the service's home that user may have prepared, and root
# opens nothing there: a link in the place of a file would lead root elsewhere.
as_service() {
    if [ -n "$dry" ]; then
        say "would run as $user: $*"
    else
        runuser -u "$user" -- "$@"
    fi
}

# put_as_service FROM TO : a file of the service's alone, with what is in FROM
put_as_service() {
    if [ -n "$dry" ]; then
        say "would write as $user: $2, from $1"
    else
        # shellcheck disable=SC2016
        runuser -u "$user" -- sh -c 'umask 077 && cat >"$1.new" && mv -fT "$1.new" "$1"' _ "$2" <"$1"
    fi
}

# value FLAG COUNT : is there a value behind the flag?
value() {
    [ "$2" -ge 2 ] || fail "$1 needs a value"
}

while [ $# -gt 0 ]; do
    case $1 in
    --binary) value "$1" $#; binary=$2; shift ;;
    --from) value "$1" $#; from=$2; shift ;;
    --sha256) value "$1" $#; sha256=$2; shift ;;
    --domain) value "$1" $#; domain=$2; shift ;;
    --acme) value "$1" $#; acme=$2; shift ;;
    --tls-cert) value "$1" $#; cert=$2; shift ;;
    --tls-key) value "$1" $#; certkey=$2; shift ;;
    --dry-run) dry=yes ;;
    --uninstall) remove=yes ;;
    --purge) purge=yes ;;
    -h | --help) sed -n '2,14s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) fail "\`$1\` is not an option; --help names them" ;;
    esac
    shift
done

running_systemd() { [ -d /run/systemd/system ]; }

uninstall() {
    if running_systemd || [ -n "$dry" ]; then run systemctl disable --now agentport.service || :; fi
    run rm -f "$unit" "$dropin" "$program"
    if [ -d "${dropin%/*}" ] || [ -n "$dry" ]; then run rmdir "${dropin%/*}" || :; fi
    if running_systemd || [ -n "$dry" ]; then run systemctl daemon-reload; fi
    if [ -n "$purge" ]; then
        run rm -rf "$state"
        if id "$user" >/dev/null 2>&1 || [ -n "$dry" ]; then run userdel "$user"; fi
    else
        say "kept: $state, and the user $user; --purge removes both"
    fi
}

# checksum FILE : compares it with --sha256
checksum() {
    found=$(sha256sum "$1" | cut -d ' ' -f 1)
    [ "$found" = "$sha256" ] || fail "$1 has the checksum $found, not $sha256; nothing was installed"
    say "checksum: $1 is $sha256"
}

# The program to install, checked, in $binary
obtain() {
    if [ -n "$from" ]; then
        case $from in https://*) ;; *) fail "--from must begin with https://" ;; esac
        if [ -n "$dry" ]; then
            say "would fetch: $from"
            say "would compare its checksum with: $sha256"
            binary=FETCHED
            return
        fi
        folder=$(mktemp -d)
        binary=$folder/agentport
        curl --proto '=https' --tlsv1.2 --fail --silent --show-error --location --output "$binary" "$from"
    fi
    [ -f "$binary" ] || fail "there is no program at \`$binary\`"
    if [ -n "$sha256" ]; then checksum "$binary"; fi
}

# kept FILE : where it is kept while another takes its place
kept() { printf '%s/%s' "$before" "$(printf %s "$1" | tr / +)"; }

is_there() { id "$user" >/dev/null 2>&1 && runuser -u "$user" -- test -e "$home"; }

# shellcheck disable=SC2016
ledgers() {
    if is_there; then runuser -u "$user" -- sh -c 'cd "$1" && ls -d agentport.db.schema-*' _ "$home" 2>/dev/null || :; fi
}

# keep : what an installation replaces, and what was not there
keep() {
    if [ -n "$dry" ]; then return; fi
    before=$(mktemp -d)
    for file in "$program" "$unit" "$dropin"; do
        if [ -e "$file" ]; then cp -p "$file" "$(kept "$file")"; fi
    done
    if is_there; then runuser -u "$user" -- cat "$home/agentport.toml" >"$before/settings" || rm -f "$before/settings"; fi
    for made in "$state" "$home" "$key" "${dropin%/*}"; do
        if [ ! -e "$made" ]; then : >"$(kept "$made").absent"; fi
    done
    if ! id "$user" >/dev/null 2>&1; then : >"$before/no-user"; fi
    if running_systemd; then
        if systemctl --quiet is-enabled agentport.service 2>/dev/null; then : >"$before/enabled"; fi
        if systemctl --quiet is-active agentport.service; then : >"$before/active"; fi
    fi
    ledgers >"$before/ledgers"
}

put_back() {
    if running_systemd; then
        systemctl stop agentport.service 2>/dev/null || :
        if [ ! -e "$before/enabled" ]; then systemctl --quiet disable agentport.service 2>/dev/null || :; fi
    fi
    for file in "$program" "$unit" "$dropin"; do
        if [ -e "$(kept "$file")" ]; then
            rm -f "$file.before"
            cp -p "$(kept "$file")" "$file.before" && mv -f "$file.before" "$file"
        else
            rm -f "$file"
        fi
    done
    if [ -e "$before/settings" ]; then put_as_service "$before/settings" "$home/agentport.toml"; fi
    # a log that the newer program made its own is none to this one: what was kept of it then comes back
    copy=$(ledgers | grep -vxFf "$before/ledgers" | head -n 1) || :
    if [ -n "$copy" ]; then
        # shellcheck disable=SC2016
        runuser -u "$user" -- sh -c 'cd "$1" || exit 1
            for end in "" -wal -shm; do
                if [ -e "agentport.db$end" ]; then mv -fT "agentport.db$end" "agentport.db.newer$end"; fi
            done
            mv -fT "$2" agentport.db' _ "$home" "$copy"
    fi
    for made in "$state" "$home" "$key" "${dropin%/*}"; do
        if [ -e "$(kept "$made").absent" ]; then rm -rf "$made"; fi
    done
    if [ -e "$before/no-user" ] && id "$user" >/dev/null 2>&1; then userdel "$user"; fi
    if running_systemd; then
        systemctl daemon-reload
        if [ -e "$before/active" ]; then systemctl restart agentport.service; fi
    fi
    say "this program was not installed; everything is as it was before"
}

ended() {
    if [ -n "$before" ]; then
        put_back || :
        rm -rf "$before"
    fi
    if [ -n "$folder" ]; then rm -rf "$folder"; fi
}

# set_line KEY VALUE : a line under [site] of the settings
set_line() {
    if [ -n "$dry" ]; then
        say "would set in $home/agentport.toml: $1 = $2"
        return
    fi
    runuser -u "$user" -- cat "$home/agentport.toml" | awk -v key="$1" -v line="$1 = $2" '
        /^\[/ { if (site && !done) { print line; done = 1 } site = ($0 ~ /^\[site\]/) }
        site && index($0, key " =") == 1 { if (!done) print line; done = 1; next }
        { print }
        END { if (site && !done) print line }' >"$before/lines"
    put_as_service "$before/lines" "$home/agentport.toml"
}

# wait_for SOCKET : until it is there, ten seconds at most
wait_for() {
    tries=0
    until [ -S "$1" ]; do
        tries=$((tries + 1))
        [ "$tries" -le 100 ] || fail "the service does not answer at $1; journalctl -u agentport says why"
        sleep 0.1
    done
}

install_gateway() {
    trap ended EXIT
    trap 'exit 1' HUP INT TERM
    obtain
    keep
    run install -D -o root -g root -m 0755 "$binary" "$program"
    # the program makes its user, its home and the unit; `$program install --service --dry-run` says each step
    run "$program" install --service --no-start
    if [ -n "$domain" ]; then
        set_line public_url "\"https://$domain\""
    fi
    if [ -n "$cert" ]; then
        as_service mkdir -p -m 0700 "$state/tls"
        put_as_service "$cert" "$state/tls/cert.pem"
        put_as_service "$certkey" "$state/tls/key.pem"
        set_line listen '"[::]:443"'
        set_line tls "{ cert = \"$state/tls/cert.pem\", key = \"$state/tls/key.pem\" }"
    fi
    if [ -n "$acme" ]; then
        set_line listen '"[::]:443"'
        set_line tls "{ acme = { contact = \"$acme\" } }"
    fi
    if [ -n "$cert$acme" ]; then
        run install -d -m 0755 "${dropin%/*}"
        run install -m 0644 "$here/port.conf" "$dropin"
    fi
    if running_systemd || [ -n "$dry" ]; then
        run systemctl daemon-reload
        run systemctl enable agentport.service
        run systemctl restart agentport.service
        if [ -n "$dry" ]; then say "would wait until it listens at $socket"; else wait_for "$socket"; fi
    else
        say "no systemd runs here: start \`$program serve\` as $user"
    fi
    if [ -n "$before" ]; then rm -rf "$before"; fi
    before=''
    say "the vault's key is $key; keep a copy of it elsewhere"
    say "next, as $user (sudo -u $user $program ...): open, connect, agents add"
}

if [ -n "$remove" ]; then
    [ -n "$dry" ] || [ "$(id -u)" = 0 ] || fail "run this as root, or with --dry-run"
    uninstall
    exit 0
fi
[ -z "$purge" ] || fail "--purge goes with --uninstall"
if [ -n "$binary" ] && [ -n "$from" ]; then fail "--binary or --from, not both"; fi
[ -n "$binary$from" ] || fail "--binary FILE, or --from URL with --sha256 HEX; --help says more"
[ -z "$from" ] || [ -n "$sha256" ] || fail "--from needs --sha256: nothing is run that was not checked"
case $domain in *[!A-Za-z0-9.-]*) fail "\`$domain\` is no name of a host" ;; esac
case $sha256 in *[!0-9a-f]*) fail "--sha256 is 64 lower-case hexadecimal digits" ;; esac
if [ -n "$cert$certkey" ]; then
    [ -n "$domain" ] && [ -n "$cert" ] && [ -n "$certkey" ] || fail "--tls-cert, --tls-key and --domain go together"
    for file in "$cert" "$certkey"; do [ -f "$file" ] || fail "there is no file \`$file\`"; done
fi
if [ -n "$acme" ]; then
    [ -n "$domain" ] && [ -z "$cert$certkey" ] || fail "--acme goes with --domain, and without --tls-cert"
fi
case $acme in '' | *@*) ;; *) fail "\`$acme\` is no mail address" ;; esac
case $acme in *[!A-Za-z0-9@._+-]*) fail "\`$acme\` is no mail address" ;; esac
[ -n "$dry" ] || [ "$(id -u)" = 0 ] || fail "run this as root, or with --dry-run"
install_gateway
