#!/bin/sh
# In a Debian: the package is installed, set up, upgraded, rolled back, removed and purged. $1: this version's, $2: a newer one.
set -eux
as_service() { setpriv --reuid=replydesk --regid=replydesk --init-groups "$@"; }
answers() { # a daemon that says READY by its portal
    setpriv --reuid=replydesk --regid=replydesk --init-groups replydesk run --config /etc/replydesk/replydesk.toml >/tmp/log 2>&1 &
    daemon=$!
    n=0
    until python3 -c 'import urllib.request as u; u.urlopen("http://127.0.0.1:8025/healthz")' 2>/dev/null; do
        n=$((n + 1)); [ $n -lt 100 ] || { cat /tmp/log; exit 1; }; sleep 0.3
    done
    kill $daemon; wait $daemon
}
ip link set lo up

dpkg -i "$1"
id replydesk
[ "$(stat -c '%U %a' /var/lib/replydesk)" = "replydesk 700" ]
[ "$(stat -c '%U:%G %a' /etc/replydesk)" = "root:replydesk 750" ]
replydesk --version
[ -s /usr/share/man/man1/replydesk.1 ]
[ -s /usr/share/bash-completion/completions/replydesk ]
for unit in replydesk.service replydesk-smtp.socket replydesk-lmtp.socket replydesk-portal.socket replydesk-backup.timer; do
    [ -s /usr/lib/systemd/system/$unit ]
    ! grep -q /opt/ /usr/lib/systemd/system/$unit
done
! [ -e /etc/replydesk/replydesk.toml ]

replydesk init --yes --no-service --address support@firm.test --way lmtp --agents anna@firm.test
[ "$(stat -c '%U:%G %a' /etc/replydesk/replydesk.toml)" = "root:replydesk 640" ]
answers
replydesk audit
cp /var/lib/replydesk/secret /tmp/secret

dpkg -i "$2"
[ "$(dpkg-query -W -f '${Version}' replydesk)" = "$(dpkg-deb -f "$2" Version)" ]
cmp /tmp/secret /var/lib/replydesk/secret
copy=$(echo /var/backups/replydesk/before-upgrade-from-*)
answers
replydesk restore --check "$copy"

# The way back, as docs/operate.md says it.
dpkg -i "$1"
as_service replydesk restore "$copy"
answers
replydesk audit

dpkg -r replydesk
! [ -e /usr/bin/replydesk ]
! [ -e /usr/lib/replydesk ]
[ -s /etc/replydesk/replydesk.toml ]
[ -s /var/lib/replydesk/replydesk.sqlite3 ]
dpkg -P replydesk
! [ -e /etc/replydesk ]
[ -s /var/lib/replydesk/replydesk.sqlite3 ]
echo LIVED
