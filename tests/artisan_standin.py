"""Stands in for an application's artisan and PHP without any PHP: noisy, slow, dying, lying on request.

    python -I -S tests/artisan_standin.py --bundles=DIR [OPTION…] artisan workflow:v2:history-export [--run] -- ID
    python -I -S tests/artisan_standin.py --bundles=DIR [OPTION…] php -r LOADER -- LENGTH

DIR holds RUN.json for each run, and INSTANCE.current with the id of the current run. The batch process is spoken as
`batch.php` speaks it, whose text is read and left alone. Nothing is imported before it is needed: what Python takes to
start is no part of what is measured.

Options: --boot=S and --run=S (seconds), --log=FILE (a line for each boot and run; a line is written whole).
What goes wrong, on every run or with --on=ID on that one, always or with --times=N and --log the first N times:
--noise (before, between and behind), --half, --two, --wrong=ID, --interleave, --exit=CODE (after the output),
--die (before it), --hang, --error=MESSAGE (on stderr), --boot-dies. --plan=FILE has what goes wrong with which run, as
lines of RUN OPTION VALUE.
"""

from __future__ import annotations

import os
import sys
import time

NOISE = b'PHP Deprecated: {"a": 1} is {deprecated\n{"schema": "boot", "dump": [{}]}\nNotice: [0] => {\n'
BEHIND = b'\nbye {"x": 1} }\n'


