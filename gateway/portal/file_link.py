"""A file that was too large for a mail, by the link in it: no sign-in, for agents have none.

The link is signed, names one file of one mail and expires; whoever got the mail could have got the file.
"""

from __future__ import annotations

from starlette.responses import Response

from gateway.core.notice import AttachedFile
from gateway.core.token import Link, read_link
from gateway.errors import UnknownEntry
from gateway.mail.message import Attachment
from gateway.portal import original, views
from gateway.portal.request import Visit
from storage.tx import Tx


async def file(visit: Visit) -> Response:
    words, portal = visit.words, visit.portal
    link = read_link(portal.desk.policy.keys, "file", visit.request.path_params["token"], visit.now)
    if link is not None and link.expired:
        return await visit.page(views.Notice(words.link_expired_title, words.file_expired), 410)
    found = await portal.database.read(lambda tx: _found(tx, link)) if link else None
    if found is None:
        return await visit.page(views.Notice(words.link_wrong_title, words.file_wrong), 404)
    named, raw = found
    if raw is None:
        return await visit.page(views.Notice(words.gone_title, words.gone), 410)
    try:
        data = await portal.originals.file(raw, named.part)
    except KeyError:
        return await visit.page(views.Notice(words.gone_title, words.gone), 410)
    listed = Attachment(named.part, named.filename, named.content_type, len(data), "")
    return Response(data, headers=original.headers(listed))


def _found(tx: Tx, link: Link) -> tuple[AttachedFile, bytes | None] | None:
    """The file the link names, with the raw mail it is in; None for the latter once it is deleted."""
    row, _, index = link.subject.partition(".")
    if not (row.isdecimal() and index.isdecimal()):
        return None
    try:
        files = tx.outbox.get(int(row)).files
    except UnknownEntry:
        return None
    if int(index) >= len(files):
        return None
    named = files[int(index)]
    return named, tx.outbox.file(named.raw_sha256)
