// Certificates made when a test needs them, in a folder of its own.
#pragma once

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

namespace peerzone::server::test {

class Folder {
public:
    Folder() {
        std::string name =
            (std::filesystem::temp_directory_path() / "peerzone-tls-XXXXXX").string();
        EXPECT_NE(::mkdtemp(name.data()), nullptr);
        path_ = name;
    }
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    std::string file(const std::string& name) const { return path_ / name; }

private:
    std::filesystem::path path_;
};

struct Validity {
    long from_seconds = -3600;  // from now
    long to_seconds = 3600;
};

/// A key and its certificate, signed by another or by itself.
class Identity {
public:
    explicit Identity(const std::string& name, const Identity* issuer = nullptr,
                      Validity validity = {})
        : key_(EVP_EC_gen("P-256"), EVP_PKEY_free), certificate_(X509_new(), X509_free) {
        static long serial = 0;
        X509* made = certificate_.get();
        X509_set_version(made, 2);
        ASN1_INTEGER_set(X509_get_serialNumber(made), ++serial);
        X509_gmtime_adj(X509_getm_notBefore(made), validity.from_seconds);
        X509_gmtime_adj(X509_getm_notAfter(made), validity.to_seconds);
        X509_set_pubkey(made, key_.get());
        X509_NAME* subject = X509_get_subject_name(made);
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                   reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
        const Identity& signer = issuer != nullptr ? *issuer : *this;
        X509_set_issuer_name(made, X509_get_subject_name(signer.certificate_.get()));
        add(NID_basic_constraints, issuer == nullptr ? "critical,CA:TRUE" : "CA:FALSE");
        if (issuer != nullptr) add(NID_subject_alt_name, "DNS:" + name);
        EXPECT_GT(X509_sign(made, signer.key_.get(), EVP_sha256()), 0);
    }

    void write_certificate(const std::string& file) const {
        write(file, [&](std::FILE* out) { return PEM_write_X509(out, certificate_.get()); });
    }
    void write_key(const std::string& file, const char* passphrase = nullptr) const {
        write(file, [&](std::FILE* out) {
            return PEM_write_PKCS8PrivateKey(out, key_.get(),
                                             passphrase ? EVP_aes_128_cbc() : nullptr, passphrase,
                                             passphrase ? 4 : 0, nullptr, nullptr);
        });
    }
    X509* certificate() const { return certificate_.get(); }
    EVP_PKEY* key() const { return key_.get(); }

private:
    void add(int kind, const std::string& value) {
        X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str());
        ASSERT_NE(extension, nullptr);
        X509_add_ext(certificate_.get(), extension, -1);
        X509_EXTENSION_free(extension);
    }
    // As a mounted Secret does: the new file takes the old one's place.
    template <class Print>
    static void write(const std::string& file, Print print) {
        const std::string fresh = file + ".new";
        std::FILE* out = std::fopen(fresh.c_str(), "we");
        ASSERT_NE(out, nullptr);
        EXPECT_EQ(print(out), 1);
        std::fclose(out);
        std::filesystem::rename(fresh, file);
    }

    std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key_;
    std::unique_ptr<X509, void (*)(X509*)> certificate_;
};

}  // namespace peerzone::server::test
