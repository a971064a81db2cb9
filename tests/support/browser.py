# tests/support/browser.py — a browser that is told what to do, for tests of pages.
# SPDX-License-Identifier: BSL-1.0
#
#   Through two pipes, in the words of the DevTools protocol: JSON, ended by a zero byte.
import json
import os
import subprocess
import sys
import time

PATIENCE = 120  # seconds


class Browser:
    def __init__(self, chromium, folder, size="360,800"):
        to_browser, self.requests = os.pipe()
        self.answers, from_browser = os.pipe()
        # It reads from 3 and writes to 4.
        move = f'exec 3<&{to_browser} 4>&{from_browser}; exec "$0" "$@"'
        self.process = subprocess.Popen(
            ["sh", "-c", move, chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe",
             f"--user-data-dir={folder}", f"--window-size={size}", "about:blank"],
            pass_fds=(to_browser, from_browser), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.pending = b""
        self.last = 0
        self.session = None
        self.events = []  # what it has told unasked, for who wants to look
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
            if answer.get("id") == self.last:
                if "error" in answer:
                    sys.exit(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

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

    def open(self, address):
        self.call("Page.navigate", url=address)
        self.wait_for("document.readyState === 'complete' && location.href !== 'about:blank'")

    def press(self, key, code):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code,
                      text="\r" if key == "Enter" and kind == "keyDown" else "")

    def stop(self):
        self.process.kill()
        self.process.wait()
