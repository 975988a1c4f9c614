"""Wrong settings as people write them: each is refused with its file, its line, its key and what to write instead."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway import config
from gateway.cli import main
from gateway.errors import ConfigError

BOX = '[[mailboxes]]\naddress = "support@example.com"\n'
ANNA = '[[agents]]\naddress = "anna@example.com"\n'
EXAMPLE = Path(__file__).resolve().parents[1] / "config.example.toml"
HERE = "  # here"
"""Marks the line that is to be named."""

# What is added to a file with one mailbox; the key, a part of the problem, a part of the remedy.
IMAP = "[[receive.imap]]\nmailbox = 'support@example.com'\nhost = 'h'\npassword_file = 'p'\n"
RULE = "[[rules]]\nname = 'x'\n"
WRONG: list[tuple[str, str, str, str]] = [
    # Words that are not known.
    ("[gatway]  # here", "gatway", "unknown key", "Did you mean 'gateway'?"),
    ("[gateway]\ndatadir = 'x'  # here", "gateway.datadir", "unknown key", "'data_dir'"),
    ("[gateway]\npublicurl = 'x'  # here", "gateway.publicurl", "unknown key", "'public_url'"),
    ("[gateway]\nxyzzy = 1  # here", "gateway.xyzzy", "unknown key", "Known here: data_dir, "),
    ("[receive.smpt]  # here\nlisten = []", "receive.smpt", "unknown key", "'smtp'"),
    ("[receive.smtp]\nlisen = []  # here", "receive.smtp.lisen", "unknown key", "'listen'"),
    ("[send]\npasswort_file = 'x'  # here", "send.passwort_file", "unknown key", "'password_file'"),
    ("[send]\npassword = 'x'  # here", "send.password", "unknown key", "'password_file'"),
    ("[portal]\nport = 80  # here", "portal.port", "unknown key", "Known here: listen, "),
    (f"{ANNA}adress = 'x'  # here", "agents[0].adress", "unknown key", "'address'"),
    ("[[receive.imap]]  # here\nmailbox = 'support@example.com'", "receive.imap[0].host", "is missing", "Set it."),
    ("[[agents]]  # here\nname = 'Anna'", "agents[0].address", "is missing", "Set it."),
    # Values of the wrong kind.
    ("[receive.smtp]\nlisten = '127.0.0.1:2525'  # here", "receive.smtp.listen", "one value", '["127.0.0.1:2525"]'),
    ("[limits]\nreopens = '5/1h'  # here", "limits.reopens", "one value", '["5/1h"]'),
    ("[send]\nport = '25'  # here", "send.port", '"25" is no whole number', "without quotation marks"),
    ("[send]\nport = 25.0  # here", "send.port", "25.0 is no whole number", "in digits"),
    ("[portal]\nallow_replies = 'yes'  # here", "portal.allow_replies", "neither true nor", "true or false"),
    ("[portal]\nallow_replies = 1  # here", "portal.allow_replies", "neither true nor", "true or false"),
    ("[gateway]\noperator = true  # here", "gateway.operator", "true is no text", "quotation marks"),
    ("[gateway]\ntimezone = 1  # here", "gateway.timezone", "1 is no text", '"1"'),
    ("[metrics]\nlisten = 9100  # here", "metrics.listen", "9100 is no text", "quotation marks"),
    ("gateway = 'x'  # here", "mailboxes[0].gateway", "unknown key", "Known here: address"),
    ("[brand]\nimprint = ['a']  # here", "brand.imprint", '["a"] is no text', "quotation marks"),
    ("[[statuses]]\nname = 'x'\ncounts_as = 'waiting_on_us'\nlabels = 'y'  # here",
     "statuses[0].labels", "table", "heading"),
    # Values that cannot be meant.
    ("[send]\nport = 70000  # here", "send.port", "70000 is too large", "65535 or less"),
    ("[send]\nport = 0  # here", "send.port", "0 is too small", "1 or more"),
    ("[send]\nconnections = 1000  # here", "send.connections", "too large", "100 or less"),
    ("[send]\nsecurity = 'ssl'  # here", "send.security", '"ssl" is not known', "'none', 'starttls', 'tls'"),
    ("[send]\ntransport = 'sendmail'  # here", "send.transport", "not known", "'smtp', 'file'"),
    ("[gateway]\nlog_format = 'xml'  # here", "gateway.log_format", "not known", "'text', 'json'"),
    ("[gateway]\nreference_prefix = 'rd-'  # here", "gateway.reference_prefix", "no prefix", "capitals"),
    ("[gateway]\ndefault_language = 'german'  # here", "gateway.default_language", "no texts in", "Use one of: en, de"),
    ("[gateway]\ntimezone = 'Berlin'  # here", "gateway.timezone", "no time zone", "Europe/Berlin"),
    ("[gateway]\ntimezone = 'Europe'  # here", "gateway.timezone", "no time zone", "Europe/Berlin"),
    ("[gateway]\ntimezone = 'CEST'  # here", "gateway.timezone", "no time zone", "Europe/Berlin"),
    ("[gateway]\npublic_url = 'support.example.com'  # here", "gateway.public_url", "not a web address", "https://"),
    ("[gateway]\npublic_url = 'https://example.com:x'  # here", "gateway.public_url", "not a web address", "https://"),
    ("[gateway]\npublic_url = 'https://[::1'  # here", "gateway.public_url", "not a web address", "https://"),
    ("[gateway]\ndatabase_url = 'sqlite://'  # here", "gateway.database_url", "names no file", "sqlite:////PATH"),
    ("[gateway]\ndatabase_url = 'sqlite:///:memory:'  # here", "gateway.database_url", "names no file", "data_dir"),
    ("[gateway]\ndatabase_url = 'sqlite:///desk.db'  # here", "gateway.database_url", "names no file", "data_dir"),
    ("[gateway]\npublic_url = 'ftp://example.com'  # here", "gateway.public_url", "not a web address", "https://"),
    ("[gateway]\noperator = 'root'  # here", "gateway.operator", "not an e-mail address", "name@example.com"),
    ("[gateway]\noperator = 'support@example.com'  # here", "gateway.operator", "one of the mail", "another address"),
    ("[gateway]\ntrusted_form_senders = ['form']  # here", "gateway.trusted_form_senders[0]", "not an e-mail", "name@"),
    ("[receive.smtp]\nlisten = ['2525']  # here", "receive.smtp.listen[0]", 'not "host:port"', "127.0.0.1:2525"),
    ("[receive.lmtp]\nlisten = ['[::1]:025']  # here", "receive.lmtp.listen[0]", "LMTP must not be", "another port"),
    ("[receive.smtp]\nlisten = ['127.0.0.1']  # here", "receive.smtp.listen[0]", 'not "host:port"', "127.0.0.1:2525"),
    ("[receive.smtp]\nlisten = ['::1:2525']  # here", "receive.smtp.listen[0]", 'not "host:port"', "[::1]:2525"),
    ("[receive.smtp]\nlisten = ['*:25']\n[portal]\nlisten = '8025'  # here", "portal.listen", "host:port", "127.0.0.1"),
    ("[receive.lmtp]\nlisten = ['/run/x.sock']  # here", "receive.lmtp.listen[0]", 'not "host:port"', "127.0.0.1:2525"),
    ("[receive.smtp]\nhostname = 'mx example'  # here", "receive.smtp.hostname", "not a host name", "mail.example.com"),
    ("[receive.smtp]\nproxies = ['lb.example.com']  # here", "receive.smtp.proxies[0]", "no address", "192.0.2.7"),
    ("[portal]\ntrusted_proxies = ['proxy.local']  # here", "portal.trusted_proxies[0]", "no address", "10.0.0.0/8"),
    ("[portal]\nsession_hours = 0  # here", "portal.session_hours", "too small", "1 or more"),
    ("[lifecycle]\ncount = 'working'  # here", "lifecycle.count", "not known", "'calendar', 'business'"),
    ("[lifecycle]\nclose_after_days = -1  # here", "lifecycle.close_after_days", "too small", "0 or more"),
    ("[hours]\ndays = ['monday']  # here", "hours.days[0]", "not known", "'mon', 'tue'"),
    ("[hours]\ndays = ['mon']\nopen = '9'  # here", "hours.open", "not a time of day", '"09:00"'),
    ("[hours]\ndays = ['mon']\nopen = '9 am'  # here", "hours.open", "not a time of day", '"09:00"'),
    ("[hours]\ndays = ['mon']\nholidays = ['25.12.']  # here", "hours.holidays[0]", "not a date", "2026-12-25"),
    ("[digest]\nagents_at = '24:00'  # here", "digest.agents_at", "not a time of day", '"09:00"'),
    ("[rating]\nscale = 'stars'  # here", "rating.scale", "not known", "'five', 'two'"),
    ("[retention]\ntickets_mode = 'burn'  # here", "retention.tickets_mode", "not known", "'anonymise', 'delete'"),
    ("[limits]\nreopens = ['5 per day']  # here", "limits.reopens[0]", 'not "count/time"', "5/10m"),
    ("[limits]\nreopens = ['5/0m']  # here", "limits.reopens[0]", 'not "count/time"', "5/10m"),
    ("[limits]\nautomatic_mail = ['99/60d']  # here", "limits.automatic_mail[0]", "more than 31 days", "31d or less"),
    ("[limits]\nnew_tickets = ['99/745h']  # here", "limits.new_tickets[0]", "more than 31 days", "31d or less"),
    ("[limits]\nmax_message_bytes = 10  # here", "limits.max_message_bytes", "too small", "1024 or more"),
    ("[brand]\ncolour = 'blue'  # here", "brand.colour", "not a colour", "#0a58ca"),
    ("[brand]\ncolour = '#ffff00'  # here", "brand.colour", "too light", "darker"),
    ("[brand]\nlogo_file = 'logo.bmp'  # here", "brand.logo_file", "no picture", ".png"),
    ("[[statuses]]\nname = ''  # here\ncounts_as = 'waiting_on_us'", "statuses[0].name", "is empty", "Fill it in"),
    ("[[statuses]]\nname = 'x'\ncounts_as = 'solved'  # here", "statuses[0].counts_as", "not known", "'waiting_on_us'"),
    ('[[mailboxes]]\naddress = "help@☃.example"  # here', "mailboxes[1].address", "no form that", "name@example.com"),
    # What is right alone and wrong together.
    ('[[mailboxes]]\naddress = "SUPPORT@example.com"  # here', "mailboxes[1].address", "is there twice", "Remove one"),
    ('[[agents]]\naddress = "support@example.com"  # here', "agents[0].address", "is a mailbox", "of their own"),
    (f'{ANNA}[[agents]]\naddress = "anna@example.com"  # here', "agents[1].address", "is there twice", "Remove one"),
    (f"{ANNA}mailboxes = ['sales@example.com']  # here", "agents[0].mailboxes", "is no mailbox", "Name one of"),
    ("[hours]  # here\nholidays = ['2026-12-25']", "hours.days", "is empty", "Name the weekdays"),
    ("[hours]\ndays = ['mon']\nopen = '17:00'\nclose = '09:00'  # here", "hours.close", "not after", "09:00"),
    ("[lifecycle]\nremind_after_days = 7  # here", "lifecycle.remind_after_days", "not before", "Make it smaller"),
    ("[lifecycle]\nwaiting_solved_after_days = 3\nwaiting_remind_after_days = 3  # here",
     "lifecycle.waiting_remind_after_days", "not before", "Make it smaller"),
    ("[send]\ntransport = 'file'\n[canary]\nevery_minutes = 10  # here", "canary.every_minutes", "come back", "to 0"),
    ("[receive.smtp]  # here\ntls_certificate = 'x.pem'", "receive.smtp.tls_key", "belong together", "Set both"),
    ("[receive.smtp]\nlisten = ['0.0.0.0:25']\n[send]\nhost = '127.0.0.1'  # here", "send.host", "itself", ""),
    ("[send]  # here\nusername = 'x'", "send.password_file", "is missing", "Name the file"),
    ("[send]  # here\nauth = 'xoauth2'", "send.username", "is missing", "Name the account"),
    ("[send]\nport = 465\nsecurity = 'starttls'  # here", "send.security", "not spoken on port 465", '"tls"'),
    ("[send]\nport = 587\nsecurity = 'tls'  # here", "send.security", "not spoken on port 587", '"starttls"'),
    ("[send.dkim]  # here\ndomain = 'example.com'", "send.dkim", "belong together", "Set all or none"),
    ("[[receive.imap]]\nmailbox = 'sales@example.com'  # here\nhost = 'h'", "receive.imap[0].mailbox", "no mail", ""),
    ("[[receive.imap]]  # here\nmailbox = 'support@example.com'\nhost = 'h'",
     "receive.imap[0].password_file", "is missing", "Set it."),
    (f"{IMAP}port = 993\nsecurity = 'starttls'  # here",
     "receive.imap[0].security", "not spoken on port 993", '"tls"'),
    (f"{IMAP}move_to = 'INBOX'\nfolder = 'INBOX'  # here",
     "receive.imap[0].folder", "two purposes", "different folders"),
    # What a library, a server or a date would have choked on later.
    ("[gateway]\ndatabase_url = 'x y'  # here", "gateway.database_url", "no database we know", "postgresql+psycopg://"),
    ("[gateway]\ndatabase_url = 'mysql://a@b/c'  # here", "gateway.database_url", "no database we know", "empty"),
    ("[gateway]\ndatabase_url = 'postgresql://a@b:99999/c'  # here", "gateway.database_url", "no database we", "empty"),
    ("[gateway]\nprocesses = true  # here", "gateway.processes", "true is not known", '"auto" or 1'),
    ("[gateway]\nprocesses = 4  # here", "gateway.processes", "4 is not known", '"auto" or 1'),
    ("[gateway]\nlanguages = ['']  # here", "gateway.languages[0]", "no texts in", "Use one of: en, de"),
    ("[gateway]\ntrusted_spam_fields = ['X-Spam: Yes']  # here",
     "gateway.trusted_spam_fields[0]", "not the name of a header field", '"X-Spam"'),
    ("[gateway]\ntrusted_authserv_ids = ['mx.example.com;']  # here",
     "gateway.trusted_authserv_ids[0]", "not the name of a server", "mail.example.com"),
    (f"{ANNA}name = \"Anna\\nBcc: x@example.com\"  # here", "agents[0].name", "line break", "on one line"),
    ('[gateway]\ndata_dir = "a\\u0000"  # here', "gateway.data_dir", "control character", "on one line"),
    ("[receive.smtp]\nlisten = ['']  # here", "receive.smtp.listen[0]", 'not "host:port"', "127.0.0.1:2525"),
    ("[receive.lmtp]\nlisten = ['']  # here", "receive.lmtp.listen[0]", 'not "host:port"', "127.0.0.1:2525"),
    ("[receive.smtp]\nproxies = ['192.0.2.10']  # here", "receive.smtp.proxies", "nobody is", "proxy_protocol"),
    ("[send]\nhost = 'smtp.example.net:587'  # here", "send.host", "not the name of a server", "into the key for it"),
    ("[send]\nhost = 'https://smtp.example.net'  # here", "send.host", "not the name of a server", "mail.example.com"),
    ("[send]\nhost = ''  # here", "send.host", "is empty", "Fill it in"),
    ("[send]  # here\npassword_file = 'x'", "send.username", "is missing", "Name who signs in"),
    ("[send.dkim]\nselector = 'a'\nkey_file = 'k'\ndomain = 'example.org'  # here",
     "send.dkim.domain", "no mail leaves from example.org", "example.com"),
    (IMAP.replace("host = 'h'", "host = 'imap example'  # here"), "receive.imap[0].host", "not the name", "mail."),
    ("[retention]\ntickets_days = 1000000  # here", "retention.tickets_days", "too large", "36500 or less"),
    ("[rating]\nafter_hours = 100000  # here", "rating.after_hours", "too large", "8784 or less"),
    ("[send]\ntimeout_seconds = 100000  # here", "send.timeout_seconds", "too large", "86400 or less"),
    ("[receive.smtp]\nmax_connections = 10000000  # here", "receive.smtp.max_connections", "too large", "1000000"),
    ("[[statuses]]\nname = 'x'\ncounts_as = 'waiting_on_us'\nlabels = { xx = 'y' }  # here",
     "statuses[0].labels.xx", "no texts in", "Use one of"),
    # Rules that could not be meant.
    (f"{RULE}header = {{ 'X-Priority:' = '1' }}  # here\ntag = ['a']",
     "rules[0].header.X-Priority:", "not the name of a header field", "without colon"),
    ("[[mailboxes]]\naddress = 'b@example.com'\nannounce = 'board'  # here",
     "mailboxes[1].announce", "no board", "[board]"),
    ("[[rules]]  # here\nname = 'x'\ntag = ['a']", "rules[0]", "no condition", "mailbox, sender"),
    ("[[rules]]  # here\nname = 'x'\nbody = ['a']", "rules[0]", "does nothing", "fold = true"),
    (f"{RULE}body = ['a']\ntag = ['a']\n{RULE[:-1]}  # here\nbody = ['b']\ntag = ['a']",
     "rules[1].name", "is there already", "another name"),
    (f"{RULE}mailbox = ['x@example.com']  # here\ntag = ['a']", "rules[0].mailbox", "no mailbox", "[[mailboxes]]"),
    (f"{RULE}sender = ['kim']  # here\ntag = ['a']", "rules[0].sender", "neither", '"*@example.com"'),
    (f"{RULE}subject = [' ']  # here\ntag = ['a']", "rules[0].subject[0]", "empty", "anything"),
    (f"{RULE}body = ['a']\nhours = 'open'  # here\ntag = ['a']", "rules[0].hours", "open always", "hours.days"),
    (f"{RULE}authentication = 'pass'  # here\ntag = ['a']", "rules[0].authentication", "nobody", "verify_senders"),
    (f"{RULE}body = ['a']\nfold = true\ntag = ['b']  # here", "rules[0].tag", "beside fold", "Remove one"),
    (f"{RULE}body = ['a']\ntag = ['a b!']  # here", "rules[0].tag", "no tags", "letters"),
    (f"{RULE}body = ['a']\nassign = 'x@example.com'  # here", "rules[0].assign", "no agent", "[[agents]]"),
    (f"{RULE}body = ['a']\nhand_to = 'x@example.com'  # here", "rules[0].hand_to", "no mailbox", "[[mailboxes]]"),
    (f"{RULE}body = ['a']\nabout = 'reply'\nhand_to = 'support@example.com'  # here",
     "rules[0].hand_to", "new requests only", '"new"'),
    (f"{RULE}body = ['a']\nstatus = 'closed'  # here", "rules[0].status", "ours to act on", "waiting_on_us"),
]  # fmt: skip

# Whole files.
BROKEN = [
    ("[gateway\n", 1, "", "Correct that line."),
    (f"{BOX}[gateway]\npublic_url = https://support.example.com\n", 4, "", "Correct that line."),
    (f"{BOX}[gateway]\noperator = 'a@b.example'\noperator = 'c@d.example'\n", 5, "", "Correct that line."),
    (f"{BOX}[gateway]\noperator = 'a@b.example", 4, "", "Correct that line."),
    (f"{BOX}[gateway]\ntimezone = „Europe/Berlin“\n", 4, "", "Correct that line."),
    (f"{BOX}[gateway]\n{BOX}[gateway]\n", 6, "", "Correct that line."),
    (f"{BOX}[gateway]\noperator: a@b.example\n", 4, "", "Correct that line."),
    ('[mailboxes]\naddress = "support@example.com"\n', 1, "mailboxes", "[[mailboxes]]"),
    ("mailboxes = []\n", 1, "mailboxes", "[[mailboxes]]"),
    ('[[mailboxes]]\naddress = "nobody"\n', 2, "mailboxes[0].address", "name@example.com"),
    ('[[mailboxes]]\nname = "x"\n', 1, "mailboxes[0].address", "Set it."),
    (f'{BOX}reply_address = "support+x@example.com"\n', 3, "mailboxes[0].reply_address", "{token}"),
    (f'{BOX}language = "klingon"\n', 3, "mailboxes[0].language", "Use one of"),
    (f'{BOX}aliases = "help@example.com"\n', 3, "mailboxes[0].aliases", '["help@example.com"]'),
    (f'{BOX}[limits]\nreopens = [\n  "5/1h",\n  "x",\n]\n', 4, "limits.reopens[1]", "5/10m"),
    (f'\ufeff{BOX}[send]\nport = 0\n', 4, "send.port", "1 or more"),
]  # fmt: skip


def refused(tmp_path: Path, text: str) -> ConfigError:
    file = tmp_path / "replydesk.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(ConfigError) as caught:
        config.load(file)
    error = caught.value
    assert error.file == str(file)
    assert "\n" not in str(error)
    assert "Input should" not in str(error), "a library's words, not ours"
    return error


@pytest.mark.parametrize(
    ("text", "key", "problem", "remedy"), WRONG, ids=[case[1] + str(n) for n, case in enumerate(WRONG)]
)
def test_a_wrong_setting_names_its_line(tmp_path: Path, text: str, key: str, problem: str, remedy: str) -> None:
    """The one that is marked, or that of the table in which something is missing."""
    whole = BOX + text
    error = refused(tmp_path, whole)
    lines = [number for number, line in enumerate(whole.splitlines(), 1) if line.endswith(HERE)]
    assert (error.key, [error.line]) == (key, lines)
    assert problem in error.problem
    assert remedy in error.remedy
    assert str(error).startswith(f"{tmp_path}/replydesk.toml:{error.line}: {key}: ")


@pytest.mark.parametrize(("text", "line", "key", "remedy"), BROKEN)
def test_a_broken_file_names_its_line(tmp_path: Path, text: str, line: int, key: str, remedy: str) -> None:
    """Also where it is no TOML at all."""
    error = refused(tmp_path, text)
    assert (error.line, error.key) == (line, key)
    assert remedy in error.remedy


def test_a_file_of_another_charset_names_its_line(tmp_path: Path) -> None:
    """As old editors save it."""
    file = tmp_path / "replydesk.toml"
    file.write_bytes(f'{BOX}name = "Müller"\n'.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"replydesk\.toml:3: is not UTF-8 text\. Save it as UTF-8\."):
        config.load(file)


def keys() -> list[tuple[str, str]]:
    """Every table and key of the example, those of its comments too."""
    table, found = "", []
    for line in re.sub(r"(?m)^#: ?", "", EXAMPLE.read_text("utf-8")).splitlines():
        if heading := re.match(r"\[\[?([\w.]+)\]\]?", line):
            table = heading[1]
        elif key := re.match(r"(\w+) = ", line):
            found.append((table, key[1]))
    assert len(found) > 150
    return found


NEEDED = {
    "mailboxes": BOX, "agents": ANNA, "receive.imap": IMAP, "rules": f"{RULE}body = ['a']\ntag = ['a']\n",
    "statuses": "[[statuses]]\nname = 'x'\ncounts_as = 'waiting_on_us'\n",
}  # fmt: skip


@pytest.mark.parametrize("value", ['"a\\u0000"', "1" + "0" * 20, '[""]', "2026-12-25T00:00:00", "[[1]]"])
def test_no_key_takes_what_would_break_later(tmp_path: Path, value: str) -> None:
    """Control characters, numbers beyond every date, names of nothing, kinds of TOML nobody asks for: of each key
    there is, and each time in our words."""
    for table, key in keys():
        begun = re.sub(rf"(?m)^{key} = .*\n", "", NEEDED.get(table, f"[{table}]\n"))
        whole = ("" if table == "mailboxes" else BOX) + f"{begun}{key} = {value}\n"
        error = refused(tmp_path, whole)
        assert "See config.example" not in error.remedy, str(error)
        assert error.line == len(whole.splitlines()), str(error)
        assert (error.key.split("[")[0].split(".")[0], key in error.key) == (table.split(".")[0], True), str(error)


@pytest.mark.parametrize("domain", ["my_host.example", "-x.example"])
def test_a_desk_that_cannot_greet_by_its_domain(tmp_path: Path, domain: str) -> None:
    """Mail may come to such a domain, but no server calls itself so; the start ended without a word about it."""
    box = f'[[mailboxes]]\naddress = "support@{domain}"\n'
    error = refused(tmp_path, box)
    assert (error.key, error.line) == ("mailboxes[0].address", 2)
    assert "receive.smtp.hostname" in error.remedy
    (tmp_path / "replydesk.toml").write_text(f'{box}[receive.smtp]\nhostname = "mail.example.com"\n', "utf-8")
    assert config.load(tmp_path / "replydesk.toml").hostname == "mail.example.com"


def test_nobody_runs_a_desk_without_a_mailbox_of_their_own(tmp_path: Path) -> None:
    """It would take mail for support@example.com and say nothing; there is no line to name."""
    error = refused(tmp_path, '[gateway]\noperator = "me@firm.example"\n')
    assert (error.key, error.line) == ("mailboxes", 0)
    assert "[[mailboxes]]" in error.remedy


def test_there_are_enough_of_them() -> None:
    """A case that is taken out is missed."""
    assert len(WRONG) + len(BROKEN) >= 42 + 30


# What only `check` can see, for it is not in the file: key, problem, remedy; the line of the key.
UNSEEN = [
    ('[send]\nusername = "x"\npassword_file = "nothing"  # here', "send.password_file", "No such", "LoadCredential"),
    ('[send.dkim]\ndomain = "example.com"\nselector = "a"\nkey_file = "nothing"  # here',
     "send.dkim.key_file", "No such", "Put the secret there"),
    ('[receive.smtp]\ntls_key = "k"\ntls_certificate = "c"  # here', "receive.smtp.tls_certificate", "No such", "PEM"),
    ('[send]\nsecurity = "tls"\nport = 4465\nca_file = "nothing"  # here', "send.ca_file", "cannot be used", "PEM"),
    ('[gateway]\nsecret_file = "nothing"  # here', "gateway.secret_file", "cannot be read", "Put the secret there"),
    ('[gateway]\ntemplates_dir = "nothing"  # here', "gateway.templates_dir", "no folder", "Create it"),
    ('[brand]\nlogo_file = "nothing.png"  # here', "brand.logo_file", "cannot be read", "Put the picture there"),
    ('[send]\nauth = "xoauth2"\nusername = "x"\noauth_token_url = "https://a.example/t"\noauth_client_id = "i"\n'
     'oauth_client_secret_file = "nothing"  # here', "send.oauth_client_secret_file", "No such", "LoadCredential"),
    ('[board]\nhost = "h.example"\nusername = "x"\npassword_file = "nothing"  # here',
     "board.password_file", "No such", "LoadCredential"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "key", "problem", "remedy"), UNSEEN, ids=[case[1] for case in UNSEEN])
def test_check_names_lines_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, key: str, problem: str, remedy: str
) -> None:
    """Of what a setting points at."""
    whole = BOX + text
    file = tmp_path / "replydesk.toml"
    file.write_text(whole, "utf-8")
    assert main(["--config", str(file), "check"]) == 1
    line = next(number for number, line in enumerate(whole.splitlines(), 1) if line.endswith(HERE))
    said = [row for row in capsys.readouterr().out.splitlines() if f"line {line}: {key}: " in row]
    assert len(said) == 1, key
    assert problem in said[0]
    assert remedy in said[0]
