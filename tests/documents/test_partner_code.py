"""The code that partners are given does what it says, in every language that this machine has."""

import base64
import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from services.registry.signatures.standard_webhooks import Verdict, key_of, secret_of, sign, verify
from shared.clock import now
from tests.documents.partner_page import PAGE, block_with

KEY = bytes(range(32))
ID = "evt_01jd3v9w8xk4m7q2r5t6y8z0ab"
AT = 1795399445
BODY = b'{"id":"evt_01jd3v9w8xk4m7q2r5t6y8z0ab","type":"registry.entry.updated"}'
GOLDEN = "v1,QmM4DsHLBB5aN5UMtzAhdhiCVbPMjCucFmlfLfVaCKw="
CHINESE = '{"title":"柔性脑机接口","nul":"\\u0000"}'.encode()
OTHER = sign([b"o" * 32], ID, AT, BODY)


@dataclass(frozen=True)
class Case:
    """One message as a receiver gets it, and whether it may believe it. ``-`` is a missing header."""

    name: str
    genuine: bool
    secret: str = secret_of(KEY)
    id: str = ID
    timestamp: str = str(AT)
    signature: str = GOLDEN
    body: bytes = BODY
    now: int = AT

    def line(self) -> str:
        body = base64.b64encode(self.body).decode()
        return "\t".join((self.secret, self.id, self.timestamp, self.signature, body, str(self.now)))


CASES = [
    Case("the golden vector", True),
    Case("300 seconds late", True, now=AT + 300),
    Case("300 seconds early", True, now=AT - 300),
    Case("301 seconds late", False, now=AT + 301),
    Case("301 seconds early", False, now=AT - 301),
    Case("another body", False, body=BODY + b" "),
    Case("an empty body", False, body=b""),
    Case("a body parsed and written again", False, body=BODY.replace(b":", b": ")),
    Case("another id", False, id=ID[:-1] + "c"),
    Case("another timestamp", False, timestamp=str(AT + 1)),
    Case("another secret", False, secret=secret_of(bytes(range(1, 33)))),
    Case("the signature of another key", False, signature=OTHER),
    Case("the second signature fits", True, signature=f"{OTHER} {GOLDEN}"),
    Case("the first signature fits", True, signature=f"{GOLDEN} {OTHER}"),
    Case("versions of the future before it", True, signature=f"v1a,AAAA v9,x {GOLDEN}"),
    Case("of another version", False, signature=GOLDEN.replace("v1,", "v1a,")),
    Case("without a version", False, signature=GOLDEN.removeprefix("v1,")),
    Case("cut off", False, signature=GOLDEN[:-4]),
    Case("only the version", False, signature="v1,"),
    Case("no signature", False, signature="-"),
    Case("no timestamp", False, timestamp="-"),
    Case("no id", False, id="-"),
    Case("a timestamp that is no number", False, timestamp="soon"),
    Case("a timestamp in milliseconds", False, timestamp=f"{AT}000"),
    Case("a timestamp of full-width digits", False, timestamp="１７９５３９９４４５"),
    Case("a timestamp of very many digits", False, timestamp="1" * 5000),
    Case("a negative timestamp", False, timestamp=f"-{AT}"),
    Case("Chinese text", True, signature=sign([KEY], ID, AT, CHINESE), body=CHINESE),
    Case("bytes that are no text", True, signature=sign([KEY], ID, AT, b"\xff\x00\n"), body=b"\xff\x00\n"),
    Case("a longer key", True, secret=secret_of(KEY * 2), signature=sign([KEY * 2], ID, AT, BODY)),
]


def answers(command: list[str], directory: Path) -> dict[str, str]:
    """Give a program one case a line and return what it printed for each."""
    lines = "\n".join(case.line() for case in CASES) + "\n"
    run = subprocess.run(
        command, input=lines, cwd=directory, capture_output=True, text=True, encoding="utf-8", timeout=600
    )
    assert run.returncode == 0, run.stderr
    return dict(zip([case.name for case in CASES], run.stdout.split(), strict=True))


EXPECTED = {case.name: str(case.genuine).lower() for case in CASES}

