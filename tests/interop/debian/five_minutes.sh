#!/bin/sh
# In a Debian with a mail server: from the package to the first answered ticket. $1: the package, $2: lmtp, imap or mx.
# Before the clock runs: the world, that is a mail server for firm.test and its customers.
set -eu
ip link set lo up
echo "127.0.0.1 localhost mx.firm.test mail.firm.test" > /etc/hosts
for user in anna kunde support; do useradd -m "$user"; done
[ -e /etc/postfix/main.cf ] || cp /usr/share/postfix/main.cf.debian /etc/postfix/main.cf
postconf -e 'myhostname = mail.firm.test' 'mydestination = mail.firm.test, firm.test, customer.test, localhost' \
    'inet_interfaces = loopback-only' 'mynetworks = 127.0.0.0/8' 'mailbox_command =' 'alias_maps =' 'home_mailbox = Maildir/' \
    'smtpd_tls_security_level = none' 'maillog_file = /dev/stdout' 'compatibility_level = 3.6'
echo "postlog unix-dgram n - n - 1 postlogd" >> /etc/postfix/master.cf
door=25
if [ "$2" = mx ]; then
    sed -i 's/^smtp  *inet .*/10025 inet n - n - - smtpd/' /etc/postfix/master.cf
    door=10025
fi
if [ "$2" = imap ]; then
    openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=mail.firm.test -addext subjectAltName=DNS:mail.firm.test \
        -keyout /etc/dovecot/key.pem -out /etc/dovecot/cert.pem 2>/dev/null
    echo "support:secret of the mailbox" | chpasswd
    settings=$(dovecot --version | grep -q '^2.4' && echo new || echo old)
    if [ $settings = new ]; then
        cat > /etc/dovecot/dovecot.conf <<END
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
protocols = imap
mail_driver = maildir
mail_path = ~/Maildir
ssl_server_cert_file = /etc/dovecot/cert.pem
ssl_server_key_file = /etc/dovecot/key.pem
passdb passwd-file {
  passwd_file_path = /etc/dovecot/users
}
userdb passwd {
}
END
    else
        cat > /etc/dovecot/dovecot.conf <<END
protocols = imap
mail_location = maildir:~/Maildir
ssl_cert = </etc/dovecot/cert.pem
ssl_key = </etc/dovecot/key.pem
passdb {
  driver = passwd-file
  args = /etc/dovecot/users
}
userdb {
  driver = passwd
}
END
    fi
    echo "support:{PLAIN}secret of the mailbox" > /etc/dovecot/users
    dovecot
fi
postfix start >/tmp/postfix.log 2>&1 || { cat /tmp/postfix.log; exit 1; }

begun=$(date +%s)
# --- from here on: README and what init says -----------------------------------------------------
dpkg -i "$1" >/dev/null
set -- "$2"
common="--yes --no-service --address support@firm.test --url https://support.firm.test --timezone Europe/Berlin"
case $1 in
    lmtp) replydesk init $common --way lmtp --agents "Anna <anna@firm.test>" >/tmp/said ;;
    imap)
        echo "secret of the mailbox" > /root/password
        install -m 640 -g replydesk /root/password /etc/replydesk/mailbox-password
        replydesk init $common --way imap --imap mail.firm.test:993 --imap-user support --ca-file /etc/dovecot/cert.pem \
            --imap-password-file /etc/replydesk/mailbox-password --relay 127.0.0.1:25 --agents "Anna <anna@firm.test>" >/tmp/said
        ;;
    mx) replydesk init $common --way mx --hostname mx.firm.test --relay 127.0.0.1:10025 --agents "Anna <anna@firm.test>" >/tmp/said ;;
esac || { cat /tmp/said; exit 1; }
cat /tmp/said
# The line init prints for Postfix, word for word; and the one that starts the daemon, where there is no systemd.
sed -n '/^  postconf -e/,/postfix reload$/p' /tmp/said > /tmp/postfix.sh
sh -e /tmp/postfix.sh
start=$(sed -n 's/^Start it with: //p' /tmp/said)
$start >/tmp/log 2>&1 &
n=0
until python3 -c 'import urllib.request as u; u.urlopen("http://127.0.0.1:8025/healthz")' 2>/dev/null; do
    n=$((n + 1)); [ $n -lt 100 ] || { cat /tmp/log; exit 1; }; sleep 0.3
done
replydesk send-test kunde@customer.test
# --- a customer writes, an agent answers -----------------------------------------------------------
arrived() { # USER WORDS FILE: the mail of that user that holds the words
    n=0
    until found=$(grep -rlE "$2" /home/"$1"/Maildir/new 2>/dev/null | head -1) && [ -n "$found" ]; do
        n=$((n + 1)); [ $n -lt 300 ] || { echo "no mail for $1"; cat /tmp/log; replydesk journal list; replydesk outbox list; exit 1; }
        sleep 0.3
    done
    cp "$found" "$3"
}
port=25
swaks --silent --server 127.0.0.1:$port --from kunde@customer.test --to support@firm.test \
    --header "Subject: Printer on fire" --header "Message-ID: <1@customer.test>" --body "It burns."
arrived anna "Printer on fire" /tmp/notice
field() { sed -n "s/^$1: *//Ip" /tmp/notice | head -1; }
unfolded() { awk '/^$/{exit} /^[ \t]/{sub(/^[ \t]+/," "); printf "%s",$0; next} {printf "\n%s",$0} END{print ""}' "$1"; }
unfolded /tmp/notice > /tmp/head
to=$(sed -n 's/^Reply-To: *//Ip' /tmp/head | sed 's/.*<//; s/>.*//'); to=${to:-support@firm.test}
id=$(sed -n 's/^Message-ID: *//Ip' /tmp/head)
subject=$(sed -n 's/^Subject: *//Ip' /tmp/head)
swaks --silent --server 127.0.0.1:$port --from anna@firm.test --to "$to" --header "Subject: Re: $subject" \
    --header "Message-ID: <2@firm.test>" --header "In-Reply-To: $id" --header "References: $id" --body "Pour water on it."
arrived kunde "Pour water on it" /tmp/answer
echo "ANSWERED by $1 after $(($(date +%s) - begun)) seconds"
replydesk audit | tail -1
