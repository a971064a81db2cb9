#!/usr/bin/env python3
# tests/excel_to_db_page_test.py — the service's page in a browser: a workbook is chosen, imported and counted.
# SPDX-License-Identifier: BSL-1.0
#
#   tests/excel_to_db_page_test.py PROGRAM CHROMIUM
#
# The browser is told what to do through two pipes, in the words of the DevTools protocol: JSON, ended by a zero byte.
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

program, chromium = sys.argv[1:3]
PATIENCE = 120  # seconds


class Browser:
    def __init__(self, folder):
        to_browser, self.requests = os.pipe()
        self.answers, from_browser = os.pipe()
        # It reads from 3 and writes to 4.
        move = f'exec 3<&{to_browser} 4>&{from_browser}; exec "$0" "$@"'
        self.process = subprocess.Popen(
            ["sh", "-c", move, chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe",
             f"--user-data-dir={folder}", "--window-size=360,800", "about:blank"],
            pass_fds=(to_browser, from_browser), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.pending = b""
        self.last = 0
        self.session = None
        target = next(t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]

    def call(self, method, **params):
        self.last += 1
        message = {"id": self.last, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.requests, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self.pending:
                more = os.read(self.answers, 65536)
                if not more:
                    sys.exit("the browser has gone")
                self.pending += more
            text, self.pending = self.pending.split(b"\0", 1)
            answer = json.loads(text)
            if answer.get("id") == self.last:  # else an event
                if "error" in answer:
                    sys.exit(f"{method}: {answer['error']}")
                return answer["result"]

    def evaluate(self, script):
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in result:
            sys.exit(f"{script}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def wait_for(self, script):
        end = time.monotonic() + PATIENCE
        while not self.evaluate(script):
            if time.monotonic() > end:
                sys.exit(f"still not so: {script}\n" + self.evaluate("document.body.innerText"))
            time.sleep(0.02)

    def choose(self, file):
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector="#file")["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(file)])

    def press(self, key, code):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code,
                      text="\r" if key == "Enter" and kind == "keyDown" else "")


failures = 0


def expect(what, seen, wanted):
    global failures
    if seen != wanted:
        failures += 1
        print(f"{what}: {seen!r}, not {wanted!r}")


with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
    folder = pathlib.Path(name)
    book = folder / "book.xlsx"
    subprocess.run([program, "generate", book, "--rows", "10000", "--bad", "13"], check=True,
                   stdout=subprocess.DEVNULL)
    service = subprocess.Popen([program, "serve", "--db", folder / "out.db", "--listen", "127.0.0.1:0"],
                               stdout=subprocess.PIPE, text=True)
    browser = None
    try:
        address = service.stdout.readline().split()[-1]
        browser = Browser(folder / "browser")
        browser.call("Page.navigate", url=address)
        browser.wait_for("document.readyState === 'complete' && location.href !== 'about:blank'")

        methods = browser.evaluate("[...document.querySelectorAll('[name=method]')].map((each) => each.value)")
        expect("the first method", methods[0], "sequential")
        for count, method in enumerate(methods, 1):
            browser.choose(book)
            browser.evaluate(f"document.querySelector('[value={method}]').click()")
            browser.evaluate("document.getElementById('start').focus()")
            browser.press("Enter", 13)
            browser.wait_for(f"document.querySelectorAll('#methods tr').length === {count}")
            browser.wait_for("!document.getElementById('start').disabled")
            for field, wanted in {"total": "10,000", "success": "9,987", "errors": "13"}.items():
                expect(f"{method}, {field}", browser.evaluate(f"document.getElementById('{field}').textContent"), wanted)
            expect(f"{method}, progress", browser.evaluate("document.getElementById('bar').value"), 1)
        speeds = browser.evaluate("[...document.querySelectorAll('#methods tr')].map((row) => row.cells[3].textContent)")
        expect("the speed-up of the first method", speeds[0], "1.0x")
        expect("the methods compared", len(speeds), len(methods))

        rows = browser.evaluate(
            "(() => { const r = new XMLHttpRequest(); r.open('GET', document.getElementById('download').href, false);"
            " r.send(); return r.responseText.split('\\n').length; })()")
        expect("lines of the rejected rows", rows, 15)  # a header, 13 rows, and nothing after the last line's end
        expect("room to the side", browser.evaluate("document.documentElement.scrollWidth > innerWidth"), False)

        (folder / "no.xlsx").write_text("no workbook")
        browser.choose(folder / "no.xlsx")
        browser.evaluate("document.getElementById('form').requestSubmit()")
        browser.wait_for("document.getElementById('says').classList.contains('wrong')")
        expect("what is said of no workbook", browser.evaluate("document.getElementById('says').textContent"),
               "the file is not an .xlsx workbook; 0 rows are committed")
    finally:
        if browser:
            browser.process.kill()
            browser.process.wait()
        service.terminate()
        service.communicate()
    expect("the service's status", service.returncode, 0)

print(f"page: {failures} problems")
sys.exit(1 if failures else 0)
