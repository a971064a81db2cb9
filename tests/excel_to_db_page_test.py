#!/usr/bin/env python3
# tests/excel_to_db_page_test.py — the service's page in a browser: a workbook is chosen, imported and counted.
# SPDX-License-Identifier: BSL-1.0
#
#   tests/excel_to_db_page_test.py PROGRAM CHROMIUM
import pathlib
import subprocess
import sys
import tempfile
import zipfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "support"))
from browser import Browser  # noqa: E402

program, chromium = sys.argv[1:3]


def choose(browser, file):
    root = browser.call("DOM.getDocument")["root"]["nodeId"]
    node = browser.call("DOM.querySelector", nodeId=root, selector="#file")["nodeId"]
    browser.call("DOM.setFileInputFiles", nodeId=node, files=[str(file)])


# A workbook with these rows, and no more to it than is needed.
def write_book(file, rows):
    def row(cells):
        return "<row>" + "".join(f'<c t="inlineStr"><is><t>{cell}</t></is></c>' for cell in cells) + "</row>"

    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    relation = '<Relationships><Relationship Id="r1" Type="{}/{}" Target="{}"/></Relationships>'
    parts = {
        "_rels/.rels": relation.format(office, "officeDocument", "xl/workbook.xml"),
        "xl/workbook.xml": f'<workbook xmlns:r="{office}"><sheets><sheet name="Data" sheetId="1" r:id="r1"/></sheets>'
                           "</workbook>",
        "xl/_rels/workbook.xml.rels": relation.format(office, "worksheet", "sheet.xml"),
        "xl/sheet.xml": f"<worksheet><sheetData>{''.join(map(row, rows))}</sheetData></worksheet>",
    }
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


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

    def serve(listen):
        started = subprocess.Popen([program, "serve", "--db", folder / "out.db", "--listen", listen],
                                   stdout=subprocess.PIPE, text=True)
        return started, started.stdout.readline().split()[-1]

    service, address = serve("127.0.0.1:0")
    browser = None
    try:
        browser = Browser(chromium, folder / "browser")
        browser.open(address)

        # All that is said, in its order.
        browser.evaluate("window.said = []; new MutationObserver(() =>"
                         " said.push(document.getElementById('says').textContent))"
                         ".observe(document.getElementById('says'), {childList: true})")
        methods = browser.evaluate("[...document.querySelectorAll('[name=method]')].map((each) => each.value)")
        expect("the first method", methods[0], "sequential")
        for count, method in enumerate(methods, 1):
            choose(browser, book)
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
        expect("progress is told", browser.evaluate("said.some((text) => /rows so far/.test(text))"), True)

        rows = browser.evaluate(
            "(() => { const r = new XMLHttpRequest(); r.open('GET', document.getElementById('download').href, false);"
            " r.send(); return r.responseText.split('\\n').length; })()")
        expect("lines of the rejected rows", rows, 15)  # a header, 13 rows, and nothing after the last line's end
        expect("room to the side", browser.evaluate("document.documentElement.scrollWidth > innerWidth"), False)

        # Shown, by reason, are those of the last import.
        def counts(table):
            return browser.evaluate(
                f"document.getElementById('{table}').hidden ? null : [...document.querySelectorAll('#{table} tbody tr')]"
                ".map((row) => [...row.cells].map((cell) => cell.textContent))")

        expect("reasons", counts("reasons"), [["insufficient columns", "13"]])
        expect("warnings", counts("warnings"), None)
        titles = ["Name", "Category", "Phone", "Email", "Address", "City", "Country", "Website", "Description"]
        contact = ["n", "", "", "no address", "", "", "", "x.y", ""]
        write_book(folder / "odd.xlsx", [titles, contact, contact, contact[:7] + ["nowhere", ""]])
        choose(browser, folder / "odd.xlsx")
        browser.evaluate("document.getElementById('form').requestSubmit()")
        browser.wait_for("document.getElementById('total').textContent === '3'")
        expect("reasons of odd rows", counts("reasons"), None)
        expect("warnings of odd rows", counts("warnings"),
               [["the email is not an address", "3"], ["the website is not a URL", "1"]])
        expect("room to the side of warnings", browser.evaluate("document.documentElement.scrollWidth > innerWidth"),
               False)

        # Times of another workbook are not compared with these.
        expect("the workbooks compared", browser.evaluate("document.querySelectorAll('#methods tr').length"), 1)
        expect("the one compared", browser.evaluate("document.getElementById('baseline').textContent"),
               f"1.0x is {methods[-1]}, all with odd.xlsx.")

        # By the keyboard alone: from the file to the methods, from one to the next, to the button.
        browser.evaluate("document.getElementById('file').focus()")
        browser.press("Tab", 9)
        browser.press("ArrowDown", 40)
        expect("the next method", browser.evaluate("document.querySelector('[name=method]:checked').value"), methods[0])
        browser.press("Tab", 9)
        expect("what comes behind the methods", browser.evaluate("document.activeElement.id"), "start")

        # A file that is dropped is the one that is chosen.
        browser.evaluate("""{
            const data = new DataTransfer();
            data.items.add(new File(['no workbook'], 'dropped.xlsx'));
            for (const kind of ['dragenter', 'dragover', 'drop']) {
                const event = new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true});
                document.getElementById('drop').dispatchEvent(event);
                window.refused = event.defaultPrevented;  // else the browser would open the file
            }
        }""")
        expect("the file dropped", browser.evaluate("document.getElementById('file').files[0].name"), "dropped.xlsx")
        expect("the browser keeps from it", browser.evaluate("refused"), True)

        # More rows than are imported before somebody cancels.
        subprocess.run([program, "generate", folder / "long.xlsx", "--rows", "300000"], check=True,
                       stdout=subprocess.DEVNULL)

        def start_long():
            choose(browser, folder / "long.xlsx")
            browser.evaluate("document.querySelector('[value=sequential]').click();"
                             "document.getElementById('form').requestSubmit()")
            browser.wait_for("/rows so far/.test(document.getElementById('says').textContent)")

        start_long()
        browser.evaluate("document.getElementById('cancel').focus()")
        browser.press("Enter", 13)
        browser.wait_for("!document.getElementById('start').disabled")
        says = browser.evaluate("document.getElementById('says').textContent")
        expect(f"what is said of a cancelled import: {says}", says.startswith("the import was cancelled; "), True)
        expect("nothing to cancel", browser.evaluate("document.getElementById('cancel').disabled"), True)

        (folder / "no.xlsx").write_text("no workbook")
        choose(browser, folder / "no.xlsx")
        browser.evaluate("document.getElementById('form').requestSubmit()")
        browser.wait_for("document.getElementById('says').classList.contains('wrong')")
        expect("what is said of no workbook", browser.evaluate("document.getElementById('says').textContent"),
               "the file is not an .xlsx workbook; 0 rows are committed")

        # The service goes for good: Cancel ends the waiting, and so does time.
        start_long()
        service.kill()
        service.wait()
        browser.evaluate("document.getElementById('cancel').click()")
        browser.wait_for("!document.getElementById('start').disabled")
        lost = "the service cannot be reached any more: what has become of the import is not known"
        expect("what is said of a service that has gone", browser.evaluate("document.getElementById('says').textContent"),
               lost)
        service, address = serve(address.split("//")[1])
        start_long()
        service.kill()
        service.wait()
        browser.wait_for("!document.getElementById('start').disabled")
        expect("what is said of it after a while", browser.evaluate("document.getElementById('says').textContent"), lost)
        service, address = serve("127.0.0.1:0")
    finally:
        if browser:
            browser.stop()
        service.terminate()
        service.communicate()
    expect("the service's status", service.returncode, 0)

print(f"page: {failures} problems")
sys.exit(1 if failures else 0)
