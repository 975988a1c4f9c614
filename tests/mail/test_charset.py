"""Bytes become the text their writer saw, whatever the mail declared."""

from __future__ import annotations

import pytest

from gateway.mail import charset


@pytest.mark.parametrize(
    ("data", "declared", "want"),
    [
        ("Grüße".encode(), "utf-8", "Grüße"),
        ("Grüße €".encode("cp1252"), "iso-8859-1", "Grüße €"),
        ("Grüße".encode(), "iso-8859-1", "Grüße"),
        ("Grüße".encode(), "us-ascii", "Grüße"),
        ("Grüße".encode("latin-1"), "us-ascii", "Grüße"),
        ("Grüße".encode("latin-1"), "utf-8", "Grüße"),
        ("Grüße".encode("latin-1"), "", "Grüße"),
        ("Grüße".encode("latin-1"), "x-unknown", "Grüße"),
        ("Grüße".encode(), 'utf-8"; format=flowed', "Grüße"),
        ("Grüße".encode("utf-16"), "utf-16", "Grüße"),
        ("Grüße".encode("utf-16-be"), "utf-16", "Grüße"),
        ("\ufeffGrüße".encode(), "iso-8859-1", "Grüße"),
        ("Grüße".encode("utf-7"), "utf-7", "Grüße"),
        ("朱镕基".encode("gb18030"), "gb2312", "朱镕基"),
        ("똠방각하".encode("cp949"), "ks_c_5601-1987", "똠방각하"),
        ("똠방각하".encode("cp949"), "euc-kr", "똠방각하"),
        ("①高橋".encode("cp932"), "shift_jis", "①高橋"),
        ("高橋".encode("iso2022_jp"), "iso-2022-jp", "高橋"),
        ("高橋".encode("iso2022_jp"), "", "高橋"),
        (b"\x1b$B-!\x1b(B", "iso-2022-jp", "①"),
        (b"\x1b(I6\x1b(B", "iso-2022-jp", "ｶ"),
        ("привет".encode("koi8-r"), "koi8-r", "привет"),
        ("ไทย".encode("cp874"), "tis-620", "ไทย"),
        ("İş".encode("cp1254"), "iso-8859-9", "İş"),
        (b"\x81\x8d", "windows-1252", "\x81\x8d"),
        (b"plain", "base64", "plain"),
        (b"plain", "idna", "plain"),
        (b"gr\xfcn", "uu", "grün"),
        (b"plain", "\0\0", "plain"),
    ],
)
def test_decode(data: bytes, declared: str, want: str) -> None:
    """Declared, too narrowly declared, wrongly declared, unknown and missing charsets all read right."""
    assert charset.decode(data, declared)[0] == want


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("здравствуйте, принтер не работает", "cp1251"),
        ("здравствуйте, принтер не работает", "koi8-r"),
        ("打印机坏了，请帮助我们，谢谢您的支持", "gb18030"),
        ("印表機壞了，請幫助我們，謝謝您的支持", "big5"),
        ("プリンターが壊れています。助けてください", "shift_jis"),
        ("プリンターが壊れています。助けてください", "euc_jp"),
        ("프린터가 고장났습니다 도와주세요 감사합니다", "euc_kr"),
    ],
)
def test_undeclared_and_not_western(text: str, codec: str) -> None:
    """Text that is mostly high bytes is known by where they lie."""
    assert charset.decode(text.encode(codec))[0] == text


@pytest.mark.parametrize(
    "text", ["Grüße", "Größenänderungsübersicht", "ÄÖÜäöüß", "«Où êtes-vous né à Noël, là-bas?»", "ß"]
)
def test_undeclared_and_western(text: str) -> None:
    """What could be Western is Western."""
    assert charset.decode(text.encode("cp1252"))[0] == text


def test_one_bad_byte_spoils_nothing() -> None:
    """A Western byte in a UTF-8 text is read as the letter it is; the rest stays as it was."""
    assert charset.decode("schön ".encode() + b"gr\xfcn", "utf-8")[0] == "schön grün"


def test_broken_character_shows() -> None:
    """A character cut in half is shown as one replacement sign, not as letters nobody wrote."""
    assert charset.decode("schön 😀".encode()[:-1] + b" da", "utf-8")[0] == "schön \ufffd da"


