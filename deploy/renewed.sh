#!/bin/sh
# After a renewal: /etc/letsencrypt/renewal-hooks/deploy/replydesk, executable. certbot names the folder of the new files.
set -eu
install -m 640 -g replydesk "$RENEWED_LINEAGE/fullchain.pem" /etc/replydesk/mx.pem.new
install -m 640 -g replydesk "$RENEWED_LINEAGE/privkey.pem" /etc/replydesk/mx-key.pem.new
mv /etc/replydesk/mx.pem.new /etc/replydesk/mx.pem
mv /etc/replydesk/mx-key.pem.new /etc/replydesk/mx-key.pem
systemctl reload replydesk
