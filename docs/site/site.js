// docs/site/site.js — the menu of a narrow page, the search, and where the reader is on the page.
// SPDX-License-Identifier: BSL-1.0
"use strict";
const root = document.body.dataset.root;

// ---- the menu ----

const menu = document.querySelector(".menu");
menu.addEventListener("click", () => {
    const open = document.body.classList.toggle("open");
    menu.setAttribute("aria-expanded", open);
});
document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest" });

// ---- the search ----

const input = document.querySelector(".search input");
const list = document.querySelector(".search ol");
let chosen = -1;

// Of an entry: page, address, heading, text. Each word asked for must be there; a heading counts most.
function score(entry, words) {
    const [page, , heading, text] = entry;
    let sum = 0;
    for (const word of words) {
        const title = heading.toLowerCase();
        const start = title.split(/[^\p{L}\p{N}_]+/u).some((w) => w.startsWith(word));
        let points = 0;
        if (title === word || title.endsWith("::" + word)) points = 60;
        else if (start) points = 30;
        else if (title.includes(word)) points = 15;
        else if (page.toLowerCase().includes(word)) points = 8;
        if (text.toLowerCase().includes(word)) points += 3;
        if (points === 0) return 0;
        sum += points;
    }
    return sum - Math.min(heading.length, 60) / 20;
}

function excerpt(text, words) {
    const places = words.map((w) => text.toLowerCase().indexOf(w)).filter((i) => i >= 0);
    const at = places.length > 0 ? Math.max(0, Math.min(...places) - 40) : 0;
    const part = text.slice(at, at + 130);
    return (at > 0 && part ? "… " : "") + part + (at + 130 < text.length ? " …" : "");
}

function show() {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    list.hidden = words.length === 0;
    list.replaceChildren();
    chosen = -1;
    if (words.length === 0) return;
    const found = window.runnelIndex
        .map((entry) => [score(entry, words), entry])
        .filter(([points]) => points > 0)
        .sort((a, b) => b[0] - a[0])
        .slice(0, 20);
    for (const [, [page, address, heading, text]] of found) {
        const link = document.createElement("a");
        link.href = root + address;
        const title = document.createElement("b");
        title.textContent = heading;
        const where = document.createElement("small");
        where.textContent = (page === heading ? "" : page + " · ") + excerpt(text, words);
        link.append(title, where);
        const item = document.createElement("li");
        item.append(link);
        list.append(item);
    }
    if (found.length === 0) {
        const none = document.createElement("li");
        none.className = "none";
        none.textContent = "Nothing found.";
        list.append(none);
    }
}

function choose(step) {
    const links = [...list.querySelectorAll("a")];
    if (links.length === 0) return;
    links[chosen]?.classList.remove("chosen");
    chosen = (chosen + step + links.length) % links.length;
    links[chosen].classList.add("chosen");
    links[chosen].scrollIntoView({ block: "nearest" });
}

function close() {
    list.hidden = true;
    chosen = -1;
}

input.addEventListener("input", show);
input.addEventListener("focus", show);
input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") choose(1);
    else if (event.key === "ArrowUp") choose(chosen < 0 ? 0 : -1);
    else if (event.key === "Enter") {
        const links = list.querySelectorAll("a");
        if (links.length > 0) links[Math.max(chosen, 0)].click();
    } else if (event.key === "Escape") {
        input.value = "";
        close();
        input.blur();
    } else return;
    event.preventDefault();
});
list.addEventListener("click", close);
document.addEventListener("click", (event) => {
    if (!event.target.closest(".search")) close();
});
document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(INPUT|TEXTAREA)$/.test(document.activeElement.tagName)) {
        event.preventDefault();
        input.focus();
    }
});

// ---- where the reader is ----

const entries = [...document.querySelectorAll("aside a")];
const headings = entries.map((a) => document.getElementById(decodeURIComponent(a.hash.slice(1))));
function mark() {
    let at = 0;
    headings.forEach((heading, i) => {
        if (heading.getBoundingClientRect().top < 120) at = i;
    });
    entries.forEach((a, i) => a.classList.toggle("here", i === at));
}
if (entries.length > 0) {
    addEventListener("scroll", mark, { passive: true });
    mark();
}