class Standin:
    """One call: its options, and what it was asked to be."""

    def __init__(self, words: list[str]) -> None:
        self.options: dict[str, str] = {}
        while words and words[0].startswith("--"):
            name, _, value = words.pop(0)[2:].partition("=")
            self.options[name] = value
        self.given = self.options
        self.role, *self.words = words
        self.out = sys.stdout.buffer

    def main(self) -> int:
        self.log("boot")
        if "boot-dies" in self.options:
            sys.stderr.write("PHP Fatal error:  Uncaught Error: no boot\n")
            return 255
        return self.artisan() if self.role == "artisan" else self.php()

    # --- one by one -----------------------------------------------------------------------------------------------

    def artisan(self) -> int:
        assert self.words[0] == "workflow:v2:history-export", self.words
        options, target = self.words[1 : self.words.index("--")], self.words[self.words.index("--") + 1]
        self.sleep("boot")
        self.follow_plan(target)
        bundle, wrong = self.bundle(target, "--run" in options), self.goes_wrong(target)
        if wrong:
            self.misbehave()
        if bundle is None:
            self.out.write(f"Workflow run [{target}] not found.\n".encode())
            return 1
        self.sleep("run")
        if not wrong:
            self.out.write(bundle + b"\n")
            return 0
        before, behind = (NOISE, BEHIND) if "noise" in self.options else (b"", b"\n")
        self.out.write(before + (bundle[: len(bundle) // 2] if "half" in self.options else bundle) + behind)
        if "two" in self.options:
            self.out.write(bundle)
        return int(self.options.get("exit", 0))

    # --- the batch process ----------------------------------------------------------------------------------------

    def php(self) -> int:
        import json

        assert self.words[0] == "-r", self.words
        stdin = sys.stdin.buffer
        sys.stderr.write("dwctl: PHP runs\n")
        sys.stderr.flush()
        if "no-stdin" in self.options or not stdin.read(int(self.words[-1])):
            return 0
        session = json.loads(stdin.readline())
        self.token = session["token"].encode()
        self.send(b"up", 0, b"{}", 0.0)
        began = time.monotonic()
        self.sleep("boot")
        self.send(b"ready", 0, b'{"php": "8.2.0", "laravel": "11.0", "library": "2.0"}', began)
        while (line := stdin.readline()).endswith(b"\n"):
            self.answer(json.loads(line))
        return 0

    def answer(self, question: dict[str, object]) -> None:
        import json

        began, number = time.monotonic(), int(str(question["number"]))
        if question["ask"] == "positions":
            rows = [row for run in list(question["ids"]) if (row := self.position(run))]  # type: ignore[call-overload]
            self.send(b"answer", number, json.dumps(rows).encode(), began)
            return
        target = str(question["id"])
        self.follow_plan(target)
        bundle, wrong = self.bundle(target, question["ask"] == "run"), self.goes_wrong(target)
        if wrong:
            self.misbehave()
        if bundle is None:
            self.send(b"error", number, b'{"missing": true, "message": "ModelNotFoundException: none"}', began)
            return
        self.sleep("run")
        if wrong and "noise" in self.options:
            self.out.write(NOISE)
        self.send(b"bundle", number, bundle, began, spoiled=wrong)
        if wrong and "noise" in self.options:
            self.out.write(BEHIND)
        if wrong and "exit" in self.options:
            self.leave(int(self.options["exit"]))

    def send(self, kind: bytes, number: int, payload: bytes, began: float, *, spoiled: bool = False) -> None:
        import hashlib

        took = int((time.monotonic() - began) * 1000) if began else 0
        digest = hashlib.sha256(payload).hexdigest().encode()
        header = b"%s %s %d %d 0 %d %s\n" % (self.token, kind, number, took, len(payload), digest)
        half = len(payload) // 2
        if spoiled and "half" in self.options:
            self.out.write(header + payload[:half])
            self.leave(0)
        if spoiled and "interleave" in self.options:
            payload = payload[:half] + b"Notice: undefined" + payload[half:]
        self.out.write(header + payload + b"\n")
        self.out.flush()

    # --- both -----------------------------------------------------------------------------------------------------

    def bundle(self, target: str, run: bool) -> bytes | None:
        folder = self.options["bundles"]
        if self.goes_wrong(target, count=False) and "wrong" in self.options:
            target, run = self.options["wrong"], True
        try:
            if not run:
                with open(f"{folder}/{target}.current") as pointer:  # noqa: PTH123 - starts sooner without pathlib
                    target = pointer.read()
            with open(f"{folder}/{target}.json", "rb") as file:  # noqa: PTH123
                return file.read()
        except OSError:
            return None

    def position(self, run: str) -> list[object] | None:
        import json

        bundle = self.bundle(run, True)
        if bundle is None:
            return None
        head = json.loads(bundle)["workflow"]
        sequence = head["last_history_sequence"]
        return [run, head["instance_id"], head["status"], sequence, head.get("last_progress_at"), None]

    def follow_plan(self, target: str) -> None:
        if file := self.given.get("plan"):
            with open(file) as plan:  # noqa: PTH123
                lines = [line.split() for line in plan]
            self.options = self.given | {line[1]: line[2] for line in lines if line[0] == target}

    def goes_wrong(self, target: str, *, count: bool = True) -> bool:
        if self.options.get("on", target) != target:
            return False
        if "times" not in self.options:
            return True
        with open(self.options["log"]) as log:  # noqa: PTH123
            before = log.read().count(f"wrong {target}\n")
        if before < int(self.options["times"]):
            if count:
                self.log(f"wrong {target}")
            return True
        return False

    def misbehave(self) -> None:
        if message := self.options.get("error"):
            self.tell(message)
        if "hang" in self.options:
            self.log("hangs")
            self.tell("")  # so that whoever looks at a clock that the log moves looks again
            time.sleep(600)
        if "die" in self.options:
            sys.stderr.write("PHP Fatal error:  Allowed memory size exhausted\n")
            self.leave(255)

    def tell(self, message: str) -> None:
        sys.stderr.write(f"{message}\n")
        sys.stderr.flush()

    def leave(self, code: int) -> None:
        self.out.flush()
        sys.stderr.flush()
        os._exit(code)

    def sleep(self, what: str) -> None:
        if what == "run":
            self.log("run")
        time.sleep(float(self.options.get(what, 0)))

    def log(self, line: str) -> None:
        if file := self.options.get("log"):
            log = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            os.write(log, f"{line}\n".encode())
            os.close(log)


if __name__ == "__main__":
    sys.exit(Standin(sys.argv[1:]).main())
