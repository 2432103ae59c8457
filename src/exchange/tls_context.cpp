// Files are read whole before anything is made of them, so that a check and the context see the
// same octets, and nothing of OpenSSL waits on a terminal or a pipe.
#include "exchange/tls_context.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <optional>

#include "exchange/tls_session.hpp"
#include "peerzone/base/file.hpp"

namespace peerzone::exchange {
namespace {

template <auto Free>
struct Freed {
    template <class T>
    void operator()(T* object) const noexcept {
        Free(object);
    }
};
using BioPtr = std::unique_ptr<BIO, Freed<BIO_free>>;
using CertificatePtr = std::unique_ptr<X509, Freed<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;

struct Contents {
    std::string ca, certificate, key;
};

std::string openssl_reason() {
    const char* text = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return text == nullptr ? "it is refused" : text;
}

BioPtr memory(const std::string& text) {
    return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// An encrypted key is an error: there is nobody to ask.
int no_password(char* /*buffer*/, int /*size*/, int /*writing*/, void* asked) {
    *static_cast<bool*>(asked) = true;
    return -1;
}

class Maker {
public:
    Maker(const TlsOptions& options, std::vector<TlsProblem>& problems)
        : options_(options), problems_(problems), before_(problems.size()) {}

    bool read();
    TlsContext::Digest digest() const;
    std::shared_ptr<SSL_CTX> make(bool with_system_store);

private:
    bool fine() const { return problems_.size() == before_; }
    void problem(std::string_view key, std::string message) {
        problems_.push_back({key, std::move(message)});
    }
    void read(std::string_view key, const std::string& path, std::string& out);
    void add_authorities(SSL_CTX& ssl);
    void add_certificate(SSL_CTX& ssl);
    void add_key(SSL_CTX& ssl);

    const TlsOptions& options_;
    std::vector<TlsProblem>& problems_;
    std::size_t before_;
    Contents contents_;
};

void Maker::read(std::string_view key, const std::string& path, std::string& out) {
    if (path.empty()) return;
    auto text = read_file(path, kTlsFileBytesMax);
    if (text) {
        out = std::move(*text);
    } else {
        problem(key, "'" + path + "' cannot be read: " + text.error().message);
    }
}

bool Maker::read() {
    read("ca", options_.ca, contents_.ca);
    read("certificate", options_.certificate, contents_.certificate);
    read("key", options_.key, contents_.key);
    return fine();
}

TlsContext::Digest Maker::digest() const {
    std::string all;
    for (const std::string* text : {&contents_.ca, &contents_.certificate, &contents_.key})
        all.append(std::to_string(text->size())).append(":").append(*text);
    TlsContext::Digest digest{};
    EVP_Digest(all.data(), all.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
    return digest;
}

void Maker::add_authorities(SSL_CTX& ssl) {
    X509_STORE* store = SSL_CTX_get_cert_store(&ssl);
    const BioPtr bio = memory(contents_.ca);
    std::size_t count = 0;
    while (const CertificatePtr one{PEM_read_bio_X509_AUX(bio.get(), nullptr, nullptr, nullptr)}) {
        X509_STORE_add_cert(store, one.get());
        ++count;
    }
    // "No start line" is how the end of a PEM file looks.
    const bool ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    const std::string why = openssl_reason();
    if (count == 0 && ended) {
        problem("ca", "'" + options_.ca + "' holds no certificate in PEM form");
    } else if (!ended) {
        problem("ca", "'" + options_.ca + "' is damaged after " + std::to_string(count) +
                          " certificates: " + why);
    }
    // What stands in the file is believed, an intermediate CA too.
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(&ssl), X509_V_FLAG_PARTIAL_CHAIN);
}

void Maker::add_certificate(SSL_CTX& ssl) {
    const BioPtr bio = memory(contents_.certificate);
    const CertificatePtr own(PEM_read_bio_X509_AUX(bio.get(), nullptr, nullptr, nullptr));
    if (own == nullptr) {
        ERR_clear_error();
        problem("certificate", "'" + options_.certificate + "' holds no certificate in PEM form");
        return;
    }
    if (SSL_CTX_use_certificate(&ssl, own.get()) != 1)
        problem("certificate", "'" + options_.certificate + "': " + openssl_reason());
    while (const CertificatePtr next{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)})
        SSL_CTX_add1_chain_cert(&ssl, next.get());
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        problem("certificate", "'" + options_.certificate +
                                   "' is damaged after its first certificate: " + openssl_reason());
    ERR_clear_error();
}

void Maker::add_key(SSL_CTX& ssl) {
    const BioPtr bio = memory(contents_.key);
    bool asked = false;
    const KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, &no_password, &asked));
    ERR_clear_error();
    if (key == nullptr) {
        problem("key", "'" + options_.key +
                           (asked ? "' is encrypted" : "' holds no private key in PEM form"));
        return;
    }
    if (!fine()) return;
    if (SSL_CTX_use_PrivateKey(&ssl, key.get()) != 1 || SSL_CTX_check_private_key(&ssl) != 1) {
        ERR_clear_error();
        problem("key", "'" + options_.key + "' is not the key of '" + options_.certificate + "'");
    }
}

std::shared_ptr<SSL_CTX> Maker::make(bool with_system_store) {
    ERR_clear_error();
    std::shared_ptr<SSL_CTX> ssl(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
    if (ssl == nullptr) {
        problem("ca", "OpenSSL: " + openssl_reason());
        return nullptr;
    }
    if (!options_.ca.empty()) add_authorities(*ssl);
    if (options_.ca.empty() && with_system_store) SSL_CTX_set_default_verify_paths(ssl.get());
    if (!options_.certificate.empty()) add_certificate(*ssl);
    if (!options_.key.empty()) add_key(*ssl);
    if (!fine()) return nullptr;
    TlsSession::configure(*ssl);
    return ssl;
}

}  // namespace

std::shared_ptr<TlsContext> make_tls_context(const TlsOptions& options, bool with_system_store,
                                             const std::shared_ptr<TlsContext>& known,
                                             std::vector<TlsProblem>& problems) {
    Maker maker(options, problems);
    if (!maker.read()) return nullptr;
    const TlsContext::Digest digest = maker.digest();
    if (known != nullptr && known->files == digest) return known;
    std::shared_ptr<SSL_CTX> ssl = maker.make(with_system_store);
    if (ssl == nullptr) return nullptr;
    auto context = std::make_shared<TlsContext>();
    context->ssl = std::move(ssl);
    context->files = digest;
    context->has_certificate = !options.certificate.empty();
    return context;
}

std::vector<TlsProblem> check_tls(const TlsOptions& options) {
    std::vector<TlsProblem> problems;
    make_tls_context(options, false, nullptr, problems);
    return problems;
}

}  // namespace peerzone::exchange