def test_the_hint_helps() -> None:
    """Undeclared bytes are read in the charset the rest of the mail declares."""
    assert charset.decode("заявка".encode("koi8-r"), "", "koi8-r")[0] == "заявка"


@pytest.mark.parametrize(("declared", "says"), [("utf-8", "not valid utf-8"), ("klingon", "unknown charset 'klingon'")])
def test_a_wrong_declaration_is_a_defect(declared: str, says: str) -> None:
    """What was declared and does not hold is told."""
    assert charset.decode(b"\xfc", declared)[1] == says


@pytest.mark.parametrize(
    ("label", "codec", "text"),
    [
        ("x-cp1251", "cp1251", "Здравствуйте"),
        ("x-cp1250", "cp1250", "žárovka"),
        ("x-mac-greek", "mac_greek", "Καλημέρα"),
        ("x-mac-ce", "mac_latin2", "žárovka"),
        ("x-mac-turkish", "mac_turkish", "Şimdi"),
        ("logical", "iso8859_8", "שלום"),
        ("dos-866", "cp866", "Здравствуйте"),
    ],
)
def test_private_labels(label: str, codec: str, text: str) -> None:
    """Names of charsets as programs of Windows, DOS and the Mac write them are known beside the registered ones."""
    assert charset.decode(text.encode(codec), label) == (text, "")


def test_ascii_needs_no_defect() -> None:
    """Where every charset agrees nothing is wrong, even when nothing was declared."""
    assert charset.decode(b"plain", "") == ("plain", "")


@pytest.mark.parametrize(
    "label", ["iso-8859-2", "windows-1250", "windows-1251", "koi8-r", "iso-8859-7", "windows-1256"]
)
def test_utf_8_under_any_label_of_single_bytes(label: str) -> None:
    """Text that is valid UTF-8 proves the label wrong; text of the label stays what it is."""
    assert charset.decode("Zażółć gęślą jaźń".encode(), label) == ("Zażółć gęślą jaźń", f"declared {label}, is utf-8")
    assert charset.decode("Привет".encode("koi8-r"), "koi8-r") == ("Привет", "")


@pytest.mark.parametrize("codec", ["euc_jp", "cp932", "utf-8"])
def test_iso_2022_jp_has_no_8_bit_bytes(codec: str) -> None:
    """Where there are some, the label is wrong; where it is not declared, its escapes tell."""
    assert charset.decode("こんにちは、世界。".encode(codec), "iso-2022-jp") == (
        "こんにちは、世界。",
        "not valid iso-2022-jp",
    )
    assert charset.decode("こんにちは".encode("iso2022_jp"), "us-ascii")[0] == "こんにちは"


@pytest.mark.parametrize("label", ["iso-8859-1", "windows-1252", "shift_jis", "euc-jp", "gb2312", "big5", "koi8-r"])
def test_escapes_of_iso_2022_jp_under_another_label(label: str) -> None:
    """No charset of ASCII and more has them, so they prove the label wrong."""
    assert charset.decode("ランプ".encode("iso2022_jp"), label) == ("ランプ", f"declared {label}, is iso-2022-jp")
    assert charset.decode(b"It costs \x1b$5", label)[0].endswith("$5")


RUSSIAN = "Добрый день! Я заказал у вас принтер две недели назад, но до сих пор не получил его."
UKRAINIAN = "Доброго дня! Я замовив у вас принтер два тижні тому, але досі його не отримав."
JAPANESE = "お世話になっております。先週注文した商品がまだ届いておりません。"
KOREAN = "안녕하세요. 지난주에 주문한 상품이 아직 도착하지 않았습니다."
CHINESE = "您好，我上周订购的打印机还没有收到，请帮忙查询一下物流情况，谢谢！"
THAI = "สวัสดีครับ ผมสั่งเครื่องพิมพ์เมื่อสองสัปดาห์ก่อน แต่ยังไม่ได้รับ"


