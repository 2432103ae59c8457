// OpenSSL's error queue is empty between our calls: a call that fails has it read and cleared.
#include "server/tls_context.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <array>
#include <utility>

#include "peerzone/base/file.hpp"
#include "peerzone/base/log.hpp"

namespace peerzone::server {
namespace {

using Part = TlsLoad::Part;

// RFC 7858 names no ALPN; RFC 7301's registry has "dot". In wire form.
constexpr std::array<unsigned char, 4> kAlpn = {3, 'd', 'o', 't'};
// Of a client. OpenSSL would take 100 KB from each.
constexpr long kClientChainMax = 32 * 1024;

struct ContextFree {
    void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
};
using Context = std::unique_ptr<SSL_CTX, ContextFree>;

// Why it failed, in OpenSSL's words: its first complaint, for the later ones only say where.
std::string reason() {
    const unsigned long code = ERR_peek_error();
    const char* text = ERR_reason_error_string(code);
    std::string said = text != nullptr ? text : "error " + std::to_string(code);
    ERR_clear_error();
    return said;
}

std::string quoted(const std::string& file) {
    return "'" + file + "'";
}

// A client that names protocols, dns over TLS not among them, has come to the wrong door
// (RFC 7301 3.2). One that names none is welcome.
int choose_alpn(SSL* /*session*/, const unsigned char** chosen, unsigned char* chosen_size,
                const unsigned char* offered, unsigned offered_size, void* /*unused*/) {
    unsigned char* found = nullptr;
    const int result = SSL_select_next_proto(&found, chosen_size, kAlpn.data(), kAlpn.size(),
                                             offered, offered_size);
    *chosen = found;
    return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

// There is no operator to type a passphrase.
int no_passphrase(char* /*out*/, int /*size*/, int /*writes*/, void* was_asked) {
    *static_cast<bool*>(was_asked) = true;
    return -1;
}

void set_rules(SSL_CTX* context) {
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);  // RFC 8310 9
    // RFC 9325: forward secrecy and AEAD only. AES-128 first: the cheapest, and long enough.
    SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20");
    SSL_CTX_set_ciphersuites(
        context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256");
    // Clients close without saying so; frames have their length, so nothing can be cut unseen.
    SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                     SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_IGNORE_UNEXPECTED_EOF);
    // Partial writes: the session counts what went. Released buffers: an idle connection costs no
    // 32 KiB. No auto retry: a client that sends nothing but key updates gets its turn, not all.
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_read_ahead(context, 1);  // many small records with one read
    SSL_CTX_set_max_cert_list(context, kClientChainMax);
    SSL_CTX_set_alpn_select_cb(context, choose_alpn, nullptr);
    // Resumption by tickets alone: nothing is kept here, and every worker can open them.
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    constexpr unsigned char kIdContext[] = "peerzone";
    SSL_CTX_set_session_id_context(context, kIdContext, sizeof kIdContext - 1);
    SSL_CTX_set_num_tickets(context, 1);
}

// OpenSSL would wait for a FIFO's writer: what it opens by name is a regular file.
bool can_be_read(const std::string& file, std::string& problem) {
    const Result<Fd> opened = open_file(file);
    if (!opened) problem = quoted(file) + " cannot be read: " + opened.error().message;
    return opened.has_value();
}

bool use_certificate(SSL_CTX* context, const TlsOptions& options, TlsLoad& result) {
    result.part = Part::certificate;
    if (!can_be_read(options.certificate, result.problem)) return false;
    if (SSL_CTX_use_certificate_chain_file(context, options.certificate.c_str()) == 1) return true;
    result.problem = quoted(options.certificate) + " holds no usable certificate: " + reason();
    return false;
}

bool use_key(SSL_CTX* context, const TlsOptions& options, TlsLoad& result) {
    result.part = Part::key;
    if (!can_be_read(options.key, result.problem)) return false;
    bool is_encrypted = false;
    SSL_CTX_set_default_passwd_cb(context, no_passphrase);
    SSL_CTX_set_default_passwd_cb_userdata(context, &is_encrypted);
    if (SSL_CTX_use_PrivateKey_file(context, options.key.c_str(), SSL_FILETYPE_PEM) == 1 &&
        SSL_CTX_check_private_key(context) == 1)
        return true;
    const unsigned long code = ERR_peek_error();
    const int why = ERR_GET_REASON(code);
    if (ERR_GET_LIB(code) == ERR_LIB_X509 &&
        (why == X509_R_KEY_VALUES_MISMATCH || why == X509_R_KEY_TYPE_MISMATCH)) {
        result.problem = quoted(options.key) + " is not the key of the certificate " +
                         quoted(options.certificate);
    } else if (is_encrypted) {
        result.problem = quoted(options.key) + " is encrypted: write it without a passphrase";
    } else {
        result.problem = quoted(options.key) + " holds no usable key: " + reason();
    }
    ERR_clear_error();
    return false;
}

bool use_client_ca(SSL_CTX* context, const TlsOptions& options, TlsLoad& result) {
    if (options.client_ca.empty()) return true;
    result.part = Part::client_ca;
    if (!can_be_read(options.client_ca, result.problem)) return false;
    STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(options.client_ca.c_str());
    if (names == nullptr || SSL_CTX_load_verify_file(context, options.client_ca.c_str()) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        result.problem = quoted(options.client_ca) + " holds no usable certificate: " + reason();
        return false;
    }
    SSL_CTX_set_client_CA_list(context, names);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    return true;
}

template <class Print>
std::string printed(Print print) {
    BIO* out = BIO_new(BIO_s_mem());
    if (out == nullptr) return "";
    print(out);
    char* text = nullptr;
    const long size = BIO_get_mem_data(out, &text);
    std::string result(text, size > 0 ? static_cast<std::size_t>(size) : 0);
    BIO_free(out);
    return result;
}

void describe(SSL_CTX* context, TlsLoad& result) {
    const X509* certificate = SSL_CTX_get0_certificate(context);
    if (certificate == nullptr) return;
    const ASN1_TIME* until = X509_get0_notAfter(certificate);
    result.subject = printed([&](BIO* out) {
        X509_NAME_print_ex(out, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
    });
    result.expires_at = printed([&](BIO* out) { ASN1_TIME_print(out, until); });
    if (X509_cmp_current_time(until) < 0)
        result.warning = "the certificate has expired: strict clients will refuse it";
    else if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0)
        result.warning = "the certificate is not valid yet: strict clients will refuse it";
}

}  // namespace

void SslFree::operator()(ssl_st* session) const noexcept {
    SSL_free(session);
}

TlsContext::~TlsContext() {
    SSL_CTX_free(context_);
}

SslSession TlsContext::new_session(bio_st* bio) const noexcept {
    SslSession session(bio != nullptr ? SSL_new(context_) : nullptr);
    if (session == nullptr) {
        BIO_free(bio);
        ERR_clear_error();
        return nullptr;
    }
    SSL_set_bio(session.get(), bio, bio);
    SSL_set_accept_state(session.get());
    return session;
}

TlsLoad load_tls(const TlsOptions& options) {
    TlsLoad result;
    Context context(SSL_CTX_new(TLS_server_method()));
    if (context == nullptr) {
        result.problem = "TLS cannot be set up: " + reason();
        return result;
    }
    set_rules(context.get());
    if (!use_certificate(context.get(), options, result) ||
        !use_key(context.get(), options, result) || !use_client_ca(context.get(), options, result))
        return result;
    describe(context.get(), result);
    result.context = std::make_shared<const TlsContext>(context.release());
    ERR_clear_error();
    return result;
}

TlsFiles::Stamp TlsFiles::stamp_of(const std::string& file) {
    struct stat found {};
    if (file.empty() || ::stat(file.c_str(), &found) != 0) return {};
    return {found.st_dev, found.st_ino, found.st_size,
            found.st_mtim.tv_sec * 1'000'000'000 + found.st_mtim.tv_nsec};
}

bool TlsFiles::look(const TlsOptions& options, Time now) {
    // Looked at before they are read: what changes meanwhile is seen the next time.
    std::vector<Stamp> stamps = {stamp_of(options.certificate), stamp_of(options.key),
                                 stamp_of(options.client_ca)};
    if (options == options_ && stamps == stamps_ && !is_old(now)) return false;
    options_ = options;
    stamps_ = std::move(stamps);
    TlsLoad loaded = load_tls(options);
    made_at_ = now;  // files that do not work are not tried all the time
    if (loaded.context == nullptr) {
        log::error(
            "tls certificate refused",
            {{"why", loaded.problem}, {"serving", context_ != nullptr ? "the old one" : "no TLS"}});
        return false;
    }
    if (!loaded.warning.empty())
        log::warning("tls certificate", {{"file", options.certificate}, {"why", loaded.warning}});
    log::info("tls certificate loaded", {{"file", options.certificate},
                                         {"subject", loaded.subject},
                                         {"expires", loaded.expires_at}});
    context_ = std::move(loaded.context);
    return true;
}

}  // namespace peerzone::server
