"""Certificates from the openssl command line, made when a test needs them."""

import subprocess

import harness

CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Authority:
    def __init__(self, test, name):
        self.folder, self.name, self.count = test.folder, name, 0
        self.certificate, self.key = self.folder / (name + ".crt"), self.folder / (name + ".key")
        openssl("req", "-x509", *CURVE, "-days", "30", "-subj", "/CN=" + name, "-keyout", self.key, "-out", self.certificate)

    def issue(self, names, start=None, end=None):
        """(certificate, key) for `names`, such as "DNS:dns.example,IP:127.0.0.1"; times as YYYYMMDDHHMMSSZ."""
        self.count += 1
        base = "%s-%d" % (self.name, self.count)
        request, key, certificate = (self.folder / (base + suffix) for suffix in (".csr", ".key", ".crt"))
        extensions = self.folder / (base + ".ext")
        extensions.write_text("subjectAltName=%s\n" % names)
        openssl("req", *CURVE, "-subj", "/CN=" + base, "-keyout", key, "-out", request)
        signer = ("-CA", self.certificate, "-CAkey", self.key, "-set_serial", self.count)
        if start is None:
            openssl("x509", "-req", "-in", request, *signer, "-days", "2", "-extfile", extensions, "-out", certificate)
        else:
            self._issue_dated(request, extensions, certificate, start, end)
        return certificate, key

    def _issue_dated(self, request, extensions, certificate, start, end):
        """`openssl x509` of 3.0 cannot set dates; `openssl ca` can, and wants a folder to keep books in."""
        books = self.folder / (self.name + ".books")
        books.mkdir(exist_ok=True)
        (books / "index").touch()
        config = books / "config"
        config.write_text("[ca]\ndefault_ca=own\n[own]\ndatabase=%s/index\nnew_certs_dir=%s\nrand_serial=yes\npolicy=any\n"
                          "default_md=sha256\nunique_subject=no\n[any]\ncommonName=supplied\n" % (books, books))
        openssl("ca", "-batch", "-notext", "-config", config, "-cert", self.certificate, "-keyfile", self.key, "-in", request,
                "-extfile", extensions, "-startdate", start, "-enddate", end, "-out", certificate)


def openssl(*arguments):
    command = [harness.need("openssl"), *[str(a) for a in arguments]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise harness.Failed("%s: %s" % (" ".join(command), done.stderr))
