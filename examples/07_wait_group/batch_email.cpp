// examples/07_wait_group/batch_email.cpp — a batch of mails, all sent at once, and what became of each.
// SPDX-License-Identifier: BSL-1.0
//
//   mail ── goroutine ── SMTP ──┐
//   mail ── goroutine ── SMTP ──┼──> server       wait() returns when the last has been sent, or has failed
//   mail ── goroutine ── SMTP ──┘
//
// In the guide: "Real-World Example: Batch Email Sending". Its sendEmail is left to the reader; here it is a
// dialogue with a server, which the program runs itself unless --port names another. A mail that fails does not keep
// the others, and the caller hears of it: the guide's sendBatchEmails logs its failures and returns nothing.
#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "../common/guide.hpp"
#include "smtp.hpp"

namespace {

using smtp::mail;
using smtp::mailbox;

const std::map<std::string, mailbox> mailboxes{
    {"ada@example.org", mailbox::open},    {"grace@example.org", mailbox::open},
    {"edsger@example.org", mailbox::open}, {"barbara@example.org", mailbox::open},
    {"alan@example.org", mailbox::full},   {"konrad@example.org", mailbox::crashing},
};

// [batch]
/// What kept each mail from being sent; nothing if it was.
std::vector<std::string> send_batch(const runnel::context& ctx, const std::string& server,
                                    const std::vector<mail>& mails) {
    std::vector<std::string> failures(mails.size());
    runnel::wait_group wg;
    for (std::size_t i = 0; i < mails.size(); ++i) {
        wg.go([&, i] {
            try {
                smtp::session with(ctx, server);
                with.send(mails[i]);
                with.quit();
            } catch (const std::exception& e) {
                failures[i] = guide::reason(e);
            }
        });
    }
    wg.wait();
    return failures;
}
// [/batch]

void report(const std::vector<mail>& mails, const std::vector<std::string>& failures) {
    std::size_t sent = 0;
    for (std::size_t i = 0; i < mails.size(); ++i) {
        const char* to = mails[i].to.c_str();
        if (failures[i].empty()) {
            std::printf("email sent to %s\n", to);
            ++sent;
        } else {
            std::printf("failed to send to %s: %s\n", to, failures[i].c_str());
        }
    }
    std::printf("all emails processed: %zu of %zu sent\n", sent, mails.size());
}

}  // namespace

int main(int argc, char** argv) {
    long long port = 0;
    guide::parse(argc, argv, {{"--port", port, 1, 65535}});
    return guide::run([port] {
        const std::size_t base = runnel::num_goroutine();
        {
            std::optional<smtp::sink> own;
            if (port == 0) own.emplace(guide::loopback(0), mailboxes);
            const std::string server = own ? own->address() : guide::loopback(port);
            const auto ctx = runnel::with_timeout(runnel::background(), guide::far_away);
            // A server that is not there is told once, not for each mail.
            smtp::session(ctx, server).quit();

            const std::string from = "shop@example.org";
            const std::vector<mail> mails{
                {from, "ada@example.org", "Your order is on its way.\n"},
                {from, "grace@example.org", "Lines of dots\n.\n..\n... are no end of the mail.\n"},
                {from, "edsger@example.org", "\nAn empty line first, and one last.\n\n"},
                {from, "barbara@example.org", std::string(900, 'x').append("\n")},
                {from, "alan@example.org", "Your order is on its way.\n"},
                {from, "konrad@example.org", "Your order is on its way.\n"},
                {from, "nobody@example.org", "Your order is on its way.\n"},
                {from, "ada@example.org, grace@example.org", "Your order is on its way.\n"},
            };
            const guide::stopwatch watch;
            const auto failures = send_batch(ctx, server, mails);
            guide::note("%.1f ms\n", watch.milliseconds());
            report(mails, failures);

            if (own) {
                std::vector<mail> kept = own->kept();
                std::sort(kept.begin(), kept.end());
                std::vector<mail> expected(mails.begin(), mails.begin() + 4);
                std::sort(expected.begin(), expected.end());
                std::printf("the server has %zu, %s\n", kept.size(),
                            kept == expected ? "word for word" : "but other ones");
            }
        }
        std::printf("goroutines left: %zu\n", guide::left_behind(base));
        return 0;
    });
}
// Output:
// email sent to ada@example.org
// email sent to grace@example.org
// email sent to edsger@example.org
// email sent to barbara@example.org
// failed to send to alan@example.org: 452 mailbox full
// failed to send to konrad@example.org: unexpected end of the stream
// failed to send to nobody@example.org: 550 no such mailbox
// failed to send to ada@example.org, grace@example.org: not an address
// all emails processed: 4 of 8 sent
// the server has 4, word for word
// goroutines left: 0
