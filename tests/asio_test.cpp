// tests/asio_test.cpp — Asio's, Beast's and OpenSSL's synchronous algorithms over a connection of goroutines.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/asio.hpp>

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>

#include <runnel/future.hpp>
#include <runnel/go.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/connections.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
namespace ssl = asio::ssl;
using runnel::asio_stream;

static_assert(beast::is_sync_stream<asio_stream>::value);
static_assert(beast::has_get_executor<asio_stream>::value);

struct asio_pair {
    asio_stream client;
    asio_stream server;
};
asio_pair make_pair() {
    test::connection c = test::make_connection();
    return {asio_stream(std::move(c.a)), asio_stream(std::move(c.b))};
}

// ---- Asio ----

TEST_CASE("Asio's algorithms park the goroutine", "[asio]") {
    test::expectations expected;
    test::on_workers([&] {
        asio_pair p = make_pair();
        auto reader = runnel::async([&] {
            std::string line;
            asio::read_until(p.server, asio::dynamic_buffer(line), '\n');
            return line;
        });
        expected.check(test::wait_parked(1, "IO wait"), "parks");
        // Several buffers, some of them empty.
        const std::array<asio::const_buffer, 4> parts = {
            asio::buffer("", 0), asio::buffer("one ", 4), asio::buffer("", 0),
            asio::buffer("line\n", 5)};
        expected.check_eq(asio::write(p.client, parts), 9U, "all of it");
        expected.check_eq(reader.get(), "one line\n"s, "read");

        std::string a(3, '\0');
        std::string b(200'000, '\0');
        auto writer = runnel::async(
            [&] { return asio::write(p.client, asio::buffer(std::string(200'003, 'x'))); });
        const std::array<asio::mutable_buffer, 2> into = {asio::buffer(a), asio::buffer(b)};
        expected.check_eq(asio::read(p.server, into), 200'003U, "full");
        expected.check(a == "xxx" && b == std::string(200'000, 'x'), "into both");
        expected.check_eq(writer.get(), 200'003U, "written");

        // More pieces than one system call takes.
        std::vector<asio::const_buffer> many(50, asio::buffer("y", 1));
        expected.check_eq(asio::write(p.client, many), 50U, "all of them");
        expected.check_eq(asio::read(p.server, asio::buffer(b, 50)), 50U, "read");
    });
    expected.verify();
}

TEST_CASE("errors are those that Asio's algorithms know", "[asio]") {
    asio_pair p = make_pair();
    boost::system::error_code e;
    std::array<char, 4> four{};
    CHECK(p.client.read_some(asio::mutable_buffer(), e) == 0);
    CHECK(!e);
    CHECK(p.client.write_some(asio::const_buffer(), e) == 0);
    CHECK(!e);
    p.client.connection().set_deadline(runnel::clock::now() - 1s);
    p.client.read_some(asio::buffer(four), e);
    CHECK(e == asio::error::timed_out);
    p.client.connection().set_deadline({});
    p.server.close();
    p.client.read_some(asio::buffer(four), e);
    CHECK(e == asio::error::eof);
    CHECK_THROWS_AS(p.client.read_some(asio::buffer(four)), boost::system::system_error);
    CHECK(p.client.is_open());
    p.client.close(e);
    CHECK(!e);
    p.client.write_some(asio::buffer(four), e);
    CHECK(e == asio::error::bad_descriptor);
    CHECK_THROWS_AS(p.client.write_some(asio::buffer(four)), boost::system::system_error);
    p.client.close(e);
    CHECK(e == asio::error::bad_descriptor);
    CHECK_THROWS_AS(p.client.close(), boost::system::system_error);
    CHECK(&p.client.lowest_layer() == &beast::get_lowest_layer(p.client));
}

// ---- Beast ----

using text_request = http::request<http::string_body>;
using text_response = http::response<http::string_body>;

template <class Stream>
void serve_one(Stream& s) {
    beast::flat_buffer buffer;
    text_request request;
    http::read(s, buffer, request);
    text_response response{http::status::ok, request.version()};
    response.set(http::field::content_type, "text/plain");
    response.body() = std::string(request.target()) + " " + request.body();
    response.prepare_payload();
    http::write(s, response);
}
template <class Stream>
std::string ask_for(Stream& s, const std::string& target, const std::string& body,
                    bool chunked = false) {
    text_request request{http::verb::post, target, 11};
    request.set(http::field::host, "here");
    request.body() = body;
    if (chunked)
        request.chunked(true);
    else
        request.prepare_payload();
    http::write(s, request);
    beast::flat_buffer buffer;
    text_response response;
    http::read(s, buffer, response);
    return response.result() == http::status::ok ? response.body() : "no";
}

TEST_CASE("Beast's HTTP goes over it", "[asio][http]") {
    test::expectations expected;
    test::on_workers([&] {
        asio_pair p = make_pair();
        const std::string large(300'000, 'b');
        runnel::wait_group wg;
        wg.go([&] {
            for (int i = 0; i < 3; ++i) serve_one(p.server);
            p.server.close();
        });
        expected.check_eq(ask_for(p.client, "/a", "hello"), "/a hello"s, "answered");
        expected.check_eq(ask_for(p.client, "/b", "in pieces", true), "/b in pieces"s, "answered");
        expected.check(ask_for(p.client, "/c", large) == "/c " + large, "a large one");
        wg.wait();
        beast::flat_buffer buffer;
        text_response response;
        boost::system::error_code e;
        http::read(p.client, buffer, response, e);
        expected.check(e == http::error::end_of_stream, "the end of the stream is known");
    });
    expected.verify();
}

template <class Next>
void echo_messages(websocket::stream<Next>& ws) {
    ws.accept();
    for (;;) {
        beast::flat_buffer message;
        boost::system::error_code e;
        ws.read(message, e);
        if (e == websocket::error::closed) return;
        if (e) throw boost::system::system_error(e);
        ws.text(ws.got_text());
        ws.write(message.data());
    }
}
template <class Next>
std::string exchange_message(websocket::stream<Next>& ws, const std::string& text) {
    ws.write(asio::buffer(text));
    beast::flat_buffer answer;
    ws.read(answer);
    return beast::buffers_to_string(answer.data());
}

TEST_CASE("Beast's WebSocket goes over it", "[asio][websocket]") {
    test::expectations expected;
    test::on_workers([&] {
        test::connection c = test::make_connection();
        runnel::wait_group wg;
        wg.go([&] {
            websocket::stream<asio_stream> ws(std::move(c.b));
            echo_messages(ws);
        });
        websocket::stream<asio_stream> ws(std::move(c.a));
        ws.handshake("here", "/chat");
        expected.check_eq(exchange_message(ws, "hello"), "hello"s, "echoed");
        const std::string large(500'000, 'w');
        expected.check(exchange_message(ws, large) == large, "a large one");
        ws.close(websocket::close_code::normal);
        wg.wait();
    });
    expected.verify();
}

// ---- TLS ----

template <auto Free>
struct freed_by {
    template <class T>
    void operator()(T* p) const {
        Free(p);
    }
};
using key_pointer = std::unique_ptr<EVP_PKEY, freed_by<&EVP_PKEY_free>>;
using certificate_pointer = std::unique_ptr<X509, freed_by<&X509_free>>;

// A key of its own, and a certificate for "localhost" signed by it.
struct identity {
    key_pointer key{EVP_EC_gen("P-256")};
    certificate_pointer certificate{X509_new()};

    identity() {
        X509* x = certificate.get();
        X509_set_version(x, 2);
        ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
        X509_gmtime_adj(X509_getm_notBefore(x), -3600);
        X509_gmtime_adj(X509_getm_notAfter(x), 3600);
        X509_set_pubkey(x, key.get());
        X509_NAME* name = X509_get_subject_name(x);
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                   reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
        X509_set_issuer_name(x, name);
        X509_sign(x, key.get(), EVP_sha256());
    }
};

struct tls_contexts {
    identity who;
    ssl::context server{ssl::context::tls_server};
    ssl::context client{ssl::context::tls_client};

    tls_contexts() {
        SSL_CTX_use_certificate(server.native_handle(), who.certificate.get());
        SSL_CTX_use_PrivateKey(server.native_handle(), who.key.get());
        client.set_verify_mode(ssl::verify_peer);
    }
    void trust() {
        X509_STORE_add_cert(SSL_CTX_get_cert_store(client.native_handle()), who.certificate.get());
    }
};

TEST_CASE("TLS goes over it, and HTTP over that", "[asio][tls]") {
    test::expectations expected;
    tls_contexts tls;
    tls.trust();
    test::on_workers([&] {
        test::connection c = test::make_connection();
        runnel::wait_group wg;
        wg.go([&] {
            ssl::stream<asio_stream> s(asio_stream(std::move(c.b)), tls.server);
            s.handshake(ssl::stream_base::server);
            serve_one(s);
            serve_one(s);
            boost::system::error_code e;
            s.shutdown(e);
        });
        ssl::stream<asio_stream> s(asio_stream(std::move(c.a)), tls.client);
        s.handshake(ssl::stream_base::client);
        expected.check_eq(ask_for(s, "/secret", "hello"), "/secret hello"s, "answered");
        const std::string large(200'000, 't');
        expected.check(ask_for(s, "/", large) == "/ " + large, "a large one");
        boost::system::error_code e;
        s.shutdown(e);
        wg.wait();
        expected.check(!s.lowest_layer().connection().remote_endpoint().to_string().empty(),
                       "the connection is below");
    });
    expected.verify();
}

TEST_CASE("TLS refuses whom it does not trust", "[asio][tls]") {
    test::expectations expected;
    tls_contexts tls;
    test::on_workers([&] {
        test::connection c = test::make_connection();
        runnel::wait_group wg;
        wg.go([&] {
            ssl::stream<asio_stream> s(asio_stream(std::move(c.b)), tls.server);
            boost::system::error_code e;
            s.handshake(ssl::stream_base::server, e);
            std::array<char, 1> one{};
            if (!e) s.read_some(asio::buffer(one), e);
            expected.check(static_cast<bool>(e), "the server learns of it");
        });
        {
            ssl::stream<asio_stream> s(asio_stream(std::move(c.a)), tls.client);
            boost::system::error_code e;
            s.handshake(ssl::stream_base::client, e);
            expected.check(e.category() == asio::error::get_ssl_category(), "not trusted");
        }
        wg.wait();
    });
    expected.verify();
}

TEST_CASE("a WebSocket goes over TLS", "[asio][tls][websocket]") {
    test::expectations expected;
    tls_contexts tls;
    tls.trust();
    test::on_workers([&] {
        test::connection c = test::make_connection();
        runnel::wait_group wg;
        using secure = ssl::stream<asio_stream>;
        wg.go([&] {
            websocket::stream<secure> ws(asio_stream(std::move(c.b)), tls.server);
            ws.next_layer().handshake(ssl::stream_base::server);
            echo_messages(ws);
        });
        websocket::stream<secure> ws(asio_stream(std::move(c.a)), tls.client);
        ws.next_layer().handshake(ssl::stream_base::client);
        ws.handshake("here", "/chat");
        expected.check_eq(exchange_message(ws, "hello"), "hello"s, "echoed");
        boost::system::error_code e;
        ws.close(websocket::close_code::normal, e);
        wg.wait();
    });
    expected.verify();
}

}  // namespace
