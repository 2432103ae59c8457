#!/usr/bin/env python3
"""Breaks each rule of check.py once, in a small tree that keeps all of them, and expects the breach to be reported."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

CHECK = pathlib.Path(__file__).with_name('check.py')
TABLE = '''# layer(commented DEPS nothing)
function(layer name)
endfunction()
layer(base LIBS spdlog::spdlog)
layer(dns PURE HOT DEPS base LIBS PkgConfig::ldns)
layer(cache HOT DEPS base dns)
layer(upstream DEPS base dns)
layer(discovery DEPS base dns upstream LIBS PkgConfig::cares)
layer(cli DEPS base upstream)
'''
GOOD = {
    'src/CMakeLists.txt': TABLE,
    'src/README.md': '#include <ares.h>\n## Order of things\n1. first\n2. second\n### Loops\n',
    'src/main.cpp': '#include "peerzone/cli/cli.hpp"\n',
    'include/peerzone/base/bytes.hpp': '#pragma once\n#include <span>\n',
    'include/peerzone/dns/name.hpp': '#pragma once\n#include "peerzone/base/bytes.hpp"\n',
    'include/peerzone/upstream/client.hpp': '#pragma once\n#include "peerzone/upstream/reply.hpp"\n#include <boost/asio/io_context.hpp>\n',
    'include/peerzone/upstream/reply.hpp': '#pragma once\n#include "peerzone/dns/name.hpp"\n',
    'include/peerzone/cli/cli.hpp': '#pragma once\n',
    'src/dns/record.cpp': '#include "peerzone/dns/name.hpp"\n#include <ldns/ldns.h>\n#include "dns/tokens.hpp"\n',
    'src/dns/tokens.hpp': '#pragma once\n#include <chrono>\n// Clock::now() is for others\n',
    'src/cache/cache.cpp': '#include <mutex>\n#include "peerzone/dns/name.hpp"\n',
    'src/discovery/lookup.cpp': '#include <ares.h>\n#include <thread>\n#include <poll.h>\nauto now = Clock::now();\n',
    'src/cli/cli.cpp': '#include <CLI/CLI.hpp>\n#include "peerzone/upstream/client.hpp"\n',
}
# what is written over or beside the good tree, and what must be said about it
BREACHES = {
    'a comment that names a heading that is not there': (
        'src/dns/x.cpp', '// (src/README.md, "Loops" and\n// "Order of nothing")\n', 'src/dns/x.cpp: src/README.md has no "Order of nothing"'),
    'a comment that names a header that is not there': (
        'src/dns/x.cpp', '// (dns/tokens.hpp, base/bytes.hpp, src/dns/tokens.hpp)\nint x;  ///< dns/words.hpp\n',
        'src/dns/x.cpp:2: a comment names dns/words.hpp, which is not there'),
    'a comment that names a step that is not there': (
        'src/dns/x.cpp', '    /// (src/README.md, "Order\n    /// of things", step 3)\n',
        'src/dns/x.cpp: src/README.md, "Order of things" has no step 3'),
    'a folder that is not among the DEPS': (
        'src/dns/x.cpp', '\n#include "peerzone/upstream/client.hpp"\n',
        'src/dns/x.cpp:2: dns may not include upstream (allowed: base)'),
    'the same from a public header': (
        'include/peerzone/dns/name.hpp', '#include "peerzone/upstream/client.hpp"\n',
        'include/peerzone/dns/name.hpp:1: dns may not include upstream'),
    'the same in angle brackets': (
        'src/dns/x.cpp', '#include <peerzone/upstream/client.hpp>\n', 'src/dns/x.cpp:1: dns may not include upstream'),
    'the same with blanks and a comment': (
        'src/dns/x.cpp', ' /* why */ #  include "peerzone/upstream/client.hpp"\n', 'src/dns/x.cpp:1: dns may not include'),
    'main past the command line': (
        'src/main.cpp', '#include "peerzone/cli/cli.hpp"\n#include "peerzone/base/bytes.hpp"\n',
        'src/main.cpp:2: main may not include base (allowed: cli)'),
    'a private header of another folder': (
        'src/cache/x.cpp', '#include "dns/tokens.hpp"\n', 'src/cache/x.cpp:1: private header of another folder: dns/tokens.hpp'),
    'a private header of another folder in angle brackets': (
        'src/cache/x.cpp', '#include <dns/tokens.hpp>\n', 'src/cache/x.cpp:1: private header of another folder: dns/tokens.hpp'),
    'a private header without its folder': (
        'src/dns/x.cpp', '#include "tokens.hpp"\n', 'src/dns/x.cpp:1: private header of another folder: tokens.hpp'),
    'a path that leads to another folder': (
        'src/cache/x.cpp', '#include "cache/../dns/tokens.hpp"\n', 'src/cache/x.cpp:1: a path that goes up or stays'),
    'a private header in a public one': (
        'include/peerzone/dns/name.hpp', '#include "dns/tokens.hpp"\n',
        'include/peerzone/dns/name.hpp:1: a public header includes the private header dns/tokens.hpp'),
    'an include that hides behind a macro': (
        'src/dns/x.cpp', '#define X "dns/tokens.hpp"\n#include X\n', 'src/dns/x.cpp:2: cannot tell what this includes'),
    'a confined library elsewhere': (
        'src/upstream/x.cpp', '#include <ares.h>\n', 'src/upstream/x.cpp:1: <ares.h> is confined to discovery/lookup'),
    'another header of a confined library': (
        'src/upstream/x.cpp', '#include <ares_dns.h>\n', 'src/upstream/x.cpp:1: <ares_dns.h> is confined'),
    'a confined library in quotes': (
        'src/dns/x.cpp', '#include "ldns/ldns.h"\n', 'src/dns/x.cpp:1: <ldns/ldns.h> is confined'),
    'a confined library in a public header': (
        'include/peerzone/dns/record.hpp', '#include <ldns/ldns.h>\n',
        'include/peerzone/dns/record.hpp:1: a public header hands <ldns/ldns.h> on to other folders'),
    'TLS outside its files': (
        'src/upstream/x.cpp', '#include <boost/asio/ssl.hpp>\n', 'src/upstream/x.cpp:1: <boost/asio/ssl.hpp> is confined'),
    'a test library in the product': (
        'src/cli/x.cpp', '#include <gtest/gtest.h>\n', 'src/cli/x.cpp:1: <gtest/gtest.h> is confined to tests'),
    'Asio where it is not known': (
        'src/cache/x.cpp', '#include <boost/asio/io_context.hpp>\n',
        'src/cache/x.cpp: cache knows no Asio and starts no thread: <boost/asio/io_context.hpp>'),
    'Asio through a header of ours': (
        'include/peerzone/base/bytes.hpp', '#include <boost/asio/buffer.hpp>\n',
        'src/cache/cache.cpp: cache knows no Asio and starts no thread: <boost/asio/buffer.hpp>'),
    'a thread in a pure folder': (
        'src/dns/x.cpp', '#include <thread>\n', 'src/dns/x.cpp: dns knows no Asio and starts no thread: <thread>'),
    'a socket in a pure folder': (
        'src/dns/x.cpp', '#include <sys/socket.h>\n', 'src/dns/x.cpp:1: dns knows no sockets: <sys/socket.h>'),
    'a clock in a pure folder': (
        'src/dns/x.cpp', 'auto a = 1;\nauto now = std::chrono::steady_clock::now();\n',
        'src/dns/x.cpp:2: dns has no clock of its own'),
    'a public header that nobody needs': (
        'include/peerzone/dns/spare.hpp', '#pragma once\n',
        'include/peerzone/dns/spare.hpp: no other folder needs it; it belongs into src/dns/'),
    'a public header that only its own folder needs': (
        'include/peerzone/dns/spare.hpp', '#pragma once\n#include "peerzone/dns/spare.hpp"\n',
        'include/peerzone/dns/spare.hpp: no other folder needs it'),
    'a public header outside the project\'s folder': (
        'include/name.hpp', '#pragma once\n', 'include/name.hpp: not below include/peerzone/'),
    'a public header of no folder': (
        'include/peerzone/name.hpp', '#pragma once\n', 'include/peerzone/name.hpp: folder name.hpp has no line'),
    'a source of no folder': ('src/x.cpp', '', 'src/x.cpp: folder x.cpp has no line'),
    'a folder without its line': ('src/kube/x.cpp', '', 'src/kube/x.cpp: folder kube has no line in src/CMakeLists.txt'),
    'a file that would not be looked at': ('src/dns/x.h', '', 'src/dns/x.h: sources end in .cpp or .hpp'),
    'a layer that needs a later one': (
        'src/CMakeLists.txt', TABLE.replace('layer(dns PURE HOT DEPS base', 'layer(dns PURE HOT DEPS base cache'),
        'src/CMakeLists.txt:5: dns needs cache, which does not stand above it'),
    'a layer that is linked past its DEPS': (
        'src/CMakeLists.txt', TABLE.replace('PkgConfig::ldns', 'pz_upstream'),
        'src/CMakeLists.txt:5: dns links pz_upstream past its DEPS'),
}


def run(tree):
    """Writes `tree` to a new folder and checks it: exit code and lines."""
    with tempfile.TemporaryDirectory() as root:
        for name, text in tree.items():
            path = pathlib.Path(root) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        done = subprocess.run([sys.executable, str(CHECK), root], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr


class CheckTest(unittest.TestCase):
    def test_a_tree_that_keeps_the_rules_passes(self):
        code, output = run(GOOD)
        self.assertEqual((code, output), (0, f'layers: {len(GOOD) - 2} files, 6 layers, no breach\n'))

    def test_each_breach_is_reported_with_its_place(self):
        for what, (name, text, expected) in BREACHES.items():
            with self.subTest(what):
                code, output = run({**GOOD, name: text})
                self.assertEqual(code, 1, output)
                self.assertTrue(any(line.startswith(expected) for line in output.splitlines()), f'{expected!r} not in:\n{output}')
                self.assertNotIn('Traceback', output)

    def test_a_tree_without_a_table_or_sources_does_not_pass(self):
        for tree in ({**GOOD, 'src/CMakeLists.txt': ''}, {'src/CMakeLists.txt': TABLE}):
            code, output = run(tree)
            self.assertEqual(code, 1)
            self.assertIn('found', output)


if __name__ == '__main__':
    unittest.main()
