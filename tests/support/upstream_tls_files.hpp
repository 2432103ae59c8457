// Certificates for tests, made when they are needed: authorities, what they sign, and the files
// they stand in.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

namespace peerzone::test {

/// A folder that goes with the object.
class TempFolder {
public:
    TempFolder() {
        std::string name =
            (std::filesystem::temp_directory_path() / "peerzone-test-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) std::abort();
        path_ = name;
    }
    ~TempFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;

    std::string path(const std::string& name) const { return (path_ / name).string(); }
    std::string write(const std::string& name, const std::string& text) const {
        std::ofstream(path(name), std::ios::binary) << text;
        return path(name);
    }

private:
    std::filesystem::path path_;
};

/// A certificate and its key, as PEM.
struct Issued {
    std::string certificate, key;
};

struct Wanted {
    std::string names;  ///< subjectAltName: "DNS:dns.westus.example,IP:127.0.0.1"; empty: none
    int from_days = -1;
    int until_days = 30;
    std::string usage = "serverAuth,clientAuth";
};

class Authority {
public:
    explicit Authority(const std::string& name = "test CA")
        : key_(new_key()), certificate_(X509_new(), &X509_free) {
        fill(*certificate_, name, {}, *key_);
        extend(*certificate_, NID_basic_constraints, "critical,CA:TRUE");
        X509_sign(certificate_.get(), key_.get(), EVP_sha256());
    }

    std::string pem() const { return pem_of(*certificate_); }

    Issued issue(const Wanted& wanted) const {
        const KeyPtr key = new_key();
        const CertificatePtr made(X509_new(), &X509_free);
        fill(*made, "server", wanted, *key);
        if (!wanted.names.empty()) extend(*made, NID_subject_alt_name, wanted.names);
        extend(*made, NID_ext_key_usage, wanted.usage);
        X509_sign(made.get(), key_.get(), EVP_sha256());
        return {pem_of(*made), pem_of(*key)};
    }

    static std::string encrypted_key() {
        const KeyPtr key = new_key();
        const BioPtr bio(BIO_new(BIO_s_mem()), &BIO_free_all);
        PEM_write_bio_PrivateKey(bio.get(), key.get(), EVP_aes_128_cbc(), nullptr, 0, nullptr,
                                 const_cast<char*>("secret"));
        return text_of(*bio);
    }

private:
    using KeyPtr = std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)>;
    using CertificatePtr = std::unique_ptr<X509, void (*)(X509*)>;
    using BioPtr = std::unique_ptr<BIO, void (*)(BIO*)>;

    static KeyPtr new_key() { return {EVP_EC_gen("P-256"), &EVP_PKEY_free}; }

    void fill(X509& made, const std::string& name, const Wanted& wanted, EVP_PKEY& key) const {
        static long serial = 1;
        X509_set_version(&made, X509_VERSION_3);
        ASN1_INTEGER_set(X509_get_serialNumber(&made), serial++);
        X509_time_adj_ex(X509_getm_notBefore(&made), wanted.from_days, 0, nullptr);
        X509_time_adj_ex(X509_getm_notAfter(&made), wanted.until_days, 0, nullptr);
        X509_NAME* subject = X509_get_subject_name(&made);
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                   reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
        X509_set_issuer_name(&made, X509_get_subject_name(certificate_.get()));
        X509_set_pubkey(&made, &key);
    }
    static void extend(X509& made, int what, const std::string& value) {
        X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, what, value.c_str());
        if (extension == nullptr) std::abort();
        X509_add_ext(&made, extension, -1);
        X509_EXTENSION_free(extension);
    }
    static std::string text_of(BIO& bio) {
        char* data = nullptr;
        const long size = BIO_ctrl(&bio, BIO_CTRL_INFO, 0, &data);
        return {data, static_cast<std::size_t>(size)};
    }
    static std::string pem_of(X509& certificate) {
        const BioPtr bio(BIO_new(BIO_s_mem()), &BIO_free_all);
        PEM_write_bio_X509(bio.get(), &certificate);
        return text_of(*bio);
    }
    static std::string pem_of(EVP_PKEY& key) {
        const BioPtr bio(BIO_new(BIO_s_mem()), &BIO_free_all);
        PEM_write_bio_PrivateKey(bio.get(), &key, nullptr, nullptr, 0, nullptr, nullptr);
        return text_of(*bio);
    }

    KeyPtr key_;
    CertificatePtr certificate_;
};

}  // namespace peerzone::test
