#!/bin/sh
# Makes dist/replydesk_VERSION~SUITE_ARCH.deb: the program with all it needs below /usr/lib/replydesk, as a virtual
# environment of the suite's own Python. Nothing is compiled for it here, so any machine makes it for any suite.
#   packages/deb.sh SUITE [WHEEL]     bookworm (Debian 12) or trixie (Debian 13)
# SOURCE_DATE_EPOCH (default: the commit's time) makes it the same bytes twice.
set -eu
cd "$(dirname "$0")/.."
suite=$1
case $suite in
    bookworm) python=3.11 above=3.12 ;;
    trixie) python=3.13 above=3.14 ;;
    *) echo "deb.sh: $suite is none of bookworm, trixie" >&2; exit 2 ;;
esac
bin=.venv/bin
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
umask 022
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
wheel=${2:-}
if [ -z "$wheel" ]; then
    $bin/python -m hatchling build -t wheel -d "$work/dist" >/dev/null 2>&1
    wheel=$(echo "$work"/dist/*.whl)
fi
version=$(basename "$wheel" | cut -d- -f2)
arch=$(dpkg --print-architecture)
root=$work/root
lib=$root/usr/lib/replydesk
site=$lib/lib/python$python/site-packages

install -d "$lib/bin" "$site" "$root/usr/bin" "$root/usr/lib/systemd/system" "$root/usr/share/doc/replydesk" "$root/DEBIAN"
ln -s "/usr/bin/python$python" "$lib/bin/python3"
ln -s python3 "$lib/bin/python"
printf 'home = /usr/bin\ninclude-system-site-packages = false\nversion = %s\n' "$python" > "$lib/pyvenv.cfg"
platform=$(uname -m)-unknown-linux-gnu
into="$bin/uv pip install --quiet --no-compile --target $site --python-version $python --python-platform $platform"
$into --require-hashes -r requirements.lock
$into --no-deps "$wheel"
rm -rf "$site/bin" "$site/.lock"
find "$site" -name __pycache__ -prune -exec rm -rf {} +
# What names this machine or the time of the build.
find "$site" -path '*.dist-info/*' \( -name direct_url.json -o -name uv_cache.json -o -name REQUESTED -o -name RECORD \) -delete
cat > "$lib/bin/replydesk" <<'END'
#!/usr/lib/replydesk/bin/python3 -sP
import sys

from gateway.cli import main

sys.exit(main())
END
chmod 755 "$lib/bin/replydesk"
ln -s ../lib/replydesk/bin/replydesk "$root/usr/bin/replydesk"

for unit in deploy/*.service deploy/*.socket deploy/*.timer; do
    [ -e "$unit" ] || continue
    sed -e 's,/opt/replydesk/bin/,/usr/bin/,' -e 's,/opt/replydesk/docs/,/usr/share/doc/replydesk/,' "$unit" \
        > "$root/usr/lib/systemd/system/$(basename "$unit")"
done
cp -r docs/*.md CHANGELOG.md README.md config.example.toml "$root/usr/share/doc/replydesk/"
cp -r deploy "$root/usr/share/doc/replydesk/deploy"
cat > "$root/usr/share/doc/replydesk/copyright" <<'END'
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: replydesk

Files: *
License: GPL-3+
 On Debian systems the text is in /usr/share/common-licenses/GPL-3. The packages below
 /usr/lib/replydesk/lib carry their own licences in their dist-info folders.
END
$bin/python -m packages.pages "$root"

cp packages/debian/preinst packages/debian/postinst packages/debian/prerm packages/debian/postrm "$root/DEBIAN/"
chmod 755 "$root"/DEBIAN/p*
chmod -R u=rwX,go=rX $root/usr
cat > "$root/DEBIAN/control" <<END
Package: replydesk
Version: $version~$suite
Architecture: $arch
Section: mail
Priority: optional
Maintainer: The Replydesk project <replydesk@localhost>
Installed-Size: $(du -sk "$root" | cut -f1)
Depends: python3 (>= $python), python3 (<< $above), adduser, ca-certificates
Recommends: openssl
Suggests: postfix | mail-transport-agent, postgresql, nginx | caddy | apache2
Description: e-mail-first support gateway
 One daemon turns support mail into tickets, answers, reminds and closes, while
 everybody keeps using their own mail program. After the installation:
 replydesk init
END
(cd "$root" && find usr -type f | LC_ALL=C sort | xargs -d '\n' md5sum) > "$root/DEBIAN/md5sums"
mkdir -p dist
dpkg-deb --root-owner-group -Zzstd -z6 --build "$root" "dist/replydesk_$version~${suite}_$arch.deb"
