"""What speech models write when nobody speaks: ends of videos and credits of subtitles, which stood so often in what they learnt from."""

from __future__ import annotations

import re

# Whole sentences. Not those that people end a description with ("thank you", "the end"), made up or not.
SENTENCES: tuple[str, ...] = (
    # English
    "thanks for watching", "thank you for watching", "thank you so much for watching", "thank you very much for watching",
    "please subscribe", "please subscribe to my channel",
    "please like and subscribe", "like and subscribe", "don't forget to like and subscribe", "don't forget to subscribe",
    "subscribe to my channel", "see you in the next video", "i'll see you in the next video",
    "we'll be right back",
    # German
    "vielen dank fürs zuschauen", "danke fürs zuschauen",
    "untertitel im auftrag des zdf",
    # French
    "merci d'avoir regardé cette vidéo", "merci d'avoir regardé", "abonnez-vous", "n'oubliez pas de vous abonner",
    # Spanish, Portuguese, Italian
    "gracias por ver el video", "gracias por ver el vídeo", "gracias por ver", "suscríbete al canal", "suscríbete",
    "obrigado por assistir", "inscreva-se no canal", "grazie per aver guardato il video",
    "grazie per la visione", "iscrivetevi al canale",
    # Dutch, Polish, Turkish
    "bedankt voor het kijken", "dziękuję za obejrzenie", "dzięki za oglądanie",
    "izlediğiniz için teşekkür ederim", "izlediğiniz için teşekkürler", "abone olmayı unutmayın",
    # Russian, Ukrainian
    "спасибо за просмотр", "подписывайтесь на канал", "дякую за перегляд",
    # Chinese, Japanese, Korean
    "谢谢观看", "謝謝觀看", "感谢观看", "请不吝点赞 订阅 转发 打赏支持明镜与点点栏目", "ご視聴ありがとうございました",
    "チャンネル登録お願いします", "시청해주셔서 감사합니다", "구독과 좋아요 부탁드립니다",
)  # fmt: skip

# Anywhere: nobody says these of a picture.
CREDITS: tuple[str, ...] = (
    "amara org", "subtitles by", "subtitled by", "captions by", "closed captioning by",
    "untertitel von", "untertitelung", "sous-titres par", "sous titres réalisés",
    "sous-titrage st", "subtítulos por", "subtítulos realizados por", "legendas pela", "legendas por", "sottotitoli a cura",
    "sottotitoli creati", "ondertiteld door", "ondertiteling", "napisy stworzone", "altyazı m k", "редактор субтитров",
    "субтитры сделал", "субтитры создавал", "字幕由", "字幕志愿者",
)  # fmt: skip

_END_OF_SENTENCE = re.compile(r"[.!?…。！？\n]+")
_NO_LETTERS = re.compile(r"[^\w']+|_")


def stock_phrase(text: str, segments: tuple[str, ...] = ()) -> str | None:
    """The first stock phrase of a text, as this list spells it; None for none.

    Sentences are looked at, and segments, because engines without punctuation write a made-up sentence as a segment of its own.
    """
    for piece in (*_END_OF_SENTENCE.split(text), *segments):
        if found := _SENTENCES.get(_plain(piece)):
            return found
    whole = f" {_plain(text)} "
    return next((phrase for phrase, plain in _CREDITS if plain in whole), None)


def _plain(text: str) -> str:
    text = text.replace("İ", "i").casefold()  # Turkish: Unicode's own folding leaves a dot beside the i
    return _NO_LETTERS.sub(" ", text.replace("’", "'")).strip()


_SENTENCES = {_plain(phrase): phrase for phrase in SENTENCES}
_CREDITS = tuple((phrase, _plain(phrase) if ord(phrase[0]) > 0x3000 else f" {_plain(phrase)} ") for phrase in CREDITS)
