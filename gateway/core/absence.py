"""Notes of absence, known by their subject: a program wrote it, in its owner's absence.

Programs put a label of their own in front of the subject they answer. Words that people begin a subject with as well
("Absence", "Urlaub") count only there.
"""

from __future__ import annotations

import re

from gateway.mail.subject import base_subject, is_forward, is_reply

STRONG = (
    r"out[ -]of[ -](?:the[ -])?office|auto(?:matic|mated)?[- ]?(?:reply|response)|vacation (?:reply|message|notice)"
    r"|away from (?:my )?(?:mail|desk|office)|on (?:annual |parental |sick )?leave|on vacation"
    r"|i am (?:currently )?(?:out|away)|abwesenheits\w+|auto(?:matische)?[- ]?(?:antwort|e-?mail|abwesenheit)"
    r"|urlaubs(?:notiz|meldung)|außer haus|nicht im (?:büro|haus)"
    r"|(?:ich )?bin (?:im urlaub|abwesend|derzeit nicht|zur ?zeit nicht|nicht (?:im|da|erreichbar))"
    r"|réponse automatique|message d.absence|abs(?:ence|ent) du bureau|buiten kantoor"
    r"|automatisch antwoord|automatische reactie"
    r"|respuesta automática|fuera de (?:la )?oficina|risposta automatica|fuori (?:ufficio|sede)|resposta automática"
    r"|fora do escritório|fora da oficina|autosvar|automatiskt? svar|automaattinen vastaus|poissa toimistolta"
    r"|odpowiedź automatyczna|automatyczna odpowiedź|autoodpowiedź|poza biurem|automatická odpov\w+|mimo kancel\w+"
    r"|automatikus válasz|házon kívül|răspuns automat|în afara biroului|automatski odgovor|samodejni odgovor"
    r"|автоответ\w*|автоматическ\w+ ответ|автоматичн\w+ (?:відповідь|отговор)|вне офиса|otomatik (?:yanıt|cevap)"
    r"|ofis dışında\w*|αυτόματη απάντηση|εκτός γραφείου|automaatvastus|automātisk[aā] atbilde|automatinis atsakymas"
    r"|автоматичен отговор|аутоматски одговор|automatické odpověd\w+|automaattivastaus|resposta automàtica"
    r"|erantzun automatikoa|ตอบกลับอัตโนมัติ"
    r"|自動(?:応答|返信|回覆|回复)|自动(?:回复|答复)|不在通知|자동 ?(?:회신|응답|답장)|부재 ?중"
    r"|תשובה אוטומטית|رد تلقائي|trả lời tự động|balasan otomatis"
)
"""Nobody begins a subject of their own like this, unless it goes on as a sentence."""
_WEAK = (
    r"auto|autoresponder|message automatique|ooo|oof"
    r"|away|vacation|holiday|annual leave|absences?|absent\w?|abwesen\w+|urlaub|en congés?|afwezig\w*|niet aanwezig"
    r"|ausente|ausencia|de vacaciones|assente|assenza|ferie|ausência|de férias|frånvar\w+|fravær\w*|ikke til stede"
    r"|poissa\w*|nieobecn\w+|urlop\w*|nepřítom\w+|neprítom\w+|dovolen\w+|távollét\w*|szabadság\w*|odsut\w+|odsot\w+"
    r"|izvan ureda|отсутств\w+|в отпуске|нет на (?:работе|месте)|izinde\w*|απουσ\w+|不在|外出中?|休假|休暇|부재"
)
_ENDS = (
    r"(?=\s*(?:$|[:：;,.!(\[|–—-]|\d|(?:until|till|from|through|since|bis|vom?|ab|seit|jusqu|du|dal|del|desde|hasta|tot"
    r"|fino|auto\w*|re|aw|fw|wg|sv|vs)\b))"
)
_NOTE = re.compile(rf"\W*(?:auto:|(?:{STRONG})(?: (?:{STRONG}|message|notice)){{0,2}}{_ENDS})", re.I)
_LABEL = re.compile(rf"(?<!\w)(?:{STRONG}|{_WEAK})(?!\w)", re.I)
_LABEL_LENGTH = 80
_TAGGED = re.compile(rf"\s*\[\s*(?:{STRONG})\s*\]", re.I)
_IS_AWAY = re.compile(
    r"\s*(?:is (?:currently |now )?out of the office|ist (?:zur ?zeit |derzeit )?(?:außer haus|nicht im (?:haus|büro)"
    r"|abwesend)|est absente? du bureau|est[aá] fuera de la oficina|è fuori (?:ufficio|sede)|is niet op kantoor"
    r"|está fora do escritório|jest poza biurem)(?:[^.!?]|\.(?=\d)){0,80}[.!]?\s*",
    re.I,
)


def is_note(subject: str) -> bool:
    """A program's words stand in front. Whoever answers such a note has `Re:` before them."""
    return is_hint(subject) and not (is_reply(subject) or is_forward(subject))


def is_hint(subject: str) -> bool:
    """The same, whether somebody answered it or not: enough to answer with nothing automatic."""
    return bool(_NOTE.match(base_subject(subject)))


def is_label(subject: str, answered: str) -> bool:
    """`Absence : Re: Printer` in answer to `Printer`: what stands in front of the subject that is answered says so.

    `subject` is without references of ours.
    """
    if _TAGGED.match(subject) and not _TAGGED.match(answered):
        return base_subject(subject).casefold() == base_subject(answered).casefold()
    theirs, ours = " ".join(subject.split()).casefold(), base_subject(answered).casefold()
    if is_reply(subject) or is_forward(subject) or not ours or not theirs.endswith(ours):
        return False
    label = theirs.removesuffix(ours)
    return len(label) < _LABEL_LENGTH and ":" in label.replace("：", ":") and bool(_LABEL.search(label))


def tells_of(name: str, subject: str) -> bool:
    """`Kim Doe is out of the office.`, as Notes writes the whole subject: a person does not speak of herself so."""
    theirs = " ".join(subject.split())
    named = len(name.split()) > 1 and theirs.casefold().startswith(name.casefold())
    return named and _IS_AWAY.fullmatch(theirs[len(name) :]) is not None
