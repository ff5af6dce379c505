"""How servers read what reaches them: by the rules, and by the habits that made requests be smuggled.

The readings of tests/it/desync/readings.rs, for what other proxies forward. A text is bytes as Latin-1."""

import re
from dataclasses import dataclass, replace
from typing import Callable

LINE_ENDS = {"CR LF": "\r\n", "LF": "\n", "any": "\r\n|\n|\r"}
ONLY, FIRST, LAST = "only", "first", "last"


def digits(text):
    return int(text) if re.fullmatch("[0-9]+", text) else None


def hexadecimal(text):
    return int(text, 16) if re.fullmatch("[0-9a-fA-F]+", text) else None


def leading_digits(text):
    """atoi"""
    found = re.match(r"\s*\+*([0-9]+)", text)
    return int(found[1]) if found else None


def leading_hexadecimal(text):
    """strtoul with base 16"""
    found = re.match(r"\s*\+*(?:0x)?([0-9a-fA-F]+)", text)
    return int(found[1], 16) if found else None


def c_notation(text):
    """strtoul with base 0, of a whole number"""
    if text.startswith("0x"):
        return hexadecimal(text[2:])
    if re.fullmatch("0[0-7]+", text):
        return int(text, 8)
    return digits(text)


@dataclass(frozen=True)
class Reader:
    name: str
    lines: str = "CR LF"
    blanks: str = " \t"
    repairs_names: bool = False
    lengths: str = ONLY
    number: Callable = digits
    is_chunked: Callable = lambda value: value.lower() == "chunked"
    length_beats_coding: bool = False
    hosts: str = ONLY
    target_beats_host: bool = True
    size: Callable = hexadecimal
    behind: str = "CR LF"

    def read(self, text):
        """The whole requests: where each ends, method, target without an authority, host."""
        requests, at = [], 0
        while request := self.request(text, at):
            requests.append(request)
            at = request[0]
        return requests

    def line(self, text, at):
        """A line, and where the next one starts."""
        found = re.compile(LINE_ENDS[self.lines]).search(text, at)
        if not found:
            return None, at
        line = text[at:found.start()]
        return (line if self.lines == "CR LF" else line.rstrip("\r")), found.end()

    def fields(self, text, at):
        fields = []
        while True:
            line, at = self.line(text, at)
            if line is None:
                return None, at
            if not line:
                return fields, at
            if self.repairs_names and line[0] in " \t" and fields:
                fields[-1] = (fields[-1][0], f"{fields[-1][1]} {line.strip(self.blanks)}".strip())
                continue
            name, _, value = line.partition(":")
            if self.repairs_names:
                name = name.strip().replace("_", "-")
            fields.append((name.lower(), value.strip(self.blanks)))

    def request(self, text, at):
        first = ""
        while first == "":
            first, at = self.line(text, at)
        words = re.split("[ \t]+", (first or "").strip(" \t"))
        if len(words) < 2:
            return None
        fields, at = self.fields(text, at)
        if fields is None:
            return None
        values = lambda name: [value for known, value in fields if known == name]
        lengths, length = values("content-length"), None
        if lengths:
            if self.lengths == ONLY and len(lengths) > 1:
                return None
            length = self.number(lengths[-1 if self.lengths == LAST else 0])
            if self.lengths == ONLY and length is None:
                return None
        coded = any(map(self.is_chunked, values("transfer-encoding")))
        if coded and not (self.length_beats_coding and length is not None):
            at = self.chunks(text, at)
        else:
            at += length or 0
        if at is None or at > len(text):
            return None
        hosts = values("host") or [""]
        host, target = hosts[-1 if self.hosts == LAST else 0], words[1]
        if "://" in target:
            authority, slash, rest = target.partition("://")[2].partition("/")
            target = slash + rest
            host = authority if self.target_beats_host else host
        return at, words[0], target, host

    def chunks(self, text, at):
        while True:
            line, at = self.line(text, at)
            size = None if line is None else self.size(line.split(";")[0].rstrip(self.blanks))
            if size is None:
                return None
            if size == 0:
                fields, at = self.fields(text, at)
                return None if fields is None else at
            at += size
            if at > len(text):
                return None
            if self.behind == "two bytes" or text.startswith("\r\n", at):
                at += 2
            elif self.behind == "CR LF":
                return None
            else:
                at += text.startswith("\n", at)


STRICT = Reader("strict")
READERS = [
    STRICT,
    replace(STRICT, name="lenient", lines="LF", blanks=" \t\r\v\f\xa0", repairs_names=True, lengths=FIRST,
            number=leading_digits, is_chunked=lambda value: "chunked" in value.lower(), hosts=FIRST,
            target_beats_host=False, size=leading_hexadecimal, behind="maybe a line end"),
    replace(STRICT, name="last length", lengths=LAST, number=c_notation, length_beats_coding=True, hosts=LAST),
    replace(STRICT, name="literal", blanks=" ", lengths=FIRST, is_chunked=lambda value: value == "chunked", hosts=FIRST),
    replace(STRICT, name="CR ends lines", lines="any", lengths=FIRST, hosts=FIRST, behind="two bytes",
            is_chunked=lambda value: "chunked" in [coding.strip().lower() for coding in value.split(",")]),
    replace(STRICT, name="LF is a byte", lengths=LAST, hosts=LAST, behind="two bytes",
            is_chunked=lambda value: value.split(",")[-1].strip().lower() == "chunked"),
]
