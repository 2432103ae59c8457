#include "exchange/tls_reason.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <memory>

#include "peerzone/base/ip.hpp"

namespace peerzone::exchange {
namespace {

constexpr std::size_t kShownMax = 64;  // of one name
constexpr int kNamesMax = 3;

std::string cleaned(const unsigned char* data, int size) {
    std::string text;
    for (int i = 0; i < size && text.size() < kShownMax; ++i)
        text += data[i] > ' ' && data[i] < 0x7f ? static_cast<char>(data[i]) : '?';
    return text;
}

std::string address_text(const ASN1_OCTET_STRING& octets) {
    const unsigned char* data = ASN1_STRING_get0_data(&octets);
    const int size = ASN1_STRING_length(&octets);
    if (size == 4)
        return IpAddress::v4(std::uint32_t{data[0]} << 24 | std::uint32_t{data[1]} << 16 |
                             std::uint32_t{data[2]} << 8 | data[3])
            .to_text();
    std::array<std::uint8_t, 16> bytes{};
    if (size != 16) return "?";
    std::copy_n(data, bytes.size(), bytes.begin());
    return IpAddress::v6(bytes).to_text();
}

/// Only subjectAltName counts (RFC 8310 8.1, RFC 9525 2).
std::string names_of(const X509* certificate) {
    const auto release = [](GENERAL_NAMES* names) { GENERAL_NAMES_free(names); };
    const std::unique_ptr<GENERAL_NAMES, decltype(release)> names(
        static_cast<GENERAL_NAMES*>(
            X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)),
        release);
    std::string text;
    int count = 0;
    for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
        int type = 0;
        const void* value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), i), &type);
        if (type != GEN_DNS && type != GEN_IPADD) continue;
        const auto* string = static_cast<const ASN1_STRING*>(value);
        if (++count > kNamesMax) continue;
        if (count > 1) text += ", ";
        text += type == GEN_IPADD
                    ? address_text(*string)
                    : cleaned(ASN1_STRING_get0_data(string), ASN1_STRING_length(string));
    }
    if (count > kNamesMax) text += " and " + std::to_string(count - kNamesMax) + " more";
    return count == 0 ? "nobody (it has no subjectAltName)" : text;
}

std::string date_text(const ASN1_TIME* time) {
    std::tm parts{};
    if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return "at an unreadable time";
    std::array<char, 16> text{};
    std::strftime(text.data(), text.size(), "%Y-%m-%d", &parts);
    return text.data();
}

/// The alert that the peer sent, or -1: OpenSSL files those under its own numbers.
int alert_of(unsigned long error) {
    if (ERR_GET_LIB(error) != ERR_LIB_SSL) return -1;
    const int number = ERR_GET_REASON(error) - SSL_AD_REASON_OFFSET;
    return number >= 0 && number <= 255 ? number : -1;
}

bool is_about_our_certificate(int alert) {
    static constexpr auto kAlerts = std::to_array(
        {SSL_AD_BAD_CERTIFICATE, SSL_AD_UNSUPPORTED_CERTIFICATE, SSL_AD_CERTIFICATE_REVOKED,
         SSL_AD_CERTIFICATE_EXPIRED, SSL_AD_CERTIFICATE_UNKNOWN, SSL_AD_UNKNOWN_CA,
         SSL_AD_ACCESS_DENIED, SSL_AD_CERTIFICATE_REQUIRED});
    return std::find(kAlerts.begin(), kAlerts.end(), alert) != kAlerts.end();
}

}  // namespace

std::string certificate_reason(int error, int depth, const X509* certificate,
                               const TlsExpectation& expected) {
    const std::string whose = depth == 0 ? "certificate" : "certificate of its CA";
    switch (error) {
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH:
            return "certificate is for " + names_of(certificate) + ", not " + expected.name;
        case X509_V_ERR_CERT_HAS_EXPIRED:
            return whose + " expired " + date_text(X509_get0_notAfter(certificate));
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return whose + " is not valid before " + date_text(X509_get0_notBefore(certificate));
        default:
            return std::string(X509_verify_cert_error_string(error)) + " (" + expected.path +
                   ".ca)";
    }
}

std::string missing_certificate_reason(const TlsExpectation& expected) {
    return "peer wants a client certificate (" + expected.path + ".certificate)";
}

std::string protocol_reason(unsigned long error, const TlsExpectation& expected) {
    const int alert = alert_of(error);
    if (alert >= 0 && expected.was_asked_for_it) return missing_certificate_reason(expected);
    if (alert == SSL_AD_UNRECOGNIZED_NAME)
        return "peer has no certificate for " + expected.name + " (" + expected.path +
               ".server_name)";
    if (alert >= 0) {
        const std::string said = SSL_alert_desc_string_long(alert);
        if (expected.has_certificate && is_about_our_certificate(alert))
            return "peer refuses our certificate: " + said + " (" + expected.path + ".certificate)";
        return "peer refuses: " + said;
    }
    if (ERR_GET_LIB(error) == ERR_LIB_SSL) {
        switch (ERR_GET_REASON(error)) {
            case SSL_R_WRONG_VERSION_NUMBER: return "peer does not speak TLS";
            case SSL_R_UNSUPPORTED_PROTOCOL: return "peer speaks no TLS 1.2 or later";
            default: break;
        }
    }
    const char* text = ERR_reason_error_string(error);
    return text == nullptr ? "protocol error" : text;
}

}  // namespace peerzone::exchange