PYTHON = """
import sys
for line in sys.stdin.buffer.read().decode().splitlines():
    secret, *said, body, now = line.split("\\t")
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    headers = {name: value for name, value in zip(names, said) if value != "-"}
    print(str(verify(secret, headers, base64.b64decode(body), int(now))).lower())
"""
JAVASCRIPT = """
import { readFileSync } from "node:fs";
for (const line of readFileSync(0, "utf-8").trimEnd().split("\\n")) {
  const [secret, id, timestamp, signature, body, now] = line.split("\\t");
  const said = { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signature };
  const headers = Object.fromEntries(Object.entries(said).filter((pair) => pair[1] !== "-"));
  console.log(verify(secret, headers, Buffer.from(body, "base64"), Number(now)));
}
"""
JAVA = """
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Base64;

public class Main {
    static String given(String text) { return text.equals("-") ? null : text; }

    public static void main(String[] arguments) throws Exception {
        var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] part = line.split("\\t", -1);
            byte[] body = Base64.getDecoder().decode(part[4]);
            System.out.println(FeidiWebhook.verify(
                part[0], given(part[1]), given(part[2]), given(part[3]), body, Long.parseLong(part[5])));
        }
    }
}
"""
GO = """
package main

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		part := strings.Split(lines.Text(), "\\t")
		header := http.Header{}
		for index, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
			if part[index+1] != "-" {
				header.Set(name, part[index+1])
			}
		}
		body, _ := base64.StdEncoding.DecodeString(part[4])
		now, _ := strconv.ParseInt(part[5], 10, 64)
		fmt.Println(Verify(part[0], header, body, time.Unix(now, 0)))
	}
}
"""


def without_types(typescript: str) -> str:
    """Take from the one function what only TypeScript has: a type import, and the types of its signature."""
    code, imports = re.subn(r"^import type .*\n", "", typescript, flags=re.MULTILINE)
    code, types = re.subn(r"(?<=[a-z)]): (?:string|number|boolean|Buffer|IncomingHttpHeaders)\b", "", code)
    assert (imports, types) == (1, 5), "write the block so that its types are these five, or extend this"
    return code


def program_of(language: str) -> str:
    """Return where a language's program is, or skip the test."""
    found = shutil.which(language)
    if found is None:
        pytest.skip(f"{language} is not installed here")
    return found


def test_python_believes_what_is_genuine_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(block_with("python", "def verify") + PYTHON, encoding="utf-8")
    assert answers([sys.executable, "-I", "program.py"], tmp_path) == EXPECTED


def test_typescript_believes_what_is_genuine_and_nothing_else(tmp_path: Path) -> None:
    node = program_of("node")
    code = without_types(block_with("ts", "function verify")) + JAVASCRIPT
    (tmp_path / "program.mjs").write_text(code, encoding="utf-8")
    assert answers([node, "program.mjs"], tmp_path) == EXPECTED


def test_java_believes_what_is_genuine_and_nothing_else(tmp_path: Path) -> None:
    javac, java = program_of("javac"), program_of("java")
    (tmp_path / "FeidiWebhook.java").write_text(block_with("java", "class FeidiWebhook"), encoding="utf-8")
    (tmp_path / "Main.java").write_text(JAVA, encoding="utf-8")
    files = ["FeidiWebhook.java", "Main.java"]
    compiled = subprocess.run(
        [javac, "-encoding", "UTF-8", "-Xlint:all", "-Werror", "--release", "11", *files],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert compiled.returncode == 0, compiled.stderr
    assert answers([java, "-cp", ".", "Main"], tmp_path) == EXPECTED


def test_go_believes_what_is_genuine_and_nothing_else(tmp_path: Path) -> None:
    go = program_of("go")
    code = block_with("go", "func Verify").replace("package feidi", "package main")
    (tmp_path / "verify.go").write_text(code, encoding="utf-8")
    (tmp_path / "main.go").write_text(GO, encoding="utf-8")
    (tmp_path / "go.mod").write_text("module feidi\n\ngo 1.18\n", encoding="utf-8")
    assert answers([go, "run", "."], tmp_path) == EXPECTED


def names_of(language: str, text: str) -> Mapping[str, Any]:
    """Run a Python block of the page and return what it defines."""
    defined: dict[str, Any] = {}
    exec(compile(block_with(language, text), str(PAGE), "exec"), defined)
    return defined


def test_what_the_page_signs_is_what_registry_believes() -> None:
    signed = names_of("python", "def signed")["signed"]
    instant = now()
    headers = signed(secret_of(KEY), "msg_1", CHINESE, instant.timestamp())
    assert verify(headers, CHINESE, [KEY], instant) is Verdict.VALID
    assert verify(headers, BODY, [KEY], instant) is Verdict.WRONG_KEY
    assert headers["content-type"] == "application/json"


def test_the_digest_is_that_of_lines_in_ascending_order() -> None:
    digest = names_of("python", "def digest")["digest"]
    assert digest([]) == hashlib.sha256(b"").hexdigest()
    received = [(10, "evt_b"), (9, "evt_a")]
    assert digest(received) == hashlib.sha256(b"9:evt_a\n10:evt_b\n").hexdigest()


def test_the_values_to_try_are_the_golden_ones() -> None:
    text = PAGE.read_text(encoding="utf-8")
    secret = re.search(r"whsec_[A-Za-z0-9+/]{40,}=*", text)
    assert secret
    assert key_of(secret[0]) == KEY
    for value in (ID, str(AT), BODY.decode(), GOLDEN):
        assert f"`{value}`" in text
