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
    service = subprocess.Popen([program, "serve", "--db", folder / "out.db", "--listen", "127.0.0.1:0"],
                               stdout=subprocess.PIPE, text=True)
    browser = None
    try:
        address = service.stdout.readline().split()[-1]
        browser = Browser(chromium, folder / "browser")
        browser.open(address)

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

        (folder / "no.xlsx").write_text("no workbook")
        choose(browser, folder / "no.xlsx")
        browser.evaluate("document.getElementById('form').requestSubmit()")
        browser.wait_for("document.getElementById('says').classList.contains('wrong')")
        expect("what is said of no workbook", browser.evaluate("document.getElementById('says').textContent"),
               "the file is not an .xlsx workbook; 0 rows are committed")
    finally:
        if browser:
            browser.stop()
        service.terminate()
        service.communicate()
    expect("the service's status", service.returncode, 0)

print(f"page: {failures} problems")
sys.exit(1 if failures else 0)
