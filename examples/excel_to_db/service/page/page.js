// examples/excel_to_db/service/page/page.js — uploads, follows the events of the import, compares methods.
// SPDX-License-Identifier: BSL-1.0
'use strict';

const element = (id) => document.getElementById(id);
const numbers = new Intl.NumberFormat('en');
const runs = new Map();    // by workbook, then by method: the last import that was finished
const patience = 15_000;   // milliseconds for a service that has gone to come back
let present = null;        // {id, giveUp} or {request}: what Cancel is about

// ---- 1. choosing ----

const drop = element('drop');
for (const name of ['dragenter', 'dragover']) {
    drop.addEventListener(name, (event) => {
        event.preventDefault();
        drop.classList.add('over');
    });
}
for (const name of ['dragleave', 'drop']) {
    drop.addEventListener(name, () => drop.classList.remove('over'));
}
drop.addEventListener('drop', (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length > 0) element('file').files = event.dataTransfer.files;
});

// ---- 2. showing ----

function say(text, wrong) {
    element('says').textContent = text;
    element('says').classList.toggle('wrong', Boolean(wrong));
}

function showBusy(busy) {
    element('start').disabled = busy;
    element('cancel').disabled = !busy;
}

function showProgress(status) {
    element('bar').value = status.progress;
    const stats = status.stats;
    say(`${numbers.format(stats.total_records)} rows so far, ` +
        `${numbers.format(stats.error_count)} of them rejected`);
}

// Reasons, and how many rows there are for each; the table goes where there are none.
function showCounts(table, counts) {
    table.tBodies[0].replaceChildren(...counts.map((each) => {
        const row = document.createElement('tr');
        const reason = document.createElement('th');
        reason.scope = 'row';
        reason.textContent = each.reason;
        row.append(reason);
        row.insertCell().textContent = numbers.format(each.count);
        return row;
    }));
    table.hidden = counts.length === 0;
}

function showResult(status) {
    const stats = status.stats;
    element('total').textContent = numbers.format(stats.total_records);
    element('success').textContent = numbers.format(stats.success_count);
    element('errors').textContent = numbers.format(stats.error_count);
    element('duration').textContent = stats.duration;
    element('rate').textContent = numbers.format(Math.round(stats.records_per_second));
    showCounts(element('reasons'), status.reasons);
    showCounts(element('warnings'), status.warnings);
    element('rejected-title').hidden = status.rejected.length === 0;
    element('rejected').replaceChildren(...status.rejected.map((each) => {
        const item = document.createElement('li');
        item.textContent = `row ${each.row}: ${each.reason}`;
        return item;
    }));
    const download = element('download');
    download.hidden = stats.error_count === 0;
    download.href = `/imports/${status.id}/errors.csv`;
    element('result').hidden = false;
}

// Of one workbook: another one's times say nothing of a method.
function showComparison(byMethod) {
    const rate = (run) => run.stats.total_records / run.seconds;
    const all = [...byMethod.values()];
    const baseline = byMethod.get('sequential') ??
        all.reduce((slowest, run) => rate(run) < rate(slowest) ? run : slowest);
    const speedUp = (run) => rate(run) / rate(baseline);
    const most = Math.max(...all.map(speedUp));
    element('methods').replaceChildren(...all.map((run) => {
        const row = document.createElement('tr');
        const cells = [run.method, run.stats.duration, numbers.format(Math.round(rate(run))),
                       `${speedUp(run).toFixed(1)}x`];
        for (const text of cells) row.insertCell().textContent = text;
        const bar = document.createElement('div');
        bar.className = 'speed';
        bar.style.width = `${100 * speedUp(run) / most}%`;
        row.insertCell().append(bar);  // the figure beside it says the same
        return row;
    }));
    element('baseline').textContent = `1.0x is ${baseline.method}, all with ${baseline.file}.`;
    element('comparison').hidden = false;
}

// ---- 3. importing ----

const gone = 'the service cannot be reached any more: what has become of the import is not known';

// XMLHttpRequest, since fetch() does not tell how much has been sent.
function upload(file, method) {
    return new Promise((resolve, reject) => {
        const request = new XMLHttpRequest();
        present = {request};
        const body = new FormData();
        body.append('file', file);
        request.upload.onprogress = (event) => {
            if (!event.lengthComputable) return;
            element('bar').value = event.loaded / event.total;
            say(`Uploading, ${Math.round(100 * event.loaded / event.total)}%`);
        };
        request.onload = () => {
            let answer = {};
            try {
                answer = JSON.parse(request.responseText);
            } catch {
                // what stands between here and the service has answered instead
            }
            if (request.status === 202) {
                resolve(answer.id);
            } else {
                reject(new Error(answer.error ?? `the service answers ${request.status}`));
            }
        };
        request.onerror = () => reject(new Error('the service cannot be reached'));
        request.onabort = () => reject(new Error('cancelled'));
        request.open('POST', `/upload?async=1&method=${encodeURIComponent(method)}`);
        request.send(body);
    });
}

function follow(id) {
    return new Promise((resolve, reject) => {
        const events = new EventSource(`/imports/${id}/events`);
        let waiting = null;  // for a connection that has broken
        const giveUp = (why) => {
            clearTimeout(waiting);
            events.close();
            reject(new Error(why));
        };
        present = {id, giveUp};
        events.onopen = () => {
            clearTimeout(waiting);
            waiting = null;
        };
        events.addEventListener('progress', (event) => showProgress(JSON.parse(event.data)));
        events.addEventListener('end', (event) => {
            events.close();
            resolve(JSON.parse(event.data));
        });
        events.onerror = () => {
            if (events.readyState === EventSource.CLOSED) {
                giveUp('the service no longer tells how far the import is');
            } else {
                // The browser tries again by itself, for ever.
                say('The connection to the service is lost; trying again');
                waiting ??= setTimeout(() => giveUp(gone), patience);
            }
        };
    });
}

element('form').addEventListener('submit', async (event) => {
    event.preventDefault();
    const file = element('file').files[0];
    const method = new FormData(element('form')).get('method');
    element('present').hidden = false;
    element('result').hidden = true;
    element('bar').value = 0;
    say('Uploading');
    showBusy(true);
    try {
        const status = await follow(await upload(file, method));
        showResult(status);
        if (status.state === 'finished') {
            element('bar').value = 1;
            say(`Imported ${numbers.format(status.stats.success_count)} rows of ${status.file}`);
            const workbook = `${file.name} ${file.size} ${file.lastModified}`;
            if (!runs.has(workbook)) runs.set(workbook, new Map());
            runs.get(workbook).set(status.method, status);
            showComparison(runs.get(workbook));
        } else {
            say(status.error, true);
        }
    } catch (error) {
        say(error.message, true);
    }
    present = null;
    showBusy(false);
});

element('cancel').addEventListener('click', async () => {
    if (present?.request) present.request.abort();
    if (!present?.id) return;
    const {id, giveUp} = present;
    try {
        await fetch(`/imports/${id}`, {method: 'DELETE'});  // its end comes as an event
    } catch {
        giveUp(gone);
    }
});
