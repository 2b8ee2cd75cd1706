"""Redaction: what may be shown of texts from outside, and of texts that hold secrets."""

import logging
import re

_SHOWN = 200
#: Shorter texts are no secrets, and turn up anywhere.
_LEAST = 8
_SECRETS = (
    # In URLs and signed payloads, in JSON, and in headers; a listen key opens the account's stream.
    re.compile(r"(?i)\b((?:signature|api_?key|listen_?key|secret)[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,}]+"),
    re.compile(r"(?i)\b(x-mbx-apikey[\"']?\s*[,=:]\s*b?[\"']?)[^\s\"',)]+"),
    # Keys, listen keys and signatures are long runs of letters and digits.
    re.compile(r"()\b[A-Za-z0-9+/_-]{40,}={0,2}"),
)


_known: set[str] = set()


def never_show(secret: str) -> None:
    """Has a secret struck out from now on wherever it stands, however short it is."""
    _known.update(line for line in secret.splitlines() if len(line) >= _LEAST and not line.startswith("-----"))


def redacted(text: str) -> str:
    """Gives a text with every known secret struck out, and everything that looks like one."""
    for secret in _known:
        text = text.replace(secret, "***")
    for pattern in _SECRETS:
        text = pattern.sub(r"\1***", text)
    return text


def shown(text: str, most: int = _SHOWN) -> str:
    """Gives a foreign text as one short line that is safe to print: nothing unseen (control, bidi), no secrets."""
    # Cut only after redaction, or a secret at the edge would be too short to be seen as one; but never work through
    # megabytes for a line.
    line = redacted("".join(one if one.isprintable() else " " for one in text[: 20 * most])).strip()
    return line if len(line) <= most else line[: most - 1] + "…"


class RedactingFilter(logging.Filter):
    """A log filter that strikes secrets out of every record that passes, whoever logged it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Redacts the record's message and stack and lets it pass."""
        message = record.getMessage()
        clean = redacted(message)
        if clean != message:
            record.msg, record.args = clean, None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redacted(record.exc_text)
        return True