@pytest.mark.parametrize(
    ("text", "codec", "label"),
    [
        (RUSSIAN, "koi8-r", "windows-1251"),
        (RUSSIAN, "cp1251", "koi8-r"),
        (RUSSIAN, "cp866", "windows-1251"),
        (RUSSIAN, "iso8859-5", "koi8-r"),
        (UKRAINIAN, "koi8-u", "windows-1251"),
        (UKRAINIAN, "cp1251", "iso-8859-5"),
        (RUSSIAN, "cp1251", "windows-1250"),
        (JAPANESE, "euc_jp", "shift_jis"),
        (KOREAN, "iso2022_kr", "utf-8"),
        (KOREAN, "iso2022_kr", "us-ascii"),
        (KOREAN, "iso2022_kr", ""),
        (CHINESE, "hz", "us-ascii"),
        (CHINESE, "hz", "gb2312"),
        (THAI, "cp874", "iso-8859-1"),
        (THAI, "cp874", "utf-8"),
        (THAI, "cp874", ""),
    ],
)
def test_a_label_gives_way_to_a_language_that_is_sure(text: str, codec: str, label: str) -> None:
    """The letters make no language under the label, and one in another charset."""
    found, defect = charset.decode(text.encode(codec), label)
    assert found == text
    assert defect or not label


@pytest.mark.parametrize(
    ("data", "label", "want"),
    [
        ("На пн, 6.05.2024 г. в 10:12 Anna Example написа:".encode("cp1251"), "windows-1251", "На пн"),
        ("6 мая 2024 г., в 10:12, Anna написал(а):".encode("koi8-r"), "koi8-r", "6 мая"),
        ("Error 0x80070005 access denied while printing: заказ".encode("cp1251"), "windows-1251", "Error"),
        ("ﾗﾝﾌﾟ ｶﾞ ﾂｶﾅｲ ﾃﾞｽ".encode("cp932"), "shift_jis", "ﾗﾝﾌﾟ"),
        (b"see ~{ab~} in the macro of the template we use", "us-ascii", "see ~{ab~} in"),
    ],
)
def test_a_label_that_may_be_right_stays(data: bytes, label: str, want: str) -> None:
    """A few letters of a language beside another, kana of half a width and a macro prove nothing."""
    found, defect = charset.decode(data, label)
    assert found.startswith(want)
    assert not defect


@pytest.mark.parametrize("wrong", ["latin-1", "cp1252"])
@pytest.mark.parametrize(
    "text",
    [
        RUSSIAN,
        JAPANESE,
        "Für die Lieferung müssen Sie größere Gebühren zahlen. Schöne Grüße, Jörg",
        "I don’t know why it doesn’t print – it says “offline”, and we can’t wait any longer.",
    ],
)
def test_utf_8_encoded_twice(text: str, wrong: str) -> None:
    """A gateway took it for Western and encoded it again."""
    once = "".join(bytes((byte,)).decode(wrong, "ignore") or chr(byte) for byte in text.encode())
    assert charset.decode(once.encode(), "utf-8") == (text, "utf-8 encoded twice")


@pytest.mark.parametrize(
    "text",
    [
        "Ihre Mail zeigt „Schöne GrüÃŸe“, Ã¼, Ã¤, Ã¶, Ã–, was ist das für ein Müll?",
        "Your mail reads fÃ¼r MÃ¼ller instead of the name.",
        "The names of our members show as MÃ¼ller, JÃ¶rg, GÃ¼nther, BjÃ¶rn and FranÃ§ois in every list you send us.",
    ],
)
def test_who_tells_of_wrong_signs_is_quoted(text: str) -> None:
    """The signs are what the mail is about."""
    assert charset.decode(text.encode(), "utf-8") == (text, "")


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("نعم، يعمل من جديد. شكرا على المساعدة! هل يعمل المصباح؟ الرسالة الأصلية. " * 4, "cp1256"),
        ("好了，灯又亮了。谢谢您的帮助！ 灯亮了吗？ 原始邮件. " * 4, "gb18030"),
        ("好了，燈又亮了。謝謝您的幫忙！", "big5"),
    ],
)
def test_undeclared_is_no_script_that_letters_make_by_chance(text: str, codec: str) -> None:
    """As cp866 they are Cyrillic between the lines of tables; as Thai there are letters of ASCII within its words."""
    found, _ = charset.decode(text.encode(codec))
    assert found == text
