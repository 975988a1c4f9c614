# Everything a newcomer needs: `make demo` and `make test`. Nothing but Python 3.11, venv and pip is assumed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Three workers suit two cores: many tests wait for servers of theirs.
WORKERS ?= 3

# Exim would replace Postfix: it is only unpacked, with the one library the others do not bring.
PACKAGES := dovecot-imapd dovecot-lmtpd postfix swaks msmtp libnet-ssleay-perl libgnutls-dane0 nginx-light apache2 caddy rspamd
UNPACKED := exim4-daemon-light exim4-base

# Tests start some hundred daemons and commands; without cached bytecode each of them compiles the house anew.
unexport PYTHONDONTWRITEBYTECODE

# The system's own Python, and what may differ there: waiting, sockets, processes, and how a command ends.
SECOND ?= /usr/bin/python3
TELLING := tests/receive tests/send tests/cli/test_deliver.py tests/cli/test_main.py tests/test_daemon.py \
	tests/test_processes.py tests/test_worker.py

# Where tests with real mail servers are; to look through all the others for them takes half a minute.
INTEROP := tests/interop tests/board

CATALOGS := $(wildcard templates/locale/*/LC_MESSAGES/replydesk.po)

SUITES := bookworm trixie
# What a Debian for the tests holds, beside what is essential: what the package needs, and the mail servers around it.
IN_DEBIAN := ca-certificates,python3,adduser,iproute2,postfix,dovecot-imapd,swaks,procps,openssl

# … and one that is booted.
BOOTED := ca-certificates,python3,adduser,iproute2,systemd-sysv,dbus,procps

.PHONY: booted second gallery deb debian loops setup demo test audit-lab crash faults hostile interop lint format messages corpus compare \
	bench bench-rivals lock clean

setup: $(VENV)/ready $(CATALOGS:.po=.mo)

$(VENV)/ready: requirements-dev.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r requirements-dev.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

# Reading the texts as they are written takes 0.2 s of each command's start.
$(CATALOGS:.po=.mo) &: $(CATALOGS) | $(VENV)/ready
	$(BIN)/pybabel --quiet compile --directory templates/locale --domain replydesk
	@touch $(CATALOGS:.po=.mo)

demo: setup
	@$(BIN)/replydesk demo

test: setup
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

# A telling part of it on the system's own Python, where that is another one (Debian 12: 3.11.2, Debian 13: 3.13).
second:
	@if ! $(SECOND) -c 'import ensurepip' 2>/dev/null; then echo "$(SECOND) is not there, or cannot make environments"; \
	elif [ "$$($(SECOND) -V)" = "$$($(PYTHON) -V)" ]; then echo "$$($(SECOND) -V) is what everything runs on already"; \
	else $(MAKE) --no-print-directory setup VENV=.venv-second PYTHON=$(SECOND) && \
		.venv-second/bin/python -m pytest -n $(WORKERS) --dist loadgroup -k "not postgresql" $(TELLING); fi

# Private instances of real mail servers. Without their packages the tests say so and are skipped.
# What takes a minute or more (outages, alarms, five thousand mails, a Debian booted with its systemd) runs with LONG=1,
# and shows its figures.
interop: setup $(if $(LONG),booted)
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		export DEBIAN_FRONTEND=noninteractive; \
		install="apt-get install --yes --quiet --no-install-recommends $(PACKAGES)"; \
		$$install >/dev/null 2>&1 || { apt-get update --quiet >/dev/null && $$install >/dev/null; } || true; \
		if ! command -v exim4 >/dev/null && [ ! -e .exim ]; then \
			mkdir .exim && cd .exim && { apt-get download --quiet $(UNPACKED) >/dev/null 2>&1 || true; } && \
			for package in *.deb; do [ ! -e "$$package" ] || dpkg-deb --extract "$$package" .; done; \
		fi; \
	fi
	$(BIN)/python -m pytest $(INTEROP) $(if $(LONG),-m interop -s,-m "interop and not long" -n $(WORKERS)) --timeout 1200

# The package, and a Debian 12 with systemd to boot in a container (systemd-nspawn, root). Made once; where it cannot be
# made the test says so.
booted: setup
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		packages/deb.sh bookworm || true; \
		command -v systemd-nspawn >/dev/null && command -v debootstrap >/dev/null || \
			apt-get install --yes --quiet --no-install-recommends systemd-container debootstrap >/dev/null || true; \
		mkdir -p .trees; [ -e .trees/systemd/usr/lib/systemd/systemd ] || \
			debootstrap --variant=minbase --include=$(BOOTED) bookworm .trees/systemd >/dev/null || true; \
	fi

# A package for each Debian in dist/, the same bytes for the same commit.
deb: setup
	for suite in $(SUITES); do packages/deb.sh $$suite || exit 1; done

# The packages installed, upgraded, removed, and used for a first ticket, in Debians of their own below .trees. Wants root.
debian: deb
	@command -v debootstrap >/dev/null || apt-get install --yes --quiet --no-install-recommends debootstrap >/dev/null || true
	@mkdir -p .trees
	@mkdir -p .trees; for suite in $(SUITES); do [ -e .trees/$$suite/usr/sbin/swaks ] || [ -e .trees/$$suite/usr/bin/swaks ] || \
		debootstrap --variant=minbase --include=$(IN_DEBIAN) $$suite .trees/$$suite >/dev/null || true; done
	$(BIN)/python -m pytest -s -rs -m "interop and long" tests/interop/test_debian.py --timeout 1200

# Laboratories (docs/reliability.md); LONG=1 is the long form, whose figures are printed.
audit-lab: setup
	$(BIN)/python -m pytest -n $(WORKERS) tests/cli/test_audit_lab.py tests/cli/test_audit_lab_postgresql.py \
		tests/cli/test_audit.py tests/storage/test_seals.py

crash: setup
	$(if $(LONG),LONG=1) $(BIN)/python -m pytest -s tests/crash --timeout 14400

faults: setup
	$(BIN)/python -m pytest -n $(WORKERS) tests/send tests/test_vitals.py tests/test_clock_daemon.py

loops: setup
	$(if $(LONG),LONG=1) $(BIN)/python -m pytest $(if $(LONG),-s,-n $(WORKERS)) tests/walks/test_attacks.py \
		-k "machine or robot or desks or loop"

hostile: setup
	$(BIN)/python -m pytest -n $(WORKERS) tests/mail/test_hostile.py tests/portal/test_hostile.py tests/portal/test_guessing.py \
		tests/walks/test_attacks.py tests/walks/test_from_tricks.py tests/receive/test_limits.py

# Every mail, page and terminal screen as a picture in gallery/, with index.html; LANGUAGES="de fr" takes these alone.
gallery: setup
	$(BIN)/python -m tests.gallery gallery $(LANGUAGES)

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# New texts into the catalogs of every language, and what has no translation yet.
messages: setup
	$(BIN)/python -m tests.messages

corpus: setup
	$(BIN)/python -m tests.corpus
	$(BIN)/python -m tests.replies
	$(BIN)/python -m tests.compare

# Other readers, in a place of their own: they are compared with, and are no part of the project (`make corpus`).
compare:
	$(PYTHON) -m venv .compare
	.compare/bin/python -m pip install --quiet --disable-pip-version-check \
		quotequail mail-parser-reply email-reply-parser inscriptis html2text charset-normalizer

# Figures of docs/performance.md. The machine should do nothing else meanwhile.
bench: setup
	@uname -srm; nproc; uptime; grep -m1 "model name" /proc/cpuinfo || true
	@for b in stages walk accept daemon machines flow parse receive send imap growth report; do \
		echo "== $$b"; $(BIN)/python -m tests.bench.bench_$$b || exit 1; done

# Other help desks, in a place of their own: they are measured beside us, and are no part of the project.
bench-rivals: setup
	[ -x .rivals/bin/python ] || $(PYTHON) -m venv .rivals
	.rivals/bin/python -m pip install --quiet --disable-pip-version-check django-helpdesk==2.6.1 roundup==2.6.0 setuptools
	$(BIN)/python tests/bench/rivals.py --write
	$(BIN)/python tests/bench/rivals.py --write --stored 100000

# What production needs, and what developers need. Locks name versions and hashes, no registry: uv.lock would name one.
lock: setup
	$(BIN)/uv lock --quiet --upgrade
	$(BIN)/uv export --quiet --no-emit-project --no-default-groups --no-annotate --no-header > requirements.lock
	$(BIN)/uv export --quiet --no-emit-project --all-groups --format requirements-txt --no-header > requirements-dev.lock
	rm -f uv.lock

clean:
	rm -rf $(VENV) $(CATALOGS:.po=.mo) .venv-second *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache demo-var
