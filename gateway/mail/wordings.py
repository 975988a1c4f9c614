"""What mail programs write around the mail they quote, in languages that need have no catalog. Data only."""

from __future__ import annotations

VERBS = (
    r"geschreven|a écrit|escribió|ha scritto|escreveu|schreef|skrev|napisał(?:\(a\)|a)?|viết|написал(?:\(а\)|а)?|пишет"
    r"|napsal(?:\(a\)|a)?|a scris|kirjoitti|írta|yazdı|ha escrit|pisze|rašė|rakstīja"
)
_DATED_VERBS = (
    r"(?:เขียน|(?<!\w)(?:escribiu|va escriure|igorleak idatzi|ysgrifennodd|scríobh|skrifaði|kirjutas|napisal[ai]?"
    r"|napisao|написа(?:о|ла)?|напиша|жазды|напісаў|menulis|लिखा|লিখেছেন|نوشت|كتب|כתב|نے لکھا|sinulat|geskryf"
    r"|aliandika|დაწერა|shkroi|գրեց))"
)
"""Some of them a writer's own as well: an attribution names the minute, too. Where words have blanks between them, none
is the end of another one (مكتب, an office; מכתב, a letter)."""
DATED = (
    r"^(?!.*\b(?:saya|kami|sam|smo|sem|ég|ek|ons|mé)\b)(?:"
    rf".*\d[:.]\d\d(?!\d).{{0,120}}{_DATED_VERBS}|.*(?:{_DATED_VERBS}|hau idatzi du).{{0,120}}\d[:.]\d\d\W*[:：]$)"
)
VERB_WITHOUT_BLANKS = r"(?:写道|寫道|のメール|さんは書きました|작성)"
OPENINGS = (
    r"Le|El|Il|Em|Op|Den|På|W dniu|Dnia|Dne|Vào|Pe|In data|El día|At(?= [A-Z]\w\w, \d)"
    r"|\d{4}[-/.年]\d|\d{1,2}[./]\d{1,2}[./]\d{2,4}"
    r"|(?:mon|tue|wed|thu|fri|sat|sun|mo|di|mi|do|fr|sa|so|пн|вт|ср|чт|пт|сб|вс)[a-zа-я]{0,9}[.,]"
)
SOURCES = "Citando|Citat från|Missatge de"
ORIGINALS = (
    r"oryginalna wiadomość|pôvodná správa|eredeti üzenet|mesaj(?:ul)? original|оригинално съобщение"
    r"|вихідне повідомлення"
    r"|αρχικό μήνυμα|özgün ileti|orijinal (?:mesaj|ileti)|元のメッセージ|原始邮件|原始郵件|원본 메(?:시지|일)"
    r"|original(?=\s*-{12})|izvorna poruka|izvirno sporočilo|algne kiri|הודעה מקורית|الرسالة الأصلية|"
    r"message d['’]origine|mail original|message original|mensaje original"
    r"|oorspronkelijk bericht|ursprungligt meddelande"
    r"|oprindelig meddelelse|opprinnelig melding|messaggio originale|mensagem original|исходное сообщение"
    r"|wiadomość oryginalna|původní zpráva|alkuperäinen viesti"
)
FORWARDS = (
    r"preposlaná správa|továbbított üzenet|mesaj redirecționat|препратено съобщение|переслане повідомлення"
    r"|iletilen mesaj"
    r"|προωθημένο μήνυμα|転送メッセージ|转发的邮件|轉寄郵件|전달된 메시지|proslijeđena poruka|posredovano sporočilo"
    r"|הודעה שהועברה|رسالة معاد توجيهها|välitetty viesti|edastatud kiri|przekazywana wiadomość|"
    r"message (?:transféré|réexpédié)|début du message (?:transféré|réexpédié)"
    r"|mensaje reenviado|inicio del mensaje reenviado|doorgestuurd bericht|begin doorgestuurd bericht"
    r"|vidarebefordrat (?:brev|meddelande)|videresendt (?:besked|melding)|пересылаемое сообщение|messaggio inoltrato"
    r"|mensagem encaminhada|przekazana wiadomość|přeposlaná zpráva|转发邮件信息|转发的邮件"
)
FIELDS = {
    "from": "від|de la|kimden|šalje|saatja|寄件人|发信人|de|da|od|van|från|fra|от|от кого|expéditeur|mittente"
    "|remitente|nadawca|odesílatel|发件人|寄件者"
    "|差出人|보낸 사람|kimden|feladó|lähettäjä",
    "sent": "enviada|odoslané|elküldve|trimis|изпратено|надіслано|στάλθηκε|gönderildi|gönderme tarihi|寄件日期|寄件时间"
    "|poslano|saadetud|נשלח|تم الإرسال|ส่งเมื่อ|đã gửi|dikirim|envoyé|envoyé le|enviado|enviado el|enviada em"
    "|inviato|verzonden|skickat|sendt|wysłano"
    "|wysłane|odesláno|отправлено|发送时间|送信日時|보낸 날짜|gönderilen|lähetetty|küldve",
    "date": "datum|fecha|data|dato|dátum|дата|日期|päivämäärä|tarih|date d'envoi",
    "to": "către|до|προς|收件者|prima|za|adressaat|à|a|para|aan|till|til|do|komu|кому|收件人|宛先|받는 사람|kime"
    "|vastaanottaja|címzett|pour",
    "cc": "kopie|kopia|copia|копия|抄送",
    "subject": "predmet|subiect|относно|θέμα|主旨|zadeva|teema|objet|sujet|asunto|oggetto|onderwerp|ämne|emne"
    "|temat|předmět|тема|主题|主旨|件名|제목"
    "|konu|aihe|tárgy|assunto",
}
