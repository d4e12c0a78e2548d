"""Tokens of the statements that rockpool parses itself (DDL, SHOW, SET, ADMIN)."""

import re

from rockpool.errors import SYNTAX, SqlError

TOKEN = re.compile(
    r"""
    (?P<space>\s+|--[^\n]*|\#[^\n]*|/\*.*?\*/)
  | (?P<name>`(?:[^`]|``)*`)
  | (?P<string>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*")
  | (?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?!\w))
  | (?P<word>@@?[\w.]+|[^\W\d]\w*|\d+[A-Za-z_]\w*)
  | (?P<punct><=>|<=|>=|<>|!=|\|\||&&|->|:=|.)
    """,
    re.VERBOSE | re.DOTALL,
)
RESERVED_TEXT = """
ADD ALL ALTER ANALYZE AND ARRAY AS ASC BETWEEN BIGINT BITMAP BOTH BY CASE CHAR CHARACTER CHECK
COLLATE COLUMN COMPACTION CONVERT CREATE CROSS CUBE CURRENT_DATE CURRENT_ROLE CURRENT_TIME
CURRENT_TIMESTAMP DATABASE DATABASES DECIMAL DECIMALV2 DECIMAL32 DECIMAL64 DECIMAL128 DEFAULT
DEFERRED DELETE DENSE_RANK DESC DESCRIBE DISTINCT DOUBLE DROP DUAL ELSE EXCEPT EXISTS EXPLAIN
FALSE FIRST_VALUE FLOAT FOR FORCE FROM FULL FUNCTION GRANT GROUP GROUPS GROUPING GROUPING_ID
HAVING HLL HOST IF IGNORE IMMEDIATE IN INDEX INFILE INNER INSERT INT INTEGER INTERSECT INTO IS
JOIN JSON KEY KEYS KILL LAG LARGEINT LAST_VALUE LATERAL LEAD LEFT LIKE LIMIT LOAD LOCALTIME
LOCALTIMESTAMP MAXVALUE MINUS MOD NTILE NOT NULL ON OR ORDER OUTER OUTFILE OVER PARTITION
PERCENTILE PRIMARY PROCEDURE QUALIFY RANGE RANK READ REGEXP RELEASE RENAME REPLACE REVOKE RIGHT
RLIKE ROW ROWS ROW_NUMBER SCHEMA SCHEMAS SELECT SET SET_VAR SHOW SMALLINT SYSTEM TABLE TERMINATED
TEXT THEN TINYINT TO TRUE UNION UNIQUE UNSIGNED UPDATE USE USING VALUES VARCHAR WHEN WHERE WITH
"""
RESERVED = frozenset(RESERVED_TEXT.split())
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "b": "\b", "Z": "\x1a"}


class Token:
    __slots__ = ("kind", "text", "start", "end")

    def __init__(self, kind, text, start, end):
        self.kind, self.text, self.start, self.end = kind, text, start, end

    def __repr__(self):
        return f"{self.kind}:{self.text}"


def unquote(text):
    """The value of a quoted string or name as MySQL reads it."""
    quote, body = text[0], text[1:-1].replace(text[0] * 2, text[0])
    if quote == "`" or "\\" not in body:
        return body
    return re.sub(r"\\(.)", lambda m: ESCAPES.get(m[1], m[1]), body, flags=re.DOTALL)


def tokenize(sql):
    tokens = []
    for match in TOKEN.finditer(sql):
        kind = match.lastgroup
        if kind == "space":
            continue
        text = match.group()
        if kind in ("name", "string"):
            text = unquote(text)
        elif text in ("'", '"', "`"):
            raise SqlError(
                f"Getting syntax error: the quote at position {match.start()} is not closed"
            )
        tokens.append(Token(kind, text, match.start(), match.end()))
    while tokens and tokens[-1].kind == "punct" and tokens[-1].text == ";":
        tokens.pop()
    return tokens


class Tokens:
    """A cursor over the tokens of one statement."""

    def __init__(self, sql):
        self.sql = sql
        self.all = tokenize(sql)
        self.at = 0
        for token in self.all:
            if token.kind == "punct" and token.text == ";":
                raise SqlError("rockpool runs one statement a query", SYNTAX)

    def peek(self, ahead=0):
        index = self.at + ahead
        return self.all[index] if index < len(self.all) else Token("end", "", len(self.sql), 0)

    def next(self):
        token = self.peek()
        self.at += 1
        return token

    def done(self):
        return self.at >= len(self.all)

    def is_word(self, *words):
        """True where the next tokens are these keywords, in any case."""
        for ahead, word in enumerate(words):
            token = self.peek(ahead)
            if token.kind not in ("word", "punct") or token.text.upper() != word:
                return False
        return True

    def take(self, *words):
        if self.is_word(*words):
            self.at += len(words)
            return True
        return False

    def expect(self, *words):
        if not self.take(*words):
            self.fail(" ".join(words))

    def fail(self, wanted):
        token = self.peek()
        found = token.text or "<EOF>"
        line = self.sql.count("\n", 0, token.start) + 1
        column = token.start - (self.sql.rfind("\n", 0, token.start) + 1)
        raise SqlError(
            f"Getting syntax error at line {line}, column {column}. Detail message: Unexpected input "
            f"'{found}', the most similar input is {{{wanted}}}."
        )

    def expect_end(self):
        if not self.done():
            self.fail("<EOF>, ';'")

    def name(self, what="a legal identifier"):
        token = self.next()
        if token.kind not in ("word", "name") or token.text.startswith("@"):
            self.at -= 1
            self.fail(what)
        return token.text

    def identifier(self):
        """The name of a database, table or column: reserved words need backticks."""
        if self.peek().kind == "word" and self.peek().text.upper() in RESERVED:
            self.fail("a legal identifier")
        return self.name()

    def string(self):
        token = self.next()
        if token.kind != "string":
            self.at -= 1
            self.fail("a quoted string")
        return token.text

    def number(self):
        token = self.next()
        if token.kind != "number" or not token.text.isdigit():
            self.at -= 1
            self.fail("a number")
        return int(token.text)

    def names(self):
        """`(a, b, ...)`"""
        self.expect("(")
        found = []
        if not self.is_word(")"):
            found.append(self.identifier())
            while self.take(","):
                found.append(self.identifier())
        self.expect(")")
        return found

    def qualified(self):
        """`[[catalog.]db.]table` as (db or None, table)."""
        parts = [self.identifier()]
        while self.take("."):
            parts.append(self.identifier())
        if len(parts) == 3 and parts[0] == "default_catalog":
            parts.pop(0)
        if len(parts) > 2:
            raise SqlError(f"Unknown catalog '{parts[0]}'", 1064)
        return (parts[0] if len(parts) == 2 else None), parts[-1]
