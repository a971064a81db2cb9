#!/usr/bin/env python3
# docs/site/look.py — the site in a browser, as wide as a desktop and as a phone: nothing sticks out, the search finds.
# SPDX-License-Identifier: BSL-1.0
#
#   docs/site/look.py SITE CHROMIUM PICTURES     PICTURES: a folder for pictures of some pages, to be looked at
import base64
import pathlib
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests/support"))
from browser import Browser  # noqa: E402

site = pathlib.Path(sys.argv[1]).resolve()
chromium = sys.argv[2]
pictures = pathlib.Path(sys.argv[3])
WIDTHS = {"desktop": 1280, "phone": 390}
SHOWN = ["index.html", "guide/index.html", "guide/05_channels.html", "from_go.html", "recipes.html", "performance.html",
         "reference/index.html", "reference/chan.html", "source/examples/16_next_steps/chat.cpp.html"]

problems = []


def expect(what, seen, wanted):
    if seen != wanted:
        problems.append(f"{what}: {seen!r}, not {wanted!r}")


def look(browser, page, name):
    browser.open((site / page).as_uri())
    browser.wait_for(f"location.pathname.endsWith({page!r}) && document.readyState === 'complete'")
    # Of what is wider than the page only what scrolls by itself may stick out.
    expect(f"{page} on a {name}, wider than the window",
           browser.evaluate("document.documentElement.scrollWidth > innerWidth"), False)
    for event in browser.events:
        if event.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown"):
            problems.append(f"{page} on a {name}: {event['params']}")
    browser.events.clear()


def picture(browser, page, name):
    shot = browser.call("Page.captureScreenshot", format="png")
    (pictures / f"{page.removesuffix('.html').replace('/', '_')}_{name}.png").write_bytes(base64.b64decode(shot["data"]))


def search(browser, words):
    browser.evaluate("document.querySelector('.search input').focus()")
    browser.call("Input.insertText", text=words)
    browser.wait_for("document.querySelectorAll('.search li').length > 0")


pages = sorted(str(file.relative_to(site)) for file in site.rglob("*.html"))
pages = [page for page in pages if not page.startswith("source/") or page in SHOWN]
pictures.mkdir(parents=True, exist_ok=True)
with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
    browser = Browser(chromium, folder)
    try:
        for domain in ("Page", "Log", "Runtime"):
            browser.call(f"{domain}.enable")
        for name, width in WIDTHS.items():
            browser.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1,
                         mobile=name == "phone")
            for page in pages:
                look(browser, page, name)
                if page in SHOWN:
                    picture(browser, page, name)

            look(browser, "guide/05_channels.html", name)
            search(browser, "wait_group")
            expect("the first that is found", browser.evaluate("document.querySelector('.search b').textContent"), "wait_group")
            picture(browser, "search", name)
            browser.press("Enter", 13)
            browser.wait_for("location.pathname.endsWith('reference/wait_group.html') && location.hash === '#wait_group'"
                             " && document.readyState === 'complete'")
            search(browser, "xyzzy")
            expect("what is said of nothing", browser.evaluate("document.querySelector('.search ol').innerText.trim()"),
                   "Nothing found.")

            look(browser, "guide/05_channels.html", name)
            shown = "getComputedStyle(document.querySelector('nav')).display !== 'none'"
            expect(f"the navigation on a {name}, at first", browser.evaluate(shown), name == "desktop")
            if name == "phone":
                browser.evaluate("document.querySelector('.menu').click()")
                expect("the navigation, asked for", browser.evaluate(shown), True)
                picture(browser, "menu", name)
    finally:
        browser.stop()

for problem in problems:
    print(problem)
print(f"look: {len(pages)} pages, as wide as {' and '.join(map(str, WIDTHS.values()))}, {len(problems)} problems; "
      f"pictures are in {pictures}")
sys.exit(1 if problems else 0)
